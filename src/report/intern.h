/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers byte strings (names, frames, stacks, samples) in the order of their first arrival. Equal
 * bytes get the same number. Strings are copied.
 */
#ifndef LOOPSTALL_REPORT_INTERN_H
#define LOOPSTALL_REPORT_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intern_entry;

/* Zeroed at first. */
struct intern {
	struct intern_entry *table;
	struct intern_entry **entries; /* by number */
	size_t n, n_room;
};

void intern__done(struct intern *in);
/*
 * The number of the key; 1 if it is new, 0 if it was known, or -ENOMEM. A key's padding must be
 * zeroed.
 */
int intern__add(struct intern *in, const void *key, size_t bytes, uint32_t *ret_number);
/* The same for a string with its NUL. */
int intern__add_text(struct intern *in, const char *text, uint32_t *ret_number);
/* Whether the key is known, and its number. */
bool intern__find(const struct intern *in, const void *key, size_t bytes, uint32_t *ret_number);
/* The bytes of number `i`, which must exist. */
const void *intern__key(const struct intern *in, uint32_t i);

#endif
