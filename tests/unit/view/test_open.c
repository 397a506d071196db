/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stall that is open: when the alarm comes and goes, what it says first, and that its row stays
 * the same one when it ends.
 */
#include <criterion/criterion.h>

#include "base/array.h"
#include "view/alarm.h"
#include "view/stage.h"

/* It has been open for so long at the time that is drawn. */
static void open_for(struct stage *s, uint64_t ns)
{
	struct view_fixture *f = s->fixture;

	f->live[0].start_ns = f->status.now_ns - ns;
	f->live[0].duration_ns = ns;
	f->rows[0].open_since_ns = f->live[0].start_ns;
	f->snapshot.live_ns = f->status.now_ns;
	fixture_sum(&f->snapshot);
	stage__draw(s);
}

static void begin(struct stage *s)
{
	stage__init(s, &(struct view_opts){ 0 });
	s->fixture->snapshot.n_live = 1;
	s->fixture->rows[0].open = 1;
}

/* The open stall ends, `ago_ns` before the time that is drawn. */
static void end(struct stage *s, uint64_t ago_ns)
{
	struct view_fixture *f = s->fixture;

	f->stalls[0] = f->live[0];
	f->stalls[0].end = LS_END_RETURN;
	f->snapshot.n_live = 0;
	f->rows[0].open = 0;
	f->status.now_ns = f->live[0].start_ns + f->live[0].duration_ns + ago_ns;
	stage__draw(s);
}

Test(open, alarm_comes_when_it_can_be_read)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	open_for(&s, 490 * VIEW_MS);
	cr_expect_not(stage__shows(&s, "STUCK"));
	cr_expect(stage__shows(&s, "loop busy"));
	cr_expect_not(stage__shows(&s, "1 now"));
	open_for(&s, 510 * VIEW_MS);
	cr_expect(stage__shows(&s, "STUCK 0.51 s"));
	cr_expect(stage__shows(&s, "1 now"));
	s.fixture->status.threshold_ns = 100 * VIEW_MS;
	open_for(&s, 990 * VIEW_MS);
	cr_expect_not(stage__shows(&s, "STUCK"));
	open_for(&s, 1010 * VIEW_MS);
	cr_expect(stage__shows(&s, "STUCK 1.01 s"));
}

Test(open, alarm_stays_for_two_seconds)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	open_for(&s, 600 * VIEW_MS);
	end(&s, 10 * VIEW_MS);
	cr_expect(stage__shows(&s, "was stuck 0.60 s"));
	cr_expect(stage__shows(&s, "14 tasks waited"));
	s.fixture->status.now_ns += 1980 * VIEW_MS;
	stage__draw(&s);
	cr_expect(stage__shows(&s, "was stuck 0.60 s"));
	s.fixture->status.now_ns += 20 * VIEW_MS;
	stage__draw(&s);
	cr_expect_not(stage__shows(&s, "stuck"));
	cr_expect(stage__shows(&s, "loop busy"));
}

Test(open, ordinary_stall_leaves_no_alarm)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	open_for(&s, 90 * VIEW_MS);
	end(&s, 10 * VIEW_MS);
	cr_expect_not(stage__shows(&s, "stuck"));
}

Test(open, alarm_names_the_users_line_first)
{
	_cleanup_(stage__done) struct stage s;
	struct stall *live;

	begin(&s);
	live = &s.fixture->live[0];
	live->stack[2] = live->stack[1];
	live->own = live->stack[1] = live->stack[0];
	live->stack[0] =
		(struct model_frame){ "dumps", "/usr/lib/python3.11/json/__init__.py", 231 };
	live->n_frames = 3;
	open_for(&s, VIEW_S);
	cr_expect(stage__shows(&s, "STUCK 1.00 s  db.py:31 in fetch_row  blocked in time.sleep"));
	cr_assert_eq(canvas__resize(s.canvas, 24, 150), 0);
	stage__draw(&s);
	cr_expect(
		stage__shows(&s, "14 tasks waiting  in __init__.py:231 in dumps \u2190 web.py:14"));
}

