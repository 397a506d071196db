/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction decisions: what the kernel emulates, calls and PLT stubs.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "arch/arch.h"
#include "base/array.h"

struct insn_case {
	const char *text;
	uint32_t insn;
	bool is_emulable, is_branch, is_call;
	int64_t distance;
};

static const struct insn_case cases[] = {
	{ "b .+8", 0x14000002, true, true, false, 8 },
	{ "b .-4", 0x17ffffff, true, true, false, -4 },
	{ "bl .+4096", 0x94000400, true, true, true, 4096 },
	{ "bl .-4", 0x97ffffff, true, true, true, -4 },
	{ "b.eq .+16", 0x54000080, true, true, false, 16 },
	{ "bc.eq .+16: not in every kernel", 0x54000090, false, true, false, 16 },
	{ "cbz x0, .+20", 0xb40000a0, true, true, false, 20 },
	{ "cbnz w1, .-8", 0x35ffffc1, true, true, false, -8 },
	{ "tbz w0, #1, .+12", 0x36080060, true, true, false, 12 },
	{ "tbnz x2, #63, .-4", 0xb7ffffe2, true, true, false, -4 },
	{ "br x17", 0xd61f0220, true, true, false, 0 },
	{ "blr x1", 0xd63f0020, true, true, true, 0 },
	{ "ret", 0xd65f03c0, true, true, false, 0 },
	{ "braaz x1", 0xd61f083f, false, true, false, 0 },
	{ "blraaz x1", 0xd63f083f, false, true, true, 0 },
	{ "blraa x1, x2", 0xd73f0822, false, true, true, 0 },
	{ "retaa", 0xd65f0bff, false, true, false, 0 },
	{ "eret", 0xd69f03e0, false, true, false, 0 },
	{ "adr x3, .+4", 0x10000023, true, false, false, 0 },
	{ "adrp x3, .+4096", 0xb0000003, true, false, false, 0 },
	{ "svc #0", 0xd4000001, false, true, false, 0 },
	{ "brk #0", 0xd4200000, false, true, false, 0 },
	{ "udf #0", 0x00000000, false, true, false, 0 },
	{ "nop: emulated by newer kernels alone", 0xd503201f, false, false, false, 0 },
	{ "bti c", 0xd503245f, false, false, false, 0 },
	{ "paciasp", 0xd503233f, false, false, false, 0 },
	{ "stp x29, x30, [sp, #-16]!", 0xa9bf7bfd, false, false, false, 0 },
	{ "mov x22, x0", 0xaa0003f6, false, false, false, 0 },
	{ "ldr x0, .+8: refused at a uprobe", 0x58000040, false, false, false, 0 },
	{ "ldxr w0, [x1]: refused", 0x885f7c20, false, false, false, 0 },
};

Test(arch, instruction_table)
{
	for (size_t i = 0; i < N_OF(cases); i++) {
		const struct insn_case *c = &cases[i];
		struct arch_cursor cursor = { (const uint8_t *)&c->insn, 4, 0x401000 };
		struct arch_insn insn;

		cr_assert(arch_decode(&cursor, &insn), "%s", c->text);
		cr_assert_eq(insn.size, 4);
		cr_assert_eq(insn.vaddr, 0x401000);
		cr_assert_eq(insn.is_emulable, c->is_emulable, "%s: emulable", c->text);
		cr_assert_eq(insn.is_branch, c->is_branch, "%s: branch", c->text);
		cr_assert_eq(insn.is_call, c->is_call, "%s: call", c->text);
		cr_assert_eq(insn.branch_target, c->distance ? 0x401000 + (uint64_t)c->distance : 0,
			     "%s: target", c->text);
		cr_assert_not(arch_decode(&cursor, &insn), "%s: end", c->text);
	}
}

Test(arch, cut_and_shifted_instructions_are_none)
{
	static const uint32_t code[] = { 0x94000001, 0x94000001 };
	struct arch_insn insn;

	for (size_t size = 0; size < 4; size++) {
		struct arch_cursor cursor = { (const uint8_t *)code, size, 0x1000 };

		cr_assert_not(arch_decode(&cursor, &insn), "%zu", size);
		cr_assert_not(arch_is_emulable((const uint8_t *)code, size));
	}
	for (uint64_t vaddr = 0x1001; vaddr < 0x1004; vaddr++) {
		struct arch_cursor cursor = { (const uint8_t *)code + 1, 4, vaddr };

		cr_assert_not(arch_decode(&cursor, &insn), "%#lx", vaddr);
	}
}

