/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The distance is that of Damerau and Levenshtein, with neighbours exchanged at most once (optimal
 * string alignment), over three rows of the usual table.
 */
#include "base/similar.h"

#include <stdio.h>
#include <string.h>

#define MAX_BYTES 32 /* longer words are not compared */
#define LEAST_PREFIX 2

static size_t least(size_t a, size_t b, size_t c)
{
	const size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static size_t distance_of(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	size_t rows[3][MAX_BYTES + 1], *before = rows[0], *last = rows[1], *now = rows[2], *spare;

	for (size_t k = 0; k <= m; k++)
		last[k] = before[k] = k;
	for (size_t i = 1; i <= n; i++) {
		now[0] = i;
		for (size_t k = 1; k <= m; k++) {
			now[k] = least(last[k] + 1, now[k - 1] + 1,
				       last[k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				now[k] = least(now[k], before[k - 2] + 1, now[k]);
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

void similar__offer(struct similar *s, const char *word)
{
	const size_t typed_bytes = strlen(s->typed), bytes = strlen(word);
	size_t distance;

	if (typed_bytes > MAX_BYTES || bytes > MAX_BYTES)
		return;
	distance = distance_of(s->typed, word);
	if ((typed_bytes >= LEAST_PREFIX && !strncmp(word, s->typed, typed_bytes)) ||
	    (bytes > LEAST_PREFIX && !strncmp(word, s->typed, bytes)))
		distance = distance ? 1 : 0;
	if (3 * distance > bytes || (s->word && s->distance <= distance))
		return;
	s->word = word;
	s->distance = distance;
}

const char *similar__hint(const struct similar *s, const char *before, char buf[SIMILAR_BYTES])
{
	buf[0] = '\0';
	if (s->word)
		snprintf(buf, SIMILAR_BYTES, " (did you mean '%s%s'?)", before, s->word);
	return buf;
}
