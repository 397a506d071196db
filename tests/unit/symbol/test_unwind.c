/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call frame information and frames from it: a section and a stack made by hand, this program's own
 * file, and damaged input.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "symbol/elfsym.h"
#include "symbol/unwind.h"

#define SECTION_AT 0x5000
#define SP 7
#define RA 16

/*
 * A CIE ("zR": addresses relative to their place, 4 bytes; CFA = sp + 8, return address at CFA - 8)
 * and two functions: 0x1000 pushes a register, 0x2000 finds its CFA by an expression, below its
 * stack pointer.
 */
static const uint8_t section[] = {
	0x14, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0,
	/* 0x18: 0x1000 ... 0x1010: from 0x1001 on CFA = sp + 16, register 6 at CFA - 16 */
	0x14, 0, 0, 0, 0x1c, 0, 0, 0, 0xe0, 0xbf, 0xff, 0xff, 0x10, 0, 0, 0, 0, 0x41, 0x0e, 16,
	0x86, 2, 0, 0,
	/* 0x30: 0x2000 ... 0x2010: CFA = *(sp - 8) + 8 */
	0x18, 0, 0, 0, 0x34, 0, 0, 0, 0xc8, 0xcf, 0xff, 0xff, 0x10, 0, 0, 0, 0, 0x0f, 5, 0x77, 0x78,
	0x06, 0x23, 8, 0, 0, 0, 0,
	/* the end */
	0, 0, 0, 0
};

static struct cfi *made_cfi(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size);
	struct cfi *c = NULL;

	cr_assert(copy);
	memcpy(copy, bytes, size);
	cr_assert_eq(cfi__from_bytes(&c, copy, size, SECTION_AT), 0);
	return c;
}

Test(cfi, rules_by_address)
{
	_cleanup_(cfi__freep) struct cfi *c = made_cfi(section, sizeof(section));
	struct cfi_row row;

	cr_assert_eq(cfi__row(c, 0x0fff, &row), -ENOENT);
	cr_assert_eq(cfi__row(c, 0x1010, &row), -ENOENT);
	cr_assert_eq(cfi__row(c, 0x1000, &row), 0);
	cr_assert_eq(row.cfa.kind, CFI_IS_OFFSET);
	cr_assert_eq(row.cfa.reg, SP);
	cr_assert_eq(row.cfa.value, 8);
	cr_assert_eq(row.regs[6].kind, CFI_SAME);
	cr_assert_eq(row.regs[RA].kind, CFI_AT_OFFSET);
	cr_assert_eq(row.regs[RA].value, -8);
	cr_assert_eq(cfi__row(c, 0x100f, &row), 0);
	cr_assert_eq(row.cfa.value, 16);
	cr_assert_eq(row.regs[6].kind, CFI_AT_OFFSET);
	cr_assert_eq(row.regs[6].value, -16);
	cr_assert_eq(cfi__row(c, 0x2005, &row), 0);
	cr_assert_eq(row.cfa.kind, CFI_IS_EXPRESSION);
}

/* From 0x1001 on the return address is signed; elsewhere that instruction means something else. */
Test(cfi, signed_return_addresses)
{
	uint8_t bytes[sizeof(section)];
	_cleanup_(cfi__freep) struct cfi *c = NULL;
	struct cfi_row row;

	memcpy(bytes, section, sizeof(bytes));
	/* In place of what 0x1000 has; remembered and restored like the rules of registers. */
	memcpy(bytes + 0x18 + 17, (const uint8_t[]){ 0x41, 0x2d, 0x0a, 0x44, 0x2d, 0x44, 0x0b, 0 },
	       8);
	c = made_cfi(bytes, sizeof(bytes));
	cr_assert_eq(cfi__row(c, 0x1000, &row), 0);
	cr_assert_eq(row.signature, 0);
	if (!arch.signature_bits) {
		cr_assert_eq(cfi__row(c, 0x1001, &row), -EBADMSG);
		return;
	}
	cr_assert_eq(cfi__row(c, 0x1001, &row), 0);
	cr_assert_eq(row.signature, arch.signature_bits);
	cr_assert_eq(cfi__row(c, 0x1005, &row), 0);
	cr_assert_eq(row.signature, 0);
	cr_assert_eq(cfi__row(c, 0x1009, &row), 0);
	cr_assert_eq(row.signature, arch.signature_bits);
}

/* A stack of 8 words at 0x9000. */
static const uint64_t words[8] = { 0x9018, 0x66, 0x1005, 0x77, 0x2003, 0, 0, 0 };
static const struct unwind_stack stack = { 0x9000, (const uint8_t *)words, sizeof(words) };

Test(unwind, by_an_offset)
{
	_cleanup_(cfi__freep) struct cfi *c = made_cfi(section, sizeof(section));
	struct unwind_regs regs = { .values = { [SP] = 0x9008 } };
	struct cfi_row row;
	uint64_t ip = 0;

	cr_assert_eq(cfi__row(c, 0x1008, &row), 0);
	cr_assert_eq(unwind__step(&row, &stack, SP, &regs, &ip), 0);
	cr_assert_eq(ip, 0x1005);
	cr_assert_eq(regs.values[SP], 0x9018);
	cr_assert_eq(regs.values[6], 0x66);
}

Test(unwind, a_signature_is_taken_off)
{
	_cleanup_(cfi__freep) struct cfi *c = made_cfi(section, sizeof(section));
	struct unwind_regs regs = { .values = { [SP] = 0x9008 } };
	struct cfi_row row;
	uint64_t ip = 0;

	cr_assert_eq(cfi__row(c, 0x1008, &row), 0);
	row.signature = 0xff00;
	cr_assert_eq(unwind__step(&row, &stack, SP, &regs, &ip), 0);
	cr_assert_eq(ip, 0x05);
}

