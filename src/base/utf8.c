/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-8 as RFC 3629 has it. All text from a target passes here on its way in, so that everything
 * behind may rely on valid UTF-8.
 */
#include "base/utf8.h"

#include <string.h>

#define ELLIPSIS "..."
#define ELLIPSIS_BYTES (sizeof(ELLIPSIS) - 1)

static bool is_scalar(uint32_t c)
{
	return c < 0xd800 || (c > 0xdfff && c <= 0x10ffff);
}

size_t utf8__decode(const char *in, size_t size, uint32_t *ret_char)
{
	const unsigned char *s = (const unsigned char *)in;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;
	uint32_t c;

	if (size == 0)
		return 0;
	if (s[0] < 0x80) {
		*ret_char = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		n = 2;
		c = s[0] & 0x1f;
	} else if ((s[0] & 0xf0) == 0xe0) {
		n = 3;
		c = s[0] & 0x0f;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		n = 4;
		c = s[0] & 0x07;
	} else {
		return 0;
	}
	if (n > size)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || !is_scalar(c))
		return 0;
	*ret_char = c;
	return n;
}

size_t utf8__encode(uint32_t c, char out[UTF8_MAX_BYTES])
{
	if (!is_scalar(c))
		c = UTF8_REPLACEMENT;
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* A bounded output that remembers the last place where an ellipsis still fits. */
struct sink {
	char *out;
	size_t size, used;
	size_t cut_at;
};

static bool sink__put(struct sink *s, uint32_t c)
{
	char bytes[UTF8_MAX_BYTES];
	size_t n = utf8__encode(c, bytes);

	if (s->used + n >= s->size)
		return false;
	memcpy(s->out + s->used, bytes, n);
	s->used += n;
	if (s->used + ELLIPSIS_BYTES < s->size)
		s->cut_at = s->used;
	return true;
}

static size_t sink__finish(struct sink *s, bool is_cut)
{
	if (s->size == 0)
		return 0;
	if (is_cut && s->size > ELLIPSIS_BYTES) {
		memcpy(s->out + s->cut_at, ELLIPSIS, ELLIPSIS_BYTES);
		s->used = s->cut_at + ELLIPSIS_BYTES;
	}
	s->out[s->used] = '\0';
	return s->used;
}

size_t utf8__sanitize(const char *in, char *out, size_t size)
{
	struct sink sink = { .out = out, .size = size };
	size_t left = strlen(in), n;
	bool is_cut = false;
	uint32_t c;

	while (left > 0 && !is_cut) {
		n = utf8__decode(in, left, &c);
		is_cut = !sink__put(&sink, n ? c : UTF8_REPLACEMENT);
		in += n ? n : 1;
		left -= n ? n : 1;
	}
	return sink__finish(&sink, is_cut);
}

static uint32_t wide_char(const uint8_t *at, unsigned int width)
{
	uint16_t c2;
	uint32_t c4;

	switch (width) {
	case 1:
		return *at;
	case 2:
		memcpy(&c2, at, sizeof(c2));
		return c2;
	default:
		memcpy(&c4, at, sizeof(c4));
		return c4;
	}
}

size_t utf8__from_wide(const void *data, size_t n, unsigned int width, bool is_cut, char *out,
		       size_t size)
{
	struct sink sink = { .out = out, .size = size };
	const uint8_t *at = data;
	uint32_t c;

	for (; n > 0; n--, at += width) {
		c = wide_char(at, width);
		/* A NUL would end the C string early and hide what follows it. */
		if (!sink__put(&sink, c ? c : UTF8_REPLACEMENT)) {
			is_cut = true;
			break;
		}
	}
	return sink__finish(&sink, is_cut);
}
