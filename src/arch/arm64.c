/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arm64. Sources: ELF for the Arm 64-bit Architecture (relocations, PLT), DWARF for the Arm 64-bit
 * Architecture (numbers of registers, signed return addresses); glibc 2.31-2.41
 * sysdeps/aarch64/nptl/tls.h, nptl/descr.h (struct pthread),
 * sysdeps/aarch64/nptl/bits/pthreadtypes-arch.h and sysdeps/nptl/bits/pthreadtypes.h (sizes).
 */
#include "arch/arch.h"

#include <elf.h>
#include <string.h>

#define INSN_BYTES 4
#define BTI_C 0xd503245fU
#define BTI_JC 0xd50324dfU
#define PACIASP 0xd503233fU
#define PACIBSP 0xd503237fU

static const char *const plt_sections[] = { ".plt", NULL };

const struct arch arch = {
	.name = "arm64",
	.stepping_note =
		"some probe spots need single-stepping: in an emulator 1.6 times as long a hit",
	.elf_machine = EM_AARCH64,
	.reloc_relative = R_AARCH64_RELATIVE,
	.reloc_abs = R_AARCH64_ABS64,
	.reloc_jump_slot = R_AARCH64_JUMP_SLOT,
	.reloc_glob_dat = R_AARCH64_GLOB_DAT,
	.reloc_tls_offset = R_AARCH64_TLS_TPREL,
	.reloc_tls_module = R_AARCH64_TLS_DTPMOD,
	.reloc_tls_desc = R_AARCH64_TLSDESC,
	.tls_gap = 16,
	.plt_sections = plt_sections,
	.pthread_tid_offset = 208,
	.cond_bytes = 48,
	.mutex_bytes = 48,
	.copy_sp = 31,
	.copy_ip = 32,
	.copy_regs = 33,
	.is_poll_result_kept = false,
	.loads_side_by_side = false,
	/* Saving registers, which every kernel emulates on x86-64, takes six of them at an entry.
	 */
	.straight_insns = 16,
	/* A process gets addresses of more than 48 bits only if it asks for one of them. */
	.signature_bits = ~0ULL << 48,
};

static uint32_t insn_at(const uint8_t *code)
{
	uint32_t insn;

	memcpy(&insn, code, sizeof(insn));
	return insn;
}

/* paciasp is one as well, but may also stand alone. */
size_t arch_landing_pad_bytes(const uint8_t *code, size_t size)
{
	const uint32_t insn = size >= INSN_BYTES ? insn_at(code) : 0;

	return insn == BTI_C || insn == BTI_JC || insn == PACIASP || insn == PACIBSP ? INSN_BYTES :
										       0;
}

static bool contains(const uint64_t *set, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		if (set[i] == value)
			return true;
	return false;
}

/* b and bl. A call through an import slot goes by a stub, which is an entry. */
bool arch_find_branch(const uint8_t *code, size_t size, uint64_t vaddr,
		      const struct arch_callee *callee, size_t *pos)
{
	for (size_t i = *pos + (-(vaddr + *pos)) % INSN_BYTES; i + INSN_BYTES <= size;
	     i += INSN_BYTES) {
		const uint32_t insn = insn_at(code + i);
		const int64_t words = (int64_t)((uint64_t)insn << 38) >> 38;

		if ((insn & 0x7c000000) == 0x14000000 &&
		    contains(callee->entries, callee->n_entries,
			     vaddr + i + (uint64_t)words * INSN_BYTES)) {
			*pos = i;
			return true;
		}
	}
	return false;
}

/* adrp x16, page; ldr x17, [x16, offset]: the slot's address. 0: these are other instructions. */
static uint64_t slot_of(const uint8_t *code, uint64_t vaddr)
{
	const uint32_t adrp = insn_at(code), ldr = insn_at(code + INSN_BYTES);
	uint64_t pages;

	if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211)
		return 0;
	pages = (adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3);
	pages = (uint64_t)((int64_t)(pages << 43) >> 43);
	return (vaddr & ~0xfffULL) + (pages << 12) + (ldr >> 10 & 0xfff) * 8;
}

/* A stub reads [bti c] adrp; ldr; add x16, x16, offset; br x17, the last with autia1716 or not. */
bool arch_find_stub(const uint8_t *code, size_t size, uint64_t vaddr, uint64_t slot,
		    uint64_t *ret_stub)
{
	for (size_t i = -vaddr % INSN_BYTES; i + 2 * INSN_BYTES <= size; i += INSN_BYTES) {
		if (slot_of(code + i, vaddr + i) != slot)
			continue;
		if (i >= INSN_BYTES && insn_at(code + i - INSN_BYTES) == BTI_C)
			i -= INSN_BYTES;
		*ret_stub = vaddr + i;
		return true;
	}
	return false;
}

/* own_NAME() runs `before` and then the one instruction own_NAME_spot. */
#define OWN_SPOT(name, before, instruction, after)                                                 \
	__asm__(".pushsection .text\n"                                                             \
		".balign 64\n"                                                                     \
		".type own_" name ", %function\n"                                                  \
		"own_" name ":\n"                                                                  \
		"\t" before "\n"                                                                   \
		"own_" name "_spot:\n"                                                             \
		"\t" instruction "\n"                                                              \
		"\t" after "\n"                                                                    \
		"\tret\n"                                                                          \
		"1:\tret\n"                                                                        \
		".size own_" name ", . - own_" name "\n"                                           \
		".popsection\n")

OWN_SPOT("call", "mov x9, x30", "bl 1f", "mov x30, x9");
OWN_SPOT("call_twin", "mov x9, x30", "bl 1f", "mov x30, x9");
OWN_SPOT("jump", "", "cbz xzr, 1f", "");
OWN_SPOT("jump_twin", "", "cbz xzr, 1f", "");

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
		".type arch_run_much_code, %function\n"                                            \
		"arch_run_much_code:\n"                                                            \
		".rept " #lines " - " #stride "\n"                                                 \
		".balign 64\n"                                                                     \
		"\tb . + " #stride " * 64\n"                                                       \
		".endr\n"                                                                          \
		".balign 64\n"                                                                     \
		"\tret\n"                                                                          \
		".rept " #stride " - 1\n"                                                          \
		".balign 64\n"                                                                     \
		"\tb . - (" #lines " - " #stride ") * 64\n"                                        \
		".endr\n"                                                                          \
		".balign 64\n"                                                                     \
		".size arch_run_much_code, . - arch_run_much_code\n"                               \
		".popsection\n")

MUCH_CODE(1024, 37);
