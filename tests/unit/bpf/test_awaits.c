/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The await chains of the kernel side on made-up memory, in the layout of each version.
 */
#include "fake_memory.h"

#include "../../../bpf/python/awaits.bpf.c"

#include <criterion/criterion.h>

#include "python/py_offsets.h"

#define CORO_TYPE (FAKE_BASE + 0x100)
#define GEN_TYPE (FAKE_BASE + 0x200)
#define ASYNC_GEN_TYPE (FAKE_BASE + 0x300)
#define ASEND_TYPE (FAKE_BASE + 0x400)
#define OTHER_TYPE (FAKE_BASE + 0x500)
#define FUTURE_TYPE (FAKE_BASE + 0x600)
#define NAMES (FAKE_BASE + 0x800)
#define OBJECT(i) (FAKE_BASE + 0x1000 + 0x400 * (uint64_t)(i))
#define FRAME(i) (OBJECT(i) + 0x100) /* where it is an object of its own */
#define BYTECODE(i) (OBJECT(i) + 0x200)
#define CODE(i) (OBJECT(i) + 0x300)
#define LOCALS 3 /* in front of the stack */

enum how { AWAITS, YIELDS, CREATED, RUNS, ENDED };

static struct thread_state ts;
static const struct ls_pyoffsets *const py = &ts.proc.py.at;

static void reset(int minor)
{
	fake_reset();
	memset(&ts, 0, sizeof(ts));
	cr_assert_eq(py_offsets__init(&ts.proc.py.at, (uint8_t)minor, false), 0);
	ts.proc.py.coro_type = CORO_TYPE;
	ts.proc.py.gen_type = GEN_TYPE;
	ts.proc.py.async_gen_type = ASYNC_GEN_TYPE;
	ts.proc.py.asend_type = ASEND_TYPE;
}

static void put_byte(uint64_t addr, int byte)
{
	fake_bytes[addr - FAKE_BASE] = (uint8_t)byte;
}

static uint64_t position(int i)
{
	if (py->position_is_lasti)
		return 4;
	return BYTECODE(i) + 4;
}

static void put_code(int i, enum how how)
{
	const int resume = how == AWAITS ? 3 : 1;

	if (py->minor >= 11) {
		put_byte(position(i) + 3, resume);
		return;
	}
	fake_put(CODE(i) + py->co_code, BYTECODE(i));
	put_byte(BYTECODE(i) + py->bytes_data + 4U * py->position_is_lasti + 2,
		 how == AWAITS ? OP_YIELD_FROM : 1);
}

static int state_of(enum how how)
{
	switch (how) {
	case AWAITS:
		return py->gen_awaits;
	case YIELDS:
		return py->minor < 13 ? py->gen_awaits : py->gen_awaits - 1;
	case CREATED:
		return py->gen_created;
	case RUNS:
		return py->gen_runs;
	case ENDED:
		break;
	}
	return py->gen_runs + 1;
}

static void put_old(int i, enum how how, uint64_t inner)
{
	const uint64_t frame = FRAME(i), bottom = frame + 0xa0, n = how == AWAITS ? 2 : 1;

	fake_put(OBJECT(i) + py->gen_code, CODE(i));
	fake_put(OBJECT(i) + py->gen_frame, how == ENDED ? 0 : frame);
	fake_put(frame + py->frame_stack, bottom);
	fake_put(frame + py->frame_position, how == CREATED ? 0xffffffff : position(i));
	fake_put(bottom + 8 * (n - 1), inner);
	if (py->minor == 10) {
		fake_put(frame + py->frame_stack_top, n);
		put_byte(frame + py->gen_state, state_of(how));
		return;
	}
	fake_put(frame + py->frame_stack_top, how == RUNS ? 0 : bottom + 8 * n);
	put_byte(OBJECT(i) + py->gen_state, how == RUNS);
}

static void put_new(int i, enum how how, uint64_t inner)
{
	const uint64_t frame = OBJECT(i) + py->gen_iframe, bottom = frame + py->frame_locals;
	const uint64_t n = LOCALS + py->stack_back / 8, top = bottom + 8 * n;

	fake_put(OBJECT(i) + py->gen_code, CODE(i) | (py->tag_mask & 1));
	fake_put(frame + py->frame_position, position(i));
	fake_put(frame + py->frame_stack_top, py->stack_top == LS_STACK_TOP_WORDS ? n : top);
	fake_put(top - py->stack_back, inner | (py->tag_mask & 1));
	put_byte(OBJECT(i) + py->gen_state, state_of(how));
}

static void put_link(int i, uint64_t type, enum how how, uint64_t inner)
{
	fake_put(OBJECT(i) + py->ob_type, type);
	if (py->gen_iframe == LS_PY_NONE)
		put_old(i, how, inner);
	else
		put_new(i, how, inner);
	put_code(i, how);
}

static void put_object(int i, uint64_t type, uint64_t first)
{
	fake_put(OBJECT(i) + py->ob_type, type);
	fake_put(OBJECT(i) + py->ob_head, first);
}

static void put_name(uint64_t type, const char *name)
{
	fake_put(type + py->tp_name, NAMES);
	fake_put_bytes(NAMES, name, strlen(name) + 1);
}

/* 0 awaits 1, ... awaits n - 1, which awaits a future through its iterator. */
static void put_chain(int n)
{
	for (int i = 0; i < n; i++)
		put_link(i, CORO_TYPE, AWAITS, OBJECT(i + 1));
	put_object(n, OTHER_TYPE, OBJECT(n + 1));
	put_object(n + 1, FUTURE_TYPE, OBJECT(0));
}

