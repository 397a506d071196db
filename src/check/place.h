/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The place at which a stall is shown, and the names that patterns match.
 */
#ifndef LOOPSTALL_CHECK_PLACE_H
#define LOOPSTALL_CHECK_PLACE_H

#include <stdint.h>

#include "check/limits.h"
#include "model/model.h"

/* The part of `file` behind the root, or all of it. `root` may be NULL. */
const char *place__relative(const char *root, const char *file);

/*
 * The user's frame (`own`) if it is below the root, else the innermost one below it, which is the
 * line its author can change; without one the user's frame, without a stack the coroutine.
 * `def_line` is where its function begins, 0 if not known.
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
