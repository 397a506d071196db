/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index of functions in .eh_frame and the interpreter of their rules. libdw would do both, but
 * it gives up at hand-written code of OpenSSL, and opens the files itself.
 */
#include "symbol/cfi.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "symbol/bytes.h"
#include "symbol/elf_section.h"

#define MAX_SECTION_BYTES (32U << 20)
#define MAX_FUNCTIONS (1U << 20)
#define MAX_REMEMBERED 4
/* DW_CFA_AARCH64_negate_ra_state; elsewhere the number means something else. */
#define SIGN_RETURN_ADDRESS 0x2d

/* Common information entry: what several functions share. */
struct cie {
	size_t at;
	uint64_t code_align;
	int64_t data_align;
	uint8_t return_reg;
	uint8_t encoding; /* of addresses */
	bool has_augmentation, is_signal;
	struct bytes program;
};

struct function {
	uint64_t start, end;
	uint32_t entry; /* offset of its description */
};

struct cfi {
	uint8_t *bytes;
	size_t size;
	uint64_t vaddr;
	struct function *functions; /* sorted by start */
	size_t n, n_room;
};

/* An entry of the section: what follows its length. False at the end, or where it is damaged. */
static bool next_entry(const struct cfi *c, size_t *at, struct bytes *ret_entry)
{
	struct bytes b = { c->bytes + *at, c->bytes + c->size, false };
	uint64_t length = bytes__fixed(&b, 4);

	if (length == UINT32_MAX)
		length = bytes__fixed(&b, 8);
	if (b.is_bad || !length || length > bytes__left(&b))
		return false;
	*ret_entry = (struct bytes){ b.p, b.p + length, false };
	*at = (size_t)(b.p - c->bytes) + length;
	return true;
}

static uint64_t read_encoded(const struct cfi *c, struct bytes *b, uint8_t encoding)
{
	static const uint8_t sizes[16] = {
		[DW_EH_PE_absptr] = 8, [DW_EH_PE_udata2] = 2, [DW_EH_PE_udata4] = 4,
		[DW_EH_PE_udata8] = 8, [DW_EH_PE_sdata2] = 2, [DW_EH_PE_sdata4] = 4,
		[DW_EH_PE_sdata8] = 8,
	};
	const uint64_t here = c->vaddr + (uint64_t)(b->p - c->bytes);
	const uint8_t size = sizes[encoding & 0x0f];
	uint64_t value;

	if (!size || (encoding & DW_EH_PE_indirect)) {
		b->is_bad = true;
		return 0;
	}
	value = bytes__fixed(b, size);
	if ((encoding & DW_EH_PE_signed) && size < 8 && value >> (8 * size - 1))
		value |= ~0ULL << (8 * size);
	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		value += here;
	else if ((encoding & 0x70) != DW_EH_PE_absptr)
		b->is_bad = true;
	return value;
}

/* 'R': encoding of addresses, 'L' and 'P' are skipped, 'S': a signal's frame. */
static void read_augmentation(const struct cfi *c, struct cie *cie, const char *letters,
			      struct bytes *b)
{
	for (; *letters && !b->is_bad; letters++) {
		if (*letters == 'R')
			cie->encoding = (uint8_t)bytes__fixed(b, 1);
		else if (*letters == 'L')
			bytes__fixed(b, 1);
		else if (*letters == 'P')
			read_encoded(c, b, (uint8_t)bytes__fixed(b, 1) & 0x7f);
		else if (*letters == 'S')
			cie->is_signal = true;
		else if (*letters != 'B')
			b->is_bad = true;
	}
}

