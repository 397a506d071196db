/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tasks written in Python call before and after a step, in a module shaped like _asyncio of
 * 3.8 to 3.13.
 */
#include <stddef.h>
#include <stdint.h>

struct method_def {
	const char *name;
	void *function;
	int flags;
	const char *doc;
};

void *fake_swap(void *loop, void *task);
void fake_check(void *loop);

void *enter_task(void *module, void **arguments, size_t n, void *names);
void *enter_task(void *module, void **arguments, size_t n, void *names)
{
	void *task = arguments[1];

	fake_check(module);
	return n == 2 && !names ? fake_swap(arguments[0], task) : NULL;
}

void *leave_task(void *module, void **arguments, size_t n, void *names);
void *leave_task(void *module, void **arguments, size_t n, void *names)
{
	fake_check(module);
	return n == 2 && !names ? fake_swap(arguments[0], NULL) : NULL;
}

struct method_def module_methods[] = {
	{ "_enter_task", (void *)enter_task, 0x82, NULL },
	{ "_leave_task", (void *)leave_task, 0x82, NULL },
	{ NULL, NULL, 0, NULL },
};
