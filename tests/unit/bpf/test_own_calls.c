/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the interpreter calls by itself, told from functions that are called with the same
 * arguments: in the layout of each version.
 */
#include "fake_memory.h"

#include "../../../bpf/python/own_calls.bpf.c"

#include <criterion/criterion.h>

#include "python/py_offsets.h"

enum place {
	OUTER = 1, /* frames */
	INNER,
	OUTER_CODE,
	INNER_CODE,
	STACK, /* values of the outer frame, up to 3.10 */
	FRAME_OBJECT,
	NUMBER,
	INT_TYPE,
	PAIR,
	REFERENCE,
	WEAKREF_TYPE,
	NONE,
	INSTRUCTIONS,
	SELF,
};

#define AT(place) (FAKE_BASE + 0x800 * (uint64_t)(place))
#define PLACES 5 /* on the outer frame's stack of values */
#define N_LOCALS 4
#define POP_TOP 1 /* up to 3.12 */

static struct thread_state ts;

static void put_u32(uint64_t addr, uint32_t value)
{
	fake_put_bytes(addr, &value, sizeof(value));
}

static void put_arguments(uint32_t n, uint32_t flags)
{
	put_u32(AT(INNER_CODE) + ts.proc.py.at.co_argcount, n);
	put_u32(AT(INNER_CODE) + ts.proc.py.at.co_flags, flags);
}

static void put_local(uint64_t i, uint64_t object)
{
	fake_put(AT(INNER) + ts.proc.py.at.frame_locals + 8 * i, object);
}

static uint64_t frame_object(void)
{
	return ts.proc.py.at.frame_object == LS_PY_NONE ? AT(OUTER) : AT(FRAME_OBJECT);
}

static void put_number(uint32_t number)
{
	const struct ls_pyoffsets *py = &ts.proc.py.at;
	const bool is_old = py->int_tag == LS_PY_NONE;

	fake_put(AT(NUMBER) + py->ob_type, AT(INT_TYPE));
	fake_put(AT(INT_TYPE) + py->tp_flags, TP_FLAG_LONG);
	fake_put(AT(NUMBER) + (is_old ? py->ob_size : py->int_tag), is_old ? 1 : 1 << 3);
	put_u32(AT(NUMBER) + (is_old ? py->ob_size + 8 : py->int_digit), number);
}

static void put_outer(void)
{
	const struct ls_pyoffsets *py = &ts.proc.py.at;
	const uint64_t counts = AT(OUTER_CODE) + py->co_argcount;

	fake_put(AT(OUTER) + py->frame_code, AT(OUTER_CODE));
	fake_put(AT(OUTER) + py->frame_position, py->position_is_lasti ? 0 : AT(INSTRUCTIONS));
	if (py->frame_object != LS_PY_NONE)
		fake_put(AT(OUTER) + py->frame_object, AT(FRAME_OBJECT));
	if (py->frame_stack != LS_PY_NONE) {
		fake_put(AT(OUTER) + py->frame_stack, AT(STACK));
		put_u32(counts + OLD_STACK_SIZE, PLACES);
		fake_put(AT(OUTER_CODE) + py->co_code, AT(INSTRUCTIONS) - py->bytes_data);
	} else {
		put_u32(counts + STACK_SIZE, PLACES);
		put_u32(counts + LOCALS, N_LOCALS);
	}
}

/* Puts an object where the outer frame has its operands. */
static void put_operand(uint64_t object)
{
	const struct ls_pyoffsets *py = &ts.proc.py.at;
	const uint64_t stack = py->frame_stack != LS_PY_NONE ?
		AT(STACK) :
		AT(OUTER) + py->frame_locals + 8 * N_LOCALS;

	fake_put(stack + 8 * (PLACES - 1), object);
}

static void put_instruction(uint8_t op)
{
	fake_put_bytes(AT(INSTRUCTIONS), &op, sizeof(op));
}

