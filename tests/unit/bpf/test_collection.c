/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU time of the garbage collector: looks at its flag while a span goes on.
 */
#include "bpf/host/expect.h"

static uint64_t collecting, counts;

static void begin(void)
{
	world__begin();
	collecting = py__alloc(4);
	counts = py__alloc(3 * LS_PY_GC_GENERATION_BYTES);
	python.proc.py.gc_collecting = collecting;
	python.proc.py.gc_counts = counts;
	memory__put(python.gil + python.proc.py.at.gil_locked, 1);
	world__update_proc();
	start_sampler();
	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	blocked(SYS_fsync, 0, MS);
}

TestSuite(bpf_collection, .init = begin);

static void collect(uint32_t generation)
{
	memory__put(collecting, 1);
	memory__put(counts, 0);
	for (uint32_t i = 1; i < LS_GC_GENERATIONS; i++)
		memory__put(counts + i * LS_PY_GC_GENERATION_BYTES, i == generation + 1);
}

static void collected(void)
{
	memory__put(collecting, 0);
}

static void tick_at(uint64_t ns)
{
	at(ns);
	tick();
}

/* The step of the test ends. */
static const struct ls_rec_stall *end_at(uint64_t ns)
{
	at(ns);
	step_exit(0x1000);
	return take_stall();
}

Test(bpf_collection, is_cpu_time_between_the_looks_that_see_it)
{
	const struct ls_rec_stall *stall;

	tick_at(4 * MS);
	collect(2);
	tick_at(6 * MS);
	tick_at(20 * MS);
	collected();
	tick_at(22 * MS);
	stall = end_at(25 * MS);
	/* Half of what lies between two looks that differ. */
	cr_assert_eq(stall->cause_ns[LS_CAUSE_GC], (1 + 14 + 1) * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_FILE], MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 8 * MS);
	cr_assert_eq(stall->gc_generation, 3);
	cr_assert_eq(cause_total(LS_CAUSE_GC), 16 * MS);
	cr_assert_eq(stats_of(CODE)->cause_ns[LS_CAUSE_GC], 16 * MS);
	cr_assert_eq(stats_of(CODE)->total_ns, 25 * MS);
}

Test(bpf_collection, its_samples_say_so)
{
	tick_at(4 * MS);
	collect(0);
	tick_at(6 * MS);
	cr_assert_eq(next_record(LS_REC_STACK)->stack.cause, LS_CAUSE_CPU);
	cr_assert_eq(next_record(LS_REC_STACK)->stack.cause, LS_CAUSE_GC);
	cr_assert_eq(end_at(20 * MS)->gc_generation, 1);
}

Test(bpf_collection, waits_inside_it_have_their_own_cause)
{
	const struct ls_rec_stall *stall;

	tick_at(4 * MS);
	collect(1);
	tick_at(6 * MS);
	preempt();
	at(16 * MS);
	on_cpu();
	tick_at(18 * MS);
	collected();
	tick_at(20 * MS);
	stall = end_at(21 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 10 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_GC], (1 + 2 + 1) * MS);
	cr_assert_eq(stall->gc_generation, 2);
}

Test(bpf_collection, the_oldest_generation_counts)
{
	collect(2);
	tick_at(4 * MS);
	collect(0);
	tick_at(6 * MS);
	cr_assert_eq(end_at(20 * MS)->gc_generation, 3);
}

Test(bpf_collection, of_another_thread_is_not_ours)
{
	const struct ls_rec_stall *stall;

	collect(2);
	memory__put(python.gil + python.proc.py.at.gil_last_holder, py__tstate(0x77, 4711));
	tick_at(4 * MS);
	memory__put(python.gil + python.proc.py.at.gil_last_holder, world.tstate);
	memory__put(python.gil + python.proc.py.at.gil_locked, 0);
	tick_at(6 * MS);
	stall = end_at(20 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_GC], 0);
	cr_assert_eq(stall->gc_generation, 0);
}

Test(bpf_collection, without_counts_the_generation_is_not_known)
{
	const struct ls_rec_stall *stall;

	python.proc.py.gc_counts = 0;
	world__update_proc();
	step_exit(0x1000);
	step_enter(world.task, 0x1000);
	collect(2);
	tick_at(14 * MS);
	stall = end_at(20 * MS);
	cr_assert_gt(stall->cause_ns[LS_CAUSE_GC], 0);
}

/* The kernel reports steal time late: what the collector was booked for has to give way. */
Test(bpf_collection, leaves_room_for_stolen_time)
{
	const struct ls_rec_stall *stall;

	collect(2);
	tick_at(2 * MS);
	tick_at(20 * MS);
	world.thread->rq.prev_steal_time_rq += 15 * MS;
	stall = end_at(20 * MS + 100 * US);
	cr_assert_eq(stall->duration_ns, 20 * MS + 100 * US);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 0);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_GC] + stall->cause_ns[LS_CAUSE_RUNQUEUE] +
			     stall->cause_ns[LS_CAUSE_FILE],
		     stall->duration_ns);
}

Test(bpf_collection, is_part_of_its_turn)
{
	const struct ls_rec_stall *turn;

	step_exit(0x1000);
	at(50 * MS);
	idle(MS);
	world.next_record = machine.n_records;
	for (int i = 0; i < 2; i++) {
		step_enter(world.task, 0x1000);
		collect(1);
		pass(3 * MS);
		tick();
		pass(3 * MS);
		tick();
		collected();
		step_exit(0x1000);
	}
	idle(MS);
	turn = take_stall();
	cr_assert_eq(turn->unit, LS_UNIT_TURN);
	cr_assert_gt(turn->cause_ns[LS_CAUSE_GC], 8 * MS);
	cr_assert_eq(turn->gc_generation, 2);
}
