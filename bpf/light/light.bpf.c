// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Spans of light mode (see light.h).
 */
#include "light/light.h"
#include "core/collection.h"
#include "python/coroutines.h"
#include "light/looks.h"
#include "python/frames.h"
#include "python/objects.h"
#include "python/outer_loop.h"
#include "core/off_cpu.h"
#include "core/span.h"
#include "light/waiters.h"
#include "queue/queue.h"
#include "queue/victims.h"
#include "stall/stall.h"
#include "stall/step_name.h"

/* Is it a task of the C accelerator? Tasks written in Python keep everything in a dict. */
static __always_inline int is_c_task(struct thread_state *ts, __u64 task)
{
	__u64 type = read_ptr(task + ts->proc.py.at.ob_type);

	if (!type || type == ts->look.task_type)
		return !!type;
	if (read_ptr(type + ts->proc.py.at.tp_basicsize) < ts->proc.py.at.task_bytes)
		return 0;
	ts->look.task_type = type;
	return 1;
}

/*
 * Reads coroutine and name of the task when its span opens: it may be gone when the span ends. If
 * that fails, as for a task written in Python while its loop is not known, the next look tries
 * again.
 */
LS_SUBPROG int light_read_task(struct thread_state *ts, __u64 task)
{
	const struct ls_pyoffsets *py;
	const struct known_code *known;
	struct ls_loop *loop;
	__u64 coro = 0, name = 0;

	if (!ts)
		return 0;
	py = &ts->proc.py.at;
	ts->cur.task = task;
	ts->cur.code = 0;
	ts->cur.coroutine = LS_MAX_COROUTINES;
	if (is_c_task(ts, task)) {
		coro = read_ptr(task + py->task_coro);
		name = read_ptr(task + py->task_name);
	} else if ((loop = loop_of(ts))) {
		ts->victims.tasks = loop->py.tasks;
		coro = victim_coro(ts, task, 1);
		name = victim_name(ts, task, 1);
	}
	ts->cur.coro = coro;
	if (coro) {
		known = coroutine_known(ts, coro);
		ts->cur.coroutine = known->index;
		ts->cur.code = known->is_coroutine ? known->code : 0;
	}
	/* Clears what pystr_read() does not set, because the record is checked. */
	__builtin_memset(&ts->look.name, 0, sizeof(ts->look.name));
	pystr_read(py, &ts->look.name, name);
	ts->look.named_task = task;
	ts->look.named_span = ts->cur.number;
	return 0;
}

LS_SUBPROG int light_open(struct thread_state *ts, __u64 start_ns)
{
	if (!ts)
		return 0;
	if (ts->look.task) {
		span_open(ts, LS_UNIT_STEP, start_ns);
		ts->cur.sp = 0;
		ts->cur.is_python = 0;
		ts->cur.is_continued = 0;
		light_read_task(ts, ts->look.task);
	} else {
		span_open_callbacks(ts, start_ns);
	}
	ts->cur.is_light = 1;
	ts->arrivals.n = 0;
	return 0;
}

/*
 * Does the thread still run `task` in its span of exact mode? A task written in Python is known
 * there by its coroutine.
 */
static __always_inline int is_going_on(struct thread_state *ts, __u64 task)
{
	if (ts->cur.unit != LS_UNIT_STEP || !ts->cur.is_python)
		return ts->cur.task == task;
	step_name_remember(ts);
	return step_name_is_known(ts) && ts->look.named_task == task;
}

static __always_inline void count_time(struct thread_state *ts, __u32 is_step, __u64 time_ns)
{
	if (is_step)
		ts->stats.step_ns += time_ns;
	else
		ts->stats.callbacks_ns += time_ns;
}

/*
 * Makes a span of exact mode one of light mode, which counts its time on the CPU from here on. What
 * is known of its task stays; where its end has gone by unseen, the task may be gone.
 */
static __always_inline void light_take_over(struct thread_state *ts, __u64 now_ns)
{
	__u64 cpu_ns = span_cpu_ns(ts, now_ns);

	count_time(ts, span_shown_unit(&ts->cur, ts->cur.unit) == LS_UNIT_STEP, cpu_ns);
	ts->light_booked_ns = now_ns;
	ts->light_stolen_ns = 0;
	ts->cur.is_light = 1;
	if (ts->cur.unit == LS_UNIT_STEP && ts->cur.is_python && step_name_is_known(ts)) {
		ts->cur.task = ts->look.named_task;
		ts->cur.is_python = 0;
	}
}