/* As hand-written code of OpenSSL has it: its frame pointer is in the red zone. */
Test(unwind, by_an_expression_below_the_stack_pointer)
{
	_cleanup_(cfi__freep) struct cfi *c = made_cfi(section, sizeof(section));
	struct unwind_regs regs = { .values = { [SP] = 0x9008 } };
	struct cfi_row row;
	uint64_t ip = 0;

	cr_assert_eq(cfi__row(c, 0x2008, &row), 0);
	cr_assert_eq(unwind__step(&row, &stack, SP, &regs, &ip), 0);
	cr_assert_eq(regs.values[SP], 0x9020);
	cr_assert_eq(ip, 0x77);
}

Test(unwind, never_outside_the_copy_and_never_down)
{
	_cleanup_(cfi__freep) struct cfi *c = made_cfi(section, sizeof(section));
	const uint64_t sps[] = { 0, 8, 0x8fe8, 0x9040, UINT64_MAX - 8, UINT64_MAX };
	struct unwind_regs lost = { .values = { [SP] = 0x9008 }, .unknown = 1 << SP };
	struct cfi_row row;
	uint64_t ip = 0;

	cr_assert_eq(cfi__row(c, 0x1008, &row), 0);
	for (size_t i = 0; i < sizeof(sps) / sizeof(sps[0]); i++) {
		struct unwind_regs regs = { .values = { [SP] = sps[i] } };

		cr_assert_eq(unwind__step(&row, &stack, SP, &regs, &ip), -EBADMSG, "%zu", i);
	}
	cr_assert_eq(unwind__step(&row, &stack, SP, &lost, &ip), -EBADMSG);
	row.cfa.value = 0;
	cr_assert_eq(unwind__step(&row, &stack, SP,
				  &(struct unwind_regs){ .values = { [SP] = 0x9008 } }, &ip),
		     -EBADMSG);
	row.regs[RA].kind = CFI_UNDEFINED;
	cr_assert_eq(unwind__step(&row, &stack, SP, &lost, &ip), -ENOENT);
}

/* Where a call leaves the return address in a register, a leaf function has no stack. */
Test(unwind, a_return_address_in_a_register)
{
	const struct cfi_row leaf = { .cfa = { .kind = CFI_IS_OFFSET, .reg = SP },
				      .return_reg = RA };
	struct unwind_regs regs = { .values = { [SP] = 0x9008, [RA] = 0x401234 } };
	uint64_t ip = 0;

	cr_assert_eq(unwind__step(&leaf, &stack, SP, &regs, &ip), 0);
	cr_assert_eq(ip, 0x401234);
	cr_assert_eq(regs.values[SP], 0x9008);
	cr_assert_eq(unwind__step(&leaf, &stack, SP, &regs, &ip), -EBADMSG, "not a second time");
}

/* An expression that jumps back for ever is not understood, and one that fills the stack ends. */
Test(unwind, expressions_end)
{
	static const uint8_t endless[] = { 0x2f, 0xfd, 0xff }, deep[64] = { [0 ... 63] = 0x31 };
	const struct cfi_rule rules[] = {
		{ .kind = CFI_IS_EXPRESSION, .expression = endless, .bytes = sizeof(endless) },
		{ .kind = CFI_IS_EXPRESSION, .expression = deep, .bytes = sizeof(deep) },
		{ .kind = CFI_IS_EXPRESSION, .expression = deep, .bytes = 0 },
	};
	uint64_t ip = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct unwind_regs regs = { .values = { [SP] = 0x9008 } };
		const struct cfi_row row = { .cfa = rules[i], .return_reg = RA };

		cr_assert_eq(unwind__step(&row, &stack, SP, &regs, &ip), -EBADMSG, "%zu", i);
	}
}

Test(cfi, damaged_sections)
{
	uint8_t bytes[sizeof(section)];
	unsigned int seed = 11;

	for (int round = 0; round < 20000; round++) {
		_cleanup_(cfi__freep) struct cfi *c = NULL;
		struct unwind_regs regs = { .values = { [SP] = 0x9008 } };
		struct cfi_row row;
		uint64_t ip = 0;

		memcpy(bytes, section, sizeof(section));
		for (int n = rand_r(&seed) % 4; n >= 0; n--)
			bytes[(size_t)rand_r(&seed) % sizeof(bytes)] = (uint8_t)rand_r(&seed);
		c = made_cfi(bytes, sizeof(bytes) - (size_t)rand_r(&seed) % 24);
		for (uint64_t at = 0x1000; at < 0x3000; at += 0x1004)
			if (cfi__row(c, at, &row) >= 0)
				unwind__step(&row, &stack, SP, &regs, &ip);
	}
}

/* Every function of this program has rules, and they say where its caller is. */
Test(cfi, of_this_program)
{
	_cleanup_fd_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_(elfsym__freep) struct elfsym *symbols = NULL;
	_cleanup_(cfi__freep) struct cfi *c = NULL;
	char name[64];
	struct cfi_row row;
	size_t n = 0;

	cr_assert_eq(cfi__new(&c, fd), 0);
	cr_assert_eq(elfsym__new(&symbols, fd), 0);
	/* Where it lies depends on the compiler and on sanitizers. */
	for (uint64_t at = 0; at < 24 << 20; at += 64) {
		if (elfsym__name(symbols, at, name, sizeof(name)) < 0 || cfi__row(c, at, &row) < 0)
			continue;
		n++;
		cr_assert(row.cfa.kind == CFI_IS_OFFSET || row.cfa.kind == CFI_IS_EXPRESSION);
	}
	cr_assert_gt(n, 1000);
}
