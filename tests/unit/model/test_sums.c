/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums by process and thread, which are complete until the tick behind the end of a thread.
 */
#include "model/reading.h"

#define CODE 0x1000

struct seen {
	size_t n_threads, n_coroutines, n_last;
	uint64_t steps, step_ns;
	const char *name;
};

static int see_thread(void *ctx, const struct thread_sum *sum)
{
	struct seen *seen = ctx;

	cr_expect_eq(sum->pid, PID);
	seen->n_threads++;
	seen->n_last += sum->is_last;
	seen->step_ns += sum->stats->step_ns;
	return 0;
}

static int see_coroutine(void *ctx, const struct coroutine_sum *sum)
{
	struct seen *seen = ctx;

	seen->n_coroutines++;
	seen->n_last += sum->is_last;
	seen->steps += sum->stats->steps;
	seen->name = sum->coroutine->name;
	return 0;
}

static struct seen look(struct script *s)
{
	static const struct sum_ops ops = { see_thread, see_coroutine };
	struct seen seen = {};

	cr_assert_eq(model__each_sum(s->model, &ops, &seen), 0);
	return seen;
}

static void thread_ends(struct script *s)
{
	const struct ls_rec_hdr hdr = { .kind = LS_REC_EXIT, .tgid = PID, .tid = TID };
	const struct event event = { .kind = LS_REC_EXIT, .hdr = &hdr };

	cr_assert_eq(model__event(s->model, &event), 0);
}

static void reading(struct script *s)
{
	reading_thread(s, PID, TID, 5, 5 * MS);
	reading_coroutine(s, TID, CODE, 5, MS);
}

Test(sums, are_of_threads_and_their_coroutines)
{
	struct script *s = script_new();
	struct seen seen;

	reading(s);
	seen = look(s);
	cr_expect_eq(seen.n_threads, 1);
	cr_expect_eq(seen.n_coroutines, 1);
	cr_expect_eq(seen.n_last, 0);
	cr_expect_eq(seen.steps, 5);
	cr_expect_eq(seen.step_ns, 5 * MS);
	cr_expect_not_null(seen.name);
	script_free(s);
}

Test(sums, are_final_between_the_end_of_a_thread_and_the_next_tick)
{
	struct script *s = script_new();
	struct seen seen;

	reading(s);
	cr_assert_eq(model__tick(s->model, SECOND), 0);
	thread_ends(s);
	reading(s);
	seen = look(s);
	cr_expect_eq(seen.n_last, 2);
	cr_expect_eq(seen.steps, 5);
	cr_assert_eq(model__tick(s->model, 2 * SECOND), 0);
	seen = look(s);
	cr_expect_eq(seen.n_threads + seen.n_coroutines, 0);
	cr_expect_eq(reading_snapshot(s)->steps, 5, "the totals keep them");
	script_free(s);
}

Test(sums, begin_anew_with_a_reset)
{
	struct script *s = script_new();
	struct seen seen;

	reading(s);
	model__reset(s->model);
	seen = look(s);
	cr_expect_eq(seen.steps, 0);
	cr_expect_eq(seen.step_ns, 0);
	script_free(s);
}
