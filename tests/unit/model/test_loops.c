/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readings of threads and what was found out about their loops in, rows by loop and totals out.
 */
#include "base/array.h"
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

/* The run-queue time of such a span would be more than all of the loop's time. */
Test(loops, a_span_outside_the_loop_is_in_no_number_of_it)
{
	struct ls_thread_stats stats = { .callbacks_ns = 10 * MS,
					 .idle_ns = 590 * MS,
					 .stalls = 1,
					 .since_ns = START,
					 .at_ns = START + SECOND };
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 3, LS_UNIT_CALLBACK);
	struct ls_rec_stack outside;
	const struct snapshot *snap;

	script_time(&rec, LS_CAUSE_RUNQUEUE, 400 * MS);
	stats.cause_ns[LS_CAUSE_RUNQUEUE] = 3 * MS;
	send(s, TID, &stats);
	outside = script_stack(s, 3, LS_CAUSE_RUNQUEUE, 400 * MS);
	outside.flags = LS_STACK_OUTSIDE;
	script_frame(&outside, MAIN_MODULE, 1);
	script_send_stack(s, &outside);
	script_send_stall(s, &rec);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->callbacks_ns, 0, "its reading is on its way");
	stats.callbacks_ns += rec.duration_ns;
	stats.cause_ns[LS_CAUSE_RUNQUEUE] += 400 * MS;
	stats.stalls++;
	send(s, TID, &stats);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->stalls, 1);
	cr_assert_eq(snap->callbacks_ns, 10 * MS);
	cr_assert_eq(snap->loops[0].callbacks_ns, 10 * MS);
	cr_assert_eq(snap->loops[0].stalls, 1);
	cr_assert_eq(snap->loops[0].cause_ns[LS_CAUSE_RUNQUEUE], 3 * MS);
	cr_assert_eq(snap->loops[0].watched_ns, 600 * MS);
	cr_assert_eq(snap->loops[0].unaccounted_ns, 0);
	script_free(s);
}

/* The kernel side counts such a stall, and does not add its time. */
Test(loops, a_span_outside_the_loop_that_is_cut_off_takes_no_time_from_it)
{
	struct ls_thread_stats stats = { .callbacks_ns = 10 * MS, .stalls = 1 };
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 3, LS_UNIT_CALLBACK);
	const struct snapshot *snap;

	script_time(&rec, LS_CAUSE_RUNQUEUE, 400 * MS);
	rec.end = LS_END_SIGNAL;
	stats.stalls++;
	send(s, TID, &stats);
	script_send_stall(s, &rec);
	rec.end = LS_END_RUNNING;
	script_send_stall(s, &rec);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].stalls, 1);
	cr_assert_eq(snap->loops[0].callbacks_ns, 10 * MS);
	script_free(s);
}

/* Sends the end of a step of 400 ms behind which a task waited for 300 ms. */
static const struct snapshot *end_step(struct script *s, enum ls_end end, uint32_t flags)
{
	struct ls_rec_stall rec = script_stall(s, 3, LS_UNIT_STEP);

	script_time(&rec, LS_CAUSE_SLEEP, 400 * MS);
	rec.end = end;
	rec.flags = flags;
	rec.starved_ns = 300 * MS;
	script_at(s, 3, LS_CAUSE_SLEEP, 400 * MS, FETCH_ROW, 31);
	script_send_stall(s, &rec);
	return reading_snapshot(s);
}

static void check_sums(const struct snapshot *snap, uint64_t callbacks_ns)
{
	cr_assert_eq(snap->stalls, 1);
	cr_assert_eq(snap->starved_ns, 300 * MS);
	cr_assert_eq(snap->loops[0].stalls, 1);
	cr_assert_eq(snap->loops[0].steps, 1);
	cr_assert_eq(snap->loops[0].step_ns, 400 * MS);
	cr_assert_eq(snap->loops[0].callbacks_ns, callbacks_ns);
	cr_assert_eq(snap->loops[0].cause_ns[LS_CAUSE_SLEEP], 400 * MS);
	cr_assert_eq(snap->n_rows, 1);
	cr_assert_eq(snap->rows[0].steps, 1);
	cr_assert_eq(snap->rows[0].stalls, 1);
	cr_assert_eq(snap->rows[0].total_ns, 400 * MS);
	cr_assert_eq(snap->rows[0].starved_ns, 300 * MS);
}

