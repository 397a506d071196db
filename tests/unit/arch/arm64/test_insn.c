/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder of instructions: effects by hand from the manual, and compared with capstone's for
 * all code of this program and of the C library.
 */
#include <capstone/capstone.h>
#include <criterion/criterion.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#include "arch/arch.h"
#include "base/array.h"

struct effect_case {
	const char *text;
	uint32_t insn;
	bool writes_x0;
};

static const struct effect_case effects[] = {
	{ "mov x22, x0", 0xaa0003f6, false },
	{ "mov x0, x22", 0xaa1603e0, true },
	{ "mov w0, #1", 0x52800020, true },
	{ "movk x1, #1", 0xf2800021, false },
	{ "add x0, x0, #1", 0x91000400, true },
	{ "cmp x0, #1", 0xf100041f, false },
	{ "cmn w0, w1", 0x2b01001f, false },
	{ "tst x0, #1", 0xf240001f, false },
	{ "ccmp x0, #0, #0, ne", 0xfa401800, false },
	{ "csel x0, x1, x2, eq", 0x9a820020, true },
	{ "ubfx x0, x1, #4, #8", 0xd3442c20, true },
	{ "madd x0, x1, x2, x3", 0x9b020c20, true },
	{ "adrp x0, .", 0x90000000, true },
	{ "adr x1, .", 0x10000001, false },
	{ "ldr x0, [x1]", 0xf9400020, true },
	{ "ldr x1, [x0]", 0xf9400001, false },
	{ "ldr x1, [x0], #8", 0xf8408401, true },
	{ "ldr x1, [x0, #8]!", 0xf8408c01, true },
	{ "ldur x0, [x1, #-8]", 0xf85f8020, true },
	{ "ldrsw x0, [x1]", 0xb9800020, true },
	{ "ldrb w0, [x1, x2]", 0x38626820, true },
	{ "str x0, [x1]", 0xf9000020, false },
	{ "str x0, [sp, #-16]!", 0xf81f0fe0, false },
	{ "str x1, [x0], #8", 0xf8008401, true },
	{ "str x0, [x1, x2]", 0xf8226820, false },
	{ "sturb w0, [x1, #-1]", 0x381ff020, false },
	{ "prfm pldl1keep, [x1]", 0xf9800020, false },
	{ "prfm pldl1keep, .", 0xd8000000, false },
	{ "ldr q0, [x1]", 0x3dc00020, false },
	{ "ldr q0, [x0], #16", 0x3cc10400, true },
	{ "ldr x0, .", 0x58000000, true },
	{ "ldr d0, .", 0x5c000000, false },
	{ "ldp x0, x1, [sp]", 0xa94007e0, true },
	{ "ldp x1, x0, [sp]", 0xa94003e1, true },
	{ "ldp x1, x2, [x0], #16", 0xa8c10801, true },
	{ "stp x0, x1, [sp, #16]", 0xa90107e0, false },
	{ "stp x29, x30, [sp, #-16]!", 0xa9bf7bfd, false },
	{ "ldp q0, q1, [x1]", 0xad400420, false },
	{ "ldxr x0, [x1]", 0xc85f7c20, true },
	{ "stxr w0, x1, [x2]", 0xc8007c41, true },
	{ "ldar x1, [x0]", 0xc8dffc01, false },
	{ "cas x0, x1, [x2]", 0xc8a07c41, true },
	{ "ldadd x1, x0, [x2]", 0xf8210040, true },
	{ "ldadd x1, x2, [x0]", 0xf8210002, false },
	{ "swp w3, w4, [x0]", 0xb8238004, false },
	{ "ldraa x1, [x0, #8]!", 0xf8201c01, true },
	{ "ld1 {v0.16b}, [x0]", 0x4c407000, false },
	{ "ld1 {v0.16b}, [x0], #16", 0x4cdf7000, true },
	{ "fmov x0, d1", 0x9e660020, true },
	{ "fmov d0, x1", 0x9e670020, true }, /* Not told apart from the one before. */
	{ "fcvtzs w0, s1", 0x1e380020, true },
	{ "umov w0, v1.b[0]", 0x0e013c20, true },
	{ "fadd d0, d1, d2", 0x1e622820, false },
	{ "fcmp d0, d1", 0x1e612000, false },
	{ "add v0.4s, v1.4s, v2.4s", 0x4ea28420, false },
	{ "mrs x0, tpidr_el0", 0xd53bd040, true },
	{ "mrs x1, tpidr_el0", 0xd53bd041, false },
	{ "msr tpidr_el0, x0", 0xd51bd040, false },
	{ "dc cvau, x0", 0xd50b7b20, false },
	{ "dmb ish", 0xd5033bbf, false },
	{ "nop", 0xd503201f, false },
	{ "paciasp", 0xd503233f, false },
	{ "add z0.b, z1.b, z2.b: not known", 0x04220020, true },
	{ "not allocated", 0x60000000, true },
};

