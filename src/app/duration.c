/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Durations: text to nanoseconds in integers, so that "0.1ms" is 100000 ns exactly, and back.
 */
#include "app/duration.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 },
};

#define N_UNITS N_OF(units)

static const struct unit *find_unit(const char *name)
{
	for (size_t i = 0; i < N_UNITS; i++)
		if (!strcmp(name, units[i].name))
			return &units[i];
	return NULL;
}

static int syntax_error(struct err *err, const char *text)
{
	return err__set(err, -EINVAL,
			"'%s' is not a duration: write a number and a unit, as in 10ms", text);
}

static int too_long(struct err *err, const char *text)
{
	return err__set(err, -ERANGE, "'%s' is too long a time", text);
}

/* Adds the digits behind the point; those below a nanosecond drop out. False: too much. */
static bool add_fraction(uint64_t *ns, const char *digits, int n, uint64_t unit_ns)
{
	for (uint64_t scale = unit_ns; n > 0 && scale > 0; n--, digits++) {
		const uint64_t digit = (uint64_t)(*digits - '0');

		if (__builtin_add_overflow(*ns, digit * scale / 10, ns))
			return false;
		scale /= 10;
	}
	return true;
}

int duration_parse(const char *text, uint64_t *ret_ns, struct err *err)
{
	const char *p = text;
	const char *digits;
	const char *fraction = "";
	const struct unit *unit;
	uint64_t whole = 0, ns;
	int n_fraction = 0, n_digits;

	for (digits = p; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return too_long(err, text);
	n_digits = p - digits;
	if (*p == '.') {
		fraction = ++p;
		for (; isdigit((unsigned char)*p); p++)
			n_fraction++;
	}
	if (n_digits + n_fraction == 0)
		return syntax_error(err, text);
	if (!*p)
		return err__set(err, -EINVAL,
				"'%s' has no unit: write %sms, %ss or another of " DURATION_UNITS,
				text, text, text);
	unit = find_unit(p);
	if (!unit)
		return err__set(err, -EINVAL,
				"'%s' has an unknown unit: durations take " DURATION_UNITS, text);
	if (__builtin_mul_overflow(whole, unit->ns, &ns) ||
	    !add_fraction(&ns, fraction, n_fraction, unit->ns) || ns > INT64_MAX)
		return too_long(err, text);
	*ret_ns = ns;
	return 0;
}

void duration_format(uint64_t ns, char *buf, size_t size)
{
	for (size_t i = N_UNITS; i-- > 0;) {
		const uint64_t unit_ns = units[i].ns, milli_ns = unit_ns / 1000;
		const uint64_t whole = ns / unit_ns, rest = ns % unit_ns;
		uint64_t decimals;
		int width = 3;

		if (!whole && i > 0)
			continue;
		if (!rest) {
			snprintf(buf, size, "%" PRIu64 " %s", whole, units[i].name);
			return;
		}
		/* Minutes read badly with decimals: "90 s", not "1.5 m". */
		if (i == N_UNITS - 1 || rest % milli_ns)
			continue;
		for (decimals = rest / milli_ns; decimals % 10 == 0; decimals /= 10)
			width--;
		snprintf(buf, size, "%" PRIu64 ".%0*" PRIu64 " %s", whole, width, decimals,
			 units[i].name);
		return;
	}
}
