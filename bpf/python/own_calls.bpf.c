// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See own_calls.h. Both are known by their arguments: a handler gets the number of its signal and
 * the frame that it interrupts, which no other frame hands on so; a callback its weak reference,
 * which is dead. With LOOPSTALL_HOSTED this file is ordinary C, which the unit tests include.
 * Sources: cpython Modules/signalmodule.c (_PyErr_CheckSignalsTstate), Objects/weakrefobject.c
 * (PyObject_ClearWeakRefs), Modules/gcmodule.c and Python/gc.c (handle_weakrefs),
 * Include/cpython/code.h.
 */
#ifndef LOOPSTALL_HOSTED
#include "core/maps.h"
#endif
#include "python/own_calls.h"

#include "python/frames.h"
#include "python/objects.h"

#define LAST_SIGNAL 64
#define CO_VARARGS 4 /* co_flags: has *args */
#define MOST_OPERANDS 64 /* of an expression that are looked at */
/* Behind co_argcount, up to 3.10 and from 3.11 on: co_stacksize; co_nlocalsplus. */
#define OLD_STACK_SIZE 16
#define STACK_SIZE 12
#define LOCALS 20

struct arguments {
	const __u64 *values;
	__s32 n; /* that have a name */
	__u32 flags; /* co_flags */
};

LS_INLINE __u64 untagged(const struct thread_state *ts, __u64 object)
{
	return object & ~(__u64)ts->proc.py.at.tag_mask;
}

LS_INLINE int arguments_read(struct thread_state *ts, struct arguments *ret)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	struct passed_frame *inner = &ts->passed;

	ret->values = inner->values;
	if (read_user(&ret->n, sizeof(ret->n), inner->code + py->co_argcount) ||
	    read_user(&ret->flags, sizeof(ret->flags), inner->code + py->co_flags) ||
	    (ret->n < 1 && !(ret->flags & CO_VARARGS)) ||
	    read_user(inner->values, sizeof(inner->values), inner->addr + py->frame_locals))
		return -1;
	for (int i = 0; i < 3; i++)
		inner->values[i] = untagged(ts, inner->values[i]);
	return 0;
}

/* The instruction that the outer frame is at. */
LS_INLINE int drops_a_value(const struct thread_state *ts)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 at = frame_word(ts, py->frame_position);
	__u8 op = 0;

	if (py->position_is_lasti)
		at = read_ptr(untagged(ts, frame_word(ts, py->frame_code)) + py->co_code) +
			py->bytes_data + (__u64)(__u32)at * py->position_is_lasti;
	return !read_user(&op, sizeof(op), at) && py->drops[op >> 5] >> (op & 31) & 1;
}

struct operand_search {
	const struct thread_state *ts;
	__u64 object;
	__u64 is_found;
};

/* bpf_loop() callback: the i-th value on the stack of the outer frame. */
static long compare_operand(__u32 i, struct operand_search *search)
{
	const struct thread_state *ts = search->ts;

	if (i >= ts->passed.n_operands)
		return 1;
	search->is_found =
		untagged(ts, read_ptr(ts->passed.operands + 8 * (__u64)i)) == search->object;
	return search->is_found;
}

/*
 * Was the object an operand of what the outer frame computes? Values that were taken off its stack
 * are still there until others take their place, so it may also have been one before.
 */
LS_INLINE int is_operand(struct thread_state *ts, __u64 outer, __u64 object)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	const __u64 counts = untagged(ts, frame_word(ts, py->frame_code)) + py->co_argcount;
	const int is_old = py->frame_stack != LS_PY_NONE;
	struct operand_search search = { .ts = ts, .object = object };
	__u32 *n = &ts->passed.n_operands;

	if (!is_old && read_user(n, sizeof(*n), counts + LOCALS))
		return 1;
	ts->passed.operands =
		is_old ? frame_word(ts, py->frame_stack) : outer + py->frame_locals + 8 * (__u64)*n;
	if (read_user(n, sizeof(*n), counts + (is_old ? OLD_STACK_SIZE : STACK_SIZE)))
		return 1;
	bpf_loop(MOST_OPERANDS, compare_operand, &search, 0);
	return search.is_found;
}

LS_INLINE int is_signal_number(const struct thread_state *ts, __u64 object)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	const __u64 type = object ? read_ptr(object + py->ob_type) : 0;
	__u32 digit = 0, digit_at = py->int_digit, size_at = py->int_tag, shift = 3;

	if (size_at == LS_PY_NONE) {
		size_at = py->ob_size;
		digit_at = py->ob_size + 8;
		shift = 0;
	}
	return type && read_ptr(type + py->tp_flags) & TP_FLAG_LONG &&
		read_ptr(object + size_at) >> shift == 1 &&
		!read_user(&digit, sizeof(digit), object + digit_at) && digit >= 1 &&
		digit <= LAST_SIGNAL;
}

/* What is in front of the frame in a tuple of two. */
LS_INLINE __u64 number_in_pair(const struct thread_state *ts, __u64 tuple, __u64 frame)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 items[2];

	return tuple && !read_user(items, sizeof(items), tuple + py->tuple_items) &&
			items[1] == frame && read_ptr(tuple + py->ob_size) == 2 ?
		items[0] :
		0;
}

/* The argument in front of the frame, which may be behind self; 0: there is none. */
LS_INLINE __u64 signal_number(const struct thread_state *ts, const struct arguments *args,
			      __u64 frame)
{
	if (!frame)
		return 0;
	if (args->n >= 2 && args->values[1] == frame)
		return args->values[0];
	if (args->n >= 3 && args->values[2] == frame)
		return args->values[1];
	if (!(args->flags & CO_VARARGS) || args->n > 1)
		return 0;
	return number_in_pair(ts, args->n ? args->values[1] : args->values[0], frame);
}

/* The argument that is a weak reference: the first, or the one behind self. */
LS_INLINE __u64 reference_in(const struct thread_state *ts, const struct arguments *args)
{
	const __u64 type = ts->proc.py.weakref_type;
	const __u32 type_at = ts->proc.py.at.ob_type;

	if (!type || args->n < 1)
		return 0;
	if (args->values[0] && read_ptr(args->values[0] + type_at) == type)
		return args->values[0];
	return args->n >= 2 && args->values[1] && read_ptr(args->values[1] + type_at) == type ?
		args->values[1] :
		0;
}

LS_INLINE int death_call(const struct thread_state *ts, __u64 reference)
{
	__u64 fields[2]; /* wr_object, wr_callback */

	if (read_user(fields, sizeof(fields), reference + ts->proc.py.at.ob_head) ||
	    fields[0] != ts->proc.py.none)
		return LS_CALL_NONE;
	/* Only the collector leaves a dead one its callback, and calls it then. */
	return fields[1] || drops_a_value(ts) ? LS_CALL_DEATH : LS_CALL_MAYBE_DEATH;
}

LS_SUBPROG int own_call(struct thread_state *ts, __u64 outer)
{
	struct arguments args;
	__u64 object, number;
	int call;

	if (!ts || arguments_read(ts, &args))
		return LS_CALL_NONE;
	object = ts->proc.py.at.frame_object == LS_PY_NONE ?
		outer :
		frame_word(ts, ts->proc.py.at.frame_object);
	number = signal_number(ts, &args, object);
	if (number) {
		call = is_signal_number(ts, number) ? LS_CALL_SIGNAL : LS_CALL_NONE;
	} else {
		object = reference_in(ts, &args);
		call = object ? death_call(ts, object) : LS_CALL_NONE;
	}
	return call && !is_operand(ts, outer, object) ? call : LS_CALL_NONE;
}
