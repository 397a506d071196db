/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The code of a module shaped like CPython's _asyncio: an inner step function that sends into a
 * coroutine, two doors that lead to it, a task's constructor. Included by the fixtures, which
 * differ in their data.
 */
#ifndef FAKE_ASYNCIO_H
#define FAKE_ASYNCIO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __clang__ /* does not clone functions */
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

int PyIter_Send(void *coroutine, void *value, void **ret_result);
void fake_enter(void *task);
void *fake_leave(void *task, void *result);
int epoll_wait(int fd, void *events, int max, int timeout);
void fake_restore(void *thread, int count);

static NOINLINE void *task_step_impl(void *task, void *exception)
{
	void *result = NULL;

	if (PyIter_Send(((void **)task)[4], exception, &result) < 0)
		return NULL;
	((void **)task)[5] = result;
	return task;
}

static NOINLINE void *task_step(void *task, void *exception)
{
	void *result;

	fake_enter(task);
	result = task_step_impl(task, exception);
	if (!result)
		return fake_leave(task, NULL);
	((void **)task)[6] = result;
	return fake_leave(task, task);
}

void *step_wrapper_call(void **wrapper);
void *step_wrapper_call(void **wrapper)
{
	void *result;

	fake_enter(wrapper[2]);
	result = task_step_impl(wrapper[2], wrapper[3]);
	if (!result)
		return fake_leave(wrapper[2], NULL);
	return fake_leave(wrapper[2], result);
}

void *task_wakeup(void *task, void *future);
void *task_wakeup(void *task, void *future)
{
	return future ? task_step(task, NULL) : task_step(task, task);
}

int task_init(void *task);
int task_init(void *task)
{
	((void **)task)[3] = task;
	return 0;
}

int select_poll(void *thread, int fd, void *events);
int select_poll(void *thread, int fd, void *events)
{
	int count = epoll_wait(fd, events, 64, -1);

	fake_restore(thread, count);
	return count;
}

struct method_def {
	const char *name;
	void *function;
	int flags;
	const char *doc;
};

/* PyType_Slot and PyType_Spec */
struct slot {
	int id;
	void *function;
};

struct spec {
	const char *name;
	int basic_bytes, item_bytes;
	unsigned int flags;
	struct slot *slots;
};

struct method_def task_methods[] = {
	{ "cancel", (void *)task_init, 4, NULL },
	{ NULL, NULL, 0, NULL },
};

struct method_def wakeup_method = { "task_wakeup", (void *)task_wakeup, 8, NULL };

#endif
