/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls and snapshots in, verdict out: what breaks a limit, what the host is blamed for, what is
 * forgiven.
 */
#include <math.h>

#include <loopstall/counters.h>

#include "base/array.h"
#include "check/runs.h"
#include "model/losses.h"

static const struct check_finding *only_finding(const struct verdict *v, enum check_rule rule)
{
	cr_assert_eq(v->n_findings, 1);
	cr_assert_eq(v->findings[0].rule, rule);
	return &v->findings[0];
}

Test(checker, holds)
{
	struct bench *b = bench_new();
	const struct verdict *v;

	bench_limit(&b->limits.max_step, "", 50 * MS);
	bench_begin(b);
	bench_step(b, LS_CAUSE_CPU, 40 * MS, 0);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_PASS);
	cr_expect_eq(v->n_findings, 0);
	cr_expect_eq(v->stalls, 1);
	bench_free(b);
}

Test(checker, a_step_over_its_limit)
{
	struct bench *b = bench_new();
	const struct check_finding *f;
	const struct verdict *v;

	bench_limit(&b->limits.max_step, "", 50 * MS);
	bench_begin(b);
	bench_step(b, LS_CAUSE_CPU, 60 * MS, 5 * MS);
	bench_step(b, LS_CAUSE_CPU, 90 * MS, 5 * MS);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_FAIL);
	f = only_finding(v, CHECK_RULE_MAX_STEP);
	cr_expect_eq(f->count, 2);
	cr_expect_eq(f->measured, 90 * MS);
	cr_expect_eq(f->limit, 50 * MS);
	cr_expect_str_eq(f->file, "app/db.py");
	cr_expect_eq(f->line, 31);
	cr_expect_str_eq(f->subject, "handler");
	cr_expect_eq(f->worst->runqueue_ns, 5 * MS);
	cr_expect_not(f->is_doubtful);
	bench_free(b);
}

Test(checker, run_queue_alone_is_no_fault)
{
	struct bench *b = bench_new();
	const struct verdict *v;

	bench_limit(&b->limits.max_step, "", 50 * MS);
	b->limits.max_stalls = 0;
	bench_begin(b);
	bench_step(b, LS_CAUSE_CPU, 5 * MS, 400 * MS);
	v = bench_end(b, NULL);
	/* One unlucky step on a host that is fine otherwise. */
	cr_expect_eq(v->outcome, CHECK_PASS);
	cr_expect_eq(v->noise.excused, 2);
	bench_free(b);
}

Test(checker, starved_host_that_hid_the_answer_is_inconclusive)
{
	struct bench *b = bench_new();
	const struct verdict *v;

	bench_limit(&b->limits.max_step, "", 50 * MS);
	b->loop.cause_ns[LS_CAUSE_RUNQUEUE] = 500 * MS;
	bench_begin(b);
	bench_step(b, LS_CAUSE_CPU, 5 * MS, 400 * MS);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_INCONCLUSIVE);
	cr_expect(v->noise.is_starved);
	cr_expect_eq(v->n_reasons, 1);
	bench_free(b);
}

Test(checker, starved_host_without_any_doubt_passes)
{
	struct bench *b = bench_new();

	bench_limit(&b->limits.max_step, "", 50 * MS);
	b->loop.cause_ns[LS_CAUSE_RUNQUEUE] = 500 * MS;
	bench_begin(b);
	bench_step(b, LS_CAUSE_CPU, 5 * MS, 10 * MS);
	cr_expect_eq(bench_end(b, NULL)->outcome, CHECK_PASS);
	bench_free(b);
}

static enum check_outcome outcome_of(enum ls_cause cause, bool is_starved, double steal,
				     uint64_t stolen_ns)
{
	struct bench *b = bench_new();
	enum check_outcome outcome;

	bench_limit(&b->limits.max_step, "", 50 * MS);
	b->loop.cause_ns[LS_CAUSE_RUNQUEUE] = is_starved ? 500 * MS : 10 * MS;
	b->facts.steal_share = steal;
	b->facts.stolen_ns = stolen_ns;
	bench_begin(b);
	bench_step(b, cause, 100 * MS, 10 * MS);
	outcome = bench_end(b, NULL)->outcome;
	bench_free(b);
	return outcome;
}

Test(checker, on_a_starved_host_only_its_own_doing_counts)
{
	cr_expect_eq(outcome_of(LS_CAUSE_PROCESS, false, 0, 0), CHECK_FAIL);
	/* The child it waited for got no CPU either. */
	cr_expect_eq(outcome_of(LS_CAUSE_PROCESS, true, 0, 0), CHECK_INCONCLUSIVE);
	cr_expect_eq(outcome_of(LS_CAUSE_GIL, true, 0, 0), CHECK_INCONCLUSIVE);
	cr_expect_eq(outcome_of(LS_CAUSE_CPU, true, 0, 0), CHECK_FAIL);
	cr_expect_eq(outcome_of(LS_CAUSE_SLEEP, true, 0, 0), CHECK_FAIL);
}

