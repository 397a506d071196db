/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command behind "--": started held back before its exec, so that the probes are ready when
 * its first instruction runs; then let go, signalled and reaped.
 */
#ifndef LOOPSTALL_SESSION_CHILD_H
#define LOOPSTALL_SESSION_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct child {
	pid_t pid; /* 0: none, or reaped */
	int hold_fd; /* written to when it may go on; -1 afterwards */
	int result_fd; /* closed by a successful exec, else says its errno */
	int status; /* of waitpid(), valid once reaped */
	bool is_reaped;
};

#define CHILD_INIT                                                                                 \
	{                                                                                          \
		.hold_fd = -1, .result_fd = -1                                                     \
	}

/* Forks. 0 or -errno. */
int child__start(struct child *c, char **argv, struct err *err);
/* Lets it execute its program and waits until it has. 0 or -errno, then it is reaped. */
int child__release(struct child *c, const char *name, struct err *err);
void child__signal(const struct child *c, int signal);
/* Waits for its end; call when it is known to have ended. */
void child__reap(struct child *c);
/* Whether it ended, and not with status 0. */
bool child__has_failed(const struct child *c);
/* "exit status 3", "killed by signal 9 (Killed)"; once it is reaped. */
void child__describe(const struct child *c, char *buf, size_t size);
/* Kills and reaps what is left of it. */
void child__done(struct child *c);

#endif
