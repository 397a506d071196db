/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integer arithmetic only, so that a number has the same text on every machine and in every locale.
 */
#include "report/format.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <wchar.h>

#include "base/array.h"
#include "base/utf8.h"

struct scale {
	uint64_t one; /* of this unit, in the smallest one */
	const char *unit;
};

/*
 * `value` with three significant digits in units of `one`, rounded half up. 0 if that takes four
 * digits.
 */
static int three_digits(uint64_t value, uint64_t one, const char *unit, char *buf)
{
	unsigned int decimals;
	uint64_t rounded;

	for (decimals = 3; decimals-- > 0;) {
		uint64_t scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;

		rounded = (uint64_t)(((unsigned __int128)value * scale + one / 2) / one);
		if (rounded >= 1000)
			continue;
		if (decimals == 0 || one == 1)
			snprintf(buf, FORMAT_NUMBER_BYTES, "%" PRIu64 "%s", rounded / scale, unit);
		else
			snprintf(buf, FORMAT_NUMBER_BYTES, "%" PRIu64 ".%0*" PRIu64 "%s",
				 rounded / scale, (int)decimals, rounded % scale, unit);
		return 1;
	}
	return 0;
}

/* In the first unit in which three digits suffice, else as a whole number of the last unit. */
static const char *scaled(uint64_t value, const struct scale *scales, size_t n, char *buf)
{
	for (size_t i = 0; i < n; i++)
		if (three_digits(value, scales[i].one, scales[i].unit, buf))
			return buf;
	snprintf(buf, FORMAT_NUMBER_BYTES, "%" PRIu64 "%s", value / scales[n - 1].one,
		 scales[n - 1].unit);
	return buf;
}

const char *format__duration(uint64_t ns, char buf[FORMAT_NUMBER_BYTES])
{
	static const struct scale scales[] = {
		{ 1, " ns" },
		{ 1000, " us" },
		{ 1000000, " ms" },
		{ 1000000000, " s" },
	};

	if (ns == 0)
		return strcpy(buf, "0 s");
	return scaled(ns, scales, N_OF(scales), buf);
}

const char *format__count(uint64_t count, char buf[FORMAT_NUMBER_BYTES])
{
	static const struct scale scales[] = {
		{ 1000000, "M" },
		{ 1000000000, "G" },
	};

	if (count >= 10000000)
		return scaled(count, scales, N_OF(scales), buf);
	snprintf(buf, FORMAT_NUMBER_BYTES, "%" PRIu64, count);
	return buf;
}

const char *format__bytes(uint64_t bytes, char buf[FORMAT_NUMBER_BYTES])
{
	static const struct scale scales[] = {
		{ 1, " B" },
		{ 1U << 10, " KiB" },
		{ 1U << 20, " MiB" },
		{ 1U << 30, " GiB" },
	};

	return scaled(bytes, scales, N_OF(scales), buf);
}

const char *format__percent(uint64_t part, uint64_t whole, char buf[FORMAT_NUMBER_BYTES])
{
	uint64_t hundredths;

	if (whole == 0)
		return strcpy(buf, "-");
	hundredths = (uint64_t)(((unsigned __int128)part * 10000 + whole / 2) / whole);
	snprintf(buf, FORMAT_NUMBER_BYTES, "%" PRIu64 ".%02" PRIu64 "%%", hundredths / 100,
		 hundredths % 100);
	return buf;
}

const char *format__path_tail(const char *path, unsigned int components)
{
	const char *p = path + strlen(path);

	while (p > path)
		if (*--p == '/' && --components == 0)
			return p + 1;
	return path;
}

/* Bytes of the character at `text`, and the columns it takes. */
static size_t next_char(const char *text, size_t *ret_columns)
{
	uint32_t c;
	size_t n = utf8__decode(text, strlen(text), &c);
	int columns;

	if (n == 0) {
		*ret_columns = 1;
		return 1;
	}
	/* wcwidth() returns -1 for characters that the locale lacks; count one column. */
	columns = wcwidth((wchar_t)c);
	*ret_columns = columns < 0 ? 1 : (size_t)columns;
	return n;
}

size_t format__columns(const char *text)
{
	size_t total = 0, columns;

	for (; *text; total += columns)
		text += next_char(text, &columns);
	return total;
}

size_t format__cut(FILE *out, const char *text, size_t columns)
{
	static const char mark[] = "..";
	size_t used = 0, mark_columns = sizeof(mark) - 1, n, n_columns;

	if (format__columns(text) <= columns) {
		fputs(text, out);
		return format__columns(text);
	}
	if (mark_columns > columns)
		mark_columns = columns;
	for (; *text; text += n) {
		n = next_char(text, &n_columns);
		if (used + n_columns + mark_columns > columns)
			break;
		fwrite(text, 1, n, out);
		used += n_columns;
	}
	fwrite(mark, 1, mark_columns, out);
	return used + mark_columns;
}

void format__left(FILE *out, const char *text, size_t columns)
{
	size_t used = format__cut(out, text, columns);

	fprintf(out, "%*s", (int)(columns - used), "");
}

void format__right(FILE *out, const char *text, size_t columns)
{
	size_t used = format__columns(text);

	if (used < columns)
		fprintf(out, "%*s", (int)(columns - used), "");
	format__cut(out, text, columns);
}

#define ID_DIGITS 12 /* of a container's id, as docker, podman and crictl show it */

const char *format__cgroup(const char *cgroup, char buf[FORMAT_CGROUP_BYTES])
{
	static const char scope[] = ".scope";
	const char *slash = cgroup ? strrchr(cgroup, '/') : NULL;
	const char *p = slash ? slash + 1 : cgroup ? cgroup : "?";
	size_t used = 0, digits = 0;

	for (; *p && strcmp(p, scope) != 0 && used + 1 < FORMAT_CGROUP_BYTES; p++) {
		digits = isxdigit((unsigned char)*p) ? digits + 1 : 0;
		if (digits <= ID_DIGITS)
			buf[used++] = *p;
	}
	buf[used] = '\0';
	return buf;
}
