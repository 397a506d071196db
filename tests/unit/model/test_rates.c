/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What time makes of the readings: rates between two ticks, the last two minutes, spans that are
 * open, and a new beginning.
 */
#include "model/reading.h"

#define START (5000 * SECOND)

static void tick(struct script *s, uint64_t now_ns)
{
	cr_assert_eq(model__tick(s->model, now_ns), 0);
}

static void assert_near(double value, double expected)
{
	cr_assert(value > expected - 1e-9 && value < expected + 1e-9, "%f, not %f", value,
		  expected);
}

Test(rates, are_of_what_came_between_the_last_two_ticks)
{
	struct script *s = script_new();
	const struct coroutine_row *row;

	reading_coroutine(s, TID, HANDLER, 1000, MS);
	tick(s, START);
	row = reading_row(reading_snapshot(s), "handler");
	assert_near(row->steps_per_s, 0);
	reading_coroutine(s, TID, HANDLER, 1100, MS);
	reading_coroutine(s, TID + 1, HANDLER, 50, MS);
	tick(s, START + SECOND / 2);
	row = reading_row(reading_snapshot(s), "handler");
	assert_near(row->steps_per_s, 300);
	assert_near(row->busy, 0.3);
	tick(s, START + SECOND);
	row = reading_row(reading_snapshot(s), "handler");
	assert_near(row->steps_per_s, 0);
	assert_near(row->busy, 0);
	script_free(s);
}

Test(rates, trend_has_the_last_ticks_oldest_first)
{
	struct script *s = script_new();
	const struct coroutine_row *row;
	uint64_t i;

	reading_coroutine(s, TID, HANDLER, 1, MS);
	tick(s, START);
	cr_assert_eq(reading_row(reading_snapshot(s), "handler")->n_trend, 0,
		     "there is no rate yet");
	for (i = 1; i <= MODEL_TREND + 5; i++) {
		/* 10 ms more than in the second before. */
		reading_coroutine(s, TID, HANDLER, 1 + 10 * i * (i + 1) / 2, MS);
		if (i > MODEL_TREND)
			reading_coroutine(s, TID + 1, HANDLER, 1 + 2000 * (i - MODEL_TREND), MS);
		tick(s, START + i * SECOND);
		if (i == 3) {
			row = reading_row(reading_snapshot(s), "handler");
			cr_assert_eq(row->n_trend, 3);
			cr_assert_float_eq(row->trend[0], 0.01, 1e-6);
			cr_assert_float_eq(row->trend[2], 0.03, 1e-6);
		}
	}
	row = reading_row(reading_snapshot(s), "handler");
	cr_assert_eq(row->n_trend, MODEL_TREND);
	cr_assert_float_eq(row->trend[0], 0.06, 1e-6);
	cr_assert_float_eq(row->trend[MODEL_TREND - 6], 0.3, 1e-6);
	cr_assert_eq(row->trend[MODEL_TREND - 5], 1, "of two threads, never more than one");
	model__reset(s->model);
	reading_coroutine(s, TID, HANDLER, 10000, MS);
	row = reading_row(reading_snapshot(s), "handler");
	cr_assert_eq(row->n_trend, 0);
	tick(s, START + 100 * SECOND);
	cr_assert_eq(reading_row(reading_snapshot(s), "handler")->n_trend, 1);
	script_free(s);
}

Test(rates, what_was_suffered_is_summed_and_begins_anew)
{
	const struct ls_coro_key key = { HANDLER, PID, TID }, other = { HANDLER, PID, TID + 1 };
	struct ls_coro_stats stats = { .steps = 5, .suffered = 2, .suffered_ns = 30 * MS };
	struct script *s = script_new();
	const struct coroutine_row *row;

	cr_assert_eq(model__coroutine(s->model, &key, &stats), 0);
	cr_assert_eq(model__coroutine(s->model, &other, &stats), 0);
	row = reading_row(reading_snapshot(s), "handler");
	cr_assert_eq(row->suffered, 4);
	cr_assert_eq(row->suffered_ns, 60 * MS);
	model__reset(s->model);
	cr_assert_null(reading_row(reading_snapshot(s), "handler"));
	stats.suffered++;
	stats.suffered_ns += 7 * MS;
	cr_assert_eq(model__coroutine(s->model, &key, &stats), 0);
	row = reading_row(reading_snapshot(s), "handler");
	cr_assert_eq(row->suffered, 1);
	cr_assert_eq(row->suffered_ns, 7 * MS);
	cr_assert_eq(row->steps, 0, "it waits still");
	script_free(s);
}