Test(loops, a_step_that_is_cut_off_is_in_all_sums)
{
	static const enum ls_end ends[] = { LS_END_RUNNING, LS_END_EXIT, LS_END_EXEC,
					    LS_END_SIGNAL };

	for (size_t i = 0; i < N_OF(ends); i++) {
		struct script *s = script_new();
		const struct ls_thread_stats stats = { .stalls = ends[i] != LS_END_RUNNING };

		send(s, TID, &stats);
		check_sums(end_step(s, ends[i], 0), 0);
		script_free(s);
	}
}

/* The kernel side counts it as a callback. */
Test(loops, a_step_that_began_before_the_attach_is_a_step_in_all_sums)
{
	const struct ls_thread_stats stats = { .stalls = 1,
					       .callbacks_ns = 407 * MS,
					       .callbacks_starved_ns = 300 * MS,
					       .cause_ns[LS_CAUSE_SLEEP] = 400 * MS };
	struct script *s = script_new();

	send(s, TID, &stats);
	check_sums(end_step(s, LS_END_RETURN, LS_STALL_BEGAN_BEFORE), 7 * MS);
	script_free(s);
}

/* Its time on the CPU was counted as it passed, as a callback's. */
Test(loops, a_light_step_that_began_before_the_attach_is_counted_once)
{
	const struct ls_thread_stats stats = { .stalls = 1,
					       .callbacks_ns = 100 * MS,
					       .light_cpu_ns = 304 * MS,
					       .light_callbacks_ns = 310 * MS,
					       .idle_ns = 196 * MS,
					       .since_ns = START,
					       .at_ns = START + 600 * MS };
	static const enum ls_end ends[] = { LS_END_RETURN, LS_END_RUNNING };

	for (size_t i = 0; i < N_OF(ends); i++) {
		struct script *s = script_new();
		struct ls_rec_stall rec = script_stall(s, 3, LS_UNIT_STEP);
		struct ls_thread_stats now = stats;
		const struct snapshot *snap;

		script_time(&rec, LS_CAUSE_SLEEP, 100 * MS);
		script_time(&rec, LS_CAUSE_CPU, 300 * MS);
		rec.end = ends[i];
		rec.flags = LS_STALL_LIGHT | LS_STALL_BEGAN_BEFORE;
		if (rec.end == LS_END_RUNNING) {
			now.open_ns = now.callbacks_ns;
			now.callbacks_ns = 0;
		}
		send(s, TID, &now);
		script_send_stall(s, &rec);
		snap = reading_snapshot(s);
		cr_assert_eq(snap->loops[0].watched_ns, 600 * MS);
		cr_assert_eq(snap->loops[0].unaccounted_ns, 0);
		cr_assert_eq(snap->loops[0].step_ns + snap->loops[0].callbacks_ns, 404 * MS);
		cr_assert_leq(snap->loops[0].callbacks_ns, 5 * MS);
		script_free(s);
	}
}

/* Its time counts as watched when it ends, or when it is reported as a stall before. */
Test(loops, a_span_that_has_not_ended_is_watched_once_it_is_reported)
{
	const struct ls_thread_stats stats = { .idle_ns = 100 * MS,
					       .open_ns = 500 * MS,
					       .since_ns = START,
					       .at_ns = START + 600 * MS };
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 3, LS_UNIT_STEP);
	const struct snapshot *snap;

	send(s, TID, &stats);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].watched_ns, 100 * MS);
	cr_assert_eq(snap->loops[0].unaccounted_ns, 0);
	script_time(&rec, LS_CAUSE_SLEEP, 490 * MS);
	rec.end = LS_END_RUNNING;
	script_send_stall(s, &rec);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].watched_ns, 590 * MS);
	cr_assert_eq(snap->loops[0].unaccounted_ns, 0);
	script_free(s);
}