Test(checker, other_processes_without_a_cpu_answer_late)
{
	static const struct {
		enum ls_cause cause;
		enum check_outcome outcome;
	} cases[] = {
		{ LS_CAUSE_PROCESS, CHECK_INCONCLUSIVE },
		{ LS_CAUSE_PIPE, CHECK_INCONCLUSIVE },
		{ LS_CAUSE_NETWORK, CHECK_FAIL },
		{ LS_CAUSE_CPU, CHECK_FAIL },
	};
	size_t i;

	for (i = 0; i < N_OF(cases); i++) {
		struct bench *b = bench_new();

		bench_limit(&b->limits.max_step, "", 50 * MS);
		b->facts.pressure_share = 0.9;
		bench_begin(b);
		bench_step(b, cases[i].cause, 100 * MS, 0);
		cr_expect_eq(bench_end(b, NULL)->outcome, cases[i].outcome, "%d", cases[i].cause);
		bench_free(b);
	}
}

Test(checker, stolen_cpu_time_is_no_measure)
{
	cr_expect_eq(outcome_of(LS_CAUSE_CPU, false, 0.04, 60 * MS), CHECK_FAIL);
	cr_expect_eq(outcome_of(LS_CAUSE_CPU, false, 0.2, 60 * MS), CHECK_INCONCLUSIVE);
	/* Even if all of it was taken from this one step. */
	cr_expect_eq(outcome_of(LS_CAUSE_CPU, false, 0.2, 40 * MS), CHECK_FAIL);
	cr_expect_eq(outcome_of(LS_CAUSE_SLEEP, false, 0.2, 600 * MS), CHECK_FAIL);
}

/* As a recording has it whose end is missing. */
static enum check_outcome outcome_unknown(enum ls_cause cause, uint64_t ns, const char *damage)
{
	struct bench *b = bench_new();
	enum check_outcome outcome;
	const struct verdict *v;

	bench_limit(&b->limits.max_step, "", 50 * MS);
	b->facts = (struct check_facts){ .duration_ns = 2000 * MS,
					 .steal_share = NAN,
					 .pressure_share = NAN,
					 .is_host_unknown = true,
					 .damage = damage };
	bench_begin(b);
	bench_step(b, cause, ns, 0);
	v = bench_end(b, NULL);
	outcome = v->outcome;
	cr_expect_eq(outcome == CHECK_INCONCLUSIVE, v->n_reasons > 0);
	cr_expect_not(v->noise.is_stolen || v->noise.is_pressed);
	bench_free(b);
	return outcome;
}

Test(checker, an_unknown_host_is_blamed_for_what_it_may_have_done)
{
	cr_expect_eq(outcome_unknown(LS_CAUSE_CPU, 40 * MS, NULL), CHECK_PASS);
	cr_expect_eq(outcome_unknown(LS_CAUSE_CPU, 60 * MS, NULL), CHECK_INCONCLUSIVE);
	cr_expect_eq(outcome_unknown(LS_CAUSE_PROCESS, 60 * MS, NULL), CHECK_INCONCLUSIVE);
	cr_expect_eq(outcome_unknown(LS_CAUSE_SLEEP, 60 * MS, NULL), CHECK_FAIL);
	cr_expect_eq(outcome_unknown(LS_CAUSE_NETWORK, 60 * MS, NULL), CHECK_FAIL);
}

Test(checker, a_recording_that_is_not_whole_is_never_green)
{
	cr_expect_eq(outcome_unknown(LS_CAUSE_CPU, 40 * MS, "cut at 16 %"), CHECK_INCONCLUSIVE);
	cr_expect_eq(outcome_unknown(LS_CAUSE_SLEEP, 60 * MS, "cut at 16 %"), CHECK_FAIL);
}

Test(checker, too_little_seen_is_never_green)
{
	struct bench *b = bench_new();
	const struct verdict *v;

	b->snapshot.steps = 99;
	bench_begin(b);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_INCONCLUSIVE);
	bench_free(b);

	b = bench_new();
	b->snapshot.steps = 0;
	b->facts.no_steps_reason = "it has no loop";
	bench_begin(b);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_INCONCLUSIVE);
	cr_expect_str_eq(v->reasons[0], "no step was seen: it has no loop");
	bench_free(b);
}

Test(checker, few_steps_do_not_excuse_a_broken_limit)
{
	struct bench *b = bench_new();

	bench_limit(&b->limits.max_step, "", 50 * MS);
	b->snapshot.steps = 3;
	bench_begin(b);
	bench_step(b, LS_CAUSE_CPU, 60 * MS, 0);
	cr_expect_eq(bench_end(b, NULL)->outcome, CHECK_FAIL);
	bench_free(b);
}

