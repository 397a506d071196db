/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Elements by slot number (slots.h), in memory that grows with the slots in use.
 */
#ifndef LOOPSTALL_RECORD_RING_H
#define LOOPSTALL_RECORD_RING_H

#include <stddef.h>

struct ring {
	size_t item_bytes;
	size_t max; /* number of slots */
	size_t n_given; /* slots given out by ring__next(), including reused ones */
	size_t room;
	char *items;
};

void ring__init(struct ring *r, size_t item_bytes, size_t max);
void ring__done(struct ring *r);
/*
 * The element of a slot below `max`, zeroed if it was never written. NULL without memory. Valid
 * until the next call.
 */
void *ring__at(struct ring *r, size_t slot);
/* Gives out the next slot. */
size_t ring__next(struct ring *r);
/* Slots in use, by ring__next(). */
size_t ring__count(const struct ring *r);

#endif
