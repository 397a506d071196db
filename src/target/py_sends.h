/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Python code itself resumes a coroutine: behind coroutine.send() and coroutine.throw(). Tasks written in
 * Python (asyncio's own and trio's, among others) take each step through there; C tasks and `await` never do.
 */
#ifndef LOOPSTALL_TARGET_PY_SENDS_H
#define LOOPSTALL_TARGET_PY_SENDS_H

#include "target/spots.h"

/*
 * Adds the calls behind both methods that enter a coroutine's frame, and the jumps behind those calls.
 * *ret_reason says why there are none, else it is NULL. 0 or -errno.
 */
int spots__add_sends(struct spots *s, struct elf_image *core, const char **ret_reason);

#endif
