/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See file_lines.h.
 */
#include "process/file_lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES 16384

char *file_lines__line(const struct file_lines *l, uint32_t line)
{
	return l->lines + (line - l->first) * l->line_bytes;
}

/* True once the last line that is wanted is complete. */
static bool file_lines__add(struct file_lines *l, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && l->at <= l->last; i++) {
		if (bytes[i] == '\n') {
			l->at++;
			l->used = 0;
		} else if (l->at >= l->first && l->used + 1 < l->line_bytes) {
			file_lines__line(l, l->at)[l->used++] = bytes[i] ?: ' ';
		}
	}
	return l->at > l->last;
}

int file_lines__read(struct file_lines *l, int fd, size_t max_bytes)
{
	char chunk[CHUNK_BYTES];

	l->at = 1;
	l->used = l->read_bytes = 0;
	memset(l->lines, 0, (l->last - l->first + 1) * l->line_bytes);
	while (l->read_bytes < max_bytes) {
		const ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0)
			return -errno;
		l->read_bytes += (size_t)n;
		if (n == 0 || file_lines__add(l, chunk, (size_t)n))
			return 0;
	}
	return -EFBIG;
}

bool file_lines__has(const struct file_lines *l, uint32_t line)
{
	/* Behind a line feed at the end of the file there is none. */
	return line < l->at || (line == l->at && l->used);
}
