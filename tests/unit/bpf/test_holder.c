/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who held the GIL while a loop thread waited for it: which thread, what it ran, and when that is
 * not known.
 */
#include <sys/syscall.h>

#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

#define SCAN 0xabc0
#define WORK 0xabc1
#define BOOTSTRAP 0xabc2
#define OTHER_LEAF 0xabc3

static uint64_t holder, bottom, collecting;

static void set_holder(uint64_t tstate, uint32_t is_locked)
{
	memory__put(python.gil + python.proc.py.at.gil_last_holder, tstate);
	memory__put(python.gil + python.proc.py.at.gil_locked, is_locked);
}

static void begin(void)
{
	world__begin();
	collecting = py__alloc(4);
	python.proc.py.gc_collecting = collecting;
	world__update_proc();
	step(world.task, US); /* which makes its own thread state known */
	holder = py__tstate(0x77, 4711);
	bottom = py__frame(WORK, 0x20, py__frame(BOOTSTRAP, 0x10, 0));
	py__set_top(holder, py__frame(SCAN, 0x30, bottom));
	set_holder(holder, 1);
}

TestSuite(bpf_holder, .init = begin);

static void wait_for_gil(uint64_t duration_ns)
{
	blocked(SYS_futex, python.gil + python.proc.py.at.gil_cond + 4, duration_ns);
}

/* The next stack record of a holder, NULL if none comes before the stall's own. */
static const struct ls_rec_stack *next_holder(void)
{
	const struct host_record *rec;

	while ((rec = next_record(LS_REC_STACK)))
		if (rec->stack.flags & LS_STACK_HOLDER)
			return &rec->stack;
	return NULL;
}

Test(bpf_holder, its_stack_is_sent)
{
	const struct ls_rec_stack *stack;
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	for (int i = 0; i < 6; i++)
		wait_for_gil(5 * MS);
	step_exit(0x1000);
	stack = next_holder();
	cr_assert_not_null(stack);
	cr_assert_eq(stack->n_frames, 3);
	cr_assert_eq(stack->frames[0].code, SCAN);
	cr_assert_eq(stack->frames[0].position, 0x30);
	cr_assert_eq(stack->frames[2].code, BOOTSTRAP);
	cr_assert_eq(stack->weight_ns, 30 * MS);
	cr_assert_eq(stack->count, 6);
	cr_assert_eq(stack->cause, LS_CAUSE_GIL);
	stall = take_stall();
	cr_assert_eq(stall->span, stack->span);
	cr_assert_eq(stall->gil_holder_tstate, holder);
	cr_assert_eq(stall->gil_holder_id, 4711);
	cr_assert_eq(stall->gil_holder_name[0], 0, "names are added by user space");
}

/* The thread with the most time counts, not the one with the longest single wait. */
Test(bpf_holder, that_was_waited_for_longest)
{
	uint64_t brief = py__tstate(0x78, 4712);

	py__set_top(brief, py__frame(OTHER_LEAF, 0x40, 0));
	step_enter(world.task, 0x1000);
	set_holder(brief, 1);
	wait_for_gil(6 * MS);
	set_holder(holder, 1);
	wait_for_gil(5 * MS);
	wait_for_gil(5 * MS);
	step_exit(0x1000);
	cr_assert_eq(next_holder()->frames[0].code, SCAN);
	cr_assert_eq(take_stall()->gil_holder_id, 4711);
}

/* What it ran at most looks, though the first found something else. */
Test(bpf_holder, most_looks_choose_its_stack)
{
	step_enter(world.task, 0x1000);
	py__set_top(holder, py__frame(OTHER_LEAF, 0x40, bottom));
	wait_for_gil(5 * MS);
	py__set_top(holder, py__frame(SCAN, 0x30, bottom));
	for (int i = 0; i < 4; i++)
		wait_for_gil(5 * MS);
	step_exit(0x1000);
	cr_assert_eq(next_holder()->frames[0].code, SCAN);
}

/* It only happened to allocate when a collection was due. */
Test(bpf_holder, that_collects_garbage)
{
	step_enter(world.task, 0x1000);
	wait_for_gil(5 * MS);
	memory__put(collecting, 1);
	for (int i = 0; i < 3; i++)
		wait_for_gil(5 * MS);
	step_exit(0x1000);
	cr_assert_eq(next_holder()->cause, LS_CAUSE_GC);
	cr_assert_eq(take_stall()->cause_ns[LS_CAUSE_GIL], 20 * MS, "for the loop it is the GIL");
	/* For less than half of the time: it also ran by itself. */
	step_enter(world.task, 0x1000);
	wait_for_gil(5 * MS);
	memory__put(collecting, 0);
	for (int i = 0; i < 3; i++)
		wait_for_gil(5 * MS);
	step_exit(0x1000);
	cr_assert_eq(next_holder()->cause, LS_CAUSE_GIL);
	/* Of another lock it says nothing. */
	memory__put(collecting, 1);
	step_enter(world.task, 0x1000);
	wait_for_gil(5 * MS);
	blocked(SYS_futex, 0x7700, 20 * MS);
	step_exit(0x1000);
	cr_assert_eq(next_holder()->weight_ns, 5 * MS);
}

