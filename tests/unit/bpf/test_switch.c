/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time off the CPU: its causes, what is a wait for a CPU, the loop's own wait, stacks of blocking
 * calls.
 */
#include <errno.h>
#include <signal.h>

#include "arch_regs.h"
#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

TestSuite(bpf_switch, .init = world__begin);

static struct inode inodes[4] = {
	{ .i_mode = 0140777 }, /* socket */
	{ .i_mode = 0010600 }, /* pipe */
	{ .i_mode = 0100644 }, /* file */
	{ .i_mode = 0020620 }, /* terminal */
};
static struct file files[4];

enum { SOCKET_FD = 10, PIPE_FD, FILE_FD, TTY_FD };

static void open_files(void)
{
	for (int i = 0; i < 4; i++) {
		files[i].f_inode = &inodes[i];
		world.thread->fds[SOCKET_FD + i] = &files[i];
	}
}

/* A step of 20 ms that is blocked for 15 of them; returns its record. */
static const struct ls_rec_stall *blocked_step(long syscall, uint64_t a, uint64_t b, uint64_t c)
{
	step_enter(world.task, 0x1000);
	pass(3 * MS);
	block(syscall, a, b, c);
	pass(15 * MS);
	wake();
	on_cpu();
	pass(2 * MS);
	step_exit(0x1000);
	return take_stall();
}

static void expect_cause(uint32_t cause, long syscall, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t before = cause_total(cause);
	const struct ls_rec_stall *stall = blocked_step(syscall, a, b, c);

	cr_assert_eq(stall->duration_ns, 20 * MS);
	cr_assert_eq(stall->cause_ns[cause], 15 * MS, "call %ld: not cause %u", syscall, cause);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 5 * MS);
	cr_assert_eq(cause_total(cause) - before, 15 * MS);
}

Test(bpf_switch, causes_by_system_call)
{
	open_files();
	expect_cause(LS_CAUSE_SLEEP, SYS_clock_nanosleep, 0, 0, 0);
	expect_cause(LS_CAUSE_PROCESS, SYS_wait4, 0, 0, 0);
	expect_cause(LS_CAUSE_FILE, SYS_fsync, FILE_FD, 0, 0);
	expect_cause(LS_CAUSE_NETWORK, SYS_recvfrom, SOCKET_FD, 0, 0);
	expect_cause(LS_CAUSE_PIPE, SYS_read, PIPE_FD, 0, 0);
	expect_cause(LS_CAUSE_FILE, SYS_read, FILE_FD, 0, 0);
	expect_cause(LS_CAUSE_OTHER, SYS_read, TTY_FD, 0, 0);
	expect_cause(LS_CAUSE_OTHER, SYS_read, HOST_FDS + 1, 0, 0);
	expect_cause(LS_CAUSE_OTHER, SYS_read, 3, 0, 0);
	expect_cause(LS_CAUSE_OTHER, SYS_rt_sigsuspend, 0, 0, 0);
	expect_cause(LS_CAUSE_OTHER, LS_SYSCALLS + 3, 0, 0, 0);
	expect_cause(LS_CAUSE_PAGEFAULT, -1, 0, 0, 0);
}

static const struct ls_rec_stall *stopped_step(unsigned int state, unsigned long jobctl,
					       long syscall)
{
	step_enter(world.task, 0x1000);
	pass(3 * MS);
	world.thread->task.jobctl = jobctl;
	block_in_state(state, syscall);
	pass(15 * MS);
	wake();
	on_cpu();
	pass(2 * MS);
	world.thread->task.jobctl = 0;
	step_exit(0x1000);
	return take_stall();
}

