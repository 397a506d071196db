/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots in, findings and advice out.
 */
#include "model/lint.h"
#include "model/lint_loop_rules.h"
#include "model/lint_rules.h"
#include "model/reading.h"
#include "model/vocabulary.h"

static size_t check(struct script *s, struct lint_finding *findings)
{
	return lint__check(reading_snapshot(s), 0, findings, LINT_MAX_FINDINGS);
}

Test(lint, nothing_is_found_in_nothing)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();

	reading_coroutine(s, TID, HANDLER, 10, MS);
	cr_assert_eq(check(s, findings), 0);
	script_free(s);
}

Test(lint, findings_are_summed_up_most_time_first)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();

	reading_stall(s, 1, HANDLER, RENDER, 88, LS_CAUSE_CPU, 20 * MS);
	reading_stall(s, 2, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	reading_stall(s, 3, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	reading_stall(s, 4, TICK, TICK, 6, LS_CAUSE_SLEEP, 50 * MS);
	cr_assert_eq(check(s, findings), 2);
	cr_assert_eq(findings[0].id, LINT_BLOCKING_CALL);
	cr_assert_str_eq(findings[0].name, "blocking-call");
	cr_assert_eq(findings[0].coroutines, 2);
	cr_assert_eq(findings[0].stalls, 3);
	cr_assert_eq(findings[0].total_ns, 150 * MS);
	cr_assert_str_eq(findings[0].summary, "2 functions sleep on the loop (3 stalls)");
	cr_assert_str_eq(findings[1].summary, "1 function computes too long on the loop (1 stall)");
	cr_assert_eq(lint__check(reading_snapshot(s), 0, findings, 1), 1,
		     "no more than there is room");
	script_free(s);
}

Test(lint, coroutines_that_share_a_line_are_told_apart)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();

	reading_stall(s, 1, HANDLER, FETCH_ROW, 31, LS_CAUSE_DNS, 50 * MS);
	reading_stall(s, 2, TICK, FETCH_ROW, 31, LS_CAUSE_DNS, 50 * MS);
	cr_assert_eq(check(s, findings), 1);
	cr_assert_eq(findings[0].id, LINT_SYNC_DNS);
	cr_assert_eq(findings[0].coroutines, 2);
	cr_assert_eq(findings[0].stalls, 2);
	script_free(s);
}

Test(lint, turns_are_many_small_steps_of_a_loop)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_TURN);
	struct lint_verdict verdict;

	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	script_send_stall(s, &rec);
	cr_assert_eq(check(s, findings), 1);
	cr_assert_str_eq(findings[0].summary, "1 loop runs too many steps in one turn (2 stalls)");
	cr_assert(lint__stall(&s->stall, 0, &verdict));
	cr_assert_eq(verdict.id, LINT_MANY_SMALL_STEPS);
	script_free(s);
}

Test(lint, each_cause_has_a_verdict_and_advice)
{
	static const struct {
		enum ls_cause cause;
		uint64_t ns;
		enum lint_id id;
	} cases[] = {
		{ LS_CAUSE_CPU, 50 * MS, LINT_CPU_HOG },
		{ LS_CAUSE_CPU, 1000 * MS, LINT_NEVER_YIELDS },
		{ LS_CAUSE_SLEEP, 50 * MS, LINT_BLOCKING_CALL },
		{ LS_CAUSE_NETWORK, 50 * MS, LINT_BLOCKING_CALL },
		{ LS_CAUSE_FILE, 50 * MS, LINT_BLOCKING_CALL },
		{ LS_CAUSE_PIPE, 50 * MS, LINT_BLOCKING_CALL },
		{ LS_CAUSE_PROCESS, 50 * MS, LINT_SUBPROCESS_IN_LOOP },
		{ LS_CAUSE_LOCK, 50 * MS, LINT_BLOCKING_CALL },
		{ LS_CAUSE_GIL, 50 * MS, LINT_GIL_CONTENDED },
		{ LS_CAUSE_DNS, 50 * MS, LINT_SYNC_DNS },
		{ LS_CAUSE_RUNQUEUE, 50 * MS, LINT_STARVED_BY_HOST },
		{ LS_CAUSE_PAGEFAULT, 50 * MS, LINT_STARVED_BY_HOST },
		{ LS_CAUSE_OTHER, 50 * MS, LINT_BLOCKING_CALL },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct stall stall = { .unit = LS_UNIT_STEP,
					     .cause = cases[i].cause,
					     .duration_ns = cases[i].ns };
		const struct site_row site = { .cause = cases[i].cause, .max_ns = cases[i].ns };
		struct lint_verdict verdict;

		cr_assert(lint__stall(&stall, 0, &verdict), "cause %d", cases[i].cause);
		cr_assert_eq(verdict.id, cases[i].id, "cause %d", cases[i].cause);
		cr_assert_str_eq(verdict.name, lint__name(verdict.id));
		cr_assert(*verdict.verdict && *verdict.advice);
		cr_assert(lint__site(&site, 0, &verdict));
		cr_assert_eq(verdict.id, cases[i].id);
	}
}