static unsigned int n_lost(void)
{
	return fake_losses[LS_LOSS_AWAIT_UNREADABLE];
}

static void check_at(int i)
{
	awaits_read(&ts, OBJECT(0));
	cr_assert_eq(ts.await.state, LS_AWAIT_SUSPENDED, "3.%d: state %u", py->minor,
		     ts.await.state);
	cr_assert_eq(ts.await.frame.code, CODE(i), "3.%d: not in %d", py->minor, i);
	cr_assert_eq((uint32_t)ts.await.frame.position, (uint32_t)position(i));
	cr_assert_eq(n_lost(), 0);
}

static void check_unknown(unsigned int lost)
{
	awaits_read(&ts, OBJECT(0));
	cr_assert_eq(ts.await.state, LS_AWAIT_UNKNOWN, "3.%d: state %u", py->minor, ts.await.state);
	cr_assert_eq(n_lost(), lost, "3.%d: %u lost", py->minor, n_lost());
}

#define EACH_VERSION(name)                                                                         \
	static void name(void);                                                                    \
	Test(bpf_awaits, name)                                                                     \
	{                                                                                          \
		for (int minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++) {                   \
			reset(minor);                                                              \
			name();                                                                    \
		}                                                                                  \
	}                                                                                          \
	static void name(void)

EACH_VERSION(the_innermost_coroutine)
{
	put_chain(1);
	check_at(0);
	put_chain(3);
	check_at(2);
	/* The iterator's type is known from then on. */
	cr_assert_eq(ts.await_end_type, OTHER_TYPE);
	fake_reads = 0;
	check_at(2);
	cr_assert_leq(fake_reads, py->gen_iframe == LS_PY_NONE ? 10 : 7, "%u reads", fake_reads);
}

EACH_VERSION(one_that_has_not_begun)
{
	put_link(0, CORO_TYPE, CREATED, OBJECT(1));
	awaits_read(&ts, OBJECT(0));
	cr_assert_eq(ts.await.state, LS_AWAIT_BEGAN);
	cr_assert_eq(ts.await.frame.code, CODE(0));
}

EACH_VERSION(one_that_runs_or_has_ended_is_not_guessed_at)
{
	for (enum how how = RUNS; how <= ENDED; how++) {
		put_link(0, CORO_TYPE, how, OBJECT(1));
		check_unknown(0);
		put_chain(3);
		put_link(2, CORO_TYPE, how, OBJECT(3));
		check_unknown(0);
	}
	put_chain(2);
	put_link(1, CORO_TYPE, CREATED, OBJECT(2));
	check_unknown(0);
}

EACH_VERSION(generators_that_await_and_that_yield)
{
	put_chain(3);
	put_link(1, GEN_TYPE, AWAITS, OBJECT(2));
	check_at(2);
	/* On its stack, or among its locals, is a coroutine that it does not await. */
	put_link(1, GEN_TYPE, YIELDS, OBJECT(2));
	check_at(1);
}

EACH_VERSION(asynchronous_generators)
{
	static const char *const names[] = { "async_generator_athrow", "coroutine_wrapper",
					     "anext_awaitable" };

	put_chain(4);
	put_object(1, ASEND_TYPE, OBJECT(2));
	put_link(2, ASYNC_GEN_TYPE, AWAITS, OBJECT(3));
	check_at(3);
	for (int i = 0; i < 3; i++) {
		put_object(1, FUTURE_TYPE, OBJECT(2));
		put_name(FUTURE_TYPE, names[i]);
		check_at(3);
	}
}

EACH_VERSION(what_may_await_for_its_caller_is_not_guessed_at)
{
	put_chain(3);
	put_object(1, FUTURE_TYPE, OBJECT(2));
	put_name(FUTURE_TYPE, "Foreign");
	check_unknown(1);
	/* Its name cannot be read. */
	fake_put(FUTURE_TYPE + py->tp_name, 0);
	check_unknown(2);
}

EACH_VERSION(no_coroutine_at_all)
{
	put_object(0, OTHER_TYPE, 0);
	check_unknown(0);
	awaits_read(&ts, 0);
	cr_assert_eq(ts.await.state, LS_AWAIT_UNKNOWN);
	cr_assert_eq(n_lost(), 0);
}

EACH_VERSION(memory_that_cannot_be_read)
{
	put_chain(3);
	put_link(1, CORO_TYPE, AWAITS, 0x10);
	check_unknown(1);
	put_link(1, CORO_TYPE, AWAITS, 0);
	check_unknown(2);
	/* The end of memory: a future's iterator is shorter than a coroutine. */
	put_chain(2);
	put_link(1, CORO_TYPE, AWAITS, FAKE_BASE + FAKE_BYTES - 32);
	fake_put(FAKE_BASE + FAKE_BYTES - 32 + py->ob_type, OTHER_TYPE);
	awaits_read(&ts, OBJECT(0));
	cr_assert_eq(ts.await.state, LS_AWAIT_SUSPENDED);
	cr_assert_eq(ts.await.frame.code, CODE(1));
	/* A coroutine that is cut off there is none that we know. */
	fake_put(FAKE_BASE + FAKE_BYTES - 32 + py->ob_type, CORO_TYPE);
	check_unknown(3);
}

EACH_VERSION(a_cycle_ends)
{
	put_chain(3);
	put_link(2, CORO_TYPE, AWAITS, OBJECT(0));
	check_unknown(1);
}