Test(open, alarm_says_what_it_waits_for)
{
	static const struct {
		enum ls_cause cause;
		const char *text;
	} causes[] = {
		{ LS_CAUSE_CPU, "fetch_row  computes" },
		{ LS_CAUSE_GIL, "fetch_row  waits for the GIL" },
		{ LS_CAUSE_RUNQUEUE, "fetch_row  waits for a CPU" },
		{ LS_CAUSE_LOCK, "fetch_row  blocked in lock" },
	};
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	s.fixture->live[0].call_syscall = NULL;
	for (size_t i = 0; i < N_OF(causes); i++) {
		s.fixture->live[0].cause = causes[i].cause;
		open_for(&s, VIEW_S);
		cr_expect(stage__shows(&s, causes[i].text), "%s", causes[i].text);
	}
}

Test(open, row_is_first_in_every_order_and_counts)
{
	static const char *const orders[] = { "", "w", "ww", "wI", "C", "X" };
	_cleanup_(stage__done) struct stage s;

	for (size_t i = 0; i < N_OF(orders); i++) {
		begin(&s);
		open_for(&s, 60 * VIEW_MS);
		stage__type(&s, "3");
		stage__type(&s, orders[i]);
		cr_expect(stage__shows(&s, "\u25b8    now    60ms"), "order %s", orders[i]);
		s.fixture->status.now_ns += 40 * VIEW_MS;
		stage__draw(&s);
		cr_expect(stage__shows(&s, "\u25b8    now   100ms"), "order %s", orders[i]);
		stage__done(&s);
	}
	begin(&s);
}

Test(open, row_becomes_the_ordinary_one)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	open_for(&s, 700 * VIEW_MS);
	stage__type(&s, "3jk");
	cr_expect(stage__shows(&s, "[Stalls]"));
	cr_expect(stage__shows(&s, "\u25b8    now   700ms"));
	cr_expect(stage__shows(&s, " 4\n"));
	end(&s, 3 * VIEW_S);
	cr_expect(stage__shows(&s, "\u25b8   3.0s   700ms"));
	cr_expect_not(stage__shows(&s, "now"));
	cr_expect(stage__shows(&s, " 3\n"));
}

Test(open, detail_follows_it_to_its_end)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	open_for(&s, 700 * VIEW_MS);
	stage__type(&s, "3");
	cr_expect_not(view__wants_tasks(s.view));
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "of the open stall: 700ms so far in Task-99"));
	cr_expect(stage__shows(&s, "14 tasks   heartbeat   metrics   and 12 more"));
	cr_expect(view__wants_tasks(s.view));
	s.fixture->status.now_ns += 100 * VIEW_MS;
	stage__draw(&s);
	cr_expect(stage__shows(&s, "of the open stall: 800ms so far"));
	s.fixture->live[0].is_victims_unknown = true;
	stage__draw(&s);
	cr_expect(stage__shows(&s, "waiting not known"));
	end(&s, VIEW_S);
	cr_expect(stage__shows(&s, "of this stall: 700ms in Task-99"));
	cr_expect_not(stage__shows(&s, "so far"));
	cr_expect_not(view__wants_tasks(s.view));
}

Test(open, duration_of_old_recordings_is_that_since_the_start)
{
	const struct stall stall = { .end = LS_END_OPEN, .start_ns = 5 * VIEW_S };
	const struct stall nested = { .end = LS_END_OPEN,
				      .start_ns = 5 * VIEW_S,
				      .duration_ns = VIEW_S };

	cr_expect_eq(alarm__lasted_ns(&stall, 6 * VIEW_S, 7 * VIEW_S), 2 * VIEW_S);
	cr_expect_eq(alarm__lasted_ns(&nested, 8 * VIEW_S, 9 * VIEW_S), 2 * VIEW_S);
}