Test(rates, share_of_a_core_is_never_above_one)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	tick(s, START);
	reading_coroutine(s, TID, HANDLER, 1, 5 * SECOND);
	reading_thread(s, PID, TID, 1, 5 * SECOND);
	tick(s, START + SECOND);
	snap = reading_snapshot(s);
	assert_near(reading_row(snap, "handler")->busy, 1);
	assert_near(snap->loops[0].busy, 1);
	script_free(s);
}

Test(rates, loops_are_by_pid_and_tid)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	reading_thread(s, PID + 1, TID, 0, 0);
	reading_thread(s, PID, TID + 1, 0, 0);
	reading_thread(s, PID, TID, 0, 0);
	tick(s, START);
	reading_thread(s, PID, TID + 1, 400, SECOND / 4);
	tick(s, START + SECOND);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_loops, 3);
	cr_assert_eq(snap->loops[0].tid, TID);
	assert_near(snap->loops[0].busy, 0);
	cr_assert_eq(snap->loops[1].tid, TID + 1);
	assert_near(snap->loops[1].busy, 0.25);
	assert_near(snap->loops[1].steps_per_s, 400);
	cr_assert_eq(snap->loops[2].pid, PID + 1);
	script_free(s);
}

Test(rates, span_that_is_open_counts_as_busy_once)
{
	struct script *s = script_new();
	const struct model_live live = { .stall = { .hdr = { .tgid = PID, .tid = TID },
						    .unit = LS_UNIT_STEP,
						    .start_ns = START + SECOND / 2 },
					 .syscall = LS_NO_SYSCALL };

	reading_thread(s, PID, TID, 0, 0);
	tick(s, START);
	cr_assert_eq(model__live(s->model, &live, 1), 0);
	tick(s, START + SECOND);
	assert_near(reading_snapshot(s)->loops[0].busy, 0.5);
	tick(s, START + 2 * SECOND);
	assert_near(reading_snapshot(s)->loops[0].busy, 1);
	/* It ended after 1.75 s in all, 0.25 s of them new. */
	cr_assert_eq(model__live(s->model, NULL, 0), 0);
	reading_thread(s, PID, TID, 1, 7 * SECOND / 4);
	tick(s, START + 3 * SECOND);
	assert_near(reading_snapshot(s)->loops[0].busy, 0.25);
	script_free(s);
}

Test(rates, seconds_share_out_what_ticks_tell)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	reading_thread(s, PID, TID, 0, 0);
	tick(s, START + SECOND / 2);
	reading_thread(s, PID, TID, 100, SECOND / 2);
	tick(s, START + 3 * SECOND / 2);
	reading_thread(s, PID, TID, 100, SECOND / 2);
	tick(s, START + 5 * SECOND / 2);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_seconds, 3);
	assert_near(snap->seconds[0].busy, 0.5);
	assert_near(snap->seconds[0].steps, 100);
	assert_near(snap->seconds[1].busy, 0.25);
	assert_near(snap->seconds[1].steps, 50);
	assert_near(snap->seconds[2].busy, 0);
	script_free(s);
}

Test(rates, the_last_second_there_is_ends_the_shares)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	reading_thread(s, PID, TID, 0, 0);
	tick(s, UINT64_MAX - SECOND);
	reading_thread(s, PID, TID, 100, SECOND / 4);
	tick(s, UINT64_MAX);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_seconds, 2);
	assert_near(snap->seconds[0].busy, 0.25);
	assert_near(snap->seconds[1].busy, 0.25);
	script_free(s);
}

