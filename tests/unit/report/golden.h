/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run that the golden files of tests/golden/ are made of: three loops, every cause, a stall
 * inside a stall, a turn, and names that try to be more than names.
 */
#ifndef TESTS_REPORT_GOLDEN_H
#define TESTS_REPORT_GOLDEN_H

#include <stdlib.h>
#include <string.h>

#include "model/finding_sums.h"
#include "model/groups.h"
#include "report/report.h"

#define GOLDEN_MS 1000000ULL
#define GOLDEN_S 1000000000ULL
#define GOLDEN_END_NS (123460 * GOLDEN_S)
#define GOLDEN_RUN_NS (10 * GOLDEN_S)
#define GOLDEN_STALLS (LS_CAUSE_MAX + 5)
#define GOLDEN_HUGE 600

/* What tries to leave its place in each format. */
#define HOSTILE_TAG "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
#define HOSTILE_QUOTES "a\"b'c`d``e,f;g|h\\i&j%k$l{m}n[o](p)*q*_r_#s@all"
#define HOSTILE_CONTROL "x\033[2J\r\n\t\a\x7fy"
#define HOSTILE_BYTES "z\xff\xc0\xaf\xed\xa0\x80z"
#define HOSTILE_RTL "\xe2\x80\xaeredro\xe2\x80\xac \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"
#define HOSTILE_FORMULA "=HYPERLINK(\"http://example.invalid\")"
#define WIDE "\xe4\xbb\xbb\xe5\x8a\xa1\xe4\xb8\x83"

struct golden {
	char huge[GOLDEN_HUGE + 1];
	struct report_target targets[2];
	struct report_start start;
	struct stall stalls[GOLDEN_STALLS];
	size_t n_stalls;
	struct coroutine_row rows[8];
	struct site_row sites[4];
	struct holder_row holders[2];
	struct pool_row pools[2];
	struct life_row lives[2];
	struct victim_row victims[3];
	struct payer_row payers[3];
	struct loop_row loops[3];
	struct second_row seconds[11];
	struct loss losses[2];
	struct groups groups;
	struct finding_sums findings;
	struct snapshot snapshot;
	struct report_run run;
};

/* The part of the split that a cause counts towards. */
static inline uint64_t *golden_part(struct stall *s, enum ls_cause cause)
{
	uint64_t *const parts[LS_CLASS_MAX] = {
		[LS_CLASS_CPU] = &s->cpu_ns,
		[LS_CLASS_BLOCKED] = &s->blocked_ns,
		[LS_CLASS_GIL] = &s->gil_ns,
		[LS_CLASS_RUNQUEUE] = &s->runqueue_ns,
	};

	return parts[ls_cause_class(cause)];
}

static inline struct stall *golden_stall(struct golden *g, uint32_t pid, uint32_t tid,
					 uint64_t at_ms, uint64_t ms, enum ls_cause cause,
					 size_t row)
{
	struct stall *s = &g->stalls[g->n_stalls++];

	s->pid = pid;
	s->tid = tid;
	s->unit = LS_UNIT_STEP;
	s->cause = cause;
	s->start_ns = GOLDEN_END_NS - GOLDEN_RUN_NS + at_ms * GOLDEN_MS + 345;
	s->duration_ns = ms * GOLDEN_MS + 678;
	s->cpu_ns = cause == LS_CAUSE_CPU ? s->duration_ns : 300678;
	s->cause_ns[LS_CAUSE_CPU] = s->cpu_ns;
	if (cause != LS_CAUSE_CPU) {
		uint64_t rest_ns = s->duration_ns - s->cpu_ns;

		s->cause_ns[cause] = rest_ns;
		*golden_part(s, cause) += rest_ns;
	}
	s->task = 0x7f0000000000 + g->n_stalls * 0x100;
	snprintf(s->task_name, sizeof(s->task_name), "Task-%zu", g->n_stalls);
	s->coroutine = g->rows[row].coroutine;
	s->stack[0] = (struct model_frame){ "fetch_row", "/srv/app/db.py", 31 };
	s->stack[1] = (struct model_frame){ s->coroutine.name, s->coroutine.file,
					    s->coroutine.first_line + 4 };
	s->n_frames = 2;
	s->call = s->own = s->stack[0];
	s->own_share = 0.875;
	s->entry = s->stack[1];
	s->entry_def_line = s->coroutine.first_line;
	s->own_def_line = 30;
	s->is_entry_users = true;
	return s;
}

