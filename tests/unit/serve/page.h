/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A registry, what is counted in it, and the text that it is written as.
 */
#ifndef TESTS_SERVE_PAGE_H
#define TESTS_SERVE_PAGE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/metrics.h"

#define MS 1000000ULL
#define SECOND 1000000000ULL
#define PID 4242

static struct registry *registry;

static inline void registry_begins(size_t max_series)
{
	cr_assert_eq(registry__new(&registry, max_series), 0);
}

static inline void registry_ends(void)
{
	registry__free(registry);
}

static inline void knows(pid_t pid, const char *service)
{
	struct identity id = {};

	snprintf(id.service, sizeof(id.service), "%s", service);
	cr_assert_eq(registry__add_process(registry, pid, &id), 0);
}

/* A loop thread that is read since 1000 s. */
static inline struct ls_thread_stats thread_stats(uint64_t step_ns, uint64_t idle_ns)
{
	return (struct ls_thread_stats){ .since_ns = 1000 * SECOND,
					 .at_ns = 1000 * SECOND + step_ns + idle_ns,
					 .step_ns = step_ns,
					 .idle_ns = idle_ns };
}

static inline void reads_thread(pid_t pid, bool is_last, const struct ls_thread_stats *stats)
{
	static const struct model_loop_info info = {
		.tasks_ready = 2, .executor_threads = 3, .executor_max = 4, .executor_queued = 5
	};
	const struct thread_sum sum = { (uint32_t)pid, (uint32_t)pid, is_last, stats, &info };

	cr_assert_eq(registry__add_thread(registry, &sum), 0);
}

static inline void reads_coroutine(pid_t pid, const char *name, uint64_t steps, uint64_t each_ns,
				   uint64_t stalls)
{
	const struct code_info info = { name, "/srv/app/web.py", 10 };
	struct ls_coro_stats stats = { .steps = steps,
				       .total_ns = steps * each_ns,
				       .stalls = stalls };
	const struct coroutine_sum sum = { (uint32_t)pid, (uint32_t)pid, false, &info, &stats };

	stats.hist[ls_hist_index(each_ns)] = (uint32_t)steps;
	cr_assert_eq(registry__add_coroutine(registry, &sum), 0);
}

static inline void stalls(pid_t pid, const char *function, uint64_t ms, enum ls_cause cause)
{
	struct stall stall = { .pid = (uint32_t)pid,
			       .tid = (uint32_t)pid,
			       .unit = LS_UNIT_STEP,
			       .cause = cause,
			       .start_ns = 1000 * SECOND,
			       .duration_ns = ms * MS,
			       .end = LS_END_RETURN,
			       .own = { function, "/srv/app/db.py", 31 },
			       .entry = { "handler", "/srv/app/web.py", 14 },
			       .starved_ns = 7 * MS,
			       .task_name = "Task-7" };

	stall.cause_ns[cause] = ms * MS;
	cr_assert_eq(registry__add_stall(registry, &stall), 0);
}

static inline struct metrics_facts no_facts(void)
{
	return (struct metrics_facts){ .version = "1",
				       .kernel = "6.1",
				       .arch = "a",
				       .transport = "t",
				       .threshold_ns = 10 * MS };
}

/* To be freed. */
static inline char *page(enum exposition_format format)
{
	const struct metrics_facts facts = no_facts();
	size_t size;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	metrics__write(out, format, registry, &facts);
	fclose(out);
	return text;
}

/* What follows "name{labels} " in the text format; "" if there is no such line. */
static inline const char *value_of(const char *series)
{
	static char value[64];
	char *text = page(EXPOSITION_TEXT), *at = text;

	*value = '\0';
	while ((at = strstr(at, series))) {
		if ((at == text || at[-1] == '\n') && at[strlen(series)] == ' ') {
			sscanf(at + strlen(series), " %63[^\n]", value);
			break;
		}
		at++;
	}
	free(text);
	return value;
}

static inline size_t count_series(void)
{
	char *text = page(EXPOSITION_TEXT);
	size_t n = 0;

	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		n += *line != '#';
	free(text);
	return n;
}

#endif
