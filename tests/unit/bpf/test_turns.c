/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What long turns consist of and who waits for their end; who waits for a loop that was woken; when
 * tasks came into the queue.
 */
#include <sys/syscall.h>

#include "bpf/host/expect.h"

static void begin(void)
{
	world__begin();
	world__know_loop();
}

TestSuite(bpf_turns, .init = begin);

static void queue(uint64_t task)
{
	py__deque_append(world.ready, py__handle(py__step_callback(task)));
}

static void wake_up(uint64_t task)
{
	py__deque_append(world.ready, py__handle(py__wakeup_callback(task)));
}

/* From its first wait on, the loop's queue is known at the beginning of each step. */
static void know_queue(void)
{
	step(world.task, MS);
	idle(MS);
}

/* The loop takes the next handle and runs its task. */
static void run(uint64_t task, uint64_t duration_ns)
{
	py__deque_popleft(world.ready);
	step(task, duration_ns);
}

static const struct ls_rec_turn *take_turn(void)
{
	const struct host_record *rec = next_record(LS_REC_TURN);

	cr_assert_not_null(rec, "no turn record");
	return &rec->turn;
}

Test(bpf_turns, the_coroutines_of_a_turn)
{
	uint64_t small = world__add_task("small", CODE + 0x10),
		 large = world__add_task("large", CODE + 0x20);
	const struct ls_rec_stall *stall;
	const struct ls_rec_turn *turn;

	know_queue();
	for (int i = 0; i < 3; i++)
		step(small, 2 * MS);
	step(large, 9 * MS);
	step(large, MS);
	pass(MS);
	poll_return();
	turn = take_turn();
	cr_assert_eq(turn->n_parts, 2);
	cr_assert_eq(turn->parts[0].code, CODE + 0x20);
	cr_assert_eq(turn->parts[0].duration_ns, 10 * MS);
	cr_assert_eq(turn->parts[0].steps, 2);
	cr_assert_eq(turn->parts[1].code, CODE + 0x10);
	cr_assert_eq(turn->parts[1].duration_ns, 6 * MS);
	cr_assert_eq(turn->parts[1].steps, 3);
	cr_assert_eq(turn->rest_ns, 0);
	cr_assert_eq(turn->rest_steps, 0);
	cr_assert_eq(turn->n_made, 0);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_TURN);
	cr_assert_eq(stall->duration_ns, 17 * MS);
	cr_assert_eq(stall->span, turn->span);
}

/* What is a stall by itself is not told twice, and hides nothing of the rest. */
Test(bpf_turns, beside_a_stall)
{
	uint64_t small = world__add_task("small", CODE + 0x10),
		 large = world__add_task("large", CODE + 0x20);
	const struct ls_rec_stall *stall;
	const struct ls_rec_turn *turn;

	know_queue();
	for (int i = 0; i < 7; i++)
		step(small, 2 * MS);
	step_enter(large, 0x1000);
	blocked(SYS_fsync, 0, 12 * MS);
	step_exit(0x1000);
	poll_return();
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert_eq(stall->duration_ns, 12 * MS);
	turn = take_turn();
	cr_assert_eq(turn->n_parts, 1);
	cr_assert_eq(turn->parts[0].code, CODE + 0x10);
	cr_assert_eq(turn->rest_ns, 0);
	cr_assert_eq(turn->rest_steps, 0);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_TURN);
	cr_assert_eq(stall->duration_ns, 14 * MS);
	cr_assert_eq(stall->steps, 7);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 14 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_FILE], 0, "that was the step's");
	/* Without it the next one is no stall. */
	step(small, 3 * MS);
	step(large, 12 * MS);
	poll_return();
	cr_assert_eq(take_stall()->unit, LS_UNIT_STEP);
	cr_assert_null(next_record(LS_REC_STALL));
}