Test(bpf_switch, stopped_from_outside)
{
	static struct task_struct tracer = { .tgid = 99, .pid = 100 };
	const struct {
		unsigned int state;
		unsigned long jobctl;
		long syscall;
		uint32_t stop, id;
	} stops[] = {
		{ 0x4, SIGSTOP, -1, LS_STOP_SIGNAL, SIGSTOP },
		{ 0x4, SIGTSTP | 1UL << 17, SYS_clock_nanosleep, LS_STOP_SIGNAL, SIGTSTP },
		{ 0x108, 0, SYS_read, LS_STOP_TRACER, 99 },
		{ 0x8000, 0, -1, LS_STOP_FREEZER, 0 },
		{ 0x2001, 1UL << 23, -1, LS_STOP_FREEZER, 0 },
	};

	world.thread->task.parent = &tracer;
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		const struct ls_rec_stall *stall =
			stopped_step(stops[i].state, stops[i].jobctl, stops[i].syscall);

		cr_assert_eq(stall->cause_ns[LS_CAUSE_STOPPED], 15 * MS, "stop %zu", i);
		cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 5 * MS);
		cr_assert_eq(stall->stop, stops[i].stop);
		cr_assert_eq(stall->stop_id, stops[i].id);
	}
	/* Own times do not have it. */
	cr_assert_eq(stats_of(CODE)->own_shift[ls_hist_index(20 * MS)], -5);
	cr_assert_eq(stats_of(CODE)->own_shift[ls_hist_index(5 * MS)], 5);
}

/* The command of `loopstall trace -- COMMAND` is stopped while it is examined. */
Test(bpf_switch, stopped_by_us_in_a_call)
{
	static struct task_struct we = { .tgid = 99, .pid = 99 };
	const struct ls_rec_stall *stall;

	world.thread->task.real_parent = &we;
	settings.own_tgid = 99;
	stall = stopped_step(0x4, SIGSTOP, SYS_clock_nanosleep);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 15 * MS);
	stall = stopped_step(0x4, SIGTSTP, SYS_clock_nanosleep);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_STOPPED], 15 * MS, "not by us");
	stall = stopped_step(0x4, SIGSTOP, -1);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_STOPPED], 15 * MS, "in no call");
	settings.own_tgid = 98;
	stall = stopped_step(0x4, SIGSTOP, SYS_clock_nanosleep);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_STOPPED], 15 * MS, "the child of another");
}

/* Of the time without a CPU, what the quota is to blame for, and no more. */
Test(bpf_switch, throttled_by_a_quota)
{
	static struct task_group root = { .cfs_bandwidth = { .quota = ~0ULL } },
				 limited = { .parent = &root,
					     .cfs_bandwidth = { 30 * MS, 100 * MS } },
				 group = { .parent = &limited,
					   .cfs_bandwidth = { .quota = ~0ULL } };
	struct cfs_rq *cfs_rq = world.thread->task.se.cfs_rq;
	const struct ls_rec_stall *stall;

	cfs_rq->tg = &group;
	cfs_rq->throttled_clock_self_time = 7 * S;
	step_enter(world.task, 0x1000);
	pass(3 * MS);
	preempt();
	pass(80 * MS);
	cfs_rq->throttled_clock_self_time += 70 * MS;
	on_cpu();
	/* It slept while others of its group were throttled. */
	block(SYS_clock_nanosleep, 0, 0, 0);
	pass(50 * MS);
	cfs_rq->throttled_clock_self_time += 40 * MS;
	wake();
	pass(MS);
	on_cpu();
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->cause_ns[LS_CAUSE_THROTTLED], 70 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 11 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 50 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 3 * MS);
	cr_assert_eq(stall->quota_ns, 30 * MS);
	cr_assert_eq(stall->period_ns, 100 * MS);
}

Test(bpf_switch, locks_and_the_gil)
{
	uint64_t cond = python.gil + python.proc.py.at.gil_cond;
	uint64_t holder = py__tstate(0x77, 4711);
	const struct ls_rec_stall *stall;

	expect_cause(LS_CAUSE_LOCK, SYS_futex, 0x5000, 0, 0);
	expect_cause(LS_CAUSE_LOCK, SYS_futex, python.gil + python.proc.py.at.gil_end, 0, 0);
	memory__put(python.gil + python.proc.py.at.gil_last_holder, holder);
	memory__put(python.gil + python.proc.py.at.gil_locked, 1);
	stall = blocked_step(SYS_futex, cond + 4, 0, 0);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_GIL], 15 * MS);
	cr_assert_eq(stall->gil_holder_tstate, holder);
	cr_assert_eq(stall->gil_holder_id, 4711);
}

