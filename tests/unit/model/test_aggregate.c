/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readings in, the table by coroutine out: what is merged, summed, sorted, and what happens at the
 * limits.
 */
#include "model/aggregate.h"
#include "model/loops.h"
#include "model/script.h"

static struct ls_coro_stats stats_of(uint64_t steps, uint64_t total_ns, uint64_t max_ns)
{
	struct ls_coro_stats stats;

	memset(&stats, 0, sizeof(stats));
	stats.steps = steps;
	stats.total_ns = total_ns;
	stats.max_ns = max_ns;
	stats.hist[ls_hist_index(max_ns)] = (uint32_t)steps;
	return stats;
}

static void read_coroutine(struct script *s, uint32_t pid, uint32_t tid, uint64_t code,
			   const struct ls_coro_stats *stats)
{
	const struct ls_coro_key key = { .code = code, .tgid = pid, .tid = tid };

	cr_assert_eq(model__coroutine(s->model, &key, stats), 0);
}

static void read_thread(struct script *s, uint32_t tid, uint64_t steps, uint64_t step_ns)
{
	const struct ls_thread_stats stats = { .steps = steps,
					       .step_ns = step_ns,
					       .callbacks_ns = 7,
					       .idle_ns = 11,
					       .turns = 3,
					       .stalls = 1 };

	cr_assert_eq(model__thread(s->model, PID, tid, &stats), 0);
}

static const struct snapshot *snapshot(struct script *s)
{
	const struct snapshot *snap = NULL;

	cr_assert_eq(model__snapshot(s->model, &snap), 0);
	return snap;
}

static const struct coroutine_row *row_of(const struct snapshot *snap, const char *name)
{
	size_t i;

	for (i = 0; i < snap->n_rows; i++)
		if (!strcmp(snap->rows[i].coroutine.name, name))
			return &snap->rows[i];
	cr_assert_fail("no row %s", name);
	return NULL;
}

Test(aggregate, empty_model_has_an_empty_snapshot)
{
	struct script *s = script_new();
	const struct snapshot *snap = snapshot(s);

	cr_assert_eq(snap->steps, 0);
	cr_assert_eq(snap->n_rows, 0);
	cr_assert_eq(snap->n_losses, 0);
	script_free(s);
}

Test(aggregate, newer_reading_replaces_the_older)
{
	struct script *s = script_new();
	struct ls_coro_stats stats = stats_of(10, 1000, 200);

	read_coroutine(s, PID, 1, HANDLER, &stats);
	stats = stats_of(12, 1500, 300);
	read_coroutine(s, PID, 1, HANDLER, &stats);
	cr_assert_eq(snapshot(s)->n_rows, 1);
	cr_assert_eq(snapshot(s)->rows[0].steps, 12);
	cr_assert_eq(snapshot(s)->rows[0].total_ns, 1500);
	script_free(s);
}

Test(aggregate, threads_and_processes_of_one_place_are_one_row)
{
	struct ls_coro_stats a = stats_of(10, 1000, 200), b = stats_of(5, 4000, 2000),
			     c = stats_of(1, 50, 50);
	struct script *s = script_new();
	const struct coroutine_row *row;

	a.stalls = 2;
	a.starved_ns = 100;
	a.cause_ns[LS_CAUSE_SLEEP] = 300;
	a.cause_ns[LS_CAUSE_GIL] = 100;
	a.cause_ns[LS_CAUSE_RUNQUEUE] = 50;
	b.stalls = 1;
	b.starved_ns = 10;
	read_coroutine(s, PID, 1, HANDLER, &a);
	read_coroutine(s, PID, 2, HANDLER, &b);
	row = row_of(snapshot(s), "handler");
	cr_assert_eq(row->pid, PID);
	cr_assert_eq(row->steps, 15);
	read_coroutine(s, PID + 1, 9, SAME_HANDLER, &c);
	read_coroutine(s, PID, 1, FETCH_ROW, &c);
	cr_assert_eq(snapshot(s)->n_rows, 2);
	row = row_of(snapshot(s), "handler");
	cr_assert_eq(row->pid, 0, "of several processes");
	cr_assert_eq(row->steps, 16);
	cr_assert_eq(row->total_ns, 5050);
	cr_assert_eq(row->max_ns, 2000);
	cr_assert_eq(row->stalls, 3);
	cr_assert_eq(row->starved_ns, 110);
	cr_assert_eq(row->blocked_ns, 300);
	cr_assert_eq(row->gil_ns, 100);
	cr_assert_eq(row->runqueue_ns, 50);
	cr_assert_eq(row->cpu_ns, 4600);
	cr_assert_eq(row->cpu_ns + row->blocked_ns + row->gil_ns + row->runqueue_ns, row->total_ns);
	cr_assert_eq(row->hist[ls_hist_index(200)], 11);
	cr_assert_eq(row_of(snapshot(s), "fetch_row")->pid, PID);
	script_free(s);
}

