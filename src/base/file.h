/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New files. We may be root in anybody's folder: none is made through a link that somebody put there.
 */
#ifndef LOOPSTALL_BASE_FILE_H
#define LOOPSTALL_BASE_FILE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Opens for writing. One that exists is emptied if it may be replaced, else it is -EEXIST; a link is -ELOOP. A descriptor or
 * -errno.
 */
int file__create(const char *path, bool may_replace);
/* The same as a stream. 0 or -errno. */
int file__create_stream(FILE **ret_file, const char *path, bool may_replace);

#endif
