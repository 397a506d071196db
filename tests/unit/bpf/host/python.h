/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A made-up CPython in the machine's user memory: objects as 3.12 lays them out, without the fields
 * that the kernel side does not read.
 */
#ifndef LOOPSTALL_TESTS_HOST_PYTHON_H
#define LOOPSTALL_TESTS_HOST_PYTHON_H

#include "machine.h"

#define PY_HANDLE_CALLBACK 40
#define PY_UV_CONTEXT 168
#define PY_UV_ARGS 48
#define PY_LOCAL_TASK 88
#define PY_LOCAL_BATCH 96

/* Addresses of what there is one of. */
struct python {
	struct ls_proc proc;
	uint64_t coro_type, task_type, list_type, other_type, str_type, wrapper_type, wakeup_type;
	uint64_t gil, current_tasks, none;
	uint64_t next; /* free user memory */
};

extern struct python python;

void python__reset(void);

uint64_t py__alloc(size_t size);
uint64_t py__object(uint64_t type, size_t size);
uint64_t py__str(const char *text);
uint64_t py__float(double value);
uint64_t py__tuple(uint64_t a, uint64_t b, uint64_t c);
uint64_t py__coro(uint64_t code);
/* It has not begun, it runs, it is suspended and awaits that object. */
void py__coro_create(uint64_t coro);
void py__coro_run(uint64_t coro);
void py__coro_await(uint64_t coro, uint64_t position, uint64_t awaited);
/* A task of the C accelerator. */
uint64_t py__task(uint64_t loop, const char *name, uint64_t coro);
enum py_task_state { PY_TASK_PENDING, PY_TASK_CANCELLED, PY_TASK_FINISHED };
void py__task_end(uint64_t task, enum py_task_state state, uint64_t exception);
uint64_t py__tstate(uint64_t thread_pointer, uint64_t native_id);
uint64_t py__frame(uint64_t code, uint64_t position, uint64_t previous);
/* Lets the coroutine's own frame, which lies inside it, run under `previous`. Returns the frame. */
uint64_t py__coro_frame(uint64_t coro, uint64_t position, uint64_t previous);
void py__set_top(uint64_t tstate, uint64_t frame);

/* The queues of asyncio */
uint64_t py__step_callback(uint64_t task);
uint64_t py__wakeup_callback(uint64_t task); /* of a task that waited */
uint64_t py__handle(uint64_t callback);
uint64_t py__timer(uint64_t task, uint64_t when_ns); /* asyncio.sleep() of a task */
uint64_t py__deque(void);
void py__deque_append(uint64_t deque, uint64_t item);
void py__deque_popleft(uint64_t deque);
uint64_t py__list(void);
void py__list_append(uint64_t list, uint64_t item);
void py__set_current_task(uint64_t loop, uint64_t task);

#endif
