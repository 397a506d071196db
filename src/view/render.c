/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Colour marks problems; a good value has none.
 */
#include "view/render.h"

#include "base/time.h"

#define LONG_STEP_NS (10 * NS_PER_MS) /* steps from here on are coloured as long */
#define SEVERE_STEP_NS 100000000ULL
#define LEAST_TREND 0.02 /* of a core: smaller values are drawn low and without an arrow */
#define LITTLE 0.2 /* of the largest load of all rows */
#define MUCH 1.5 /* times the rest */
#define LEAST_TICKS 6

void cell__share(struct table_cell *cell, double share)
{
	char number[WORDS_BYTES];

	cell__printf(cell, "%s", words__percent(share, number));
}

void cell__rate(struct table_cell *cell, double per_s)
{
	char number[WORDS_BYTES];

	cell__printf(cell, "%s", words__rate(per_s, number));
}

void cell__step(struct table_cell *cell, uint64_t ns)
{
	cell__duration(cell, ns);
	if (ns >= LONG_STEP_NS)
		cell->attr = ns >= SEVERE_STEP_NS ? ATTR_BAD : ATTR_WARN;
}

void cell__stalls(struct table_cell *cell, uint64_t stalls)
{
	cell__count(cell, stalls);
	cell->attr = stalls > 0 ? ATTR_BOLD : ATTR_DIM;
}

void cell__ago(struct table_cell *cell, const struct table_scene *scene, uint64_t at_ns)
{
	if (at_ns > 0 && scene->now_ns >= at_ns)
		cell__duration(cell, scene->now_ns - at_ns);
}

static double mean(const float *values, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)values[i];
	return sum / (double)n;
}

int trend_direction(const float *values, size_t n)
{
	double before, last;

	if (n < LEAST_TICKS)
		return 0;
	before = mean(values, n - n / 3);
	last = mean(values + (n - n / 3), n / 3);
	if (last > before * MUCH && last - before >= LEAST_TREND)
		return 1;
	return before > last * MUCH && before - last >= LEAST_TREND ? -1 : 0;
}

double trend_most(const float *values, size_t n)
{
	double most = LEAST_TREND;

	for (size_t i = 0; i < n; i++)
		most = (double)values[i] > most ? (double)values[i] : most;
	return most;
}

size_t trend_shares(const float *values, size_t n, double most, double *shares, size_t cells)
{
	size_t each = n > cells ? (n + cells - 1) / cells : 1, used = (n + each - 1) / each, i;

	for (i = 0; i < used; i++)
		shares[i] = 0;
	/* Counted from the end, so that the newest cell is a whole one. */
	for (i = 0; i < n; i++) {
		double *share = &shares[used - 1 - (n - 1 - i) / each];

		*share = (double)values[i] / most > *share ? (double)values[i] / most : *share;
	}
	return used;
}

void cell__trend(struct table_cell *cell, const struct table_scene *scene, const float *values,
		 size_t n)
{
	double shares[TREND_CELLS], most = 0;
	size_t used;
	int direction = trend_direction(values, n);
	const char *up = scene->is_utf8 ? " \u2191" : " ^",
		   *down = scene->is_utf8 ? " \u2193" : " v";

	if (n == 0)
		return;
	used = trend_shares(values, n, scene->trend_most, shares, TREND_CELLS);
	for (size_t i = 0; i < used; i++) {
		cell__printf(cell, "%s", canvas_spark(shares[i], scene->is_utf8));
		most = shares[i] > most ? shares[i] : most;
	}
	cell__printf(cell, "%s", direction > 0 ? up : direction < 0 ? down : "  ");
	cell->attr = direction > 0 ? ATTR_WARN :
		direction < 0	   ? ATTR_GOOD :
		most < LITTLE	   ? ATTR_FAINT :
				     ATTR_DIM;
}
