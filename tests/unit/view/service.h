/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service as the dashboard would meet it: three processes, 40 coroutines, hundreds of tasks that
 * await one another, a log, and everybody who had to wait. Built on the small snapshot, which has
 * what is wrong in it.
 */
#ifndef TESTS_VIEW_SERVICE_H
#define TESTS_VIEW_SERVICE_H

#include "view/snapshot.h"

#define SERVICE_ROWS 40
#define SERVICE_STALLS 14
#define SERVICE_TASKS 300
#define SERVICE_POOLS 8
#define SERVICE_VICTIMS 6
#define SERVICE_PAYERS 7
#define SERVICE_SITES 5
#define SERVICE_LOOPS 4
#define SERVICE_LOG 8
#define SERVICE_LIVES 6

struct service {
	struct view_fixture base; /* its snapshot and status are the ones to draw */
	struct coroutine_row rows[SERVICE_ROWS];
	struct stall stalls[SERVICE_STALLS];
	const struct stall *stall_list[SERVICE_STALLS];
	struct task_row tasks[SERVICE_TASKS];
	struct life_row lives[SERVICE_LIVES];
	char names[SERVICE_TASKS][16];
	struct victim_row victims[SERVICE_VICTIMS];
	struct payer_row payers[SERVICE_PAYERS];
	struct site_row sites[SERVICE_SITES];
	struct loop_row loops[SERVICE_LOOPS];
	struct log_row log[SERVICE_LOG];
};

/* Spreads `i` over 0 ... n - 1, always in the same way. */
static inline uint64_t service_spread(size_t i, uint64_t n)
{
	return (i * 2654435761ULL >> 7) % n;
}

static inline void service_trend(struct coroutine_row *row, size_t i)
{
	size_t k;

	row->n_trend = MODEL_TREND;
	for (k = 0; k < MODEL_TREND; k++)
		row->trend[k] = (float)(row->busy * (0.6 + 0.1 * (double)service_spread(i + k, 5)));
	/* The first one rises, the second one falls. */
	for (k = 0; i < 2 && k < MODEL_TREND; k++)
		row->trend[k] =
			(float)(row->busy * (double)(i == 0 ? k : MODEL_TREND - k) / MODEL_TREND);
}

static inline void service_rows(struct service *s)
{
	static const char *const names[SERVICE_ROWS] = {
		"Session.refresh",
		"Session.close",
		"login",
		"logout",
		"Cache.get",
		"Cache.put",
		"Cache.expire",
		"Queue.publish",
		"Queue.consume",
		"Queue.ack",
		"stream_events",
		"heartbeat",
		"watch_config",
		"Pool.acquire",
		"Pool.release",
		"Pool.grow",
		"Mailer.send",
		"Mailer.retry",
		"invoice_totals",
		"export_csv",
		"upload.<locals>.f",
		"Metrics.push",
		"health",
		"resize_image",
		"search",
		"autocomplete",
		"audit",
		"Gateway.upgrade",
		"Gateway.ping",
		"RateLimit.check",
		"Tracer.flush",
		"supervisor",
		"pool",
		"main",
		"lifespan",
	};
	static const char *const files[] = { "/srv/app/session.py", "/srv/app/cache.py",
					     "/srv/app/queue.py", "/srv/app/jobs/mail.py" };
	size_t i;

	for (i = 0; i < 4; i++) {
		s->rows[i] = s->base.rows[i];
		service_trend(&s->rows[i], i);
	}
	s->rows[2].suffered = 161;
	s->rows[2].suffered_ns = 5900 * VIEW_MS;
	s->rows[0].p50_ns = 31 * VIEW_US;
	s->rows[0].hist[ls_hist_index(30 * VIEW_US)] = 300;
	s->rows[0].hist[ls_hist_index(90 * VIEW_US)] = 84;
	s->rows[0].hist[ls_hist_index(50 * VIEW_MS)] = 28;
	for (i = 4; i < SERVICE_ROWS - 1; i++) {
		uint64_t us = 15 + service_spread(i, 400);

		s->rows[i] = (struct coroutine_row){
			.coroutine = { names[i - 4], files[i % 4], 10 + 7 * (uint32_t)i },
			.pid = 4242,
			.steps = 100 + service_spread(i, 90000),
			.steps_per_s = (double)service_spread(i, 900) / 10,
			.busy = (double)us / 100000,
			.p50_ns = us * VIEW_US,
			.p95_ns = 2 * us * VIEW_US,
			.p99_ns = 3 * us * VIEW_US,
			.max_ns = (i == 9 ? 12000 : 5 * us) * VIEW_US,
			.cpu_ns = us * VIEW_MS,
			.gil_ns = i % 3 == 0 ? us * VIEW_MS / 5 : 0,
			.suffered = us,
			.suffered_ns = us * VIEW_MS * 3,
		};
		service_trend(&s->rows[i], i);
	}
	s->rows[SERVICE_ROWS - 1] = s->base.rows[4];
}