/* A thread of C that took the GIL for a call. */
Test(bpf_holder, without_python_has_no_stack)
{
	const struct ls_rec_stack *stack;

	py__set_top(holder, 0);
	step_enter(world.task, 0x1000);
	wait_for_gil(15 * MS);
	step_exit(0x1000);
	stack = next_holder();
	cr_assert_eq(stack->n_frames, 0);
	cr_assert_eq(stack->flags, LS_STACK_HOLDER);
	cr_assert_eq(take_stall()->gil_holder_id, 4711);
	cr_assert_eq(machine__loss(LS_LOSS_HOLDER_UNREADABLE), 0);
}

/* The GIL is free, or the thread itself had it last. */
Test(bpf_holder, is_not_known)
{
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	set_holder(holder, 0);
	wait_for_gil(15 * MS);
	set_holder(world.tstate, 1);
	wait_for_gil(15 * MS);
	step_exit(0x1000);
	cr_assert_eq(count_records(LS_REC_STACK), 1, "that of the wait");
	stall = take_stall();
	cr_assert_eq(stall->cause_ns[LS_CAUSE_GIL], 30 * MS);
	cr_assert_eq(stall->gil_holder_tstate, 0);
	cr_assert_eq(stall->gil_holder_id, 0);
}

Test(bpf_holder, a_torn_stack_is_not_used)
{
	const struct ls_rec_stack *stack;

	py__set_top(holder, py__frame(SCAN, 0x30, 0x10));
	step_enter(world.task, 0x1000);
	wait_for_gil(15 * MS);
	step_exit(0x1000);
	stack = next_holder();
	cr_assert_eq(stack->n_frames, 0);
	cr_assert(stack->flags & LS_STACK_UNREADABLE);
	cr_assert_eq(take_stall()->gil_holder_id, 4711);
	cr_assert_eq(machine__loss(LS_LOSS_HOLDER_UNREADABLE), 1);
	cr_assert_eq(machine__loss(LS_LOSS_STACK_UNREADABLE), 0, "it is no stack of the loop");
}

/* The next look replaces it, and nothing is lost. */
Test(bpf_holder, a_torn_stack_is_read_again)
{
	step_enter(world.task, 0x1000);
	py__set_top(holder, py__frame(SCAN, 0x30, 0x10));
	wait_for_gil(5 * MS);
	py__set_top(holder, py__frame(SCAN, 0x30, bottom));
	wait_for_gil(5 * MS);
	wait_for_gil(5 * MS);
	step_exit(0x1000);
	cr_assert_eq(next_holder()->n_frames, 3);
	cr_assert_eq(machine__loss(LS_LOSS_HOLDER_UNREADABLE), 0);
}

Test(bpf_holder, of_a_span_before_is_not_this_ones)
{
	step_enter(world.task, 0x1000);
	wait_for_gil(15 * MS);
	step_exit(0x1000);
	cr_assert_not_null(next_holder());
	take_stall();
	step_enter(world.task, 0x1000);
	blocked(SYS_clock_nanosleep, 0, 15 * MS);
	step_exit(0x1000);
	cr_assert_null(next_holder());
}

/* Many threads: those with the least time make room. */
Test(bpf_holder, more_threads_than_are_kept)
{
	step_enter(world.task, 0x1000);
	for (uint64_t i = 0; i < 2 * LS_MAX_HOLDERS; i++) {
		set_holder(py__tstate(0x80 + i, 5000 + i), 1);
		wait_for_gil(2 * MS);
		set_holder(holder, 1);
		wait_for_gil(3 * MS);
	}
	step_exit(0x1000);
	cr_assert_eq(next_holder()->weight_ns, 2 * LS_MAX_HOLDERS * 3 * MS);
	cr_assert_eq(take_stall()->gil_holder_id, 4711);
}

/* A thread that waits often and briefly does not read a stack each time. */
Test(bpf_holder, stacks_are_read_at_most_once_in_a_millisecond)
{
	unsigned reads;

	step_enter(world.task, 0x1000);
	wait_for_gil(50 * US);
	reads = machine.user_reads;
	for (int i = 0; i < 10; i++)
		wait_for_gil(50 * US);
	reads = machine.user_reads - reads;
	pass(MS);
	wait_for_gil(50 * US);
	pass(12 * MS);
	step_exit(0x1000);
	cr_assert_leq(reads, 10 * 12, "%u reads", reads);
	cr_assert_eq(next_holder()->n_frames, 3);
}