static struct lint_verdict verdict_by_sign(enum ls_cause cause, enum sign sign)
{
	const struct stall stall = {
		.unit = LS_UNIT_STEP, .cause = cause, .sign = sign, .duration_ns = 50 * MS
	};
	struct lint_verdict verdict;

	cr_assert(lint__stall(&stall, 0, &verdict));
	return verdict;
}

Test(lint, advice_follows_what_was_observed)
{
	struct lint_verdict v;

	v = verdict_by_sign(LS_CAUSE_CPU, SIGN_GIL_RELEASED);
	cr_assert_eq(v.id, LINT_CPU_HOG);
	cr_assert_not_null(strstr(v.advice, "await asyncio.to_thread(...)"), "%s", v.advice);
	cr_assert_null(strstr(v.advice, "ProcessPool"));
	v = verdict_by_sign(LS_CAUSE_CPU, SIGN_GIL_HELD);
	cr_assert_not_null(strstr(v.advice, "to_thread would wait for the GIL"), "%s", v.advice);
	v = verdict_by_sign(LS_CAUSE_CPU, SIGN_NONE);
	cr_assert_null(strstr(v.advice, "would wait"), "%s", v.advice);
	v = verdict_by_sign(LS_CAUSE_RUNQUEUE, SIGN_OWN_THREADS);
	cr_assert_eq(v.id, LINT_CPU_CONTENDED);
	v = verdict_by_sign(LS_CAUSE_RUNQUEUE, SIGN_PINNED);
	cr_assert_eq(v.id, LINT_CPU_PINNED);
	v = verdict_by_sign(LS_CAUSE_RUNQUEUE, SIGN_OTHER_PROCESS);
	cr_assert_eq(v.id, LINT_STARVED_BY_HOST);
	v = verdict_by_sign(LS_CAUSE_SLEEP, SIGN_LIBRARY);
	cr_assert_not_null(strstr(v.advice, "Call it in a thread"), "%s", v.advice);
	cr_assert_null(strstr(v.verdict, "time.sleep"), "%s", v.verdict);
	v = verdict_by_sign(LS_CAUSE_FILE, SIGN_OPENS);
	cr_assert_not_null(strstr(v.verdict, "FIFO"), "%s", v.verdict);
	v = verdict_by_sign(LS_CAUSE_FILE, SIGN_NONE);
	cr_assert_null(strstr(v.verdict, "FIFO"), "%s", v.verdict);
	v = verdict_by_sign(LS_CAUSE_LOCK, SIGN_NOTIFIED);
	cr_assert_not_null(strstr(v.advice, "asyncio.wrap_future"), "%s", v.advice);
	cr_assert_null(strstr(v.verdict, "a lock"), "%s", v.verdict);
	v = verdict_by_sign(LS_CAUSE_LOCK, SIGN_FILE_LOCK);
	cr_assert_not_null(strstr(v.advice, "LOCK_NB"), "%s", v.advice);
	cr_assert_null(strstr(v.advice, "asyncio.Lock"), "%s", v.advice);
	/* What is seen of one cause says nothing of another. */
	v = verdict_by_sign(LS_CAUSE_SLEEP, SIGN_GIL_RELEASED);
	cr_assert_eq(v.id, LINT_BLOCKING_CALL);
}

