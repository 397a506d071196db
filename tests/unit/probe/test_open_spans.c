/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The span that a thread has open, read out of the state that the kernel side has written.
 */
#include "host_probe.h"

#define SP 0x1000

static const int thread_fd = TID; /* stands for a pidfd */

static void begin(void)
{
	host_probe_begin();
	world__know_loop();
}

TestSuite(probe_open_spans, .init = begin);

static struct probe_live read_now(void)
{
	struct probe_live live;
	uint64_t sum = 0;

	cr_assert_eq(probe__live(&host_probe, thread_fd, machine.now_ns, &live), 0);
	for (size_t i = 0; i < LS_CAUSE_MAX; i++)
		sum += live.stall.cause_ns[i];
	cr_expect_eq(sum, live.stall.duration_ns, "the split adds up");
	return live;
}

/* What open_stall() has reported. */
static struct {
	size_t n_stacks, n_stalls;
	struct ls_rec_stack stack; /* the last one */
	struct ls_rec_stall stall;
	int code; /* of the callback */
} got;

static int take(void *ctx, const struct event *event)
{
	(void)ctx;
	if (event->kind == LS_REC_STACK) {
		got.stack = *event->stack;
		got.n_stacks++;
	} else if (event->kind == LS_REC_STALL) {
		got.stall = *event->stall;
		got.n_stalls++;
	}
	return got.code;
}

static int report(uint64_t min_ns)
{
	const struct open_stall_query query = {
		.now_ns = machine.now_ns, .min_ns = min_ns, .end = LS_END_RUNNING, .fn = take
	};

	return probe__open_stall(&host_probe, thread_fd, &query);
}

Test(probe_open_spans, none_is_open)
{
	struct probe_live live;
	const int nobody = TID + 1;

	cr_expect_eq(probe__live(&host_probe, nobody, machine.now_ns, &live), -ESRCH);
	cr_expect_eq(probe__live(&host_probe, thread_fd, machine.now_ns, &live), -ENOENT,
		     "it has never run a step");
	step(world.task, MS);
	poll_return();
	block_in_state(1, SYS_epoll_pwait);
	cr_expect_eq(probe__live(&host_probe, thread_fd, machine.now_ns, &live), -ENOENT,
		     "it waits in its poll");
	cr_expect_eq(report(0), -ENOENT);
}

Test(probe_open_spans, totals_with_the_wait_that_goes_on)
{
	struct ls_thread_stats stats;

	step(world.task, MS);
	idle(MS);
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	pass(70 * MS);
	cr_assert_eq(probe__thread_now(&host_probe, thread_fd, machine.now_ns, &stats), 0);
	cr_expect_eq(stats.steps, 1);
	cr_expect_eq(stats.at_ns, machine.now_ns);
	cr_expect_eq(stats.step_ns + stats.callbacks_ns + stats.idle_ns,
		     machine.now_ns - stats.since_ns);
	cr_expect_eq(probe__thread_now(&host_probe, TID + 1, machine.now_ns, &stats), -ESRCH);
}

Test(probe_open_spans, totals_with_the_spans_that_go_on)
{
	struct ls_thread_stats stats;

	step(world.task, MS);
	step_enter(world.task, 0x9000);
	pass(3 * MS);
	step_enter(world.task, 0x5000);
	block(SYS_fsync, 0, 0, 0);
	pass(9 * MS);
	cr_assert_eq(probe__thread_now(&host_probe, thread_fd, machine.now_ns, &stats), 0);
	cr_expect_eq(stats.open_ns, 12 * MS);
	cr_expect_eq(stats.step_ns + stats.callbacks_ns + stats.idle_ns + stats.open_ns,
		     machine.now_ns - stats.since_ns);
}

Test(probe_open_spans, a_step_that_computes)
{
	struct probe_live live;

	step_enter(world.task, SP);
	pass(30 * MS);
	live = read_now();
	cr_expect_eq(live.stall.unit, LS_UNIT_STEP);
	cr_expect_eq(live.stall.duration_ns, 30 * MS);
	cr_expect_eq(live.stall.cause_ns[LS_CAUSE_CPU], 30 * MS);
	cr_expect_eq(live.stall.task, world.task);
	cr_expect_eq(live.stall.coro, world.coro);
	cr_expect_eq(live.stall.code, CODE);
	cr_expect_eq(live.stall.flags, LS_STALL_VICTIMS_UNKNOWN | LS_STALL_SOCKETS_UNKNOWN);
	cr_expect_eq(live.cause, LS_CAUSE_CPU);
	cr_expect_eq(live.syscall, LS_NO_SYSCALL);
	cr_expect_eq(live.n_frames, 0, "no sample was taken");
	cr_expect_eq(report(31 * MS), -ENOENT, "it is shorter");
	cr_expect_eq(got.n_stalls, 0);
}

