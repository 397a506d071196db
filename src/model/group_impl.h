/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two files behind groups.h share: groups.c adds stalls to the table, group_rows.c makes
 * the lists of a snapshot of it.
 */
#ifndef LOOPSTALL_MODEL_GROUP_IMPL_H
#define LOOPSTALL_MODEL_GROUP_IMPL_H

#include "base/table.h"
#include "model/group_identity.h"
#include "model/groups.h"

/* The key of rows for the function that an entry calls. */
#define GROUP_BEHIND GROUP_MAX

struct group {
	char *key;
	char *name; /* name of a task, a copy, because no resolver keeps it; else NULL */
	enum group_key of;
	struct group_row row;
	/* Of an entry: its number, how many functions it calls, and stalls in none of them. */
	uint32_t number, n_behind;
	uint64_t direct;
	const struct group *entry; /* of a function that an entry calls */
	bool is_process; /* of a process whose loops have rows, or had */
	UT_hash_handle hh;
};

/* The group of this key and identity, NULL: none; its key is handed out. 0 or -ENOMEM. */
int groups__find(const struct groups *g, enum group_key of, const struct group_identity *id,
		 char **ret_key, size_t *ret_n, struct group **ret_group);
/* `is_new`: the first stall of a row sets what later ones are compared with. */
void group_row__add_who(struct group_row *row, const struct stall *stall, bool is_new);
void group_row__set_where(struct group_row *row, const struct stall *stall);

#endif
