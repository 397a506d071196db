/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats that keep something have an end to what they keep, and say what they left out.
 */
#include <jansson.h>

#include "report/page_data.h"
#include "report/stalls.h"

static const struct report_opts opts = { .mode = "exact" };
static const struct report_start start = {
	"0.1", 10 * MS, MS, "uprobe_multi", 0, NULL, NULL, NULL
};

/* `n` stalls, each longer than the one before by a nanosecond, changed by `change`. */
static char *many(const char *format, uint32_t n, void (*change)(struct stall *, uint32_t))
{
	const struct snapshot snap = { 0 };
	const struct report_run run = { .duration_ns = 1000 * MS };
	struct report_text t;
	struct stall s;

	report_text_init(&t, format, &opts);
	cr_assert_eq(report__start(t.report, &start), 0);
	for (uint32_t i = 0; i < n; i++) {
		stall_init(&s);
		s.start_ns += i * 100 * MS;
		s.duration_ns += i;
		s.cause_ns[LS_CAUSE_SLEEP] += i;
		s.blocked_ns += i;
		if (change)
			change(&s, i);
		cr_assert_eq(report__stall(t.report, &s), 0);
	}
	cr_assert_eq(report__finish(t.report, &snap, &run), 0);
	return report_text_end(&t);
}

Test(limits, page_keeps_the_longest_stalls_and_all_of_the_time)
{
	const uint32_t n = 9001, kept = 4000;
	char *page = many("html", n, NULL);
	json_t *json = page_data(page), *stall, *node;
	uint64_t wanted_ns = 0, got_ns = 0;
	size_t i;

	cr_expect_eq(json_array_size(json_object_get(json, "stalls")), kept);
	cr_expect_eq(json_integer_value(json_object_get(json, "stalls_left_out")), n - kept);
	json_array_foreach (json_object_get(json, "stalls"), i, stall)
		cr_expect_eq(json_integer_value(json_object_get(stall, "duration_ns")),
			     (json_int_t)(50300000 + n - kept + i));
	json_array_foreach (json_object_get(json_object_get(json, "flame"), "nodes"), i, node)
		got_ns += (uint64_t)json_integer_value(json_array_get(node, 2));
	for (i = 0; i < n; i++)
		wanted_ns += 50300000 + i;
	cr_expect_eq(got_ns, wanted_ns);
	json_decref(json);
	free(page);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Times as of a real run, a task of its own for each request, a few lines, ten waiting tasks. */
static void change_as_a_service(struct stall *s, uint32_t i)
{
	uint64_t random = i * 7919ULL + 1;

	next_random(&random);
	s->start_ns += next_random(&random) % (90 * MS);
	s->cause = next_random(&random) % LS_CAUSE_GIL;
	memset(s->cause_ns, 0, sizeof(s->cause_ns));
	s->cause_ns[s->cause] = 10 * MS + next_random(&random) % (40 * MS);
	s->cause_ns[LS_CAUSE_CPU] += next_random(&random) % MS;
	s->cause_ns[LS_CAUSE_RUNQUEUE] = next_random(&random) % MS;
	s->cpu_ns = s->cause_ns[LS_CAUSE_CPU];
	s->runqueue_ns = s->cause_ns[LS_CAUSE_RUNQUEUE];
	s->duration_ns =
		s->runqueue_ns + s->cause_ns[s->cause] + (s->cause == LS_CAUSE_CPU ? 0 : s->cpu_ns);
	s->blocked_ns = s->duration_ns - s->cpu_ns - s->runqueue_ns;
	s->task = 0x7f0000000000 + next_random(&random) % 64 * 0x100;
	snprintf(s->task_name, sizeof(s->task_name), "Task-%u", i * 3);
	s->call.line = s->stack[0].line = 30 + (uint32_t)(next_random(&random) % 40);
	s->own = s->call;
	s->victims = 10;
	s->starved_ns = 9 * s->duration_ns + next_random(&random) % MS;
	s->victims_named = 10;
	for (uint32_t k = 0; k < s->victims_named; k++)
		snprintf(s->victim_names[k], sizeof(s->victim_names[k]), "Task-%u", i * 3 + k);
}

Test(limits, page_of_4000_stalls_can_be_sent_by_mail)
{
	char *page = many("html", 4000, change_as_a_service);
	json_t *json = page_data(page);

	cr_expect_eq(json_array_size(json_object_get(json, "stalls")), 4000);
	cr_expect_eq(json_integer_value(json_object_get(json, "stalls_left_out")), 0);
	cr_expect_lt(strlen(page), 400U << 10, "%zu bytes", strlen(page));
	cr_log_info("%zu bytes", strlen(page));
	json_decref(json);
	free(page);
}

static void other_victim(struct stall *s, uint32_t i)
{
	snprintf(s->victim_names[0], sizeof(s->victim_names[0]), "Task-%u", i);
}

Test(limits, timeline_has_an_end_of_victims)
{
	char *text = many("perfetto", 1500, other_victim);
	json_t *json = json_loads(text, 0, NULL), *lost;

	cr_assert_not_null(json);
	lost = json_object_get(json_object_get(json, "otherData"), "lost");
	cr_expect_eq(json_integer_value(json_object_get(lost, "arrows_left_out")), 1500 - 1024);
	json_decref(json);
	free(text);
}

static void other_loop(struct stall *s, uint32_t i)
{
	s->tid = 10000 + i;
	s->victims_named = 0;
}

Test(limits, timeline_with_more_loops_than_it_can_nest)
{
	char *text = many("perfetto", 1100, other_loop);
	json_t *json = json_loads(text, 0, NULL), *lost;

	cr_assert_not_null(json);
	lost = json_object_get(json_object_get(json, "otherData"), "lost");
	cr_expect_eq(json_integer_value(json_object_get(lost, "nesting_left_out")), 1100 - 1024);
	json_decref(json);
	free(text);
}

/* Each lies inside the next one that comes. */
static void nested(struct stall *s, uint32_t i)
{
	s->start_ns = 1000000000000 - i * 100 * MS;
	s->victims_named = 0;
}

Test(limits, nested_stalls_add_up)
{
	char *text = many("perfetto", 3, nested);
	json_t *json = json_loads(text, 0, NULL), *event;
	double us[3] = { 0 };
	size_t i, n = 0;

	json_array_foreach (json_object_get(json, "traceEvents"), i, event)
		if (!strcmp(json_string_value(json_object_get(event, "ph")), "X"))
			us[n++] = json_real_value(json_object_get(event, "dur"));
	cr_assert_eq(n, 3);
	cr_expect_float_eq(us[0], 50300.000, 1e-6);
	cr_expect_float_eq(us[1], 100600.001, 1e-6);
	cr_expect_float_eq(us[2], 150900.003, 1e-6);
	json_decref(json);
	free(text);
}
