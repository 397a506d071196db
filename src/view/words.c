/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two or three significant digits and no blank before the unit: a table of the dashboard has no
 * room for more.
 */
#include "view/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/time.h"

#define US 1000ULL
#define MS (1000 * US)
#define S (1000 * MS)

/* `value` in units of `one`, rounded once: one decimal below ten. */
static const char *scaled(uint64_t value, uint64_t one, const char *unit, char *buf)
{
	uint64_t tenths = (value + one / 20) / (one / 10);

	if (tenths < 100)
		snprintf(buf, WORDS_BYTES, "%" PRIu64 ".%" PRIu64 "%s", tenths / 10, tenths % 10,
			 unit);
	else
		snprintf(buf, WORDS_BYTES, "%" PRIu64 "%s", (value + one / 2) / one, unit);
	return buf;
}

const char *words__duration(uint64_t ns, char buf[WORDS_BYTES])
{
	uint64_t s = ns / S;

	if (ns == 0)
		return strcpy(buf, "0");
	if (ns < US)
		snprintf(buf, WORDS_BYTES, "%" PRIu64 "ns", ns);
	else if (ns < 999500)
		return scaled(ns, US, "us", buf);
	else if (ns < 999500 * US)
		return scaled(ns, MS, "ms", buf);
	else if (s < 60)
		return scaled(ns, S, "s", buf);
	else if (s < 3600)
		snprintf(buf, WORDS_BYTES, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 100 * 3600)
		snprintf(buf, WORDS_BYTES, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(buf, WORDS_BYTES, "%" PRIu64 "d", s / 86400);
	return buf;
}

const char *words__time_of_day(uint64_t at_ns, uint64_t offset_ns, char buf[WORDS_BYTES])
{
	const uint64_t wall_ns = at_ns + offset_ns;
	const time_t seconds = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;

	buf[0] = '\0';
	if (offset_ns && localtime_r(&seconds, &tm))
		snprintf(buf, WORDS_BYTES, "%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec,
			 (unsigned int)(wall_ns % NS_PER_S / NS_PER_MS));
	return buf;
}

const char *words__count(uint64_t count, char buf[WORDS_BYTES])
{
	if (count < 10000)
		snprintf(buf, WORDS_BYTES, "%" PRIu64, count);
	else if (count < 1000000)
		snprintf(buf, WORDS_BYTES, "%" PRIu64 ".%" PRIu64 "k", count / 1000,
			 count / 100 % 10);
	else if (count < 1000 * 1000000ULL)
		return scaled(count, 1000000, "M", buf);
	else
		return scaled(count, 1000 * 1000000ULL, "G", buf);
	return buf;
}

const char *words__rate(double per_s, char buf[WORDS_BYTES])
{
	if (!(per_s >= 0.05))
		return strcpy(buf, "0");
	if (per_s < 100)
		snprintf(buf, WORDS_BYTES, "%.1f", per_s);
	else if (per_s < 1e12)
		return words__count((uint64_t)(per_s + 0.5), buf);
	else
		return strcpy(buf, "?");
	return buf;
}

const char *words__percent(double share, char buf[WORDS_BYTES])
{
	if (!(share > 0))
		return strcpy(buf, "0");
	snprintf(buf, WORDS_BYTES, "%.1f", share < 10 ? share * 100 : 999.9);
	return buf;
}

const char *words__call(const struct runtime_words *runtime, enum ls_cause cause, enum sign sign,
			const char *syscall)
{
	const char *words = vocabulary_call(runtime, cause, sign, syscall, VOCABULARY_SHORT);

	if (words)
		return words;
	return syscall ? syscall : vocabulary_cause(cause);
}

const char *words__file(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}
