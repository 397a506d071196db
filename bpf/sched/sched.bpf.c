// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Off-CPU time: why a loop thread is switched out, when it is woken, when it is switched in. Runs
 * on every context switch of the machine, so other threads are sorted out first.
 */
#include "core/maps.h"
#include "sched/blocking.h"
#include "sched/loop_end.h"
#include "sched/sampler_clock.h"
#include "python/bare_loop.h"
#include "python/frames.h"
#include "python/holder.h"
#include "python/lock.h"
#include "python/lock_looks.h"
#include "python/outer_loop.h"
#include "python/request.h"
#include "light/looks.h"
#include "core/meter.h"
#include "core/off_cpu.h"
#include "core/span.h"
#include "core/thread.h"
#include "light/light.h"
#include "light/waiters.h"
#include "queue/arrivals.h"
#include "queue/callee.h"
#include "stall/codes.h"
#include "stall/native.h"
#include "stall/step_name.h"
#include "stall/trace_context.h"
#include "stall/turn.h"

#include <bpf/bpf_tracing.h>

/*
 * While a native loop waits, the innermost Python frame is the one that runs it. That of a loop
 * that is known by its poll alone is a few frames outwards.
 */
static __always_inline void loop_frame_learn(struct thread_state *ts, __u64 now_ns)
{
	struct ls_loop *loop = loop_of(ts);

	if (!loop)
		return;
	ts->arrivals.queue = loop->py.ready;
	if (loop->py.is_native)
		ts->loop_frame = frame_top(ts);
	else if (loop->py.runner)
		ts->loop_frame = frame_of_code(ts, loop->py.runner);
	if (!loop->py.runner)
		loop_mark_learn(ts, loop->py.is_native, current_thread_key(), now_ns);
}

/* Is this the own wait of a loop of which only its poll is known? */
static __always_inline int is_bare_wait(struct thread_state *ts, const struct blocking *why)
{
	if (ts->bare.is_plain)
		return why->epoll_fd < 0 && bare_poll_is_own(ts);
	return why->epoll_fd >= 0 && why->epoll_fd == ts->epoll_fd;
}

/*
 * Is this the loop's own wait for events? Only on the loop's own epoll descriptor. Inside a step it
 * is a nested run of the loop, as by nest_asyncio. is_current: the thread's stack can be read.
 */
static __always_inline int is_loop_wait(struct thread_state *ts, const struct blocking *why,
					__u32 is_current)
{
	if (!why->is_wait)
		return 0;
	if (ts->cur.unit == LS_UNIT_STEP || ts->cur.coro)
		return why->epoll_fd >= 0 && ts->epoll_fd == why->epoll_fd;
	if (ts->bare.is_plain)
		return !is_current || is_bare_wait(ts, why);
	if (ts->epoll_fd >= 0)
		return ts->epoll_fd == why->epoll_fd;
	if (is_current && ts->cur.unit == LS_UNIT_CALLBACK && loop_is_outer(ts, INNER_POLL))
		return 0;
	/*
	 * A loop on select or poll: its wait looks like a callback's, so it is assumed to be the
	 * loop's.
	 */
	ts->epoll_fd = why->epoll_fd;
	return 1;
}

/* The callback ended when the thread was seen to have left its bare loop. */
static __always_inline void bare_loop_end(struct thread_state *ts)
{
	ts->cur.unit = LS_UNIT_NONE;
	ts->left_at_ns = ts->bare_left_ns;
	ts->bare_left_ns = 0;
}

/* In light mode nothing but this tells a stop in the loop's wait from one in the wait behind it. */
#define SIGNAL_TO_STOP_NS 1000000ULL

/* Does the thread, which is being stopped, still have the wait that it had before? */
static __always_inline int is_same_wait(const struct thread_state *ts, __u64 now_ns)
{
	return ts->idle_at_ns || (is_light(ts) && now_ns - ts->on_at_ns < SIGNAL_TO_STOP_NS);
}

/* The loop's own wait begins, or the thread is stopped in it. */
LS_SUBPROG int idle_begin(struct thread_state *ts, __u64 now_ns)
{
	const struct blocking *why;
	struct idle_wait *wait;
	__u32 is_same;

	if (!ts)
		return 0;
	why = &ts->why;
	wait = &ts->wait;
	is_same = why->stop && is_same_wait(ts, now_ns);
	ts->off_kind = OFF_IDLE;
	if (!is_same || !ts->idle_at_ns)
		ts->idle_at_ns = now_ns;
	wait->stopped_at_ns = why->stop ? now_ns : 0;
	wait->stop = why->stop;
	wait->stop_id = why->stop_id;
	if (is_same)
		return 0;
	wait->due_ns = why->timeout_ms < 0 ? 0 : now_ns + why->timeout_ms * 1000000ULL;
	wait->from_ns = 0;
	wait->stopped_ns = 0;
	wait->ready_ns = 0;
	return 0;
}