static inline void golden_victims(struct stall *s, uint32_t n, const char *first,
				  const char *second)
{
	s->victims = n;
	s->starved_ns = n * (s->duration_ns - GOLDEN_MS);
	s->victims_named = 2;
	snprintf(s->victim_names[0], sizeof(s->victim_names[0]), "%s", first);
	snprintf(s->victim_names[1], sizeof(s->victim_names[1]), "%s", second);
}

static inline void golden_row(struct golden *g, size_t i, const char *name, const char *file,
			      uint32_t line, uint64_t stalls, uint64_t max_ms)
{
	g->rows[i] = (struct coroutine_row){
		.coroutine = { name, file, line },
		.pid = 4242,
		.steps = 1000 * (i + 1),
		.total_ns = 400 * max_ms * GOLDEN_MS / 100,
		.max_ns = max_ms * GOLDEN_MS + 678,
		.stalls = stalls,
		.starved_ns = stalls * max_ms * GOLDEN_MS * 3,
		.suffered = 3 * i,
		.suffered_ns = 5 * i * GOLDEN_MS,
		.cpu_ns = max_ms * GOLDEN_MS,
		.blocked_ns = 2 * max_ms * GOLDEN_MS,
		.gil_ns = max_ms * GOLDEN_MS / 2,
		.runqueue_ns = max_ms * GOLDEN_MS / 2,
		.p50_ns = 12345 + i,
		.p95_ns = GOLDEN_MS + i,
		.p99_ns = max_ms * GOLDEN_MS / 2,
	};
}

static inline void golden_rows(struct golden *g)
{
	golden_row(g, 0, "handler", "/srv/app/web.py", 10, 9, 50);
	golden_row(g, 1, "Poller.run.<locals>.tick", "/srv/app/poll.py", 77, 4, 250);
	golden_row(g, 2, HOSTILE_TAG, "/srv/<b>/" HOSTILE_QUOTES ".py", 5, 1, 30);
	golden_row(g, 3, HOSTILE_CONTROL, "/srv/" HOSTILE_RTL ".py", 6, 1, 31);
	golden_row(g, 4, g->huge, HOSTILE_BYTES, 7, 1, 32);
	golden_row(g, 5, HOSTILE_FORMULA, WIDE ".py", 8, 1, 33);
	golden_row(g, 6, "(unknown)", NULL, 0, 0, 2);
	g->rows[7] = (struct coroutine_row){ .coroutine = { "(other)", NULL, 0 },
					     .steps = 413,
					     .total_ns = 210 * GOLDEN_MS };
}

static inline void golden_holder(struct model_holder *holder)
{
	holder->tid = 4260;
	strcpy(holder->name, "asyncio_0");
	holder->n_frames = 2;
	holder->stack[0] =
		(struct model_frame){ "match", "/usr/lib/python3.11/re/__init__.py", 166 };
	holder->stack[1] = (struct model_frame){ "scan", "/srv/app/work.py", 18 };
}

static inline void golden_pools(struct golden *g)
{
	g->pools[0] = (struct pool_row){ .pid = 4242,
					 .kind = POOL_EXECUTOR,
					 .name = HOSTILE_TAG,
					 .size = 8,
					 .busy = 8,
					 .waiting = 3,
					 .waiting_max = 20,
					 .full_ns = 2 * GOLDEN_S,
					 .n_places = 1,
					 .places = { { { "scan", "/srv/app/work.py", 18 }, 8 } } };
	g->pools[1] = (struct pool_row){ .pid = 4242, .kind = POOL_CONNECTIONS, .busy = 1 };
}

