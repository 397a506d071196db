/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers and texts as bytes: a buffer that grows to write them to, a cursor to read them from. Both remember
 * a failure, so that a whole record is checked once, at its end.
 *
 * A varint has 7 bits in each byte, lowest first; the top bit says that another byte follows. A signed one is
 * folded first: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
 */
#ifndef LOOPSTALL_RECORD_BUFFER_H
#define LOOPSTALL_RECORD_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data;
	size_t n, max;
	bool is_bad; /* memory has run out: what is in it is not whole */
};

void buffer__done(struct buffer *b);
/* Makes room for `n` bytes more. False if there is none. */
bool buffer__grow(struct buffer *b, size_t n);
void buffer__bytes(struct buffer *b, const void *data, size_t n);
void buffer__varint(struct buffer *b, uint64_t value);
void buffer__signed(struct buffer *b, int64_t value);
/* Length, then the bytes; at most FORMAT_MAX_TEXT_BYTES of it, cut at a character. NULL is "". */
void buffer__text(struct buffer *b, const char *text);

/* Bytes of `text` that fit into `max`, cut at a character. */
size_t text__fit(const char *text, size_t max);

struct cursor {
	const uint8_t *at, *end;
	bool is_bad; /* something did not make sense; all that is read now is 0 */
};

uint64_t cursor__varint(struct cursor *c);
int64_t cursor__signed(struct cursor *c);
/* A number below `limit`. */
uint64_t cursor__below(struct cursor *c, uint64_t limit);
/*
 * The bytes of a text, whose number goes to *ret_bytes: UTF-8 without NULs, at most FORMAT_MAX_TEXT_BYTES, not
 * ended by a NUL. Never NULL.
 */
const char *cursor__text(struct cursor *c, size_t *ret_bytes);

#endif