Test(rates, stall_is_of_the_second_it_ended_in)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	tick(s, START);
	s->now_ns = START + 2 * SECOND + 10 * MS;
	script_end(s, 1, LS_CAUSE_SLEEP);
	s->now_ns = START + SECOND + 900 * MS;
	script_end(s, 2, LS_CAUSE_CPU);
	s->now_ns = START + SECOND + 990 * MS;
	reading_stall(s, 3, HANDLER, RENDER, 88, LS_CAUSE_GIL, 80 * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_seconds, 3);
	cr_assert_eq(snap->seconds[0].stalls, 0);
	cr_assert_eq(snap->seconds[1].stalls, 2);
	cr_assert_eq(snap->seconds[1].stall_ns, 130 * MS);
	cr_assert_eq(snap->seconds[1].worst_ns, 80 * MS);
	cr_assert_eq(snap->seconds[1].worst_cause, LS_CAUSE_GIL);
	cr_assert_eq(snap->seconds[2].stalls, 1);
	script_free(s);
}

Test(rates, only_the_last_two_minutes_are_kept)
{
	struct script *s = script_new();
	const struct snapshot *snap;
	uint64_t i;

	for (i = 0; i < MODEL_SECONDS + 30; i++) {
		s->now_ns = START + i * SECOND + MS;
		reading_stall(s, i + 1, HANDLER, RENDER, 88, LS_CAUSE_CPU, (i + 1) * 1000);
	}
	s->now_ns = START;
	script_end(s, MODEL_SECONDS + 100, LS_CAUSE_SLEEP);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_seconds, MODEL_SECONDS);
	cr_assert_eq(snap->seconds[0].worst_ns, 31 * 1000, "too old ones are left out");
	cr_assert_eq(snap->seconds[MODEL_SECONDS - 1].worst_ns, (MODEL_SECONDS + 30) * 1000);
	tick(s, START + 1000 * SECOND);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_seconds, MODEL_SECONDS);
	for (i = 0; i < snap->n_seconds; i++)
		cr_assert_eq(snap->seconds[i].stalls, 0);
	script_free(s);
}

Test(rates, live_rows_are_named_and_the_longest_is_first)
{
	const struct ls_frame frames[] = { { FETCH_ROW, 31 }, { 0, 0 }, { HANDLER, 14 } };
	const struct model_live live[] = {
		{ .stall = { .hdr = { .tgid = PID, .tid = TID },
			     .unit = LS_UNIT_STEP,
			     .start_ns = START + 5 },
		  .syscall = LS_NO_SYSCALL },
		{ .stall = { .hdr = { .tgid = PID, .tid = TID + 1 },
			     .unit = LS_UNIT_STEP,
			     .start_ns = START,
			     .code = HANDLER },
		  .cause = LS_CAUSE_SLEEP,
		  .syscall = 230,
		  .n_frames = 3,
		  .frames = frames },
	};
	struct script *s = script_new();
	const struct snapshot *snap;

	cr_assert_eq(model__live(s->model, live, 2), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_live, 2);
	cr_assert_eq(snap->live[0].tid, TID + 1);
	cr_assert_eq(snap->live[0].cause, LS_CAUSE_SLEEP);
	cr_assert_str_eq(snap->live[0].call_syscall, "clock_nanosleep");
	cr_assert_str_eq(snap->live[0].coroutine.name, "handler");
	cr_assert_eq(snap->live[0].n_frames, 2);
	cr_assert_str_eq(snap->live[0].stack[0].function, "fetch_row");
	cr_assert_eq(snap->live[0].stack[0].line, 31);
	cr_assert_null(snap->live[1].coroutine.name);
	cr_assert_null(snap->live[1].call_syscall);
	cr_assert_eq(model__live(s->model, NULL, 0), 0);
	cr_assert_eq(reading_snapshot(s)->n_live, 0);
	script_free(s);
}