static inline void golden_lives(struct golden *g)
{
	g->lives[0] = (struct life_row){ .pid = 4242,
					 .kind = LIFE_FAILED,
					 .coroutine = { "fetch", "/srv/app/db.py", 20 },
					 .at = { "connect", "/srv/app/db.py", 31 },
					 .type = "</script><img src=x onerror=alert(2)>",
					 .origin = { 12, HOSTILE_TAG, HOSTILE_TAG },
					 .count = 2,
					 .count_first = 1,
					 .count_max = 3,
					 .since_ns = GOLDEN_S,
					 .found = 2,
					 .found_ns = GOLDEN_S };
	g->lives[1] = (struct life_row){ .pid = 4242, .kind = LIFE_ALIVE, .count = 1 };
}

static inline void golden_holders(struct golden *g)
{
	g->holders[0] = (struct holder_row){ .at = { "scan", "/srv/app/work.py", 18 },
					     .name = "asyncio_0",
					     .stalls = 1,
					     .waited_ns = 54700000 };
	g->holders[1] = (struct holder_row){ .stalls = 2,
					     .waited_ns = 9 * GOLDEN_MS,
					     .starved_ns = 4 * GOLDEN_MS };
	strcpy(g->holders[1].name, HOSTILE_TAG);
}

/* A request, of which all, or its method, or its route is known; every second one in a test. */
static inline void golden_request(struct stall *s, unsigned int i)
{
	struct model_request *r = &s->request;

	if (i % 4 == 3)
		return;
	snprintf(r->method, sizeof(r->method), "%s", i % 4 == 1 ? "" : "GET");
	snprintf(r->route, sizeof(r->route), "%s",
		 i % 4 == 2    ? "" :
			 i % 8 ? "/orders/{id}" :
				 "/" HOSTILE_TAG);
	snprintf(r->label, sizeof(r->label), "%s%s%s", r->method,
		 *r->method && *r->route ? " " : "", r->route);
	if (i % 2)
		snprintf(s->test, sizeof(s->test), "tests/test_orders.py::test_one[%u]", i);
}

/* Each way in which a step can begin and end, and not known. */
static inline void golden_step_ends(struct stall *s, unsigned int i)
{
	static const enum ls_await_state ends[] = { LS_AWAIT_UNKNOWN, LS_AWAIT_SUSPENDED,
						    LS_AWAIT_RETURNED, LS_AWAIT_RAISED,
						    LS_AWAIT_CANCELLED };
	const struct model_frame at = { s->coroutine.name, s->coroutine.file, 0 };

	s->from = (struct step_end){ i % 3, at };
	s->to = (struct step_end){ ends[i % 5], at };
	if (s->from.state == LS_AWAIT_SUSPENDED)
		s->from.at = (struct model_frame){ "acquire", "/srv/app/pool.py", 44 };
	if (s->from.state == LS_AWAIT_BEGAN)
		s->from.at.line = s->coroutine.first_line;
	if (s->to.state == LS_AWAIT_SUSPENDED)
		s->to.at = (struct model_frame){ "release", "/srv/app/pool.py", 52 };
}

