/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chrome's trace event format (JSON), for ui.perfetto.dev and chrome://tracing: a track for each
 * loop and for each task that was named as a victim, stalls as slices in the colour of their cause,
 * arrows from a stall to those who waited behind it, and how busy the loops were. Written as it
 * comes; memory is bounded by the number of tracks.
 *
 * Times are those of CLOCK_MONOTONIC, so that two traces of one machine lie side by side.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
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

/* Names of the colours that the viewers know. */
static const char *const colors[] = {
#define _(name, word, sentence, class, host, color) [LS_CAUSE_##name] = color,
	LS_CAUSES(_)
#undef _
};

/*
 * A stall that has ended and may be nested in one that ends later; its time is not part of the
 * outer stall's own time.
 */
struct nested {
	uint64_t start_ns, wall_ns;
};

struct loop {
	size_t n;
	struct nested nested[MAX_NESTED];
};

struct perfetto {
	struct intern processes, tracks; /* tracks that are named; victims' tracks by number */
	struct intern loops; /* pid and tid */
	struct loop *state; /* by number of the loop */
	uint64_t flows;
	uint64_t last_ns; /* end of the last stall */
	uint64_t victims_left_out, nesting_left_out;
	struct output pending; /* collected here and written in one piece */
	bool has_event;
};

/* Microseconds, the format's unit. 16 digits keep the nanosecond up to 115 days. */
static json_t *time_json(uint64_t ns)
{
	return json_real((double)ns / 1000);
}

/* Appends an event to the pending output and frees it. */
static int put(struct report *report, struct jsonx *event)
{
	_cleanup_(jsonx_done) json_t *json = jsonx_end(event);
	_cleanup_free_ char *text = NULL;
	struct perfetto *p = report->state;

	text = json ? jsonx_dumps(json, JSON_REAL_PRECISION(16)) : NULL;
	if (!text)
		return -ENOMEM;
	fprintf(p->pending.mem, "%s%s", p->has_event ? ",\n" : "\n", text);
	p->has_event = true;
	return 0;
}

/* Starts the pending output. */
static int begin(struct report *report)
{
	struct perfetto *p = report->state;

	output__done(&p->pending);
	return output__init(&p->pending);
}

