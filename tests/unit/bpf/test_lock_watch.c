/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the owner of a lock runs while a loop thread waits for it: by time, not by the moment when
 * the wait began.
 */
#include <string.h>
#include <sys/syscall.h>

#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

#include "arch_regs.h"

#define PREPARE 0xabc0
#define WRITE 0xabc1
#define NOTIFY 0xabc2
#define OWNER_POINTER (THREAD_POINTER + 0x10000)
#define FUTEX_WAIT_BITSET 137
#define FUTEX_WAKE 129
#define LOCAL(i) (72 + 8 * (i))

static uint64_t owner, semaphore, lock;
static struct host_thread *keeper;

static uint64_t type_named(const char *name)
{
	uint64_t type = py__alloc(400), text = py__alloc(32);

	memory__write(text, name, strlen(name) + 1);
	memory__put(type + python.proc.py.at.tp_name, text);
	return type;
}

static void keeper_runs(uint64_t code)
{
	py__set_top(owner, py__frame(code, 0x30, 0));
}

static void begin(void)
{
	uint64_t head, frame;

	world__begin();
	head = py__alloc(8);
	owner = py__tstate(OWNER_POINTER, TID + 1);
	keeper = world__add_thread(TGID, TID + 1);
	memory__put(head, owner);
	memory__put(owner + python.proc.py.at.tstate_next, world.tstate);
	python.proc.py.threads = head;
	world__update_proc();
	step(world.task, US); /* which makes its own thread state known */
	frame = py__frame(CODE, 0x10, world.loop_frame);
	py__alloc(1024); /* its value stack */
	py__set_top(world.tstate, frame);
	semaphore = py__alloc(32);
	lock = py__object(type_named("_thread.RLock"), 64);
	memory__put(lock + 16, semaphore);
	memory__put(lock + 24, OWNER_POINTER);
	memory__put(frame + LOCAL(5), lock);
	keeper_runs(PREPARE);
}

TestSuite(bpf_lock_watch, .init = begin);

static void keeper_switches(bool is_out)
{
	static struct host_thread other;
	struct task_struct *task = &keeper->task;

	other.task.pid = 1;
	machine.current = is_out ? keeper : &other;
	if (is_out)
		prog_switch(NULL, false, task, &other.task);
	else
		prog_switch(NULL, false, &other.task, task);
	machine.current = world.thread;
}

/* It computes in one function, and then sleeps there. */
static void keeper_works(uint64_t code, uint64_t cpu_ns, uint64_t sleep_ns)
{
	keeper_switches(false);
	pass(cpu_ns);
	keeper_runs(code);
	keeper_switches(true);
	pass(sleep_ns);
}

static void wait_begin(void)
{
	block(SYS_futex, semaphore, FUTEX_WAIT_BITSET, 0);
}

static void wait_end(void)
{
	keeper_switches(false);
	regs_set_syscall(&keeper->user, SYS_futex);
	regs_set_syscall_args(&keeper->user, semaphore, FUTEX_WAKE, 1);
	machine.current = keeper;
	prog_waking(NULL, &world.thread->task);
	machine.current = world.thread;
	wake();
	on_cpu();
}

static const struct ls_rec_stack *holder_sent(void)
{
	const struct host_record *rec;

	step_exit(0x1000);
	while ((rec = next_record(LS_REC_STACK)))
		if (rec->stack.flags & LS_STACK_HOLDER)
			return &rec->stack;
	cr_assert_fail("no stack of the holder");
	return NULL;
}

static void expect_code(const struct ls_rec_stack *stack, uint64_t code, uint64_t weight_ns)
{
	cr_assert_eq(stack->n_frames, 1);
	cr_expect_eq(stack->frames[0].code, code);
	cr_expect_eq(stack->weight_ns, weight_ns);
	cr_expect_eq(n_lock_watches, 0, "no watch is left");
}

Test(bpf_lock_watch, the_longest_counts)
{
	const struct ls_rec_stack *stack;

	step_enter(world.task, 0x1000);
	wait_begin();
	pass(5 * MS);
	keeper_works(PREPARE, MS, 2 * MS);
	keeper_works(WRITE, MS, 40 * MS);
	keeper_works(NOTIFY, MS, MS);
	wait_end();
	stack = holder_sent();
	expect_code(stack, WRITE, 51 * MS);
	cr_expect(!(stack->flags & LS_STACK_AT_BEGIN));
}

