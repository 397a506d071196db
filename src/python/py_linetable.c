/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoders of CPython's three line table formats. Pure functions over untrusted bytes: no table can
 * make them read outside it, loop forever or overflow. Sources: cpython 3.8 and 3.10:
 * Objects/lnotab_notes.txt, PEP 626; from 3.11 on: Objects/locations.md.
 */
#include "python/py_linetable.h"

#define PEP626_NO_LINE (-128)
#define CODE_UNIT_BYTES 2

/* Kinds of entries in a location table. */
#define LOCATION_ONE_LINE_0 10
#define LOCATION_ONE_LINE_2 12
#define LOCATION_NO_COLUMNS 13
#define LOCATION_LONG 14
#define LOCATION_NONE 15

static uint32_t checked_line(int64_t line)
{
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

static uint32_t lnotab_line(const uint8_t *table, size_t size, int64_t line, int64_t addr)
{
	int64_t at = 0;
	size_t i;

	for (i = 0; i + 1 < size; i += 2) {
		at += table[i];
		if (at > addr)
			break;
		line += (int8_t)table[i + 1];
	}
	return checked_line(line);
}

static uint32_t pep626_line(const uint8_t *table, size_t size, int64_t line, int64_t addr)
{
	int64_t at = 0;
	int8_t delta;
	size_t i;

	for (i = 0; i + 1 < size; i += 2) {
		delta = (int8_t)table[i + 1];
		if (delta != PEP626_NO_LINE)
			line += delta;
		at += table[i];
		if (at > addr)
			return delta == PEP626_NO_LINE ? 0 : checked_line(line);
	}
	return 0;
}

struct cursor {
	const uint8_t *at, *end;
};

/* Little-endian groups of 6 bits. Bits beyond 32 are skipped. */
static uint32_t cursor__varint(struct cursor *c)
{
	unsigned int shift = 0;
	uint32_t value = 0;

	while (c->at < c->end) {
		if (shift < 32)
			value |= (uint32_t)(*c->at & 0x3f) << shift;
		shift += shift < 32 ? 6 : 0;
		if (!(*c->at++ & 0x40))
			break;
	}
	return value;
}

static int64_t cursor__svarint(struct cursor *c)
{
	uint32_t value = cursor__varint(c);

	return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

/* Line difference to the previous entry. The caller skips the columns. */
static int64_t location_delta(struct cursor *c, unsigned int kind)
{
	switch (kind) {
	case LOCATION_LONG:
	case LOCATION_NO_COLUMNS:
		return cursor__svarint(c);
	case LOCATION_ONE_LINE_0 ... LOCATION_ONE_LINE_2:
		return kind - LOCATION_ONE_LINE_0;
	default:
		return 0;
	}
}

static uint32_t locations_line(const uint8_t *table, size_t size, int64_t line, int64_t addr)
{
	struct cursor c = { .at = table, .end = table + size };
	unsigned int kind;
	int64_t at = 0;
	uint8_t first;

	while (c.at < c.end) {
		first = *c.at++;
		kind = first >> 3 & 15;
		line += location_delta(&c, kind);
		at += CODE_UNIT_BYTES * ((first & 7) + 1);
		if (at > addr)
			return kind == LOCATION_NONE ? 0 : checked_line(line);
		/* Only an entry's first byte has the top bit set: what is left are columns. */
		while (c.at < c.end && !(*c.at & 0x80))
			c.at++;
	}
	return 0;
}

uint32_t py_linetable__line(enum ls_linetable format, const uint8_t *table, size_t size,
			    uint32_t first_line, int64_t addr)
{
	/* A frame that has not begun stands before its first instruction. */
	if (addr < 0)
		return first_line;
	switch (format) {
	case LS_LINETABLE_LNOTAB:
		return lnotab_line(table, size, first_line, addr);
	case LS_LINETABLE_PEP626:
		return pep626_line(table, size, first_line, addr);
	case LS_LINETABLE_LOCATIONS:
		return locations_line(table, size, first_line, addr);
	}
	return 0;
}
