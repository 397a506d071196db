/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses to names and lines, for live processes: code objects, str objects, line tables, native modules.
 * Everything read from a target is untrusted: bounded, checked, never followed in circles.
 */
#ifndef LOOPSTALL_SYMBOL_SYMBOL_H
#define LOOPSTALL_SYMBOL_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

#include "model/resolver.h"
#include "target/target.h"

struct symbols;

int symbols__new(struct symbols **ret_symbols);
/* Forgets what is known of a process beside the names it was asked for: none is needed any more. */
void symbols__forget(struct symbols *s, pid_t pid);
void symbols__free(struct symbols *s);
static inline void symbols__freep(struct symbols **s)
{
	symbols__free(*s);
}

/* Makes a process known (copied; call again after exec or when its maps changed). 0 or -errno. */
int symbols__add_process(struct symbols *s, const struct target *t);
/* The resolver that reads from the processes added. Lives as long as `s`. */
struct resolver symbols__resolver(struct symbols *s);

/*
 * Line for a position in a line table, pure: `table` of `size` bytes in `format`, `addr` the byte offset into the
 * code. Returns the line, or 0 if the table says nothing about it.
 */
uint32_t linetable__line(enum ls_linetable format, const uint8_t *table, size_t size, uint32_t first_line,
			 int64_t addr);

#endif
