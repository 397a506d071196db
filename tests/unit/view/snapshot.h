/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The snapshot that the tests of the dashboard draw: a service with two bad coroutines, a minute of
 * history, text that tries to be more than text.
 */
#ifndef TESTS_VIEW_SNAPSHOT_H
#define TESTS_VIEW_SNAPSHOT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/finding_sums.h"
#include "model/groups.h"
#include "view/view.h"

#define VIEW_US 1000ULL
#define VIEW_MS 1000000ULL
#define VIEW_S 1000000000ULL
#define VIEW_NOW_NS (1000 * VIEW_S)
#define VIEW_STALLS 3

struct view_fixture {
	struct coroutine_row rows[5];
	struct stall stalls[VIEW_STALLS];
	const struct stall *stall_list[VIEW_STALLS];
	struct second_row seconds[61];
	struct site_row sites[1];
	struct loop_row loops[1];
	struct stall live[1];
	struct loss losses[2];
	struct snapshot snapshot;
	struct view_status status;
};

/* Two that stall, two that do nothing wrong, and the row of those that have none. */
#define FIXTURE_ROWS(_)                                                                            \
	/* name, file, line, pid, steps, per s, busy, p50, p95, p99, max (us), cpu, blocked, gil,  \
	 * run queue (us) */                                                                       \
	_("fetch_row", "/srv/app/db.py", 24, 4242, 412, 2, 0.104, 50000, 51000, 52000, 52100,      \
	  2000, 1398000, 0, 0)                                                                     \
	_("render", "/srv/app/views.py", 80, 4242, 160, 0.8, 0.031, 38000, 41000, 44000, 144000,   \
	  300000, 0, 60000, 40000)                                                                 \
	_("Gateway.handler", "/srv/app/web.py", 10, 4242, 1234567, 4210, 0.212, 38, 120, 190,      \
	  3100, 900000, 0, 100000, 0)                                                              \
	_("\xe6\x8e\xa5\xe5\x8f\x97\xe6\x95\xb0\xe6\x8d\xae\x1b[31m\nred",                         \
	  "/srv/app/\xe7\xbd\x91.py", 5, 4243, 10, 10, 0.001, 12, 30, 31, 90, 120, 0, 0, 0)        \
	_("(other)", NULL, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

static inline void fixture_rows(struct view_fixture *f)
{
	static const struct coroutine_row rows[] = {
#define _(name_, file_, line_, pid_, steps_, rate_, busy_, p50_, p95_, p99_, max_, cpu_, blocked_, \
	  gil_, queue_)                                                                            \
	{ .coroutine = { name_, file_, line_ },                                                    \
	  .pid = pid_,                                                                             \
	  .steps = steps_,                                                                         \
	  .steps_per_s = rate_,                                                                    \
	  .busy = busy_,                                                                           \
	  .p50_ns = p50_ * VIEW_US,                                                                \
	  .p95_ns = p95_ * VIEW_US,                                                                \
	  .p99_ns = p99_ * VIEW_US,                                                                \
	  .max_ns = max_ * VIEW_US,                                                                \
	  .cpu_ns = cpu_ * VIEW_US,                                                                \
	  .blocked_ns = blocked_ * VIEW_US,                                                        \
	  .gil_ns = gil_ * VIEW_US,                                                                \
	  .runqueue_ns = queue_ * VIEW_US },
		FIXTURE_ROWS(_)
#undef _
	};

	memcpy(f->rows, rows, sizeof(rows));
	f->rows[0].stalls = 28;
	f->rows[0].starved_ns = 8100 * VIEW_MS;
	f->rows[0].where = (struct model_frame){ "fetch_row", "/srv/app/db.py", 31 };
	f->rows[0].where_cause = LS_CAUSE_SLEEP;
	f->rows[0].causes = 1u << LS_CAUSE_SLEEP;
	f->rows[1].stalls = 8;
	f->rows[1].starved_ns = 1400 * VIEW_MS;
	f->rows[1].where = (struct model_frame){ "render", "/srv/app/views.py", 88 };
	f->rows[1].where_cause = LS_CAUSE_CPU;
	f->rows[1].causes = 1u << LS_CAUSE_CPU;
}

