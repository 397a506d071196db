/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chrome's trace event format (JSON), for ui.perfetto.dev and chrome://tracing: a track for each loop and for each task that
 * was named as a victim, stalls as slices in the colour of their cause, arrows from a stall to those who waited
 * behind it, and how busy the loops were. Written as it comes; memory is bounded by the number of tracks.
 *
 * Times are those of CLOCK_MONOTONIC, so that two traces of one machine lie side by side.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/vocabulary.h"
#include "report/intern.h"
#include "report/json.h"
#include "report/output.h"
#include "report/report_impl.h"

#define MAX_VICTIM_TRACKS 1024
#define MAX_LOOPS 1024
#define MAX_NESTED 64
/* Above any thread id (pid_max is at most 2^22), so that victims' tracks are nobody else's. */
#define FIRST_VICTIM_TID (1U << 24)
#define SECOND_NS 1000000000ULL

/* Names of the colours that the viewers know. */
static const char *const colors[LS_CAUSE_MAX] = {
	[LS_CAUSE_CPU] = "thread_state_running",
	[LS_CAUSE_SLEEP] = "thread_state_sleeping",
	[LS_CAUSE_NETWORK] = "rail_load",
	[LS_CAUSE_FILE] = "thread_state_iowait",
	[LS_CAUSE_PIPE] = "rail_idle",
	[LS_CAUSE_PROCESS] = "rail_animation",
	[LS_CAUSE_LOCK] = "bad",
	[LS_CAUSE_GIL] = "terrible",
	[LS_CAUSE_DNS] = "rail_response",
	[LS_CAUSE_RUNQUEUE] = "thread_state_runnable",
	[LS_CAUSE_PAGEFAULT] = "thread_state_uninterruptible",
	[LS_CAUSE_OTHER] = "generic_work",
};

/* A stall that has ended and may lie inside one that is still to come, whose own time it is no part of. */
struct nested {
	uint64_t start_ns, wall_ns;
};

struct loop {
	size_t n;
	struct nested nested[MAX_NESTED];
};

struct perfetto {
	struct intern processes, tracks; /* what has its name already; victims' tracks by number */
	struct intern loops; /* pid and tid */
	struct loop *state; /* by number of the loop */
	uint64_t flows;
	uint64_t last_ns; /* end of the last stall */
	uint64_t victims_left_out, nesting_left_out;
	struct output pending; /* what is written next, in one piece */
	bool has_event;
};

/* Microseconds, the format's unit. 16 digits keep the nanosecond up to 115 days. */
static json_t *time_json(uint64_t ns)
{
	return json_real((double)ns / 1000);
}

/* Adds an event to what is written next, and frees it. */
static int put(struct report *r, struct jsonx *event)
{
	_cleanup_(jsonx_done) json_t *json = jsonx_end(event);
	_cleanup_free_ char *text = NULL;
	struct perfetto *p = r->state;

	text = json ? json_dumps(json, JSONX_FLAGS | JSON_REAL_PRECISION(16)) : NULL;
	if (!text)
		return -ENOMEM;
	fprintf(p->pending.mem, "%s%s", p->has_event ? ",\n" : "\n", text);
	p->has_event = true;
	return 0;
}

/* Opens what is written next. */
static int begin(struct report *r)
{
	struct perfetto *p = r->state;

	output__done(&p->pending);
	return output__init(&p->pending);
}

/* Writes it, unless there is an error already. */
static int end(struct report *r, int e)
{
	struct perfetto *p = r->state;

	return e < 0 ? e : output__send(&p->pending, r->out);
}

static struct jsonx event_new(const char *phase, const char *name, uint32_t pid, uint32_t tid)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "ph", phase);
	jsonx_add_text(&o, "name", name);
	jsonx_add_u64(&o, "pid", pid);
	jsonx_add_u64(&o, "tid", tid);
	return o;
}

/* "process_name" or "thread_name". */
static int put_name(struct report *r, const char *what, uint32_t pid, uint32_t tid, const char *name)
{
	struct jsonx event = event_new("M", what, pid, tid), args = jsonx_object();

	jsonx_add_text(&args, "name", name);
	jsonx_add(&event, "args", jsonx_end(&args));
	return put(r, &event);
}

static int perfetto_start(struct report *r, const struct report_start *start)
{
	struct perfetto *p = r->state;
	uint32_t number;
	int e = begin(r);

	if (e >= 0)
		fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", p->pending.mem);
	for (size_t i = 0; e >= 0 && i < start->n_targets; i++) {
		const struct report_target *t = &start->targets[i];

		e = intern__add(&p->processes, &t->pid, sizeof(t->pid), &number);
		if (e == 1)
			e = put_name(r, "process_name", t->pid, t->pid, t->comm);
	}
	return end(r, e);
}

