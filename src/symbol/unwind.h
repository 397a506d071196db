/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From one frame to its caller, by call frame information and a copy of the stack. Pure functions.
 * Copy and rules are the target's: every access is bounded, and each frame lies further up the
 * stack than the one before; only a first one may have nothing there.
 */
#ifndef LOOPSTALL_SYMBOL_UNWIND_H
#define LOOPSTALL_SYMBOL_UNWIND_H

#include "symbol/cfi.h"

/* A copied stack. */
struct unwind_stack {
	uint64_t start; /* its address */
	const uint8_t *bytes;
	size_t n;
};

struct unwind_regs {
	uint64_t values[LS_COPY_REGS]; /* by their numbers in DWARF */
	uint64_t unknown; /* bit mask */
};

/*
 * Replaces the registers by those of the caller, and `*ip` by the address in it. -ENOENT: it is the
 * outermost frame. -EBADMSG: what is needed is not in the copy, or makes no sense.
 */
int unwind__step(const struct cfi_row *row, const struct unwind_stack *stack, unsigned int sp_reg,
		 struct unwind_regs *regs, uint64_t *ip);

#endif
