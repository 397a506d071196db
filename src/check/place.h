/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a stall is shown to have happened, and under which names patterns know it.
 */
#ifndef LOOPSTALL_CHECK_PLACE_H
#define LOOPSTALL_CHECK_PLACE_H

#include <stdint.h>

#include "check/limits.h"
#include "model/model.h"

/* The part of `file` behind the root, or all of it. `root` may be NULL. */
const char *place__relative(const char *root, const char *file);

/*
 * The innermost frame below the root, which is the line its author can change; without one the innermost, without a stack
 * the coroutine. `def_line` is where its function begins, 0 if not known.
 */
struct place_of {
	const char *function, *file; /* NULL if nothing is known */
	uint32_t line, def_line;
};

struct place_of place__of_stall(const struct stall *stall, const char *root);
/* For patterns; the strings are the stall's. */
struct check_names place__names(const struct stall *stall, const struct place_of *place,
				const char *root);

#endif
