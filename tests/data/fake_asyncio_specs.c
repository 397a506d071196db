/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Type specifications with slots, as CPython has them from 3.12 on.
 */
#include "fake_asyncio.h"

static struct slot wrapper_slots[] = {
	{ 50, (void *)step_wrapper_call },
	{ 0, NULL },
};

static struct slot task_slots[] = {
	{ 64, task_methods },
	{ 60, (void *)task_init },
	{ 0, NULL },
};

struct spec step_wrapper_spec = { "_asyncio.TaskStepMethWrapper", 32, 0, 1, wrapper_slots };
struct spec task_spec = { "_asyncio.Task", 144, 0, 1, task_slots };
