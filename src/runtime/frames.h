/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What src/symbol and a runtime exchange about frames: a process to read from, and what is read of
 * a code object. A code object is whatever the kernel side puts into `code` of struct ls_frame: the
 * address of the object that describes one function. The functions are in struct runtime_ops.
 */
#ifndef LOOPSTALL_RUNTIME_FRAMES_H
#define LOOPSTALL_RUNTIME_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

/* Bounds on what a runtime returns, because src/symbol keeps it. A longer name is cut. */
#define CODE_NAME_MAX_CHARS 1024
#define CODE_FILE_MAX_CHARS 4096 /* PATH_MAX */
#define LINE_TABLE_MAX_BYTES (1 << 20)

/*
 * A process as the functions see it. They get no struct target: names are also asked for after the
 * process has ended and its target is gone. All they need must be in `proc`.
 */
struct frame_source {
	/* 0 or -errno; -ESRCH when the process is gone. */
	int (*read)(void *ctx, uint64_t addr, void *buf, size_t size);
	void *ctx;
	struct ls_proc proc; /* copy of target->proc */
	/* For the runtime to use. 0 at first, and again after an exec or another examination. */
	uint64_t learned;
};

/*
 * The fields that distinguish a code object from another one at the same address. Only the runtime
 * knows what they are; unused words are 0.
 */
#define CODE_STAMP_WORDS 7
struct code_stamp {
	uint64_t words[CODE_STAMP_WORDS];
};

struct code_names {
	char *name, *file; /* UTF-8, from malloc(); NULL: cannot be read now */
	uint32_t first_line; /* 0: unknown */
	bool is_awaited; /* it is a coroutine: what calls it awaits it */
	bool is_qualified; /* `name` says in which class or function it is defined */
	uint64_t name_kind; /* only the runtime knows what it is; code_qualname() gets it back */
};

#endif
