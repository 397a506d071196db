/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of this program that run as processes of their own: how the parent starts them, and what
 * signals they take.
 */
#ifndef LOOPSTALL_BASE_SPAWN_H
#define LOOPSTALL_BASE_SPAWN_H

#include <spawn.h>
#include <sys/types.h>

/*
 * Starts `program`, or this one if it is NULL, with an empty environment: nothing in it is for the
 * child, and much of it may be secret. No signal is blocked or ignored in the child, and it has a
 * process group of its own: keys of a terminal are not for it. 0 or -errno.
 */
int spawn_part(pid_t *ret_pid, const char *program, const posix_spawn_file_actions_t *actions,
	       char *const argv[]);
/*
 * In the child: signals that end a service go to all its processes, but it has to finish what its
 * parent hands over until then. The parent's end is its own.
 */
void spawn_ignore_signals(void);

#endif
