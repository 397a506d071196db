/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Things by slot (slots.h), in memory that grows with the slots in use.
 */
#ifndef LOOPSTALL_RECORD_RING_H
#define LOOPSTALL_RECORD_RING_H

#include <stddef.h>

struct ring {
	size_t item_bytes;
	size_t max; /* slots there can be */
	size_t n_given; /* by ring__next(), those used again included */
	size_t room;
	char *items;
};

void ring__init(struct ring *r, size_t item_bytes, size_t max);
void ring__done(struct ring *r);
/* The thing in a slot below `max`, zeroed if nobody wrote to it. NULL without memory. Valid until the next call. */
void *ring__at(struct ring *r, size_t slot);
/* The slot that comes next. */
size_t ring__next(struct ring *r);
/* Slots in use, by ring__next(). */
size_t ring__count(const struct ring *r);

#endif