/* Is the thread stopped in its loop's wait, of which no end was seen? */
static __always_inline int is_idle_stop(const struct thread_state *ts, const struct blocking *why)
{
	return why->stop && ts->cur.unit == LS_UNIT_NONE && ts->idle_at_ns && why->epoll_fd >= 0 &&
		why->epoll_fd == ts->epoll_fd;
}

/*
 * The callbacks were over at `end_ns`: the thread waits in its loop's poll, or has left its loop.
 * Both in one place, because the verifier checks what a stall needs as often as it is written.
 */
static __always_inline void thread_idle(struct thread_state *ts, __u64 end_ns, __u64 now_ns)
{
	if (ts->cur.unit == LS_UNIT_STEP) {
		ts->off_kind = OFF_NESTED;
		return;
	}
	if (ts->cur.is_light)
		light_close(ts, end_ns);
	callbacks_end(ts, end_ns, 0);
	turn_end(ts, end_ns);
	if (ts->bare_left_ns)
		bare_loop_end(ts);
	if (!ts->is_own_poll)
		return;
	left_book(ts, now_ns);
	loop_frame_learn(ts, now_ns);
	idle_begin(ts, now_ns);
	if (ts->why.stop && is_light(ts))
		waiters_collect_stopped(ts, now_ns);
}

/* A loop that only has short turns is still looked at this often, to count its handles. */
#define LOOK_EVERY_NS 20000000ULL

/*
 * Fast path of light mode: the loop is about to poll again and less than the threshold has passed,
 * so nothing in this turn can be a stall. This is what a server does most of the time, and a look
 * costs five times as much.
 */
static __always_inline int is_short_turn(const struct thread_state *ts, const struct blocking *why,
					 __u64 now_ns)
{
	return is_light(ts) && !ts->is_busy && ts->cur.unit == LS_UNIT_NONE && !why->stop &&
		why->epoll_fd >= 0 && why->epoll_fd == ts->epoll_fd &&
		now_ns - ts->on_at_ns < settings.light_threshold_ns &&
		now_ns - ts->look.at_ns < LOOK_EVERY_NS;
}

static __always_inline void short_turn_end(struct thread_state *ts, __u64 now_ns)
{
	ts->look.waited = handles_begun(ts, ts->look.ready);
	idle_begin(ts, now_ns);
}

/* Is the thread inside the name look-up that it began last? */
static __always_inline int is_in_dns(const struct thread_state *ts, __u64 frame, __u64 position,
				     __u64 sp)
{
	return ts->dns_span == ts->cur.number && ts->dns_frame == frame &&
		ts->dns_position == position && sp < ts->dns_sp;
}

#define SITE_IS_KNOWN (1u << 31)

/*
 * The site for a block at this place: an existing one, which is marked by SITE_IS_KNOWN, a free
 * one, or the lightest one.
 */
LS_SUBPROG __u32 site_find(struct thread_stacks *stacks, __u64 span, __u64 code, __u64 position,
			   __u32 cause)
{
	struct site_choice *choice;
	__u32 i;

	if (!stacks)
		return LS_MAX_SITES;
	choice = &stacks->choice;
	choice->lightest_ns = ~0ULL;
	choice->index = LS_MAX_SITES;
	for (i = 0; i < LS_MAX_SITES; i++) {
		const struct site *site = &stacks->sites[i];
		__u64 weight_ns = site->rec.span == span ? site->rec.weight_ns : 0;

		if (site->rec.span == span && site->rec.frames[0].code == code &&
		    site->position == position && site->rec.cause == cause)
			return i | SITE_IS_KNOWN;
		if (weight_ns < choice->lightest_ns) {
			choice->lightest_ns = weight_ns;
			choice->index = i;
		}
	}
	if (choice->lightest_ns)
		count_loss(LS_LOSS_SITES_FULL);
	return choice->index;
}

/*
 * It waits again at a place: long enough meanwhile for a copy of the user stack? One Python call
 * may wait in several system calls, as the start of a process and the wait for its end: the stack
 * of the first one is not that of another one.
 */
