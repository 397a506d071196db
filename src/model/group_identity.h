/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which row of a group a stall belongs to.
 */
#ifndef LOOPSTALL_MODEL_GROUP_IDENTITY_H
#define LOOPSTALL_MODEL_GROUP_IDENTITY_H

#include "model/snapshot.h"

/* What identifies the row of a stall in one list. */
struct group_identity {
	const char *name, *file;
	uint32_t line, more; /* distinguishes rows of the same name */
	bool is_name_copied;
};

/* The stall is of a library's coroutine and came through a function of the user's. */
bool group_is_entered(const struct stall *stall);
/* Index of the user's next function that the entry calls; SIZE_MAX if there is none. */
size_t group_find_behind(const struct stall *stall);
/* False if the list has no row for such a stall, or if the kernel side counts that row. */
bool group_identity__of(const struct stall *stall, enum group_key of, struct group_identity *ret);
/* The row for the function that the entry of this number calls. */
struct group_identity group_identity__behind(const struct stall *stall, uint32_t entry);

#endif
