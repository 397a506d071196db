/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both looks are sorted the same way, so one pass over them finds who was there before.
 */
#include "session/lives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

/* A member of a group. */
struct life_age {
	uint64_t object, key; /* key: that of its group */
	uint64_t identity, since_ns;
	bool is_rare; /* its kind */
};

void lives__done(struct lives *l)
{
	free(l->ages);
	*l = (struct lives){ 0 };
}

static int age_compare(const void *va, const void *vb)
{
	const struct life_age *a = va, *b = vb;

	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
}

/* With room for `n_more`. */
static struct life_age *ages_of(const struct lifecycle *life, size_t n_more, uint64_t now_ns)
{
	struct life_age *ages = calloc(life->n_members + n_more + 1, sizeof(*ages));

	for (size_t i = 0; ages && i < life->n_members; i++) {
		const struct life_member *m = &life->members[i];

		ages[i] = (struct life_age){ m->object, life->groups[m->group].key, m->identity,
					     now_ns,
					     life_kind__is_rare(life->groups[m->group].kind) };
	}
	if (ages)
		array__sort(ages, life->n_members, sizeof(*ages), age_compare);
	return ages;
}

static struct life_group *group_of(struct lifecycle *life, uint64_t key)
{
	for (size_t i = 0; i < life->n; i++)
		if (life->groups[i].key == key)
			return &life->groups[i];
	return NULL;
}

static void note_ended(struct lifecycle *life, const struct life_age *age)
{
	struct life_group *group = group_of(life, age->key);

	if (group)
		group->ended++;
}

/* What is not there any more has left its group, and another object may have its place. */
static void compare(const struct lives *before, struct life_age *ages, struct lifecycle *life)
{
	size_t at = 0;

	for (size_t i = 0; i < life->n_members; i++) {
		while (at < before->n && age_compare(&before->ages[at], &ages[i]) < 0)
			note_ended(life, &before->ages[at++]);
		if (at == before->n || age_compare(&before->ages[at], &ages[i]) != 0)
			continue;
		if (before->ages[at].identity == ages[i].identity)
			ages[i].since_ns = before->ages[at].since_ns;
		else
			note_ended(life, &before->ages[at]);
		at++;
	}
	while (at < before->n)
		note_ended(life, &before->ages[at++]);
}

static int member_compare(const void *va, const void *vb)
{
	const struct life_age *a = va, *b = vb;

	return (a->key > b->key) - (a->key < b->key);
}

/* The oldest of each group. The ages are copied: they stay in their order. */
static int set_since(struct lifecycle *life, const struct life_age *ages)
{
	_cleanup_free_ struct life_age *by_key = calloc(life->n_members + 1, sizeof(*by_key));
	struct life_group *group = NULL;

	if (!by_key)
		return -ENOMEM;
	memcpy(by_key, ages, life->n_members * sizeof(*ages));
	array__sort(by_key, life->n_members, sizeof(*by_key), member_compare);
	for (size_t i = 0; i < life->n_members; i++) {
		if (!group || group->key != by_key[i].key)
			group = group_of(life, by_key[i].key);
		if (group && (!group->since_ns || by_key[i].since_ns < group->since_ns))
			group->since_ns = by_key[i].since_ns;
	}
	return 0;
}

/* What a cheap look has not looked for is kept for the next full one. How many there are then. */
static size_t keep_rare(const struct lives *before, struct life_age *ages, size_t n)
{
	for (size_t i = 0; i < before->n; i++)
		if (before->ages[i].is_rare)
			ages[n++] = before->ages[i];
	array__sort(ages, n, sizeof(*ages), age_compare);
	return n;
}

int lives__look(struct lives *l, struct lifecycle *life, uint64_t now_ns)
{
	const bool is_cheap = life->depth == LIFE_CHEAP;
	struct life_age *ages = ages_of(life, is_cheap ? l->n : 0, now_ns);
	size_t n = life->n_members;
	int r;

	if (!ages)
		return -ENOMEM;
	for (size_t i = 0; i < life->n; i++)
		life->groups[i].since_ns = life->groups[i].ended = 0;
	compare(l, ages, life);
	r = set_since(life, ages);
	if (is_cheap)
		n = keep_rare(l, ages, n);
	free(l->ages);
	*l = (struct lives){ n, ages, l->looks + 1 };
	return r;
}

static bool is_problem(enum life_kind kind)
{
	return kind != LIFE_ALIVE && kind != LIFE_GENERATOR && kind != LIFE_UNSTARTED;
}

static int worth_compare(const void *va, const void *vb)
{
	const struct life_group *a = va, *b = vb;
	const bool has_a = is_problem(a->kind), has_b = is_problem(b->kind);

	if (has_a != has_b)
		return has_a ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
}

size_t lives__choose(const struct lifecycle *life, struct life_group *ret_groups, size_t max)
{
	_cleanup_free_ struct life_group *sorted = calloc(life->n + 1, sizeof(*sorted));
	const size_t n = life->n < max ? life->n : max;

	if (!sorted)
		return 0;
	memcpy(sorted, life->groups, life->n * sizeof(*sorted));
	qsort(sorted, life->n, sizeof(*sorted), worth_compare);
	memcpy(ret_groups, sorted, n * sizeof(*sorted));
	return n;
}
