/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that goes item by item, where an item may never come back: it is done in a child. One that
 * is stuck, or crashes, is left out, and another child goes on behind it.
 */
#ifndef LOOPSTALL_APP_SUPERVISE_H
#define LOOPSTALL_APP_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>

struct supervised {
	size_t n; /* items */
	/* In the child. What the parent is to see of `ctx` is in memory from supervise_alloc(). */
	bool (*work)(void *ctx, size_t i); /* false: no more items */
	/* In the parent: `signal` is 0 if the item was stuck, else what the child crashed by. */
	void (*leave_out)(void *ctx, size_t i, int signal);
	void *ctx;
};

/* Zeroed memory that parent and children share, for the rest of the program. NULL: there is none.
 */
void *supervise_alloc(size_t size);

/* In the child: while it waits for somebody else than the item, it is not stuck. */
void supervise_pause(bool is_paused);

/* Without a child, all items one after the other, if there can be none. */
void supervise(const struct supervised *s);

#endif
