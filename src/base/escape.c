/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Escapes for terminal lines. JSON and other formats have escapes of their own and take the plain
 * text.
 */
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define ESCAPE_BYTES 8 /* "\u202e" and its NUL */

/* Unicode: PropList.txt, Bidi_Control; and the two line separators. */
static bool is_reordering(uint32_t c)
{
	return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
		(c >= 0x2066 && c <= 0x2069);
}

/* Writes the escape of `c`, or nothing if it is harmless. Returns its length. */
static size_t escape_char(uint32_t c, char escape[ESCAPE_BYTES])
{
	int n = 0;

	switch (c) {
	case '\n':
		n = snprintf(escape, ESCAPE_BYTES, "\\n");
		break;
	case '\r':
		n = snprintf(escape, ESCAPE_BYTES, "\\r");
		break;
	case '\t':
		n = snprintf(escape, ESCAPE_BYTES, "\\t");
		break;
	case '\\':
		n = snprintf(escape, ESCAPE_BYTES, "\\\\");
		break;
	default:
		if (c < 0x20 || c == 0x7f)
			n = snprintf(escape, ESCAPE_BYTES, "\\x%02x", (unsigned int)c);
		else if ((c >= 0x80 && c <= 0x9f) || is_reordering(c))
			n = snprintf(escape, ESCAPE_BYTES, "\\u%04x", (unsigned int)(c & 0xffff));
	}
	return (size_t)n;
}

size_t text__escape(const char *in, char *out, size_t size)
{
	size_t left = strlen(in), total = 0, used = 0, n, n_in;
	char escape[ESCAPE_BYTES];
	bool is_cut = false;
	const char *piece;
	uint32_t c = 0;

	for (; left > 0; in += n_in, left -= n_in) {
		n_in = utf8__decode(in, left, &c);
		piece = escape;
		if (n_in == 0) {
			n_in = 1;
			n = (size_t)snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)*in);
		} else {
			n = escape_char(c, escape);
			if (n == 0) {
				piece = in;
				n = n_in;
			}
		}
		total += n;
		is_cut = is_cut || used + n >= size;
		if (!is_cut) {
			memcpy(out + used, piece, n);
			used += n;
		}
	}
	if (size > 0)
		out[used] = '\0';
	return total;
}