static bool read_cie(const struct cfi *c, size_t at, struct cie *cie)
{
	struct bytes b, augmentation;
	const char *letters;
	uint64_t version, reg;

	*cie = (struct cie){ .at = at, .encoding = DW_EH_PE_absptr };
	if (at >= c->size || !next_entry(c, &at, &b) || bytes__fixed(&b, 4) != 0)
		return false;
	version = bytes__fixed(&b, 1);
	letters = bytes__text(&b);
	cie->code_align = bytes__uleb(&b);
	cie->data_align = bytes__sleb(&b);
	reg = version == 1 ? bytes__fixed(&b, 1) : bytes__uleb(&b);
	if (b.is_bad || reg >= LS_COPY_REGS || (version != 1 && version != 3))
		return false;
	cie->return_reg = (uint8_t)reg;
	if (*letters == 'z') {
		cie->has_augmentation = true;
		augmentation = bytes__cut(&b, bytes__uleb(&b));
		read_augmentation(c, cie, letters + 1, &augmentation);
		b.is_bad |= augmentation.is_bad;
	} else if (*letters) {
		return false;
	}
	cie->program = b;
	return !b.is_bad;
}

/* The CIE of an FDE whose first field was just read from `b`. */
static bool find_cie(const struct cfi *c, const struct bytes *b, uint64_t distance, struct cie *cie)
{
	const size_t field = (size_t)(b->p - c->bytes) - 4;

	if (distance > field)
		return false;
	return cie->at == field - distance || read_cie(c, field - distance, cie);
}

