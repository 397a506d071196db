/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Python code itself resumes a coroutine: behind coroutine.send() and coroutine.throw().
 * Tasks written in Python (asyncio's own and trio's, among others) take each step through there; C
 * tasks and `await` never do.
 */
#ifndef LOOPSTALL_PYTHON_PY_SENDS_H
#define LOOPSTALL_PYTHON_PY_SENDS_H

#include "process/spots.h"

/*
 * Adds the calls behind both methods that enter a coroutine's frame, and the jumps behind those
 * calls. 0, also when there are none, or -errno.
 */
int spots__add_sends(struct spots *s, struct elf_image *core);

/*
 * Where there are none: the entries of both methods in the interpreter, and in asyncio's module
 * those of the functions which its tasks written in Python call before and after (3.8 to 3.13). One
 * half is of no use without the other. Each adds both of its spots or none. 0 or -errno.
 */
int spots__add_send_doors(struct spots *s, struct elf_image *core);
int spots__add_task_notes(struct spots *s, struct elf_image *asyncio);

#endif