/* Time that is in no step, no callback and no wait is shown as such. */
Test(loops, what_is_not_accounted_for)
{
	struct ls_thread_stats stats = { .steps = 5,
					 .step_ns = 300 * MS,
					 .callbacks_ns = 100 * MS,
					 .idle_ns = 500 * MS,
					 .since_ns = START,
					 .at_ns = START + SECOND };
	struct script *s = script_new();
	const struct snapshot *snap;

	send(s, TID, &stats);
	send(s, TID + 1, &stats);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].watched_ns, SECOND);
	cr_assert_eq(snap->loops[0].unaccounted_ns, 100 * MS);
	cr_assert_eq(snap->watched_ns, 2 * SECOND);
	cr_assert_eq(snap->unaccounted_ns, 200 * MS);
	model__reset(s->model);
	stats.at_ns += SECOND;
	stats.idle_ns += SECOND;
	send(s, TID, &stats);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].watched_ns, SECOND, "since the reset");
	cr_assert_eq(snap->loops[0].unaccounted_ns, 0);
	script_free(s);
}

/* The time on the CPU is exact, its parts are those of the samples. */
Test(loops, light_mode_shares_its_time_by_samples)
{
	struct ls_thread_stats stats = { .handles = 5,
					 .step_ns = 10 * MS,
					 .idle_ns = 590 * MS,
					 .since_ns = START,
					 .at_ns = START + SECOND,
					 .light_cpu_ns = 400 * MS,
					 .light_step_ns = 270 * MS,
					 .light_callbacks_ns = 90 * MS };
	struct script *s = script_new();
	const struct snapshot *snap;

	send(s, TID, &stats);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].step_ns, 310 * MS);
	cr_assert_eq(snap->loops[0].callbacks_ns, 100 * MS);
	cr_assert_eq(snap->loops[0].unaccounted_ns, 0);
	stats.light_step_ns = stats.light_callbacks_ns = 0;
	send(s, TID, &stats);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].unaccounted_ns, 400 * MS, "no sample divides it");
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

/* The process may have ended before its loops were looked at. */
Test(loops, keep_their_numbers_if_they_are_described_after_their_end)
{
	const struct model_loop_info info = { "worker", 0, 1, 0, 0, 0 };
	const struct ls_rec_hdr end = { .kind = LS_REC_EXIT, .tgid = PID, .tid = TID };
	const struct event event = { .kind = LS_REC_EXIT, .hdr = &end };
	struct script *s = script_new();
	const struct snapshot *snap;

	cr_assert_eq(model__loop(s->model, PID, TID, &info), 0);
	cr_assert_eq(model__event(s->model, &event), 0);
	reading_thread(s, PID, TID, 10, 10 * MS);
	tick(s, START);
	cr_assert_eq(model__loop(s->model, PID, TID, &info), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_loops, 1);
	cr_assert_eq(snap->loops[0].steps, 10);
	reading_thread(s, PID, TID, 3, 3 * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->loops[0].steps, 3, "another thread of the same tid");
	script_free(s);
}

Test(loops, carry_what_was_found_out_about_them)
{
	char process[] = "uvicorn";
	const struct model_loop_info info = { process, 12, 3, 8, 0, 7 },
				     other = { NULL, 5, 0, 0, 0, 0 };
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
					    idle = { "p", 0, 8, 8, 0, 0 },
					    none = { "p", 0, 0, 0, 3, 0 };
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

/* Each repaired switch may be 128 us off: 1 % of a second is 78 of them. */
Test(loops, a_loss_that_moves_no_number_by_a_percent_is_slight)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	reading_thread(s, PID, TID, 100, SECOND);
	cr_assert_eq(model__loss(s->model, "return_unseen", "", 77), 0);
	cr_assert_eq(model__loss(s->model, "leave_unseen", "", 1), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_losses, 2, "programs get all");
	cr_assert(snap->losses[0].is_slight);
	cr_assert_not(snap->losses[1].is_slight, "how far it is off is not known");
	cr_assert_eq(model__loss(s->model, "return_unseen", "", 78), 0);
	cr_assert_not(reading_snapshot(s)->losses[0].is_slight);
	script_free(s);
}
