/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction decisions: what the kernel emulates, straight lines, calls and PLT stubs.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "arch/arch.h"

struct insn_case {
	const char *text;
	uint8_t size;
	uint8_t bytes[10];
	bool is_emulable, is_branch, writes_result;
};

static const struct insn_case cases[] = {
	{ "push rax", 1, { 0x50 }, true, false, false },
	{ "push rdi", 1, { 0x57 }, true, false, false },
	{ "push r13", 2, { 0x41, 0x55 }, true, false, false },
	{ "nop", 1, { 0x90 }, true, false, false },
	{ "je +4", 2, { 0x74, 0x04 }, true, true, false },
	{ "jg +4", 2, { 0x7f, 0x04 }, true, true, false },
	{ "je rel32", 6, { 0x0f, 0x84, 1, 0, 0, 0 }, true, true, false },
	{ "jmp rel8", 2, { 0xeb, 0x10 }, true, true, false },
	{ "jmp rel32", 5, { 0xe9, 1, 0, 0, 0 }, true, true, false },
	{ "call rel32", 5, { 0xe8, 1, 0, 0, 0 }, true, true, false },
	{ "nop dword [rax]", 3, { 0x0f, 0x1f, 0x00 }, false, false, false },
	{ "xchg ax, ax", 2, { 0x66, 0x90 }, false, false, false },
	{ "bnd jmp rel32", 6, { 0xf2, 0xe9, 1, 0, 0, 0 }, false, true, false },
	{ "pop rbx", 1, { 0x5b }, false, false, false },
	{ "pop r13", 2, { 0x41, 0x5d }, false, false, false },
	{ "ret", 1, { 0xc3 }, false, true, false },
	{ "jmp rax", 2, { 0xff, 0xe0 }, false, true, false },
	{ "call [rip]", 6, { 0xff, 0x15, 0, 0, 0, 0 }, false, true, false },
	{ "endbr64", 4, { 0xf3, 0x0f, 0x1e, 0xfa }, false, false, false },
	{ "mov rbx, rax", 3, { 0x48, 0x89, 0xc3 }, false, false, false },
	{ "test rax, rax", 3, { 0x48, 0x85, 0xc0 }, false, false, false },
	{ "mov eax, ebx", 2, { 0x89, 0xd8 }, false, false, true },
	{ "xor eax, eax", 2, { 0x31, 0xc0 }, false, false, true },
	{ "mov rax, [rbx]", 3, { 0x48, 0x8b, 0x03 }, false, false, true },
	{ "pop rax", 1, { 0x58 }, false, false, true },
	{ "cdqe", 2, { 0x48, 0x98 }, false, false, true },
	{ "int3", 1, { 0xcc }, false, true, false },
	{ "ud2", 2, { 0x0f, 0x0b }, false, true, false },
};

Test(arch, instruction_table)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct insn_case *c = &cases[i];
		struct arch_cursor cursor = { c->bytes, c->size, 0x1000 };
		struct arch_insn insn;

		cr_assert(arch_decode(&cursor, &insn), "%s", c->text);
		cr_assert_eq(insn.size, c->size, "%s: %u bytes", c->text, insn.size);
		cr_assert_eq(insn.is_emulable, c->is_emulable, "%s: emulable", c->text);
		cr_assert_eq(insn.is_branch, c->is_branch, "%s: branch", c->text);
		if (!c->is_branch)
			cr_assert_eq(insn.writes_result, c->writes_result, "%s: result", c->text);
		cr_assert(!arch_decode(&cursor, &insn), "%s: end", c->text);
	}
}

