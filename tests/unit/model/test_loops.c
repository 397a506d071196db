/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readings of threads and what was found out about their loops in, rows by loop and totals out.
 */
#include "model/reading.h"

#define START (5000 * SECOND)

static void tick(struct script *s, uint64_t now_ns)
{
	cr_assert_eq(model__tick(s->model, now_ns), 0);
}

static void turns_add(struct ls_thread_stats *stats, uint32_t n, uint64_t each_ns)
{
	stats->turns += n;
	stats->turn_hist[ls_hist_index(each_ns)] += n;
	if (each_ns > stats->worst_turn_ns)
		stats->worst_turn_ns = each_ns;
}

static void send(struct script *s, uint32_t tid, const struct ls_thread_stats *stats)
{
	cr_assert_eq(model__thread(s->model, PID, tid, stats), 0);
}

static bool is_near(uint64_t ns, uint64_t expected_ns)
{
	return ns > expected_ns * 87 / 100 && ns < expected_ns * 113 / 100;
}

Test(loops, turns_have_percentiles_of_each_and_of_all)
{
	struct ls_thread_stats fast = { 0 }, slow = { 0 };
	struct script *s = script_new();
	const struct snapshot *snap;

	turns_add(&fast, 900, MS);
	turns_add(&slow, 98, 10 * MS);
	turns_add(&slow, 2, 200 * MS);
	send(s, TID, &fast);
	send(s, TID + 1, &slow);
	snap = reading_snapshot(s);
	cr_assert(is_near(snap->loops[0].turn_p99_ns, MS));
	cr_assert_eq(snap->loops[0].turn_max_ns, MS);
	cr_assert(is_near(snap->loops[1].turn_p50_ns, 10 * MS));
	cr_assert(is_near(snap->loops[1].turn_p99_ns, 200 * MS));
	cr_assert_eq(snap->loops[1].turn_max_ns, 200 * MS);
	cr_assert(is_near(snap->turn_p50_ns, MS));
	cr_assert(is_near(snap->turn_p99_ns, 10 * MS));
	cr_assert_eq(snap->turn_max_ns, 200 * MS);
	script_free(s);
}

Test(loops, reset_leaves_only_later_turns_and_causes)
{
	struct ls_thread_stats stats = { .cause_ns[LS_CAUSE_GIL] = 70 * MS };
	struct script *s = script_new();
	const struct snapshot *snap;

	turns_add(&stats, 100, 300 * MS);
	send(s, TID, &stats);
	model__reset(s->model);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->turn_max_ns, 0);
	cr_assert_eq(snap->loops[0].turn_p50_ns, 0);
	cr_assert_eq(snap->loops[0].cause_ns[LS_CAUSE_GIL], 0);
	turns_add(&stats, 10, 20 * MS);
	stats.cause_ns[LS_CAUSE_GIL] += 5 * MS;
	stats.cause_ns[LS_CAUSE_DNS] += 3 * MS;
	send(s, TID, &stats);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].turns, 10);
	cr_assert(is_near(snap->loops[0].turn_p50_ns, 20 * MS));
	cr_assert(is_near(snap->turn_max_ns, 20 * MS),
		  "bounded by its bucket, not the 300 ms of before");
	cr_assert_eq(snap->loops[0].cause_ns[LS_CAUSE_GIL], 5 * MS);
	cr_assert_eq(snap->loops[0].cause_ns[LS_CAUSE_DNS], 3 * MS);
	script_free(s);
}

Test(loops, shares_are_of_the_time_between_two_ticks)
{
	struct ls_thread_stats stats = { .cause_ns[LS_CAUSE_GIL] = 900 * MS };
	struct script *s = script_new();
	const struct snapshot *snap;

	send(s, TID, &stats);
	tick(s, START);
	cr_assert_eq(reading_snapshot(s)->loops[0].gil, 0);
	stats.cause_ns[LS_CAUSE_GIL] += 500 * MS;
	stats.cause_ns[LS_CAUSE_RUNQUEUE] += 250 * MS;
	send(s, TID, &stats);
	tick(s, START + 2 * SECOND);
	snap = reading_snapshot(s);
	cr_assert_float_eq(snap->loops[0].gil, 0.25, 1e-9);
	cr_assert_float_eq(snap->loops[0].runqueue, 0.125, 1e-9);
	stats.cause_ns[LS_CAUSE_RUNQUEUE] += 60 * SECOND;
	send(s, TID, &stats);
	tick(s, START + 3 * SECOND);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].gil, 0);
	cr_assert_eq(snap->loops[0].runqueue, 1, "never more");
	script_free(s);
}

