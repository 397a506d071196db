/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See ring.h.
 */
#include "record/ring.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16

void ring__init(struct ring *r, size_t item_bytes, size_t max)
{
	*r = (struct ring){ .item_bytes = item_bytes, .max = max };
}

void ring__done(struct ring *r)
{
	free(r->items);
	r->items = NULL;
	r->room = r->n_given = 0;
}

void *ring__at(struct ring *r, size_t slot)
{
	size_t room = r->room ? r->room : FIRST_ROOM;
	char *items;

	while (room <= slot)
		room *= 2;
	if (room > r->room) {
		items = reallocarray(r->items, room, r->item_bytes);
		if (!items)
			return NULL;
		memset(items + r->room * r->item_bytes, 0, (room - r->room) * r->item_bytes);
		r->items = items;
		r->room = room;
	}
	return r->items + slot * r->item_bytes;
}

size_t ring__next(struct ring *r)
{
	return r->n_given++ % r->max;
}

size_t ring__count(const struct ring *r)
{
	return r->n_given < r->max ? r->n_given : r->max;
}
