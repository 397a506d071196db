// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The uprobes: a step begins and ends, the loop's poll returns, a name look-up begins.
 * This is the hot path: what only a stall needs is done when the stall ends.
 */
#include "maps.h"
#include "coroutines.h"
#include "frames.h"
#include "objects.h"
#include "spans.h"
#include "tasks.h"

#define MAX_THREAD_STATES 4096 /* looked at for the one of a thread */

/* What a bpf_loop() callback gets: where the walk is, is in ts->tstate (see struct scan_context). */
struct tstate_walk {
	struct thread_state *ts;
	__u64 thread_pointer;
};

/* bpf_loop() callback: ends the walk at the state of the thread that we are on. */
static long tstate_of_thread(__u32 i, struct tstate_walk *walk)
{
	struct thread_state *ts = walk->ts;

	if (!ts || !ts->tstate || read_ptr(ts->tstate + ts->proc.py.tstate_thread_id) == walk->thread_pointer)
		return 1;
	ts->tstate = read_ptr(ts->tstate + ts->proc.py.tstate_next);
	return 0;
}

/*
 * The thread state belongs to the holder of the GIL, which is whoever runs a step. Where there is no GIL it is looked for in the interpreter's
 * list, newest first.
 */
static __always_inline void thread_find_tstate(struct thread_state *ts, __u64 thread_pointer)
{
	ts->tstate = 0;
	if (ts->proc.is_free_threaded) {
		struct tstate_walk walk = { .ts = ts, .thread_pointer = thread_pointer };

		if (ts->proc.threads)
			ts->tstate = read_ptr(ts->proc.threads);
		bpf_loop(MAX_THREAD_STATES, tstate_of_thread, &walk, 0);
	} else if (ts->proc.gil) {
		ts->tstate = read_ptr(ts->proc.gil + ts->proc.py.gil_last_holder);
	}
	if (ts->tstate && read_ptr(ts->tstate + ts->proc.py.tstate_thread_id) != thread_pointer)
		ts->tstate = 0;
}

/* A loop not seen on this thread before: user space is told, so that it can look for the loop's queues. */
static __noinline int thread_enter_loop(struct thread_state *ts, __u64 loop, __u64 now_ns)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 thread_pointer = task->thread.fsbase;
	struct ls_rec_thread *rec;

	if (!ts)
		return 0;
	ts->loop = loop;
	ts->epoll_fd = -1;
	ts->loop_frame = 0;
	/* What lay between two loops is no turn of either. */
	turn_begin(ts, now_ns);
	thread_find_tstate(ts, thread_pointer);
	if (!ts->tstate)
		count_loss(LS_LOSS_STACK_NO_THREAD);
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_OTHER);
		return 0;
	}
	record_header(&rec->hdr, LS_REC_THREAD, sizeof(*rec), now_ns, ts);
	rec->loop = loop;
	rec->tstate = ts->tstate;
	rec->thread_pointer = thread_pointer;
	bpf_ringbuf_submit(rec, 0);
	return 0;
}

static __noinline struct thread_state *thread_new(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32;
	struct thread_state *ts;
	struct ls_proc *proc;

	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (!proc)
		return NULL;
	ts = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL,
				  BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!ts) {
		count_loss(LS_LOSS_THREAD_STORAGE);
		return NULL;
	}
	ts->proc = *proc;
	ts->tgid = tgid;
	ts->tid = (__u32)id;
	ts->epoll_fd = -1;
	return ts;
}

/* An interpreter that was still starting, or without asyncio, when we attached is known better now. */
static __noinline int thread_refresh(struct thread_state *ts)
{
	struct ls_proc *proc;

	if (!ts)
		return 0;
	proc = bpf_map_lookup_elem(&procs, &ts->tgid);
	if (proc && (proc->gil != ts->proc.gil || proc->wakeup_call != ts->proc.wakeup_call)) {
		ts->proc = *proc;
		ts->loop = 0;
	}
	return 0;
}

