/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small numbers for objects that repeat, so that a recording names them in a byte or two. The
 * number of slots is fixed; when all are used, the one given out longest ago is reused. The reader
 * needs no table: it counts in the same way.
 */
#ifndef LOOPSTALL_RECORD_SLOTS_H
#define LOOPSTALL_RECORD_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slots;

int slots__new(struct slots **ret_slots, size_t max);
void slots__free(struct slots *s);
/* The slot of the key (a, b). *ret_is_new: this call gave it out. */
size_t slots__get(struct slots *s, uint64_t a, uint64_t b, bool *ret_is_new);
/* SIZE_MAX if it has none. */
size_t slots__find(const struct slots *s, uint64_t a, uint64_t b);
void slots__forget(struct slots *s);
/* Number of slots in use; they are numbered from 0. */
size_t slots__count(const struct slots *s);

#endif