static inline void fixture_stall(struct view_fixture *f, size_t i, enum ls_cause cause,
				 uint64_t ago_ns, uint64_t duration_ns)
{
	struct stall *s = &f->stalls[i];
	const struct coroutine_row *row = &f->rows[cause == LS_CAUSE_SLEEP ? 0 : 1];

	s->pid = 4242;
	s->tid = 4242;
	s->unit = LS_UNIT_STEP;
	s->cause = cause;
	s->start_ns = VIEW_NOW_NS - ago_ns - duration_ns;
	s->duration_ns = duration_ns;
	s->cause_ns[cause] = duration_ns;
	*(cause == LS_CAUSE_CPU ? &s->cpu_ns : &s->blocked_ns) = duration_ns;
	snprintf(s->task_name, sizeof(s->task_name), "Task-%zu", 7 + i);
	s->coroutine = row->coroutine;
	s->call = row->where;
	s->call_syscall = cause == LS_CAUSE_SLEEP ? "clock_nanosleep" : NULL;
	s->own_share = 0.9;
	s->n_frames = 2;
	s->stack[0] = row->where;
	s->stack[1] = (struct model_frame){ "handler", "/srv/app/web.py", 14 };
	s->from = (struct step_end){ LS_AWAIT_SUSPENDED, { "acquire", "/srv/app/pool.py", 44 } };
	s->to = (struct step_end){ cause == LS_CAUSE_SLEEP ? LS_AWAIT_CANCELLED : LS_AWAIT_RETURNED,
				   { row->coroutine.name, row->coroutine.file, 0 } };
	s->victims = 14;
	s->starved_ns = 14 * duration_ns;
	f->stall_list[i] = s;
}

static inline void fixture_seconds(struct view_fixture *f)
{
	size_t i;

	for (i = 0; i < 61; i++) {
		f->seconds[i] = (struct second_row){ .busy = 0.1 + 0.8 * (double)(i % 10) / 10,
						     .steps = 4200 };
		if (i % 12 == 0)
			f->seconds[i] = (struct second_row){ .busy = 1,
							     .steps = 17,
							     .stalls = 2,
							     .stall_ns = 100 * VIEW_MS,
							     .worst_ns = 52 * VIEW_MS,
							     .worst_cause = LS_CAUSE_SLEEP,
							     .covered_ns = 52 * VIEW_MS };
	}
	f->seconds[30].stalls = 1;
	f->seconds[30].stall_ns = f->seconds[30].worst_ns = 144 * VIEW_MS;
	f->seconds[30].covered_ns = 144 * VIEW_MS;
	f->seconds[30].worst_cause = LS_CAUSE_CPU;
}

static struct groups fixture_groups;
static struct finding_sums fixture_findings;

/* What the model would make of the stalls that the snapshot lists. */
static inline void fixture_sum(struct snapshot *s)
{
	groups__done(&fixture_groups);
	finding_sums__done(&fixture_findings);
	for (size_t i = 0; i < s->n_stalls; i++)
		if (groups__stall(&fixture_groups, s->stall_list[i], NULL) ||
		    finding_sums__stall(&fixture_findings, s->stall_list[i]))
			abort();
	if (groups__rows(&fixture_groups, s) ||
	    finding_sums__rows(&fixture_findings, &fixture_groups, s))
		abort();
}

