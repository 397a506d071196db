/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libdw walks the entries of .eh_frame; the start and length of each function are decoded here,
 * because its address look-up gives rows of the unwind table rather than functions. Sources: DWARF
 * 4, 6.4.1; Linux Standard Base, "Exception Frames" (pointer encodings).
 */
#include "process/eh_frame.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/work.h"

#define MAX_FUNCTIONS (1U << 20)
#define MAX_AUGMENTATION 16 /* characters; compilers write four */
#define ENCODING_UNKNOWN DW_EH_PE_omit

struct eh_frame {
	size_t n, size;
	struct elf_range *ranges; /* sorted by start */
};

struct walk {
	const unsigned char *ident;
	Elf_Data *data;
	uint64_t vaddr;
	uint64_t cie_offset; /* of the CIE whose encoding is known */
	uint8_t encoding;
};

static size_t encoded_bytes(uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return 8;
	case DW_EH_PE_udata4:
	case DW_EH_PE_sdata4:
		return 4;
	case DW_EH_PE_udata2:
	case DW_EH_PE_sdata2:
		return 2;
	default:
		return 0;
	}
}

static bool read_value(const uint8_t *p, const uint8_t *end, uint8_t encoding, uint64_t *ret_value)
{
	size_t size = encoded_bytes(encoding);
	bool is_signed = encoding & DW_EH_PE_signed;
	uint64_t value = 0;

	if (!size || p > end || (size_t)(end - p) < size)
		return false;
	memcpy(&value, p, size);
	if (is_signed && size < 8 && value >> (8 * size - 1))
		value |= ~0ULL << (8 * size);
	*ret_value = value;
	return true;
}

/* Encoding of the addresses in the FDEs of a CIE: its 'R' augmentation. */
static uint8_t fde_encoding(const Dwarf_CIE *cie)
{
	const uint8_t *p = cie->augmentation_data;
	const uint8_t *end = p ? p + cie->augmentation_data_size : NULL;

	if (!cie->augmentation || cie->augmentation[0] != 'z')
		return cie->augmentation && !cie->augmentation[0] ? DW_EH_PE_absptr :
								    ENCODING_UNKNOWN;
	for (const char *a = cie->augmentation + 1; *a; a++) {
		if (a - cie->augmentation > MAX_AUGMENTATION)
			return ENCODING_UNKNOWN;
		if (*a == 'S' || *a == 'B')
			continue;
		if (!p || p >= end)
			return ENCODING_UNKNOWN;
		if (*a == 'R')
			return *p;
		if (*a == 'L') {
			p++;
		} else if (*a == 'P') {
			size_t size = encoded_bytes(*p);

			if (!size)
				return ENCODING_UNKNOWN;
			p += 1 + size;
		} else {
			return ENCODING_UNKNOWN;
		}
	}
	return DW_EH_PE_absptr;
}

static int add_range(struct eh_frame *f, uint64_t start, uint64_t bytes)
{
	if (!start || !bytes || start + bytes < start)
		return 0;
	if (f->n == f->size) {
		size_t size = f->size ? 2 * f->size : 512;
		struct elf_range *ranges;

		if (size > MAX_FUNCTIONS)
			return -E2BIG;
		ranges = realloc(f->ranges, size * sizeof(*ranges));
		if (!ranges)
			return -ENOMEM;
		f->ranges = ranges;
		f->size = size;
	}
	f->ranges[f->n++] = (struct elf_range){ start, start + bytes };
	return 0;
}

static void learn_encoding(struct walk *w, uint64_t cie_offset)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	/* libdw reads the whole CIE, and each FDE may name another one. */
	if (cie_offset == w->cie_offset || work_check())
		return;
	w->cie_offset = cie_offset;
	w->encoding = ENCODING_UNKNOWN;
	if (!dwarf_next_cfi(w->ident, w->data, true, cie_offset, &next, &entry) &&
	    dwarf_cfi_cie_p(&entry))
		w->encoding = fde_encoding(&entry.cie);
}

static int add_fde(struct eh_frame *f, struct walk *w, const Dwarf_FDE *fde)
{
	const uint8_t *base = w->data->d_buf;
	uint64_t start, bytes;

	learn_encoding(w, fde->CIE_pointer);
	if (w->encoding == ENCODING_UNKNOWN || (w->encoding & DW_EH_PE_indirect) ||
	    !read_value(fde->start, fde->end, w->encoding, &start) ||
	    !read_value(fde->start + encoded_bytes(w->encoding), fde->end, w->encoding & 0x0f,
			&bytes))
		return 0;
	if ((w->encoding & 0x70) == DW_EH_PE_pcrel)
		start += w->vaddr + (uint64_t)(fde->start - base);
	else if ((w->encoding & 0x70) != DW_EH_PE_absptr)
		return 0;
	return add_range(f, start, bytes);
}

static int by_start(const void *a, const void *b)
{
	const struct elf_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int eh_frame__new(struct eh_frame **ret_frame, const unsigned char *ident, Elf_Data *data,
		  uint64_t vaddr)
{
	_cleanup_(eh_frame__freep) struct eh_frame *f = calloc(1, sizeof(*f));
	struct walk w = { ident, data, vaddr, UINT64_MAX, ENCODING_UNKNOWN };
	Dwarf_Off offset = 0, next = 0;
	Dwarf_CFI_Entry entry;
	bool is_sorted = true;
	int r;

	if (!f)
		return -ENOMEM;
	/* 1 is the end; an entry that cannot be read (-1) still says where the next one is. */
	while ((r = dwarf_next_cfi(ident, data, true, offset, &next, &entry)) != 1) {
		if ((r < 0 && (next <= offset || next == (Dwarf_Off)-1)) || work_step())
			break;
		offset = next;
		if (r < 0 || dwarf_cfi_cie_p(&entry))
			continue;
		r = add_fde(f, &w, &entry.fde);
		if (r)
			return r;
		if (f->n > 1 && f->ranges[f->n - 1].start < f->ranges[f->n - 2].start)
			is_sorted = false;
	}
	if (!is_sorted)
		qsort(f->ranges, f->n, sizeof(*f->ranges), by_start);
	*ret_frame = TAKE_PTR(f);
	return 0;
}

void eh_frame__free(struct eh_frame *f)
{
	if (!f)
		return;
	free(f->ranges);
	free(f);
}

int eh_frame__find(const struct eh_frame *f, uint64_t vaddr, struct elf_range *ret_range)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->ranges[mid].start <= vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || vaddr >= f->ranges[low - 1].end)
		return -ENOENT;
	*ret_range = f->ranges[low - 1];
	return 0;
}
