/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reading tasks written in Python: their attributes, and which task a resumed coroutine or a handle
 * belongs to. Pure functions over read_user().
 */
#ifndef LOOPSTALL_BPF_PYTASKS_H
#define LOOPSTALL_BPF_PYTASKS_H

#include "python/objects.h"
#include "core/port.h"
#include "core/state.h"

/* cpython: Include/internal/pycore_dict.h, Include/object.h, Include/cpython/setobject.h */
#define TP_FLAG_INLINE_VALUES (1ULL << 2)
#define TP_FLAG_LIST (1ULL << 25)
#define VALUES_VALID 3
/* 3.8-3.10: Objects/dict-common.h */
#define OLD_KEYS_MOST 128 /* so the indices take a byte each */
#define OLD_ENTRY 24
#define OLD_ENTRY_VALUE 16
#define SET_USED 8
#define SET_MASK 16
#define SET_TABLE 24
#define SET_SLOT_BYTES 16
#define SET_SMALL 8 /* slots of a set that has few members */

/*
 * Value number `index` of a dict that shares its keys with others of its class. Up to 3.10 also of
 * one that had to give that up, as those of tasks do when they end: it keeps the order. Else 0.
 */
LS_INLINE __u64 dict_value(const struct ls_pyoffsets *py, __u64 dict, __u32 index)
{
	__u64 values = dict ? read_ptr(dict + py->dict_values) : 0, keys, size;

	if (values)
		return read_ptr(values + py->dictvalues_data + 8 * index);
	keys = dict && py->keys_kind == LS_PY_NONE ? read_ptr(dict + py->dict_keys) : 0;
	size = keys ? read_ptr(keys + OLD_KEYS_SIZE) : 0;
	if (!size || size > OLD_KEYS_MOST)
		return 0;
	return read_ptr(keys + py->keys_indices + size + OLD_ENTRY * index + OLD_ENTRY_VALUE);
}

/*
 * Value number `index` among the attributes of an instance, counted as the keys of its class are; 0
 * if they are not kept that way.
 */
LS_INLINE __u64 instance_value(const struct ls_pyoffsets *py, __u64 object, __u64 type, __u32 index)
{
	__u64 word;
	__u8 is_valid = 0;

	if (!py->managed_dict) {
		word = read_ptr(type + py->tp_dictoffset);
		return word && word < 0x10000 ? dict_value(py, read_ptr(object + word), index) : 0;
	}
	if (py->managed_values) {
		word = read_ptr(object + (__u64)(__s64)py->managed_values);
		if (word)
			return read_ptr(word + py->dictvalues_data + 8 * index);
	}
	word = read_ptr(object + (__u64)(__s64)py->managed_dict);
	if (word & 1)
		return read_ptr(word + 1 + 8 * index);
	if (word)
		return dict_value(py, word, index);
	if (py->minor < 13 || !(read_ptr(type + py->tp_flags) & TP_FLAG_INLINE_VALUES))
		return 0;
	object += read_ptr(type + py->tp_basicsize) & 0xffff;
	if (read_user(&is_valid, 1, object + VALUES_VALID) || is_valid != 1)
		return 0;
	return read_ptr(object + py->dictvalues_data + 8 * index);
}

/* An attribute of a task; 0 if its class is another one than that we know. */
LS_INLINE __u64 pytask_attribute(const struct ls_pyoffsets *py, const struct ls_pytasks *tasks,
				 __u64 task, __u32 attribute)
{
	if (!task || !tasks->type || read_ptr(task + py->ob_type) != tasks->type)
		return 0;
	return tasks->by_index ? instance_value(py, task, tasks->type, attribute) :
				 read_ptr(task + attribute);
}

/*
 * The task of coroutine `coro`, which is resumed under the scheduler's frame `frame`; 0 if it is
 * not known.
 */
LS_INLINE __u64 pytask_resumed(const struct ls_pyoffsets *py, const struct ls_pytasks *tasks,
			       __u64 frame, __u64 coro)
{
	__u64 task;

	if (!frame || !coro || !tasks->task_local)
		return 0;
	task = read_ptr(frame + tasks->task_local) & ~(__u64)py->tag_mask;
	return pytask_attribute(py, tasks, task, tasks->coro) == coro ? task : 0;
}

/*
 * The task that a callback will step, if it is a method of one: function and object lie behind its
 * head.
 */
LS_INLINE __u64 method_task(const struct ls_pyoffsets *py, const struct ls_pytasks *tasks,
			    __u64 callback)
{
	__u64 function;

	if (!callback || !tasks->step)
		return 0;
	function = read_ptr(callback + py->ob_head);
	return function == tasks->step || function == tasks->wakeup ?
		read_ptr(callback + py->ob_head + 8) :
		0;
}

/*
 * trio's list of tasks that wait for their turn, a local variable of the scheduler's frame; 0 if it
 * is none (any more).
 */
LS_INLINE __u64 pytask_batch(const struct thread_state *ts, const struct ls_pytasks *tasks)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 frame = ts->cur.frame, list;

	if (!frame || !tasks->batch_local ||
	    (read_ptr(frame + py->frame_code) & ~(__u64)py->tag_mask) != ts->scheduler)
		return 0;
	list = read_ptr(frame + tasks->batch_local) & ~(__u64)py->tag_mask;
	return list && read_ptr(read_ptr(list + py->ob_type) + py->tp_flags) & TP_FLAG_LIST ? list :
											      0;
}

#ifndef LOOPSTALL_HOSTED

/* pytask_attribute() and pytask_resumed() as functions that the verifier checks once. */
__u64 pytask_value(struct thread_state *ts, const struct ls_pytasks *tasks, __u64 task,
		   __u32 attribute);
__u64 pytask_of_frame(struct thread_state *ts, const struct ls_pytasks *tasks, __u64 frame,
		      __u64 coro);

#endif

#endif