static __always_inline void site_look_again(struct thread_state *ts, struct thread_stacks *stacks,
					    __u32 index, __u64 native_ip)
{
	struct site *site;

	barrier_var(index);
	if (index >= LS_MAX_SITES)
		return;
	site = &stacks->sites[index];
	if (site->copied_ips[0] == native_ip || site->copied_ips[1])
		return;
	if (!site->copied_ips[0]) {
		if (native_block_again(ts, &site->rec, ts->off_at_ns))
			site->copied_ips[0] = native_ip;
	} else if (native_block(ts, &site->rec, ts->off_at_ns)) {
		site->copied_ips[1] = native_ip;
	}
}

/* Overwrites the site that was found for this block. */
static __always_inline void site_set(struct thread_state *ts, struct site *site,
				     const struct blocking *why, __u64 frame, __u64 position)
{
	site->position = position;
	site->longest_ns = 0;
	site->rec.span = ts->cur.number;
	site->rec.weight_ns = 0;
	site->rec.count = 0;
	site->rec.cause = why->cause;
	site->rec.syscall = why->syscall;
	site->rec.native_ip = why->native_ip;
	site->rec.pad = 0;
	frames_walk(ts, &site->rec, frame, frame_last(ts));
}

static __always_inline void site_begin(struct thread_state *ts, struct task_struct *task,
				       const struct pt_regs *regs, struct blocking *why)
{
	__u64 frame, code, position;
	struct thread_stacks *stacks;
	struct site *site;
	__u32 index;

	frame = frame_top(ts);
	if (!frame) {
		frame_count_missing(ts);
		return;
	}
	if (frame_read(ts, frame)) {
		count_loss(LS_LOSS_STACK_UNREADABLE);
		return;
	}
	code = frame_word(ts, ts->proc.py.at.frame_code) & ~(__u64)ts->proc.py.at.tag_mask;
	position = frame_word(ts, ts->proc.py.at.frame_position);
	block_begin(ts, code + position);
	if (why->cause != LS_CAUSE_GIL && !why->stop &&
	    is_in_dns(ts, frame, position, reg_sp(regs)))
		why->cause = LS_CAUSE_DNS;
	stacks = stacks_of(task);
	if (!stacks)
		return;
	callee_find(ts, frame);
	if (ts->callee.code) {
		code = ts->callee.code;
		position = ts->callee.position;
	}
	index = site_find(stacks, ts->cur.number, code, position, why->cause);
	ts->off_site = index & ~SITE_IS_KNOWN;
	if (index & SITE_IS_KNOWN) {
		site_look_again(ts, stacks, index & ~SITE_IS_KNOWN, why->native_ip);
		return;
	}
	barrier_var(index);
	if (index >= LS_MAX_SITES)
		return;
	step_name_remember(ts);
	site = &stacks->sites[index];
	site_set(ts, site, why, frame, position);
	bodies_copy(ts, &site->rec, ts->off_at_ns);
	if (request_is_due(ts, stacks, ts->off_at_ns)) {
		request_pay(stacks, ts->off_at_ns);
		request_look(ts, stacks, frame, frame_last(ts));
	}
	site->copied_ips[0] = native_block(ts, &site->rec, ts->off_at_ns) ? why->native_ip : 0;
	site->copied_ips[1] = 0;
}

/*
 * What a switch-out reads of the thread's run queue. Before anything is decided, because the
 * verifier checks each way that leads to a pointer of the kernel, and that takes long (see
 * docs/internals.md).
 */
static __always_inline void run_queue_mark(struct thread_state *ts, struct task_struct *task,
					   __u64 now_ns)
{
	struct rq *rq = rq_of(task);

	throttle_mark(ts, task);
	ts->rq_offset_ns = rq ? now_ns - rq->clock : 0;
}

/* Switch-out. The cause is a wait for a CPU until another one is known. */
static __always_inline void thread_goes_off(struct thread_state *ts, struct task_struct *task,
					    __u64 now_ns)
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

/*
 * A lock of a file (file_locks.bpf.c), or a semaphore of System V. Each try is reported anew, so
 * what is known of it holds for one wait only.
 */
static __always_inline void file_lock_look(struct thread_state *ts, const struct blocking *why)
{
	const __u32 pid = why->syscall == ts->file_lock_syscall ? ts->file_lock_pid : 0;

	ts->lock_known = pid ? LS_LOCK_PROCESS : LS_LOCK_NO_FUTEX;
	ts->holder_tstate = 0;
	ts->holder_id = pid;
	ts->file_lock_pid = 0;
}