Test(bpf_switch, poll_and_select_by_what_they_wait_for)
{
	uint64_t fds = py__alloc(64), set = py__alloc(64);

	open_files();
	memory__put(fds, SOCKET_FD);
	expect_cause(LS_CAUSE_SLEEP, SYS_ppoll, 0, 0, 0);
	expect_cause(LS_CAUSE_NETWORK, SYS_ppoll, fds, 1, 0);
	memory__put(fds, (uint32_t)-1);
	expect_cause(LS_CAUSE_OTHER, SYS_ppoll, fds, 1, 0);
	expect_cause(LS_CAUSE_OTHER, SYS_ppoll, 0x10, 1, 0);
	expect_cause(LS_CAUSE_SLEEP, SYS_pselect6, 0, 0, 0);
	expect_cause(LS_CAUSE_SLEEP, SYS_pselect6, 20, 0, 0);
	memory__put(set, 1 << PIPE_FD);
	expect_cause(LS_CAUSE_PIPE, SYS_pselect6, 20, set, 0);
	expect_cause(LS_CAUSE_PIPE, SYS_pselect6, 20, 0, set);
	memory__put(set, 0);
	expect_cause(LS_CAUSE_OTHER, SYS_pselect6, 20, set, 0);
	expect_cause(LS_CAUSE_OTHER, SYS_pselect6, 200, 0x10, 0);
}

/* From its wake-up on it only waits for a CPU. */
Test(bpf_switch, woken_but_not_yet_on_a_cpu)
{
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	block(SYS_clock_nanosleep, 0, 0, 0);
	at(12 * MS);
	wake();
	at(13 * MS);
	wake();
	at(20 * MS);
	on_cpu();
	step_exit(0x1000);
	stall = expect_stall(LS_UNIT_STEP, 0, 20 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 12 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 8 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 0);
}

Test(bpf_switch, preempted)
{
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	at(2 * MS);
	preempt();
	at(17 * MS);
	on_cpu();
	step_exit(0x1000);
	stall = expect_stall(LS_UNIT_STEP, 0, 17 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 15 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 2 * MS);
	/* Its histogram without waits for a CPU has it among the short ones. */
	cr_assert_eq(stats_of(CODE)->own_shift[ls_hist_index(17 * MS)], -1);
	cr_assert_eq(stats_of(CODE)->own_shift[ls_hist_index(2 * MS)], 1);
}

Test(bpf_switch, the_loops_own_wait_is_idle)
{
	step(world.task, MS);
	pass(MS);
	idle(500 * MS);
	step(world.task, 3 * MS);
	expect_no_stall();
	cr_assert_eq(totals().idle_ns, 500 * MS);
	cr_assert_eq(totals().callbacks_ns, MS);
	cr_assert_eq(totals().turns, 1);
	cr_assert_eq(totals().worst_turn_ns, 2 * MS);
}

/* Where no poll spot was found, a turn begins when the thread returns. */
Test(bpf_switch, turns_without_a_poll_spot)
{
	python.proc.has_poll_spot = 0;
	world__update_proc();
	step(world.task, MS);
	blocked(SYS_epoll_pwait, LOOP_EPOLL, 100 * MS);
	pass(20 * MS);
	step(world.task, MS);
	expect_stall(LS_UNIT_CALLBACK, 101 * MS, 20 * MS);
	cr_assert_eq(totals().idle_ns, 100 * MS);
}

static void select_blocks(uint64_t fds, uint64_t duration_ns)
{
	block(SYS_pselect6, 1, fds, 0);
	pass(duration_ns);
	wake();
	on_cpu();
}

/* A loop on select or poll, of a process whose epoll has a spot: its return is seen all the same.
 */
Test(bpf_switch, turns_of_a_loop_without_epoll)
{
	uint64_t fds = py__alloc(16);

	step(world.task, MS);
	select_blocks(fds, 100 * MS);
	pass(20 * MS);
	block(SYS_ppoll, fds, 1, 0);
	pass(100 * MS);
	wake();
	on_cpu();
	pass(30 * MS);
	step(world.task, MS);
	expect_stall(LS_UNIT_CALLBACK, 101 * MS, 20 * MS);
	expect_stall(LS_UNIT_CALLBACK, 221 * MS, 30 * MS);
	cr_assert_eq(totals().idle_ns, 200 * MS);
}

/* Up to 3.10 time.sleep() calls select without any descriptor. */
Test(bpf_switch, a_sleep_is_no_wait_of_a_loop_without_epoll)
{
	const struct ls_rec_stall *stall;

	step(world.task, MS);
	select_blocks(py__alloc(16), 100 * MS);
	blocked(SYS_pselect6, 0, 30 * MS);
	blocked(SYS_ppoll, 0, 20 * MS);
	step(world.task, MS);
	stall = expect_stall(LS_UNIT_CALLBACK, 101 * MS, 50 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 50 * MS);
	cr_assert_eq(totals().idle_ns, 100 * MS);
}

