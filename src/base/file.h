/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New files, and the standard streams. We may be root in anybody's folder: no file is made through
 * a link that somebody put there.
 */
#ifndef LOOPSTALL_BASE_FILE_H
#define LOOPSTALL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Opens for writing. One that exists is emptied if it may be replaced, else it is -EEXIST; a link
 * is -ELOOP. A descriptor or -errno.
 */
int file__create(const char *path, bool may_replace);
/* The same as a stream. 0 or -errno. */
int file__create_stream(FILE **ret_file, const char *path, bool may_replace);

/* Writes all of it, also in several calls. 0 or -errno; then a part of it may be written. */
int file_write_all(int fd, const void *data, size_t n);

/*
 * Opens /dev/null for those of stdin, stdout and stderr that are closed. Else the next file would
 * become one of them, and what is printed would be written into it. Writing to them still fails.
 */
void file_hold_standard_streams(void);

#endif
