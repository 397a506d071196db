/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python objects read from another process: code objects, str, bytes. Works on any memory that can
 * be read through a function, so that tests can do without a process.
 */
#ifndef LOOPSTALL_SYMBOL_PYCODE_H
#define LOOPSTALL_SYMBOL_PYCODE_H

#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

struct memory {
	/* 0 or -errno; -ESRCH when the process is gone. */
	int (*read)(void *ctx, uint64_t addr, void *buf, size_t size);
	void *ctx;
};

/* One interpreter as its readers see it. */
struct pyimage {
	struct memory memory;
	struct ls_pyoffsets py;
	uint64_t code_type; /* address of the type `code`, once it was seen; 0 before */
};

/* The fields of a code object that tell it from another one at the same address. */
struct pycode_head {
	uint64_t type;
	uint64_t filename, name, qualname, linetable; /* qualname is 0 before 3.11 */
	uint64_t first_line;
};

/*
 * Reads and checks a code object: 0, -EFAULT if there is none at `code`, -ESRCH, -ENOTSUP without a
 * layout.
 */
int pycode__read_head(struct pyimage *image, uint64_t code, struct pycode_head *ret_head);

/*
 * Reads a str of at most `max_chars` characters (a longer one is cut and ends with "...") as UTF-8
 * into a new string. `ret_type`, the address of its type, may be NULL. 0 or -errno.
 */
int pyimage__read_str(const struct pyimage *image, uint64_t addr, size_t max_chars, char **ret_text,
		      uint64_t *ret_type);

/* Reads a bytes object of at most `max` bytes: 0 or -errno, -E2BIG if it is longer. */
int pyimage__read_bytes(const struct pyimage *image, uint64_t addr, size_t max, uint8_t **ret_data,
			size_t *ret_size);

/* How far into its code a frame is, in bytes. Negative: it has not begun. */
int64_t pyimage__code_offset(const struct pyimage *image, const struct ls_frame *frame);

#endif