/* As stall_report(), with the victims that were collected while the span went on. */
LS_SUBPROG __u64 light_send_stall(struct thread_state *ts, __u64 end_ns, __u64 duration_ns)
{
	__u32 is_reported;

	if (!ts)
		return 0;
	is_reported = stall_begin(ts, end_ns, duration_ns, ts->cur.unit);
	waiters_send(ts, end_ns, is_reported);
	if (ts->cur.unit == LS_UNIT_CALLBACK)
		ts->stats.callbacks_starved_ns += ts->victims.starved_ns;
	if (is_reported)
		stall_send(ts, end_ns, duration_ns, ts->cur.unit);
	else
		count_loss(LS_LOSS_STALL_SHED);
	return ts->victims.starved_ns;
}

LS_SUBPROG int light_book(struct thread_state *ts, __u64 now_ns)
{
	__u64 from_ns, stolen_ns;

	if (!ts)
		return 0;
	from_ns = ts->on_at_ns > ts->light_booked_ns ? ts->on_at_ns : ts->light_booked_ns;
	stolen_ns = ts->light_stolen_ns;
	ts->light_stolen_ns = 0;
	ts->light_booked_ns = now_ns;
	if (from_ns && settings.light_since_ns > from_ns)
		from_ns = settings.light_since_ns;
	/* That of a span of exact mode is counted when it ends or is taken over. */
	if (ts->left_at_ns || (ts->cur.unit != LS_UNIT_NONE && !ts->cur.is_light))
		return 0;
	if (from_ns && from_ns + stolen_ns < now_ns)
		ts->stats.light_cpu_ns += now_ns - from_ns - stolen_ns;
	return 0;
}

LS_SUBPROG int light_close(struct thread_state *ts, __u64 end_ns)
{
	struct ls_coro_stats *stats;
	__u64 duration_ns, off_ns, starved_ns = 0;
	__u32 is_step, is_stall;

	if (!ts || ts->cur.unit == LS_UNIT_NONE)
		return 0;
	collection_settle(ts, end_ns);
	if (!ts->cur.is_light)
		light_take_over(ts, end_ns);
	is_step = ts->cur.unit == LS_UNIT_STEP;
	duration_ns = end_ns - ts->cur.start_ns - ts->cur.nested_ns;
	if (end_ns < ts->cur.start_ns + ts->cur.nested_ns)
		duration_ns = 0;
	off_ns = ts->cur.is_touched ? ts->cur.off_ns : 0;
	is_stall = duration_ns >= settings.light_threshold_ns;
	if (is_stall)
		starved_ns = light_send_stall(ts, end_ns, duration_ns);
	/* Exact mode goes on from here. */
	if (!is_light(ts))
		light_book(ts, end_ns);
	count_time(ts, is_step, off_ns);
	stats = is_step ? span_stats(ts) : NULL;
	if (stats) {
		stats->total_ns += off_ns;
		if (duration_ns > stats->max_ns && is_stall)
			stats->max_ns = duration_ns;
		if (ts->cur.is_touched)
			coroutine_add_causes(stats, ts);
		if (is_stall) {
			stats->stalls++;
			stats->starved_ns += starved_ns;
		}
	}
	span_close(ts);
	ts->cur.is_light = 0;
	ts->depth = 0;
	return 0;
}

/* Copies what user space found out about the process since. */
static __always_inline void light_read_proc(struct thread_state *ts)
{
	__u32 tgid = ts->tgid;
	struct ls_proc *proc;

	if (ts->proc.py.current_tasks ||
	    (ts->proc.py.gil && ts->proc.py.at.tstate_running_task != LS_PY_NONE))
		return;
	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (proc)
		ts->proc = *proc;
}

/* User space registers the loop of this thread; no step shows it. */
static __always_inline void light_read_loop(struct thread_state *ts)
{
	__u32 tid = ts->tid;
	const struct ls_loop_thread *found = bpf_map_lookup_elem(&loop_threads, &tid);

	if (!found || found->tgid != ts->tgid || found->loop == ts->loop ||
	    loop_is_outer(ts, INNER_OTHER))
		return;
	ts->look.handles = 0;
	ts->loop = found->loop;
	ts->tstate = found->tstate;
	ts->epoll_fd = -1;
	ts->loop_frame = 0;
	ts->mark.code = 0;
	ts->arrivals.queue = 0;
	ts->arrivals.seen = 0;
}

/*
 * Earliest time at which the current activity can have started: the later of the previous look and
 * the last switch-in. 0 at the first look.
 */
static __always_inline __u64 known_from_ns(const struct thread_state *ts)
{
	__u64 from_ns = ts->look.at_ns > ts->on_at_ns ? ts->look.at_ns : ts->on_at_ns;

	if (from_ns && settings.light_since_ns > from_ns)
		from_ns = settings.light_since_ns;
	if (ts->cur.unit != LS_UNIT_NONE && ts->cur.start_ns > from_ns)
		from_ns = ts->cur.start_ns;
	return from_ns;
}

