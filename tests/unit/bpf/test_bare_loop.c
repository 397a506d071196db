/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops that poll with poll or select, of which nothing else is known: which of the thread's waits
 * are the loop's own, and when the thread has left the loop.
 */
#include <string.h>

#include "bpf/host/expect.h"
#include "bpf/host/programs.h"
#include "core/span.h"

#define ROOT 0x108 /* codes: where the thread begins, */
#define MAIN 0x110 /* of the program, */
#define RUN 0x118 /* of the function with the loop, */
#define POLLS 0x120 /* of one of its own that polls, */
#define SELECT 0x128 /* and of the selector's method */
#define CALLBACK 0x130
#define HUB_CALLS 0x138

static uint64_t root, run, polling;

static uint64_t pollfd(void)
{
	const uint64_t at = py__alloc(8);

	memory__put(at, 7);
	return at;
}

static void wait_in_poll(uint64_t top)
{
	py__set_top(world.tstate, top);
	block(SYS_ppoll, pollfd(), 1, 0);
}

static void plain_return(uint64_t top)
{
	struct pt_regs regs = {};

	py__set_top(world.tstate, top);
	machine.cookie = LS_SPOT_PLAIN_POLL_RETURN;
	prog_spot(&regs);
}

static void leave_poll(uint64_t duration_ns)
{
	pass(duration_ns);
	wake();
	on_cpu();
	plain_return(polling);
}

/* Found in its poll, which a function of its own calls. */
static void begin(void)
{
	static struct ls_loop_thread found;
	const uint32_t tid = TID;
	struct bpf_iter__task visit;
	struct ls_loop_key key;
	struct ls_loop loop = { .py.runner = POLLS };

	world__begin();
	key = (struct ls_loop_key){ .loop = world.tstate, .tgid = TGID };
	bpf_map_update_elem(&loops, &key, &loop, 0);
	root = py__frame(ROOT, 9, 0);
	run = py__frame(RUN, 2, py__frame(MAIN, 1, root));
	polling = py__frame(SELECT, 4, py__frame(POLLS, 3, run));
	found = (struct ls_loop_thread){ .loop = world.tstate,
					 .tstate = world.tstate,
					 .tgid = TGID,
					 .epoll_fd = -1,
					 .bare = { .codes = { POLLS, RUN, MAIN },
						   .base_code = MAIN,
						   .root_code = ROOT,
						   .depth = 1,
						   .is_plain = 1 },
					 .is_bare = 1 };
	wait_in_poll(polling);
	visit = (struct bpf_iter__task){ .task = &world.thread->task };
	bpf_map_update_elem(&loop_threads, &tid, &found, BPF_ANY);
	prog_each_task(&visit);
	leave_poll(MS);
}

TestSuite(bpf_bare_loop, .init = begin);

Test(bpf_bare_loop, its_own_wait_is_no_stall)
{
	wait_in_poll(polling);
	leave_poll(50 * MS);
	cr_assert_eq(totals().idle_ns, 51 * MS);
	cr_assert_eq(totals().turns, 1);
	expect_no_stall();
}

/* The function that called the poll has returned; the one around it calls what is to be done. */
Test(bpf_bare_loop, a_callback_outside_of_the_function_that_polls)
{
	const struct ls_rec_stack *stack;

	py__set_top(world.tstate, py__frame(CALLBACK, 5, run));
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	wait_in_poll(polling);
	stack = &next_record(LS_REC_STACK)->stack;
	cr_assert_eq(stack->flags, LS_STACK_AT_LOOP);
	cr_assert_eq(stack->n_frames, 2);
	cr_assert_eq(stack->frames[0].code, CALLBACK);
	cr_assert_eq(stack->frames[1].code, RUN);
	expect_stall(LS_UNIT_CALLBACK, MS, 20 * MS);
}