/* 30 ms without a CPU, 20 ms of its own: both are found. */
Test(lint, own_time_beside_that_of_the_host)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);
	struct lint_verdict verdict;

	script_at(s, 1, LS_CAUSE_CPU, 20 * MS, RENDER, 88);
	script_time(&rec, LS_CAUSE_RUNQUEUE, 30 * MS);
	script_time(&rec, LS_CAUSE_CPU, 20 * MS);
	rec.threshold_ns = 20 * MS;
	rec.gil_looks = 4;
	rec.gil_free = 3;
	rec.cpu_holder = (struct ls_cpu_holder){ .ns = 25 * MS, .tgid = 99, .comm = { 0x676f68 } };
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.cause, LS_CAUSE_RUNQUEUE);
	cr_assert_eq(s->stall.sign, SIGN_OTHER_PROCESS);
	cr_assert_str_eq(s->stall.cpu_holder.name, "hog");
	cr_assert_eq(s->stall.own_ns, 20 * MS);
	cr_assert_eq(s->stall.own_cause, LS_CAUSE_CPU);
	cr_assert_eq(s->stall.own_sign, SIGN_GIL_RELEASED);
	cr_assert(lint__own_time(&s->stall, 0, &verdict));
	cr_assert_eq(verdict.id, LINT_CPU_HOG);
	cr_assert_eq(check(s, findings), 2);
	cr_assert_eq(findings[0].id, LINT_STARVED_BY_HOST);
	cr_assert_eq(findings[1].id, LINT_CPU_HOG);
	cr_assert_eq(findings[1].stalls, 1);
	cr_assert_eq(findings[1].total_ns, 20 * MS);
	script_free(s);
}

/* 100 ms on the CPU, of which the kernel booked 3 of 4 ticks to itself. */
static enum lint_id judge_kernel_time(uint64_t user_ns, uint64_t kernel_ns, uint64_t faults,
				      struct stall *ret_stall)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);
	struct lint_verdict verdict;

	script_time(&rec, LS_CAUSE_CPU, 100 * MS);
	rec.gil_looks = 4;
	rec.booked_user_ns = user_ns;
	rec.booked_kernel_ns = kernel_ns;
	rec.page_faults = faults;
	script_send_stall(s, &rec);
	*ret_stall = s->stall;
	cr_assert(lint__stall(&s->stall, 0, &verdict));
	script_free(s);
	return verdict.id;
}

Test(lint, page_faults_are_told_from_computing)
{
	char words[VOCABULARY_KERNEL_BYTES];
	struct stall stall;

	cr_assert_eq(judge_kernel_time(24 * MS, 72 * MS, 20000, &stall), LINT_PAGE_FAULTS);
	cr_assert(stall.has_kernel_ns);
	cr_assert_eq(stall.kernel_ns, 75 * MS);
	vocabulary_kernel(&stall, words);
	cr_assert_str_eq(words, "in the kernel, 20000 page faults");
	/* In the kernel for something else, such as a copy of page tables. */
	cr_assert_eq(judge_kernel_time(24 * MS, 72 * MS, 3000, &stall), LINT_CPU_HOG);
	vocabulary_kernel(&stall, words);
	cr_assert_str_eq(words, "in the kernel");
	cr_assert_eq(judge_kernel_time(60 * MS, 36 * MS, 20000, &stall), LINT_CPU_HOG);
	vocabulary_kernel(&stall, words);
	cr_assert_str_eq(words, "");
	/* Three ticks say nothing. */
	cr_assert_eq(judge_kernel_time(0, 12 * MS, 20000, &stall), LINT_CPU_HOG);
	cr_assert(!stall.has_kernel_ns);
}

Test(lint, own_time_below_the_threshold)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);
	struct lint_verdict verdict;

	script_time(&rec, LS_CAUSE_RUNQUEUE, 30 * MS);
	script_time(&rec, LS_CAUSE_CPU, 9 * MS);
	rec.threshold_ns = 10 * MS;
	rec.pinned_ns = 30 * MS;
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.sign, SIGN_PINNED);
	cr_assert_eq(s->stall.own_ns, 0);
	cr_assert(!lint__own_time(&s->stall, 0, &verdict));
	script_free(s);
}

Test(lint, cause_without_a_rule_of_its_own_has_that_of_its_class)
{
	for (enum ls_cause cause = 0; cause < LS_CAUSE_MAX; cause++) {
		const struct site_row site = { .cause = cause, .max_ns = 50 * MS };
		struct lint_verdict verdict;

		cr_assert(lint__site(&site, 0, &verdict), "cause %d", cause);
	}
}