/* The same as many short stretches. */
Test(bpf_lock_watch, the_most_frequent_counts)
{
	step_enter(world.task, 0x1000);
	wait_begin();
	pass(8 * MS);
	for (int i = 0; i < 10; i++) {
		keeper_works(WRITE, 0, 2 * MS);
		keeper_works(NOTIFY, 0, MS);
	}
	wait_end();
	expect_code(holder_sent(), WRITE, 38 * MS);
}

/* More functions than are kept: the lightest ones go. */
Test(bpf_lock_watch, of_many_functions)
{
	step_enter(world.task, 0x1000);
	wait_begin();
	keeper_works(WRITE, 0, 20 * MS);
	for (uint64_t i = 0; i < 20; i++)
		keeper_works(NOTIFY + i, 0, MS);
	wait_end();
	expect_code(holder_sent(), WRITE, 40 * MS);
}

/* Computing is seen by the sampler of its CPU. */
Test(bpf_lock_watch, what_it_computes)
{
	start_sampler();
	step_enter(world.task, 0x1000);
	wait_begin();
	pass(3 * MS);
	keeper_switches(false);
	keeper_runs(WRITE);
	for (int i = 0; i < 5; i++) {
		cr_assert_neq(machine.timer_due_ns[LS_CLOCK_OF(0)], 0, "its CPU's clock runs");
		pass(2 * MS);
		machine.current = keeper;
		machine__fire(LS_CLOCK_OF(0));
		machine.current = world.thread;
	}
	wait_end();
	expect_code(holder_sent(), WRITE, 13 * MS);
}

Test(bpf_lock_watch, known_of_the_beginning_alone)
{
	const struct ls_rec_stack *stack;

	step_enter(world.task, 0x1000);
	wait_begin();
	pass(30 * MS);
	wake();
	on_cpu();
	stack = holder_sent();
	expect_code(stack, PREPARE, 30 * MS);
	cr_expect(stack->flags & LS_STACK_AT_BEGIN);
}

/* It let the lock go, and runs on, before the waiter learns of it. */
Test(bpf_lock_watch, what_it_does_afterwards)
{
	step_enter(world.task, 0x1000);
	wait_begin();
	pass(5 * MS);
	keeper_switches(false);
	memory__put(lock + 24, 0);
	keeper_runs(WRITE);
	keeper_switches(true);
	pass(40 * MS);
	wake();
	on_cpu();
	expect_code(holder_sent(), PREPARE, 45 * MS);
}

/* Two waits for the same thread: what it ran in the longer one. */
Test(bpf_lock_watch, several_waits)
{
	step_enter(world.task, 0x1000);
	wait_begin();
	pass(5 * MS);
	wait_end();
	keeper_runs(WRITE);
	wait_begin();
	pass(20 * MS);
	wait_end();
	expect_code(holder_sent(), WRITE, 25 * MS);
}

/* More waits at one time than are watched: no stack rather than a wrong one. */
Test(bpf_lock_watch, of_too_many)
{
	struct lock_watch *watches[MAX_LOCK_WATCHES];

	for (uint32_t i = 0; i < MAX_LOCK_WATCHES; i++) {
		watches[i] = bpf_map_lookup_elem(&lock_watches, &i);
		watches[i]->state = WATCH_OPEN;
	}
	step_enter(world.task, 0x1000);
	wait_begin();
	pass(30 * MS);
	wake();
	on_cpu();
	cr_expect_eq(holder_sent()->n_frames, 0);
}

/* Another thread reads the stack at the moment when the wait ends: it frees the watch. */
Test(bpf_lock_watch, that_is_read_at_the_end)
{
	const uint32_t first = 0;
	struct lock_watch *w = bpf_map_lookup_elem(&lock_watches, &first);

	step_enter(world.task, 0x1000);
	wait_begin();
	pass(30 * MS);
	w->state = WATCH_BUSY;
	wake();
	on_cpu();
	cr_expect_eq(w->state, WATCH_OVER);
	cr_expect_eq(holder_sent()->n_frames, 0);
}
