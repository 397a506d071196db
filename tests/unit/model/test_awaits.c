/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps that await again and again without suspending, as samples show them.
 */
#include "model/reading.h"

enum { AWAIT_LINE = 14, WORK_LINE = 15, AWAITED = TICK, PLAIN = RENDER };

static bool awaited(void *ctx, uint32_t pid, uint64_t code)
{
	(void)ctx;
	(void)pid;
	return code == HANDLER || code == AWAITED;
}

static struct script *script_of_awaits(void)
{
	static struct resolver_ops ops;
	struct script *s = calloc(1, sizeof(*s));
	struct resolver resolver = { &ops, NULL };

	ops = script_ops;
	ops.is_awaited = awaited;
	cr_assert_not_null(s);
	s->now_ns = 1000 * MS;
	cr_assert_eq(model__new(&s->model, &resolver, script_on_stall, s), 0);
	return s;
}

/* One sample: 'a' inside the await, 'f' inside a plain function at the same line, 'w' elsewhere. */
static void sample(struct script *s, char where)
{
	struct ls_rec_stack rec = script_stack(s, 1, LS_CAUSE_CPU, MS);

	if (where != 'w')
		script_frame(&rec, where == 'a' ? AWAITED : PLAIN, 7);
	script_frame(&rec, HANDLER, where == 'w' ? WORK_LINE : AWAIT_LINE);
	script_send_stack(s, &rec);
	s->now_ns += 2 * MS;
}

static const struct stall *sampled(struct script *s, const char *samples)
{
	for (; *samples; samples++)
		sample(s, *samples);
	script_end(s, 1, LS_CAUSE_CPU);
	return &s->stall;
}

Test(awaits, the_same_await_again_and_again)
{
	struct script *s = script_of_awaits();
	const struct stall *stall = sampled(s, "wawwaaw");

	cr_assert_str_eq(stall->repeated_await.function, "handler");
	cr_assert_eq(stall->repeated_await.line, AWAIT_LINE);
	cr_assert_eq(stall->sign, SIGN_AWAITS);
	script_free(s);
}

Test(awaits, what_proves_nothing)
{
	static const char *const runs[] = {
		"", /* no sample */
		"aaaa", /* one await */
		"wwaa", /* it may have suspended */
		"aaww", /* resumed in it */
		"awwa", /* resumed in it, and suspended in it later */
		"wfwfwf", /* a plain function */
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		struct script *s = script_of_awaits();

		cr_assert_null(sampled(s, runs[i])->repeated_await.function, "%s", runs[i]);
		script_free(s);
	}
}

/* Recordings of older versions. */
Test(awaits, a_resolver_that_does_not_know_coroutines)
{
	struct script *s = script_new();

	cr_assert_null(sampled(s, "wawawa")->repeated_await.function);
	script_free(s);
}

Test(awaits, each_coroutine_has_the_cost_of_all_its_sites)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	reading_stall(s, 1, HANDLER, RENDER, 88, LS_CAUSE_CPU, 20 * MS);
	reading_stall(s, 2, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	reading_stall(s, 3, HANDLER, RENDER, 88, LS_CAUSE_CPU, 20 * MS);
	reading_stall(s, 4, TICK, FETCH_ROW, 31, LS_CAUSE_SLEEP, 30 * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_site_costs, 3);
	cr_assert_str_eq(snap->site_costs[0].coroutine.name, "handler");
	cr_assert_eq(snap->site_costs[0].total_ns, 50 * MS);
	cr_assert_eq(snap->site_costs[1].at.line, 88);
	cr_assert_eq(snap->site_costs[1].total_ns, 40 * MS);
	cr_assert_eq(snap->site_costs[1].stalls, 2);
	cr_assert_str_eq(snap->site_costs[2].coroutine.name, "tick");
	script_free(s);
}
