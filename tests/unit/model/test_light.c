/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What counts are worth of which a part was measured in light mode.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "model/light.h"

static const struct light exact = { .share = 0 }, windows = { true, 0, 0.975 },
			  light = { true, 0, 1 };

Test(light, the_share_is_of_the_time_on_the_cpu_without_the_probes)
{
	struct light l = { .ns_per_hit = 500 };
	struct snapshot s = { .steps = 10000, .exact_cpu_ns = 20000000, .light_cpu_ns = 90000000 };

	/* 10 of the 20 ms were the probes'. */
	light__set_share(&l, &s);
	cr_expect_float_eq(l.share, 0.9, 1e-9);
	/* However much that would be, something is left. */
	s.steps = 1000000;
	light__set_share(&l, &s);
	cr_expect_float_eq(l.share, 90.0 / 95, 1e-9);
	s = (struct snapshot){ .steps = 10, .exact_cpu_ns = 20000000 };
	light__set_share(&l, &s);
	cr_expect_eq(l.share, 0);
}

Test(light, what_was_counted_is_not_scaled)
{
	cr_expect_not(light__is_partial(&exact));
	cr_expect_eq(light__scale(&exact, 3062), 3062);
	cr_expect(light__has_steps(&exact, 0));
	/* One stall of four steps: the histogram has it. */
	cr_expect(light__has_percentile(&exact, 4, 1, 99));
}

Test(light, steps_of_windows_are_scaled)
{
	cr_expect(light__is_partial(&windows));
	cr_expect_eq(light__scale(&windows, 3000), 120000);
	cr_expect(light__has_steps(&windows, 1));
	cr_expect_not(light__has_steps(&windows, 0));
}

Test(light, without_windows_steps_are_not_known)
{
	cr_expect_not(light__can_scale(&light));
	cr_expect_not(light__has_steps(&light, 4));
	cr_expect_not(light__has_percentile(&light, 4, 15, 50));
}

Test(light, a_percentile_does_not_contradict_the_stalls)
{
	/* 60 of 120 000 steps stalled: the 99th percentile is that of a quick one. */
	cr_expect(light__has_percentile(&windows, 3000, 60, 99));
	/* 60 of 1600: more than one in a hundred. */
	cr_expect_not(light__has_percentile(&windows, 40, 60, 99));
	cr_expect(light__has_percentile(&windows, 40, 60, 95));
	cr_expect_not(light__has_percentile(&windows, 1, 60, 50));
}

Test(light, steps_per_second_come_from_handles)
{
	/* In 1000 s: 25 s exact with 120 steps/s, 975 s light with 300 handles/s. */
	const struct snapshot s = { .steps = 3000, .handles = 292500 };
	const struct snapshot few = { .steps = 10, .handles = 292500 };
	const struct snapshot more = { .steps = 30000, .handles = 292500 };

	cr_expect_float_eq(light__steps_per_s(&windows, &s, 600), 240, 0.01);
	/* Each step is a handle. */
	cr_expect_float_eq(light__steps_per_s(&windows, &more, 600), 600, 0.01);
	cr_expect(isnan(light__steps_per_s(&windows, &few, 600)));
	cr_expect(isnan(light__steps_per_s(&light, &s, 600)));
}