/* Who holds the lock that it is about to wait for? */
static __always_inline void lock_wait_begin(struct thread_state *ts, const struct blocking *why,
					    __u64 now_ns)
{
	struct futex_wait wait = why->futex;

	if (why->is_futex)
		lock_look(ts, &wait);
	else
		file_lock_look(ts, why);
	holder_note(ts, holders_of(bpf_get_current_task_btf()), LS_CAUSE_LOCK, now_ns);
	if (ts->holder_tstate)
		lock_watch_begin(ts, now_ns);
}

/* In a span the thread begins to wait for something other than its loop's events. */
static __always_inline void block_enter(struct thread_state *ts, struct task_struct *task,
					const struct pt_regs *regs, struct blocking *why,
					__u64 now_ns)
{
	/* An epoll_wait of a callback returns through the same spot as the loop's. */
	if (why->epoll_fd >= 0 && ts->cur.unit != LS_UNIT_STEP)
		ts->is_foreign_poll = 1;
	span_touch(ts);
	arrivals_look(ts, now_ns);
	trace_remember(ts, now_ns);
	site_begin(ts, task, regs, why);
	if (ts->cur.is_light || ts->is_late_wait)
		waiters_collect(ts, now_ns);
	if (why->cause == LS_CAUSE_GIL)
		holder_look(ts, now_ns);
	else if (why->cause == LS_CAUSE_LOCK)
		lock_wait_begin(ts, why, now_ns);
	if (why->stop) {
		ts->cur.stop = why->stop;
		ts->cur.stop_id = why->stop_id;
	}
	ts->off_cause = why->cause;
}

/* Does a bare loop that had been left poll again? */
static __always_inline int bare_loop_resumes(struct thread_state *ts, const struct blocking *why)
{
	return ts->left_at_ns && ts->bare.base_code && why->is_wait && !is_light(ts) &&
		is_bare_wait(ts, why);
}

static __always_inline void thread_leaves(struct thread_state *ts, struct task_struct *task,
					  int is_preempted, __u64 now_ns)
{
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	__u32 waits = !is_preempted && (task->__state & STATE_WAITS), is_short;
	struct blocking *why = &ts->why;
	__u64 end_ns;

	thread_settle(ts, now_ns);
	run_queue_mark(ts, task, now_ns);
	blocking_clear(why);
	if (waits) {
		blocking_classify(ts, task, regs, why);
		stop_classify(task, why);
	}
	is_short = is_short_turn(ts, why, now_ns);
	if (light_looks(ts) && !ts->is_busy && !is_short)
		light_update(ts, now_ns);
	if (is_light(ts))
		light_book(ts, now_ns);
	thread_goes_off(ts, task, now_ns);
	if (is_short)
		short_turn_end(ts, now_ns);
	ts->is_late_wait = is_late_wait(ts, waits ? why->cause : LS_CAUSE_RUNQUEUE, now_ns);
	if (!waits && ts->cur.unit != LS_UNIT_NONE) {
		cpu_wait_begin(ts, bpf_get_smp_processor_id(), now_ns);
		arrivals_look(ts, now_ns);
	}
	if (!waits || is_short)
		return;
	if (ts->is_busy) {
		if (ts->cur.unit != LS_UNIT_NONE)
			ts->off_cause = why->cause;
		return;
	}
	if (is_idle_stop(ts, why)) {
		idle_begin(ts, now_ns);
		return;
	}
	end_ns = bare_loop_look(ts, now_ns);
	ts->is_own_poll = ts->cur.unit == LS_UNIT_NONE ? bare_loop_resumes(ts, why) :
							 is_loop_wait(ts, why, 1);
	if (ts->is_own_poll || ts->bare_left_ns) {
		ts->is_silent_poll = why->epoll_fd < 0;
		thread_idle(ts, end_ns, now_ns);
		return;
	}
	if (ts->cur.unit == LS_UNIT_NONE)
		return;
	block_enter(ts, task, regs, why, now_ns);
}

/* On a CPU that no loop thread waits for, this is all that a switch costs. */
static __always_inline void cpu_changes_hands(const struct task_struct *next)
{
	struct cpu_waits *waits = cpu_waits_here();
	__u8 is_free = !next->pid;

	if (!waits)
		return;
	if (waits->is_free != is_free)
		waits->is_free = is_free;
	if (waits->used)
		cpu_waits_book(bpf_ktime_get_ns());
}