Test(lint, row_is_judged_by_the_line_that_cost_most)
{
	struct script *s = script_new();
	struct lint_verdict verdict;

	reading_coroutine(s, TID, HANDLER, 10, MS);
	cr_assert(!lint__row(reading_row(reading_snapshot(s), "handler"), 0, &verdict));
	reading_stall(s, 1, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	cr_assert(lint__row(reading_row(reading_snapshot(s), "handler"), 0, &verdict));
	cr_assert_str_eq(verdict.verdict, "Blocks the loop in a call that sleeps");
	script_free(s);
}

Test(lint, are_found_by_name)
{
	cr_assert_eq(lint__by_name("sync-dns"), LINT_SYNC_DNS);
	cr_assert_eq(lint__by_name("no-such-lint"), LINT_MAX);
	cr_assert_str_eq(lint__name(LINT_CPU_HOG), "cpu-hog");
}

static void loop_told(struct script *s, uint32_t tid, uint32_t threads, uint32_t queued)
{
	const struct model_loop_info info = { "app", 0, threads, threads, queued, 0 };

	cr_assert_eq(model__loop(s->model, PID, tid, &info), 0);
}

Test(lint, executor_is_saturated_when_it_was_full_twice_in_a_row)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();
	struct lint_verdict verdict;

	loop_told(s, TID, 8, 5);
	cr_assert_eq(model__tick(s->model, 10 * SECOND), 0);
	cr_assert_eq(check(s, findings), 0, "it may be about to hand a call over");
	cr_assert(!lint__loop(&reading_snapshot(s)->loops[0], 0, &verdict));
	cr_assert_eq(model__tick(s->model, 11 * SECOND), 0);
	cr_assert_eq(check(s, findings), 1);
	cr_assert_eq(findings[0].id, LINT_EXECUTOR_SATURATED);
	cr_assert_eq(findings[0].coroutines, 1);
	cr_assert_eq(findings[0].total_ns, 2 * SECOND);
	cr_assert_str_eq(findings[0].summary,
			 "1 loop has all 8 threads of its default executor busy and 5 calls "
			 "waiting");
	cr_assert(lint__loop(&reading_snapshot(s)->loops[0], 0, &verdict));
	cr_assert_eq(verdict.id, LINT_EXECUTOR_SATURATED);
	cr_assert(*verdict.verdict && *verdict.advice);
	loop_told(s, TID, 1, 1);
	cr_assert_eq(check(s, findings), 1);
	cr_assert_str_eq(findings[0].summary,
			 "1 loop has the only thread of its default executor busy and 1 call "
			 "waiting");
	loop_told(s, TID + 1, 4, 2);
	cr_assert_eq(model__tick(s->model, 12 * SECOND), 0);
	cr_assert_eq(model__tick(s->model, 13 * SECOND), 0);
	cr_assert_eq(check(s, findings), 1);
	cr_assert_str_eq(findings[0].summary,
			 "2 loops have all threads of their default executors busy and 3 calls "
			 "waiting");
	script_free(s);
}

static void loop_waited(struct script *s, uint32_t tid, uint64_t busy_ns, uint64_t runqueue_ns)
{
	const struct ls_thread_stats stats = { .steps = 1,
					       .step_ns = busy_ns / 2,
					       .callbacks_ns = busy_ns - busy_ns / 2,
					       .cause_ns[LS_CAUSE_RUNQUEUE] = runqueue_ns };

	cr_assert_eq(model__thread(s->model, PID, tid, &stats), 0);
}

Test(lint, host_starves_a_loop_by_a_share_of_its_busy_time)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();
	struct lint_verdict verdict;

	loop_waited(s, TID, 1000 * MS, 200 * MS);
	cr_assert_eq(check(s, findings), 0, "a fifth is not more than a fifth");
	loop_waited(s, TID, 100 * MS, 99 * MS);
	cr_assert_eq(check(s, findings), 0, "too little to tell");
	loop_waited(s, TID, 1000 * MS, 340 * MS);
	cr_assert_eq(check(s, findings), 1);
	cr_assert_eq(findings[0].id, LINT_STARVED_BY_HOST);
	cr_assert_eq(findings[0].total_ns, 340 * MS);
	cr_assert_eq(findings[0].stalls, 0);
	cr_assert_str_eq(findings[0].summary,
			 "1 loop waited for a free CPU for 34 % of its busy time");
	cr_assert(lint__loop(&reading_snapshot(s)->loops[0], 0, &verdict));
	cr_assert_eq(verdict.id, LINT_STARVED_BY_HOST);
	loop_waited(s, TID + 1, 1000 * MS, 460 * MS);
	cr_assert_eq(check(s, findings), 1);
	cr_assert_str_eq(findings[0].summary,
			 "2 loops waited for a free CPU for 40 % of their busy time");
	script_free(s);
}