static inline void service_stalls(struct service *s)
{
	static const char *const waiting[] = { "heartbeat", "metrics", "conn-17" };
	size_t i, k;

	for (i = 0; i < SERVICE_STALLS; i++) {
		struct stall *stall = &s->stalls[i];

		*stall = s->base.stalls[i % VIEW_STALLS];
		stall->start_ns -= i / VIEW_STALLS * 11 * VIEW_S;
		snprintf(stall->task_name, sizeof(stall->task_name), "Task-%zu", 7 + 3 * i);
		stall->victims_named = 3;
		for (k = 0; k < 3; k++)
			strcpy(stall->victim_names[k], waiting[k]);
		s->stall_list[i] = stall;
	}
	/* Computed in a library, called from the coroutine. */
	s->stalls[1].stack[0] =
		(struct model_frame){ "dumps", "/usr/lib/python3/json/__init__.py", 231 };
	s->stalls[1].stack[1] = s->base.rows[1].where;
	s->stalls[1].stack[2] = (struct model_frame){ "handler", "/srv/app/web.py", 16 };
	s->stalls[1].n_frames = 3;
	s->stalls[1].is_stack_cut = true;
}

/* What a task of one kind runs, and where it stands. */
struct service_kind {
	struct code_info coroutine;
	const char *waits_for;
	size_t n_frames;
	struct model_frame stack[3];
};

enum { SERVICE_MAIN, SERVICE_SUPERVISOR, SERVICE_POOL, SERVICE_HANDLER, SERVICE_FETCH };

static inline const struct service_kind *service_kind(size_t kind)
{
	static const struct service_kind kinds[] = {
		[SERVICE_MAIN] = { { "main", "/srv/app/__main__.py", 40 },
				   "Task",
				   1,
				   { { "main", "/srv/app/__main__.py", 52 } } },
		[SERVICE_SUPERVISOR] = { { "supervisor", "/srv/app/pool.py", 12 },
					 "_GatheringFuture",
					 1,
					 { { "supervisor", "/srv/app/pool.py", 31 } } },
		[SERVICE_POOL] = { { "pool", "/srv/app/pool.py", 44 },
				   "_GatheringFuture",
				   1,
				   { { "pool", "/srv/app/pool.py", 61 } } },
		[SERVICE_HANDLER] = { { "Gateway.handler", "/srv/app/web.py", 10 },
				      "Future",
				      3,
				      { { "StreamReader.readline",
					  "/usr/lib/python3.11/asyncio/streams.py", 545 },
					{ "Gateway.read", "/srv/app/web.py", 77 },
					{ "Gateway.handler", "/srv/app/web.py", 14 } } },
		[SERVICE_FETCH] = { { "fetch_row", "/srv/app/db.py", 24 },
				    "Future",
				    2,
				    { { "Pool.acquire", "/srv/app/pool.py", 90 },
				      { "fetch_row", "/srv/app/db.py", 29 } } },
	};

	return &kinds[kind];
}

/*
 * main awaits the supervisor, that eight pools, those their handlers, and every second handler a
 * row.
 */
