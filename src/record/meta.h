/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metadata of a recording as pairs of texts (docs/recording.md lists them): program, host, time,
 * processes.
 */
#ifndef LOOPSTALL_RECORD_META_H
#define LOOPSTALL_RECORD_META_H

#include <stddef.h>
#include <stdint.h>

struct meta_pair {
	char *key, *value;
};

struct meta {
	size_t n;
	struct meta_pair *pairs; /* in the order they were first set */
};

void meta__done(struct meta *m);
/* Sets or replaces. 0 or -ENOMEM; -E2BIG if there are FORMAT_MAX_NOTES already. */
int meta__set(struct meta *m, const char *key, const char *value);
int meta__set_u64(struct meta *m, const char *key, uint64_t value);
/* Removes all pairs whose key begins with `prefix`. */
void meta__remove(struct meta *m, const char *prefix);
int meta__copy(struct meta *m, const struct meta *from);
/* NULL if it is not there. */
const char *meta__get(const struct meta *m, const char *key);
/* `otherwise` if the key is missing or its value is no number. */
uint64_t meta__u64(const struct meta *m, const char *key, uint64_t otherwise);

#endif