static inline void golden_stalls(struct golden *g)
{
	struct stall *s;

	/* One for each cause, on two loops in turn. */
	for (enum ls_cause cause = 0; cause < LS_CAUSE_MAX; cause++) {
		s = golden_stall(g, 4242, cause % 2 ? 4242 : 4250, 100 + 400 * cause,
				 20 + 5 * cause, cause, cause % 2);
		s->call_syscall = cause == LS_CAUSE_SLEEP ? "clock_nanosleep" : NULL;
		s->call_native = cause == LS_CAUSE_SLEEP ? "libc.so.6:clock_nanosleep" : NULL;
		if (cause == LS_CAUSE_GIL)
			golden_holder(&s->gil_holder);
		if (cause == LS_CAUSE_LOCK) {
			golden_holder(&s->lock_holder);
			s->lock_known = LS_LOCK_OWNER;
		}
		if (cause == LS_CAUSE_GC)
			s->gc_generation = 3;
		if (cause == LS_CAUSE_THROTTLED) {
			s->quota_ns = 30 * GOLDEN_MS;
			s->period_ns = 100 * GOLDEN_MS;
		}
		if (cause == LS_CAUSE_RUNQUEUE) {
			s->cpu_holder =
				(struct cpu_holder){ 50 * GOLDEN_MS, 977, false, "stress-ng" };
			s->sign = SIGN_OTHER_PROCESS;
		}
		if (cause == LS_CAUSE_STOPPED) {
			s->stop = LS_STOP_TRACER;
			s->stop_id = 4270;
		}
		if (cause == LS_CAUSE_SLEEP) {
			golden_victims(s, 14, "Task-3", "reader");
			for (; s->victims_named < 6; s->victims_named++)
				snprintf(s->victim_names[s->victims_named],
					 sizeof(s->victim_names[0]), "heartbeat-%u",
					 s->victims_named);
			s->source = "def fetch_row(query):\n\t# " HOSTILE_TAG
				    "\n\ttime.sleep(0.025)\n\treturn '" HOSTILE_CONTROL "'";
		}
		if (cause == LS_CAUSE_NETWORK)
			s->trace = (struct ls_trace_context){ { 0x0123456789abcdef, 0x42 }, 0x7f };
		golden_step_ends(s, cause);
		golden_request(s, cause);
	}
	/* The inner one ends first; its 40 ms are no part of the outer one's. */
	s = golden_stall(g, 4242, 4242, 6010, 40, LS_CAUSE_FILE, 1);
	golden_victims(s, 2, "reader", HOSTILE_TAG);
	s = golden_stall(g, 4242, 4242, 6000, 250, LS_CAUSE_CPU, 0);
	golden_victims(s, 3, "reader", HOSTILE_RTL);
	s->is_stack_cut = true;
	/* A turn of a third loop: no coroutine, no stack. */
	s = golden_stall(g, 5151, 5151, 7000, 60, LS_CAUSE_CPU, 0);
	s->unit = LS_UNIT_TURN;
	s->coroutine = (struct code_info){ NULL, NULL, 0 };
	s->call = s->own = s->entry = (struct model_frame){ NULL, NULL, 0 };
	s->n_frames = 0;
	s->task = 0;
	s->task_name[0] = '\0';
	s->steps = 240;
	/* Names. */
	for (size_t i = 2; i < 4; i++) {
		s = golden_stall(g, 5151, 5151, 7500 + 100 * i, 30, LS_CAUSE_NETWORK, i);
		s->call_syscall = "recvfrom";
		snprintf(s->task_name, sizeof(s->task_name), "%s",
			 i == 2 ? HOSTILE_QUOTES : HOSTILE_BYTES);
		s->stack[2] = s->stack[1];
		s->stack[1] = (struct model_frame){ i == 2 ? HOSTILE_QUOTES : g->huge,
						    HOSTILE_CONTROL, 9 };
		s->n_frames = 3;
		s->from = s->to = (struct step_end){ LS_AWAIT_SUSPENDED, s->stack[1] };
		golden_victims(s, 2, HOSTILE_FORMULA, WIDE);
	}
}

