/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Light mode on the screens: what was not counted is no 0, and what is an estimate says so.
 */
#include "view/stage.h"

static void set_light(struct stage *s, double share)
{
	s->fixture->status.light = (struct light){ .is_now = true };
	s->fixture->snapshot.light_cpu_ns = (uint64_t)(share * 1e9);
	s->fixture->snapshot.exact_cpu_ns = (uint64_t)((1 - share) * 1e9);
	s->fixture->snapshot.handles = 3000000;
	for (size_t i = 0; i < s->fixture->snapshot.n_seconds; i++) {
		s->fixture->seconds[i].steps = 0;
		s->fixture->seconds[i].handles = 2843;
	}
}

Test(view_light, rates_are_estimated_from_handles)
{
	_cleanup_(stage__done) struct stage s;
	const struct view_opts opts = {};

	stage__init(&s, &opts);
	canvas__free(s.canvas);
	cr_assert_eq(canvas__new(&s.canvas, 30, 160, true), 0);
	set_light(&s, 0.5);
	s.fixture->snapshot.steps = 3000000;
	stage__draw(&s);
	cr_expect(stage__shows(&s, "~2800 steps/s"));
	cr_expect_not(stage__shows(&s, " 0 steps/s"));
	/* Never timed: handles are all there is. */
	set_light(&s, 1);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "2843 handles/s"));
	cr_expect_not(stage__shows(&s, "steps/s"));
	cr_expect_not(stage__shows(&s, "steps named"));
}

Test(view_light, counts_are_scaled_and_marked)
{
	_cleanup_(stage__done) struct stage s;
	const struct view_opts opts = { .columns = "name,steps,rate,busy,p99,stalls" };

	stage__init(&s, &opts);
	s.fixture->rows[0].steps = 3000;
	s.fixture->rows[0].stalls = 60;
	fixture_sum(&s.fixture->snapshot);
	set_light(&s, 0.975);
	stage__draw(&s);
	cr_expect(stage__shows(&s, " ~120k        -      -  ~52ms      60"));
	/* 60 of 1600 steps stalled: what does the sample know of the slowest one in a hundred? */
	s.fixture->rows[0].steps = 40;
	fixture_sum(&s.fixture->snapshot);
	stage__draw(&s);
	cr_expect(stage__shows(&s, " ~1600        -      -      -      60"));
	/* Stalls alone. */
	s.fixture->rows[0].steps = 0;
	fixture_sum(&s.fixture->snapshot);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "     -        -      -      -      60"));
}

Test(view_light, tasks_have_no_zero_times)
{
	_cleanup_(stage__done) struct stage s;
	const struct view_opts opts = { .screen = "tasks", .columns = "name,busy,steps,total,max" };
	static const struct task_row task = { .name = "worker", .task = 1 };

	stage__init(&s, &opts);
	s.fixture->snapshot.n_tasks = 1;
	s.fixture->snapshot.tasks = &task;
	set_light(&s, 1);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "worker") && stage__shows(&s, " -      -      -      -"));
}