Test(arch, branch_targets)
{
	static const uint8_t call[] = { 0xe8, 0xfb, 0xff, 0xff, 0xff }, jump[] = { 0xeb, 0x0e };
	struct arch_cursor cursor = { call, sizeof(call), 0x401000 };
	struct arch_insn insn;

	cr_assert(arch_decode(&cursor, &insn));
	cr_assert_eq(insn.branch_target, 0x401000);
	cr_assert(insn.is_call);
	cursor = (struct arch_cursor){ jump, sizeof(jump), 0x401000 };
	cr_assert(arch_decode(&cursor, &insn));
	cr_assert_eq(insn.branch_target, 0x401010);
	cr_assert(!insn.is_call);
}

Test(arch, cut_instruction_is_none)
{
	static const uint8_t cut[] = { 0xe8, 0x00, 0x00 };
	struct arch_cursor cursor = { cut, sizeof(cut), 0 };
	struct arch_insn insn;

	cr_assert(!arch_decode(&cursor, &insn));
}

Test(arch, calls_are_found_by_value)
{
	/* nop; call 0x1100; jmp 0x1100; call *[0x2000] */
	static const uint8_t code[] = { 0x90, 0xe8, 0xfa, 0x00, 0x00, 0x00, 0xe9, 0xf5, 0x00,
					0x00, 0x00, 0xff, 0x15, 0xef, 0x0f, 0x00, 0x00 };
	struct arch_callee callee = {
		.entries = { 0x1100 }, .n_entries = 1, .slots = { 0x2000 }, .n_slots = 1
	};
	size_t pos = 0;

	cr_assert(arch_find_branch(code, sizeof(code), 0x1000, &callee, &pos));
	cr_assert_eq(pos, 1);
	pos++;
	cr_assert(arch_find_branch(code, sizeof(code), 0x1000, &callee, &pos));
	cr_assert_eq(pos, 6);
	pos++;
	cr_assert(arch_find_branch(code, sizeof(code), 0x1000, &callee, &pos));
	cr_assert_eq(pos, 11);
	pos++;
	cr_assert(!arch_find_branch(code, sizeof(code), 0x1000, &callee, &pos));
}

Test(arch, calls_cut_at_the_end)
{
	static const uint8_t code[] = { 0xff, 0x15, 0x00, 0x00, 0x00, 0xe8, 0x00 };
	struct arch_callee callee = {
		.entries = { 0 }, .n_entries = 1, .slots = { 6 }, .n_slots = 1
	};

	for (size_t size = 0; size <= sizeof(code); size++) {
		size_t pos = 0;

		cr_assert(!arch_find_branch(code, size, 0, &callee, &pos), "%zu", size);
	}
}

Test(arch, stubs_of_all_plt_kinds)
{
	static const uint8_t plain[] = { 0x90, 0x90, 0xff, 0x25, 0xf8, 0x0f, 0x00, 0x00 };
	static const uint8_t ibt[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff,
				       0x25, 0xf5, 0x0f, 0x00, 0x00 };
	static const uint8_t ibt_only[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xff,
					    0x25, 0xf6, 0x0f, 0x00, 0x00 };
	uint64_t stub = 0;

	cr_assert(arch_find_stub(plain, sizeof(plain), 0x1000, 0x2000, &stub));
	cr_assert_eq(stub, 0x1002);
	cr_assert(arch_find_stub(ibt, sizeof(ibt), 0x1000, 0x2000, &stub));
	cr_assert_eq(stub, 0x1000);
	cr_assert(arch_find_stub(ibt_only, sizeof(ibt_only), 0x1000, 0x2000, &stub));
	cr_assert_eq(stub, 0x1000);
	cr_assert(!arch_find_stub(plain, sizeof(plain), 0x1000, 0x2008, &stub));
	cr_assert(!arch_find_stub(plain, sizeof(plain) - 1, 0x1000, 0x2000, &stub));
}

Test(arch, landing_pad)
{
	static const uint8_t pad[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x55 };

	cr_assert_eq(arch_landing_pad_bytes(pad, sizeof(pad)), 4);
	cr_assert_eq(arch_landing_pad_bytes(pad, 3), 0);
	cr_assert_eq(arch_landing_pad_bytes(pad + 4, 1), 0);
}