Test(loops, carry_what_was_found_out_about_them)
{
	char process[] = "uvicorn";
	const struct model_loop_info info = { process, 12, 3, 8, 0, 7 }, other = { NULL, 5, 0, 0, 0, 0 };
	struct script *s = script_new();
	const struct snapshot *snap;

	cr_assert_eq(model__loop(s->model, PID, TID, &info), 0);
	strcpy(process, "gone");
	reading_thread(s, PID, TID, 10, 10 * MS);
	cr_assert_eq(model__loop(s->model, PID, TID + 1, &other), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_loops, 2);
	cr_assert_eq(snap->tasks_ready, 17);
	cr_assert_str_eq(snap->loops[0].process, "uvicorn", "copied");
	cr_assert_eq(snap->loops[0].steps, 10);
	cr_assert_eq(snap->loops[0].tasks_ready, 12);
	cr_assert_eq(snap->loops[0].executor_threads, 3);
	cr_assert_eq(snap->loops[0].executor_max, 8);
	cr_assert_eq(snap->loops[0].container_pid, 7);
	cr_assert_str_eq(snap->loops[1].process, "");
	model__reset(s->model);
	cr_assert_eq(reading_snapshot(s)->tasks_ready, 17, "they are ready still");
	script_free(s);
}

static void send_life(struct script *s, enum ls_rec_kind kind)
{
	struct ls_rec_life rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, (uint16_t)kind, sizeof(rec));
	cr_assert_eq(script_send(s, &rec, sizeof(rec)), 0);
}

Test(loops, nothing_is_ready_in_one_that_has_ended)
{
	const struct model_loop_info info = { "python3", 12, 8, 8, 4, 0 };
	struct script *s = script_new();
	const struct snapshot *snap;

	cr_assert_eq(model__loop(s->model, PID, TID, &info), 0);
	cr_assert_eq(model__loop(s->model, PID, TID + 1, &info), 0);
	send_life(s, LS_REC_EXIT);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->tasks_ready, 12);
	cr_assert_eq(snap->loops[0].executor_queued, 0);
	cr_assert_str_eq(snap->loops[0].process, "python3");
	send_life(s, LS_REC_EXEC);
	cr_assert_eq(reading_snapshot(s)->tasks_ready, 0);
	script_free(s);
}

static uint32_t full_ticks(struct script *s, const struct model_loop_info *info)
{
	static uint64_t now_ns = START;

	cr_assert_eq(model__loop(s->model, PID, TID, info), 0);
	tick(s, now_ns += SECOND);
	return reading_snapshot(s)->loops[0].executor_full_ticks;
}

Test(loops, executor_is_full_when_all_threads_are_taken_and_calls_wait)
{
	static const struct model_loop_info full = { "p", 0, 8, 8, 1, 0 },
					    starting = { "p", 0, 7, 8, 1, 0 },
					    idle = { "p", 0, 8, 8, 0, 0 }, none = { "p", 0, 0, 0, 3, 0 };
	struct script *s = script_new();

	cr_assert_eq(full_ticks(s, &full), 1);
	cr_assert_eq(full_ticks(s, &full), 2);
	cr_assert_eq(full_ticks(s, &idle), 0, "in a row");
	cr_assert_eq(full_ticks(s, &full), 1);
	cr_assert_eq(full_ticks(s, &starting), 0);
	cr_assert_eq(full_ticks(s, &none), 0);
	cr_assert_eq(full_ticks(s, &full), 1);
	model__reset(s->model);
	cr_assert_eq(reading_snapshot(s)->loops[0].executor_full_ticks, 0);
	script_free(s);
}
