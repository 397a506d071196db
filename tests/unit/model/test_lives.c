/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at groups of tasks in, rows and findings out: what is said of a task counts from the second
 * look on, and only growth of which nothing ended is growth without end.
 */
#include "base/array.h"
#include "model/findings.h"
#include "model/life_sums.h"
#include "model/lint_loop_rules.h"
#include "model/lint_rules.h"
#include "model/reading.h"

static struct life_group group_of(enum life_kind kind, uint32_t count, uint64_t since_ns)
{
	return (struct life_group){ .kind = kind,
				    .key = 0x77 + kind,
				    .code = 0x1000,
				    .n_frames = 1,
				    .frames = { { 0x1000, 1 } },
				    .type = "Future",
				    .count = count,
				    .since_ns = since_ns };
}

static void look(struct script *s, uint64_t at_ns, struct life_group group)
{
	cr_assert_eq(model__lives(s->model, at_ns, PID, &group, 1), 0);
}

static const struct life_row *only_row(struct script *s)
{
	const struct snapshot *snap = reading_snapshot(s);

	cr_assert_eq(snap->n_lives, 1);
	return &snap->lives[0];
}

/* The finding that there has to be. */
static struct finding only_finding(struct script *s)
{
	const struct snapshot *snap = reading_snapshot(s);
	struct finding f;

	cr_assert_eq(snap->n_findings, 1);
	cr_assert(finding__describe(&f, snap, &snap->findings[0], 0));
	return f;
}

Test(lives, a_deadlock_counts_from_the_second_look)
{
	struct script *s = script_new();
	struct finding f;

	look(s, 1 * SECOND, group_of(LIFE_DEADLOCK, 2, 1 * SECOND));
	cr_expect_eq(only_row(s)->found_ns, 0, "one look may have been torn");
	cr_expect_eq(reading_snapshot(s)->n_findings, 0);
	look(s, 2 * SECOND, group_of(LIFE_DEADLOCK, 2, 1 * SECOND));
	cr_expect_eq(only_row(s)->found_ns, 1 * SECOND);
	f = only_finding(s);
	cr_expect_str_eq(f.lint, "deadlock");
	cr_expect_eq(f.sureness, FINDING_SURE);
	cr_expect_eq(f.loop_share, -1, "it takes no time of the loop's");
	cr_expect_not_null(strstr(f.what, "2 tasks of "));
	cr_expect_not_null(strstr(f.what, " wait for themselves"));
	script_free(s);
}

Test(lives, a_deadlock_names_the_other_side)
{
	struct script *s = script_new();
	struct life_group group = group_of(LIFE_DEADLOCK, 1, 1 * SECOND);
	struct finding f;

	group.other_code = 0x2000;
	look(s, 2 * SECOND, group);
	f = only_finding(s);
	cr_expect_not_null(strstr(f.what, " waits for "));
	cr_expect_not_null(strstr(f.what, "(), which waits for it"));
	script_free(s);
}

Test(lives, a_cancelled_task_may_clean_up_first)
{
	static const enum life_kind kinds[] = { LIFE_CANCELLED, LIFE_FAILED };

	for (size_t i = 0; i < N_OF(kinds); i++) {
		struct script *s = script_new();

		look(s, 1 * SECOND, group_of(kinds[i], 1, 1 * SECOND));
		look(s, 1 * SECOND + LIFE_PATIENCE_NS - 1, group_of(kinds[i], 1, 1 * SECOND));
		cr_expect_eq(only_row(s)->found_ns, 0);
		look(s, 1 * SECOND + LIFE_PATIENCE_NS, group_of(kinds[i], 1, 1 * SECOND));
		cr_expect_eq(only_row(s)->found_ns, LIFE_PATIENCE_NS);
		cr_expect_eq(only_finding(s).sureness, FINDING_LIKELY);
		script_free(s);
	}
}

/* `n` looks, a second apart, of a group that has `step` members more each time. */
static struct script *watch_growth(size_t n, uint32_t step, uint32_t ended, bool is_outside)
{
	struct script *s = script_new();

	for (size_t i = 0; i < n; i++) {
		struct life_group group = group_of(LIFE_ALIVE, 10 + step * (uint32_t)i, 1 * SECOND);

		group.ended = i == n / 2 ? ended : 0;
		group.is_outside = is_outside;
		group.unawaited = group.count;
		look(s, (i + 1) * SECOND, group);
	}
	return s;
}