/* Reads what the span needs to know of its task: coroutine, its code, and once in a turn the loop. */
static __always_inline void step_read_task(struct thread_state *ts, __u64 task, __u64 now_ns)
{
	const struct ls_pyoffsets *py = &ts->proc.py;
	const struct known_code *known;
	__u64 loop;
	__u32 size;

	ts->cur.task = task;
	/*
	 * The loop is looked at once in a turn, and now and then within one: where turns cannot be seen there is only
	 * one. A read costs what it costs whatever its size, so it takes the coroutine along.
	 */
	if (!(ts->turn_steps & 63)) {
		size = py->task_bytes & 0xff;
		barrier_var(size);
		if (read_user(ts->object, size & 0xff, task))
			count_loss(LS_LOSS_TASK_UNREADABLE);
		loop = object_word(ts, py->task_loop);
		ts->cur.coro = object_word(ts, py->task_coro);
		if (loop != ts->loop)
			thread_enter_loop(ts, loop, now_ns);
	} else {
		ts->cur.coro = read_ptr(task + py->task_coro);
	}
	known = coroutine_known(ts, ts->cur.coro);
	ts->cur.coroutine = known->index;
	ts->cur.code = known->is_coroutine ? known->code : 0;
}

/* Takes the parent of a nested step back as the current span. */
static __always_inline void step_pop(struct thread_state *ts)
{
	__u32 depth = ts->depth - 1;

	ts->depth = depth;
	barrier_var(depth);
	if (depth < LS_MAX_NEST)
		ts->cur = ts->outer[depth];
}

SEC("uprobe")
int on_step_enter(struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct thread_state *ts = current_thread();
	__u64 sp = ctx->sp, first = ctx->di, second = ctx->si;
	__u32 i;

	/* Or clang would choose the field's offset at run time, which a program may not do to its context. */
	barrier_var(first);
	barrier_var(second);
	if (!ts) {
		ts = thread_new();
		if (!ts)
			return 0;
	}
	thread_set_busy(ts, 1);
	thread_settle(ts, bpf_get_current_task_btf(), now_ns);
	if (!ts->proc.gil || !ts->proc.wakeup_call)
		thread_refresh(ts);
	if (ts->cur.unit == LS_UNIT_CALLBACK && ts->depth == 0) {
		span_close_callbacks(ts, now_ns, ts->proc.py.task_arg ? second : first);
	} else if (ts->cur.unit == LS_UNIT_STEP) {
		/* A frame at or below us cannot be alive any more: its stack was switched away and dropped. */
		for (i = 0; i < LS_MAX_NEST && ts->cur.unit == LS_UNIT_STEP && ts->cur.sp <= sp; i++) {
			count_loss(LS_LOSS_STEP_ABANDONED);
			if (ts->depth)
				step_pop(ts);
			else
				ts->cur.unit = LS_UNIT_NONE;
		}
		if (ts->cur.unit == LS_UNIT_STEP) {
			__u32 depth = ts->depth;

			barrier_var(depth);
			if (depth >= LS_MAX_NEST) {
				count_loss(LS_LOSS_STEP_TOO_DEEP);
				thread_set_busy(ts, 0);
				return 0;
			}
			ts->outer[depth] = ts->cur;
			ts->depth = depth + 1;
		}
	}
	if (!ts->turn_start_ns)
		turn_begin(ts, now_ns);
	span_open(ts, LS_UNIT_STEP, now_ns);
	ts->cur.sp = sp;
	step_read_task(ts, ts->proc.py.task_arg ? second : first, now_ns);
	thread_set_busy(ts, 0);
	return 0;
}

/* A step that waited for a CPU moves to the bucket of its time without that wait. */
static __always_inline void own_shift_count(struct ls_coro_stats *stats, __u64 duration_ns, __u64 ready_ns)
{
	__u32 from, to;

	if (!ready_ns)
		return;
	from = ls_hist_index(duration_ns);
	to = ls_hist_index(ready_ns < duration_ns ? duration_ns - ready_ns : 0);
	barrier_var(from);
	barrier_var(to);
	if (from >= LS_HIST_BUCKETS || to >= LS_HIST_BUCKETS || from == to)
		return;
	stats->own_shift[from]--;
	stats->own_shift[to]++;
}