Test(bpf_turns, the_shortest_parts_are_a_rest)
{
	const struct ls_rec_turn *turn;

	know_queue();
	for (uint64_t i = 0; i < MAX_TURN_COROUTINES + 6; i++)
		step(world__add_task("many", CODE + 0x10 * (i + 1)), (i + 1) * 10 * US);
	poll_return();
	turn = take_turn();
	cr_assert_eq(turn->n_parts, LS_MAX_TURN_PARTS);
	/* The last six were not remembered apart. */
	for (uint32_t i = 0; i < turn->n_parts; i++)
		cr_assert_eq(turn->parts[i].duration_ns, (MAX_TURN_COROUTINES - i) * 10 * US);
	cr_assert_eq(turn->rest_steps, MAX_TURN_COROUTINES + 6 - LS_MAX_TURN_PARTS);
	cr_assert_eq(turn->rest_ns, 10 * US * (70 * 71 / 2 - (64 * 65 / 2 - 56 * 57 / 2)));
}

/* Each turn starts from 0, though the totals by coroutine go on. */
Test(bpf_turns, a_turn_has_only_its_own_steps)
{
	know_queue();
	step(world.task, 5 * MS);
	poll_return();
	step(world.task, 6 * MS);
	step(world.task, 7 * MS);
	poll_return();
	cr_assert_eq(take_turn()->parts[0].duration_ns, 13 * MS);
}

#define CHILDREN 40

/* A step makes children ready; `make` puts one into the queue. */
static uint64_t make_children(void (*make)(uint64_t), uint64_t *children)
{
	step_enter(world.task, 0x1000);
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = world__add_task("child", CODE + 0x10);
		make(children[i]);
	}
	pass(MS);
	step_exit(0x1000);
	return world.task;
}

static void run_children(const uint64_t *children)
{
	poll_return();
	for (int i = 0; i < CHILDREN; i++)
		run(children[i], MS / 2);
	poll_return();
}

Test(bpf_turns, the_step_that_created_the_tasks_of_a_turn)
{
	uint64_t children[CHILDREN];
	const struct ls_rec_turn *turn;

	know_queue();
	make_children(queue, children);
	run_children(children);
	turn = take_turn();
	cr_assert_eq(turn->n_made, CHILDREN);
	cr_assert_eq(turn->maker_code, CODE);
	cr_assert_eq(turn->maker_origin, LS_MAKER_CREATED);
}

Test(bpf_turns, the_step_that_woke_the_tasks_of_a_turn)
{
	uint64_t children[CHILDREN];

	know_queue();
	make_children(wake_up, children);
	run_children(children);
	cr_assert_eq(take_turn()->maker_origin, LS_MAKER_WOKE);
}

/* Wherever in a block of the deque their handles end. */
Test(bpf_turns, the_last_handles_in_each_place_of_a_block)
{
	uint64_t children[CHILDREN];

	know_queue();
	make_children(wake_up, children);
	run_children(children);
	for (int round = 0; round < LS_PY_DEQUE_BLOCK_ITEMS; round++) {
		queue(world.task);
		py__deque_popleft(world.ready);
		step_enter(world.task, 0x1000);
		for (int i = 0; i < CHILDREN; i++)
			wake_up(children[i]);
		pass(MS);
		step_exit(0x1000);
		world.next_record = machine.n_records;
		run_children(children);
		cr_assert_eq(take_turn()->maker_origin, LS_MAKER_WOKE, "in round %d", round);
	}
}

/* Most of the turn's tasks came otherwise. */
Test(bpf_turns, a_step_that_made_few_of_the_tasks)
{
	uint64_t children[CHILDREN], others[2 * CHILDREN];

	know_queue();
	for (int i = 0; i < 2 * CHILDREN; i++) {
		others[i] = world__add_task("other", CODE + 0x20);
		queue(others[i]);
	}
	make_children(queue, children);
	poll_return();
	for (int i = 0; i < 2 * CHILDREN; i++)
		run(others[i], MS / 2);
	for (int i = 0; i < CHILDREN; i++)
		run(children[i], MS / 2);
	poll_return();
	cr_assert_eq(take_turn()->n_made, 0);
}

/* A maker is the turn's before, not one of long ago. */
Test(bpf_turns, makers_are_forgotten)
{
	uint64_t children[CHILDREN];

	know_queue();
	make_children(queue, children);
	poll_return();
	poll_return();
	run_children(children);
	cr_assert_eq(take_turn()->n_made, 0);
}