Test(lives, growth_without_end_is_a_finding)
{
	struct script *s = watch_growth(12, 5, 0, false);
	struct finding f = only_finding(s);

	cr_expect_str_eq(f.lint, "tasks-grow");
	cr_expect_eq(f.sureness, FINDING_UNSURE, "it was not watched for long");
	cr_expect_not_null(strstr(f.what,
				  " grew from 10 to 65 in 11 s, and none ended; nobody "
				  "awaits them"));
	script_free(s);
	s = watch_growth(70, 5, 0, false);
	cr_expect_eq(only_finding(s).sureness, FINDING_LIKELY);
	script_free(s);
}

Test(lives, other_growth_is_none)
{
	const struct {
		const char *what;
		size_t looks;
		uint32_t step, ended;
		bool is_outside;
	} cases[] = {
		{ "too short a time", 10, 5, 0, false }, { "too few", 15, 1, 0, false },
		{ "one ended", 20, 5, 1, false },	 { "connections", 20, 5, 0, true },
		{ "none at all", 20, 0, 0, false },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct script *s = watch_growth(cases[i].looks, cases[i].step, cases[i].ended,
						cases[i].is_outside);

		cr_expect_eq(only_row(s)->found_ns, 0, "%s", cases[i].what);
		cr_expect_eq(reading_snapshot(s)->n_findings, 0, "%s", cases[i].what);
		script_free(s);
	}
}

/* `n` full looks, with cheap ones in between that do not look for them. */
static struct script *watch_unstarted(size_t n, uint32_t step)
{
	struct script *s = script_new();

	for (size_t i = 0; i < n; i++) {
		look(s, (LIFE_RARE_LOOKS * i + 1) * SECOND,
		     group_of(LIFE_UNSTARTED, 10 + step * (uint32_t)i, 1 * SECOND));
		for (size_t k = 1; k < LIFE_RARE_LOOKS; k++)
			cr_assert_eq(model__lives(s->model, (LIFE_RARE_LOOKS * i + 1 + k) * SECOND,
						  PID, NULL, 0),
				     0);
	}
	return s;
}

Test(lives, coroutines_that_do_not_begin)
{
	struct script *s = watch_unstarted(10, 0);
	struct finding f;

	cr_expect_eq(only_row(s)->found_ns, 0, "they may be in a queue");
	cr_expect_eq(only_row(s)->count, 10);
	script_free(s);
	s = watch_unstarted(6, 10);
	f = only_finding(s);
	cr_expect_str_eq(f.lint, "coroutines-grow");
	cr_expect_eq(f.sureness, FINDING_UNSURE);
	cr_expect_not_null(strstr(f.what, "Unstarted coroutines of "));
	cr_expect_not_null(strstr(f.what, " grew from 10 to 60 in 25 s, and none ended"));
	script_free(s);
}

Test(lives, rare_ones_that_are_over)
{
	struct script *s = script_new();

	look(s, 1 * SECOND, group_of(LIFE_UNSTARTED, 3, 1 * SECOND));
	for (uint64_t i = 2; i < 2 * LIFE_RARE_LOOKS + 1; i++)
		cr_assert_eq(model__lives(s->model, i * SECOND, PID, NULL, 0), 0);
	cr_expect_eq(only_row(s)->count, 3, "they may not have been looked for");
	cr_assert_eq(model__lives(s->model, 20 * SECOND, PID, NULL, 0), 0);
	cr_expect_eq(reading_snapshot(s)->n_lives, 0);
	script_free(s);
}

Test(lives, a_coroutine_that_was_dropped)
{
	struct script *s = script_new();
	struct life_group group = group_of(LIFE_DROPPED, 1, 1 * SECOND);
	struct finding f;

	group.code = 0;
	group.n_frames = 0;
	group.origin = (struct life_origin){ .line = 12, .file = "/srv/app.py" };
	snprintf(group.type, sizeof(group.type), "Channel.send");
	look(s, 1 * SECOND, group);
	look(s, 2 * SECOND, group);
	f = only_finding(s);
	cr_expect_str_eq(f.lint, "coroutine-dropped");
	cr_expect_eq(f.sureness, FINDING_SURE);
	cr_expect_str_eq(
		f.what, "A coroutine of Channel.send() was dropped at app.py:12 and never awaited");
	cr_expect_str_eq(life_row__coroutine(only_row(s)).name, "Channel.send");
	cr_expect_str_eq(life_row__type(only_row(s)), "");
	script_free(s);
}

