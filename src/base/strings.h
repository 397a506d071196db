/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strings kept once each. They live as long as the pool, so that nobody has to
 * copy a name, and the pool is bounded: when it is full, new names become "?".
 */
#ifndef LOOPSTALL_BASE_STRINGS_H
#define LOOPSTALL_BASE_STRINGS_H

#include <stdbool.h>
#include <stddef.h>

struct strings;

int strings__new(struct strings **ret_strings, size_t max_bytes);
void strings__free(struct strings *s);
static inline void strings__freep(struct strings **s)
{
	strings__free(*s);
}

/* The pool's own copy of `text`; "?" if it is full or memory has run out. Never NULL. */
const char *strings__intern(struct strings *s, const char *text);

/* Has memory run out at a text? */
bool strings__is_short_of_memory(const struct strings *s);

#endif