static int add_function(struct cfi *c, size_t entry, struct bytes b, struct cie *cie)
{
	const uint64_t distance = bytes__fixed(&b, 4);
	uint64_t start, length;
	int r;

	if (b.is_bad || !distance || !find_cie(c, &b, distance, cie))
		return 0;
	start = read_encoded(c, &b, cie->encoding);
	length = read_encoded(c, &b, cie->encoding & 0x0f);
	if (b.is_bad || !length || start + length < start || c->n >= MAX_FUNCTIONS)
		return 0;
	r = ARRAY_RESERVE(c->functions, c->n_room, c->n + 1);
	if (r < 0)
		return r;
	c->functions[c->n++] = (struct function){ start, start + length, (uint32_t)entry };
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int cfi__from_bytes(struct cfi **ret_cfi, uint8_t *bytes, size_t size, uint64_t vaddr)
{
	_cleanup_(cfi__freep) struct cfi *c = calloc(1, sizeof(*c));
	struct cie cie = { .at = SIZE_MAX };
	size_t at = 0, entry = 0;
	struct bytes b;
	int r = 0;

	if (!c) {
		free(bytes);
		return -ENOMEM;
	}
	c->bytes = bytes;
	c->size = size;
	c->vaddr = vaddr;
	while (r >= 0 && next_entry(c, &at, &b)) {
		r = add_function(c, entry, b, &cie);
		entry = at;
	}
	if (r < 0)
		return r;
	if (c->n)
		qsort(c->functions, c->n, sizeof(*c->functions), by_start);
	*ret_cfi = TAKE_PTR(c);
	return 0;
}

int cfi__new(struct cfi **ret_cfi, int fd)
{
	_cleanup_(elf_endp) Elf *elf = NULL;
	uint64_t vaddr;
	uint8_t *bytes;
	size_t size;
	int r = elf_open(&elf, fd);

	if (r >= 0)
		r = elf_section_read(elf, fd, ".eh_frame", MAX_SECTION_BYTES, &bytes, &size,
				     &vaddr);
	return r < 0 ? r : cfi__from_bytes(ret_cfi, bytes, size, vaddr);
}

void cfi__free(struct cfi *c)
{
	if (!c)
		return;
	free(c->functions);
	free(c->bytes);
	free(c);
}

size_t cfi__bytes(const struct cfi *c)
{
	return sizeof(*c) + c->size + c->n_room * sizeof(*c->functions);
}

static const struct function *find_function(const struct cfi *c, uint64_t vaddr)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (c->functions[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && vaddr < c->functions[low - 1].end ? &c->functions[low - 1] : NULL;
}

/* A run of one function's rules up to an address. */
struct run {
	const struct cie *cie;
	const struct cfi *cfi;
	uint64_t at, until; /* until: the rules behind this address do not count */
	struct cfi_row row, initial;
	struct cfi_row remembered[MAX_REMEMBERED];
	size_t n_remembered;
	bool is_bad;
};

static void set_rule(struct run *run, uint64_t reg, struct cfi_rule rule)
{
	/* Vector registers are no matter of ours. */
	if (reg < LS_COPY_REGS)
		run->row.regs[reg] = rule;
}

static void set_offset(struct run *run, uint64_t reg, enum cfi_kind kind, int64_t factored)
{
	set_rule(run, reg,
		 (struct cfi_rule){
			 .kind = kind,
			 .value = (int64_t)((uint64_t)factored * (uint64_t)run->cie->data_align) });
}

static void set_cfa(struct run *run, uint64_t reg, int64_t offset)
{
	run->is_bad |= reg >= LS_COPY_REGS;
	run->row.cfa =
		(struct cfi_rule){ .kind = CFI_IS_OFFSET, .reg = (uint8_t)reg, .value = offset };
}

static struct cfi_rule read_expression(struct bytes *b, enum cfi_kind kind)
{
	const struct bytes e = bytes__cut(b, bytes__uleb(b));

	return (struct cfi_rule){ .kind = kind, .expression = e.p, .bytes = bytes__left(&e) };
}

static void restore(struct run *run, uint64_t reg)
{
	if (reg < LS_COPY_REGS)
		run->row.regs[reg] = run->initial.regs[reg];
}

static void remember(struct run *run)
{
	if (run->n_remembered < MAX_REMEMBERED)
		run->remembered[run->n_remembered++] = run->row;
	else
		run->is_bad = true;
}

static void recall(struct run *run)
{
	if (run->n_remembered)
		run->row = run->remembered[--run->n_remembered];
	else
		run->is_bad = true;
}

/* Those whose operand is in the low bits of the instruction. */
static bool run_short(struct run *run, uint8_t op, struct bytes *b)
{
	const uint8_t low = op & 0x3f;

	switch (op & 0xc0) {
	case DW_CFA_advance_loc:
		run->at += low * run->cie->code_align;
		return true;
	case DW_CFA_offset:
		set_offset(run, low, CFI_AT_OFFSET, (int64_t)bytes__uleb(b));
		return true;
	case DW_CFA_restore:
		restore(run, low);
		return true;
	default:
		return false;
	}
}

static bool run_cfa(struct run *run, uint8_t op, struct bytes *b)
{
	const uint64_t factor = (uint64_t)run->cie->data_align;
	uint64_t reg;

	switch (op) {
	case DW_CFA_def_cfa:
		reg = bytes__uleb(b);
		set_cfa(run, reg, (int64_t)bytes__uleb(b));
		return true;
	case DW_CFA_def_cfa_sf:
		reg = bytes__uleb(b);
		set_cfa(run, reg, (int64_t)((uint64_t)bytes__sleb(b) * factor));
		return true;
	case DW_CFA_def_cfa_register:
		set_cfa(run, bytes__uleb(b), run->row.cfa.value);
		return true;
	case DW_CFA_def_cfa_offset:
		set_cfa(run, run->row.cfa.reg, (int64_t)bytes__uleb(b));
		return true;
	case DW_CFA_def_cfa_offset_sf:
		set_cfa(run, run->row.cfa.reg, (int64_t)((uint64_t)bytes__sleb(b) * factor));
		return true;
	case DW_CFA_def_cfa_expression:
		run->row.cfa = read_expression(b, CFI_IS_EXPRESSION);
		return true;
	default:
		return false;
	}
}

static bool run_location(struct run *run, uint8_t op, struct bytes *b)
{
	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_set_loc:
		run->at = read_encoded(run->cfi, b, run->cie->encoding);
		return true;
	case DW_CFA_advance_loc1:
	case DW_CFA_advance_loc2:
	case DW_CFA_advance_loc4:
		run->at += bytes__fixed(b, 1U << (op - DW_CFA_advance_loc1)) * run->cie->code_align;
		return true;
	case DW_CFA_remember_state:
		remember(run);
		return true;
	case DW_CFA_restore_state:
		recall(run);
		return true;
	case DW_CFA_GNU_args_size:
		bytes__uleb(b);
		return true;
	case SIGN_RETURN_ADDRESS:
		run->row.signature ^= arch.signature_bits;
		return arch.signature_bits != 0;
	default:
		return false;
	}
}

static bool run_register(struct run *run, uint8_t op, struct bytes *b)
{
	const uint64_t reg = bytes__uleb(b);

	switch (op) {
	case DW_CFA_offset_extended:
		set_offset(run, reg, CFI_AT_OFFSET, (int64_t)bytes__uleb(b));
		return true;
	case DW_CFA_offset_extended_sf:
		set_offset(run, reg, CFI_AT_OFFSET, bytes__sleb(b));
		return true;
	case DW_CFA_val_offset:
		set_offset(run, reg, CFI_IS_OFFSET, (int64_t)bytes__uleb(b));
		return true;
	case DW_CFA_val_offset_sf:
		set_offset(run, reg, CFI_IS_OFFSET, bytes__sleb(b));
		return true;
	case DW_CFA_restore_extended:
		restore(run, reg);
		return true;
	case DW_CFA_undefined:
		set_rule(run, reg, (struct cfi_rule){ .kind = CFI_UNDEFINED });
		return true;
	case DW_CFA_same_value:
		set_rule(run, reg, (struct cfi_rule){ .kind = CFI_SAME });
		return true;
	case DW_CFA_register:
		set_rule(run, reg,
			 (struct cfi_rule){ .kind = CFI_REGISTER, .reg = (uint8_t)bytes__uleb(b) });
		return true;
	case DW_CFA_expression:
		set_rule(run, reg, read_expression(b, CFI_AT_EXPRESSION));
		return true;
	case DW_CFA_val_expression:
		set_rule(run, reg, read_expression(b, CFI_IS_EXPRESSION));
		return true;
	default:
		return false;
	}
}

static bool run_program(struct run *run, struct bytes b)
{
	while (b.p < b.end && !b.is_bad && !run->is_bad) {
		const uint8_t op = (uint8_t)bytes__fixed(&b, 1);

		if (!run_short(run, op, &b) && !run_location(run, op, &b) &&
		    !run_cfa(run, op, &b) && !run_register(run, op, &b))
			return false;
		if (run->at > run->until)
			return true;
	}
	return !b.is_bad && !run->is_bad;
}

int cfi__row(const struct cfi *c, uint64_t vaddr, struct cfi_row *ret_row)
{
	const struct function *f = find_function(c, vaddr);
	struct cie cie = { .at = SIZE_MAX };
	struct run run = { .cie = &cie, .cfi = c, .until = UINT64_MAX };
	struct bytes b;
	size_t at;

	if (!f)
		return -ENOENT;
	at = f->entry;
	if (!next_entry(c, &at, &b) || !find_cie(c, &b, bytes__fixed(&b, 4), &cie))
		return -EBADMSG;
	read_encoded(c, &b, cie.encoding);
	read_encoded(c, &b, cie.encoding & 0x0f);
	if (cie.has_augmentation)
		bytes__cut(&b, bytes__uleb(&b));
	run.row.return_reg = cie.return_reg;
	run.row.is_signal = cie.is_signal;
	if (b.is_bad || !run_program(&run, cie.program))
		return -EBADMSG;
	run.initial = run.row;
	run.at = f->start;
	run.until = vaddr;
	if (!run_program(&run, b))
		return -EBADMSG;
	*ret_row = run.row;
	return 0;
}
