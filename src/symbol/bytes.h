/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded reader of DWARF's encodings. After a read past the end it is bad and gives zeros.
 */
#ifndef LOOPSTALL_SYMBOL_BYTES_H
#define LOOPSTALL_SYMBOL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *p, *end;
	bool is_bad;
};

static inline size_t bytes__left(const struct bytes *b)
{
	return (size_t)(b->end - b->p);
}

/* An unsigned number of at most 8 bytes, little-endian. */
static inline uint64_t bytes__fixed(struct bytes *b, size_t size)
{
	uint64_t value = 0;

	if (size > sizeof(value) || bytes__left(b) < size) {
		b->is_bad = true;
		b->p = b->end;
		return 0;
	}
	memcpy(&value, b->p, size);
	b->p += size;
	return value;
}

static inline uint64_t bytes__leb(struct bytes *b, bool is_signed)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		const uint64_t byte = bytes__fixed(b, 1);

		value |= (byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (is_signed && (byte & 0x40) && shift + 7 < 64)
			value |= ~0ULL << (shift + 7);
		return value;
	}
	b->is_bad = true;
	return 0;
}

static inline uint64_t bytes__uleb(struct bytes *b)
{
	return bytes__leb(b, false);
}

static inline int64_t bytes__sleb(struct bytes *b)
{
	return (int64_t)bytes__leb(b, true);
}

/* A string that ends with a NUL; "" if there is none. */
static inline const char *bytes__text(struct bytes *b)
{
	const char *text = (const char *)b->p;
	const void *nul = memchr(b->p, 0, bytes__left(b));

	if (!nul) {
		b->is_bad = true;
		b->p = b->end;
		return "";
	}
	b->p = (const uint8_t *)nul + 1;
	return text;
}

/* The next `size` bytes, which are passed over. */
static inline struct bytes bytes__cut(struct bytes *b, uint64_t size)
{
	struct bytes part = { b->p, b->p, false };

	if (size > bytes__left(b)) {
		b->is_bad = true;
		b->p = b->end;
		return part;
	}
	b->p += size;
	part.end = b->p;
	return part;
}

#endif
