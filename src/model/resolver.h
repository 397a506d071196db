/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the model asks for names without knowing where they come from. src/symbol implements it for
 * live processes, tests with tables. Returned strings are UTF-8 (invalid input already replaced)
 * and live until the resolver is freed.
 */
#ifndef LOOPSTALL_MODEL_RESOLVER_H
#define LOOPSTALL_MODEL_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include <loopstall/abi.h>

#include "runtime/words.h"

struct code_info {
	const char *name; /* qualified name where it can be known, "?" if unreadable */
	const char *file; /* as the code object has it, "?" if unreadable */
	uint32_t first_line; /* of the def; 0 if unknown */
};

#define CODE_NO_FILE UINT32_MAX

#define SOURCE_AROUND 2

static inline uint32_t source_first_line(uint32_t line)
{
	return line > SOURCE_AROUND ? line - SOURCE_AROUND : 1;
}

struct resolver_ops {
	/*
	 * Names of a code object. `qualname` is the address of a str with its qualified name, or 0.
	 */
	int (*code)(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
		    struct code_info *ret);
	/*
	 * Number of lines of the file that a code object names: CODE_NO_FILE if the process has no
	 * such file, 0 if that is not known. NULL: it never is.
	 */
	uint32_t (*file_lines)(void *ctx, uint32_t pid, uint64_t code);
	/*
	 * Is this code object a coroutine or of its kind? NULL, as of recordings of older versions:
	 * not known.
	 */
	bool (*is_awaited)(void *ctx, uint32_t pid, uint64_t code);
	/* Line of a frame: 0 if unknown. */
	uint32_t (*line)(void *ctx, uint32_t pid, const struct ls_frame *frame);
	/* "libc.so.6:clock_nanosleep", or NULL if nothing is known of the address. */
	const char *(*native)(void *ctx, uint32_t pid, uint64_t ip);
	/* "clock_nanosleep", or NULL for LS_NO_SYSCALL and unknown numbers. */
	const char *(*syscall)(void *ctx, uint16_t number);
	/* Native thread id of the holder of the interpreter's lock seen as (tstate, id): 0 if it
	 * cannot be known. */
	uint32_t (*thread)(void *ctx, uint32_t pid, uint64_t tstate, uint64_t id);
	/*
	 * A line of a code object's file and SOURCE_AROUND lines around it, as far as the file has
	 * them, cut to a width: the first is source_first_line(line), a line feed between them.
	 * NULL if they cannot be known; NULL as a member: sources are not read.
	 */
	const char *(*source)(void *ctx, uint32_t pid, uint64_t code, uint32_t line);
	/*
	 * Does this line of a code object's file ask the garbage collector to run? False if that
	 * cannot be known. NULL, as of recordings of older versions: it never is.
	 */
	bool (*collects)(void *ctx, uint32_t pid, uint64_t code, uint32_t line);
	/*
	 * Words of the runtime of a process. NULL, also as a member: not known, the default ones
	 * serve.
	 */
	const struct runtime_words *(*words)(void *ctx, uint32_t pid);
};

struct resolver {
	const struct resolver_ops *ops;
	void *ctx;
};

static inline const struct runtime_words *resolver__words(const struct resolver *r, uint32_t pid)
{
	return runtime_words__or_default(r->ops->words ? r->ops->words(r->ctx, pid) : NULL);
}

#endif