static enum check_outcome outcome_with_loss(const char *name)
{
	struct bench *b = bench_new();
	enum check_outcome outcome;

	b->loss = (struct loss){ name, "...", 3, false };
	b->snapshot.n_losses = 1;
	b->snapshot.losses = &b->loss;
	bench_begin(b);
	outcome = bench_end(b, NULL)->outcome;
	bench_free(b);
	return outcome;
}

static bool may_hide_a_stall(const char *loss)
{
	static const char *const hiding[] = {
		"ring_full_stall",    "stall_detail_shed", "thread_map_full",  "bad_record",
		"coroutine_map_full", "thread_storage",	   "step_abandoned",   "step_too_deep",
		"coroutine_rows",     "thread_rows",	   "sampler_no_clock", "child_unexamined",
	};

	for (size_t i = 0; i < N_OF(hiding); i++)
		if (!strcmp(loss, hiding[i]))
			return true;
	return false;
}

Test(checker, only_losses_that_may_hide_a_stall_make_it_inconclusive)
{
	static const char *const losses[] = {
#define _(name, json, ...) json,
		LS_LOSSES(_) MODEL_LOSSES(_)
#undef _
	};
	size_t n_hiding = 0;

	for (size_t i = 0; i < N_OF(losses); i++) {
		const bool hides = may_hide_a_stall(losses[i]);

		n_hiding += hides;
		cr_expect_eq(outcome_with_loss(losses[i]), hides ? CHECK_INCONCLUSIVE : CHECK_PASS,
			     "%s", losses[i]);
	}
	cr_expect_eq(n_hiding, 12);
	cr_expect_eq(outcome_with_loss("no such loss"), CHECK_PASS);
}

Test(checker, denied_cause)
{
	struct bench *b = bench_new();
	const struct check_finding *f;
	const struct verdict *v;
	struct stall s = step_make();

	cr_assert_eq(check_limits__deny(&b->limits, "sleep,network", NULL), 0);
	bench_begin(b);
	/* Both under the threshold by themselves. */
	step_time(&s, LS_CAUSE_SLEEP, 9 * MS);
	step_time(&s, LS_CAUSE_NETWORK, 9 * MS);
	cr_assert_eq(checker__stall(b->checker, &s), 0);
	bench_step(b, LS_CAUSE_CPU, 900 * MS, 0);
	bench_step(b, LS_CAUSE_NETWORK, 11 * MS, 0);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_FAIL);
	f = only_finding(v, CHECK_RULE_DENY);
	cr_expect_eq(f->cause, LS_CAUSE_NETWORK);
	cr_expect_eq(f->count, 1);
	cr_expect_eq(f->measured, 11 * MS);
	bench_free(b);
}

Test(checker, sums)
{
	struct bench *b = bench_new();
	struct stall s = step_make();
	const struct verdict *v;

	b->limits.max_stalls = 1;
	b->limits.max_starved_ns = 100 * MS;
	b->limits.max_turn_ns = 200 * MS;
	b->snapshot.turn_max_ns = 400 * MS;
	b->snapshot.turn_own_max_ns = 201 * MS;
	bench_begin(b);
	bench_step(b, LS_CAUSE_CPU, 20 * MS, 0);
	/* Half of it is the host's, and half of what it cost others. */
	step_time(&s, LS_CAUSE_CPU, 20 * MS);
	step_time(&s, LS_CAUSE_RUNQUEUE, 20 * MS);
	s.starved_ns = 202 * MS;
	cr_assert_eq(checker__stall(b->checker, &s), 0);
	v = bench_end(b, NULL);
	cr_assert_eq(v->n_findings, 3);
	cr_expect_eq(v->findings[0].rule, CHECK_RULE_MAX_TURN);
	cr_expect_eq(v->findings[0].measured, 201 * MS);
	cr_expect_eq(v->findings[1].rule, CHECK_RULE_MAX_STALLS);
	cr_expect_eq(v->findings[1].measured, 2);
	cr_expect_eq(v->findings[2].rule, CHECK_RULE_MAX_STARVED);
	cr_expect_eq(v->findings[2].measured, 101 * MS);
	bench_free(b);
}

static const struct verdict *judge_unknown_victims(struct bench *b, uint64_t max_starved_ns)
{
	struct stall s = step_make();

	b->limits.max_starved_ns = max_starved_ns;
	bench_begin(b);
	step_time(&s, LS_CAUSE_CPU, 20 * MS);
	s.starved_ns = 50 * MS;
	cr_assert_eq(checker__stall(b->checker, &s), 0);
	s.starved_ns = 0;
	s.is_victims_unknown = true;
	cr_assert_eq(checker__stall(b->checker, &s), 0);
	return bench_end(b, NULL);
}

