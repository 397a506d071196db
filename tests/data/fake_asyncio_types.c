/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Static type objects, as CPython up to 3.11 has them.
 */
#include "fake_asyncio.h"

struct type_object {
	uint64_t head[3];
	const char *name; /* 24 */
	int64_t basic_bytes; /* 32 */
	uint64_t gap[11];
	void *call; /* 128 */
	uint64_t gap2[20];
	void *init; /* 296 */
	uint64_t rest[10];
};

_Static_assert(offsetof(struct type_object, call) == 128, "tp_call");
_Static_assert(offsetof(struct type_object, init) == 296, "tp_init");

struct type_object step_wrapper_type = {
	.name = "TaskStepMethWrapper",
	.basic_bytes = 32,
	.call = (void *)step_wrapper_call,
};

struct type_object task_type = {
	.name = "_asyncio.Task",
	.basic_bytes = 176,
	.init = (void *)task_init,
};
