/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk of a thread's stack on memory laid out by hand: whole chains of each family of layouts,
 * marks of the interpreter, holes, circles, wrong tables, and a chain that changes all the time.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "python/fake_objects.h"

#define N_FRAMES 400
#define CODE(i) (0xc0de0000ULL + 16 * (i))
#define MINORS 8, 9, 10, 11, 12, 13, 14, 15

static uint64_t tstate[64], cframe[8];
static uint64_t frames[N_FRAMES][32];
static struct target_stack stack;

static void put_frame(const struct target *t, size_t i, uint64_t previous, uint8_t owner)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;

	memset(frames[i], 0, sizeof(frames[i]));
	put(frames[i], py->frame_previous, previous);
	put(frames[i], py->frame_code, CODE(i) | (py->tag_mask & 1));
	put(frames[i], py->frame_position, 1000 + i);
	if (py->frame_owner != LS_PY_NONE)
		((uint8_t *)frames[i])[py->frame_owner] = owner;
}

static uint64_t frame_at(size_t i, size_t n)
{
	return i < n ? address(frames[i]) : 0;
}

/* A thread whose innermost frame is `top`. */
static void put_thread(const struct target *t, uint64_t top)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;

	memset(tstate, 0, sizeof(tstate));
	if (py->cframe_current == LS_PY_NONE) {
		put(tstate, py->tstate_frame, top);
		return;
	}
	put(tstate, py->tstate_frame, address(cframe));
	put(cframe, py->cframe_current, top);
}

/* `n` frames, of which number `from` is the innermost. */
static struct target put_chain(uint8_t minor, size_t n)
{
	struct target t = self_as(minor);

	for (size_t i = 0; i < n; i++)
		put_frame(&t, i, frame_at(i + 1, n), 0);
	put_thread(&t, frame_at(0, n));
	return t;
}

static void check_frames(size_t from, size_t n)
{
	cr_assert_eq(stack.n_frames, n, "%zu frames", stack.n_frames);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(stack.frames[i].at.code, CODE(from + i));
		cr_assert_eq(stack.frames[i].at.position, 1000 + from + i);
	}
}

Test(py_stack, whole_chains_of_each_version)
{
	static const uint8_t minors[] = { MINORS };

	for (size_t k = 0; k < sizeof(minors); k++) {
		struct target t = put_chain(minors[k], 7);

		cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), 0);
		check_frames(0, 7);
		cr_assert(!stack.is_torn);
		cr_assert_eq(stack.n_left_out, 0);
	}
}

Test(py_stack, a_thread_that_runs_nothing)
{
	struct target t = put_chain(12, 0);

	cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), 0);
	cr_assert_eq(stack.n_frames, 0);
	cr_assert(!stack.is_torn);
}

Test(py_stack, names_the_coroutine_of_a_frame)
{
	struct target old = put_chain(9, 3), new;

	put(frames[1], old.proc.py.at.frame_generator, 0xabcd00);
	cr_assert_eq(py_thread_stack(&old, address(tstate), &stack), 0);
	cr_assert_eq(stack.frames[0].coro, 0);
	cr_assert_eq(stack.frames[1].coro, 0xabcd00);

	new = put_chain(13, 3);
	put_frame(&new, 1, address(frames[2]), 1);
	cr_assert_eq(py_thread_stack(&new, address(tstate), &stack), 0);
	cr_assert_eq(stack.frames[0].coro, 0);
	cr_assert_eq(stack.frames[1].coro, address(frames[1]) - new.proc.py.at.gen_iframe);
}

Test(py_stack, leaves_out_marks_of_the_interpreter)
{
	struct target t = put_chain(14, 4);

	put_frame(&t, 0, address(frames[1]), 4);
	cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), 0);
	check_frames(1, 3);
}

Test(py_stack, a_deep_one_loses_its_middle)
{
	for (size_t n = TARGET_STACK_FRAMES - 1; n <= N_FRAMES; n++) {
		struct target t = put_chain(11, n);
		const size_t n_kept = n < TARGET_STACK_FRAMES ? n : TARGET_STACK_FRAMES;

		cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), 0);
		cr_assert(!stack.is_torn);
		cr_assert_eq(stack.n_frames, n_kept);
		cr_assert_eq(stack.n_left_out, n - n_kept);
		cr_assert_leq(stack.n_inner, n_kept);
		for (size_t i = 0; i < n_kept; i++)
			cr_assert_eq(stack.frames[i].at.code,
				     CODE(i < stack.n_inner ? i : i + stack.n_left_out));
	}
}

Test(py_stack, a_circle_is_no_stack)
{
	struct target t = put_chain(12, 50);

	for (size_t to = 0; to < 50; to += 7) {
		put_frame(&t, 49, address(frames[to]), 0);
		cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), 0);
		cr_assert_eq(stack.n_frames, 0);
		cr_assert(stack.is_torn);
	}
	put_frame(&t, 3, address(frames[3]), 0);
	cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), 0);
	cr_assert(stack.is_torn);
}