static inline void golden_tables(struct golden *g)
{
	g->sites[0] = (struct site_row){
		.at = { "fetch_row", "/srv/app/db.py", 31 },
		.cause = LS_CAUSE_SLEEP,
		.syscall = "clock_nanosleep",
		.coroutine = g->rows[0].coroutine,
		.stalls = 9,
		.total_ns = 450 * GOLDEN_MS,
		.max_ns = 250 * GOLDEN_MS,
		.starved_ns = 700 * GOLDEN_MS,
		.last_ns = GOLDEN_END_NS - GOLDEN_S,
	};
	g->sites[1] = (struct site_row){
		.at = { "match", "/usr/lib/python3.11/re/__init__.py", 166 },
		.cause = LS_CAUSE_CPU,
		.coroutine = g->rows[1].coroutine,
		.stalls = 4,
		.total_ns = 300 * GOLDEN_MS,
		.max_ns = 100 * GOLDEN_MS,
	};
	g->sites[2] = (struct site_row){
		.at = { HOSTILE_QUOTES, HOSTILE_TAG, 9 },
		.cause = LS_CAUSE_NETWORK,
		.syscall = "recvfrom",
		.coroutine = g->rows[2].coroutine,
		.stalls = 1,
		.total_ns = 30 * GOLDEN_MS,
		.max_ns = 30 * GOLDEN_MS,
	};
	g->sites[3] = (struct site_row){
		.at = { g->huge, HOSTILE_CONTROL, 0 },
		.cause = LS_CAUSE_OTHER,
		.stalls = 1,
		.total_ns = 20 * GOLDEN_MS,
		.max_ns = 20 * GOLDEN_MS,
	};
	g->victims[0] = (struct victim_row){ "reader",
					     { "reader", "/srv/app/web.py", 90 },
					     g->rows[0].coroutine,
					     12,
					     600 * GOLDEN_MS,
					     100 * GOLDEN_MS,
					     GOLDEN_END_NS - GOLDEN_S };
	g->victims[1] = (struct victim_row){ "",
					     g->rows[1].coroutine,
					     { NULL, NULL, 0 },
					     3,
					     90 * GOLDEN_MS,
					     40 * GOLDEN_MS,
					     GOLDEN_END_NS };
	g->victims[2] =
		(struct victim_row){ HOSTILE_TAG,    { NULL, NULL, 0 }, g->rows[3].coroutine, 1,
				     10 * GOLDEN_MS, 10 * GOLDEN_MS,	GOLDEN_END_NS };
	for (size_t i = 0; i < 3; i++)
		g->payers[i] = (struct payer_row){ g->rows[i].coroutine, i, 4 - i,
						   (4 - i) * 50 * GOLDEN_MS };
	for (size_t i = 0; i < 3; i++) {
		g->loops[i] = (struct loop_row){
			.pid = i < 2 ? 4242 : 5151,
			.tid = (uint32_t[]){ 4242, 4250, 5151 }[i],
			.process = (const char *const[]){ "python3", "python3", HOSTILE_TAG }[i],
			.steps = 5000 * (i + 1),
			.step_ns = GOLDEN_S * (i + 1),
			.callbacks_ns = 100 * GOLDEN_MS,
			.idle_ns = 8 * GOLDEN_S,
			.watched_ns = 10 * GOLDEN_S,
			.unaccounted_ns = 20 * GOLDEN_MS,
			.turns = 300 * (i + 1),
			.stalls = 6,
			.turn_p50_ns = GOLDEN_MS,
			.turn_p99_ns = 40 * GOLDEN_MS,
			.turn_max_ns = 291 * GOLDEN_MS,
			.busy = 0.25,
			.executor_threads = i == 0 ? 4 : 0,
			.executor_max = i == 0 ? 8 : 0,
			.executor_queued = i == 0 ? 2 : 0,
		};
		g->loops[i].cause_ns[LS_CAUSE_SLEEP] = 300 * GOLDEN_MS;
	}
	for (size_t i = 0; i < 11; i++)
		g->seconds[i] = (struct second_row){ .stalls = i % 3,
						     .stall_ns = i % 3 * 50 * GOLDEN_MS,
						     .busy = (double)i / 10,
						     .steps = 2000 };
	g->losses[0] = (struct loss){ "stack_truncated", "stacks cut: deeper than the frame limit",
				      12, false };
	g->losses[1] = (struct loss){ "records_lost", "records lost: the ring was full", 3, false };
}