/* Its stack is where it is blocked, and the wait so far is part of the split. */
Test(probe_open_spans, a_step_that_is_blocked)
{
	struct probe_live live;

	step_enter(world.task, SP);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	pass(2 * MS);
	block(SYS_clock_nanosleep, 0, 0, 0);
	pass(40 * MS);
	live = read_now();
	cr_expect_eq(live.cause, LS_CAUSE_SLEEP);
	cr_expect_eq(live.syscall, SYS_clock_nanosleep);
	cr_expect_eq(live.n_frames, 1);
	cr_expect_eq(live.frames[0].code, CODE);
	cr_expect_eq(live.stall.cause_ns[LS_CAUSE_SLEEP], 40 * MS);
	cr_expect_eq(live.stall.cause_ns[LS_CAUSE_CPU], 2 * MS);
	cr_assert_eq(report(10 * MS), 0);
	cr_expect_eq(got.n_stalls, 1);
	cr_expect_eq(got.n_stacks, 1);
	cr_expect(got.stack.flags & LS_STACK_SO_FAR);
	cr_expect_eq(got.stack.weight_ns, 40 * MS);
	cr_expect_eq(got.stack.span, got.stall.span);
	cr_expect_eq(got.stall.end, LS_END_RUNNING);
	cr_expect_neq(got.stall.name.kind, LS_NO_NAME, "it was read when the thread blocked");
	cr_expect_eq(got.stall.hdr.tid, TID);
	/* Woken: from then on it waits for a CPU. */
	wake();
	pass(5 * MS);
	live = read_now();
	cr_expect_eq(live.cause, LS_CAUSE_RUNQUEUE);
	cr_expect_eq(live.n_frames, 0);
	cr_expect_eq(live.stall.cause_ns[LS_CAUSE_SLEEP], 40 * MS);
	cr_expect_eq(live.stall.cause_ns[LS_CAUSE_RUNQUEUE], 5 * MS);
}

Test(probe_open_spans, waits_before_are_in_the_split)
{
	struct probe_live live;

	step_enter(world.task, SP);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	blocked(SYS_fsync, 0, 7 * MS);
	pass(MS);
	preempt();
	pass(4 * MS);
	live = read_now();
	cr_expect_eq(live.stall.cause_ns[LS_CAUSE_FILE], 7 * MS);
	cr_expect_eq(live.stall.cause_ns[LS_CAUSE_RUNQUEUE], 4 * MS);
	cr_expect_eq(live.stall.cause_ns[LS_CAUSE_CPU], MS);
	cr_assert_eq(report(0), 0);
	cr_expect_eq(got.n_stacks, 1, "where it was blocked");
	cr_expect_eq(got.stack.weight_ns, 7 * MS);
}

Test(probe_open_spans, the_last_sample_of_a_step)
{
	struct probe_live live;

	start_sampler();
	step_enter(world.task, SP);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	blocked(SYS_fsync, 0, MS);
	pass(10 * MS);
	tick();
	pass(MS);
	live = read_now();
	cr_expect_eq(live.cause, LS_CAUSE_CPU);
	cr_expect_eq(live.n_frames, 1);
	cr_expect_eq(live.frames[0].code, CODE);
	cr_expect_eq(live.stall.samples, 1);
}

/* A program changes the state while it is copied. */
Test(probe_open_spans, a_torn_copy_is_not_believed)
{
	struct thread_state *ts;
	struct probe_live live;
	uint64_t start_ns;

	step_enter(world.task, SP);
	blocked(SYS_fsync, 0, 7 * MS);
	ts = bpf_task_storage_get(&threads, &world.thread->task, NULL, 0);
	start_ns = ts->cur.start_ns;
	ts->cur.start_ns = machine.now_ns + 1;
	cr_expect_eq(probe__live(&host_probe, thread_fd, machine.now_ns, &live), -EAGAIN,
		     "it begins in the future");
	ts->cur.start_ns = start_ns;
	ts->cur.cause_ns[LS_CAUSE_FILE] += S;
	cr_expect_eq(probe__live(&host_probe, thread_fd, machine.now_ns, &live), -EAGAIN,
		     "it has waited longer than it has been open");
	cr_expect_eq(report(0), -EAGAIN);
	cr_expect_eq(got.n_stalls, 0);
}

