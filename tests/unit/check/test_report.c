/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outputs of verdicts, as golden files that tests/formats shows to readers that were not
 * written here. Every kind of finding is in it, and names made to break each output.
 */
#include "base/array.h"
#include "check/baseline.h"
#include "check/runs.h"
#include "report/golden_file.h"

#define HOSTILE "a\"b'c<d>&e|f`g]]>--\033[2J\n::error::%0A\xff,:*_[x](y)\xe2\x80\xae"
#define HOSTILE_FILE "/srv/app/a b\"<&>,:|%\n.py"

static const struct check_report_opts opts = { .version = "1.2.3" };

static struct run *baseline_run(void)
{
	struct run *run = run__new();
	int i, slice;

	cr_assert_not_null(run);
	run->steps = 1000;
	run->own_ns = 100 * MS;
	run->threshold_ns = 10 * MS;
	for (slice = 0; slice < 4; slice++) {
		for (i = 0; i < 250; i++)
			series__add_one(run__coroutine(run, "handler", "app/web.py"), 40000 + i);
		cr_assert_geq(run__cut(run), 0);
	}
	return run;
}

/* The run of 1000 steps in slices, as it is read while it goes on. */
static void bench_slices(struct bench *b)
{
	const struct coroutine_row whole = b->row;
	int i;

	for (i = 1; i < 4; i++) {
		b->row.steps = whole.steps * i / 4;
		b->row.total_ns = whole.total_ns * i / 4;
		b->row.own_hist[ls_hist_index(100000)] = (uint32_t)b->row.steps;
		cr_assert_eq(checker__slice(b->checker, &b->snapshot, (uint64_t)i * 1000 * MS), 0);
	}
	b->row = whole;
}

static void bench_hostile(struct bench *b)
{
	struct stall s = step_make();

	s.coroutine.name = HOSTILE;
	s.stack[0] = (struct model_frame){ HOSTILE, HOSTILE_FILE, 7 };
	strcpy(s.task_name, "Task\033[31m\n");
	strcpy(s.request.method, "GET");
	strcpy(s.request.route, "/<b>|{id}");
	strcpy(s.request.label, "GET /<b>|{id}");
	strcpy(s.test, "t.py::test_one[`\033]]>]");
	step_time(&s, LS_CAUSE_CPU, 55 * MS);
	step_time(&s, LS_CAUSE_NETWORK, 12 * MS);
	step_time(&s, LS_CAUSE_RUNQUEUE, 3 * MS);
	cr_assert_eq(checker__stall(b->checker, &s), 0);
}

static struct bench *failing(struct baseline *baseline, const struct verdict **ret)
{
	struct bench *b = bench_new();
	int i;

	bench_limit(&b->limits.max_step, "", 50 * MS);
	bench_limit(&b->limits.p99_step, "hand*", MS / 10);
	cr_assert_eq(check_limits__deny(&b->limits, "network", NULL), 0);
	b->limits.max_stalls = 2;
	b->limits.max_starved_ns = 1000 * MS;
	b->limits.max_turn_ns = 60 * MS;
	b->limits.max_regression = 0.1;
	cr_assert_eq(check_allow__add(&b->allow,
				      "old.py:1 until=2026-01-01 # \"gone\" "
				      "<soon>|\033[0m",
				      4, NULL),
		     0);
	cr_assert_eq(check_allow__add(&b->allow, "never", 5, NULL), 0);
	b->row.p99_ns = MS;
	b->loss = (struct loss){ "stack_truncated", "stacks cut: deeper than the frame limit", 12,
				 false };
	b->snapshot.n_losses = 1;
	b->snapshot.losses = &b->loss;
	baseline__add(baseline, baseline_run());
	bench_begin(b);
	bench_slices(b);
	bench_hostile(b);
	for (i = 0; i < 9; i++)
		bench_step(b, LS_CAUSE_SLEEP, 70 * MS, MS);
	*ret = bench_end(b, baseline);
	cr_assert_eq((*ret)->outcome, CHECK_FAIL);
	return b;
}

static struct bench *doubtful(struct baseline *baseline, const struct verdict **ret)
{
	struct bench *b = bench_new();

	(void)baseline;
	bench_limit(&b->limits.max_step, "", 50 * MS);
	b->loop.cause_ns[LS_CAUSE_RUNQUEUE] = 500 * MS;
	b->snapshot.steps = 50;
	bench_begin(b);
	bench_step(b, LS_CAUSE_PROCESS, 70 * MS, 20 * MS);
	*ret = bench_end(b, NULL);
	cr_assert_eq((*ret)->outcome, CHECK_INCONCLUSIVE);
	return b;
}