/* The state of a stall's loop, whose track is named at first sight; NULL: there are too many. 0 or -errno. */
static int loop_of(struct report *r, const struct stall *stall, struct loop **ret_loop)
{
	const uint32_t key[2] = { stall->pid, stall->tid };
	struct perfetto *p = r->state;
	char name[32];
	uint32_t i;
	int e;

	*ret_loop = NULL;
	if (!p->state) {
		p->state = calloc(MAX_LOOPS, sizeof(*p->state));
		if (!p->state)
			return -ENOMEM;
	}
	e = intern__add(&p->loops, key, sizeof(key), &i);
	if (e < 0)
		return e;
	if (i < MAX_LOOPS)
		*ret_loop = &p->state[i];
	if (e == 0)
		return 0;
	snprintf(name, sizeof(name), "loop %u", stall->tid);
	return put_name(r, "thread_name", stall->pid, stall->tid, name);
}

/*
 * How long the stall takes on the clock: its own time and that of the stalls inside it, which ended, and so came,
 * before it.
 */
static uint64_t wall_ns(struct perfetto *p, struct loop *loop, const struct stall *stall)
{
	uint64_t wall = stall->duration_ns;

	if (!loop) {
		p->nesting_left_out++;
		return wall;
	}
	while (loop->n > 0 && loop->nested[loop->n - 1].start_ns >= stall->start_ns)
		wall += loop->nested[--loop->n].wall_ns;
	if (loop->n == MAX_NESTED)
		memmove(loop->nested, loop->nested + 1, --loop->n * sizeof(loop->nested[0]));
	loop->nested[loop->n++] = (struct nested){ stall->start_ns, wall };
	return wall;
}

/* "/srv/app/db.py:31 in fetch_row", or null */
static json_t *place_json(const struct model_frame *frame)
{
	_cleanup_free_ char *text = NULL;

	if (!frame->function)
		return json_null();
	if (asprintf(&text, "%s:%u in %s", frame->file ? frame->file : "?", frame->line,
		     frame->function) < 0)
		return NULL;
	return jsonx_text(text);
}

static json_t *place_item(const void *item)
{
	return place_json(item);
}

static json_t *args_json(const struct stall *stall)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "cause", vocabulary_cause(stall->cause));
	jsonx_add_u64(&o, "duration_ns", stall->duration_ns);
	jsonx_add_u64(&o, "cpu_ns", stall->cpu_ns);
	jsonx_add_u64(&o, "blocked_ns", stall->blocked_ns);
	jsonx_add_u64(&o, "gil_ns", stall->gil_ns);
	jsonx_add_u64(&o, "runqueue_ns", stall->runqueue_ns);
	jsonx_add(&o, "causes_ns", json__causes(stall->cause_ns));
	if (stall->unit == LS_UNIT_STEP)
		jsonx_add_text(&o, "task", stall->task_name);
	jsonx_add(&o, "coroutine", json__coroutine(&stall->coroutine));
	jsonx_add(&o, "line", place_json(&stall->call));
	jsonx_add_text(&o, "syscall", stall->call_syscall);
	jsonx_add_text(&o, "native", stall->call_native);
	jsonx_add(&o, "stack",
		  jsonx_array(stall->stack, stall->n_frames, sizeof(stall->stack[0]), place_item));
	jsonx_add_u64(&o, "victims", stall->victims);
	jsonx_add_u64(&o, "starved_ns", stall->starved_ns);
	jsonx_add_u64(&o, "sockets", stall->sockets);
	return jsonx_end(&o);
}

static const char *stall_name(const struct stall *stall)
{
	return stall->coroutine.name ? stall->coroutine.name : vocabulary_unit(stall->unit);
}

static int put_slice(struct report *r, const struct stall *stall, uint64_t wall)
{
	struct jsonx event = event_new("X", stall_name(stall), stall->pid, stall->tid);

	jsonx_add_text(&event, "cat", vocabulary_unit(stall->unit));
	jsonx_add(&event, "ts", time_json(stall->start_ns));
	jsonx_add(&event, "dur", time_json(wall));
	jsonx_add_text(&event, "cname", colors[stall->cause]);
	jsonx_add(&event, "args", args_json(stall));
	return put(r, &event);
}

/* One end of an arrow: "s" or "f". */
static int put_flow(struct report *r, const char *phase, uint32_t pid, uint32_t tid,
		    const struct stall *stall)
{
	struct jsonx event = event_new(phase, "starved", pid, tid);
	const struct perfetto *p = r->state;

	jsonx_add_text(&event, "cat", "starved");
	jsonx_add_u64(&event, "id", p->flows);
	jsonx_add(&event, "ts", time_json(stall->start_ns));
	if (*phase == 'f')
		jsonx_add_text(&event, "bp", "e"); /* to the slice that is open then */
	return put(r, &event);
}

/* The victim's track; a task's name means something on its own loop only. */
static int victim_track(struct report *r, const struct stall *stall, const char *name,
			uint32_t *ret_tid)
{
	_cleanup_free_ char *key = NULL, *title = NULL;
	struct perfetto *p = r->state;
	uint32_t i;
	int e;

	if (asprintf(&key, "%u/%u/%s", stall->pid, stall->tid, name) < 0)
		return -ENOMEM;
	e = intern__add_text(&p->tracks, key, &i);
	if (e < 0)
		return e;
	*ret_tid = FIRST_VICTIM_TID + i;
	if (e == 0)
		return 0;
	if (asprintf(&title, "victim %s", name) < 0)
		return -ENOMEM;
	return put_name(r, "thread_name", stall->pid, *ret_tid, title);
}

