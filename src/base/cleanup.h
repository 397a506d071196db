/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scope-bound resources. `_cleanup_free_ char *s`, `_cleanup_(fd_close) int fd = -1`; hand over
 * with TAKE_PTR / TAKE_FD.
 */
#ifndef LOOPSTALL_BASE_CLEANUP_H
#define LOOPSTALL_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(func) __attribute__((cleanup(func)))

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void file_close(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

static inline void dir_close(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

#define _cleanup_free_ _cleanup_(cleanup_freep)
#define _cleanup_fd_ _cleanup_(fd_close)

#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) _p = (p);                                                            \
		(p) = NULL;                                                                        \
		_p;                                                                                \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int _fd = (fd);                                                                    \
		(fd) = -1;                                                                         \
		_fd;                                                                               \
	})

#endif