/* Is the thread that is switched in one that holds what a loop thread waits for? */
static __always_inline int is_watched_switch(struct task_struct *prev, struct task_struct *next)
{
	return n_lock_watches &&
		lock_watch_switch(prev->tgid, thread_key(&prev->thread, &prev->thread_pid),
				  next->tgid, thread_key(&next->thread, &next->thread_pid),
				  bpf_ktime_get_ns());
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool is_preempted, struct task_struct *prev, struct task_struct *next)
{
	METER(SWITCH);
	struct thread_state *ts;
	int is_watched;

	cpu_changes_hands(next);
	ts = thread_of(prev);
	if (ts)
		thread_leaves(ts, prev, is_preempted, bpf_ktime_get_ns());
	is_watched = is_watched_switch(prev, next);
	ts = thread_of(next);
	if (!ts && !is_watched)
		return 0;
	if (ts && ts->off_at_ns) {
		__u64 now_ns = bpf_ktime_get_ns(), off_ns = now_ns - ts->off_at_ns;

		thread_returns(ts, next, now_ns);
		if (off_ns >= SOCKETS_AFTER_NS && ts->cur.is_light && ts->cur.unit != LS_UNIT_NONE)
			waiters_count_sockets(ts, next);
	}
	clock_start();
	return 0;
}

/*
 * A thread that sleeps although its switch-out was not reported (see thread_settle()). The
 * scheduler's last update gives the time, its registers the cause. Its stack cannot be read.
 */
static __always_inline void thread_left_unseen(struct thread_state *ts, struct task_struct *task)
{
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	struct blocking why;

	if (!ts->clock_offset_ns || ts->is_busy || ts->cur.unit == LS_UNIT_NONE)
		return;
	blocking_classify(ts, task, regs, &why);
	if (is_loop_wait(ts, &why, 0))
		return;
	count_loss(LS_LOSS_LEAVE_UNSEEN);
	ts->off_at_ns = task->se.exec_start + ts->clock_offset_ns;
	ts->run_delay_ns = run_delay_ns(task);
	ts->off_site = LS_MAX_SITES;
	ts->off_kind = OFF_BLOCKED;
	ts->off_cause = why.cause;
	ts->holder_tstate = 0;
	ts->lock_known = LS_LOCK_NOT_SEEN;
	ts->lock_futex = 0;
	ts->woken_at_ns = 0;
}

/* linux: include/uapi/linux/futex.h */
#define FUTEX_CMD_MASK 0x7f
#define FUTEX_WAKE 1
#define FUTEX_WAKE_OP 5
#define FUTEX_WAKE_BITSET 10

/* Does this thread wake those that wait for the futex? */
static __always_inline int is_waker(const struct pt_regs *regs, __u64 futex)
{
	__s64 nr = syscall_number(regs);
	__u32 op = syscall_arg1(regs) & FUTEX_CMD_MASK;

	return nr >= 0 && nr < LS_SYSCALLS &&
		syscall_rules[nr & (LS_SYSCALLS - 1)] == LS_RULE_FUTEX &&
		syscall_arg0(regs) == futex &&
		(op == FUTEX_WAKE || op == FUTEX_WAKE_OP || op == FUTEX_WAKE_BITSET);
}

/*
 * A thread is about to be woken. Unlike at sched_wakeup, the current thread is always the one that
 * wakes it, unless an interrupt does: a timeout, or another thread's signal.
 */
SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *task)
{
	METER(WAKING);
	struct thread_state *ts = thread_of(task);
	struct task_struct *waker;

	if (!ts || !ts->lock_futex || !ts->off_at_ns || ts->woken_at_ns || task->on_cpu)
		return 0;
	waker = bpf_get_current_task_btf();
	if (waker->tgid != ts->tgid ||
	    !is_waker((const struct pt_regs *)bpf_task_pt_regs(waker), ts->lock_futex))
		return 0;
	return lock_release_look(ts, holders_of(task),
				 thread_key(&waker->thread, &waker->thread_pid),
				 bpf_ktime_get_ns());
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
	if (ts->off_at_ns && !ts->woken_at_ns) {
		ts->woken_at_ns = bpf_ktime_get_ns();
		throttle_mark(ts, task);
		if (ts->off_kind == OFF_BLOCKED && ts->cur.unit != LS_UNIT_NONE)
			cpu_wait_begin(ts, task->thread_info.cpu, ts->woken_at_ns);
	}
	return 0;
}