Test(reset, counts_only_what_comes_on_top_of_the_readings)
{
	struct script *s = script_new();
	const struct coroutine_row *row;
	const struct snapshot *snap;

	reading_coroutine(s, TID, HANDLER, 1000, MS);
	reading_coroutine(s, TID, TICK, 1000, MS);
	reading_thread(s, PID, TID, 2000, 2 * SECOND);
	model__reset(s->model);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_rows, 0);
	cr_assert_eq(snap->steps, 0);
	reading_coroutine(s, TID, HANDLER, 1010, MS);
	reading_thread(s, PID, TID, 2010, 2 * SECOND + 10 * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_rows, 1);
	cr_assert_eq(snap->steps, 10);
	cr_assert_eq(snap->loops[0].step_ns, 10 * MS);
	row = reading_row(snap, "handler");
	cr_assert_eq(row->steps, 10);
	cr_assert_eq(row->total_ns, 10 * MS);
	cr_assert_eq(row->hist[ls_hist_index(MS)], 10);
	script_free(s);
}

Test(reset, longest_step_is_bounded_by_its_bucket)
{
	const struct ls_coro_key key = { .code = HANDLER, .tgid = PID, .tid = TID };
	struct ls_coro_stats stats = { .steps = 1, .total_ns = 50 * MS, .max_ns = 50 * MS };
	struct script *s = script_new();
	const struct coroutine_row *row;

	stats.hist[ls_hist_index(50 * MS)] = 1;
	cr_assert_eq(model__coroutine(s->model, &key, &stats), 0);
	model__reset(s->model);
	stats.steps = 2;
	stats.total_ns += MS;
	stats.hist[ls_hist_index(MS)] = 1;
	cr_assert_eq(model__coroutine(s->model, &key, &stats), 0);
	row = reading_row(reading_snapshot(s), "handler");
	cr_assert_geq(row->max_ns, MS);
	cr_assert_lt(row->max_ns, MS + MS / 8 + 1, "not the 50 ms of before");
	stats.steps = 3;
	stats.max_ns = 60 * MS;
	stats.hist[ls_hist_index(60 * MS)] = 1;
	cr_assert_eq(model__coroutine(s->model, &key, &stats), 0);
	row = reading_row(reading_snapshot(s), "handler");
	cr_assert_eq(row->max_ns, 60 * MS, "a new longest one is exact");
	script_free(s);
}

Test(reset, reading_that_falls_is_of_a_new_thread)
{
	struct script *s = script_new();

	reading_coroutine(s, TID, HANDLER, 1000, MS);
	model__reset(s->model);
	reading_coroutine(s, TID, HANDLER, 5, MS);
	cr_assert_eq(reading_row(reading_snapshot(s), "handler")->steps, 5);
	script_free(s);
}

Test(reset, lists_and_losses_begin_anew)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	tick(s, START);
	s->now_ns = START;
	reading_victim(s, 1, "reader", 40 * MS);
	reading_stall(s, 1, HANDLER, RENDER, 88, LS_CAUSE_CPU, 50 * MS);
	reading_coroutine(s, TID, HANDLER, 10, MS);
	cr_assert_eq(model__loss(s->model, "gone", "things gone", 7), 0);
	model__reset(s->model);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_stalls + snap->n_sites + snap->n_victims + snap->n_losses, 0);
	cr_assert_eq(snap->stalls, 0);
	cr_assert_eq(snap->n_seconds, 0);
	cr_assert_eq(model__loss(s->model, "gone", "things gone", 9), 0);
	reading_coroutine(s, TID, HANDLER, 11, MS);
	snap = reading_snapshot(s);
	cr_assert_eq(reading_loss(snap, "gone"), 2);
	cr_assert_null(reading_row(snap, "handler")->where.function);
	reading_stall(s, 2, HANDLER, RENDER, 88, LS_CAUSE_CPU, 50 * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_stalls, 1);
	cr_assert_eq(snap->sites[0].stalls, 1);
	cr_assert_eq(reading_row(snap, "handler")->where.line, 88);
	script_free(s);
}
