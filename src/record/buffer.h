/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serialization of numbers and texts: a growing buffer to write to, a cursor to read from. Both
 * latch a failure, so that a record needs one check, at its end.
 *
 * A varint holds 7 bits per byte, lowest first; the top bit says that another byte follows. Signed
 * numbers are zigzag-encoded first: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
 */
#ifndef LOOPSTALL_RECORD_BUFFER_H
#define LOOPSTALL_RECORD_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data;
	size_t n, max;
	bool is_bad; /* an allocation failed: the contents are incomplete */
};

void buffer__done(struct buffer *b);
/* Reserves `n` more bytes. False without memory. */
bool buffer__grow(struct buffer *b, size_t n);
void buffer__bytes(struct buffer *b, const void *data, size_t n);
void buffer__varint(struct buffer *b, uint64_t value);
void buffer__signed(struct buffer *b, int64_t value);
/*
 * Writes the length, then at most FORMAT_MAX_TEXT_BYTES bytes, cut between characters. NULL is "".
 */
void buffer__text(struct buffer *b, const char *text);

/* Number of bytes of `text` that fit into `max`, cut between characters. */
size_t text__fit(const char *text, size_t max);

struct cursor {
	const uint8_t *at, *end;
	bool is_bad; /* invalid data was read; every later read returns 0 */
};

uint64_t cursor__varint(struct cursor *c);
int64_t cursor__signed(struct cursor *c);
/* Reads a number; one that is not below `limit` is invalid. */
uint64_t cursor__below(struct cursor *c, uint64_t limit);
/*
 * The bytes of a text, whose number goes to *ret_bytes: UTF-8 without NULs, at most
 * FORMAT_MAX_TEXT_BYTES, not ended by a NUL. Never NULL.
 */
const char *cursor__text(struct cursor *c, size_t *ret_bytes);

#endif