static __always_inline void step_count(struct thread_state *ts, __u64 duration_ns, __u64 now_ns)
{
	struct ls_coro_stats *stats = span_stats(ts);
	__u32 is_stall = duration_ns >= settings.threshold_ns;
	__u64 starved_ns = 0;
	__u32 i;

	ts->stats.steps++;
	ts->stats.step_ns += duration_ns;
	if (settings.is_counting_tasks)
		task_count(ts, duration_ns, now_ns, is_stall);
	if (is_stall)
		starved_ns = span_send_stall(ts, now_ns, duration_ns, LS_UNIT_STEP);
	if (!stats) {
		count_loss(LS_LOSS_COROUTINE_MAP);
		return;
	}
	stats->steps++;
	stats->total_ns += duration_ns;
	if (duration_ns > stats->max_ns)
		stats->max_ns = duration_ns;
	hist_count(stats->hist, duration_ns);
	if (ts->cur.is_touched) {
		for (i = 0; i < LS_CAUSE_MAX; i++)
			stats->cause_ns[i] += ts->cur.cause_ns[i];
		own_shift_count(stats, duration_ns, ts->cur.cause_ns[LS_CAUSE_RUNQUEUE]);
	}
	if (is_stall) {
		stats->stalls++;
		stats->starved_ns += starved_ns;
	}
}

SEC("uprobe")
int on_step_exit(struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct thread_state *ts = current_thread();
	__u64 sp = ctx->sp, duration_ns;
	__u32 i;

	if (!ts)
		return 0;
	thread_set_busy(ts, 1);
	thread_settle(ts, bpf_get_current_task_btf(), now_ns);
	/* Steps whose own end we never saw lie deeper than the one that ends now. */
	for (i = 0; i < LS_MAX_NEST && ts->depth && ts->cur.sp < sp; i++) {
		count_loss(LS_LOSS_STEP_ABANDONED);
		step_pop(ts);
	}
	if (ts->cur.unit != LS_UNIT_STEP || ts->cur.sp != sp) {
		count_loss(LS_LOSS_STEP_UNMATCHED);
		thread_set_busy(ts, 0);
		return 0;
	}
	duration_ns = now_ns - ts->cur.start_ns - ts->cur.nested_ns;
	step_count(ts, duration_ns, now_ns);
	ts->turn_steps++;
	turn_add_span(ts);
	if (ts->depth) {
		__u64 whole_ns = now_ns - ts->cur.start_ns;

		step_pop(ts);
		ts->cur.nested_ns += whole_ns;
	} else {
		span_open_callbacks(ts, now_ns);
	}
	thread_set_busy(ts, 0);
	return 0;
}

SEC("uprobe")
int on_poll_return(struct pt_regs *ctx)
{
	struct thread_state *ts = current_thread();
	__u64 now_ns;

	if (!ts || ts->cur.unit == LS_UNIT_STEP || ts->depth)
		return 0;
	now_ns = bpf_ktime_get_ns();
	thread_set_busy(ts, 1);
	thread_settle(ts, bpf_get_current_task_btf(), now_ns);
	if (ts->is_foreign_poll) {
		ts->is_foreign_poll = 0;
		thread_set_busy(ts, 0);
		return 0;
	}
	span_close_callbacks(ts, now_ns, 0);
	turn_end(ts, now_ns);
	if (ts->idle_at_ns) {
		ts->stats.idle_ns += now_ns - ts->idle_at_ns;
		ts->idle_at_ns = 0;
	}
	turn_begin(ts, now_ns);
	span_open_callbacks(ts, now_ns);
	thread_set_busy(ts, 0);
	return 0;
}

SEC("uprobe")
int on_dns_enter(struct pt_regs *ctx)
{
	struct thread_state *ts = current_thread();

	if (!ts || ts->cur.unit == LS_UNIT_NONE)
		return 0;
	thread_set_busy(ts, 1);
	ts->dns_frame = frame_top(ts);
	ts->dns_span = 0;
	if (ts->dns_frame && !frame_read(ts, ts->dns_frame)) {
		ts->dns_position = frame_word(ts, ts->proc.py.frame_position);
		ts->dns_sp = ctx->sp;
		ts->dns_span = ts->cur.number;
	}
	thread_set_busy(ts, 0);
	return 0;
}