Test(arch, calls_are_found_by_value)
{
	/* nop; bl 0x1100; b 0x1100; blr x1; b.eq 0x1100 */
	static const uint32_t code[] = { 0xd503201f, 0x9400003f, 0x1400003e, 0xd63f0020,
					 0x54000780 };
	const uint8_t *bytes = (const uint8_t *)code;
	struct arch_callee callee = { .entries = { 0x1100 }, .n_entries = 1 };
	size_t pos = 0;

	cr_assert(arch_find_branch(bytes, sizeof(code), 0x1000, &callee, &pos));
	cr_assert_eq(pos, 4);
	pos++;
	cr_assert(arch_find_branch(bytes, sizeof(code), 0x1000, &callee, &pos));
	cr_assert_eq(pos, 8);
	pos++;
	cr_assert_not(arch_find_branch(bytes, sizeof(code), 0x1000, &callee, &pos));
	pos = 0;
	cr_assert_not(arch_find_branch(bytes, sizeof(code), 0x1004, &callee, &pos));
}

Test(arch, calls_cut_at_the_end)
{
	static const uint32_t code[] = { 0x94000000, 0x97ffffff };
	struct arch_callee callee = { .entries = { 0x1000 }, .n_entries = 1 };
	const uint8_t *bytes = (const uint8_t *)code;

	for (size_t size = 0; size <= sizeof(code); size++) {
		size_t pos = 0;

		cr_assert_eq(arch_find_branch(bytes, size, 0x1000, &callee, &pos), size >= 4, "%zu",
			     size);
		pos = 4;
		cr_assert_eq(arch_find_branch(bytes, size, 0x1000, &callee, &pos), size >= 8, "%zu",
			     size);
	}
}

/* Code that begins at an odd address is looked at from its first whole instruction on. */
Test(arch, calls_in_code_that_is_not_aligned)
{
	static const uint8_t code[] = { 0, 0, 0, 0x00, 0x00, 0x00, 0x94, 0, 0, 0 };
	struct arch_callee callee = { .entries = { 0x1000 }, .n_entries = 1 };
	size_t pos = 0;

	cr_assert(arch_find_branch(code, sizeof(code), 0xffd, &callee, &pos));
	cr_assert_eq(pos, 3);
	pos = 0;
	cr_assert_not(arch_find_branch(code, sizeof(code), 0xffc, &callee, &pos));
}

Test(arch, stubs_of_all_plt_kinds)
{
	/* adrp x16, 0x3000; ldr x17, [x16, #0x10]; add x16, x16, #0x10; br x17 */
	static const uint32_t plain[] = { 0xd503201f, 0xd0000010, 0xf9400a11, 0x91004210,
					  0xd61f0220 };
	static const uint32_t bti[] = { 0xd503245f, 0xd0000010, 0xf9400a11,
					0x91004210, 0xd503219f, 0xd61f0220 };
	/* adrp x16, 0; from 0x1000 that is a page back */
	static const uint32_t back[] = { 0xf0fffff0, 0xf9400a11 };
	uint64_t stub = 0;

	cr_assert(arch_find_stub((const uint8_t *)plain, sizeof(plain), 0x1000, 0x3010, &stub));
	cr_assert_eq(stub, 0x1004);
	cr_assert(arch_find_stub((const uint8_t *)bti, sizeof(bti), 0x1000, 0x3010, &stub));
	cr_assert_eq(stub, 0x1000);
	cr_assert(arch_find_stub((const uint8_t *)back, sizeof(back), 0x1ffc, 0x10, &stub));
	cr_assert_eq(stub, 0x1ffc);
	cr_assert_not(arch_find_stub((const uint8_t *)plain, sizeof(plain), 0x1000, 0x3018, &stub));
	cr_assert_not(arch_find_stub((const uint8_t *)plain, 11, 0x1000, 0x3010, &stub));
	cr_assert_not(arch_find_stub((const uint8_t *)plain, sizeof(plain), 0x1001, 0x3010, &stub));
}

Test(arch, landing_pad)
{
	static const uint32_t pads[] = { 0xd503245f, 0xd50324df, 0xd503233f, 0xd503237f };
	static const uint32_t others[] = { 0xa9bf7bfd, 0xd503201f, 0xd503249f };

	for (size_t i = 0; i < N_OF(pads); i++) {
		cr_assert_eq(arch_landing_pad_bytes((const uint8_t *)&pads[i], 8), 4, "%zu", i);
		cr_assert_eq(arch_landing_pad_bytes((const uint8_t *)&pads[i], 3), 0, "%zu", i);
	}
	for (size_t i = 0; i < N_OF(others); i++)
		cr_assert_eq(arch_landing_pad_bytes((const uint8_t *)&others[i], 4), 0, "%zu", i);
}
