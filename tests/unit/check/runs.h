/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the checks share: stalls of chosen parts, snapshots, a verdict on them.
 */
#ifndef TESTS_CHECK_RUNS_H
#define TESTS_CHECK_RUNS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "check/checker.h"
#include "check/report.h"
#include "model/attribution.h"

#define MS 1000000ULL
#define ROOT "/srv"

struct bench {
	struct check_limits limits;
	struct check_allow allow;
	struct checker *checker;
	struct coroutine_row row;
	struct loop_row loop;
	struct loss loss;
	struct snapshot snapshot;
	struct check_facts facts;
};

/* A run of 1000 quick steps without a limit. */
static inline struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	cr_assert_not_null(b);
	check_limits__init(&b->limits);
	check_allow__init(&b->allow, "2026-06-15");
	b->row = (struct coroutine_row){ .coroutine = { "handler", "/srv/app/web.py", 10 },
					 .pid = 4242,
					 .steps = 1000,
					 .total_ns = 100 * MS,
					 .max_ns = MS };
	b->row.hist[ls_hist_index(100000)] = b->row.own_hist[ls_hist_index(100000)] = 1000;
	b->snapshot = (struct snapshot){ .steps = 1000,
					 .step_ns = 1000 * MS,
					 .turns = 100,
					 .n_rows = 1,
					 .rows = &b->row,
					 .n_loops = 1,
					 .loops = &b->loop };
	b->facts.duration_ns = 2000 * MS;
	b->facts.own_cost = (struct own_cost){ .self_ns = 2 * MS,
					       .has_programs = true,
					       .programs_ns = 3 * MS,
					       .hits = 2100,
					       .has_traps = true,
					       .traps_ns = 5 * MS,
					       .ns_per_hit = 900,
					       .program_ns_per_hit = 350 };
	return b;
}

/* Limits and entries are set: the checker takes them from here on. */
static inline void bench_begin(struct bench *b)
{
	const struct check_opts opts = { .limits = &b->limits, .allow = &b->allow, .root = ROOT };

	cr_assert_eq(checker__new(&b->checker, &opts), 0);
}

static inline void bench_free(struct bench *b)
{
	checker__free(b->checker);
	check_limits__done(&b->limits);
	check_allow__done(&b->allow);
	free(b);
}

/* A step of handler() in fetch_row(), db.py:31, that began at line 30. */
static inline struct stall step_make(void)
{
	struct stall s = { .pid = 4242, .tid = 4243, .unit = LS_UNIT_STEP, .cause = LS_CAUSE_CPU };

	strcpy(s.task_name, "Task-7");
	s.coroutine = (struct code_info){ "handler", "/srv/app/web.py", 10 };
	s.stack[0] = (struct model_frame){ "fetch_row", "/srv/app/db.py", 31 };
	s.stack[1] = (struct model_frame){ "handler", "/srv/app/web.py", 14 };
	s.def_lines[0] = 30;
	s.def_lines[1] = 10;
	s.n_frames = 2;
	s.call = s.stack[0];
	return s;
}

static inline void step_time(struct stall *s, enum ls_cause cause, uint64_t ns)
{
	s->cause_ns[cause] += ns;
	s->duration_ns += ns;
	s->cpu_ns = CLASS_NS(s->cause_ns, LS_CLASS_CPU);
	s->blocked_ns = CLASS_NS(s->cause_ns, LS_CLASS_BLOCKED);
	s->gil_ns = CLASS_NS(s->cause_ns, LS_CLASS_GIL);
	s->runqueue_ns = CLASS_NS(s->cause_ns, LS_CLASS_RUNQUEUE);
}

static inline void bench_step(struct bench *b, enum ls_cause cause, uint64_t ns,
			      uint64_t runqueue_ns)
{
	struct stall s = step_make();

	step_time(&s, cause, ns);
	step_time(&s, LS_CAUSE_RUNQUEUE, runqueue_ns);
	s.cause = cause;
	cr_assert_eq(checker__stall(b->checker, &s), 0);
}

static inline const struct verdict *bench_end(struct bench *b, const struct baseline *baseline)
{
	const struct verdict *v;

	cr_assert_eq(checker__finish(b->checker, &b->snapshot, &b->facts, baseline, &v), 0);
	return v;
}

static inline void bench_limit(struct check_step_limits *limits, const char *pattern, uint64_t ns)
{
	cr_assert_eq(check_step_limits__add(limits, pattern, strlen(pattern), ns, NULL), 0);
}

#endif