/* The state is copied a moment after somebody asked for it. */
Test(probe_open_spans, a_copy_that_is_newer_than_the_question)
{
	struct ls_thread_stats stats;
	uint64_t asked_ns;

	step_enter(world.task, SP);
	blocked(SYS_fsync, 0, 20 * MS);
	asked_ns = machine.now_ns - MS;
	machine.now_ns = asked_ns;
	cr_expect_eq(read_now().stall.duration_ns, 20 * MS);
	cr_assert_eq(probe__thread_now(&host_probe, thread_fd, asked_ns, &stats), 0);
	cr_expect_eq(stats.at_ns, asked_ns + MS);
	cr_expect_eq(stats.open_ns, 20 * MS);
	machine.now_ns += 2 * MS;
	block(SYS_fsync, 0, 0, 0);
	machine.now_ns -= MS;
	cr_expect_eq(report(0), 0);
	cr_expect_eq(got.stall.duration_ns, 21 * MS, "up to the wait that has begun since");
	cr_expect_eq(got.stall.cause_ns[LS_CAUSE_FILE], 20 * MS);
	cr_expect_eq(got.stall.hdr.ts_ns, asked_ns + 2 * MS);
}

Test(probe_open_spans, what_the_receiver_returns)
{
	step_enter(world.task, SP);
	pass(20 * MS);
	got.code = -EPIPE;
	cr_expect_eq(report(0), -EPIPE);
}

/* The holder is that of the longest wait for the GIL, which may be the one that goes on. */
Test(probe_open_spans, the_holder_of_the_gil)
{
	struct thread_state *ts;

	step_enter(world.task, SP);
	blocked(SYS_fsync, 0, MS);
	block(SYS_futex, 0, 0, 0);
	pass(20 * MS);
	ts = bpf_task_storage_get(&threads, &world.thread->task, NULL, 0);
	ts->off_cause = LS_CAUSE_GIL;
	ts->holder_tstate = 0x7777;
	ts->holder_id = 9;
	cr_assert_eq(read_now().stall.gil_holder_tstate, 0x7777);
	ts->cur.gil.longest_ns = S;
	ts->cur.gil.tstate = 0x8888;
	cr_assert_eq(read_now().stall.gil_holder_tstate, 0x8888);
}

/* The same of a lock: what is not known of the wait that goes on counts as well. */
Test(probe_open_spans, the_holder_of_a_lock)
{
	struct thread_state *ts;
	struct ls_rec_stall stall;

	step_enter(world.task, SP);
	blocked(SYS_fsync, 0, MS);
	block(SYS_futex, 0, 0, 0);
	pass(20 * MS);
	ts = bpf_task_storage_get(&threads, &world.thread->task, NULL, 0);
	cr_assert_eq(read_now().stall.lock_known, LS_LOCK_NO_OBJECT);
	ts->lock_known = LS_LOCK_OWNER;
	ts->holder_tstate = 0x7777;
	ts->holder_id = 9;
	stall = read_now().stall;
	cr_assert_eq(stall.lock_holder_tstate, 0x7777);
	cr_assert_eq(stall.lock_holder_id, 9);
	cr_assert_eq(stall.lock_known, LS_LOCK_OWNER);
	cr_assert_eq(stall.gil_holder_tstate, 0);
	ts->cur.lock.longest_ns = S;
	ts->cur.lock.tstate = 0x8888;
	ts->cur.lock_known = LS_LOCK_RELEASED;
	stall = read_now().stall;
	cr_assert_eq(stall.lock_holder_tstate, 0x8888);
	cr_assert_eq(stall.lock_known, LS_LOCK_RELEASED);
}

/* With the wait that goes on, and not of another span. */
Test(probe_open_spans, the_trace_context)
{
	const uint64_t variable = THREAD_POINTER - 64, record = py__alloc(32);

	settings.reads_traces = 1;
	python.proc.trace =
		(struct ls_trace_variable){ .place = LS_TRACE_STATIC, .offset = 0ULL - 64 };
	world__update_proc();
	memory__put(record, 1);
	memory__put(record + 16, 7);
	memory__put(record + 24, 1);
	memory__put(variable, record);
	step_enter(world.task, SP);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	pass(MS);
	cr_expect_eq(read_now().stall.trace.span_id, 0, "it was not looked at yet");
	block(SYS_fsync, 0, 0, 0);
	pass(20 * MS);
	cr_expect_eq(read_now().stall.trace.span_id, 7);
	on_cpu();
	step_exit(SP);
	step_enter(world.task, SP);
	pass(20 * MS);
	cr_expect_eq(read_now().stall.trace.span_id, 0);
}
