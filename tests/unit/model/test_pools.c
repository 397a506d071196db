/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at pools in, rows and findings out: for how long nothing was free is known between two
 * looks only.
 */
#include "model/findings.h"
#include "model/lint_loop_rules.h"
#include "model/lint_rules.h"
#include "model/reading.h"

static struct pool executor(uint32_t busy, uint32_t waiting)
{
	struct pool pool = { .kind = POOL_EXECUTOR,
			     .object = 0x1000,
			     .name = "reports",
			     .size = 3,
			     .busy = busy,
			     .waiting = waiting };

	if (busy) {
		pool.n_places = 1;
		pool.places[0] = (struct pool_place){ { 0x1000, 1 }, busy };
	}
	return pool;
}

static void look(struct script *s, uint64_t at_ns, struct pool pool)
{
	cr_assert_eq(model__pools(s->model, at_ns, PID, &pool, 1), 0);
}

static const struct pool_row *only_row(struct script *s)
{
	const struct snapshot *snap = reading_snapshot(s);

	cr_assert_eq(snap->n_pools, 1);
	return &snap->pools[0];
}

Test(pools, time_counts_between_two_looks_at_which_it_was_full)
{
	struct script *s = script_new();

	look(s, 1 * SECOND, executor(3, 5));
	cr_expect_eq(only_row(s)->full_ns, 0, "a single look may have caught one moment");
	look(s, 2 * SECOND, executor(3, 2));
	cr_expect_eq(only_row(s)->full_ns, 1 * SECOND);
	look(s, 3 * SECOND, executor(3, 0));
	cr_expect_eq(only_row(s)->full_ns, 1 * SECOND, "nothing waits");
	look(s, 4 * SECOND, executor(3, 9));
	cr_expect_eq(only_row(s)->full_ns, 1 * SECOND, "what was before is not known");
	look(s, 5 * SECOND, executor(2, 9));
	cr_expect_eq(only_row(s)->full_ns, 1 * SECOND, "one was free");
	cr_expect_eq(only_row(s)->busy, 2);
	cr_expect_eq(only_row(s)->waiting, 9);
	cr_expect_eq(only_row(s)->waiting_max, 9);
	script_free(s);
}

Test(pools, one_that_is_not_seen_any_more_is_not_full)
{
	struct script *s = script_new();

	look(s, 1 * SECOND, executor(3, 5));
	cr_assert_eq(model__pools(s->model, 2 * SECOND, PID, NULL, 0), 0);
	cr_expect_eq(only_row(s)->busy, 0);
	cr_expect_eq(only_row(s)->waiting, 0);
	look(s, 3 * SECOND, executor(3, 5));
	cr_expect_eq(only_row(s)->full_ns, 0);
	cr_assert_eq(model__pools(s->model, 4 * SECOND, PID + 1, NULL, 0), 0);
	cr_expect_eq(only_row(s)->waiting, 5, "another process says nothing of it");
	script_free(s);
}

Test(pools, places_are_those_when_most_waited)
{
	struct script *s = script_new();
	struct pool pool = executor(3, 5);

	look(s, 1 * SECOND, pool);
	pool = executor(3, 1);
	pool.places[0].threads = 1;
	look(s, 2 * SECOND, pool);
	cr_assert_eq(only_row(s)->n_places, 1);
	cr_expect_eq(only_row(s)->places[0].threads, 3);
	script_free(s);
}

Test(pools, another_pool_at_the_same_address_begins_anew)
{
	struct script *s = script_new();
	struct pool pool = executor(3, 5);

	look(s, 1 * SECOND, pool);
	look(s, 2 * SECOND, pool);
	strcpy(pool.name, "others");
	look(s, 3 * SECOND, pool);
	cr_expect_str_eq(only_row(s)->name, "others");
	cr_expect_eq(only_row(s)->full_ns, 0);
	model__reset(s->model);
	cr_expect_eq(reading_snapshot(s)->n_pools, 0);
	script_free(s);
}

Test(pools, more_than_are_kept_are_counted)
{
	struct script *s = script_new();
	struct pool list[POOLS_MAX];
	const struct snapshot *snap;
	uint64_t object = 1;

	for (uint32_t pid = 1; pid <= 1024 / POOLS_MAX + 1; pid++) {
		for (size_t i = 0; i < POOLS_MAX; i++) {
			list[i] = executor(1, 0);
			list[i].object = object++;
		}
		cr_assert_eq(model__pools(s->model, SECOND, pid, list, POOLS_MAX), 0);
	}
	snap = reading_snapshot(s);
	cr_expect_eq(snap->n_pools, 1024);
	cr_assert_eq(snap->n_losses, 1);
	cr_expect_str_eq(snap->losses[0].name, "pool_rows");
	cr_expect_eq(snap->losses[0].count, POOLS_MAX);
	/* Processes that have ended use none: there is room for those of others. */
	cr_assert_eq(model__pools(s->model, 2 * SECOND, 1, NULL, 0), 0);
	for (size_t i = 0; i < POOLS_MAX; i++)
		list[i].object = object++;
	cr_assert_eq(model__pools(s->model, 3 * SECOND, PID, list, POOLS_MAX), 0);
	snap = reading_snapshot(s);
	cr_expect_eq(snap->n_pools, 1024);
	cr_expect_eq(snap->losses[0].count, POOLS_MAX, "they were never full");
	for (size_t i = 0, n_new = 0; i <= snap->n_pools; i++)
		if (i == snap->n_pools)
			cr_expect_eq(n_new, POOLS_MAX);
		else
			n_new += snap->pools[i].pid == PID;
	script_free(s);
}