/* Their time may be above the limit. What is known of others may be so without them. */
Test(checker, starved_time_that_is_not_known)
{
	struct bench *b = bench_new();
	const struct verdict *v = judge_unknown_victims(b, 100 * MS);

	cr_expect_eq(v->outcome, CHECK_INCONCLUSIVE);
	cr_assert_eq(v->n_reasons, 1);
	cr_expect_str_eq(v->reasons[0], "the starved time of 1 stall is not known (--max-starved)");
	bench_free(b);
	b = bench_new();
	cr_expect_eq(judge_unknown_victims(b, 49 * MS)->outcome, CHECK_FAIL);
	bench_free(b);
	b = bench_new();
	cr_expect_eq(judge_unknown_victims(b, CHECK_NO_LIMIT)->outcome, CHECK_PASS);
	bench_free(b);
}

Test(checker, p99_is_judged_without_the_run_queue)
{
	struct bench *b = bench_new();
	const struct verdict *v;

	bench_limit(&b->limits.p99_step, "handler", 10 * MS);
	b->row.max_ns = 100 * MS;
	b->row.p99_ns = 90 * MS;
	b->row.hist[ls_hist_index(90 * MS)] = 50;
	bench_begin(b);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_PASS);
	cr_expect_eq(v->noise.excused, 1);
	bench_free(b);

	b = bench_new();
	bench_limit(&b->limits.p99_step, "handler", 10 * MS);
	b->row.max_ns = 100 * MS;
	b->row.p99_ns = 90 * MS;
	b->row.own_hist[ls_hist_index(30 * MS)] = 50;
	bench_begin(b);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_FAIL);
	cr_expect_gt(only_finding(v, CHECK_RULE_P99_STEP)->measured, 29 * MS);
	cr_expect_eq(v->findings[0].line, 10);
	bench_free(b);
}

Test(checker, allowed_and_expired)
{
	struct bench *b = bench_new();
	const struct verdict *v;

	bench_limit(&b->limits.max_step, "", 50 * MS);
	b->limits.max_stalls = 0;
	cr_assert_eq(check_allow__add(&b->allow, "app/db.py:31 # known", 1, NULL), 0);
	cr_assert_eq(check_allow__add(&b->allow, "never_seen", 2, NULL), 0);
	bench_begin(b);
	bench_step(b, LS_CAUSE_CPU, 90 * MS, 0);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_PASS);
	cr_expect_eq(v->allowed, 1);
	cr_expect_eq(v->allow->list[0].times, 1);
	cr_expect_eq(v->allow->list[1].times, 0);
	bench_free(b);

	b = bench_new();
	bench_limit(&b->limits.max_step, "", 50 * MS);
	cr_assert_eq(check_allow__add(&b->allow, "app/db.py:31 until=2026-06-14", 1, NULL), 0);
	bench_begin(b);
	bench_step(b, LS_CAUSE_CPU, 90 * MS, 0);
	v = bench_end(b, NULL);
	cr_expect_eq(v->outcome, CHECK_FAIL);
	cr_assert_eq(v->n_findings, 2);
	cr_expect_eq(v->findings[1].rule, CHECK_RULE_ALLOW_EXPIRED);
	bench_free(b);
}

Test(checker, place_is_the_innermost_frame_of_the_repository)
{
	struct bench *b = bench_new();
	struct stall s = step_make();

	bench_limit(&b->limits.max_step, "", 50 * MS);
	bench_begin(b);
	s.stack[0] =
		(struct model_frame){ "Popen.wait", "/usr/lib/python3.11/subprocess.py", 1264 };
	s.call = s.stack[0];
	step_time(&s, LS_CAUSE_PROCESS, 60 * MS);
	cr_assert_eq(checker__stall(b->checker, &s), 0);
	cr_expect_str_eq(only_finding(bench_end(b, NULL), CHECK_RULE_MAX_STEP)->file, "app/web.py");
	bench_free(b);
}

Test(checker, more_places_than_are_kept_are_counted)
{
	struct bench *b = bench_new();
	struct stall s = step_make();
	const struct verdict *v;
	uint32_t line;

	bench_limit(&b->limits.max_step, "", 50 * MS);
	bench_begin(b);
	step_time(&s, LS_CAUSE_CPU, 60 * MS);
	for (line = 100; line < 100 + 3 * CHECK_MAX_FINDINGS; line++) {
		s.stack[0].line = line;
		cr_assert_eq(checker__stall(b->checker, &s), 0);
	}
	v = bench_end(b, NULL);
	cr_expect_eq(v->n_findings, CHECK_MAX_FINDINGS);
	cr_expect_gt(v->findings_left_out, 0);
	cr_expect_eq(v->outcome, CHECK_FAIL);
	bench_free(b);
}
