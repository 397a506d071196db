/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder of instructions: lengths and effects by hand from the manuals, and compared with
 * capstone's for all code of this program.
 */
#include <capstone/capstone.h>
#include <criterion/criterion.h>
#include <string.h>

#include "arch/arch.h"
#include "base/array.h"

#define MAX_INSN 15

struct effect_case {
	const char *text;
	uint8_t size;
	uint8_t bytes[MAX_INSN];
	bool writes_result, writes_argument;
};

static const struct effect_case effects[] = {
	{ "cmp eax, 1", 5, { 0x3d, 1, 0, 0, 0 }, false, false },
	{ "test al, 1", 2, { 0xa8, 1 }, false, false },
	{ "cqo", 2, { 0x48, 0x99 }, false, false },
	{ "add rdi, rax", 3, { 0x48, 0x01, 0xc7 }, false, true },
	{ "add [rdi], rax", 3, { 0x48, 0x01, 0x07 }, false, false },
	{ "add rax, [rdi]", 3, { 0x48, 0x03, 0x07 }, true, false },
	{ "add r8, rax: rm with REX.B is not rax", 3, { 0x49, 0x01, 0xc0 }, false, false },
	{ "mov r15, rax: nor is it rdi", 3, { 0x49, 0x89, 0xc7 }, false, false },
	{ "mov bh, 1: 7 of a byte without REX", 2, { 0xb7, 1 }, false, false },
	{ "mov dil, 1", 3, { 0x40, 0xb7, 1 }, false, true },
	{ "mov ah, 1", 2, { 0xb4, 1 }, true, false },
	{ "mov spl, 1", 3, { 0x40, 0xb4, 1 }, false, false },
	{ "mov rax, imm64", 10, { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8 }, true, false },
	{ "mov ax, imm16", 4, { 0x66, 0xb8, 1, 2 }, true, false },
	{ "mov eax, [moffs64]", 9, { 0xa1, 1, 2, 3, 4, 5, 6, 7, 8 }, true, false },
	{ "mov eax, [moffs32]", 6, { 0x67, 0xa1, 1, 2, 3, 4 }, true, false },
	{ "pop rsp: 4 is no byte register here", 1, { 0x5c }, false, false },
	{ "pop rdi", 1, { 0x5f }, false, true },
	{ "push rdi", 1, { 0x57 }, false, false },
	{ "lea rdi, [rip + 1]", 7, { 0x48, 0x8d, 0x3d, 1, 0, 0, 0 }, false, true },
	{ "mov eax, [rsp + rax*2 + 1]", 4, { 0x8b, 0x44, 0x44, 1 }, true, false },
	{ "mov ebx, [rbp*1 + disp32]", 7, { 0x8b, 0x1c, 0x2d, 1, 0, 0, 0 }, false, false },
	{ "mov ebx, [rsp + disp32]", 7, { 0x8b, 0x9c, 0x24, 1, 0, 0, 0 }, false, false },
	{ "test byte [rax], 1", 3, { 0xf6, 0x00, 1 }, false, false },
	{ "not byte [rax]", 2, { 0xf6, 0x10 }, false, false },
	{ "neg eax", 2, { 0xf7, 0xd8 }, true, false },
	{ "mul rdi", 3, { 0x48, 0xf7, 0xe7 }, true, false },
	{ "test edi, imm32", 6, { 0xf7, 0xc7, 1, 0, 0, 0 }, false, false },
	{ "test di, imm16", 5, { 0x66, 0xf7, 0xc7, 1, 0 }, false, false },
	{ "xchg rax, rdi", 2, { 0x48, 0x97 }, true, true },
	{ "xchg r8, rax", 2, { 0x49, 0x90 }, true, false },
	{ "nop", 1, { 0x90 }, false, false },
	{ "rep movsq", 3, { 0xf3, 0x48, 0xa5 }, false, true },
	{ "lock cmpxchg [rdi], rdx", 5, { 0xf0, 0x48, 0x0f, 0xb1, 0x17 }, true, false },
	{ "xadd edi, eax", 3, { 0x0f, 0xc1, 0xc7 }, true, true },
	{ "enter 16, 0", 4, { 0xc8, 16, 0, 0 }, false, false },
	{ "cmp word [rdi], imm16", 5, { 0x66, 0x81, 0x3f, 1, 0 }, false, false },
	{ "sub rdi, 8", 4, { 0x48, 0x83, 0xef, 8 }, false, true },
	{ "cmp rdi, 8", 4, { 0x48, 0x83, 0xff, 8 }, false, false },
	{ "REX before 66 has no effect", 4, { 0x49, 0x66, 0x89, 0xc7 }, false, true },
	{ "cmove rdi, rax", 4, { 0x48, 0x0f, 0x44, 0xf8 }, false, true },
	{ "sete al", 3, { 0x0f, 0x94, 0xc0 }, true, false },
	{ "sete bh", 3, { 0x0f, 0x94, 0xc7 }, false, false },
	{ "movzx eax, byte [rdi]", 3, { 0x0f, 0xb6, 0x07 }, true, false },
	{ "bt eax, 3", 4, { 0x0f, 0xba, 0xe0, 3 }, false, false },
	{ "bts eax, 3", 4, { 0x0f, 0xba, 0xe8, 3 }, true, false },
	{ "bswap edi", 2, { 0x0f, 0xcf }, false, true },
	{ "mov rax, cr0: never with a displacement", 3, { 0x0f, 0x20, 0x84 }, false, false },
	{ "cpuid", 2, { 0x0f, 0xa2 }, true, false },
	{ "rdtsc", 2, { 0x0f, 0x31 }, true, false },
	{ "xgetbv: not known which", 3, { 0x0f, 0x01, 0xd0 }, true, true },
	{ "fnstsw ax", 2, { 0xdf, 0xe0 }, true, false },
	{ "movd edi, xmm0", 4, { 0x66, 0x0f, 0x7e, 0xc7 }, false, true },
	{ "movq xmm0, xmm7", 4, { 0xf3, 0x0f, 0x7e, 0xc7 }, false, false },
	{ "cvttsd2si rax, xmm0", 5, { 0xf2, 0x48, 0x0f, 0x2c, 0xc0 }, true, false },
	{ "pmovmskb edi, xmm0", 4, { 0x66, 0x0f, 0xd7, 0xf8 }, false, true },
	{ "pshufd xmm0, xmm7, 1", 5, { 0x66, 0x0f, 0x70, 0xc7, 1 }, false, false },
	{ "crc32 eax, edi", 5, { 0xf2, 0x0f, 0x38, 0xf1, 0xc7 }, true, false },
	{ "movbe [rdi], eax", 4, { 0x0f, 0x38, 0xf1, 0x07 }, false, false },
	{ "pextrd eax, xmm0, 1", 6, { 0x66, 0x0f, 0x3a, 0x16, 0xc0, 1 }, true, false },
	{ "palignr xmm0, xmm7, 1", 6, { 0x66, 0x0f, 0x3a, 0x0f, 0xc7, 1 }, false, false },
	{ "vzeroupper", 3, { 0xc5, 0xf8, 0x77 }, false, false },
	{ "vmovd edi, xmm0", 4, { 0xc5, 0xf9, 0x7e, 0xc7 }, false, true },
	{ "kmovd eax, k0", 4, { 0xc5, 0xfb, 0x93, 0xc0 }, true, false },
	{ "kandw k0, k1, k7", 4, { 0xc5, 0xf4, 0x41, 0xc7 }, false, false },
	{ "vpshufd ymm0, ymm7, 1", 5, { 0xc5, 0xfd, 0x70, 0xc7, 1 }, false, false },
	{ "vpalignr ymm0, ymm0, ymm7, 1", 6, { 0xc4, 0xe3, 0x7d, 0x0f, 0xc7, 1 }, false, false },
	{ "shlx rdi, rax, rcx", 5, { 0xc4, 0xe2, 0xf1, 0xf7, 0xf8 }, false, true },
	{ "blsr: not known which", 5, { 0xc4, 0xe2, 0xf8, 0xf3, 0xc8 }, true, true },
	{ "rorx eax, edi, 1", 6, { 0xc4, 0xe3, 0x7b, 0xf0, 0xc7, 1 }, true, false },
	{ "vmovdqu64 zmm0, [rdi + 64]",
	  7,
	  { 0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x47, 1 },
	  false,
	  false },
	{ "vpcmpub k0, zmm0, zmm7, 0", 7, { 0x62, 0xf3, 0x7d, 0x48, 0x3e, 0xc7, 0 }, false, false },
	{ "pop rax: 8f that is not XOP", 2, { 0x8f, 0xc0 }, true, false },
	{ "vprotd xmm0, [rax], 1", 6, { 0x8f, 0xe8, 0x78, 0xc2, 0x00, 1 }, true, true },
};