static void check_sentence(struct pool pool, const char *sentence)
{
	const enum lint_id lint = pool.is_default ? LINT_EXECUTOR_SATURATED : LINT_POOL_EXHAUSTED;
	struct script *s = script_new();
	struct finding f;
	const struct snapshot *snap;

	look(s, 1 * SECOND, pool);
	look(s, 3 * SECOND, pool);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_findings, 1);
	cr_assert(finding__describe(&f, snap, &snap->findings[0], 0));
	cr_expect_str_eq(f.what, sentence);
	cr_expect_str_eq(f.lint, lint__name(lint));
	cr_expect_str_eq(f.subject, "process");
	cr_expect(*f.advice);
	cr_expect_eq(f.row->time_ns, 2 * SECOND);
	cr_expect(!finding__describe(&f, snap, &snap->findings[0], 1U << lint));
	cr_expect(!findings_is_calm(snap));
	script_free(s);
}

Test(pools, finding_says_what_is_full)
{
	struct pool pool = executor(3, 5);

	check_sentence(pool, "All 3 threads of reports are busy, and up to 5 calls wait for one");
	pool = executor(1, 1);
	pool.size = 1;
	*pool.name = '\0';
	check_sentence(pool,
		       "The only thread of a pool without a name is busy, and 1 call waits "
		       "for one");
	pool = executor(3, 5);
	pool.is_default = true;
	check_sentence(pool,
		       "All 3 threads of the loop's default executor are busy, and up to 5 calls "
		       "wait for one");
	pool = (struct pool){ .kind = POOL_CONNECTIONS,
			      .object = 1,
			      .name = "asyncpg.Pool",
			      .size = 10,
			      .busy = 10,
			      .waiting = 4 };
	check_sentence(pool,
		       "All 10 connections of asyncpg.Pool are busy, and up to 4 tasks wait "
		       "for one");
}

Test(pools, lint_names_the_one_that_was_full_the_longest)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();
	struct pool pool = executor(3, 5);

	look(s, 1 * SECOND, pool);
	look(s, 2 * SECOND, pool);
	cr_assert_eq(lint__check(reading_snapshot(s), 0, findings, LINT_MAX_FINDINGS), 1);
	cr_expect_eq(findings[0].id, LINT_POOL_EXHAUSTED);
	cr_expect_eq(findings[0].total_ns, 1 * SECOND);
	cr_expect_str_eq(findings[0].summary,
			 "All 3 threads of reports are busy, and up to 5 calls wait for one");
	cr_expect_eq(lint__check(reading_snapshot(s), 1U << LINT_POOL_EXHAUSTED, findings,
				 LINT_MAX_FINDINGS),
		     0);
	script_free(s);
}

Test(pools, default_executor_is_said_to_have_been_full)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	struct script *s = script_new();
	struct pool pool = executor(3, 5);
	const struct snapshot *snapshot;
	struct finding f;

	/* Its loop was not seen at the first look. */
	look(s, 1 * SECOND, pool);
	pool.is_default = true;
	look(s, 2 * SECOND, pool);
	look(s, 4 * SECOND, executor(0, 0));
	cr_expect_eq(only_row(s)->full_ns, 1 * SECOND);
	snapshot = reading_snapshot(s);
	cr_assert_eq(snapshot->n_findings, 1);
	cr_assert(finding__describe(&f, snapshot, &snapshot->findings[0], 0));
	cr_expect_str_eq(f.lint, "executor-saturated");
	cr_assert_eq(lint__check(reading_snapshot(s), 0, findings, LINT_MAX_FINDINGS), 1);
	cr_expect_eq(findings[0].id, LINT_EXECUTOR_SATURATED);
	cr_expect_str_eq(findings[0].summary,
			 "All 3 threads of the loop's default executor are busy, and up to 5 calls "
			 "wait for one");
	cr_expect_eq(lint__check(reading_snapshot(s), 1U << LINT_EXECUTOR_SATURATED, findings,
				 LINT_MAX_FINDINGS),
		     0);
	script_free(s);
}

Test(pools, default_executor_that_is_full_is_said_once)
{
	const struct model_loop_info info = { "app", 0, 3, 3, 5, 0 };
	struct script *s = script_new();
	struct pool pool = executor(3, 5);
	struct lint_verdict verdict;
	const struct snapshot *snapshot;
	struct finding f;

	pool.is_default = true;
	cr_assert_eq(model__loop(s->model, PID, TID, &info), 0);
	for (int i = 1; i < 4; i++) {
		cr_assert_eq(model__tick(s->model, (uint64_t)i * SECOND), 0);
		look(s, (uint64_t)i * SECOND, pool);
	}
	cr_assert(lint__loop(&reading_snapshot(s)->loops[0], 0, &verdict), "its row has it, too");
	snapshot = reading_snapshot(s);
	cr_assert_eq(snapshot->n_findings, 1);
	cr_assert(finding__describe(&f, snapshot, &snapshot->findings[0], 0));
	cr_expect(f.row->pool && f.row->at.function, "with what its threads do");
	cr_expect_eq(f.row->time_ns, 2 * SECOND);
	script_free(s);
}