Test(aggregate, cpu_time_reported_by_the_kernel_is_not_counted_twice)
{
	struct ls_coro_stats stats = stats_of(1, 1000, 1000);
	struct script *s = script_new();

	stats.cause_ns[LS_CAUSE_CPU] = 700;
	stats.cause_ns[LS_CAUSE_LOCK] = 300;
	read_coroutine(s, PID, 1, HANDLER, &stats);
	cr_assert_eq(snapshot(s)->rows[0].cpu_ns, 700);
	script_free(s);
}

Test(aggregate, percentiles_come_from_the_merged_histogram)
{
	struct ls_coro_stats fast = stats_of(0, 0, 0), slow = stats_of(0, 0, 0);
	struct script *s = script_new();
	const struct coroutine_row *row;

	fast.steps = 98;
	fast.hist[ls_hist_index(10000)] = 98;
	fast.max_ns = 10000;
	slow.steps = 2;
	slow.hist[ls_hist_index(5000000)] = 2;
	slow.max_ns = 5100000;
	read_coroutine(s, PID, 1, HANDLER, &fast);
	read_coroutine(s, PID, 2, HANDLER, &slow);
	row = row_of(snapshot(s), "handler");
	cr_assert_eq(ls_hist_index(row->p50_ns), ls_hist_index(10000));
	cr_assert_eq(ls_hist_index(row->p99_ns), ls_hist_index(5000000));
	cr_assert_leq(row->p99_ns, row->max_ns);
	script_free(s);
}

Test(aggregate, most_starving_row_first_then_the_longest_then_by_place)
{
	struct ls_coro_stats quick = stats_of(1, 10, 10), slow = stats_of(1, 900, 900),
			     starving = stats_of(1, 5, 5);
	struct script *s = script_new();
	const struct snapshot *snap;

	starving.starved_ns = 1;
	read_coroutine(s, PID, 1, TICK, &quick);
	read_coroutine(s, PID, 1, FETCH_ROW, &quick);
	read_coroutine(s, PID, 1, RENDER, &slow);
	read_coroutine(s, PID, 1, HANDLER, &starving);
	snap = snapshot(s);
	cr_assert_str_eq(snap->rows[0].coroutine.name, "handler");
	cr_assert_str_eq(snap->rows[1].coroutine.name, "render");
	cr_assert_str_eq(snap->rows[2].coroutine.name, "tick", "clock.py is before db.py");
	cr_assert_str_eq(snap->rows[3].coroutine.name, "fetch_row");
	script_free(s);
}

Test(aggregate, order_of_arrival_does_not_show)
{
	static const uint64_t codes[] = { TICK, FETCH_ROW, RENDER, HANDLER };
	struct ls_coro_stats stats = stats_of(1, 10, 10);
	struct script *a = script_new(), *b = script_new();
	const struct snapshot *sa, *sb;
	size_t i;

	for (i = 0; i < 4; i++) {
		read_coroutine(a, PID, 1, codes[i], &stats);
		read_coroutine(b, PID, 1, codes[3 - i], &stats);
	}
	sa = snapshot(a);
	sb = snapshot(b);
	cr_assert_eq(sa->n_rows, sb->n_rows);
	for (i = 0; i < sa->n_rows; i++)
		cr_assert_str_eq(sa->rows[i].coroutine.name, sb->rows[i].coroutine.name);
	script_free(a);
	script_free(b);
}

Test(aggregate, totals_are_those_of_the_threads)
{
	struct ls_coro_stats stats = stats_of(10, 1000, 200);
	struct script *s = script_new();
	const struct snapshot *snap;

	read_coroutine(s, PID, 1, HANDLER, &stats);
	read_thread(s, 1, 10, 1000);
	read_thread(s, 2, 30, 500);
	read_thread(s, 2, 40, 600);
	snap = snapshot(s);
	cr_assert_eq(snap->steps, 50);
	cr_assert_eq(snap->step_ns, 1600);
	cr_assert_eq(snap->callbacks_ns, 14);
	cr_assert_eq(snap->idle_ns, 22);
	cr_assert_eq(snap->turns, 6);
	cr_assert_eq(snap->stalls, 2);
	cr_assert_eq(snap->n_rows, 1, "nothing says that steps have no row");
	script_free(s);
}

Test(aggregate, older_thread_reading_never_hides_steps_that_have_a_row)
{
	struct ls_coro_stats stats = stats_of(10, 1000, 200);
	struct script *s = script_new();

	stats.stalls = 4;
	read_coroutine(s, PID, 1, HANDLER, &stats);
	read_thread(s, 1, 8, 900);
	cr_assert_eq(snapshot(s)->steps, 10);
	cr_assert_eq(snapshot(s)->step_ns, 1000);
	cr_assert_eq(snapshot(s)->stalls, 4);
	script_free(s);
}

