/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loop threads that user space finds in a step or callback, which began before there were probes.
 */
#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

static struct ls_loop_thread found;

static void begin(void)
{
	world__begin();
	world__know_loop();
	found = (struct ls_loop_thread){ .loop = world.loop,
					 .tstate = world.tstate,
					 .tgid = TGID,
					 .epoll_fd = LOOP_EPOLL,
					 .task = world.task,
					 .coro = world.coro,
					 .code = CODE,
					 .is_inside = 1,
					 .flags = LS_STACK_AT_CORO,
					 .n_frames = 2,
					 .frames = { { 0x111, 7 }, { CODE, 9 } } };
}

TestSuite(bpf_found, .init = begin);

static void visit(void)
{
	const uint32_t tid = TID;

	bpf_map_update_elem(&loop_threads, &tid, &found, 0);
	prog_each_task(&(struct bpf_iter__task){ .task = &world.thread->task });
}

static const struct ls_rec_stall *expect_late(uint32_t unit, uint64_t duration_ns)
{
	const struct ls_rec_stall *stall = expect_stall(unit, 0, duration_ns);

	cr_assert(stall->flags & LS_STALL_BEGAN_BEFORE);
	return stall;
}

/* Found asleep: the stack that user space has read has the weight. */
Test(bpf_found, a_step_that_sleeps)
{
	const struct ls_rec_stall *stall;
	const struct ls_rec_stack *stack;

	block(SYS_clock_nanosleep, 0, 0, 0);
	visit();
	pass(3 * S);
	wake();
	on_cpu();
	pass(MS);
	step_exit(0x1000);
	stack = &next_record(LS_REC_STACK)->stack;
	cr_assert_eq(stack->weight_ns, 3 * S);
	cr_assert_eq(stack->cause, LS_CAUSE_SLEEP);
	cr_assert_eq(stack->syscall, SYS_clock_nanosleep);
	cr_assert_eq(stack->n_frames, 2);
	cr_assert_eq(stack->frames[1].code, CODE);
	cr_assert_eq(stack->flags, LS_STACK_AT_CORO);
	stall = expect_late(LS_UNIT_STEP, 3 * S + MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 3 * S);
	cr_assert_eq(stall->task, world.task);
	cr_assert_eq(stall->code, CODE);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_UNMATCHED), 0);
	step(world.task, 20 * MS);
	cr_assert_eq(take_stall()->flags & LS_STALL_BEGAN_BEFORE, 0, "the next one is whole");
}

/* Found on its CPU; samples end at the coroutine's frame. */
Test(bpf_found, a_step_that_computes)
{
	start_sampler();
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x2000, world.loop_frame));
	visit();
	preempt();
	on_cpu();
	for (int i = 0; i < 10; i++) {
		pass(2 * MS);
		tick();
	}
	step_exit(0x1000);
	cr_assert_eq(next_record(LS_REC_STACK)->stack.flags, LS_STACK_AT_CORO);
	cr_assert_eq(expect_late(LS_UNIT_STEP, 20 * MS)->stolen_ns, 0);
}

Test(bpf_found, steal_time_before_is_not_its_own)
{
	world.thread->rq.prev_steal_time_rq = 5 * S;
	visit();
	pass(20 * MS);
	step_exit(0x1000);
	cr_assert_eq(expect_late(LS_UNIT_STEP, 20 * MS)->stolen_ns, 0);
}

/* What ends it where no step's end is seen: the next step, or the loop's poll. */
Test(bpf_found, a_callback)
{
	found.task = found.coro = found.code = 0;
	visit();
	pass(20 * MS);
	step_enter(world.task, 0x1000);
	expect_late(LS_UNIT_CALLBACK, 20 * MS);
	step_exit(0x1000);
	expect_no_stall();
}

