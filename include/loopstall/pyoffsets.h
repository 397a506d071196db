/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where one CPython build keeps what we read, in bytes from the start of each object. src/python
 * fills it (tables, and from 3.13 on what the target says of itself), src/python and bpf/ read with
 * it. A field that a version does not have is LS_PY_NONE. docs/internals.md names the sources.
 */
#ifndef LOOPSTALL_PYOFFSETS_H
#define LOOPSTALL_PYOFFSETS_H

#include <linux/types.h>

#define LS_PY_NONE 0xffff

/* How co_linetable is written (enum in a __u8). */
enum ls_linetable {
	LS_LINETABLE_LNOTAB, /* 3.8, 3.9 */
	LS_LINETABLE_PEP626, /* 3.10 */
	LS_LINETABLE_LOCATIONS, /* 3.11 and later */
};

/* How a frame says where its value stack ends (enum in a __u8). */
enum ls_stack_top {
	LS_STACK_TOP_POINTER, /* 3.8, 3.9, 3.14+ */
	LS_STACK_TOP_DEPTH, /* 3.10: number of values */
	LS_STACK_TOP_WORDS, /* 3.11-3.13: the same with the locals in front */
};

struct ls_pyoffsets {
	/* PyObject, PyTypeObject */
	__u16 ob_head; /* bytes before the first field of an object */
	__u16 ob_type, tp_name, tp_basicsize, tp_call, tp_flags, tp_base, tp_dictoffset,
		ht_cached_keys;
	/* var-sized objects: ob_size; list and tuple items; bytes data */
	__u16 ob_size, list_items, tuple_items, bytes_data;
	/*
	 * str (B5 of the layout notes): length, state word, data of ascii and of other compact
	 * strings
	 */
	__u16 str_length, str_state, str_ascii_data, str_data;
	/* int from 3.12 on: lv_tag and first digit */
	__u16 int_tag, int_digit;
	/* runtime, interpreter, thread state */
	__u16 runtime_interpreters_head;
	__u16 interp_next, interp_threads_head, interp_modules;
	__u16 interp_tasks; /* 3.14+: list of the tasks whose thread is gone, else LS_PY_NONE */
	__u16 interp_ceval_gil; /* pointer to the GIL from 3.12 on, else LS_PY_NONE */
	__u16 runtime_gil; /* the GIL inside the runtime up to 3.11, else LS_PY_NONE */
	/* the garbage collector: in the interpreter, or (3.8) the runtime; the other: LS_PY_NONE */
	__u16 interp_gc, runtime_gc;
	/* in the garbage collector */
	__u16 gc_collecting;
	/*
	 * This far in front of gc_collecting are, up to 3.13, a pointer to the generations, and
	 * from 3.14 on the generations themselves; the other is LS_PY_NONE. Releases of one version
	 * differ in what is in front.
	 */
	__u16 gc_generation0_back, gc_generations_back;
	__u16 gil_last_holder, gil_locked, gil_cond, gil_mutex, gil_end;
	__u16 tstate_next, tstate_interp, tstate_thread_id, tstate_native_id, tstate_dict;
	__u16 tstate_frame; /* frame (<= 3.10), cframe (3.11, 3.12) or current frame */
	__u16 cframe_current; /* 3.11, 3.12: frame inside the cframe; else LS_PY_NONE */
	__u16 tstate_running_loop; /* from 3.13 on, else LS_PY_NONE */
	__u16 tstate_tasks; /* 3.14+: list of the thread's tasks, else LS_PY_NONE */
	__u16 tstate_running_task; /* 3.14+: the task it runs now, else LS_PY_NONE */
	/* frame: `frame_bytes` is how much one read must take to hold all of these */
	__u16 frame_bytes, frame_previous, frame_code, frame_position, frame_owner;
	/* f_gen up to 3.10, else LS_PY_NONE (frame lies inside the generator) */
	__u16 frame_generator;
	__u16 frame_locals; /* the local variables; from 3.11 on with the value stack behind them */
	/* up to 3.10: pointer to the bottom of the value stack, else LS_PY_NONE */
	__u16 frame_stack;
	__u16 frame_stack_top; /* its end: enum ls_stack_top says how it is written */
	__u16 frame_object; /* 3.11+: the frame object, if one was made; else LS_PY_NONE */
	/* 3.11: did C code enter it? Later a shim lies around such a frame: LS_PY_NONE */
	__u16 frame_is_entry;
	/* generator, coroutine, async generator */
	__u16 gen_bytes; /* one read of this size holds gen_code and gen_qualname */
	__u16 gen_frame; /* 3.8-3.10: pointer to the frame object, else LS_PY_NONE */
	__u16 gen_iframe; /* 3.11+: the frame itself lies here, else LS_PY_NONE */
	__u16 gen_code; /* code object: a field, or f_executable of the embedded frame */
	__u16 gen_qualname;
	__u16 gen_state; /* how far it is, one byte; 3.10: in the frame */
	__u16 gen_origin; /* where it was made, if the program asked for that */
	/* code */
	/* what follows co_argcount is in the same place of each version: see own_calls.bpf.c */
	__u16 co_argcount;
	__u16 co_flags, co_firstlineno, co_filename, co_name, co_qualname, co_linetable, co_code;
	/* free-threaded 3.14+: array of each thread's copy of the code, else LS_PY_NONE */
	__u16 co_tlbc;
	/* C task */
	__u16 task_bytes; /* tp_basicsize of _asyncio.Task; also a check at attach */
	__u16 task_loop, task_callback0, task_coro, task_name, task_state, task_fut_waiter;
	__u16 task_exception; /* what it ended with, 0: nothing */
	/* its flags: an int each, from 3.13 on one bit each (py_task_reader.c) */
	__u16 task_log_tb, task_must_cancel;
	__u16 task_cancels; /* 3.11+: how often cancel() was called, else LS_PY_NONE */
	__u16 task_node; /* 3.14+: links it into a list of tasks, else LS_PY_NONE */
	/* PyCFunction, step and wakeup wrappers, PyMethodDef function */
	__u16 cfunction_def, cfunction_self, wrapper_task, methoddef_func;
	/* dict (E1), deque, Handle, TimerHandle; float value */
	__u16 dict_keys, dict_values, dict_used, keys_nentries, keys_log2_index_bytes, keys_kind;
	__u16 keys_indices, dictvalues_data;
	__u16 deque_leftblock, deque_leftindex, deque_block_data, deque_block_next;
	__u16 handle_callback, handle_args, timer_when, float_value;
	__s16 managed_dict, managed_values; /* relative to the object; 0 when there is none */
	__u8 frame_owner_skip_min; /* owner >= this is a C-stack shim; 0xff: there are none */
	__u8 tag_mask; /* low bits to clear from object pointers in frames */
	__u8 linetable; /* enum ls_linetable */
	/* 1: bytes (3.8, 3.9), 2: code units (3.10), 0: pointer into the code */
	__u8 position_is_lasti;
	__u8 task_arg; /* argument of task_step_impl that is the task: 0, from 3.12 on 1 */
	/* of the kind's three bits in the state word; compact and ascii follow */
	__u8 str_state_shift;
	__u8 stack_top; /* enum ls_stack_top */
	__u8 stack_back; /* what is awaited lies this many bytes below the end of the value stack */
	__s8 gen_awaits, gen_awaits_max; /* states of a generator that awaits something */
	__s8 gen_runs; /* state of one that runs; from 3.11 on those above have ended */
	/*
	 * state of one that has not begun; those between it and gen_runs are suspended. Up to 3.9
	 * the position in its frame says it, and gen_state only whether it runs
	 */
	__s8 gen_created;
	/* minor: whose layout this is; a newer version is read with the newest one's */
	__u8 minor, micro;
	__u8 pad[2];
	/*
	 * One bit for each instruction that drops a value and calls nothing else with a value that
	 * is no operand of it. None: they are not known.
	 */
	__u32 drops[8];
};

/*
 * What the state word of a str says: bytes per character (1, 2, 4), whether they follow the head,
 * and which one.
 */
static inline __u32 ls_str_width(const struct ls_pyoffsets *py, __u32 state)
{
	return state >> py->str_state_shift & 7;
}

static inline int ls_str_is_compact(const struct ls_pyoffsets *py, __u32 state)
{
	return state >> (py->str_state_shift + 3) & 1;
}

static inline int ls_str_is_ascii(const struct ls_pyoffsets *py, __u32 state)
{
	return state >> (py->str_state_shift + 4) & 1;
}

#endif
