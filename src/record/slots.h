/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers for things that come again, so that a recording can name them in a byte or two. There is a fixed
 * number of slots; when all are taken, the one given out longest ago is used again. The reader needs no table:
 * it counts along.
 */
#ifndef LOOPSTALL_RECORD_SLOTS_H
#define LOOPSTALL_RECORD_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slots;

int slots__new(struct slots **ret_slots, size_t max);
void slots__free(struct slots *s);
/* The slot of (a, b). Sets *ret_is_new if it was given out by this call. */
size_t slots__get(struct slots *s, uint64_t a, uint64_t b, bool *ret_is_new);
/* SIZE_MAX if it has none. */
size_t slots__find(const struct slots *s, uint64_t a, uint64_t b);
void slots__forget(struct slots *s);
/* Those in use, from 0 on. */
size_t slots__count(const struct slots *s);

#endif
