/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to stderr while the terminal shows something else: kept, and written when it is given
 * back.
 */
#ifndef LOOPSTALL_VIEW_KEPT_H
#define LOOPSTALL_VIEW_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct kept {
	int fd; /* the error output meanwhile */
	int errors_fd; /* the real one */
	off_t told; /* bytes that kept__take_line() has read */
};

#define KEPT_NONE ((struct kept){ .fd = -1, .errors_fd = -1 })

/* 0 or -errno. Nothing is kept before kept__hold(). */
int kept__init(struct kept *k);
void kept__done(struct kept *k);
void kept__hold(struct kept *k);
/* For a while: what was kept stays. Both may be called by a signal handler. */
void kept__release(struct kept *k);
/* The error output is the real one again, and gets what was kept. */
void kept__tell(struct kept *k);
/*
 * The last line written since the last call; false if there was none. Not escaped.
 */
bool kept__take_line(struct kept *k, char *buf, size_t size);

#endif
