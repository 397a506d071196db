/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See top_list.h.
 */
#include "serve/top_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"

/* The labels one after the other, each made safe and cut. Returns the bytes. */
static size_t make_key(const struct top_key *key, char *buf)
{
	size_t used = 0;

	for (size_t i = 0; i < TOP_LABELS && key->labels[i]; i++) {
		text__escape(key->labels[i], buf + used, TOP_LABEL_BYTES);
		used += strlen(buf + used) + 1;
	}
	return used;
}

int top_list__get(struct top_list *l, const struct top_key *key, struct top_row **ret_row)
{
	char buf[TOP_LABELS * TOP_LABEL_BYTES];
	const size_t size = make_key(key, buf);
	_cleanup_free_ struct top_row *made = NULL;
	int r;

	HASH_FIND(hh, l->rows, buf, size, *ret_row);
	if (*ret_row || HASH_COUNT(l->rows) >= TOP_CANDIDATES)
		return 0;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->key = malloc(size);
	if (!made->key)
		return -ENOMEM;
	memcpy(made->key, buf, size);
	made->key_bytes = size;
	r = table__add_bytes(l->rows, made, size);
	if (r < 0) {
		free(made->key);
		return r;
	}
	*ret_row = TAKE_PTR(made);
	return 0;
}

void top_list__add(struct top_list *l, struct top_row *row, const uint64_t values[TOP_VALUES])
{
	uint64_t *to = row && row->is_admitted ? row->shown : l->other;

	for (size_t i = 0; i < TOP_VALUES; i++) {
		to[i] += values[i];
		if (row)
			row->seen[i] += values[i];
	}
}

bool top_list__has_room(const struct top_list *l)
{
	return l->n_admitted < TOP_MOST;
}

void top_list__admit(struct top_list *l, struct top_row *row)
{
	l->n_admitted += !row->is_admitted;
	row->is_admitted = true;
}

const char *top_row__label(const struct top_row *row, size_t i)
{
	const char *label = row->key, *end = row->key + row->key_bytes;

	for (; i > 0 && label < end; i--)
		label += strlen(label) + 1;
	return label < end ? label : "";
}

void top_list__begin_pass(struct top_list *l)
{
	for (struct top_row *row = l->rows; row; row = row->hh.next)
		memset(row->pass, 0, sizeof(row->pass));
}

void top_row__pass(struct top_row *row, const uint64_t values[TOP_VALUES], bool is_last)
{
	for (size_t i = 0; i < TOP_VALUES; i++)
		*(is_last ? &row->ended[i] : &row->pass[i]) += values[i];
}

static bool is_idle(const struct top_row *row)
{
	for (size_t i = 0; i < TOP_VALUES; i++)
		if (row->pass[i])
			return false;
	return !row->is_admitted;
}

void top_list__end_pass(struct top_list *l)
{
	const bool is_crowded = HASH_COUNT(l->rows) > TOP_CANDIDATES / 4 * 3;
	struct top_row *row, *next;

	HASH_ITER (hh, l->rows, row, next) {
		uint64_t more[TOP_VALUES];

		for (size_t i = 0; i < TOP_VALUES; i++) {
			const uint64_t all = row->pass[i] + row->ended[i];

			/* A reading may fall a little; the sum does not. */
			more[i] = all > row->seen[i] ? all - row->seen[i] : 0;
		}
		top_list__add(l, row, more);
		if (!is_crowded || !is_idle(row))
			continue;
		HASH_DEL(l->rows, row);
		table__free_keyed(row);
	}
}

void top_list__done(struct top_list *l)
{
	table__free(l->rows, table__free_keyed);
	*l = (struct top_list){};
}
