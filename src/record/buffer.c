/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See buffer.h.
 */
#include "record/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "record/format.h"

#define FIRST_BYTES 4096
#define VARINT_MAX_BYTES 10

void buffer__done(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){};
}

bool buffer__grow(struct buffer *b, size_t n)
{
	size_t max = b->max ? b->max : FIRST_BYTES;
	uint8_t *data;

	if (b->is_bad)
		return false;
	if (b->n + n <= b->max)
		return true;
	while (max < b->n + n)
		max *= 2;
	data = realloc(b->data, max);
	if (!data) {
		b->is_bad = true;
		return false;
	}
	b->data = data;
	b->max = max;
	return true;
}

void buffer__bytes(struct buffer *b, const void *data, size_t n)
{
	if (n == 0 || !buffer__grow(b, n))
		return;
	memcpy(b->data + b->n, data, n);
	b->n += n;
}

void buffer__varint(struct buffer *b, uint64_t value)
{
	if (!buffer__grow(b, VARINT_MAX_BYTES))
		return;
	for (; value >= 0x80; value >>= 7)
		b->data[b->n++] = (uint8_t)(value | 0x80);
	b->data[b->n++] = (uint8_t)value;
}

void buffer__signed(struct buffer *b, int64_t value)
{
	buffer__varint(b, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

size_t text__fit(const char *text, size_t max)
{
	size_t n = strnlen(text, max + 1);

	if (n <= max)
		return n;
	for (n = max; n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

void buffer__text(struct buffer *b, const char *text)
{
	const size_t n = text ? text__fit(text, FORMAT_MAX_TEXT_BYTES) : 0;

	buffer__varint(b, n);
	buffer__bytes(b, text, n);
}

uint64_t cursor__varint(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; !c->is_bad && shift < 64; shift += 7) {
		const uint8_t byte = c->at < c->end ? *c->at++ : 0xff;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			/* The tenth byte has room for one bit. */
			if (shift < 63 || byte <= 1)
				return value;
			break;
		}
	}
	c->is_bad = true;
	return 0;
}

int64_t cursor__signed(struct cursor *c)
{
	const uint64_t value = cursor__varint(c);

	return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

uint64_t cursor__below(struct cursor *c, uint64_t limit)
{
	const uint64_t value = cursor__varint(c);

	if (value < limit)
		return value;
	c->is_bad = true;
	return 0;
}

static bool is_text(const char *text, size_t n)
{
	uint32_t character;
	size_t step;

	for (; n > 0; n -= step, text += step) {
		step = utf8__decode(text, n, &character);
		if (step == 0 || character == 0)
			return false;
	}
	return true;
}

const char *cursor__text(struct cursor *c, size_t *ret_bytes)
{
	const size_t n = cursor__below(c, FORMAT_MAX_TEXT_BYTES + 1);
	const char *text = (const char *)c->at;

	*ret_bytes = 0;
	if (c->is_bad || n > (size_t)(c->end - c->at) || !is_text(text, n)) {
		c->is_bad = true;
		return "";
	}
	c->at += n;
	*ret_bytes = n;
	return text;
}