/* By the same selector, but further inwards. */
Test(bpf_bare_loop, the_wait_of_a_callback_is_a_stall)
{
	const uint64_t callback = py__frame(CALLBACK, 5, run);
	const uint64_t inner = py__frame(SELECT, 4, py__frame(HUB_CALLS, 3, callback));

	wait_in_poll(inner);
	pass(30 * MS);
	wake();
	on_cpu();
	plain_return(inner);
	wait_in_poll(polling);
	cr_assert_eq(next_record(LS_REC_STACK)->stack.frames[1].code, HUB_CALLS);
	expect_stall(LS_UNIT_CALLBACK, MS, 30 * MS);
}

/* A poll that finds something returns at once: no switch shows it. */
Test(bpf_bare_loop, polls_without_a_wait_part_the_callbacks)
{
	for (int i = 0; i < 20; i++) {
		pass(3 * MS);
		plain_return(polling);
	}
	cr_assert_eq(totals().turns, 20);
	cr_assert_eq(totals().callbacks_ns, 60 * MS);
	expect_no_stall();
}

Test(bpf_bare_loop, the_stack_of_a_greenlet_is_complete)
{
	const struct ls_rec_stack *stack;

	py__set_top(world.tstate, py__frame(CALLBACK, 5, py__frame(HUB_CALLS, 6, 0)));
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	wait_in_poll(polling);
	stack = &next_record(LS_REC_STACK)->stack;
	cr_assert_eq(stack->flags, LS_STACK_GREENLET);
	cr_assert_eq(stack->n_frames, 2);
	expect_stall(LS_UNIT_CALLBACK, MS, 20 * MS);
}

/* What the thread does behind it, such as another function of an executor, is of no loop. */
Test(bpf_bare_loop, the_loop_has_been_left)
{
	const uint64_t other = py__frame(CALLBACK, 7, root);

	pass(2 * MS);
	py__set_top(world.tstate, other);
	blocked(SYS_clock_nanosleep, 0, 90 * MS);
	blocked(SYS_futex, 0, 90 * MS);
	expect_no_stall();
	cr_assert_eq(totals().callbacks_ns, 2 * MS);
}

Test(bpf_bare_loop, the_loop_is_entered_again)
{
	py__set_top(world.tstate, py__frame(CALLBACK, 7, root));
	blocked(SYS_clock_nanosleep, 0, 90 * MS);
	wait_in_poll(polling);
	leave_poll(5 * MS);
	py__set_top(world.tstate, py__frame(CALLBACK, 5, run));
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	wait_in_poll(polling);
	expect_stall(LS_UNIT_CALLBACK, 96 * MS, 20 * MS);
	expect_no_stall();
	cr_assert_eq(totals().idle_ns, 6 * MS);
	cr_assert_eq(totals().open_ns, 90 * MS);
}

static void set_greenlets(bool has_any)
{
	((struct thread_state *)bpf_task_storage_get(&threads, &world.thread->task, NULL, 0))
		->bare.has_greenlets = has_any;
}

/* The interpreter shuts down. */
Test(bpf_bare_loop, no_python_runs_any_more)
{
	py__set_top(world.tstate, 0);
	blocked(SYS_futex, 0, 90 * MS);
	expect_no_stall();
}

/* gevent's hub switches from one greenlet to another in C. */
Test(bpf_bare_loop, a_greenlet_without_python)
{
	set_greenlets(true);
	py__set_top(world.tstate, 0);
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	wait_in_poll(polling);
	expect_stall(LS_UNIT_CALLBACK, MS, 20 * MS);
}

/* The span that goes on when the loop is left is one that returned, however long it was. */
Test(bpf_bare_loop, a_stall_before_the_loop_is_left)
{
	py__set_top(world.tstate, py__frame(CALLBACK, 5, run));
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	py__set_top(world.tstate, py__frame(CALLBACK, 7, root));
	block(SYS_futex, 0, 0, 0);
	cr_assert_eq(expect_stall(LS_UNIT_CALLBACK, MS, 20 * MS)->end, LS_END_RETURN);
}