/*
 * A slice as long as the stall on the victim's track: it had to wait in that time. For how long of it is known only of
 * all victims together.
 */
static int put_victim(struct report *r, const struct stall *stall, uint64_t wall, const char *name)
{
	struct perfetto *p = r->state;
	struct jsonx event, args;
	uint32_t tid;
	int e;

	if (p->tracks.n >= MAX_VICTIM_TRACKS) {
		p->victims_left_out++;
		return 0;
	}
	e = victim_track(r, stall, name, &tid);
	if (e < 0)
		return e;
	event = event_new("X", "starved", stall->pid, tid);
	args = jsonx_object();
	jsonx_add_text(&args, "behind", stall_name(stall));
	jsonx_add_text(&args, "cause", vocabulary_cause(stall->cause));
	jsonx_add(&event, "ts", time_json(stall->start_ns));
	jsonx_add(&event, "dur", time_json(wall));
	jsonx_add_text(&event, "cname", "grey");
	jsonx_add(&event, "args", jsonx_end(&args));
	e = put(r, &event);
	if (e < 0)
		return e;
	p->flows++;
	e = put_flow(r, "s", stall->pid, stall->tid, stall);
	return e < 0 ? e : put_flow(r, "f", stall->pid, tid, stall);
}

static int perfetto_stall(struct report *r, const struct stall *stall)
{
	struct perfetto *p = r->state;
	struct loop *loop;
	uint64_t wall;
	int e;

	e = begin(r);
	if (e >= 0)
		e = loop_of(r, stall, &loop);
	if (e < 0)
		return e;
	wall = wall_ns(p, loop, stall);
	if (stall->start_ns + wall > p->last_ns)
		p->last_ns = stall->start_ns + wall;
	e = put_slice(r, stall, wall);
	for (size_t i = 0; e >= 0 && i < stall->victims_named; i++)
		e = put_victim(r, stall, wall, stall->victim_names[i]);
	return end(r, e);
}

/* A counter's value from `ts` on. */
static int put_counter(struct report *r, uint32_t pid, const char *name, uint64_t at_ns, double value)
{
	struct jsonx event = event_new("C", name, pid, pid), args = jsonx_object();

	jsonx_add(&args, "value", json_real(value));
	jsonx_add(&event, "ts", time_json(at_ns));
	jsonx_add(&event, "args", jsonx_end(&args));
	return put(r, &event);
}

/* The last two minutes, on the track of the first process: the figures are of all. */
static int put_seconds(struct report *r, const struct snapshot *snapshot, uint64_t end_ns)
{
	const uint32_t pid = snapshot->n_loops ? snapshot->loops[0].pid : 0;
	int e = 0;

	for (size_t i = 0; e >= 0 && i < snapshot->n_seconds; i++) {
		const struct second_row *s = &snapshot->seconds[i];
		uint64_t ago_ns = (snapshot->n_seconds - i) * SECOND_NS;

		if (ago_ns > end_ns)
			continue;
		e = put_counter(r, pid, "busiest loop, % busy", end_ns - ago_ns, 100 * s->busy);
		if (e >= 0)
			e = put_counter(r, pid, "stalls per second", end_ns - ago_ns,
					(double)s->stalls);
	}
	return e;
}

static json_t *lost_json(const struct perfetto *p, const struct snapshot *snapshot)
{
	struct jsonx o = jsonx_object();

	for (size_t i = 0; i < snapshot->n_losses; i++)
		jsonx_add_u64(&o, snapshot->losses[i].name, snapshot->losses[i].count);
	jsonx_add_u64(&o, "arrows_left_out", p->victims_left_out);
	jsonx_add_u64(&o, "nesting_left_out", p->nesting_left_out);
	return jsonx_end(&o);
}

static int perfetto_finish(struct report *r, const struct snapshot *snapshot,
			   const struct report_run *run)
{
	struct perfetto *p = r->state;
	_cleanup_(jsonx_done) json_t *lost = lost_json(p, snapshot);
	_cleanup_free_ char *text = lost ? json_dumps(lost, JSONX_FLAGS) : NULL;
	int e = text ? begin(r) : -ENOMEM;

	if (e >= 0)
		e = put_seconds(r, snapshot, run->ended_ns ? run->ended_ns : p->last_ns);
	if (e >= 0)
		fprintf(p->pending.mem,
			"\n],\"otherData\":{\"clock\":\"CLOCK_MONOTONIC\",\"lost\":%s}}\n", text);
	return end(r, e);
}

static void perfetto_done(struct report *r)
{
	struct perfetto *p = r->state;

	output__done(&p->pending);
	intern__done(&p->processes);
	intern__done(&p->tracks);
	intern__done(&p->loops);
	free(p->state);
}

const struct report_ops report_perfetto = {
	.state_bytes = sizeof(struct perfetto),
	.start = perfetto_start,
	.stall = perfetto_stall,
	.finish = perfetto_finish,
	.done = perfetto_done,
};
