/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reading Python objects of the target: strings, tasks, the task behind a ready handle. Pure
 * functions over read_user().
 */
#ifndef LOOPSTALL_BPF_OBJECTS_H
#define LOOPSTALL_BPF_OBJECTS_H

#include "core/port.h"
#include "core/state.h"

#define OBJECT_WORD_MASK 0xf8
/* tp_flags of int and str and what derives from them (cpython: Include/object.h) */
#define TP_FLAG_LONG (1ULL << 24)
#define TP_FLAG_UNICODE (1ULL << 28)
/* dk_size of a dict's keys, up to 3.10 (cpython: Objects/dict-common.h) */
#define OLD_KEYS_SIZE 8

LS_INLINE __u64 object_word(const struct thread_state *ts, __u32 offset)
{
	return *(const __u64 *)(ts->object + (offset & OBJECT_WORD_MASK));
}

/* Copies a task's name: a str, or from 3.12 on an int that stands for "Task-<n>". */
LS_INLINE void pystr_read(const struct ls_pyoffsets *py, struct ls_pystr *str, __u64 object)
{
	__u64 type, flags, length = 0, data;
	__u32 state = 0, kind, bytes;

	str->kind = LS_NO_NAME;
	if (!object)
		return;
	type = read_ptr(object + py->ob_type);
	if (!type)
		return;
	flags = read_ptr(type + py->tp_flags);
	if ((flags & TP_FLAG_LONG) && py->int_tag != LS_PY_NONE) {
		__u32 digit = 0;

		if (read_ptr(object + py->int_tag) >> 3 != 1 ||
		    read_user(&digit, sizeof(digit), object + py->int_digit))
			return;
		str->number = digit;
		str->kind = 0;
		return;
	}
	if (!(flags & TP_FLAG_UNICODE) ||
	    read_user(&length, sizeof(length), object + py->str_length) ||
	    read_user(&state, sizeof(state), object + py->str_state))
		return;
	kind = ls_str_width(py, state);
	if ((kind != 1 && kind != 2 && kind != 4) || !ls_str_is_compact(py, state))
		return;
	data = object + (ls_str_is_ascii(py, state) ? py->str_ascii_data : py->str_data);
	bytes = LS_NAME_BYTES;
	if (length < LS_NAME_BYTES && length * kind < LS_NAME_BYTES)
		bytes = length * kind;
	barrier_var(bytes);
	if (bytes > LS_NAME_BYTES || (bytes && read_user(str->data, bytes, data)))
		return;
	str->length = length;
	str->copied = bytes;
	str->ascii = ls_str_is_ascii(py, state);
	str->kind = kind;
}

/* The task a handle's callback will step, or 0 if it is some other callback. */
LS_INLINE __u64 callback_task(const struct ls_proc *proc, __u64 callback)
{
	const struct ls_pyoffsets *py = &proc->py.at;
	__u64 type, call, def;

	if (!callback)
		return 0;
	type = read_ptr(callback + py->ob_type);
	if (!type)
		return 0;
	call = read_ptr(type + py->tp_call);
	if (call && (call == proc->py.step_call || call == proc->py.wakeup_call))
		return read_ptr(callback + py->wrapper_task);
	def = read_ptr(callback + py->cfunction_def);
	if (!def || !proc->py.wakeup_call ||
	    read_ptr(def + py->methoddef_func) != proc->py.wakeup_call)
		return 0;
	return read_ptr(callback + py->cfunction_self);
}

/*
 * A Python float of seconds as nanoseconds, in integers, because BPF has no floating point. Returns
 * 0 for negative values, for those from 2^33 s on and for those under 2^-10 s.
 */
LS_INLINE __u64 seconds_bits_to_ns(__u64 bits)
{
	__u64 mantissa = (bits & ((1ULL << 52) - 1)) | (1ULL << 52);
	__u32 biased = (bits >> 52) & 0x7ff;
	__u32 fraction_bits;
	__u64 fraction;

	if ((bits >> 63) || biased < 1023 - 10 || biased > 1023 + 32)
		return 0;
	fraction_bits = 1075 - biased; /* 20 ... 62 */
	fraction = mantissa & ((1ULL << (fraction_bits & 63)) - 1);
	mantissa >>= fraction_bits & 63;
	if (fraction_bits > 33) {
		fraction >>= (fraction_bits - 33) & 63;
		fraction_bits = 33;
	}
	return mantissa * 1000000000ULL + ((fraction * 1000000000ULL) >> fraction_bits);
}

#endif