Test(aggregate, steps_without_coroutine_are_a_row_and_a_number)
{
	struct ls_coro_stats stats = stats_of(3, 30, 10);
	struct script *s = script_new();
	const struct coroutine_row *row;

	read_coroutine(s, PID, 1, 0, &stats);
	row = row_of(snapshot(s), "(unknown)");
	cr_assert_null(row->coroutine.file);
	cr_assert_eq(row->steps, 3);
	cr_assert_eq(snapshot(s)->unattributed_steps, 3);
	script_free(s);
}

Test(aggregate, full_kernel_map_makes_an_other_row)
{
	struct ls_coro_stats stats = stats_of(10, 1000, 200);
	struct script *s = script_new();
	const struct coroutine_row *row;

	read_coroutine(s, PID, 1, HANDLER, &stats);
	read_thread(s, 1, 25, 1600);
	cr_assert_eq(model__loss(s->model, "coroutine_map_full", "sentence", 15), 0);
	row = row_of(snapshot(s), "(other)");
	cr_assert_eq(row->steps, 15);
	cr_assert_eq(row->total_ns, 600);
	cr_assert_eq(snapshot(s)->unattributed_steps, 15);
	script_free(s);
}

Test(aggregate, rows_are_bounded_and_the_rest_is_counted)
{
	struct ls_coro_stats stats = stats_of(1, 100, 100);
	struct script *s = script_new();
	const struct snapshot *snap;
	uint32_t tid;

	for (tid = 1; tid <= AGGREGATE_MAX_COROUTINES + 5; tid++)
		read_coroutine(s, PID, tid, HANDLER, &stats);
	read_thread(s, 1, AGGREGATE_MAX_COROUTINES + 5, 100 * (AGGREGATE_MAX_COROUTINES + 5));
	snap = snapshot(s);
	cr_assert_eq(row_of(snap, "handler")->steps, AGGREGATE_MAX_COROUTINES);
	cr_assert_eq(row_of(snap, "(other)")->steps, 5);
	cr_assert_eq(snap->n_losses, 1);
	cr_assert_str_eq(snap->losses[0].name, "coroutine_rows");
	cr_assert_eq(snap->losses[0].count, 5);
	script_free(s);
}

Test(aggregate, threads_are_bounded_and_the_rest_is_counted)
{
	struct script *s = script_new();
	const struct snapshot *snap;
	uint32_t tid;

	for (tid = 1; tid <= LOOPS_MAX_THREADS + 2; tid++)
		read_thread(s, tid, 1, 1);
	snap = snapshot(s);
	cr_assert_eq(snap->steps, LOOPS_MAX_THREADS);
	cr_assert_eq(snap->n_losses, 1);
	cr_assert_str_eq(snap->losses[0].name, "thread_rows");
	cr_assert_eq(snap->losses[0].count, 2);
	script_free(s);
}

/* A resolver whose process has gone, or not yet come. */
static int is_readable;

static int moody_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
		      struct code_info *ret)
{
	return is_readable ? script_code(ctx, pid, code, qualname, ret) : -ESRCH;
}

Test(aggregate, names_are_asked_for_until_they_come_and_then_kept)
{
	const struct resolver_ops ops = { .code = moody_code };
	const struct resolver resolver = { &ops, NULL };
	struct ls_coro_stats stats = stats_of(1, 100, 100);
	const struct ls_coro_key key = { .code = HANDLER, .tgid = PID, .tid = 1 };
	struct model *m = NULL;
	const struct snapshot *snap;

	cr_assert_eq(model__new(&m, &resolver, NULL, NULL), 0);
	is_readable = 0;
	cr_assert_eq(model__coroutine(m, &key, &stats), 0);
	cr_assert_eq(model__snapshot(m, &snap), 0);
	cr_assert_str_eq(snap->rows[0].coroutine.name, "(unknown)");
	cr_assert_null(snap->rows[0].coroutine.file);
	is_readable = 1;
	cr_assert_eq(model__coroutine(m, &key, &stats), 0);
	is_readable = 0;
	cr_assert_eq(model__coroutine(m, &key, &stats), 0);
	cr_assert_eq(model__snapshot(m, &snap), 0);
	cr_assert_str_eq(snap->rows[0].coroutine.name, "handler");
	model__free(m);
}

