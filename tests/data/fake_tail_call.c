/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A door that leaves through a jump into the step function: such steps have no end that a probe
 * could see.
 */
#include "fake_asyncio.h"

void *tail_call(void **wrapper);
void *tail_call(void **wrapper)
{
	wrapper[5] = NULL;
	return task_step_impl(wrapper[2], wrapper[3]);
}

static struct slot wrapper_slots[] = {
	{ 50, (void *)step_wrapper_call },
	{ 0, NULL },
};

struct spec step_wrapper_spec = { "_asyncio.TaskStepMethWrapper", 32, 0, 1, wrapper_slots };