static void setup(uint8_t minor)
{
	fake_reset();
	memset(&ts, 0, sizeof(ts));
	cr_assert_eq(py_offsets__init(&ts.proc.py.at, minor, false), 0);
	ts.proc.py.weakref_type = AT(WEAKREF_TYPE);
	ts.proc.py.none = AT(NONE);
	put_outer();
	put_number(15);
	fake_put(AT(REFERENCE) + ts.proc.py.at.ob_type, AT(WEAKREF_TYPE));
	fake_put(AT(REFERENCE) + ts.proc.py.at.ob_head, AT(NONE));
}

static int call(void)
{
	cr_assert_eq(frame_read(&ts, AT(OUTER)), 0);
	ts.passed.addr = AT(INNER);
	ts.passed.code = AT(INNER_CODE);
	return own_call(&ts, AT(OUTER));
}

#define EACH_VERSION(minor) for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++)

/* As a function, a method, with *args, a method with *args. */
static void put_handler(int kind)
{
	const struct ls_pyoffsets *py = &ts.proc.py.at;

	fake_put(AT(PAIR) + py->ob_size, 2);
	fake_put(AT(PAIR) + py->tuple_items, AT(NUMBER));
	fake_put(AT(PAIR) + py->tuple_items + 8, frame_object());
	put_arguments((uint32_t[]){ 2, 3, 0, 1 }[kind], kind < 2 ? 0 : CO_VARARGS);
	for (uint64_t i = 0; i < 3; i++)
		put_local(i, AT(SELF));
	if (kind < 2) {
		put_local(kind ? 1 : 0, AT(NUMBER));
		put_local(kind ? 2 : 1, frame_object());
	} else {
		put_local(kind == 3, AT(PAIR));
	}
}

Test(own_calls, signal_handlers)
{
	EACH_VERSION(minor)
	for (int kind = 0; kind < 4; kind++) {
		setup(minor);
		put_handler(kind);
		cr_assert_eq(call(), LS_CALL_SIGNAL, "3.%d, %d", minor, kind);
		put_number(LAST_SIGNAL + 1);
		cr_assert_eq(call(), LS_CALL_NONE);
		put_number(15);
		put_operand(frame_object());
		cr_assert_eq(call(), LS_CALL_NONE, "passed by 3.%d", minor);
	}
}

/* The frame of another function, and a variable that is no argument. */
Test(own_calls, functions_that_look_at_frames)
{
	EACH_VERSION(minor)
	{
		setup(minor);
		put_handler(0);
		put_local(1, AT(INNER));
		cr_assert_eq(call(), LS_CALL_NONE);
		put_handler(0);
		put_arguments(1, 0);
		cr_assert_eq(call(), LS_CALL_NONE);
	}
}

Test(own_calls, callbacks_of_weak_references)
{
	EACH_VERSION(minor)
	for (uint32_t self = 0; self < 2; self++) {
		setup(minor);
		put_arguments(self + 1, 0);
		put_local(0, AT(SELF));
		put_local(self, AT(REFERENCE));
		put_instruction(255);
		cr_assert_eq(call(), LS_CALL_MAYBE_DEATH);
		fake_put(AT(REFERENCE) + ts.proc.py.at.ob_head + 8, AT(SELF));
		cr_assert_eq(call(), LS_CALL_DEATH, "collected by 3.%d", minor);
		put_operand(AT(REFERENCE));
		cr_assert_eq(call(), LS_CALL_NONE, "passed by 3.%d", minor);
		put_operand(0);
		fake_put(AT(REFERENCE) + ts.proc.py.at.ob_head, AT(SELF));
		cr_assert_eq(call(), LS_CALL_NONE, "alive in 3.%d", minor);
	}
}

Test(own_calls, instructions_that_drop_a_value)
{
	EACH_VERSION(minor)
	{
		setup(minor);
		put_arguments(1, 0);
		put_local(0, AT(REFERENCE));
		put_instruction(minor < 13 ? POP_TOP : (uint8_t[]){ 32, 31, 29 }[minor - 13]);
		cr_assert_eq(call(), LS_CALL_DEATH, "3.%d", minor);
	}
}
