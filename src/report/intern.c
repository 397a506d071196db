/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash table of byte strings, and their order.
 */
#include "report/intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/table.h"

struct intern_entry {
	UT_hash_handle hh;
	uint32_t number;
	_Alignas(8) char key[];
};

void intern__done(struct intern *in)
{
	HASH_CLEAR(hh, in->table);
	for (size_t i = 0; i < in->n; i++)
		free(in->entries[i]);
	free(in->entries);
	*in = (struct intern){};
}

static int make_room(struct intern *in)
{
	if (in->n >= UINT32_MAX / 2)
		return -ENOMEM;
	return ARRAY_RESERVE(in->entries, in->n_room, in->n + 1);
}

bool intern__find(const struct intern *in, const void *key, size_t bytes, uint32_t *ret_number)
{
	const struct intern_entry *e;

	HASH_FIND(hh, in->table, key, bytes, e);
	if (e)
		*ret_number = e->number;
	return e != NULL;
}

int intern__add(struct intern *in, const void *key, size_t bytes, uint32_t *ret_number)
{
	struct intern_entry *e;

	if (intern__find(in, key, bytes, ret_number))
		return 0;
	if (make_room(in) < 0)
		return -ENOMEM;
	e = calloc(1, sizeof(*e) + bytes);
	if (!e)
		return -ENOMEM;
	memcpy(e->key, key, bytes);
	e->number = (uint32_t)in->n;
	if (table__add_bytes(in->table, e, bytes) < 0) {
		free(e);
		return -ENOMEM;
	}
	in->entries[in->n++] = e;
	*ret_number = e->number;
	return 1;
}

int intern__add_text(struct intern *in, const char *text, uint32_t *ret_number)
{
	return intern__add(in, text, strlen(text) + 1, ret_number);
}

const void *intern__key(const struct intern *in, uint32_t i)
{
	return in->entries[i]->key;
}
