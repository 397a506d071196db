/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Varints and length-delimited fields into growing memory.
 */
#include "report/protobuf.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_VARINT 0
#define TYPE_64 1
#define TYPE_BYTES 2
#define MAX_VARINT_BYTES 10

void protobuf__done(struct protobuf *p)
{
	free(p->data);
	*p = (struct protobuf){};
}

void protobuf__clear(struct protobuf *p)
{
	p->size = 0;
}

static void put(struct protobuf *p, const void *data, size_t size)
{
	if (p->r < 0 || !size)
		return;
	if (size > p->room - p->size) {
		size_t room = 2 * p->room + size + 64;
		uint8_t *grown = realloc(p->data, room);

		if (!grown) {
			p->r = -ENOMEM;
			return;
		}
		p->data = grown;
		p->room = room;
	}
	memcpy(p->data + p->size, data, size);
	p->size += size;
}

static size_t varint(uint64_t value, uint8_t buf[MAX_VARINT_BYTES])
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		buf[n++] = (uint8_t)(value | 0x80);
	buf[n++] = (uint8_t)value;
	return n;
}

static void put_varint(struct protobuf *p, uint64_t value)
{
	uint8_t buf[MAX_VARINT_BYTES];

	put(p, buf, varint(value, buf));
}

void protobuf__u64(struct protobuf *p, unsigned int field, uint64_t value)
{
	if (!value)
		return;
	put_varint(p, field << 3 | TYPE_VARINT);
	put_varint(p, value);
}

void protobuf__bytes(struct protobuf *p, unsigned int field, const void *data, size_t size)
{
	put_varint(p, field << 3 | TYPE_BYTES);
	put_varint(p, size);
	put(p, data, size);
}

void protobuf__message(struct protobuf *p, unsigned int field, const struct protobuf *message)
{
	if (message->r < 0)
		p->r = message->r;
	protobuf__bytes(p, field, message->data, message->size);
}

void protobuf__packed(struct protobuf *p, unsigned int field, const uint64_t *values, size_t n)
{
	uint8_t buf[MAX_VARINT_BYTES];
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += varint(values[i], buf);
	put_varint(p, field << 3 | TYPE_BYTES);
	put_varint(p, size);
	for (size_t i = 0; i < n; i++)
		put_varint(p, values[i]);
}

static void put_64(struct protobuf *p, uint64_t value)
{
	const uint64_t little = htole64(value);

	put(p, &little, sizeof(little));
}

void protobuf__fixed64(struct protobuf *p, unsigned int field, uint64_t value)
{
	put_varint(p, field << 3 | TYPE_64);
	put_64(p, value);
}

void protobuf__double(struct protobuf *p, unsigned int field, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	protobuf__fixed64(p, field, bits);
}

void protobuf__packed_fixed64(struct protobuf *p, unsigned int field, const uint64_t *values,
			      size_t n)
{
	put_varint(p, field << 3 | TYPE_BYTES);
	put_varint(p, n * sizeof(*values));
	for (size_t i = 0; i < n; i++)
		put_64(p, values[i]);
}

void protobuf__join(struct protobuf *p, const struct protobuf *other)
{
	if (other->r < 0)
		p->r = other->r;
	put(p, other->data, other->size);
}
