/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * CPython's part of the contract (abi.h): what user space finds out about a process and its loops
 * so that the kernel side can read them. Filled by src/python, read by bpf/python and bpf/queue.
 */
#ifndef LOOPSTALL_PYTHON_H
#define LOOPSTALL_PYTHON_H

#include <linux/types.h>

#include <loopstall/pyoffsets.h>

#define LS_PY_DEQUE_BLOCK_ITEMS 64 /* cpython: Modules/_collectionsmodule.c */
#define LS_PY_GC_GENERATION_BYTES 24 /* from one generation of the collector to the next */

/* One process. All addresses are the process's own; 0: not known. */
struct ls_pyproc {
	__u64 gil; /* the GIL structure */
	__u64 threads; /* head of the interpreter's list of thread states */
	__u64 coro_type, gen_type; /* PyCoro_Type, PyGen_Type: what task_coro may be read as */
	__u64 async_gen_type, asend_type; /* PyAsyncGen_Type, and what its asend() returns */
	__u64 weakref_type, none; /* _PyWeakref_RefType, None */
	__u64 step_call; /* tp_call of TaskStepMethWrapper */
	__u64 wakeup_call; /* C function of task_wakeup (3.10+) or tp_call of its wrapper type */
	/* up to 3.13: the dict loop -> running task. 0 also where the thread state says it */
	__u64 current_tasks;
	__u64 gc_collecting; /* int: not 0 while the garbage collector runs */
	__u64 gc_counts; /* int: count of generation 0; those of 1 and 2 follow */
	struct ls_pyoffsets at;
	__u8 is_free_threaded; /* several threads run steps at once, and no GIL names them */
	__u8 pad[7];
};

/*
 * Tasks written in Python: where they and their scheduler keep what is read. Locals are offsets in
 * the scheduler's frame; attributes are offsets in the object or, with `by_index`, indices into the
 * values of an instance. All 0: not known.
 */
struct ls_pytasks {
	__u64 type; /* their class; tasks of other classes are not read */
	/* functions of the class: a method of one of them in the ready queue is a task's turn */
	__u64 step, wakeup;
	__u64 owner; /* their loop or Runner; the thread may run another one by now */
	__u64 none; /* None */
	__u64 deadlines; /* trio: address of the pointer to its heap of deadlines, 0: unknown */
	__u64 clock_offset_ns; /* trio: offset of its clock from CLOCK_MONOTONIC */
	__u16 task_local; /* the task that is resumed; 0: unknown */
	/* trio: list of tasks that left the queue and still wait for their turn */
	__u16 batch_local;
	__u16 coro, name, owned_by; /* attributes of a task */
	__u16 next_send; /* trio: None while the task waits */
	/* trio: attributes of CancelScope and CancelStatus */
	__u16 scope_deadline, scope_status, status_tasks, status_children;
	__u8 by_index;
	__u8 is_queued_bare; /* the ready queue holds tasks, not handles */
	__u8 pad[2];
};

/* One loop: its queues. */
struct ls_pyloop {
	__u64 ready; /* address of the deque `_ready`, 0 if unknown */
	__u64 scheduled; /* address of the list `_scheduled` (asyncio's own loops), else 0 */
	__u64 uv_timers; /* address of libuv's timer heap (uvloop), else 0 */
	/* code of the function that runs a loop of which nothing but its poll is known, else 0 */
	__u64 runner;
	__u16 handle_callback; /* offset of the callback inside a handle of this loop */
	__u16 uv_timer_context; /* uvloop: offset of the TimerHandle inside a UVTimer */
	__u16 uv_timer_args; /* uvloop: offset of the arguments inside a TimerHandle */
	__u16 is_native; /* the loop itself has no Python frames */
	struct ls_pytasks tasks;
};

/* A piece that cannot be read whole is read to this part, and to this part of that. */
#define LS_PY_PIECE_CUT 4
#define LS_PY_C_NAME_BYTES 192
#define LS_PY_C_OWNER_BYTES 320

/*
 * What names a C function: the first piece of its record, which lies at its `code`. No memory of
 * the process looks like that, because it begins with this very address.
 */
struct ls_py_c_function {
	__u64 code;
	__u64 name; /* address of a C string */
	__u64 owner; /* of its type's name, a C string, or of its module's, a str; 0: none */
	__u64 is_owner_str;
};

_Static_assert(sizeof(struct ls_pytasks) == 80, "tasks written in Python");
_Static_assert(sizeof(struct ls_pyproc) % 8 == 0, "process configuration");

#endif
