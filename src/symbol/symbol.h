/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses to names and lines, for live processes: frames and threads through the runtime's table,
 * native code from the ELF files that a process has mapped. Everything read from a target is
 * untrusted: bounded, checked, never followed in circles.
 */
#ifndef LOOPSTALL_SYMBOL_SYMBOL_H
#define LOOPSTALL_SYMBOL_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

#include "model/resolver.h"
#include "process/target.h"

struct symbols;

int symbols__new(struct symbols **ret_symbols);
/* Drops what is cached about an ended process, except for names that were given out. */
void symbols__forget(struct symbols *s, pid_t pid);
void symbols__free(struct symbols *s);
static inline void symbols__freep(struct symbols **s)
{
	symbols__free(*s);
}

/* Makes a process known (copied; call again after exec or when its maps changed). 0 or -errno. */
int symbols__add_process(struct symbols *s, const struct target *t);
/*
 * Finds the native frames of a copied stack. -ENOENT: the process or its runtime is not known.
 * `ret_native` has no names: the resolver gives them.
 */
int symbols__unwind(struct symbols *s, const struct ls_rec_copy *copy,
		    struct ls_rec_native *ret_native);
/* Remembers a code object as the kernel side copied it: its process may be gone now. */
void symbols__keep_code(struct symbols *s, const struct ls_rec_code *code);
/* From here on the resolver reads source lines as well; before its first answer. 0 or -ENOMEM. */
int symbols__read_sources(struct symbols *s);
/* The resolver that reads from the processes added. Lives as long as `s`. */
struct resolver symbols__resolver(struct symbols *s);

#endif