Test(aggregate, losses_are_replaced_by_name_and_zeros_are_silent)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	cr_assert_eq(model__loss(s->model, "a", "first", 3), 0);
	cr_assert_eq(model__loss(s->model, "b", "second", 0), 0);
	cr_assert_eq(model__loss(s->model, "c", "third", 1), 0);
	cr_assert_eq(model__loss(s->model, "a", "first", 4), 0);
	snap = snapshot(s);
	cr_assert_eq(snap->n_losses, 2);
	cr_assert_str_eq(snap->losses[0].name, "a");
	cr_assert_str_eq(snap->losses[0].sentence, "first");
	cr_assert_eq(snap->losses[0].count, 4);
	cr_assert_str_eq(snap->losses[1].name, "c");
	script_free(s);
}

Test(aggregate, kinds_of_loss_are_bounded)
{
	static char names[100][8];
	struct script *s = script_new();
	const struct snapshot *snap;
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(names[i], sizeof(names[i]), "n%d", i);
		cr_assert_eq(model__loss(s->model, names[i], "sentence", 1), 0);
	}
	snap = snapshot(s);
	cr_assert_eq(snap->n_losses, 65);
	cr_assert_str_eq(snap->losses[64].name, "loss_rows");
	cr_assert_eq(snap->losses[64].count, 36);
	script_free(s);
}

static void end_thread(struct script *s, uint32_t tid)
{
	struct ls_rec_life rec = { .hdr = script_header(s, LS_REC_EXIT, sizeof(rec)) };

	rec.hdr.tid = tid;
	cr_assert_eq(script_send(s, &rec, sizeof(rec)), 0);
}

/* A thread that works, ends, and is read for the last time. */
static void thread_lives(struct script *s, uint32_t tid, uint64_t now_ns)
{
	struct ls_coro_stats stats = stats_of(10, 1000, 200);

	stats.stalls = 2;
	stats.cause_ns[LS_CAUSE_SLEEP] = 300;
	read_thread(s, tid, 10, 1000);
	read_coroutine(s, PID, tid, HANDLER, &stats);
	end_thread(s, tid);
	stats = stats_of(12, 1500, 300);
	stats.stalls = 3;
	stats.cause_ns[LS_CAUSE_SLEEP] = 400;
	read_thread(s, tid, 12, 1500);
	read_coroutine(s, PID, tid, HANDLER, &stats);
	cr_assert_eq(model__tick(s->model, now_ns), 0);
}

Test(aggregate, threads_may_come_and_go_without_end)
{
	const uint64_t n = 3 * AGGREGATE_MAX_COROUTINES;
	struct script *s = script_new();
	const struct coroutine_row *row;
	uint64_t i;

	for (i = 0; i < n; i++)
		thread_lives(s, 100 + (uint32_t)(i % 5000), 1000000000 * (i + 1));
	row = row_of(snapshot(s), "handler");
	cr_assert_eq(row->steps, 12 * n);
	cr_assert_eq(row->total_ns, 1500 * n);
	cr_assert_eq(row->stalls, 3 * n);
	cr_assert_eq(row->blocked_ns, 400 * n);
	cr_assert_eq(row->max_ns, 300);
	cr_assert_eq(row->hist[ls_hist_index(300)], 12 * n);
	cr_assert_eq(row->pid, PID);
	cr_assert_eq(snapshot(s)->steps, 12 * n);
	cr_assert_eq(snapshot(s)->stalls, 3 * n);
	cr_assert_eq(snapshot(s)->turns, 3 * n);
	cr_assert_eq(snapshot(s)->n_losses, 0);
	cr_assert_leq(snapshot(s)->n_loops, LOOPS_MAX_ENDED);
	script_free(s);
}

Test(aggregate, what_ended_before_a_reset_is_gone_after_it)
{
	struct script *s = script_new();

	thread_lives(s, 1, 1000000000);
	model__reset(s->model);
	cr_assert_eq(snapshot(s)->n_rows, 0);
	thread_lives(s, 2, 2000000000);
	cr_assert_eq(row_of(snapshot(s), "handler")->steps, 12);
	cr_assert_eq(snapshot(s)->steps, 12);
	script_free(s);
}

/* Its first reading is the last one. */
Test(aggregate, a_thread_that_is_read_only_after_its_end)
{
	struct ls_coro_stats stats = stats_of(5, 500, 100);
	struct script *s = script_new();

	end_thread(s, 7);
	read_thread(s, 7, 5, 500);
	read_coroutine(s, PID, 7, HANDLER, &stats);
	cr_assert_eq(model__tick(s->model, 1000000000), 0);
	/* Somebody else's, under the same number. */
	stats = stats_of(3, 30, 10);
	read_thread(s, 7, 3, 30);
	read_coroutine(s, PID, 7, HANDLER, &stats);
	cr_assert_eq(row_of(snapshot(s), "handler")->steps, 8);
	cr_assert_eq(row_of(snapshot(s), "handler")->total_ns, 530);
	cr_assert_eq(snapshot(s)->steps, 8);
	script_free(s);
}
