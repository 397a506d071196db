/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See light.h.
 */
#include "model/light.h"

#include <math.h>

/* Below this share a number is off by less than it says. */
#define PARTIAL_SHARE 0.005
/* Above it even windows of 5 ms in a minute are shorter. */
#define UNKNOWN_SHARE 0.9999
#define MIN_TIMED_STEPS 30

#define HITS_PER_STEP 2
/* As much as the estimated cost may take of what was measured. */
#define MAX_COST 0.75

void light__set_share(struct light *l, const struct snapshot *s)
{
	const double exact_ns = (double)s->exact_cpu_ns, light_ns = (double)s->light_cpu_ns;
	const double cost_ns = (double)(s->steps * HITS_PER_STEP * l->ns_per_hit);
	const double rest_ns = exact_ns - fmin(cost_ns, MAX_COST * exact_ns);

	l->share = light_ns > 0 ? light_ns / (light_ns + rest_ns) : 0;
}

bool light__is_partial(const struct light *l)
{
	return l->share > PARTIAL_SHARE;
}

bool light__can_scale(const struct light *l)
{
	return l->share < UNKNOWN_SHARE;
}

/* An estimate has no more than two digits that mean anything. */
static uint64_t two_digits(double value)
{
	double unit = 1;

	while (value / unit >= 100)
		unit *= 10;
	return (uint64_t)(round(value / unit) * unit);
}

uint64_t light__scale(const struct light *l, uint64_t steps)
{
	if (!light__is_partial(l) || !light__can_scale(l))
		return steps;
	return two_digits((double)steps / (1 - l->share));
}

double light__steps_per_s(const struct light *l, const struct snapshot *s, double handles_per_s)
{
	double per_handle;

	if (s->steps < MIN_TIMED_STEPS || !s->handles || !light__is_partial(l) ||
	    !light__can_scale(l))
		return NAN;
	per_handle = (double)s->steps / (1 - l->share) / ((double)s->handles / l->share);
	/* A step is a handle; the others are callbacks. */
	return (double)two_digits(handles_per_s * fmin(per_handle, 1));
}

bool light__has_steps(const struct light *l, uint64_t steps)
{
	return !light__is_partial(l) || (steps && light__can_scale(l));
}

bool light__has_percentile(const struct light *l, uint64_t steps, uint64_t stalls, double percent)
{
	if (!light__has_steps(l, steps))
		return false;
	return !light__is_partial(l) ||
		(double)stalls <= (double)light__scale(l, steps) * (1 - percent / 100);
}
