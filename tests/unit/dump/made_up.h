/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A look at a process that does not exist.
 */
#ifndef LOOPSTALL_TESTS_UNIT_DUMP_MADE_UP_H
#define LOOPSTALL_TESTS_UNIT_DUMP_MADE_UP_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/dump.h"
#include "runtime/runtime.h"

#define LOOP 0x1000
#define TASK(i) (0x20000ULL + 16 * (uint64_t)(i))
#define CORO(i) (0x90000000ULL + 16 * (uint64_t)(i))

/* Code n is function fn of /srv/app.py, defined in line n; a position is a line. */
static int made_up_code(void *ctx, uint32_t pid, uint64_t code, uint64_t qualname,
			struct code_info *ret)
{
	static char names[64][16];
	char *name = names[code % 64];

	(void)ctx;
	(void)pid;
	(void)qualname;
	snprintf(name, sizeof(names[0]), "f%u", (unsigned int)code);
	*ret = (struct code_info){ name, "/srv/app.py", (uint32_t)code };
	return 0;
}

static uint32_t made_up_line(void *ctx, uint32_t pid, const struct ls_frame *frame)
{
	(void)ctx;
	(void)pid;
	return (uint32_t)frame->position;
}

static const struct resolver_ops made_up_ops = { .code = made_up_code, .line = made_up_line };
static char made_up_command[] = "python3 app.py";

/* Of one asyncio loop on one thread. */
static inline void make_up(struct dump *d, struct target *t)
{
	*t = (struct target){ .pid = 4242,
			      .ns_pid = 4242,
			      .runtime = &runtime_python,
			      .version = "3.11.2",
			      .cmdline = made_up_command };
	*d = (struct dump){ .target = t, .resolver = { &made_up_ops, NULL } };
	d->threads = calloc(8, sizeof(*d->threads));
	cr_assert_not_null(d->threads);
	d->n_threads = 1;
	d->threads[0].tid = 4242;
	d->threads[0].is_loop = true;
	strcpy(d->threads[0].name, "MainThread");
	d->n_loops = 1;
	d->loops[0].thread = &d->threads[0];
	d->loops[0].info.loop = LOOP;
}

static inline void add_frame(struct dump_thread *th, const char *function, const char *file,
			     uint32_t line, uint64_t coro)
{
	const size_t i = th->stack.n_frames++;

	th->stack.n_inner = th->stack.n_frames;
	th->stack.frames[i].coro = coro;
	th->frames[i] = (struct dump_frame){ function, file, line };
}

#endif
