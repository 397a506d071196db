/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call frame information of one ELF file: for each address of its code, where the caller's
 * registers are. Read from .eh_frame, which strip leaves alone. The file is the target's: every
 * access is bounded. Sources: DWARF 4, 6.4; Linux Standard Base, "Exception Frames".
 */
#ifndef LOOPSTALL_SYMBOL_CFI_H
#define LOOPSTALL_SYMBOL_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

struct cfi;

enum cfi_kind {
	CFI_SAME, /* the caller's value is in the register */
	CFI_UNDEFINED, /* it is lost; of the return address: this is the outermost frame */
	CFI_AT_OFFSET, /* at CFA + value */
	CFI_IS_OFFSET, /* CFA + value; of the CFA: `reg` + value */
	CFI_REGISTER, /* in `reg` */
	CFI_AT_EXPRESSION, /* at the address that the expression gives */
	CFI_IS_EXPRESSION, /* what the expression gives */
};

struct cfi_rule {
	enum cfi_kind kind;
	uint8_t reg;
	int64_t value;
	const uint8_t *expression; /* lives as long as the struct cfi */
	size_t bytes;
};

/* The rules for one address. */
struct cfi_row {
	struct cfi_rule cfa; /* CFI_IS_OFFSET or CFI_IS_EXPRESSION */
	struct cfi_rule regs[LS_COPY_REGS];
	uint8_t return_reg;
	uint64_t signature; /* bits of the return address that sign it */
	bool is_signal; /* its caller was interrupted: the return address is no call's */
};

/* Reads the file; the descriptor stays the caller's. 0, -ENOENT: it has none, or -errno. */
int cfi__new(struct cfi **ret_cfi, int fd);
/* From the bytes of a section at this address, which it takes over. 0 or -ENOMEM. */
int cfi__from_bytes(struct cfi **ret_cfi, uint8_t *bytes, size_t size, uint64_t vaddr);
void cfi__free(struct cfi *c);
static inline void cfi__freep(struct cfi **c)
{
	cfi__free(*c);
}
/* What it takes in memory. */
size_t cfi__bytes(const struct cfi *c);

/* 0, -ENOENT: nothing covers that address, -EBADMSG: rules that are not understood. */
int cfi__row(const struct cfi *c, uint64_t vaddr, struct cfi_row *ret_row);

#endif
