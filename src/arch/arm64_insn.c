/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes instructions of arm64 as far as spots need it: branches, and whether x0 changes, which
 * holds a function's result and its first argument. An instruction of a group that is not known
 * here writes x0. Source: Arm Architecture Reference Manual for A-profile (DDI 0487), C4.1.
 * tests/unit/arch/arm64/test_insn.c compares it with another decoder.
 */
#include <string.h>

#include "arch/arch.h"

#define INSN_BYTES 4
#define X0 0

static bool is(uint32_t insn, uint32_t mask, uint32_t value)
{
	return (insn & mask) == value;
}

static bool bit(uint32_t insn, unsigned int number)
{
	return insn >> number & 1;
}

/* The register in the five bits from `low` on. */
static uint32_t reg_at(uint32_t insn, unsigned int low)
{
	return insn >> low & 31;
}

/* The signed number in `n` bits from `low` on, in instructions. */
static uint64_t distance(uint32_t insn, unsigned int low, unsigned int n)
{
	return (uint64_t)((int64_t)((uint64_t)insn << (64 - low - n)) >> (64 - n)) * INSN_BYTES;
}

static bool is_b_or_bl(uint32_t insn)
{
	return is(insn, 0x7c000000, 0x14000000);
}

/* cbz, cbnz */
static bool is_compare_branch(uint32_t insn)
{
	return is(insn, 0x7e000000, 0x34000000);
}

/* tbz, tbnz */
static bool is_test_branch(uint32_t insn)
{
	return is(insn, 0x7e000000, 0x36000000);
}

/* br, blr, ret and what authenticates an address on the way, eret */
static bool is_register_branch(uint32_t insn)
{
	return is(insn, 0xfe000000, 0xd6000000);
}

/* b.cond, bc.cond */
static bool is_condition_branch(uint32_t insn)
{
	return is(insn, 0xff000000, 0x54000000);
}

/* svc, brk and others that end in the kernel; udf, of which padding consists. */
static bool is_exception(uint32_t insn)
{
	return is(insn, 0xff000000, 0xd4000000) || is(insn, 0xffff0000, 0);
}

/* bl; blr, blraa, blrab with a second register or without */
static bool is_call(uint32_t insn)
{
	return is(insn, 0xfc000000, 0x94000000) || is(insn, 0xfefff000, 0xd63f0000);
}

static bool is_branch(uint32_t insn)
{
	return is_b_or_bl(insn) || is_compare_branch(insn) || is_test_branch(insn) ||
		is_register_branch(insn) || is_condition_branch(insn) || is_exception(insn);
}

static uint64_t branch_target(uint32_t insn, uint64_t vaddr)
{
	if (is_b_or_bl(insn))
		return vaddr + distance(insn, 0, 26);
	if (is_compare_branch(insn) || is_condition_branch(insn))
		return vaddr + distance(insn, 5, 19);
	if (is_test_branch(insn))
		return vaddr + distance(insn, 5, 14);
	return 0;
}

/*
 * Emulated by every kernel; arch/arm64/kernel/probes/decode-insn.c. Not bc.cond, and nothing that
 * authenticates an address.
 */
bool arch_is_emulable(const uint8_t *code, size_t size)
{
	uint32_t insn;

	if (size != INSN_BYTES)
		return false;
	memcpy(&insn, code, sizeof(insn));
	return is_b_or_bl(insn) || is_compare_branch(insn) || is_test_branch(insn) ||
		is(insn, 0xff000010, 0x54000000) || /* b.cond */
		is(insn, 0x1f000000, 0x10000000) || /* adr, adrp */
		is(insn, 0xfffffc1f, 0xd61f0000) || /* br */
		is(insn, 0xfffffc1f, 0xd63f0000) || /* blr */
		is(insn, 0xfffffc1f, 0xd65f0000); /* ret */
}

/* msr and sys read a register, mrs and sysl write one; hints and barriers do neither. */
static bool does_system_write(uint32_t insn)
{
	return !is(insn, 0xffc00000, 0xd5000000) || (bit(insn, 21) && reg_at(insn, 0) == X0);
}

/*
 * Exclusive and ordered accesses, compare and swap: which of its registers one writes is in several
 * bits, so each of them counts. The base register is never written.
 */