/* nest_asyncio: the loop runs inside a step, and what it waits there is nobody's stall. */
Test(bpf_switch, the_loops_wait_inside_a_step)
{
	step(world.task, MS);
	idle(MS);
	at(0);
	at(10 * MS);
	step_enter(world.task, 0x1000);
	blocked(SYS_epoll_pwait, LOOP_EPOLL, 300 * MS);
	pass(4 * MS);
	step_exit(0x1000);
	cr_assert_eq(stats_of(CODE)->total_ns, 5 * MS);
	cr_assert_eq(totals().idle_ns, 301 * MS);
}

Test(bpf_switch, an_epoll_of_a_callbacks_own)
{
	const struct ls_rec_stall *stall;

	step(world.task, MS);
	idle(MS);
	blocked(SYS_epoll_pwait, LOOP_EPOLL + 1, 30 * MS);
	poll_return();
	pass(MS);
	step(world.task, MS);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_CALLBACK);
	cr_assert_eq(stall->duration_ns, 31 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_NETWORK], 30 * MS);
}

/*
 * A loop on select: until an epoll descriptor is known, any such wait outside a step is taken for
 * it.
 */
Test(bpf_switch, a_loop_on_select)
{
	step(world.task, MS);
	select_blocks(py__alloc(16), 200 * MS);
	poll_return();
	step(world.task, MS);
	expect_no_stall();
	cr_assert_eq(totals().idle_ns, 200 * MS);
}

Test(bpf_switch, a_name_look_up)
{
	struct pt_regs regs = regs_of_call(0x900, 0, 0, 0, 0);
	uint64_t fds = py__alloc(16);
	const struct ls_rec_stall *stall;

	open_files();
	memory__put(fds, SOCKET_FD);
	step_enter(world.task, 0x1000);
	machine.cookie = LS_SPOT_DNS_ENTER;
	prog_spot(&regs);
	block(SYS_ppoll, fds, 1, 0);
	pass(15 * MS);
	wake();
	on_cpu();
	/* Another Python line: the look-up is over. */
	py__set_top(world.tstate, py__frame(LOOP_CODE, 0x1234, 0));
	block(SYS_ppoll, fds, 1, 0);
	pass(5 * MS);
	wake();
	on_cpu();
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->cause_ns[LS_CAUSE_DNS], 15 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_NETWORK], 5 * MS);
}

Test(bpf_switch, stacks_of_blocking_calls)
{
	uint64_t inner, own;
	const struct ls_rec_stack *stack;

	step_enter(world.task, 0x1000);
	own = py__coro_frame(world.coro, 0x30, world.loop_frame);
	inner = py__frame(0xf00, 0x40, own);
	py__set_top(world.tstate, inner);
	blocked(SYS_clock_nanosleep, 0, 8 * MS);
	blocked(SYS_clock_nanosleep, 0, 4 * MS);
	py__set_top(world.tstate, own);
	blocked(SYS_fsync, 0, 3 * MS);
	step_exit(0x1000);
	stack = &next_record(LS_REC_STACK)->stack;
	cr_assert_eq(stack->weight_ns, 12 * MS);
	cr_assert_eq(stack->count, 2);
	cr_assert_eq(stack->cause, LS_CAUSE_SLEEP);
	cr_assert_eq(stack->syscall, SYS_clock_nanosleep);
	cr_assert_eq(stack->native_ip, 0x401000);
	cr_assert_eq(stack->n_frames, 2);
	cr_assert_eq(stack->frames[0].code, 0xf00);
	cr_assert_eq(stack->frames[0].position, 0x40);
	cr_assert_eq(stack->frames[1].code, CODE);
	cr_assert_eq(stack->flags, LS_STACK_AT_CORO);
	stack = &next_record(LS_REC_STACK)->stack;
	cr_assert_eq(stack->cause, LS_CAUSE_FILE);
	cr_assert_eq(stack->n_frames, 1);
	cr_assert_eq(next_record(LS_REC_STALL)->stall.span, stack->span);
}