Test(bpf_found, a_step_ends_by_the_poll_at_the_latest)
{
	visit();
	pass(20 * MS);
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	expect_late(LS_UNIT_STEP, 20 * MS);
	pass(S);
	wake();
	on_cpu();
	poll_return();
	expect_no_stall();
}

/* A poll of its own is part of a step, whether it began before or not. */
Test(bpf_found, a_step_that_polls)
{
	block(SYS_epoll_pwait, LOOP_EPOLL + 1, 0, 0);
	visit();
	pass(S);
	wake();
	on_cpu();
	poll_return();
	expect_no_stall();
	blocked(SYS_epoll_pwait, LOOP_EPOLL + 1, S);
	poll_return();
	blocked(SYS_ppoll, 0, S);
	expect_no_stall();
	step_exit(0x1000);
	expect_late(LS_UNIT_STEP, 3 * S);
}

/* The loop has come to its poll since user space looked. */
Test(bpf_found, one_that_waits_by_now_is_in_nothing)
{
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	visit();
	pass(S);
	wake();
	on_cpu();
	poll_return();
	expect_no_stall();
	bpf_task_storage_delete(&threads, &world.thread->task);
	found.epoll_fd = -1;
	block(SYS_pselect6, 1, py__alloc(16), 0);
	visit();
	pass(S);
	wake();
	on_cpu();
	poll_return();
	step(world.task, MS);
	expect_no_stall();
}

Test(bpf_found, a_short_one_is_no_stall)
{
	visit();
	pass(MS);
	step_exit(0x1000);
	expect_no_stall();
}

Test(bpf_found, its_process_is_killed)
{
	block(SYS_futex, 0, 0, 0);
	visit();
	pass(2 * S);
	wake();
	on_cpu();
	world.thread->task.exit_code = 9;
	prog_exit(NULL, &world.thread->task);
	cr_assert_eq(expect_late(LS_UNIT_STEP, 2 * S)->end, LS_END_SIGNAL);
}

/* Who waits behind it is found like behind any other stall. */
Test(bpf_found, has_victims)
{
	uint64_t victim = world__add_task("v", CODE + 0x10);

	visit();
	py__deque_append(world.ready, py__handle(py__step_callback(victim)));
	pass(20 * MS);
	step_exit(0x1000);
	cr_assert_eq(next_record(LS_REC_VICTIM)->victim.task, victim);
	expect_late(LS_UNIT_STEP, 20 * MS);
}

/* In exact mode only threads that are in something; none that has run a step since. */
Test(bpf_found, others_are_left_alone)
{
	found.is_inside = 0;
	visit();
	cr_assert_null(world.thread->storage[0]);
	step_enter(world.task, 0x1000);
	pass(20 * MS);
	found.is_inside = 1;
	visit();
	step_exit(0x1000);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 0, 20 * MS)->flags & LS_STALL_BEGAN_BEFORE, 0);
	bpf_task_storage_delete(&threads, &world.thread->task);
	machine.faults.storage_full = true;
	visit();
	cr_assert_eq(machine__loss(LS_LOSS_THREAD_STORAGE), 1);
}

/* Light mode goes on with it while the same task runs. */
Test(bpf_found, a_step_in_light_mode)
{
	const struct ls_rec_stall *stall;

	start_sampler();
	settings.is_light = 1;
	settings.light_since_ns = machine.now_ns;
	py__set_current_task(world.loop, world.task);
	block(SYS_clock_nanosleep, 0, 0, 0);
	visit();
	pass(2 * S);
	wake();
	on_cpu();
	for (int i = 0; i < 5; i++) {
		pass(2 * MS);
		tick();
	}
	expect_no_stall();
	py__set_current_task(world.loop, 0);
	blocked(SYS_epoll_pwait, LOOP_EPOLL, 50 * MS);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert_eq(stall->flags & (LS_STALL_LIGHT | LS_STALL_BEGAN_BEFORE),
		     LS_STALL_LIGHT | LS_STALL_BEGAN_BEFORE);
	cr_assert_eq(stall->start_ns, world.start_ns);
	cr_assert_geq(stall->duration_ns, 2 * S + 10 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 2 * S);
	cr_assert_eq(stall->task, world.task);
	expect_no_stall();
}