/* `is_stuck`: a loop is stuck at this moment. */
static inline void fixture_init(struct view_fixture *f, bool is_stuck)
{
	memset(f, 0, sizeof(*f));
	/* Times of day are those of the machine's time zone. */
	setenv("TZ", "UTC", 1);
	tzset();
	fixture_rows(f);
	fixture_stall(f, 0, LS_CAUSE_SLEEP, 2 * VIEW_S, 50 * VIEW_MS);
	fixture_stall(f, 1, LS_CAUSE_CPU, 31 * VIEW_S, 144 * VIEW_MS);
	fixture_stall(f, 2, LS_CAUSE_SLEEP, 75 * VIEW_S, 52 * VIEW_MS);
	fixture_seconds(f);
	f->loops[0] = (struct loop_row){ .pid = 4242, .tid = 4242, .busy = 0.38 };
	f->sites[0] = (struct site_row){
		.at = f->rows[0].where,
		.cause = LS_CAUSE_SLEEP,
		.syscall = "clock_nanosleep",
		.coroutine = f->rows[0].coroutine,
		.stalls = 28,
		.total_ns = 1400 * VIEW_MS,
		.max_ns = 52 * VIEW_MS,
		.starved_ns = 8100 * VIEW_MS,
		.last_ns = VIEW_NOW_NS - 2 * VIEW_S,
	};
	f->losses[0] = (struct loss){ "stack_truncated", "stacks cut", 12, false };
	f->losses[1] = (struct loss){ "records_lost", "records lost", 3, false };
	f->rows[0].open = is_stuck;
	f->rows[0].open_since_ns = VIEW_NOW_NS - 1420 * VIEW_MS;
	/* Read 20 ms ago. */
	f->live[0] = (struct stall){
		.pid = 4242,
		.tid = 4242,
		.unit = LS_UNIT_STEP,
		.end = LS_END_OPEN,
		.cause = LS_CAUSE_SLEEP,
		.start_ns = VIEW_NOW_NS - 1420 * VIEW_MS,
		.duration_ns = 1400 * VIEW_MS,
		.blocked_ns = 1390 * VIEW_MS,
		.cpu_ns = 10 * VIEW_MS,
		.task = 0x7f0000001000,
		.task_name = "Task-99",
		.coroutine = f->rows[0].coroutine,
		.call = f->rows[0].where,
		.call_syscall = "clock_nanosleep",
		.n_frames = 2,
		.stack = { f->rows[0].where, { "handler", "/srv/app/web.py", 14 } },
		.from = { LS_AWAIT_BEGAN, { "handler", "/srv/app/web.py", 10 } },
		.request = { "GET", "/orders/{id}", "GET /orders/{id}" },
		.test = "tests/test_orders.py::test_one[a]",
		.victims = 14,
		.victims_named = 2,
		.victim_names = { "heartbeat", "metrics" },
	};
	f->snapshot = (struct snapshot){
		.steps = 1235156,
		.stalls = 36,
		.starved_ns = 9500 * VIEW_MS,
		.unattributed_steps = 7,
		.n_rows = 5,
		.rows = f->rows,
		.n_losses = is_stuck ? 2 : 0,
		.losses = f->losses,
		.n_stalls = VIEW_STALLS,
		.stall_list = f->stall_list,
		.n_sites = 1,
		.sites = f->sites,
		.n_loops = 1,
		.loops = f->loops,
		.n_live = is_stuck,
		.live = f->live,
		.live_ns = VIEW_NOW_NS - 20 * VIEW_MS,
		.n_seconds = 61,
		.seconds = f->seconds,
	};
	f->status = (struct view_status){
		.targets = "uvicorn 4242  CPython 3.11.2, asyncio, exact (entry)",
		.now_ns = VIEW_NOW_NS,
		.clock_offset_ns = 1700000000 * VIEW_S,
		.started_ns = VIEW_NOW_NS - 161 * VIEW_S,
		.threshold_ns = 10 * VIEW_MS,
		.refresh_ns = 250 * VIEW_MS,
		.cost = { .programs = 0.001, .traps = 0.0024, .self = 0.0006, .is_known = true },
		.own_rss_bytes = 11 << 20,
		.message = "",
	};
	fixture_sum(&f->snapshot);
}

#endif