/* A call that starts a child and waits for it is a wait. */
Test(bpf_switch, a_place_goes_by_its_longest_wait)
{
	const struct ls_rec_stack *stack;

	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, py__frame(0xf00, 0x40, world.loop_frame));
	blocked(SYS_clone, 0, MS);
	blocked(SYS_wait4, 0, 12 * MS);
	blocked(SYS_clone, 0, 2 * MS);
	step_exit(0x1000);
	cr_assert_eq(count_records(LS_REC_STACK), 1);
	stack = &next_record(LS_REC_STACK)->stack;
	cr_assert_eq(stack->weight_ns, 15 * MS);
	cr_assert_eq(stack->cause, LS_CAUSE_PROCESS);
	cr_assert_eq(stack->syscall, SYS_wait4);
}

/* One more place than there is room for: the lightest gives way, and that is counted. */
Test(bpf_switch, more_places_than_sites)
{
	uint64_t weight_ns = 0;

	step_enter(world.task, 0x1000);
	for (uint64_t i = 0; i <= LS_MAX_SITES; i++) {
		py__set_top(world.tstate, py__frame(0xf00, 0x100 * i, world.loop_frame));
		blocked(SYS_clock_nanosleep, 0, (i + 2) * MS);
	}
	step_exit(0x1000);
	cr_assert_eq(machine__loss(LS_LOSS_SITES_FULL), 1);
	cr_assert_eq(count_records(LS_REC_STACK), LS_MAX_SITES);
	for (size_t i = 0; i < LS_MAX_SITES; i++)
		weight_ns += next_record(LS_REC_STACK)->stack.weight_ns;
	cr_assert_eq(weight_ns, (2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10 - 2) * MS);
}

Test(bpf_switch, places_that_cannot_be_read)
{
	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, 0x10);
	blocked(SYS_clock_nanosleep, 0, 15 * MS);
	cr_assert_eq(machine__loss(LS_LOSS_STACK_UNREADABLE), 1);
	py__set_top(world.tstate, 0);
	blocked(SYS_clock_nanosleep, 0, 15 * MS);
	cr_assert_eq(machine__loss(LS_LOSS_STACK_NO_THREAD), 1);
	step_exit(0x1000);
	cr_assert_eq(take_stall()->cause_ns[LS_CAUSE_SLEEP], 30 * MS);
	cr_assert_eq(count_records(LS_REC_STACK), 0);
}

Test(bpf_switch, what_the_hypervisor_took)
{
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, MS);
	pass(5 * MS);
	world.thread->rq.prev_steal_time_rq += 3 * MS;
	pass(10 * MS);
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->stolen_ns, 3 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 3 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 12 * MS);
	/* On another CPU the account is another one. */
	step_enter(world.task, 0x1000);
	machine.cpu = 1;
	world.thread->rq.prev_steal_time_rq = 900 * MS;
	pass(15 * MS);
	step_exit(0x1000);
	cr_assert_eq(take_stall()->stolen_ns, 0);
}

/* The kernel updates its counter late: reads before that must not make the account smaller. */
Test(bpf_switch, what_the_hypervisor_took_is_known_late)
{
	const struct ls_rec_stall *stall;

	start_sampler();
	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, MS);
	at(9 * MS);
	tick();
	world.thread->rq.prev_steal_time_rq += 3 * MS;
	pass(MS / 10);
	blocked(SYS_fsync, 0, MS);
	pass(2 * MS);
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->stolen_ns, 3 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 7100 * US);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_FILE], 2 * MS);
}

/* What was taken before a span began is not taken from it. */
Test(bpf_switch, what_the_hypervisor_took_before)
{
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, MS);
	pass(MS);
	step_exit(0x1000);
	step_enter(world.task, 0x1000);
	world.thread->rq.prev_steal_time_rq += 3 * MS;
	pass(MS);
	blocked(SYS_fsync, 0, 9 * MS);
	pass(MS);
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->stolen_ns, MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], MS);
}

Test(bpf_switch, totals_reach_user_space_now_and_then)
{
	const uint64_t key = (uint64_t)TGID << 32 | TID;
	const struct ls_thread_stats *stats;

	step(world.task, MS);
	blocked(SYS_fsync, 0, MS);
	stats = bpf_map_lookup_elem(&thread_stats, &key);
	cr_assert_eq(stats->steps, 1);
	step(world.task, MS);
	blocked(SYS_fsync, 0, MS);
	cr_assert_eq(stats->steps, 1);
	pass(20 * MS);
	blocked(SYS_fsync, 0, MS);
	cr_assert_eq(stats->steps, 2);
}
