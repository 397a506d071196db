/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Light mode: spans known from looks alone, their victims, and the change between the modes with a
 * span open.
 */
#include <signal.h>

#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

static void begin(void)
{
	struct ls_loop_thread found = { .tgid = TGID };
	const uint32_t tid = TID;
	struct bpf_iter__task visit;

	world__begin();
	world__know_loop();
	start_sampler();
	settings.is_light = 1;
	settings.light_since_ns = machine.now_ns;
	found.loop = world.loop;
	found.tstate = world.tstate;
	bpf_map_update_elem(&loop_threads, &tid, &found, 0);
	visit.task = &world.thread->task;
	prog_each_task(&visit);
	visit.task = NULL;
	prog_each_task(&visit);
	/* The loop was seen waiting once. */
	blocked(SYS_fsync, 0, MS);
	blocked(SYS_epoll_pwait, LOOP_EPOLL, 50 * MS);
}

TestSuite(bpf_light, .init = begin);

/* The loop takes a handle out of its queue, and runs the task's step. */
static void run_task(uint64_t task)
{
	py__deque_append(world.ready, py__handle(py__step_callback(task)));
	py__deque_popleft(world.ready);
	py__set_current_task(world.loop, task);
}

static void end_task(void)
{
	py__set_current_task(world.loop, 0);
}

static void wait_again(void)
{
	blocked(SYS_epoll_pwait, LOOP_EPOLL, 50 * MS);
}

static void ticks(int n)
{
	for (int i = 0; i < n; i++) {
		pass(2 * MS);
		tick();
	}
}

Test(bpf_light, a_long_step_is_seen_by_looks)
{
	const struct ls_rec_stall *stall;

	run_task(world.task);
	ticks(15);
	end_task();
	wait_again();
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert(stall->flags & LS_STALL_LIGHT);
	cr_assert(stall->duration_ns >= 28 * MS && stall->duration_ns <= 32 * MS, "%llu ns",
		  stall->duration_ns);
	cr_assert_eq(stall->task, world.task);
	cr_assert_eq(stall->code, CODE);
	cr_assert_arr_eq(stall->name.data, "Task-1", 6);
	cr_assert_eq(stats_of(CODE)->stalls, 1);
	cr_assert_gt(totals().light_step_ns, 25 * MS);
}

/* Stopped for 150 ms in a wait of so many. */
static void stop_in_the_wait(int timeout_ms)
{
	stop_in_poll(timeout_ms);
	run_task(world.task);
	ticks(1);
	end_task();
	wait_again();
}

Test(bpf_light, stopped_while_a_timer_is_due)
{
	const struct ls_rec_stall *stall;

	stop_in_the_wait(-1);
	stop_in_the_wait(1000);
	expect_no_stall();
	stop_in_the_wait(20);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_CALLBACK);
	cr_assert(stall->flags & LS_STALL_LIGHT);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_STOPPED], 135 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 2 * MS);
	cr_assert(stall->duration_ns >= 137 * MS && stall->duration_ns <= 140 * MS, "%llu ns",
		  stall->duration_ns);
	cr_assert_eq(stall->stop_id, SIGSTOP);
	expect_no_stall();
}

Test(bpf_light, uprobes_say_nothing)
{
	step(world.task, 20 * MS);
	resume(world.coro, 0x1000);
	resume_exit(0x1000);
	poll_return();
	cr_assert_eq(totals().steps, 0);
}

Test(bpf_light, a_step_that_blocks)
{
	const struct ls_rec_stall *stall;

	run_task(world.task);
	pass(MS);
	blocked(SYS_clock_nanosleep, 0, 25 * MS);
	end_task();
	wait_again();
	stall = take_stall();
	cr_assert_geq(stall->cause_ns[LS_CAUSE_SLEEP], 25 * MS);
	cr_assert_eq(count_records(LS_REC_STACK), 1);
}

Test(bpf_light, short_steps_are_no_stall)
{
	for (int i = 0; i < 20; i++) {
		run_task(world__add_task("short", CODE + 0x10));
		ticks(1);
	}
	end_task();
	wait_again();
	expect_no_stall();
	cr_assert_geq(totals().handles, 18);
}

Test(bpf_light, callbacks_stall)
{
	const struct ls_rec_stall *stall;

	ticks(15);
	wait_again();
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_CALLBACK);
	cr_assert_gt(totals().light_callbacks_ns, 20 * MS);
}

Test(bpf_light, the_shutdown_of_an_interpreter_is_no_callback)
{
	uint64_t cpu_ns;

	ticks(3);
	py__set_top(world.tstate, 0);
	cpu_ns = totals().light_cpu_ns;
	ticks(15);
	blocked(SYS_fsync, 0, 20 * MS);
	ticks(5);
	prog_exit(NULL, &world.thread->task);
	expect_no_stall();
	cr_assert_leq(totals().light_cpu_ns - cpu_ns, 2 * MS);
	cr_assert_geq(totals().open_ns, 58 * MS);
}