/*
 * Boundary between the span that ended and the one that goes on. `begun`: handles, times two, since
 * the loop's last wait.
 */
static __always_inline __u64 boundary_ns(const struct thread_state *ts, __u64 begun, __u64 now_ns)
{
	__u64 from_ns = known_from_ns(ts);

	if (!from_ns || from_ns > now_ns)
		return now_ns;
	/* The first handle after the loop's wait begins at once. */
	if (ts->cur.unit == LS_UNIT_NONE && ts->on_at_ns > ts->look.at_ns && begun <= 2)
		return from_ns;
	return from_ns + (now_ns - from_ns) / 2;
}

/*
 * What this look shows against the previous one. Returns when the span that goes on began, 0 if it
 * is the same.
 */
static __always_inline __u64 look_compare(struct thread_state *ts, __u64 task, __u64 handles,
					  __u64 turn, __u64 now_ns)
{
	__u64 begun = handles - ts->look.handles;

	if (handles && ts->look.handles)
		ts->stats.handles += begun / 2;
	if (ts->cur.unit != LS_UNIT_NONE && !ts->cur.is_light && is_going_on(ts, task)) {
		step_name_remember(ts);
		light_take_over(ts, now_ns);
		return 0;
	}
	if (ts->cur.unit == LS_UNIT_NONE || !ts->cur.is_light || begun || ts->cur.task != task ||
	    ts->look.turn != turn)
		return boundary_ns(ts, handles - ts->look.waited, now_ns);
	if (ts->cur.unit == LS_UNIT_STEP && !ts->cur.coro)
		light_read_task(ts, task);
	return 0;
}

/*
 * Where a thread has one running task for all its loops: is this one of a loop inside the one that
 * it is known to run?
 */
LS_INLINE int is_inner_task(struct thread_state *ts, __u64 task)
{
	return ts->proc.py.at.tstate_running_task != LS_PY_NONE && task && task != UNREADABLE &&
		read_ptr(task + ts->proc.py.at.task_loop) != ts->loop && is_c_task(ts, task) &&
		loop_is_outer(ts, INNER_OTHER);
}

LS_SUBPROG __u64 light_look(struct thread_state *ts, __u64 now_ns)
{
	__u64 handles = 0, task, turn = 0, changed_ns;
	struct ls_loop *loop;

	if (!ts)
		return 0;
	light_read_proc(ts);
	light_read_loop(ts);
	if (!ts->loop)
		return 0;
	if (ts->left_at_ns && python_is_left(ts))
		return 0;
	left_book(ts, now_ns);
	ts->turn_start_ns = 0;
	task = current_task(ts);
	if (is_inner_task(ts, task))
		task = ts->look.task;
	loop = loop_of(ts);
	/* trio does not store its current task anywhere; of a bare loop only the poll is known. */
	if (loop && (queue_kind(loop) == QUEUE_TRIO || loop->py.runner))
		return 0;
	if (loop) {
		handles = handles_begun(ts, loop->py.ready);
		/*
		 * libuv runs callbacks without a handle; at least one poll lies between two of
		 * them.
		 */
		if (!task && loop->py.uv_timers)
			turn = libuv_loop_time(loop->py.uv_timers);
	}
	/* A page may be moving, for example. The last activity is assumed to go on. */
	if (task == UNREADABLE || (loop && loop->py.ready && ts->look.handles && !handles)) {
		count_loss(LS_LOSS_LOOK_UNREADABLE);
		return 0;
	}
	changed_ns = look_compare(ts, task, handles, turn, now_ns);
	ts->look.task = task;
	ts->look.handles = handles;
	ts->look.waited = handles;
	ts->look.ready = loop ? loop->py.ready : 0;
	ts->look.turn = turn;
	ts->look.at_ns = now_ns;
	return changed_ns;
}

LS_SUBPROG int light_sample(struct thread_state *ts)
{
	struct ls_coro_stats *stats;

	if (!ts || !ts->cur.is_light)
		return 0;
	if (ts->cur.unit != LS_UNIT_STEP) {
		ts->stats.light_callbacks_ns += settings.sample_period_ns;
		return 0;
	}
	ts->stats.light_step_ns += settings.sample_period_ns;
	stats = span_stats(ts);
	if (stats)
		stats->total_ns += settings.sample_period_ns;
	else
		count_loss(ts->cur.coro ? LS_LOSS_COROUTINE_MAP : LS_LOSS_TASK_UNREADABLE);
	return 0;
}