static bool does_exclusive_write(uint32_t insn)
{
	return reg_at(insn, 0) == X0 || reg_at(insn, 10) == X0 || reg_at(insn, 16) == X0;
}

/* A load of one register; with size 3 and opc 2 it is a prefetch. */
static bool does_load(uint32_t insn)
{
	return !bit(insn, 26) && (insn & 0x00c00000) && !is(insn, 0xc0c00000, 0xc0800000);
}

static bool does_single_write(uint32_t insn)
{
	const bool is_rt = reg_at(insn, 0) == X0, is_rn = reg_at(insn, 5) == X0;

	if (bit(insn, 24)) /* unsigned offset */
		return is_rt && does_load(insn);
	if (!bit(insn, 21)) /* bit 10: with the base register before or after the access */
		return (is_rt && does_load(insn)) || (is_rn && bit(insn, 10));
	if (is(insn, 0x00000c00, 0x00000800)) /* register offset */
		return is_rt && does_load(insn);
	if (bit(insn, 26))
		return false;
	if (!bit(insn, 10)) /* atomic operation; some write the other register */
		return is_rt || reg_at(insn, 16) == X0;
	return is_rt || (is_rn && bit(insn, 11)); /* ldraa, ldrab */
}

static bool does_pair_write(uint32_t insn)
{
	if (bit(insn, 23) && reg_at(insn, 5) == X0)
		return true;
	return bit(insn, 22) && !bit(insn, 26) && (reg_at(insn, 0) == X0 || reg_at(insn, 10) == X0);
}

static bool does_access_write(uint32_t insn)
{
	if (is(insn, 0x3f000000, 0x08000000))
		return does_exclusive_write(insn);
	if (is(insn, 0x3b000000, 0x18000000)) /* from a place near the instruction, or a prefetch */
		return !bit(insn, 26) && !is(insn, 0xc0000000, 0xc0000000) && reg_at(insn, 0) == X0;
	if (is(insn, 0x3a000000, 0x28000000))
		return does_pair_write(insn);
	if (is(insn, 0x3a000000, 0x38000000))
		return does_single_write(insn);
	if (is(insn, 0xbe000000, 0x0c000000)) /* vectors in memory */
		return bit(insn, 23) && reg_at(insn, 5) == X0;
	return true;
}

/* Of vectors and floating point: conversions to integers, fmov, smov, umov. */
static bool does_vector_write(uint32_t insn)
{
	return reg_at(insn, 0) == X0 &&
		(is(insn, 0x5f20fc00, 0x1e200000) || is(insn, 0x5f200000, 0x1e000000) ||
		 is(insn, 0x9fe08400, 0x0e000400));
}

static bool does_write_x0(uint32_t insn)
{
	switch (insn >> 25 & 15) {
	case 8: /* data processing with an immediate operand */
	case 9:
		return reg_at(insn, 0) == X0;
	case 5: /* with registers */
	case 13:
		return reg_at(insn, 0) == X0 && !is(insn, 0x1fe00000, 0x1a400000); /* ccmp */
	case 10: /* branches, system */
	case 11:
		return !is_branch(insn) && does_system_write(insn);
	case 4:
	case 6:
	case 12:
	case 14:
		return does_access_write(insn);
	case 7:
	case 15:
		return does_vector_write(insn);
	default: /* scalable vectors, matrices, not allocated */
		return true;
	}
}

bool arch_decode(struct arch_cursor *cursor, struct arch_insn *ret_insn)
{
	uint32_t insn;

	if (cursor->size < INSN_BYTES || cursor->vaddr % INSN_BYTES)
		return false;
	memcpy(&insn, cursor->code, sizeof(insn));
	*ret_insn = (struct arch_insn){
		.vaddr = cursor->vaddr,
		.branch_target = branch_target(insn, cursor->vaddr),
		.size = INSN_BYTES,
		.is_emulable = arch_is_emulable(cursor->code, INSN_BYTES),
		.is_call = is_call(insn),
		.is_branch = is_branch(insn),
	};
	ret_insn->writes_argument = ret_insn->writes_result = does_write_x0(insn);
	cursor->code += INSN_BYTES;
	cursor->size -= INSN_BYTES;
	cursor->vaddr += INSN_BYTES;
	return true;
}