static inline void service_task(struct service *s, size_t i)
{
	static const char *const names[] = { "main", "supervisor" };
	size_t handlers = SERVICE_POOLS + 2, child = i - handlers;
	size_t kind = i < 2 ? i : i < handlers ? SERVICE_POOL : SERVICE_HANDLER;
	struct task_row *task = &s->tasks[i];
	uint64_t us = 20 + service_spread(i, 900);

	if (i >= handlers && child % 3 == 2)
		kind = SERVICE_FETCH;
	if (i < 2)
		strcpy(s->names[i], names[i]);
	else
		snprintf(s->names[i], sizeof(s->names[i]), i < handlers ? "pool-%zu" : "Task-%zu",
			 i < handlers ? i - 1 : i + 30);
	*task = (struct task_row){
		.pid = 4242,
		.tid = 4242,
		.task = 0x7f10a0000000 + 0x1c0 * i,
		.name = s->names[i],
		.coroutine = service_kind(kind)->coroutine,
		.state = i % 23 == 20 ? MODEL_TASK_READY : MODEL_TASK_WAITING,
		.waits_for = service_kind(kind)->waits_for,
		.awaited_by = i == 0 ? SIZE_MAX :
			i == 1	     ? 0 :
			i < handlers ? 1 :
				       2 + child / 3 % 8,
		.n_frames = service_kind(kind)->n_frames,
		.stack = service_kind(kind)->stack,
		.seen_ns = VIEW_NOW_NS - 150 * VIEW_S + service_spread(i, 140) * VIEW_S,
		.steps = 3 + service_spread(i, 4000),
		.total_ns = us * VIEW_US * 40,
		.max_ns = us * VIEW_US,
		.last_end_ns = VIEW_NOW_NS - service_spread(i + 5, 9000) * VIEW_MS,
		.busy = kind == SERVICE_HANDLER ? (double)service_spread(i, 40) / 10000 : 0,
	};
	if (kind == SERVICE_FETCH)
		task->awaited_by = i - 1;
	if (task->state == MODEL_TASK_READY)
		task->waits_for = "";
}

static inline void service_lives(struct service *s)
{
	const struct life_row rows[SERVICE_LIVES] = {
		{ .pid = 4242,
		  .kind = LIFE_DEADLOCK,
		  .coroutine = { "transfer", "/srv/app/bank.py", 10 },
		  .other = { "refund", "/srv/app/bank.py", 30 },
		  .at = { "transfer", "/srv/app/bank.py", 14 },
		  .type = "Future",
		  .origin = { 7, "/srv/app/web.py", "handle" },
		  .count = 2,
		  .since_ns = VIEW_NOW_NS - 40 * VIEW_S,
		  .found = 2,
		  .found_ns = 40 * VIEW_S },
		{ .pid = 4242,
		  .coroutine = { "fetch_row", "/srv/app/db.py", 24 },
		  .at = { "fetch_row", "/srv/app/db.py", 31 },
		  .type = "Future",
		  .count = 8000,
		  .unawaited = 7990,
		  .since_ns = VIEW_NOW_NS - 90 * VIEW_S },
		{ .pid = 4243,
		  .coroutine = { "\xe4\xbb\xbb\xe5\x8a\xa1\x1b[2J", "/srv/app/\xe7\xbd\x91.py", 5 },
		  .at = { "red\x1b[31m", "/srv/app/\xe7\xbd\x91.py", 9 },
		  .type = "\x1b[2JEvil",
		  .origin = { 9, "/srv/\x1b[2J.py", "\x1b[2J" },
		  .count = 12,
		  .since_ns = VIEW_NOW_NS - 2 * VIEW_S },
		{ .pid = 4242,
		  .kind = LIFE_CANCELLED,
		  .coroutine = { "render", "/srv/app/views.py", 80 },
		  .at = { "render", "/srv/app/views.py", 84 },
		  .type = "Future",
		  .count = 1,
		  .since_ns = VIEW_NOW_NS - VIEW_S },
		{ .pid = 4242,
		  .kind = LIFE_FAILED,
		  .coroutine = { "poll", "/srv/app/poll.py", 3 },
		  .at = { "connect", "/srv/app/poll.py", 8 },
		  .type = "ConnectionError",
		  .found = 3,
		  .found_ns = 9 * VIEW_S },
		{ .pid = 4242, .kind = LIFE_GENERATOR, .count = 1, .since_ns = VIEW_NOW_NS },
	};

	memcpy(s->lives, rows, sizeof(rows));
}

static inline void service_tasks(struct service *s)
{
	size_t i;

	for (i = 0; i < SERVICE_TASKS; i++)
		service_task(s, i);
	s->tasks[36].state = MODEL_TASK_RUNNING;
	s->tasks[36].waits_for = "";
	s->tasks[36].busy = 0.104;
	s->tasks[36].stalls = 28;
	s->tasks[36].total_ns = 1400 * VIEW_MS;
	s->tasks[36].max_ns = 52 * VIEW_MS;
	s->tasks[11].name = "\xe4\xbb\xbb\xe5\x8a\xa1\x1b[2J";
	s->tasks[12].name = "";
}