Test(lint, what_is_off_is_nowhere)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();
	const struct snapshot *snap;
	struct lint_verdict verdict;
	lint_mask off;

	loop_told(s, TID, 8, 5);
	loop_waited(s, TID, 1000 * MS, 900 * MS);
	cr_assert_eq(model__tick(s->model, 10 * SECOND), 0);
	cr_assert_eq(model__tick(s->model, 11 * SECOND), 0);
	reading_coroutine(s, TID, HANDLER, 10, MS);
	reading_stall(s, 1, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(lint__check(snap, 0, findings, LINT_MAX_FINDINGS), 3);
	cr_assert_eq(lint__parse_mask("blocking-call,executor-saturated", &off, NULL, 0), 0);
	cr_assert_eq(lint__check(snap, off, findings, LINT_MAX_FINDINGS), 1);
	cr_assert_eq(findings[0].id, LINT_STARVED_BY_HOST);
	cr_assert(!lint__row(reading_row(snap, "handler"), off, &verdict));
	cr_assert(!lint__site(&snap->sites[0], off, &verdict));
	cr_assert(!lint__stall(snap->stall_list[0], off, &verdict));
	cr_assert(lint__loop(&snap->loops[0], off, &verdict), "the other rule still speaks");
	cr_assert_eq(verdict.id, LINT_STARVED_BY_HOST);
	cr_assert_eq(lint__parse_mask("all", &off, NULL, 0), 0);
	cr_assert_eq(lint__check(snap, off, findings, LINT_MAX_FINDINGS), 0);
	cr_assert(!lint__loop(&snap->loops[0], off, &verdict));
	script_free(s);
}

/* Else the words that a runtime has for it are never shown. */
Test(lint, every_kind_of_finding_has_a_rule)
{
	for (int kind = 0; kind < FINDING_MAX; kind++) {
		size_t n = 0;

		for (size_t i = 0; i < lint_n_rules; i++)
			n += (int)lint_rules[i].kind == kind;
		for (size_t i = 0; i < lint_n_loop_rules; i++)
			n += (int)lint_loop_rules[i].kind == kind;
		/* The rule on pools has words for each kind of pool. */
		n += kind > FINDING_POOL_EXECUTOR && kind <= FINDING_POOL_CONNECTIONS;
		cr_expect_gt(n, 0, "kind %d", kind);
	}
}

Test(lint, mask_is_parsed_from_names)
{
	lint_mask mask = 77;
	char bad[8] = "";

	cr_assert_eq(lint__parse_mask("gil-contended,sync-dns", &mask, bad, sizeof(bad)), 0);
	cr_assert_eq(mask, 1u << LINT_GIL_CONTENDED | 1u << LINT_SYNC_DNS);
	cr_assert_eq(lint__parse_mask("all", &mask, bad, sizeof(bad)), 0);
	cr_assert_eq(mask, (1u << LINT_MAX) - 1);
	cr_assert_eq(lint__parse_mask("", &mask, bad, sizeof(bad)), 0);
	cr_assert_eq(mask, 0);
	cr_assert_eq(lint__parse_mask("cpu-hog,cpu", &mask, bad, sizeof(bad)), -ENOENT);
	cr_assert_eq(mask, 0, "left alone");
	cr_assert_str_eq(bad, "cpu");
	cr_assert_eq(lint__parse_mask("much-too-long,cpu-hog", &mask, bad, sizeof(bad)), -ENOENT);
	cr_assert_str_eq(bad, "much-to");
	cr_assert_eq(lint__parse_mask("cpu-hog,,sync-dns", &mask, bad, sizeof(bad)), -ENOENT);
	cr_assert_str_eq(bad, "");
}
