/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resolver's answers by question. The recorder and the player use the same table.
 */
#ifndef LOOPSTALL_RECORD_ANSWERS_H
#define LOOPSTALL_RECORD_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

enum answer_kind {
	ANSWER_CODE,
	ANSWER_LINE,
	ANSWER_NATIVE,
	ANSWER_SYSCALL,
	ANSWER_THREAD,
	ANSWER_FILE_LINES,
	ANSWER_AWAITED,
	ANSWER_SOURCE,
	ANSWER_COLLECTS,
	ANSWER_MAX
};

struct answer_key {
	uint32_t kind; /* enum answer_kind */
	uint32_t pid;
	uint64_t a,
		/* code: its address and its qualified name's; line: frame; native: address; ... */
		b;
};

struct answer {
	struct answer_key key;
	const char *text; /* name; NULL if there is none; lives as long as its resolver */
	const char *file; /* of code */
	uint32_t number; /* line, thread, number of lines */
	uint8_t is_failed; /* code: the resolver could not read it */
	uint32_t epoch; /* for the owner of the table */
	uint64_t asked; /* the same */
};

struct answers;

int answers__new(struct answers **ret_answers, size_t max);
void answers__free(struct answers *a);
static inline void answers__freep(struct answers **a)
{
	answers__free(*a);
}

/* NULL if there is none. Valid until answers__forget(). */
struct answer *answers__find(struct answers *a, const struct answer_key *key);
/* Adds an empty answer with this key. NULL without memory or if there are `max` already. */
struct answer *answers__add(struct answers *a, const struct answer_key *key);
size_t answers__count(const struct answers *a);
void answers__forget(struct answers *a);
/* The answer that was added after `before` (NULL: the first one); NULL at the end. */
struct answer *answers__next(struct answers *a, const struct answer *before);

#endif
