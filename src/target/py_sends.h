/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Python code itself resumes a coroutine: behind coroutine.send() and coroutine.throw(). Tasks written in
 * Python (asyncio's own and trio's, among others) take each step through there; C tasks and `await` never do.
 */
#ifndef LOOPSTALL_TARGET_PY_SENDS_H
#define LOOPSTALL_TARGET_PY_SENDS_H

#include "target/spots.h"

/* Adds the calls behind both methods that enter a coroutine's frame, and the jumps behind those calls. 0, also when there are none, or -errno. */
int spots__add_sends(struct spots *s, struct elf_image *core);

/*
 * Where there are none: the entries of both methods in the interpreter, and those of the functions which asyncio's
 * tasks written in Python call before and after (3.8 to 3.13). Nothing is added unless all are found. 0 or -errno.
 */
int spots__add_send_entries(struct spots *core_spots, struct elf_image *core, struct spots *asyncio_spots,
			    struct elf_image *asyncio, const struct py_entries *entries);

#endif