Test(bpf_turns, the_line_that_made_the_tasks)
{
	const struct ls_rec_stack *stack;
	uint64_t children[CHILDREN];

	start_sampler();
	know_queue();
	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x44, world.loop_frame));
	pass(3 * MS);
	tick();
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = world__add_task("child", CODE + 0x10);
		queue(children[i]);
	}
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x55, world.loop_frame));
	pass(2 * MS);
	tick();
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x66, world.loop_frame));
	pass(2 * MS);
	tick();
	step_exit(0x1000);
	world.next_record = machine.n_records;
	run_children(children);
	do
		stack = &next_record(LS_REC_STACK)->stack;
	while (!(stack->flags & LS_STACK_MAKER));
	cr_assert_eq(stack->frames[0].position, 0x55);
	cr_assert_eq(stack->weight_ns, 0);
	cr_assert_eq(stack->span, take_turn()->span);
}

/* Who is due waits for the end of the turn; who ran in it does not. */
Test(bpf_turns, those_who_wait_for_the_end_of_a_turn)
{
	uint64_t member = world__add_task("member", CODE + 0x10);
	uint64_t woken = world__add_task("woken", CODE + 0x20);
	uint64_t asleep = world__add_task("asleep", CODE + 0x30);
	const struct ls_rec_stall *stall;
	int64_t off_by;

	know_queue();
	py__list_append(world.scheduled, py__timer(asleep, machine.now_ns + 5 * MS));
	step_enter(member, 0x1000);
	queue(member);
	wake_up(woken);
	pass(4 * MS);
	step_exit(0x1000);
	for (int i = 0; i < 4; i++)
		step(member, 4 * MS);
	poll_return();
	expect_victim(woken, 16 * MS);
	off_by = (int64_t)next_record(LS_REC_VICTIM)->victim.starved_ns - (int64_t)(15 * MS);
	cr_assert(off_by > -1000 && off_by < 1000, "a float is exact to the microsecond");
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_TURN);
	cr_assert_eq(stall->victims, 2);
	cr_assert_eq(stall->starved_ns, totals().callbacks_starved_ns);
	cr_assert_eq(stats_of(CODE + 0x30)->suffered, 1);
}

/*
 * A timer that is due is behind all others in the queue. When it runs, at the end of the turn, it
 * wakes its task for the next one.
 */
Test(bpf_turns, a_sleeper_behind_all_others)
{
	uint64_t children[CHILDREN], asleep = world__add_task("asleep", CODE + 0x30);
	uint64_t timer;

	know_queue();
	make_children(queue, children);
	timer = py__timer(asleep, machine.now_ns - 30 * MS);
	poll_return();
	py__deque_append(world.ready, timer);
	for (int i = 0; i < CHILDREN; i++)
		run(children[i], MS / 2);
	py__deque_popleft(world.ready);
	wake_up(asleep);
	poll_return();
	expect_victim(asleep, CHILDREN * MS / 2);
	cr_assert_eq(take_stall()->victims, 1);
}

Test(bpf_turns, a_turn_of_a_loop_whose_queue_is_not_known, .init = world__begin)
{
	step(world.task, MS);
	poll_return();
	for (int i = 0; i < 4; i++)
		step(world.task, 4 * MS);
	poll_return();
	cr_assert(take_stall()->flags & LS_STALL_VICTIMS_UNKNOWN);
}

/* What a step created could not have run before that ends; what it woke could. */
Test(bpf_turns, children_are_no_victims_of_the_step_that_made_them)
{
	uint64_t before = world__add_task("before", CODE + 0x10),
		 child = world__add_task("child", CODE + 0x20),
		 woken = world__add_task("woken", CODE + 0x30);

	know_queue();
	queue(before);
	step_enter(world.task, 0x1000);
	queue(child);
	wake_up(woken);
	pass(2 * MS);
	blocked(SYS_clock_nanosleep, 0, 10 * MS);
	pass(8 * MS);
	step_exit(0x1000);
	expect_victim(before, 20 * MS);
	expect_victim(woken, 18 * MS);
	cr_assert_eq(take_stall()->victims, 2);
	/* Behind the next step it waits as all others do. */
	step(before, 15 * MS);
	expect_victim(child, 15 * MS);
}

