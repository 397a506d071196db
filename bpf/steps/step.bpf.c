// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Uprobes of C tasks: a step begins and ends, the loop's poll returns, a name look-up begins. This
 * is the hot path: what only a stall needs is done when the stall ends.
 */
#include "core/maps.h"
#include "python/coroutines.h"
#include "python/frames.h"
#include "core/meter.h"
#include "python/objects.h"
#include "python/threads.h"
#include "stall/step_ends.h"
#include "steps/step.h"

/*
 * Context of a bpf_loop() callback. The position is in ts->tstate: what changes has to be in map
 * memory.
 */
/*
 * The GIL names its holder, which is the thread that runs a step. Without a GIL the interpreter's
 * list is searched, newest first.
 */
LS_SUBPROG int thread_find_tstate(struct thread_state *ts, __u64 pointer)
{
	if (!ts)
		return 0;
	ts->tstate = 0;
	if (ts->proc.py.is_free_threaded)
		ts->tstate = thread_find(ts, pointer, KEY_POINTER);
	else if (ts->proc.py.gil)
		ts->tstate = read_ptr(ts->proc.py.gil + ts->proc.py.at.gil_last_holder);
	if (ts->tstate &&
	    !is_pthread_of(read_ptr(ts->tstate + ts->proc.py.at.tstate_thread_id), pointer))
		ts->tstate = 0;
	return 0;
}

/*
 * A loop not seen on this thread before: a record makes user space look for its queues. The address
 * of a loop with tasks written in Python is not known (0): its thread state stands for it.
 */
LS_SUBPROG int thread_enter_loop(struct thread_state *ts, __u64 loop, __u64 now_ns)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 pointer = thread_pointer(&task->thread);
	struct ls_rec_thread *rec;

	if (!ts)
		return 0;
	ts->epoll_fd = -1;
	ts->loop_frame = 0;
	/* The time between two loops belongs to no turn. */
	turn_begin(ts, now_ns);
	thread_find_tstate(ts, pointer);
	if (!loop)
		loop = ts->tstate;
	ts->loop = loop;
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
	rec->thread_pointer = pointer;
	bpf_ringbuf_submit(rec, 0);
	return 0;
}

LS_SUBPROG int steps_abandon(struct thread_state *ts, __u64 sp)
{
	__u32 i;

	if (!ts)
		return 0;
	for (i = 0; i < LS_MAX_NEST && ts->depth && ts->cur.sp < sp; i++) {
		count_loss(LS_LOSS_STEP_ABANDONED);
		span_pop(ts);
	}
	return 0;
}

/*
 * Copies the process configuration again: the interpreter may have been starting, or without
 * asyncio, when it was attached to.
 */
LS_SUBPROG int thread_refresh(struct thread_state *ts)
{
	struct ls_proc *proc;
	__u32 tgid;

	if (!ts)
		return 0;
	/* Linux 6.1 does not accept a map key in an argument of a global function. */
	tgid = ts->tgid;
	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (proc &&
	    (proc->py.gil != ts->proc.py.gil || proc->py.wakeup_call != ts->proc.py.wakeup_call)) {
		ts->proc = *proc;
		/* Makes the step that begins enter its loop again. */
		ts->loop = 0;
		ts->turn_steps = 0;
	}
	return 0;
}

/* Reads coroutine and code of the span's task, and once in a turn its loop. */
static __always_inline void step_read_task(struct thread_state *ts, __u64 task, __u64 now_ns)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	const struct known_code *known;
	__u64 loop;
	__u32 size;

	ts->cur.task = task;
	ts->cur.is_python = 0;
	ts->cur.frame = 0;
	ts->cur.is_continued = 0;
	/*
	 * The loop is read once in a turn, and every 64 steps: where turns cannot be seen there is
	 * only one. A read costs the same whatever its size, so it includes the coroutine.
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
	if (step_from_is_read(ts, known, now_ns))
		step_from_read(ts, ts->cur.coro, now_ns);
}

SEC("uprobe")
int on_step_enter(struct pt_regs *ctx)
{
	METER(STEP_ENTER);
	__u64 now_ns = bpf_ktime_get_ns();
	struct thread_state *ts = current_thread();
	__u64 sp = reg_sp(ctx), first = call_arg0(ctx), second = call_arg1(ctx), task;

	if (settings.is_light)
		return 0;
	if (!ts) {
		ts = thread_new();
		if (!ts)
			return 0;
	}
	thread_set_busy(ts, 1);
	thread_settle(ts, now_ns);
	if (!ts->proc.py.gil || !ts->proc.py.wakeup_call)
		thread_refresh(ts);
	if (!ts->has_stacks)
		thread_create_stacks(ts, bpf_get_current_task_btf());
	task = ts->proc.py.at.task_arg ? second : first;
	if (!step_begin(ts, sp, task, now_ns))
		step_read_task(ts, task, now_ns);
	thread_set_busy(ts, 0);
	return 0;
}

SEC("uprobe")
int on_step_exit(struct pt_regs *ctx)
{
	METER(STEP_EXIT);
	__u64 now_ns = bpf_ktime_get_ns();
	struct thread_state *ts = current_thread();

	if (!ts || !ts->loop || settings.is_light)
		return 0;
	thread_set_busy(ts, 1);
	thread_settle(ts, now_ns);
	step_end(ts, reg_sp(ctx), now_ns);
	thread_set_busy(ts, 0);
	return 0;
}

SEC("uprobe")
int on_poll_return(struct pt_regs *ctx)
{
	METER(POLL_RETURN);
	struct thread_state *ts = current_thread();
	__u64 now_ns;

	/* No step was seen yet. */
	if (!ts || !ts->loop || settings.is_light ||
	    (!ts->cur.is_light && (ts->cur.unit == LS_UNIT_STEP || ts->depth)))
		return 0;
	now_ns = bpf_ktime_get_ns();
	thread_set_busy(ts, 1);
	thread_settle(ts, now_ns);
	if (ts->cur.is_light)
		light_close(ts, now_ns);
	if (ts->is_foreign_poll) {
		ts->is_foreign_poll = 0;
		thread_set_busy(ts, 0);
		return 0;
	}
	callbacks_end(ts, now_ns, 0);
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
	METER(DNS_ENTER);
	struct thread_state *ts = current_thread();

	if (!ts || ts->cur.unit == LS_UNIT_NONE)
		return 0;
	thread_set_busy(ts, 1);
	ts->dns_frame = frame_top(ts);
	ts->dns_span = 0;
	if (ts->dns_frame && !frame_read(ts, ts->dns_frame)) {
		ts->dns_position = frame_word(ts, ts->proc.py.at.frame_position);
		ts->dns_sp = reg_sp(ctx);
		ts->dns_span = ts->cur.number;
	}
	thread_set_busy(ts, 0);
	return 0;
}
