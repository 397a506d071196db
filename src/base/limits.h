/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits of our own process on open files and memory: raised as far as we may, and named where they
 * are reached.
 */
#ifndef LOOPSTALL_BASE_LIMITS_H
#define LOOPSTALL_BASE_LIMITS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Raises the soft limit on open files to the hard one: each watched process takes some. Programs
 * that we start get the old one back by limits__restore(), in the child.
 */
void limits__raise(void);
void limits__restore(void);

/*
 * The limit that made a call fail with this -errno, and how to raise it: "" if it was none of ours.
 */
void limits__describe(int code, char *buf, size_t size);

/* Whether it is we who lack something: such a failure says nothing about a process. */
static inline bool limits__is_lack(int code)
{
	return code == -ENOMEM || code == -EMFILE || code == -ENFILE || code == -EIO;
}

#endif