Test(insn, lengths_and_effects)
{
	for (size_t i = 0; i < N_OF(effects); i++) {
		const struct effect_case *c = &effects[i];
		struct arch_cursor cursor = { c->bytes, MAX_INSN, 0x1000 };
		struct arch_insn insn;

		cr_assert(arch_decode(&cursor, &insn), "%s", c->text);
		cr_assert_eq(insn.size, c->size, "%s: %u bytes", c->text, insn.size);
		cr_assert_eq(insn.writes_result, c->writes_result, "%s: result", c->text);
		cr_assert_eq(insn.writes_argument, c->writes_argument, "%s: argument", c->text);
		cr_assert_not(insn.is_branch, "%s: branch", c->text);
		/* Each byte less is too few. */
		for (size_t size = 0; size < c->size; size++) {
			cursor = (struct arch_cursor){ c->bytes, size, 0x1000 };
			cr_assert_not(arch_decode(&cursor, &insn), "%s: %zu", c->text, size);
		}
	}
}

/* In 64-bit mode; EVEX of a map that is not there; more than 15 bytes. */
Test(insn, what_is_no_instruction)
{
	static const uint8_t none[][16] = {
		{ 0x06 },
		{ 0x27 },
		{ 0xea },
		{ 0x9a },
		{ 0x0f, 0x0a },
		{ 0x0f, 0x24, 0xc0 },
		{ 0xd5, 0x48, 0x01 },
		{ 0x62, 0xf4, 0x7d, 0x48, 0x01, 0xc0 },
		{ 0x66, 0xc5, 0xf8, 0x77 },
		{ 0xc4, 0xe4, 0x78, 0x77, 0xc0 },
		{ 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		  0x66, 0x66, 0x90 },
	};

	for (size_t i = 0; i < N_OF(none); i++) {
		struct arch_cursor cursor = { none[i], sizeof(none[i]), 0x1000 };
		struct arch_insn insn;

		cr_assert_not(arch_decode(&cursor, &insn), "case %zu", i);
		cr_assert_eq(cursor.vaddr, 0x1000);
	}
}

