/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a layout fit a running interpreter? For versions that no table of ours was made for.
 */
#ifndef LOOPSTALL_TARGET_PY_CHECK_H
#define LOOPSTALL_TARGET_PY_CHECK_H

#include <stdint.h>

#include "target/target.h"

/* Addresses of types that every CPython exports. */
struct py_check_types {
	uint64_t type, boolean, number, code;
};

/*
 * Looks at objects whose content is known beforehand. NULL if they are where the layout says, or the first thing that is not, as a
 * noun: "types". A target that is changing under our eyes gets further looks. Needs t->interp.
 */
const char *py_check__layout(const struct target *t, const struct py_check_types *types);

#endif