/* Writes the pending output, unless an error occurred before. */
static int end(struct report *report, int r)
{
	struct perfetto *p = report->state;

	return r < 0 ? r : output__send(&p->pending, report->out);
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
static int put_name(struct report *report, const char *what, uint32_t pid, uint32_t tid,
		    const char *name)
{
	struct jsonx event = event_new("M", what, pid, tid), args = jsonx_object();

	jsonx_add_text(&args, "name", name);
	jsonx_add(&event, "args", jsonx_end(&args));
	return put(report, &event);
}

static int perfetto_start(struct report *report, const struct report_start *start)
{
	struct perfetto *p = report->state;
	uint32_t number;
	int r = begin(report);

	if (r >= 0)
		fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", p->pending.mem);
	for (size_t i = 0; r >= 0 && i < start->n_targets; i++) {
		const struct report_target *t = &start->targets[i];

		r = intern__add(&p->processes, &t->pid, sizeof(t->pid), &number);
		if (r == 1)
			r = put_name(report, "process_name", t->pid, t->pid, t->comm);
	}
	return end(report, r);
}

/*
 * The state of a stall's loop, whose track is named at first sight; NULL: there are too many. 0 or
 * -errno.
 */
static int loop_of(struct report *report, const struct stall *stall, struct loop **ret_loop)
{
	const uint32_t key[2] = { stall->pid, stall->tid };
	struct perfetto *p = report->state;
	char name[32];
	uint32_t i;
	int r;

	*ret_loop = NULL;
	if (!p->state) {
		p->state = calloc(MAX_LOOPS, sizeof(*p->state));
		if (!p->state)
			return -ENOMEM;
	}
	r = intern__add(&p->loops, key, sizeof(key), &i);
	if (r < 0)
		return r;
	if (i < MAX_LOOPS)
		*ret_loop = &p->state[i];
	if (r == 0)
		return 0;
	snprintf(name, sizeof(name), "loop %u", stall->tid);
	return put_name(report, "thread_name", stall->pid, stall->tid, name);
}

/*
 * Wall time of the stall: its own time and that of the stalls nested in it, which ended, and so
 * arrived, earlier.
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
	json__add_victims(&o, "victims", stall);
	return jsonx_end(&o);
}

static const char *stall_name(const struct stall *stall)
{
	return stall->coroutine.name ? stall->coroutine.name : vocabulary_unit(stall->unit);
}

static int put_slice(struct report *report, const struct stall *stall, uint64_t wall)
{
	struct jsonx event = event_new("X", stall_name(stall), stall->pid, stall->tid);

	jsonx_add_text(&event, "cat", vocabulary_unit(stall->unit));
	jsonx_add(&event, "ts", time_json(stall->start_ns));
	jsonx_add(&event, "dur", time_json(wall));
	jsonx_add_text(&event, "cname", colors[stall->cause]);
	jsonx_add(&event, "args", args_json(stall));
	return put(report, &event);
}

/* One end of an arrow: "s" or "f". */
static int put_flow(struct report *report, const char *phase, uint32_t pid, uint32_t tid,
		    const struct stall *stall)
{
	struct jsonx event = event_new(phase, "starved", pid, tid);
	const struct perfetto *p = report->state;

	jsonx_add_text(&event, "cat", "starved");
	jsonx_add_u64(&event, "id", p->flows);
	jsonx_add(&event, "ts", time_json(stall->start_ns));
	if (*phase == 'f')
		jsonx_add_text(&event, "bp", "e"); /* to the slice that is open then */
	return put(report, &event);
}

/* The victim's track; a task's name means something on its own loop only. */
static int victim_track(struct report *report, const struct stall *stall, const char *name,
			uint32_t *ret_tid)
{
	_cleanup_free_ char *key = NULL, *title = NULL;
	struct perfetto *p = report->state;
	uint32_t i;
	int r;

	if (asprintf(&key, "%u/%u/%s", stall->pid, stall->tid, name) < 0)
		return -ENOMEM;
	r = intern__add_text(&p->tracks, key, &i);
	if (r < 0)
		return r;
	*ret_tid = FIRST_VICTIM_TID + i;
	if (r == 0)
		return 0;
	if (asprintf(&title, "victim %s", name) < 0)
		return -ENOMEM;
	return put_name(report, "thread_name", stall->pid, *ret_tid, title);
}

/*
 * A slice as long as the stall on the victim's track. How long each victim waited within it is
 * known only as a sum over all victims.
 */
static int put_victim(struct report *report, const struct stall *stall, uint64_t wall,
		      const char *name)
{
	struct perfetto *p = report->state;
	struct jsonx event, args;
	uint32_t tid;
	int r;

	if (p->tracks.n >= MAX_VICTIM_TRACKS) {
		p->victims_left_out++;
		return 0;
	}
	r = victim_track(report, stall, name, &tid);
	if (r < 0)
		return r;
	event = event_new("X", "starved", stall->pid, tid);
	args = jsonx_object();
	jsonx_add_text(&args, "behind", stall_name(stall));
	jsonx_add_text(&args, "cause", vocabulary_cause(stall->cause));
	jsonx_add(&event, "ts", time_json(stall->start_ns));
	jsonx_add(&event, "dur", time_json(wall));
	jsonx_add_text(&event, "cname", "grey");
	jsonx_add(&event, "args", jsonx_end(&args));
	r = put(report, &event);
	if (r < 0)
		return r;
	p->flows++;
	r = put_flow(report, "s", stall->pid, stall->tid, stall);
	return r < 0 ? r : put_flow(report, "f", stall->pid, tid, stall);
}

static int perfetto_stall(struct report *report, const struct stall *stall)
{
	struct perfetto *p = report->state;
	struct loop *loop;
	uint64_t wall;
	int r;

	r = begin(report);
	if (r >= 0)
		r = loop_of(report, stall, &loop);
	if (r < 0)
		return r;
	wall = wall_ns(p, loop, stall);
	if (stall->start_ns + wall > p->last_ns)
		p->last_ns = stall->start_ns + wall;
	r = put_slice(report, stall, wall);
	for (size_t i = 0; r >= 0 && i < stall->victims_named; i++)
		r = put_victim(report, stall, wall, stall->victim_names[i]);
	return end(report, r);
}

/* A counter's value from `ts` on. */
static int put_counter(struct report *report, uint32_t pid, const char *name, uint64_t at_ns,
		       double value)
{
	struct jsonx event = event_new("C", name, pid, pid), args = jsonx_object();

	jsonx_add(&args, "value", json_real(value));
	jsonx_add(&event, "ts", time_json(at_ns));
	jsonx_add(&event, "args", jsonx_end(&args));
	return put(report, &event);
}

/* The last two minutes, on the track of the first process: the figures are of all. */
static int put_seconds(struct report *report, const struct snapshot *snapshot, uint64_t end_ns)
{
	const uint32_t pid = snapshot->n_loops ? snapshot->loops[0].pid : 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < snapshot->n_seconds; i++) {
		const struct second_row *s = &snapshot->seconds[i];
		uint64_t ago_ns = (snapshot->n_seconds - i) * NS_PER_S;

		if (ago_ns > end_ns)
			continue;
		r = put_counter(report, pid, "busiest loop, % busy", end_ns - ago_ns,
				100 * s->busy);
		if (r >= 0)
			r = put_counter(report, pid, "stalls per second", end_ns - ago_ns,
					(double)s->stalls);
	}
	return r;
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

static int perfetto_finish(struct report *report, const struct snapshot *snapshot,
			   const struct report_run *run)
{
	struct perfetto *p = report->state;
	_cleanup_(jsonx_done) json_t *lost = lost_json(p, snapshot);
	_cleanup_free_ char *text = lost ? jsonx_dumps(lost, 0) : NULL;
	int r = text ? begin(report) : -ENOMEM;

	if (r >= 0)
		r = put_seconds(report, snapshot, run->ended_ns ? run->ended_ns : p->last_ns);
	if (r >= 0)
		fprintf(p->pending.mem,
			"\n],\"otherData\":{\"clock\":\"CLOCK_MONOTONIC\",\"lost\":%s}}\n", text);
	return end(report, r);
}

static void perfetto_done(struct report *report)
{
	struct perfetto *p = report->state;

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
