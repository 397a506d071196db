/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stall and the snapshot that the tests of the formats write out.
 */
#ifndef TESTS_REPORT_STALLS_H
#define TESTS_REPORT_STALLS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "model/groups.h"
#include "report/report.h"

#define MS 1000000ULL

/* The example of the design: a step that slept, with 14 victims. */
static inline void stall_init(struct stall *s)
{
	memset(s, 0, sizeof(*s));
	s->pid = 4242;
	s->tid = 4243;
	s->unit = LS_UNIT_STEP;
	s->cause = LS_CAUSE_SLEEP;
	s->start_ns = 123456789012345;
	s->duration_ns = 50300000;
	s->cause_ns[LS_CAUSE_SLEEP] = 50 * MS;
	s->cause_ns[LS_CAUSE_CPU] = 300000;
	s->cpu_ns = 300000;
	s->blocked_ns = 50 * MS;
	s->task = 0x7f00deadbeef;
	strcpy(s->task_name, "Task-7");
	s->coroutine = (struct code_info){ "handler", "/srv/app/web.py", 10 };
	s->stack[0] = (struct model_frame){ "fetch_row", "/srv/app/db.py", 31 };
	s->stack[1] = (struct model_frame){ "handler", "/srv/app/web.py", 14 };
	s->n_frames = 2;
	s->call = s->own = s->stack[0];
	s->own_def_line = 30;
	s->own_share = 0.75;
	s->entry = s->stack[1];
	s->call_syscall = "clock_nanosleep";
	s->call_native = "libc.so.6:clock_nanosleep";
	s->victims = 14;
	s->victims_named = 1;
	strcpy(s->victim_names[0], "Task-3");
	s->starved_ns = 700 * MS;
}

/* A report into memory, and what it has written so far. */
struct report_text {
	struct report *report;
	FILE *out;
	char *text;
	size_t size;
};

static inline void report_text_init(struct report_text *t, const char *format,
				    const struct report_opts *opts)
{
	memset(t, 0, sizeof(*t));
	t->out = open_memstream(&t->text, &t->size);
	cr_assert_not_null(t->out);
	cr_assert_not_null(report__by_name(format), "%s", format);
	cr_assert_eq(report__new(&t->report, report__by_name(format), t->out, opts), 0);
}

static inline char *report_text_end(struct report_text *t)
{
	report__free(t->report);
	fclose(t->out);
	return t->text;
}

static inline char *stall_text(const char *format, const struct stall *stall,
			       const struct report_opts *opts)
{
	struct report_text t;

	report_text_init(&t, format, opts);
	cr_assert_eq(report__stall(t.report, stall), 0);
	return report_text_end(&t);
}

static inline char *shed_text(const char *format, uint64_t stalls, const struct report_opts *opts)
{
	const struct report_shed shed = { .from_ns = 5 * MS,
					  .until_ns = 1005 * MS,
					  .stalls = stalls };
	struct report_text t;

	report_text_init(&t, format, opts);
	cr_assert_eq(report__shed(t.report, &shed), 0);
	return report_text_end(&t);
}

static inline char *summary_text(const char *format, const struct snapshot *snapshot,
				 const struct report_run *run, const struct report_opts *opts)
{
	struct report_text t;

	report_text_init(&t, format, opts);
	cr_assert_eq(report__finish(t.report, snapshot, run), 0);
	return report_text_end(&t);
}

static inline char *start_text(const char *format, const struct report_start *start,
			       const struct report_opts *opts)
{
	struct report_text t;

	report_text_init(&t, format, opts);
	cr_assert_eq(report__start(t.report, start), 0);
	return report_text_end(&t);
}

/* What a stall's writing to `out` comes back with. */
static inline int stall_error(const char *format, FILE *out, const struct stall *stall)
{
	const struct report_opts opts = { .mode = "exact" };
	struct report *report;
	int r;

	cr_assert_eq(report__new(&report, report__by_name(format), out, &opts), 0);
	r = report__stall(report, stall);
	report__free(report);
	return r;
}

static struct coroutine_row report_rows[2];
static const struct loss report_losses[] = {
	{ "stack_truncated", "stacks cut: deeper than the frame limit", 12, false },
};

static struct groups report_groups;
static struct snapshot report_snapshot;

static inline struct snapshot snapshot_make(void)
{
	report_rows[0] = (struct coroutine_row){
		.coroutine = { "handler", "/srv/app/web.py", 10 },
		.pid = 4242,
		.steps = 20000,
		.total_ns = 4000 * MS,
		.max_ns = 50300000,
		.stalls = 12,
		.starved_ns = 700 * MS,
		.cpu_ns = 800 * MS,
		.blocked_ns = 2800 * MS,
		.gil_ns = 400 * MS,
		.p50_ns = 12345,
		.p99_ns = 2500000,
	};
	report_rows[1] = (struct coroutine_row){ .coroutine = { "(other)", NULL, 0 },
						 .steps = 413,
						 .total_ns = 210 * MS };
	report_snapshot = (struct snapshot){
		.steps = 20413,
		.callbacks_ns = 120 * MS,
		.idle_ns = 5620 * MS,
		.watched_ns = 10000 * MS,
		.unaccounted_ns = 50 * MS,
		.step_ns = 4210 * MS,
		.turns = 1234,
		.stalls = 12,
		.starved_ns = 700 * MS,
		.unattributed_steps = 413,
		.n_rows = 2,
		.rows = report_rows,
		.n_losses = 1,
		.losses = report_losses,
	};
	cr_assert_eq(groups__rows(&report_groups, &report_snapshot), 0);
	return report_snapshot;
}

static const struct report_run report_run_example = {
	.duration_ns = 10000 * MS,
	.own_cost = { .self_ns = 42 * MS,
		      .has_programs = true,
		      .programs_ns = 90 * MS,
		      .hits = 60826,
		      .has_traps = true,
		      .traps_ns = 600 * MS,
		      .ns_per_hit = 870,
		      .program_ns_per_hit = 310 },
	.own_rss_bytes = 24222105,
	.bpf_run_ns = 90 * MS,
};

#endif
