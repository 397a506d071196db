/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry for each place in the source that a coroutine or callback has: file, first line and
 * name, whatever the thread or process. What belongs together in the tables is found here once, so
 * that a snapshot compares no strings.
 */
#ifndef LOOPSTALL_MODEL_PLACES_H
#define LOOPSTALL_MODEL_PLACES_H

#include "model/model.h"
#include "model/table.h"

struct place {
	char *key;
	struct code_info info;
	/* The source line in which it lost most time in stalls. */
	uint64_t worst_ns;
	struct model_frame worst;
	enum ls_cause worst_cause;
	/* What threads that have ended did of it, NULL: nothing. */
	struct ls_coro_stats *ended;
	uint32_t ended_pid; /* 0: of several processes */
	/* Its row of the snapshot being made. */
	uint64_t generation;
	size_t row;
	UT_hash_handle hh;
};

/* The bytes that name a place, to look it up by. 0 or -ENOMEM. */
int place_key__make(const char *name, const char *file, uint32_t line, uint32_t more,
		    char **ret_key, size_t *ret_n);

/* By file, line and name, as qsort() wants it. */
int places__compare(const struct code_info *a, const struct code_info *b);

/* Finds or makes it; NULL if there are `max` already. 0 or -ENOMEM. */
int places__get(struct place **places, size_t max, const struct code_info *info,
		struct place **ret_place);
void places__done(struct place **places);
/* Forgets what the places cost; the places stay. */
void places__reset(struct place *places);

#endif
