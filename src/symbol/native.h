/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction pointers to "module:function".
 */
#ifndef LOOPSTALL_SYMBOL_NATIVE_H
#define LOOPSTALL_SYMBOL_NATIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <loopstall/abi.h>

#include "symbol/execmap.h"
#include "base/strings.h"
#include "runtime/runtime.h"

/* Part of a process: its executable ranges, read when they are first needed. */
struct native_maps {
	struct execmap map;
	uint64_t read_ns; /* 0: never, or out of date */
};

void native_maps__done(struct native_maps *maps);

/* Answers found so far, by file and offset, for all processes. */
struct native;

int native__new(struct native **ret_native, struct strings *strings);
void native__free(struct native *n);
static inline void native__freep(struct native **n)
{
	native__free(*n);
}

/*
 * "libc.so.6:clock_nanosleep", "libfoo.so+0x1234" if no symbol covers it, NULL if no file is mapped
 * there.
 */
const char *native__name(struct native *n, struct native_maps *maps, pid_t pid, uint64_t ip,
			 uint64_t now_ns);

/*
 * Addresses in the native frames inside the innermost frame of the language, innermost first: of
 * the next instruction, then inside the calls. Returns their number. `ret_is_cut`: there may be
 * more, but the way to them is not known.
 */
int native__unwind(struct native *n, struct native_maps *maps, const struct ls_rec_copy *copy,
		   const struct native_bounds *bounds, uint64_t now_ns, uint64_t ips[LS_MAX_NATIVE],
		   bool *ret_is_cut);

#endif
