/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry points of asyncio's C accelerator, found by the names in its method tables and type
 * objects, which a stripped file keeps: the functions that event loops call to run a step, and the
 * size and offsets of its tasks.
 */
#ifndef LOOPSTALL_PYTHON_PY_ENTRIES_H
#define LOOPSTALL_PYTHON_PY_ENTRIES_H

#include "process/elf_image.h"
#include "python/py_debug_offsets.h"

/* Addresses in the file's own numbering; 0: not found. */
struct py_entries {
	uint64_t step_call; /* tp_call of TaskStepMethWrapper */
	/* C function of task_wakeup, or tp_call of its wrapper type (3.8, 3.9) */
	uint64_t wakeup_call;
	/* C functions of _enter_task and _leave_task, which tasks written in Python call */
	uint64_t enter_task, leave_task;
	uint64_t task_bytes; /* tp_basicsize of _asyncio.Task */
	size_t layout_bytes; /* 3.14+: what it says of its own layout; 0: nothing */
	uint8_t layout[PY_ASYNCIO_BYTES];
};

void py_entries__find(struct py_entries *ret_entries, struct elf_image *img);

#endif
