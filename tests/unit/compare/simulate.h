/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simulated programs: steps vary by their nature, by the stretch of the run they are in, and from
 * run to run.
 */
#ifndef TESTS_COMPARE_SIMULATE_H
#define TESTS_COMPARE_SIMULATE_H

#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "compare/series.h"

#define COROUTINES 4
#define SLICES 12
#define STEPS_IN_SLICE 80
#define STEP_SD 0.5 /* of the logarithm, as all below */
#define SLICE_SD 0.05
#define RUN_SD 0.03

static const char *const names[COROUTINES] = { "first", "second", "third", "fourth" };

/* The state of erand48(). */
struct random {
	unsigned short state[3];
};

/* Of a normal distribution, by the polar form of Box and Muller. */
static inline double random__normal(struct random *rng, double sd)
{
	const double radius = sqrt(-2 * log(1 - erand48(rng->state)));

	return sd * radius * cos(2 * M_PI * erand48(rng->state));
}

static inline void simulate_slice(struct random *rng, struct series *s, double log_ns)
{
	int i;

	for (i = 0; i < STEPS_IN_SLICE; i++)
		series__add_one(s, (uint64_t)exp(log_ns + random__normal(rng, STEP_SD)));
}

/* The first coroutine takes `factor` times as long. */
static inline struct run *simulate_run(struct random *rng, double factor)
{
	struct run *run = run__new();
	double effects[COROUTINES], slice_effect;
	int slice, i;

	cr_assert_not_null(run);
	for (i = 0; i < COROUTINES; i++)
		effects[i] = random__normal(rng, RUN_SD) + (i ? 0 : log(factor));
	for (slice = 0; slice < SLICES; slice++) {
		slice_effect = random__normal(rng, SLICE_SD);
		for (i = 0; i < COROUTINES; i++)
			simulate_slice(rng, run__coroutine(run, names[i], "app/web.py"),
				       log(1e6) + i + effects[i] + slice_effect);
		cr_assert_geq(run__cut(run), 0);
	}
	run->steps = COROUTINES * SLICES * STEPS_IN_SLICE;
	run->own_ns = (uint64_t)(30e6 * run->steps / COROUTINES);
	return run;
}

#endif