Test(insn, effects)
{
	for (size_t i = 0; i < N_OF(effects); i++) {
		const struct effect_case *c = &effects[i];
		struct arch_cursor cursor = { (const uint8_t *)&c->insn, 4, 0x1000 };
		struct arch_insn insn;

		cr_assert(arch_decode(&cursor, &insn), "%s", c->text);
		cr_assert_eq(insn.writes_result, c->writes_x0, "%s", c->text);
		cr_assert_eq(insn.writes_argument, c->writes_x0, "%s", c->text);
		cr_assert_not(insn.is_branch, "%s", c->text);
	}
}

struct peer {
	csh handle;
	cs_insn *insn;
	size_t n_known, n_writes, n_only_we_write;
};

/* Version 4 has no call in the group of that name. */
static bool is_peer_call(const struct peer *p)
{
	return p->insn->id == ARM64_INS_BL || p->insn->id == ARM64_INS_BLR;
}

static bool is_peer_branch(const struct peer *p)
{
	static const unsigned int others[] = {
		ARM64_INS_BR,  ARM64_INS_RET,	ARM64_INS_ERET,	 ARM64_INS_DRPS,
		ARM64_INS_BRK, ARM64_INS_HLT,	ARM64_INS_SVC,	 ARM64_INS_HVC,
		ARM64_INS_SMC, ARM64_INS_DCPS1, ARM64_INS_DCPS2, ARM64_INS_DCPS3,
	};

	for (size_t i = 0; i < N_OF(others); i++)
		if (p->insn->id == others[i])
			return true;
	return is_peer_call(p) || cs_insn_group(p->handle, p->insn, CS_GRP_JUMP);
}

/* For version 4 comparisons write what they compare, and msr and sys what they read. */
static bool is_peer_wrong(const struct peer *p)
{
	const unsigned int id = p->insn->id;

	return id == ARM64_INS_CMP || id == ARM64_INS_CMN || id == ARM64_INS_TST ||
		id == ARM64_INS_CCMP || id == ARM64_INS_CCMN || id == ARM64_INS_MSR ||
		id == ARM64_INS_SYS;
}

static bool does_peer_write(const struct peer *p)
{
	cs_regs reads, writes;
	uint8_t n_reads = 0, n_writes = 0;

	if (is_peer_wrong(p))
		return false;
	cr_assert_eq(cs_regs_access(p->handle, p->insn, reads, &n_reads, writes, &n_writes), 0);
	for (size_t i = 0; i < n_writes; i++)
		if (writes[i] == ARM64_REG_X0 || writes[i] == ARM64_REG_W0)
			return true;
	return false;
}

static uint64_t target_of(const struct peer *p)
{
	const cs_arm64 *arm64 = &p->insn->detail->arm64;

	return (uint64_t)arm64->operands[arm64->op_count - 1].imm;
}

static void compare(struct peer *p, const struct arch_insn *insn)
{
	const char *name = p->insn->mnemonic, *operands = p->insn->op_str;
	const bool writes = does_peer_write(p);

	cr_assert_eq(insn->is_branch, is_peer_branch(p), "%s %s", name, operands);
	cr_assert_eq(insn->is_call, is_peer_call(p), "%s %s", name, operands);
	if (insn->branch_target)
		cr_assert_eq(insn->branch_target, target_of(p), "%s %s", name, operands);
	if (insn->is_branch)
		return;
	cr_assert(insn->writes_result || !writes, "%s %s", name, operands);
	p->n_writes += writes;
	p->n_only_we_write += insn->writes_result && !writes;
}

static void compare_code(struct peer *p, const uint8_t *bytes, size_t n_bytes)
{
	struct arch_cursor cursor = { bytes, n_bytes, 0x1000 };
	struct arch_insn insn;

	while (cursor.size >= 4) {
		const uint8_t *code = cursor.code;
		size_t size = 4;
		uint64_t vaddr = cursor.vaddr;

		cr_assert(arch_decode(&cursor, &insn));
		/*
		 * What version 4 does not know: newer atomic instructions, signatures. Constants
		 * lie in the same segment.
		 */
		if (!cs_disasm_iter(p->handle, &code, &size, &vaddr, p->insn))
			continue;
		p->n_known++;
		compare(p, &insn);
	}
}

static int compare_object(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	if (*info->dlpi_name && !strstr(info->dlpi_name, "/libc.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X))
			compare_code(data, (const uint8_t *)info->dlpi_addr + segment->p_vaddr,
				     segment->p_memsz);
	}
	return 0;
}

/* The program's own code, and the C library's, which has more kinds of instructions. */
Test(insn, agrees_with_a_peer)
{
	struct peer p = { .insn = NULL };

	cr_assert_eq(cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &p.handle), CS_ERR_OK);
	cs_option(p.handle, CS_OPT_DETAIL, CS_OPT_ON);
	p.insn = cs_malloc(p.handle);
	dl_iterate_phdr(compare_object, &p);
	cr_assert_gt(p.n_known, 100000);
	/* What is taken as written and is not. */
	cr_assert_lt(p.n_only_we_write, p.n_writes / 20, "%zu of %zu", p.n_only_we_write,
		     p.n_writes);
	cs_free(p.insn, 1);
	cs_close(&p.handle);
}