Test(py_stack, a_frame_that_cannot_be_read)
{
	static const uint64_t bad[] = { 8, 4096, UINT64_MAX - 7, 1ULL << 63, 0x7ffffffff000 };
	struct target t = put_chain(8, 5);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_frame(&t, 4, bad[i], 0);
		cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), 0);
		cr_assert_eq(stack.n_frames, 0);
		cr_assert(stack.is_torn);
	}
	cr_assert_eq(py_thread_stack(&t, 8, &stack), 0);
	cr_assert(stack.is_torn);
}

Test(py_stack, a_layout_that_cannot_be)
{
	struct target t = put_chain(8, 5);

	stack.n_frames = 77;
	t.proc.py.at.frame_bytes = 0xfff;
	cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), -ENOTSUP);
	cr_assert_eq(stack.n_frames, 77);
}

static atomic_bool is_over;

/* Calls and returns: frame 3 calls frame 2 or frame 10, and those one more each. */
static void *change(void *arg)
{
	const struct target *t = arg;

	for (uint64_t i = 0; !is_over; i++) {
		put(tstate, t->proc.py.at.tstate_frame, address(frames[i % 4]));
		put(frames[3], t->proc.py.at.frame_position, 5000 + i % 3);
	}
	return NULL;
}

Test(py_stack, what_changes_is_left_out)
{
	struct target t = put_chain(10, 8);
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, change, &t), 0);
	for (int round = 0; round < 2000; round++) {
		const struct target_frame *last;

		stack = (struct target_stack){ 0 };
		cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), 0);
		cr_assert_leq(stack.n_frames, 8);
		/* Whatever is there is the outer part of the stack, in order. */
		for (size_t i = 0; i < stack.n_frames; i++)
			cr_assert_eq(stack.frames[i].at.code, CODE(8 - stack.n_frames + i));
		cr_assert(stack.is_torn || stack.n_frames >= 5);
		last = stack.n_frames ? &stack.frames[stack.n_frames - 1] : NULL;
		cr_assert(!last || last->at.position == 1007);
	}
	is_over = true;
	pthread_join(thread, NULL);
}

enum function { BASE = 1, LEFT, RIGHT, LEAF };

/* Where a function is called, from 3.11 on: the next place of the thread's own stack. */
static void call(const struct target *t, size_t depth, enum function function)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;

	put(frames[depth], py->frame_code, CODE((uint64_t)function));
	put(frames[depth], py->frame_position, CODE((uint64_t)function));
	put(frames[depth], py->frame_previous, address(frames[depth - 1]));
	put(tstate, py->tstate_frame, address(frames[depth]));
	for (volatile int i = 0; i < 50; i++)
		;
}

static void give_back(const struct target *t, size_t depth)
{
	put(tstate, t->proc.py.at.tstate_frame, address(frames[depth - 1]));
}

static void call_left(const struct target *t, size_t depth)
{
	call(t, depth, LEFT);
	call(t, depth + 1, LEAF);
	give_back(t, depth + 1);
	call(t, depth + 1, LEAF);
	give_back(t, depth + 1);
	give_back(t, depth);
}

static void *call_both(void *arg)
{
	const struct target *t = arg;

	while (!is_over) {
		call_left(t, 1);
		call(t, 1, RIGHT);
		call_left(t, 2);
		call(t, 2, LEAF);
		give_back(t, 2);
		give_back(t, 1);
	}
	return NULL;
}

static bool is_call(uint64_t caller, uint64_t callee)
{
	return (caller == CODE(BASE) && (callee == CODE(LEFT) || callee == CODE(RIGHT))) ||
		(caller == CODE(RIGHT) && (callee == CODE(LEFT) || callee == CODE(LEAF))) ||
		(caller == CODE(LEFT) && callee == CODE(LEAF));
}

/* The links are the same whatever runs there: only the code tells calls apart. */
Test(py_stack, places_that_are_used_again)
{
	struct target t = put_chain(13, 0);
	pthread_t thread;

	put_frame(&t, 0, 0, 0);
	put(frames[0], t.proc.py.at.frame_code, CODE((uint64_t)BASE));
	put_thread(&t, address(frames[0]));
	cr_assert_eq(pthread_create(&thread, NULL, call_both, &t), 0);
	for (int round = 0; round < 20000; round++) {
		stack = (struct target_stack){ 0 };
		cr_assert_eq(py_thread_stack(&t, address(tstate), &stack), 0);
		for (size_t i = 0; i + 1 < stack.n_frames; i++)
			cr_assert(is_call(stack.frames[i + 1].at.code, stack.frames[i].at.code),
				  "round %d: %#llx calls %#llx", round,
				  (unsigned long long)stack.frames[i + 1].at.code,
				  (unsigned long long)stack.frames[i].at.code);
	}
	is_over = true;
	pthread_join(thread, NULL);
}
