// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Off-CPU time: why a loop thread leaves the CPU, when it is woken, when it runs again. Runs on every context
 * switch of the machine, so the first thing is to find out that the thread is none of ours.
 */
#include "maps.h"
#include "blocking.h"
#include "clock.h"
#include "frames.h"
#include "looks.h"
#include "meter.h"
#include "spans.h"

#include <bpf/bpf_tracing.h>

/* The thread still waits in the kernel, whatever the other bits say (TASK_FREEZABLE and the like). */
#define STATE_WAITS 0xff

/* While a native loop waits, the innermost Python frame is the one that runs it. */
static __always_inline void loop_frame_learn(struct thread_state *ts)
{
	struct ls_loop *loop = loop_of(ts);

	if (loop && loop->is_native)
		ts->loop_frame = frame_top(ts);
}

/*
 * Is this the loop's own wait for events? Only on the loop's own epoll descriptor. Inside a step that is the loop run once more,
 * by nest_asyncio and the like.
 */
static __always_inline int is_loop_wait(struct thread_state *ts, const struct blocking *why)
{
	if (!why->is_wait)
		return 0;
	if (ts->cur.unit == LS_UNIT_STEP)
		return why->epoll_fd >= 0 && ts->epoll_fd == why->epoll_fd;
	if (why->epoll_fd >= 0) {
		if (ts->epoll_fd < 0)
			ts->epoll_fd = why->epoll_fd;
		return ts->epoll_fd == why->epoll_fd;
	}
	/* A loop on select or poll: nothing tells its wait from a callback's, so it gets the benefit. */
	return ts->epoll_fd < 0;
}

static __always_inline void thread_idle(struct thread_state *ts, __u64 now_ns)
{
	if (ts->cur.unit == LS_UNIT_STEP) {
		ts->off_kind = OFF_NESTED;
		return;
	}
	if (ts->cur.is_light)
		light_close(ts, now_ns);
	span_close_callbacks(ts, now_ns, 0);
	turn_end(ts, now_ns);
	loop_frame_learn(ts);
	ts->idle_at_ns = now_ns;
	ts->off_kind = OFF_IDLE;
}

/* So often at least, what a loop does between its waits is looked at, for the count of its handles. */
#define LOOK_EVERY_NS 20000000ULL

/*
 * A loop watched by looks waits again, before anything since its last wait can have been a stall: what that was need not be known. This is what a
 * server does most of the time, and a look costs five times as much.
 */
static __always_inline int is_short_turn(const struct thread_state *ts, const struct blocking *why, __u64 now_ns)
{
	return is_light(ts) && !ts->is_busy && ts->cur.unit == LS_UNIT_NONE && why->epoll_fd >= 0 &&
	       why->epoll_fd == ts->epoll_fd && now_ns - ts->on_at_ns < settings.light_threshold_ns &&
	       now_ns - ts->look.at_ns < LOOK_EVERY_NS;
}

static __always_inline void short_turn_end(struct thread_state *ts, __u64 now_ns)
{
	ts->look.waited = handles_begun(ts, ts->look.ready);
	ts->idle_at_ns = now_ns;
	ts->off_kind = OFF_IDLE;
}

/* Is the thread inside the name look-up it was last seen to begin? */
static __always_inline int is_in_dns(const struct thread_state *ts, __u64 frame, __u64 position, __u64 sp)
{
	return ts->dns_span == ts->cur.number && ts->dns_frame == frame &&
	       ts->dns_position == position && sp < ts->dns_sp;
}

/* The site for a block at this place: the one there is, a free one, or the lightest one's room. */
static __always_inline __u32 site_find(struct thread_state *ts, __u64 code, __u64 position, __u32 cause,
				       __u32 *ret_is_known)
{
	__u64 lightest_ns = ~0ULL, span = ts->cur.number;
	__u32 i, choice = LS_MAX_SITES;

	*ret_is_known = 0;
	for (i = 0; i < LS_MAX_SITES; i++) {
		const struct site *site = &ts->sites[i];

		if (site->rec.span == span && site->rec.frames[0].code == code &&
		    site->position == position && site->rec.cause == cause) {
			*ret_is_known = 1;
			return i;
		}
		if (site->rec.span != span) {
			if (lightest_ns)
				choice = i;
			lightest_ns = 0;
		} else if (site->rec.weight_ns < lightest_ns) {
			lightest_ns = site->rec.weight_ns;
			choice = i;
		}
	}
	if (lightest_ns)
		count_loss(LS_LOSS_SITES_FULL);
	return choice;
}