static struct bench *passing(struct baseline *baseline, const struct verdict **ret)
{
	struct bench *b = bench_new();

	(void)baseline;
	bench_limit(&b->limits.max_step, "", 50 * MS);
	b->limits.max_stalls = 0;
	bench_begin(b);
	*ret = bench_end(b, NULL);
	cr_assert_eq((*ret)->outcome, CHECK_PASS);
	return b;
}

static void compare(const char *name, const struct verdict *v)
{
	static const struct {
		const char *extension;
		check_report_fn *report;
	} outputs[] = {
		{ "txt", check_report_text },	   { "json", check_report_json },
		{ "xml", check_report_junit },	   { "sarif.json", check_report_sarif },
		{ "github", check_report_github }, { "md", check_report_markdown },
	};
	char path[128], *text;
	size_t i, size;

	for (i = 0; i < N_OF(outputs); i++) {
		FILE *out = open_memstream(&text, &size);

		cr_assert_not_null(out);
		cr_assert_eq(outputs[i].report(out, v, &opts), 0);
		fclose(out);
		snprintf(path, sizeof(path), "tests/golden/%s.%s", name, outputs[i].extension);
		golden_compare(path, text, size);
		free(text);
	}
}

Test(check_report, golden)
{
	static const struct {
		const char *name;
		struct bench *(*make)(struct baseline *baseline, const struct verdict **ret);
	} verdicts[] = {
		{ "verdict-fail", failing },
		{ "verdict-doubt", doubtful },
		{ "verdict-pass", passing },
	};
	size_t i;

	for (i = 0; i < N_OF(verdicts); i++) {
		struct baseline baseline = {};
		const struct verdict *v;
		struct bench *b = verdicts[i].make(&baseline, &v);

		compare(verdicts[i].name, v);
		bench_free(b);
		baseline__done(&baseline);
	}
}

Test(check_report, every_rule_is_in_the_golden_verdict)
{
	struct baseline baseline = {};
	const struct verdict *v;
	struct bench *b = failing(&baseline, &v);
	uint32_t seen = 0;
	size_t i;

	for (i = 0; i < v->n_findings; i++)
		seen |= 1U << v->findings[i].rule;
	/* A sum that holds has its place in JUnit's file. */
	cr_expect_eq(seen | (1U << CHECK_RULE_MAX_STARVED), (1U << CHECK_RULE_MAX) - 1);
	bench_free(b);
	baseline__done(&baseline);
}

Test(check_report, full_disk_is_an_error)
{
	struct baseline baseline = {};
	const struct verdict *v;
	struct bench *b = passing(&baseline, &v);
	FILE *out = fopen("/dev/full", "w");

	cr_assert_not_null(out);
	cr_expect_lt(check_report_sarif(out, v, &opts), 0);
	fclose(out);
	bench_free(b);
}

Test(check_report, markdown_says_what_to_fix_first)
{
	static const struct finding_row row = {
		.unit = LS_UNIT_STEP,
		.cause = LS_CAUSE_SLEEP,
		.at = { "fetch|row", "/srv/app/db.py", 31 },
		.pid = 4242,
		.n_entries = 1,
		.entries = { { "<img>", "/srv/app/web.py", 10 } },
		.stalls = 2,
		.time_ns = 100 * MS,
		.max_ns = 50 * MS,
		.starved_ns = 700 * MS,
		.held_ns = 90e6,
	};
	struct bench *b = bench_new();
	const struct verdict *v;
	char *text = NULL;
	size_t size;
	FILE *out;

	bench_begin(b);
	b->snapshot.findings = &row;
	b->snapshot.n_findings = 1;
	b->snapshot.findings_starved_ns = row.starved_ns;
	v = bench_end(b, NULL);
	out = open_memstream(&text, &size);
	cr_assert_not_null(out);
	cr_assert_eq(check_report_markdown(out, v, &opts), 0);
	fclose(out);
	cr_expect_not_null(strstr(text,
				  "\n**Fix first:** Fixing this line removes 90 % of the "
				  "waiting: fetch&#124;row db.py:31.\n\n"
				  "1. &#60;img&#62;() sleeps on the loop: Use "
				  "await asyncio.sleep(...); "),
			   "%s", text);
	free(text);
	bench_free(b);
}