static inline void service_waiting(struct service *s)
{
	static const struct {
		const char *name;
		size_t row; /* of its coroutine */
		size_t culprit;
		uint64_t times, starved_ms, worst_ms, ago_s;
	} victims[SERVICE_VICTIMS] = {
		{ "heartbeat", 15, 0, 161, 5900, 52, 2 }, { "", 2, 0, 122, 2900, 50, 2 },
		{ "metrics", 25, 1, 14, 700, 144, 31 },	  { "", 14, 1, 6, 190, 44, 31 },
		{ "conn\x1b[31m", 2, 0, 2, 104, 52, 75 }, { "", 38, 4, 1, 12, 12, 140 },
	};
	size_t i;

	for (i = 0; i < SERVICE_VICTIMS; i++) {
		s->victims[i] = (struct victim_row){
			.name = victims[i].name,
			.coroutine = s->rows[victims[i].row].coroutine,
			.culprit = s->rows[victims[i].culprit].coroutine,
			.times = victims[i].times,
			.starved_ns = victims[i].starved_ms * VIEW_MS,
			.worst_ns = victims[i].worst_ms * VIEW_MS,
			.last_ns = VIEW_NOW_NS - victims[i].ago_s * VIEW_S,
		};
		s->payers[i] = (struct payer_row){ s->victims[i].culprit, i, victims[i].times,
						   victims[i].starved_ms * VIEW_MS };
	}
	/* A callback of no known function. */
	s->victims[SERVICE_VICTIMS - 1].culprit = (struct code_info){ NULL, NULL, 0 };
	s->payers[SERVICE_VICTIMS] =
		(struct payer_row){ s->rows[1].coroutine, 0, 9, 300 * VIEW_MS };
}

static inline void service_sites(struct service *s)
{
	static const struct site_row sites[] = {
		{ .at = { "dumps\033[2J", "/srv/app/vi\news.py", 88 },
		  .cause = LS_CAUSE_CPU,
		  .stalls = 8,
		  .total_ns = 304 * VIEW_MS,
		  .max_ns = 144 * VIEW_MS,
		  .starved_ns = 1400 * VIEW_MS },
		{ .at = { "connect", "/srv/app/cache.py", 140 },
		  .cause = LS_CAUSE_DNS,
		  .stalls = 3,
		  .total_ns = 90 * VIEW_MS,
		  .max_ns = 41 * VIEW_MS,
		  .starved_ns = 200 * VIEW_MS },
		{ .at = { "save", "/srv/app/jobs/mail.py", 33 },
		  .cause = LS_CAUSE_FILE,
		  .syscall = "write",
		  .stalls = 2,
		  .total_ns = 26 * VIEW_MS,
		  .max_ns = 14 * VIEW_MS },
		{ .cause = LS_CAUSE_RUNQUEUE,
		  .stalls = 1,
		  .total_ns = 11 * VIEW_MS,
		  .max_ns = 11 * VIEW_MS },
	};
	size_t i;

	s->sites[0] = s->base.sites[0];
	for (i = 1; i < SERVICE_SITES; i++) {
		s->sites[i] = sites[i - 1];
		s->sites[i].coroutine = s->rows[i].coroutine;
		s->sites[i].last_ns = VIEW_NOW_NS - 19 * i * VIEW_S;
	}
}