Test(lives, one_that_is_over_stays_if_it_was_a_problem)
{
	struct script *s = script_new();

	look(s, 1 * SECOND, group_of(LIFE_FORGOTTEN, 1, 1 * SECOND));
	look(s, 3 * SECOND, group_of(LIFE_FORGOTTEN, 1, 1 * SECOND));
	look(s, 4 * SECOND, group_of(LIFE_ALIVE, 1, 4 * SECOND));
	cr_assert_eq(model__lives(s->model, 5 * SECOND, PID, NULL, 0), 0);
	cr_expect_eq(only_row(s)->kind, LIFE_FORGOTTEN);
	cr_expect_eq(only_row(s)->count, 0);
	cr_expect_eq(only_row(s)->since_ns, 0);
	cr_expect_eq(only_row(s)->found, 1);
	cr_expect_eq(only_row(s)->found_ns, 2 * SECOND);
	model__reset(s->model);
	cr_expect_eq(reading_snapshot(s)->n_lives, 0);
	script_free(s);
}

Test(lives, another_process_says_nothing_of_it)
{
	struct script *s = script_new();

	look(s, 1 * SECOND, group_of(LIFE_ALIVE, 3, 1 * SECOND));
	cr_assert_eq(model__lives(s->model, 2 * SECOND, PID + 1, NULL, 0), 0);
	cr_expect_eq(only_row(s)->count, 3);
	script_free(s);
}

Test(lives, time_that_is_wrong_makes_no_problem)
{
	struct script *s = script_new();

	look(s, 2 * SECOND, group_of(LIFE_DEADLOCK, 1, 9 * SECOND));
	cr_expect_eq(only_row(s)->found_ns, 0, "it was seen in the future");
	look(s, 3 * SECOND, group_of(LIFE_DEADLOCK, 1, 0));
	cr_expect_eq(only_row(s)->found_ns, 0, "not known since when");
	script_free(s);
}

Test(lives, more_than_are_kept_are_counted)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	for (uint32_t i = 0; i < LIFE_SUMS_MAX + 2; i++) {
		struct life_group group = group_of(LIFE_ALIVE, 1, SECOND);

		group.key = i + 1;
		cr_assert_eq(model__lives(s->model, SECOND, i + 1, &group, 1), 0);
	}
	snap = reading_snapshot(s);
	cr_expect_eq(snap->n_lives, LIFE_SUMS_MAX);
	cr_assert_eq(snap->n_losses, 1);
	cr_expect_str_eq(snap->losses[0].name, "life_rows");
	cr_expect_eq(snap->losses[0].count, 2);
	/* What is over and was no problem makes room. */
	cr_assert_eq(model__lives(s->model, 2 * SECOND, 1, NULL, 0), 0);
	look(s, 2 * SECOND, group_of(LIFE_ALIVE, 1, SECOND));
	cr_expect_eq(reading_snapshot(s)->n_lives, LIFE_SUMS_MAX);
	cr_expect_eq(reading_snapshot(s)->losses[0].count, 2);
	script_free(s);
}

/* Workers that come and go, each with a task that nothing can wake when it ends. */
Test(lives, old_problems_make_room_for_new_ones)
{
	struct life_group group = group_of(LIFE_FORGOTTEN, 1, SECOND);
	const uint32_t n = LIFE_SUMS_MAX + 5;
	struct script *s = script_new();
	const struct snapshot *snap;
	size_t n_last = 0;

	for (uint32_t pid = 1; pid <= n; pid++) {
		cr_assert_eq(model__lives(s->model, (pid + 1) * SECOND, pid, &group, 1), 0);
		cr_assert_eq(model__lives(s->model, (pid + 1) * SECOND + 1, pid, NULL, 0), 0);
	}
	snap = reading_snapshot(s);
	cr_expect_eq(snap->n_lives, LIFE_SUMS_MAX);
	for (size_t i = 0; i < snap->n_lives; i++)
		n_last += snap->lives[i].pid == n;
	cr_expect_eq(n_last, 1);
	cr_expect_str_eq(snap->losses[0].name, "life_rows");
	cr_expect_eq(snap->losses[0].count, 5);
	script_free(s);
}

Test(lives, each_lint_can_be_switched_off)
{
	struct script *s = script_new();
	struct lint_finding found[LINT_MAX_FINDINGS];
	const struct snapshot *snap;
	struct finding f;

	look(s, 1 * SECOND, group_of(LIFE_FORGOTTEN, 1, 1 * SECOND));
	look(s, 2 * SECOND, group_of(LIFE_FORGOTTEN, 1, 1 * SECOND));
	snap = reading_snapshot(s);
	cr_assert_eq(lint__check(snap, 0, found, LINT_MAX_FINDINGS), 1);
	cr_expect_str_eq(found[0].name, "wait-forgotten");
	cr_expect_eq(lint__check(snap, 1u << LINT_WAIT_FORGOTTEN, found, LINT_MAX_FINDINGS), 0);
	cr_expect_not(finding__describe(&f, snap, &snap->findings[0], 1u << LINT_WAIT_FORGOTTEN));
	script_free(s);
}