static __always_inline void site_begin(struct thread_state *ts, const struct pt_regs *regs, struct blocking *why)
{
	__u64 frame, code, position;
	struct site *site;
	__u32 index, is_known;

	frame = frame_top(ts);
	if (!frame) {
		frame_count_missing(ts);
		return;
	}
	if (frame_read(ts, frame)) {
		count_loss(LS_LOSS_STACK_UNREADABLE);
		return;
	}
	code = frame_word(ts, ts->proc.py.frame_code) & ~(__u64)ts->proc.py.tag_mask;
	position = frame_word(ts, ts->proc.py.frame_position);
	if (ts->cur.is_light)
		ts->waiters.place = ((__u32)position ^ (__u32)(position >> 32)) * 0x9e3779b1 >> 8 | 1;
	if (why->cause != LS_CAUSE_GIL && is_in_dns(ts, frame, position, regs->sp))
		why->cause = LS_CAUSE_DNS;
	index = site_find(ts, code, position, why->cause, &is_known);
	ts->off_site = index;
	barrier_var(index);
	if (is_known || index >= LS_MAX_SITES)
		return;
	site = &ts->sites[index];
	site->position = position;
	site->rec.span = ts->cur.number;
	site->rec.weight_ns = 0;
	site->rec.count = 0;
	site->rec.cause = why->cause;
	site->rec.syscall = why->syscall;
	site->rec.native_ip = regs->ip;
	site->rec.pad = 0;
	frames_walk(ts, &site->rec, frame, frame_last(ts));
}

/* Who has the GIL now that we have to wait for it. */
static __always_inline void gil_remember_holder(struct thread_state *ts)
{
	const struct ls_proc *proc = &ts->proc;

	ts->gil_tstate = read_ptr(proc->gil + proc->py.gil_last_holder);
	ts->gil_id = 0;
	if (ts->gil_tstate)
		ts->gil_id = read_ptr(ts->gil_tstate + (proc->py.tstate_native_id != LS_PY_NONE ?
								proc->py.tstate_native_id :
								proc->py.tstate_thread_id));
}

/* From here on it is off the CPU, for no more than want of one as far as is known. */
static __always_inline void thread_goes_off(struct thread_state *ts, struct task_struct *task, __u64 now_ns)
{
	ts->run_delay_ns = run_delay_ns(task);
	ts->clock_offset_ns = now_ns - task->se.exec_start;
	ts->woken_at_ns = 0;
	ts->off_at_ns = now_ns;
	ts->off_site = LS_MAX_SITES;
	ts->off_kind = OFF_BLOCKED;
	ts->off_cause = LS_CAUSE_RUNQUEUE;
	thread_flush_if_due(ts, now_ns);
}

static __always_inline void thread_leaves(struct thread_state *ts, struct task_struct *task, int is_preempted,
					  __u64 now_ns)
{
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	__u32 waits = !is_preempted && (task->__state & STATE_WAITS), is_short;
	struct blocking why = { .epoll_fd = -1 };

	thread_settle(ts, now_ns);
	if (waits)
		blocking_classify(ts, task, regs, &why);
	is_short = is_short_turn(ts, &why, now_ns);
	if (is_light(ts) && !ts->is_busy && !is_short)
		light_update(ts, now_ns);
	thread_goes_off(ts, task, now_ns);
	if (is_short)
		short_turn_end(ts, now_ns);
	if (!waits || is_short || ts->cur.unit == LS_UNIT_NONE)
		return;
	if (ts->is_busy) {
		ts->off_cause = why.cause;
		return;
	}
	if (is_loop_wait(ts, &why)) {
		thread_idle(ts, now_ns);
		return;
	}
	/* An epoll of a callback's own returns through the same spot as the loop's. */
	if (why.epoll_fd >= 0 && ts->cur.unit != LS_UNIT_STEP)
		ts->is_foreign_poll = 1;
	span_touch(ts);
	victims_first_look(ts, now_ns);
	site_begin(ts, regs, &why);
	if (ts->cur.is_light)
		waiters_collect(ts, now_ns);
	if (why.cause == LS_CAUSE_GIL)
		gil_remember_holder(ts);
	ts->off_cause = why.cause;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool is_preempted, struct task_struct *prev, struct task_struct *next)
{
	METER(SWITCH);
	struct thread_state *ts;

	ts = thread_of(prev);
	if (ts)
		thread_leaves(ts, prev, is_preempted, bpf_ktime_get_ns());
	ts = thread_of(next);
	if (!ts)
		return 0;
	if (ts->off_at_ns)
		thread_returns(ts, next, bpf_ktime_get_ns());
	clock_start();
	return 0;
}

/*
 * A thread that sleeps although nobody saw it leave (see thread_settle()). When it left is when the scheduler last looked
 * at it; why, its registers still say. Its stack is out of reach.
 */
static __always_inline void thread_left_unseen(struct thread_state *ts, struct task_struct *task)
{
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	struct blocking why;

	if (!ts->clock_offset_ns || ts->is_busy || ts->cur.unit == LS_UNIT_NONE)
		return;
	blocking_classify(ts, task, regs, &why);
	if (is_loop_wait(ts, &why))
		return;
	count_loss(LS_LOSS_LEAVE_UNSEEN);
	ts->off_at_ns = task->se.exec_start + ts->clock_offset_ns;
	ts->run_delay_ns = run_delay_ns(task);
	ts->off_site = LS_MAX_SITES;
	ts->off_kind = OFF_BLOCKED;
	ts->off_cause = why.cause;
	ts->woken_at_ns = 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	METER(WAKEUP);
	struct thread_state *ts = thread_of(task);

	if (!ts)
		return 0;
	if (!ts->off_at_ns && !task->on_cpu)
		thread_left_unseen(ts, task);
	if (ts->off_at_ns && !ts->woken_at_ns)
		ts->woken_at_ns = bpf_ktime_get_ns();
	return 0;
}
