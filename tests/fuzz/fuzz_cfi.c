/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call frame information of a target's file, and the steps over its stack. An input is a section
 * that lies at SECTION_AT; the stack is the input as well.
 */
#include "symbol/cfi.h"
#include "symbol/unwind.h"
#include "tests/fuzz/fuzz.h"

#define SECTION_AT 0x5000
#define STACK_AT 0x7000
/* The number of a register; any would do. */
#define SP 7
#define MOST_STEPS 64

static void unwind(const struct cfi *c, const struct unwind_stack *stack, uint64_t ip)
{
	struct unwind_regs regs = { .values = { [SP] = STACK_AT } };
	uint64_t sp;

	for (int steps = 0; steps < MOST_STEPS; steps++) {
		struct cfi_row row;

		sp = regs.values[SP];
		if (cfi__row(c, ip, &row) || unwind__step(&row, stack, SP, &regs, &ip))
			return;
		fuzz_check(regs.values[SP] > sp);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct unwind_stack stack = { STACK_AT, data, size };
	struct cfi *c = NULL;

	if (!cfi__from_bytes(&c, fuzz_copy(data, size), size, SECTION_AT)) {
		for (uint64_t ip = 0; ip < 2 * SECTION_AT; ip += 0x155)
			unwind(c, &stack, ip);
		cfi__free(c);
	}
	return 0;
}
