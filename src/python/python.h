/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPython as a runtime: what an examination finds out about an interpreter beside what every target
 * has, and the functions behind the table of runtime/runtime.h.
 */
#ifndef LOOPSTALL_PYTHON_PYTHON_H
#define LOOPSTALL_PYTHON_PYTHON_H

#include <stdbool.h>
#include <stdint.h>

#include "process/target.h"
#include "runtime/runtime.h"

/* How the steps of tasks written in Python can be seen, best first. */
#define PY_SENDS(_)                                                                                \
	_(CALL, "call", "calls behind coroutine.send() and .throw()")                              \
	_(TASK, "task", "_enter_task and _leave_task: of asyncio only, not of other libraries")    \
	_(NONE, "none", "not timed: coroutine.send() has no place that could be probed")

enum py_sends {
#define _(name, word, sentence) PY_SENDS_##name,
	PY_SENDS(_)
#undef _
};

/* target->parts */
#define PY_PART_GREENLET 1U
#define PY_PART_UVLOOP 2U

/* target->own */
struct py_target {
	char *core_path; /* libpython or the executable that holds the interpreter */
	uint8_t version[3]; /* 3, 11, 2 */
	bool is_free_threaded; /* built without the GIL, though it may be switched on */
	bool is_static; /* the interpreter is the executable itself */
	enum py_sends sends;
	uint64_t core_bias; /* added to the core ELF's addresses */
	uint64_t runtime; /* address of _PyRuntime in the process */
	uint64_t interp; /* main interpreter, 0 while it starts up */
	uint64_t asyncio_bias; /* added to the asyncio module's addresses, if that is mapped */
};

static inline struct py_target *py_target(const struct target *t)
{
	return t->own;
}

extern const struct loop_kind py_loop_asyncio, py_loop_uvloop, py_loop_trio, py_loop_shown;

/* The parts of examine(): the interpreter with its layout and addresses; modules and spots. */
int py_examine_interpreter(struct examination *x);
int py_examine_modules(struct examination *x);

/* 3.11 of "libpython3.11.so.1.0", "python3.11", ".../lib/python3.11/...", "x.cpython-311-x.so". */
bool py_version_from_path(const char *path, unsigned int *ret_major, unsigned int *ret_minor);

/* Functions of the table; see struct runtime_ops. */
int py_loop_threads(const struct target *t, struct target_loop_thread *threads, size_t max);
int py_resolve_loop(const struct target *t, uint64_t loop, struct ls_loop *ret_loop,
		    const struct loop_kind **ret_kind);
bool py_has_queue(const struct ls_loop *loop);
int py_find_running_task(struct target *t);
/* Where the garbage collector of the main interpreter says that it runs. */
void py_find_collector(struct target *t);
int py_requests(const struct target *t, uint64_t *stamp, struct ls_requests *ret);
int py_scheduler_of_thread(const struct target *t, uint64_t tstate, uint64_t *ret_loop,
			   const struct loop_kind **ret_kind);
int py_resolve_tasks(const struct target *t, uint64_t loop, struct ls_loop *ret_loop);
int py_task_of_coroutine(const struct target *t, uint64_t coro, uint64_t *ret_task,
			 struct ls_pystr *ret_name);
int py_step_of_stack(const struct target *t, const struct target_stack *stack,
		     struct target_step *ret_step);
int py_task_name(const struct target *t, uint64_t task, uint64_t coro, struct ls_pystr *ret_name);
int py_tasks(const struct target *t, size_t max, const struct target_task_choice *choice,
	     struct target_tasks *tasks);
int py_count_tasks(const struct target *t);
int py_count_ready(const struct target *t, const struct ls_loop *loop);
int py_waiting(const struct target *t, const struct target_stuck *stuck,
	       struct target_waiting *ret);
int py_executor(const struct target *t, uint64_t loop, struct target_executor *ret);
/* -ENOENT if the loop has none yet. */
int py_default_executor(const struct target *t, uint64_t loop, uint64_t *ret_executor);
/* Calls in the queue of an executor. */
uint32_t py_queued_calls(const struct target *t, uint64_t queue);
int py_pools(const struct target *t, struct pools *ret, struct lifecycle *life);
int py_executor_threads(const struct target *t, uint64_t loop, uint64_t *tstates, size_t max);
int py_threads(const struct target *t, struct target_threads *list);
int py_thread_stack(const struct target *t, uint64_t tstate, struct target_stack *ret_stack);
int py_lock_holder(const struct target *t, uint64_t *ret_tstate);
int py_thread_name(const struct target *t, uint64_t tstate, uint64_t id, char *buf, size_t size);
bool py_is_lock_wait(const struct target *t, uint64_t addr);
int py_callee(const struct target *t, uint64_t tstate, struct target_callee *ret);
int py_poll_fd(const struct target *t, uint64_t loop);
int py_code_stamp(struct frame_source *s, uint64_t code, struct code_stamp *ret_stamp);
void py_code_names(const struct frame_source *s, const struct code_stamp *stamp,
		   struct code_names *ret_names);
int py_code_qualname(const struct frame_source *s, const char *name, uint64_t name_kind,
		     uint64_t qualname, char **ret_name);
int py_code_lines(const struct frame_source *s, const struct code_stamp *stamp, uint8_t **ret_table,
		  size_t *ret_size);
uint32_t py_frame_line(const struct frame_source *s, const struct code_stamp *stamp,
		       const uint8_t *table, size_t size, const struct ls_frame *frame);
int py_thread_tid(const struct frame_source *s, uint64_t tstate, uint64_t id, uint32_t *ret_tid);

#endif