static inline void service_loops(struct service *s)
{
	static const struct {
		const char *process;
		uint32_t pid, tid, ready, threads, queued, full;
		double busy, gil, runqueue;
		uint64_t p99_us, stalls;
	} loops[SERVICE_LOOPS] = {
		{ "uvicorn", 4242, 4242, 14, 8, 5, 12, 0.82, 0.031, 0.004, 51900, 36 },
		{ "uvicorn", 4242, 4250, 0, 2, 0, 0, 0.12, 0.188, 0.001, 2100, 0 },
		{ "worker\x1b[1m", 4310, 4310, 3, 0, 0, 0, 0.97, 0.002, 0.214, 14200, 2 },
		{ "worker", 4311, 4311, 0, 0, 0, 0, 0.04, 0, 0, 310, 0 },
	};
	size_t i;

	for (i = 0; i < SERVICE_LOOPS; i++) {
		struct loop_row *loop = &s->loops[i];

		*loop = (struct loop_row){
			.pid = loops[i].pid,
			.tid = loops[i].tid,
			.process = loops[i].process,
			.steps = 18204 / (i + 1),
			.step_ns = (uint64_t)(loops[i].busy * 1e10),
			.callbacks_ns = 120 * VIEW_MS,
			.idle_ns = (uint64_t)((1 - loops[i].busy) * 1e10),
			.turns = 9000 / (i + 1),
			.stalls = loops[i].stalls,
			.turn_p99_ns = loops[i].p99_us * VIEW_US,
			.turn_max_ns = 2 * loops[i].p99_us * VIEW_US,
			.steps_per_s = 4210.5 / (double)(i + 1),
			.busy = loops[i].busy,
			.gil = loops[i].gil,
			.runqueue = loops[i].runqueue,
			.tasks_ready = loops[i].ready,
			.executor_threads = loops[i].threads,
			.executor_max = loops[i].threads ? 8 : 0,
			.executor_queued = loops[i].queued,
			.executor_full_ticks = loops[i].full,
			.container_pid = loops[i].pid == 4311 ? 17 : 0,
		};
		loop->cause_ns[LS_CAUSE_GIL] = (uint64_t)(loops[i].gil * 1e10);
		loop->cause_ns[LS_CAUSE_RUNQUEUE] = (uint64_t)(loops[i].runqueue * 1e10);
		loop->cause_ns[LS_CAUSE_SLEEP] = i == 0 ? 4000 * VIEW_MS : 0;
	}
}

static inline void service_log(struct service *s)
{
	static const struct {
		enum log_grade grade;
		uint32_t pid;
		uint64_t ago_s;
		const char *text;
	} log[SERVICE_LOG] = {
		{ LOG_GRADE_INFO, 0, 3, "threshold raised from 5ms to 10ms" },
		{ LOG_GRADE_WARNING, 4242, 12,
		  "the executor has had no free thread for 12 s: 5 calls wait for one of 8" },
		{ LOG_GRADE_WARNING, 4242, 40,
		  "12 stacks were cut: they are deeper than what is read" },
		{ LOG_GRADE_ERROR, 4312, 88,
		  "cannot attach: CPython 3.7.3 is older than what is known; its steps are not "
		  "seen, its turns are, "
		  "and they have no name: start it with Python 3.8 or newer to see more" },
		{ LOG_GRADE_INFO, 4309, 90, "ended" },
		{ LOG_GRADE_INFO, 4311, 120, "new child process \x1b[31mworker" },
		{ LOG_GRADE_INFO, 4310, 120, "new child process worker" },
		{ LOG_GRADE_INFO, 4242, 161,
		  "attached: uvicorn, CPython 3.11.2, asyncio, exact (entry)" },
	};
	size_t i;

	for (i = 0; i < SERVICE_LOG; i++)
		s->log[i] = (struct log_row){ SERVICE_LOG - i, VIEW_NOW_NS - log[i].ago_s * VIEW_S,
					      log[i].grade, log[i].pid, log[i].text };
}

/* `is_stuck`: a loop is stuck at this moment. */
static inline void service_init(struct service *s, bool is_stuck)
{
	struct snapshot *snapshot = &s->base.snapshot;

	memset(s, 0, sizeof(*s));
	fixture_init(&s->base, is_stuck);
	service_rows(s);
	service_stalls(s);
	service_tasks(s);
	service_lives(s);
	s->base.live[0].task = s->tasks[36].task;
	strcpy(s->base.live[0].task_name, s->tasks[36].name);
	service_waiting(s);
	service_sites(s);
	service_loops(s);
	service_log(s);
	snapshot->turn_p50_ns = 210 * VIEW_US;
	snapshot->turn_p99_ns = 51900 * VIEW_US;
	snapshot->turn_max_ns = 144 * VIEW_MS;
	snapshot->tasks_alive = SERVICE_TASKS;
	snapshot->tasks_ready = 17;
	snapshot->tasks_ns = VIEW_NOW_NS;
#define USE(array, count)                                                                          \
	snapshot->array = s->array;                                                                \
	snapshot->n_##array = count
	USE(rows, SERVICE_ROWS);
	USE(tasks, SERVICE_TASKS);
	USE(lives, SERVICE_LIVES);
	USE(victims, SERVICE_VICTIMS);
	USE(payers, SERVICE_PAYERS);
	USE(sites, SERVICE_SITES);
	USE(loops, SERVICE_LOOPS);
	USE(log, SERVICE_LOG);
#undef USE
	snapshot->stall_list = s->stall_list;
	snapshot->n_stalls = SERVICE_STALLS;
	fixture_sum(snapshot);
}

#endif