struct peer {
	csh handle;
	cs_insn *insn;
};

static bool is_peer_in(const struct peer *p, uint8_t group)
{
	return cs_insn_group(p->handle, p->insn, group);
}

/* Version 4 has neither loop nor xbegin among the jumps. */
static bool is_peer_branch(const struct peer *p)
{
	const unsigned int id = p->insn->id;

	return is_peer_in(p, CS_GRP_CALL) || is_peer_in(p, CS_GRP_JUMP) ||
		is_peer_in(p, CS_GRP_RET) || is_peer_in(p, CS_GRP_IRET) ||
		is_peer_in(p, CS_GRP_INT) || id == X86_INS_UD2 || id == X86_INS_HLT ||
		id == X86_INS_LOOP || id == X86_INS_LOOPE || id == X86_INS_LOOPNE;
}

/* For version 4, test and cqo write rax. */
static bool is_peer_wrong(const struct peer *p)
{
	const unsigned int id = p->insn->id;

	return id == X86_INS_TEST || id == X86_INS_CQO || id == X86_INS_CDQ || id == X86_INS_CWD;
}

static bool does_peer_write(const struct peer *p, const uint16_t *regs, size_t n_regs)
{
	cs_regs reads, writes;
	uint8_t n_reads = 0, n_writes = 0;

	if (is_peer_wrong(p))
		return false;
	cr_assert_eq(cs_regs_access(p->handle, p->insn, reads, &n_reads, writes, &n_writes), 0);
	for (size_t i = 0; i < n_writes; i++)
		for (size_t j = 0; j < n_regs; j++)
			if (writes[i] == regs[j])
				return true;
	return false;
}

static void compare(const struct peer *p, const struct arch_insn *insn)
{
	static const uint16_t result[] = { X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL,
					   X86_REG_AH };
	static const uint16_t argument[] = { X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL };
	const cs_x86 *x86 = &p->insn->detail->x86;
	const char *name = p->insn->mnemonic, *operands = p->insn->op_str;

	cr_assert_eq(insn->size, p->insn->size, "%s %s: %u bytes", name, operands, insn->size);
	cr_assert_eq(insn->is_branch, is_peer_branch(p), "%s %s", name, operands);
	cr_assert_eq(insn->is_call, is_peer_in(p, CS_GRP_CALL), "%s %s", name, operands);
	if (insn->branch_target)
		cr_assert_eq(insn->branch_target, (uint64_t)x86->operands[0].imm, "%s %s", name,
			     operands);
	/* What one of the two does not know, it takes as written. */
	cr_assert(insn->writes_result || !does_peer_write(p, result, N_OF(result)), "%s %s", name,
		  operands);
	cr_assert(insn->writes_argument || !does_peer_write(p, argument, N_OF(argument)), "%s %s",
		  name, operands);
}

/* The text of this program, which is C with no data in between: from its start to the linker's end.
 */
extern const uint8_t _start[], etext[];

Test(insn, agrees_with_a_peer)
{
	struct arch_cursor cursor = { _start, (size_t)(etext - _start), 0x1000 };
	struct peer p;
	size_t n = 0;

	cr_assert_eq(cs_open(CS_ARCH_X86, CS_MODE_64, &p.handle), CS_ERR_OK);
	cs_option(p.handle, CS_OPT_DETAIL, CS_OPT_ON);
	p.insn = cs_malloc(p.handle);
	while (cursor.size) {
		const uint8_t *code = cursor.code;
		size_t size = cursor.size;
		uint64_t vaddr = cursor.vaddr;
		struct arch_insn insn;

		cr_assert(cs_disasm_iter(p.handle, &code, &size, &vaddr, p.insn), "byte %zu",
			  (size_t)(code - _start));
		cr_assert(arch_decode(&cursor, &insn), "%s", p.insn->mnemonic);
		compare(&p, &insn);
		n++;
	}
	cr_assert_gt(n, 10000);
	cs_free(p.insn, 1);
	cs_close(&p.handle);
}
