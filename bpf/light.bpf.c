// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The spans that looks (looks.h) find to begin and to end.
 */
#include "light.h"
#include "coroutines.h"
#include "looks.h"
#include "objects.h"
#include "spans.h"
#include "victims.h"

#define UV_LOOP_TIME 24 /* libuv 1.x: from the timer heap to the time of the last poll (include/uv.h, include/uv/unix.h) */

/* Is it a task of the accelerator's? One written in Python keeps all in a dict. */
static __always_inline int is_c_task(struct thread_state *ts, __u64 task)
{
	__u64 type = read_ptr(task + ts->proc.py.ob_type);

	if (!type || type == ts->look.task_type)
		return !!type;
	if (read_ptr(type + ts->proc.py.tp_basicsize) < ts->proc.py.task_bytes)
		return 0;
	ts->look.task_type = type;
	return 1;
}

/* The kind and the name of the task that the span which opens now is of. They are read at once: it may be gone when the span ends. */
static __always_inline void light_read_task(struct thread_state *ts, __u64 task)
{
	const struct ls_pyoffsets *py = &ts->proc.py;
	const struct known_code *known;
	struct ls_loop *loop;
	__u64 coro = 0, name = 0;

	ts->cur.task = task;
	ts->cur.code = 0;
	ts->cur.coroutine = LS_MAX_COROUTINES;
	if (is_c_task(ts, task)) {
		coro = read_ptr(task + py->task_coro);
		name = read_ptr(task + py->task_name);
	} else if ((loop = loop_of(ts))) {
		ts->scan.tasks = loop->tasks;
		coro = pytask_value(ts, task, ts->scan.tasks.coro);
		name = pytask_value(ts, task, ts->scan.tasks.name);
	}
	ts->cur.coro = coro;
	if (coro) {
		known = coroutine_known(ts, coro);
		ts->cur.coroutine = known->index;
		ts->cur.code = known->is_coroutine ? known->code : 0;
	}
	/* Also what pystr_read() leaves as it is: the record checks it. */
	__builtin_memset(&ts->look.name, 0, sizeof(ts->look.name));
	pystr_read(py, &ts->look.name, name);
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
	return 0;
}

LS_SUBPROG int light_close(struct thread_state *ts, __u64 end_ns)
{
	struct ls_coro_stats *stats;
	__u64 duration_ns, off_ns, starved_ns = 0;
	__u32 is_step, is_stall;

	if (!ts || ts->cur.unit == LS_UNIT_NONE)
		return 0;
	is_step = ts->cur.unit == LS_UNIT_STEP;
	duration_ns = end_ns - ts->cur.start_ns - ts->cur.nested_ns;
	if (end_ns < ts->cur.start_ns + ts->cur.nested_ns)
		duration_ns = 0;
	off_ns = ts->cur.is_touched ? ts->cur.off_ns : 0;
	is_stall = duration_ns >= settings.light_threshold_ns;
	if (is_stall)
		starved_ns = light_send_stall(ts, end_ns, duration_ns);
	/* The rest was booked with each sample. */
	if (is_step)
		ts->stats.step_ns += off_ns;
	else
		ts->stats.callbacks_ns += off_ns;
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
	turn_add_span(ts);
	ts->cur.unit = LS_UNIT_NONE;
	ts->cur.is_light = 0;
	ts->depth = 0;
	return 0;
}

/* What user space found out of the process since. */
static __always_inline void light_read_proc(struct thread_state *ts)
{
	__u32 tgid = ts->tgid;
	struct ls_proc *proc;

	if (ts->proc.current_tasks || (ts->proc.gil && ts->proc.py.tstate_running_task != LS_PY_NONE))
		return;
	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (proc)
		ts->proc = *proc;
}

/* User space says which loop runs on this thread, now that no step tells it. */
static __always_inline void light_read_loop(struct thread_state *ts)
{
	__u32 tid = ts->tid;
	const struct ls_loop_thread *found = bpf_map_lookup_elem(&loop_threads, &tid);

	if (!found || found->tgid != ts->tgid || found->loop == ts->loop)
		return;
	ts->look.handles = 0;
	ts->loop = found->loop;
	ts->tstate = found->tstate;
	ts->epoll_fd = -1;
	ts->loop_frame = 0;
}

/* Since when may be going on what this look finds: behind the last one, and behind the thread's last return to a CPU. 0 if this is the first. */
static __always_inline __u64 known_from_ns(const struct thread_state *ts)
{
	__u64 from_ns = ts->look.at_ns > ts->on_at_ns ? ts->look.at_ns : ts->on_at_ns;

	if (from_ns && settings.light_since_ns > from_ns)
		from_ns = settings.light_since_ns;
	if (ts->cur.unit != LS_UNIT_NONE && ts->cur.start_ns > from_ns)
		from_ns = ts->cur.start_ns;
	return from_ns;
}

/* Where one span has ended and the next has begun, of which only the latter is still going on. `begun`: since the loop's last wait. */
static __always_inline __u64 boundary_ns(const struct thread_state *ts, __u64 begun, __u64 now_ns)
{
	__u64 from_ns = known_from_ns(ts);

	if (!from_ns || from_ns > now_ns)
		return now_ns;
	/* The first handle behind the loop's own wait begins at once. */
	if (ts->cur.unit == LS_UNIT_NONE && ts->on_at_ns > ts->look.at_ns && begun <= 2)
		return from_ns;
	return from_ns + (now_ns - from_ns) / 2;
}

LS_SUBPROG __u64 light_look(struct thread_state *ts, __u64 now_ns)
{
	__u64 handles = 0, task, turn = 0, begun, changed_ns = 0;
	struct ls_loop *loop;

	if (!ts)
		return 0;
	light_read_proc(ts);
	light_read_loop(ts);
	if (!ts->loop)
		return 0;
	ts->turn_start_ns = 0;
	task = current_task(ts);
	loop = loop_of(ts);
	/* trio says nowhere which task it runs. */
	if (loop && loop->tasks.is_queued_bare)
		return 0;
	if (loop) {
		handles = handles_begun(ts, loop->ready);
		/* libuv calls back without a handle: a poll is between two of those at least. */
		if (!task && loop->uv_timers)
			turn = read_ptr(loop->uv_timers + UV_LOOP_TIME);
	}
	/* A page may be on its way to another place, for one. What was seen last goes on then. */
	if (task == UNREADABLE || (loop && loop->ready && ts->look.handles && !handles)) {
		count_loss(LS_LOSS_LOOK_UNREADABLE);
		return 0;
	}
	begun = handles - ts->look.handles;
	if (handles && ts->look.handles)
		ts->stats.handles += begun / 2;
	/* What was seen to begin goes on under our eyes. */
	if (ts->cur.unit != LS_UNIT_NONE && !ts->cur.is_light && ts->cur.task == task) {
		ts->cur.is_light = 1;
		if (task)
			light_read_task(ts, task);
	} else if (ts->cur.unit == LS_UNIT_NONE || !ts->cur.is_light || begun || ts->cur.task != task ||
		   ts->look.turn != turn) {
		changed_ns = boundary_ns(ts, handles - ts->look.waited, now_ns);
	}
	ts->look.task = task;
	ts->look.handles = handles;
	ts->look.waited = handles;
	ts->look.ready = loop ? loop->ready : 0;
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
		ts->stats.callbacks_ns += settings.sample_period_ns;
		return 0;
	}
	ts->stats.step_ns += settings.sample_period_ns;
	stats = span_stats(ts);
	if (stats)
		stats->total_ns += settings.sample_period_ns;
	else
		count_loss(LS_LOSS_COROUTINE_MAP);
	return 0;
}