static inline void golden_done(struct golden *g)
{
	groups__done(&g->groups);
	finding_sums__done(&g->findings);
}

/* What the model would make of the stalls, by the names that they have now. */
static inline void golden_sum(struct golden *g)
{
	golden_done(g);
	for (size_t i = 0; i < g->n_stalls; i++)
		if (groups__stall(&g->groups, &g->stalls[i], NULL) ||
		    finding_sums__stall(&g->findings, &g->stalls[i]))
			abort();
	if (groups__rows(&g->groups, &g->snapshot) ||
	    finding_sums__rows(&g->findings, &g->groups, &g->snapshot))
		abort();
}

static inline void golden_init(struct golden *g)
{
	memset(g, 0, sizeof(*g));
	for (size_t i = 0; i < GOLDEN_HUGE; i++)
		g->huge[i] = (char)('a' + i % 26);
	golden_rows(g);
	golden_stalls(g);
	golden_holders(g);
	golden_pools(g);
	golden_lives(g);
	golden_tables(g);
	g->targets[0] = (struct report_target){ 4242, "python3", "3.11.2", "uvloop", "entry",
						0,    NULL,	 0,	   NULL };
	g->targets[1] = (struct report_target){ 5151, HOSTILE_TAG, "3.13.1", NULL, "symbol",
						7,    HOSTILE_TAG, 4242,     NULL };
	g->start =
		(struct report_start){ "0.1", 10 * GOLDEN_MS, GOLDEN_MS,	  "uprobe_multi",
				       2,     g->targets,     "box " HOSTILE_TAG, "Linux 6.1.0" };
	g->snapshot = (struct snapshot){
		.steps = 30413,
		.callbacks_ns = 300 * GOLDEN_MS,
		.idle_ns = 24 * GOLDEN_S,
		.watched_ns = 30 * GOLDEN_S,
		.unaccounted_ns = 60 * GOLDEN_MS,
		.step_ns = 6 * GOLDEN_S,
		.turns = 1800,
		.stalls = g->n_stalls,
		.starved_ns = 1400 * GOLDEN_MS,
		.unattributed_steps = 413,
		.turn_p50_ns = GOLDEN_MS,
		.turn_p99_ns = 40 * GOLDEN_MS,
		.turn_max_ns = 291 * GOLDEN_MS,
		.n_rows = 8,
		.rows = g->rows,
		.n_losses = 2,
		.losses = g->losses,
		.n_sites = 4,
		.sites = g->sites,
		.n_holders = 2,
		.holders = g->holders,
		.n_lock_holders = 1,
		.lock_holders = g->holders,
		.n_pools = 2,
		.pools = g->pools,
		.n_lives = 2,
		.lives = g->lives,
		.n_victims = 3,
		.victims = g->victims,
		.n_payers = 3,
		.payers = g->payers,
		.n_loops = 3,
		.loops = g->loops,
		.n_seconds = 11,
		.seconds = g->seconds,
	};
	golden_sum(g);
	g->run = (struct report_run){
		.duration_ns = GOLDEN_RUN_NS,
		.own_cost = { .self_ns = 42 * GOLDEN_MS,
			      .has_programs = true,
			      .programs_ns = 90 * GOLDEN_MS,
			      .hits = 60826,
			      .has_traps = true,
			      .traps_ns = 600 * GOLDEN_MS,
			      .ns_per_hit = 870,
			      .program_ns_per_hit = 310 },
		.own_rss_bytes = 24222105,
		.bpf_run_ns = 90 * GOLDEN_MS,
		.ended_ns = GOLDEN_END_NS,
		.ended_unix_ns = 1790000000 * GOLDEN_S,
	};
}

#endif