Test(bpf_light, those_who_wait_are_noted_while_the_stall_goes_on)
{
	uint64_t victim = world__add_task("victim", CODE + 0x10),
		 sleeper = world__add_task("z", CODE);

	py__list_append(world.scheduled, py__timer(sleeper, machine.now_ns + 10 * MS));
	run_task(world.task);
	py__deque_append(world.ready, py__handle(py__step_callback(victim)));
	pass(MS);
	blocked(SYS_clock_nanosleep, 0, 40 * MS);
	end_task();
	wait_again();
	cr_assert_eq(count_records(LS_REC_VICTIM), 2);
	cr_assert_eq(next_record(LS_REC_VICTIM)->victim.task, victim);
	cr_assert_eq(next_record(LS_REC_VICTIM)->victim.task, sleeper);
	cr_assert_eq(take_stall()->victims, 2);
}

Test(bpf_light, many_victims_are_cut)
{
	for (int i = 0; i < MAX_WAITERS + 5; i++)
		py__deque_append(world.ready,
				 py__handle(py__step_callback(world__add_task("v", CODE + 0x10))));
	run_task(world.task);
	ticks(10);
	end_task();
	wait_again();
	cr_assert(take_stall()->flags & LS_STALL_VICTIMS_CUT);
}

/* A step is open when the mode changes: it goes on under the looks, and its end is theirs. */
Test(bpf_light, from_exact_to_light_with_a_step_open)
{
	const struct ls_rec_stall *stall;

	settings.is_light = 0;
	poll_return();
	step_enter(world.task, 0x1000);
	py__set_current_task(world.loop, world.task);
	pass(5 * MS);
	settings.is_light = 1;
	settings.light_since_ns = machine.now_ns;
	ticks(10);
	step_exit(0x1000);
	cr_assert_eq(count_records(LS_REC_STALL), 0);
	end_task();
	wait_again();
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert(stall->flags & LS_STALL_LIGHT);
	cr_assert(stall->duration_ns >= 24 * MS && stall->duration_ns <= 26 * MS, "%llu ns",
		  stall->duration_ns);
}

/*
 * The step ends before the first look, and its task is freed: what was read while it ran is what
 * is known of it.
 */
Test(bpf_light, the_end_of_an_exact_step_that_nobody_saw)
{
	const struct ls_rec_stall *stall;

	settings.is_light = 0;
	poll_return();
	step_enter(world.task, 0x1000);
	py__set_current_task(world.loop, world.task);
	block(SYS_clock_nanosleep, 0, 0, 0);
	settings.is_light = 1;
	settings.light_since_ns = machine.now_ns;
	pass(20 * MS);
	on_cpu();
	end_task();
	memory__put(world.task + python.proc.py.at.task_name, 0);
	wait_again();
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert(stall->flags & LS_STALL_LIGHT, "its end is an estimate");
	cr_assert_eq(stall->task, world.task);
	cr_assert_eq(stall->code, CODE);
	cr_assert_arr_eq(stall->name.data, "Task-1", 6);
}

Test(bpf_light, an_exact_step_of_which_nothing_was_read)
{
	settings.is_light = 0;
	poll_return();
	step_enter(world.task, 0x1000);
	pass(20 * MS);
	settings.is_light = 1;
	settings.light_since_ns = machine.now_ns;
	memory__put(world.task + python.proc.py.at.task_name, 0);
	wait_again();
	cr_assert_eq(take_stall()->name.kind, LS_NO_NAME, "and not that of the span before");
}

/* It began before the probes were there, and the looks of light mode end before the first of it. */
Test(bpf_light, from_light_to_exact_with_a_step_that_nobody_saw)
{
	const struct ls_rec_stall *stall;
	struct ls_thread_stats before;

	run_task(world.task);
	settings.is_light = 0;
	before = totals();
	ticks(10);
	end_task();
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert(stall->flags & LS_STALL_LIGHT);
	cr_assert_eq(stall->task, world.task);
	cr_assert(stall->duration_ns >= 18 * MS && stall->duration_ns <= 20 * MS, "%llu ns",
		  stall->duration_ns);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_UNMATCHED), 0);
	cr_assert_eq(totals().light_cpu_ns - before.light_cpu_ns, 20 * MS);
	step(world.task, 15 * MS);
	stall = take_stall();
	cr_assert_eq(stall->flags & LS_STALL_LIGHT, 0, "the next one is exact");
	cr_assert_eq(stall->duration_ns, 15 * MS);
}

/* The same, and it sleeps at once. */
Test(bpf_light, from_light_to_exact_with_a_sleep_that_nobody_saw)
{
	const struct ls_rec_stall *stall;

	run_task(world.task);
	settings.is_light = 0;
	pass(MS);
	blocked(SYS_clock_nanosleep, 0, 30 * MS);
	end_task();
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert_eq(stall->task, world.task);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 30 * MS);
}

