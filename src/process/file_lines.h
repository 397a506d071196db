/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A few lines of a file that a target names (target_file.h), read up to the last of them.
 */
#ifndef LOOPSTALL_PROCESS_FILE_LINES_H
#define LOOPSTALL_PROCESS_FILE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_LINES_MAX_BYTES (4U << 20) /* sources that people write are shorter */

struct file_lines {
	/* set by the caller */
	uint32_t first, last; /* numbers of those that are wanted, from 1 */
	char *lines; /* room for them, each of `line_bytes`: cut, without its end */
	size_t line_bytes;
	/* set by file_lines__read() */
	uint32_t at; /* number of the line at which reading ended */
	size_t used; /* bytes of that line so far, if it is wanted */
	size_t read_bytes;
};

/*
 * Reads at most `max_bytes` of the file. 0 if the lines are complete or the file ended before, or
 * -errno; -EFBIG: they lie behind what may be read.
 */
int file_lines__read(struct file_lines *l, int fd, size_t max_bytes);
/* The file has this line, which is one of those that are wanted. */
bool file_lines__has(const struct file_lines *l, uint32_t line);
/* Text of such a line, NUL bytes as spaces. */
char *file_lines__line(const struct file_lines *l, uint32_t line);

#endif
