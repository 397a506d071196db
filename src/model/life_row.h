/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A group of tasks, as the snapshot has it.
 */
#ifndef LOOPSTALL_MODEL_LIFE_ROW_H
#define LOOPSTALL_MODEL_LIFE_ROW_H

#include "model/frame.h"
#include "model/resolver.h"
#include "runtime/lifecycle.h"

/* Tasks, or generators, that stand at one place: see runtime/lifecycle.h. */
struct life_row {
	uint32_t pid;
	enum life_kind kind;
	/* other: of the task that they wait for (DEADLOCK); NULLs: for themselves, or not known */
	struct code_info coroutine, other;
	struct model_frame at; /* where they wait, or raised; of the user's code if any of it is */
	char type[LIFE_TYPE_BYTES]; /* raw; as in struct life_group */
	struct life_origin origin; /* where they were made; line 0: not known */
	bool is_outside;
	uint32_t count, unawaited; /* at the last look */
	uint32_t count_first, count_max; /* at the first look, and the most */
	uint64_t since_ns; /* when the oldest of them was first seen so; 0: there are none */
	/* of the time in which they were a problem: how long, 0: never; and how many then */
	uint64_t found_ns;
	uint32_t found;
	const struct runtime_words *words;
};

/* Valid as long as `life` is; NULLs: not known. */
static inline struct code_info life_row__coroutine(const struct life_row *life)
{
	return life->kind == LIFE_DROPPED ? (struct code_info){ .name = life->type } :
					    life->coroutine;
}

/* As in struct life_group; "" where that has the coroutine's name. */
static inline const char *life_row__type(const struct life_row *life)
{
	return life->kind == LIFE_DROPPED ? "" : life->type;
}

#endif