/* There exact mode knows the coroutine, and light mode the task. */
Test(bpf_light, a_task_written_in_python_goes_on)
{
	uint64_t type = py__alloc(400), task = py__object(type, 128), frame;
	const struct ls_loop_key key = { .loop = world.loop, .tgid = TGID };
	struct ls_loop loop = {
		.py = { .ready = world.ready,
			.tasks = { .type = type,
				   .task_local = PY_LOCAL_TASK,
				   .coro = 32,
				   .name = 40 } },
	};
	const struct ls_rec_stall *stall;

	bpf_map_update_elem(&loops, &key, &loop, 0);
	memory__put(task + 32, world.coro);
	memory__put(task + 40, py__str("a task in Python"));
	frame = py__frame(LOOP_CODE + 1, 0, world.loop_frame);
	memory__put(frame + PY_LOCAL_TASK, task);
	settings.is_light = 0;
	poll_return();
	py__set_top(world.tstate, frame);
	resume(world.coro, 0x1000);
	pass(5 * MS);
	settings.is_light = 1;
	settings.light_since_ns = machine.now_ns;
	py__set_current_task(world.loop, task);
	ticks(10);
	cr_assert_eq(count_records(LS_REC_STALL), 0, "it is one stall");
	end_task();
	wait_again();
	stall = take_stall();
	cr_assert(stall->duration_ns >= 24 * MS && stall->duration_ns <= 26 * MS, "%llu ns",
		  stall->duration_ns);
	cr_assert_eq(stall->task, task);
	cr_assert_eq(stall->code, CODE);
	cr_assert_arr_eq(stall->name.data, "a task in Python", 16);
}

Test(bpf_light, what_was_not_known_at_first_is_read_later)
{
	const struct ls_rec_stall *stall;

	memory__put(world.task + python.proc.py.at.task_coro, 0);
	run_task(world.task);
	ticks(5);
	cr_assert_gt(machine__loss(LS_LOSS_TASK_UNREADABLE), 0);
	memory__put(world.task + python.proc.py.at.task_coro, world.coro);
	ticks(10);
	end_task();
	wait_again();
	stall = take_stall();
	cr_assert_eq(stall->code, CODE);
	cr_assert_eq(stall->coro, world.coro);
}

/* And back: the first event of exact mode ends what the looks had open. */
Test(bpf_light, from_light_to_exact_with_a_span_open)
{
	const struct ls_rec_stall *stall;

	run_task(world.task);
	ticks(10);
	settings.is_light = 0;
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert(stall->flags & LS_STALL_LIGHT);
	pass(MS);
	step(world.task, 12 * MS);
	stall = take_stall();
	cr_assert_eq(stall->duration_ns, 12 * MS);
	cr_assert_eq(stall->flags & LS_STALL_LIGHT, 0);

	settings.is_light = 1;
	run_task(world.task);
	ticks(10);
	settings.is_light = 0;
	step_enter(world.task, 0x1000);
	take_stall();
	step_exit(0x1000);
	settings.is_light = 1;
	ticks(10);
	settings.is_light = 0;
	poll_return();
	take_stall();
}

Test(bpf_light, what_cannot_be_read_is_no_change)
{
	run_task(world.task);
	ticks(5);
	memory__unmap(python.current_tasks);
	ticks(5);
	cr_assert_geq(machine__loss(LS_LOSS_LOOK_UNREADABLE), 5);
	expect_no_stall();
}

Test(bpf_light, the_thread_state_says_which_task_runs)
{
	python.proc.py.at.tstate_running_task = 200;
	python.proc.py.current_tasks = 0;
	world__update_proc();
	bpf_task_storage_delete(&threads, &world.thread->task);
	begin();
	python.proc.py.at.tstate_running_task = 200;
	python.proc.py.current_tasks = 0;
	world__update_proc();
	bpf_task_storage_delete(&threads, &world.thread->task);
	prog_each_task(&(struct bpf_iter__task){ .task = &world.thread->task });
	blocked(SYS_fsync, 0, MS);
	memory__put(world.tstate + 200, world.task);
	ticks(15);
	memory__put(world.tstate + 200, 0);
	ticks(1);
	cr_assert_eq(take_stall()->task, world.task);
}

Test(bpf_light, turns_of_uvloop_between_its_polls)
{
	const struct ls_loop_key key = { .loop = world.loop, .tgid = TGID };
	uint64_t heap = py__alloc(64);
	struct ls_loop loop = {
		.py = { .ready = world.ready,
			.uv_timers = heap,
			.handle_callback = PY_HANDLE_CALLBACK,
			.is_native = 1 },
	};

	bpf_map_update_elem(&loops, &key, &loop, 0);
	/* Each poll is a new turn, so that two short ones are not one long one. */
	for (uint64_t i = 0; i < 10; i++) {
		memory__put(heap + 24, i + 1);
		ticks(2);
	}
	wait_again();
	expect_no_stall();
	ticks(10);
	wait_again();
	cr_assert_eq(take_stall()->unit, LS_UNIT_CALLBACK);
}
