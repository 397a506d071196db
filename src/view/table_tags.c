/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tagged rows by identity, whether the snapshot has them or not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "view/table_impl.h"

/* Where the identity is, or would be. */
static size_t find_tag(const struct table *t, uint64_t id)
{
	size_t low = 0, high = t->n_tags, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (t->tags[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct table *t, size_t at, uint64_t id)
{
	return at < t->n_tags && t->tags[at] == id;
}

bool table__is_tagged(const struct table *t, uint64_t id)
{
	return is_at(t, find_tag(t, id), id);
}

static int reserve(struct table *t)
{
	return t->n_tags < TABLE_MAX_TAGS ? ARRAY_RESERVE(t->tags, t->tags_size, t->n_tags + 1) :
					    -E2BIG;
}

static void set_tag(struct table *t, uint64_t id)
{
	size_t at = find_tag(t, id);

	if (is_at(t, at, id) || reserve(t) != 0)
		return;
	memmove(&t->tags[at + 1], &t->tags[at], (t->n_tags++ - at) * sizeof(t->tags[0]));
	t->tags[at] = id;
}

void table__tag(struct table *t)
{
	uint64_t id;
	size_t at;

	if (t->cursor >= t->n_lines)
		return;
	id = t->lines[t->cursor].id;
	at = find_tag(t, id);
	if (is_at(t, at, id))
		memmove(&t->tags[at], &t->tags[at + 1], (--t->n_tags - at) * sizeof(t->tags[0]));
	else
		set_tag(t, id);
}

/* What is below a line are the lines behind it that are deeper. */
void table__tag_branch(struct table *t)
{
	size_t at = t->cursor, i;

	if (at >= t->n_lines)
		return;
	set_tag(t, t->lines[at].id);
	for (i = at + 1; t->is_tree && i < t->n_lines && t->lines[i].depth > t->lines[at].depth;
	     i++)
		if (!t->lines[i].is_context)
			set_tag(t, t->lines[i].id);
}

void table__untag(struct table *t)
{
	t->n_tags = 0;
}

size_t table__tagged(const struct table *t)
{
	return t->n_tags;
}
