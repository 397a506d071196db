/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry for each place in the source where a coroutine or callback is defined: file, first line
 * and name, whatever the thread or process. Strings are compared here once, when an entry is looked
 * up; a snapshot compares none.
 */
#ifndef LOOPSTALL_MODEL_PLACES_H
#define LOOPSTALL_MODEL_PLACES_H

#include "base/table.h"
#include "model/model.h"

struct place {
	char *key;
	struct code_info info;
	const struct runtime_words *words; /* of the process that was seen there first */
	/* The source line in which its stalls spent most time. */
	uint64_t worst_ns;
	struct model_frame worst;
	enum ls_cause worst_cause;
	enum sign worst_sign;
	struct code_context worst_context;
	uint32_t causes; /* of its stalls, one bit for each */
	/* those of its stalls that came through a function of the user's: see groups.h */
	uint64_t entered_stalls, entered_starved_ns;
	/* Sums of threads that have ended, NULL: none. */
	struct ls_coro_stats *ended;
	uint32_t ended_pid; /* 0: several processes */
	/* Its row in the snapshot that is being made. */
	uint64_t generation;
	size_t row;
	UT_hash_handle hh;
};

/* Makes the bytes by which a place is looked up. 0 or -ENOMEM. */
int place_key__make(const char *name, const char *file, uint32_t line, uint32_t more,
		    char **ret_key, size_t *ret_n);

/* Orders by file, line and name, for qsort(). */
int places__compare(const struct code_info *a, const struct code_info *b);

/* Finds or adds a place; NULL if there are `max` already. 0 or -ENOMEM. */
int places__get(struct place **places, size_t max, const struct code_info *info,
		struct place **ret_place);
void places__done(struct place **places);
/* Clears the costs; the places stay. */
void places__reset(struct place *places);

#endif