static void fall_asleep(void)
{
	block(SYS_clock_nanosleep, 0, 0, 0);
}

/* It was on its CPU, and had left it when its state was there. */
Test(bpf_found, a_loop_that_falls_asleep_while_it_is_found)
{
	settings.is_light = 1;
	found.is_inside = 0;
	machine.faults.meanwhile = fall_asleep;
	visit();
	cr_assert_null(machine.faults.meanwhile);
	pass(400 * MS);
	wake();
	on_cpu();
	pass(MS);
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	expect_no_stall();
	cr_assert_lt(totals().light_cpu_ns, 2 * MS);
}

#define RUNNER 0x444 /* code of the function that runs a loop known by its poll alone */

/* Found in its poll: three frames, the outermost of which runs the loop. */
static uint64_t bare_loop(void)
{
	const struct ls_loop_key key = { .loop = world.tstate, .tgid = TGID };
	const struct ls_loop loop = { .py.runner = RUNNER };
	const uint64_t runner = py__frame(RUNNER, 1, 0);

	bpf_map_update_elem(&loops, &key, &loop, 0);
	py__set_top(world.tstate, py__frame(0x555, 2, py__frame(0x556, 3, runner)));
	found = (struct ls_loop_thread){ .loop = world.tstate,
					 .tstate = world.tstate,
					 .tgid = TGID,
					 .epoll_fd = LOOP_EPOLL,
					 .loop_frame = runner,
					 .is_bare = 1 };
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	visit();
	return runner;
}

static void leave_poll(void)
{
	pass(MS);
	wake();
	on_cpu();
	poll_return();
}

/* No step creates its state. */
Test(bpf_found, a_loop_known_by_its_poll_alone)
{
	const uint64_t runner = bare_loop();
	const struct ls_rec_stack *stack;
	const struct ls_rec_stall *stall;

	leave_poll();
	py__set_top(world.tstate, py__frame(0x777, 5, runner));
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	py__set_top(world.tstate, py__frame(0x555, 2, runner));
	poll_return();
	stack = &next_record(LS_REC_STACK)->stack;
	cr_assert_eq(stack->n_frames, 2);
	cr_assert_eq(stack->frames[0].code, 0x777);
	cr_assert_eq(stack->frames[1].code, RUNNER);
	cr_assert_eq(stack->flags, LS_STACK_AT_LOOP);
	stall = expect_stall(LS_UNIT_CALLBACK, MS, 20 * MS);
	cr_assert_eq(stall->loop, world.tstate);
	cr_assert_eq(stall->flags, LS_STALL_VICTIMS_UNKNOWN | LS_STALL_SOCKETS_UNKNOWN);
	cr_assert_eq(machine__loss(LS_LOSS_VICTIM_NO_QUEUE), 0, "there is no queue to miss");
	cr_assert_eq(totals().idle_ns, MS);
	cr_assert_eq(totals().turns, 1);
}

/* The function that runs the loop was called anew: its frame is another one. */
Test(bpf_found, the_frame_that_runs_a_bare_loop_is_learned_again)
{
	uint64_t runner;

	bare_loop();
	leave_poll();
	runner = py__frame(RUNNER, 9, 0);
	py__set_top(world.tstate, py__frame(0x555, 2, runner));
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	leave_poll();
	py__set_top(world.tstate, py__frame(0x777, 5, runner));
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	poll_return();
	cr_assert_eq(next_record(LS_REC_STACK)->stack.flags, LS_STACK_AT_LOOP);
}

Test(bpf_found, light_mode_has_no_look_at_a_bare_loop)
{
	settings.is_light = 1;
	bare_loop();
	leave_poll();
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	expect_no_stall();
}
