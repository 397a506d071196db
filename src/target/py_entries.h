/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doors into asyncio's C accelerator, found by the names in its method tables and type objects,
 * which a stripped file keeps: what event loops call to run a step, and what it declares of its tasks.
 */
#ifndef LOOPSTALL_TARGET_PY_ENTRIES_H
#define LOOPSTALL_TARGET_PY_ENTRIES_H

#include "target/elf_image.h"
#include "target/py_debug_offsets.h"

/* Addresses in the file's own numbering; 0: not found. */
struct py_entries {
	uint64_t step_call; /* tp_call of TaskStepMethWrapper */
	uint64_t wakeup_call; /* C function of task_wakeup, or tp_call of its wrapper type (3.8, 3.9) */
	uint64_t enter_task, leave_task; /* C functions of _enter_task and _leave_task, which tasks written in Python call */
	uint64_t task_bytes; /* tp_basicsize of _asyncio.Task */
	size_t layout_bytes; /* 3.14+: what it says of its own layout; 0: nothing */
	uint8_t layout[PY_ASYNCIO_BYTES];
};

void py_entries__find(struct py_entries *ret_entries, struct elf_image *img);

#endif