/* A step that computes and loses its CPU is looked at before the first sample. */
Test(bpf_turns, who_is_woken_before_another_process_has_the_cpu)
{
	uint64_t woken = world__add_task("woken", CODE + 0x10);

	know_queue();
	step_enter(world.task, 0x1000);
	wake_up(woken);
	pass(MS);
	preempt();
	pass(10 * MS);
	on_cpu();
	pass(9 * MS);
	step_exit(0x1000);
	expect_victim(woken, 19 * MS);
}

/* More arrivals than there is room for: waits stay lower bounds. */
Test(bpf_turns, arrivals_are_thinned)
{
	uint64_t woken[3 * MAX_ARRIVALS];

	know_queue();
	step_enter(world.task, 0x1000);
	for (uint64_t i = 0; i < 3 * MAX_ARRIVALS; i++) {
		woken[i] = world__add_task("woken", CODE + 0x10);
		wake_up(woken[i]);
		blocked(SYS_clock_nanosleep, 0, MS);
	}
	step_exit(0x1000);
	for (uint64_t i = 0; i < LS_MAX_VICTIM_NAMES; i++) {
		const uint64_t waited_ns = (3 * MAX_ARRIVALS - i) * MS;
		const struct ls_rec_victim *victim = &next_record(LS_REC_VICTIM)->victim;

		cr_assert_eq(victim->task, woken[i]);
		cr_assert_leq(victim->starved_ns, waited_ns);
		cr_assert_geq(victim->starved_ns, waited_ns - 16 * MS);
	}
}

static void wait_for_gil(uint64_t duration_ns)
{
	blocked(SYS_futex, python.gil + python.proc.py.at.gil_cond + 4, duration_ns);
}

/* The loop was woken for a timer, and waits for the GIL. The timer wakes its task at the end. */
Test(bpf_turns, those_who_wait_for_a_loop_without_the_gil)
{
	uint64_t asleep = world__add_task("asleep", CODE + 0x30), timer;
	int64_t off_by;

	know_queue();
	timer = py__timer(asleep, machine.now_ns + 10 * MS);
	py__list_append(world.scheduled, timer);
	for (int i = 0; i < 8; i++)
		wait_for_gil(5 * MS);
	wake_up(asleep);
	poll_return();
	off_by = (int64_t)next_record(LS_REC_VICTIM)->victim.starved_ns - (int64_t)(30 * MS);
	cr_assert(off_by > -1000 && off_by < 1000, "%lld", (long long)off_by);
	cr_assert_eq(take_stall()->unit, LS_UNIT_CALLBACK);
}

/* The wake-up came on time, the CPU did not. */
Test(bpf_turns, a_loop_that_waits_for_a_cpu_after_its_wake_up)
{
	const struct ls_rec_stall *stall;
	uint64_t asleep = world__add_task("asleep", CODE + 0x30), idle_ns;
	int64_t off_by;

	know_queue();
	idle_ns = totals().idle_ns;
	py__list_append(world.scheduled, py__timer(asleep, machine.now_ns + 10 * MS));
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	pass(10 * MS);
	wake();
	pass(25 * MS);
	on_cpu();
	poll_return();
	wake_up(asleep);
	poll_return();
	off_by = (int64_t)next_record(LS_REC_VICTIM)->victim.starved_ns - (int64_t)(25 * MS);
	cr_assert(off_by > -1000 && off_by < 1000, "%lld", (long long)off_by);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_CALLBACK);
	cr_assert_eq(stall->duration_ns, 25 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 25 * MS);
	cr_assert_eq(totals().idle_ns - idle_ns, 10 * MS);
}

/* So short a delay is a part of the loop's wait. */
Test(bpf_turns, a_loop_that_is_on_its_cpu_soon)
{
	know_queue();
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	pass(10 * MS);
	wake();
	pass(90 * US);
	on_cpu();
	poll_return();
	cr_assert_eq(totals().idle_ns, MS + 10 * MS + 90 * US);
}
