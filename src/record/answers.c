/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of answers, on uthash. Its entries never move, so pointers to answers stay valid.
 */
#include "record/answers.h"

#include <errno.h>
#include <stdlib.h>

#include "base/table.h"

struct entry {
	struct answer answer; /* must be first: a pointer to the answer is a pointer to the entry */
	UT_hash_handle hh;
};

struct answers {
	struct entry *all;
	size_t max;
};

int answers__new(struct answers **ret_answers, size_t max)
{
	struct answers *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->max = max;
	*ret_answers = a;
	return 0;
}

void answers__free(struct answers *a)
{
	if (!a)
		return;
	answers__forget(a);
	free(a);
}

void answers__forget(struct answers *a)
{
	table__free(a->all, free);
}

struct answer *answers__find(struct answers *a, const struct answer_key *key)
{
	struct entry *e;

	HASH_FIND(hh, a->all, key, sizeof(*key), e);
	return e ? &e->answer : NULL;
}

struct answer *answers__add(struct answers *a, const struct answer_key *key)
{
	struct entry *e;

	if (HASH_COUNT(a->all) >= a->max)
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->answer.key = *key;
	HASH_ADD(hh, a->all, answer.key, sizeof(e->answer.key), e);
	if (e->hh.tbl)
		return &e->answer;
	free(e);
	return NULL;
}

size_t answers__count(const struct answers *a)
{
	return HASH_COUNT(a->all);
}

struct answer *answers__next(struct answers *a, const struct answer *before)
{
	struct entry *e = before ? ((const struct entry *)before)->hh.next : a->all;

	return e ? &e->answer : NULL;
}
