/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of some words somebody meant who typed another one.
 */
#ifndef LOOPSTALL_BASE_SIMILAR_H
#define LOOPSTALL_BASE_SIMILAR_H

#include <stddef.h>

struct similar {
	const char *typed;
	const char *word; /* the nearest so far, NULL: none is near */
	size_t distance;
};

#define SIMILAR_TO(text) ((struct similar){ .typed = (text) })

/*
 * Takes a word that could have been meant: one that differs in at most a third of its characters (a
 * wrong, missing or additional one, or two that changed places), or begins with the other one.
 */
void similar__offer(struct similar *s, const char *word);

/*
 * " (did you mean 'trace'?)", with `before` in front of the word; "" if none is near. Returns
 * `buf`.
 */
#define SIMILAR_BYTES 96
const char *similar__hint(const struct similar *s, const char *before, char buf[SIMILAR_BYTES]);

#endif
