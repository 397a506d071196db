/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86-64. Sources: System V ABI AMD64 supplement (relocations, PLT, registers); Linux
 * arch/x86/kernel/uprobes.c (branch_setup_xol_ops, push_setup_xol_ops: what is emulated); glibc
 * 2.31-2.41 nptl/descr.h (struct pthread), sysdeps/x86/nptl/bits/pthreadtypes-arch.h and
 * sysdeps/nptl/bits/pthreadtypes.h (sizes).
 */
#include "arch/arch.h"

#include <elf.h>
#include <string.h>

/* .plt.sec: the stubs with endbr64; .plt.got: of what is called and has its address taken. */
static const char *const plt_sections[] = { ".plt", ".plt.sec", ".plt.got", NULL };

const struct arch arch = {
	.name = "x86-64",
	.stepping_note =
		"some probe spots need single-stepping: about 12 us a hit instead of 0.6 us",
	.elf_machine = EM_X86_64,
	.reloc_relative = R_X86_64_RELATIVE,
	.reloc_abs = R_X86_64_64,
	.reloc_jump_slot = R_X86_64_JUMP_SLOT,
	.reloc_glob_dat = R_X86_64_GLOB_DAT,
	.reloc_tls_offset = R_X86_64_TPOFF64,
	.reloc_tls_module = R_X86_64_DTPMOD64,
	.reloc_tls_desc = R_X86_64_TLSDESC,
	.tls_gap = 0,
	.plt_sections = plt_sections,
	.pthread_tid_offset = 720,
	.cond_bytes = 48,
	.mutex_bytes = 40,
	.copy_sp = 7,
	.copy_ip = 16,
	.copy_regs = 17,
	.is_poll_result_kept = true,
	.loads_side_by_side = true,
	.straight_insns = 8,
	.signature_bits = 0,
};

static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

/*
 * Only forms without a prefix: the kernel refuses 0x66, and emulates the multi-byte nop (0f 1f) in
 * its newest versions alone.
 */
bool arch_is_emulable(const uint8_t *insn, size_t size)
{
	if (size == 1)
		return (insn[0] >= 0x50 && insn[0] <= 0x57) || insn[0] == 0x90;
	if (size == 2 && insn[0] == 0x41)
		return insn[1] >= 0x50 && insn[1] <= 0x57;
	if (size == 2)
		return (insn[0] >= 0x70 && insn[0] <= 0x7f) || insn[0] == 0xeb;
	if (size == 5)
		return insn[0] == 0xe8 || insn[0] == 0xe9;
	return size == 6 && insn[0] == 0x0f && insn[1] >= 0x80 && insn[1] <= 0x8f;
}

size_t arch_landing_pad_bytes(const uint8_t *code, size_t size)
{
	return size >= sizeof(endbr64) && !memcmp(code, endbr64, sizeof(endbr64)) ?
		sizeof(endbr64) :
		0;
}

static int64_t rel32(const uint8_t *p)
{
	int32_t rel;

	memcpy(&rel, p, sizeof(rel));
	return rel;
}

static bool contains(const uint64_t *set, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		if (set[i] == value)
			return true;
	return false;
}

bool arch_find_branch(const uint8_t *code, size_t size, uint64_t vaddr,
		      const struct arch_callee *callee, size_t *pos)
{
	for (size_t i = *pos; i + 5 <= size; i++) {
		bool found = false;

		if (code[i] == 0xe8 || code[i] == 0xe9)
			found = contains(callee->entries, callee->n_entries,
					 vaddr + i + 5 + (uint64_t)rel32(code + i + 1));
		else if (code[i] == 0xff && code[i + 1] == 0x15 && i + 6 <= size)
			found = contains(callee->slots, callee->n_slots,
					 vaddr + i + 6 + (uint64_t)rel32(code + i + 2));
		if (found) {
			*pos = i;
			return true;
		}
	}
	return false;
}

/* A stub reads [endbr64] [bnd] jmp *slot(%rip) in all kinds of PLT section. */
bool arch_find_stub(const uint8_t *code, size_t size, uint64_t vaddr, uint64_t slot,
		    uint64_t *ret_stub)
{
	for (size_t i = 0; i + 6 <= size; i++) {
		size_t start = i;

		if (code[i] != 0xff || code[i + 1] != 0x25 ||
		    vaddr + i + 6 + (uint64_t)rel32(code + i + 2) != slot)
			continue;
		if (start >= 1 && code[start - 1] == 0xf2)
			start--;
		if (start >= sizeof(endbr64) &&
		    arch_landing_pad_bytes(code + start - sizeof(endbr64), sizeof(endbr64)))
			start -= sizeof(endbr64);
		*ret_stub = vaddr + start;
		return true;
	}
	return false;
}

/* own_NAME() runs `before` and then the one instruction own_NAME_spot. */
#define OWN_SPOT(name, before, instruction)                                                        \
	__asm__(".pushsection .text\n"                                                             \
		".balign 64\n"                                                                     \
		".type own_" name ", @function\n"                                                  \
		"own_" name ":\n"                                                                  \
		"\t" before "\n"                                                                   \
		"own_" name "_spot:\n"                                                             \
		"\t" instruction "\n"                                                              \
		"\tret\n"                                                                          \
		"1:\tret\n"                                                                        \
		".size own_" name ", . - own_" name "\n"                                           \
		".popsection\n")

OWN_SPOT("call", "", "call 1f");
OWN_SPOT("call_twin", "", "call 1f");
OWN_SPOT("jump", "test %rsp, %rsp", "je 1f");
OWN_SPOT("jump_twin", "test %rsp, %rsp", "je 1f");

void own_call(void);
void own_call_twin(void);
void own_jump(void);
void own_jump_twin(void);
extern const char own_call_spot[], own_jump_spot[];

const struct arch_own_spot arch_own_call = { own_call, own_call_twin, own_call_spot };
const struct arch_own_spot arch_own_jump = { own_jump, own_jump_twin, own_jump_spot };

/*
 * `lines` cache lines, a jump in each to the one `stride` lines on, round and round until each was
 * there once. The last one of that walk is the one from which the next jump would lead to the
 * first.
 */
#define MUCH_CODE(lines, stride)                                                                   \
	__asm__(".pushsection .text\n"                                                             \
		".balign 64\n"                                                                     \
		".globl arch_run_much_code\n"                                                      \
		".hidden arch_run_much_code\n"                                                     \
		".type arch_run_much_code, @function\n"                                            \
		"arch_run_much_code:\n"                                                            \
		".rept " #lines " - " #stride "\n"                                                 \
		".balign 64\n"                                                                     \
		"\tjmp . + " #stride " * 64\n"                                                     \
		".endr\n"                                                                          \
		".balign 64\n"                                                                     \
		"\tret\n"                                                                          \
		".rept " #stride " - 1\n"                                                          \
		".balign 64\n"                                                                     \
		"\tjmp . - (" #lines " - " #stride ") * 64\n"                                      \
		".endr\n"                                                                          \
		".balign 64\n"                                                                     \
		".size arch_run_much_code, . - arch_run_much_code\n"                               \
		".popsection\n")

MUCH_CODE(1024, 37);
