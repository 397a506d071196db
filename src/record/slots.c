/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All memory is allocated at once, so that giving out a slot cannot fail; pages are touched only
 * when used.
 */
#include "record/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	uint64_t a, b;
	uint32_t next; /* slot + 1 of the same bucket */
};

struct slots {
	size_t max, n_given, n_buckets;
	struct slot *slots;
	uint32_t *buckets; /* slot + 1, so that zeroed memory is an empty table */
};

int slots__new(struct slots **ret_slots, size_t max)
{
	struct slots *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->max = max;
	for (s->n_buckets = 1; s->n_buckets < max; s->n_buckets *= 2)
		;
	s->slots = calloc(max, sizeof(*s->slots));
	s->buckets = calloc(s->n_buckets, sizeof(*s->buckets));
	if (!s->slots || !s->buckets) {
		slots__free(s);
		return -ENOMEM;
	}
	*ret_slots = s;
	return 0;
}

void slots__free(struct slots *s)
{
	if (!s)
		return;
	free(s->slots);
	free(s->buckets);
	free(s);
}

static uint32_t *slots__bucket(const struct slots *s, uint64_t a, uint64_t b)
{
	uint64_t hash = a * 0x9e3779b97f4a7c15ULL ^ (b + (a >> 32)) * 0xc2b2ae3d27d4eb4fULL;

	hash ^= hash >> 29;
	return &s->buckets[(hash * 0x9e3779b97f4a7c15ULL >> 32) & (s->n_buckets - 1)];
}

static void slots__remove(struct slots *s, size_t slot)
{
	uint32_t *link = slots__bucket(s, s->slots[slot].a, s->slots[slot].b);

	while (*link != slot + 1)
		link = &s->slots[*link - 1].next;
	*link = s->slots[slot].next;
}

size_t slots__find(const struct slots *s, uint64_t a, uint64_t b)
{
	for (uint32_t i = *slots__bucket(s, a, b); i; i = s->slots[i - 1].next)
		if (s->slots[i - 1].a == a && s->slots[i - 1].b == b)
			return i - 1;
	return SIZE_MAX;
}

size_t slots__get(struct slots *s, uint64_t a, uint64_t b, bool *ret_is_new)
{
	size_t slot = slots__find(s, a, b);
	uint32_t *bucket;

	*ret_is_new = slot == SIZE_MAX;
	if (!*ret_is_new)
		return slot;
	slot = s->n_given % s->max;
	if (s->n_given >= s->max)
		slots__remove(s, slot);
	s->n_given++;
	bucket = slots__bucket(s, a, b);
	s->slots[slot] = (struct slot){ .a = a, .b = b, .next = *bucket };
	*bucket = (uint32_t)slot + 1;
	return slot;
}

void slots__forget(struct slots *s)
{
	if (s->n_given == 0)
		return;
	s->n_given = 0;
	memset(s->buckets, 0, s->n_buckets * sizeof(*s->buckets));
}

size_t slots__count(const struct slots *s)
{
	return s->n_given < s->max ? s->n_given : s->max;
}
