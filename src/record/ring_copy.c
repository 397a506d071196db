/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See ring_copy.h.
 */
#include "record/ring_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define BLOCK_BYTES (16U << 10) /* on the stack of a small thread */

void ring_copy__free(struct ring_copy *copy)
{
	if (!copy)
		return;
	for (size_t i = 0; i < copy->n; i++)
		fd_close(&copy->parts[i].fd);
	free(copy);
}

uint64_t ring_copy__bytes(const struct ring_copy *copy)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < copy->n; i++)
		bytes += copy->parts[i].bytes;
	return bytes;
}

static int read_part(const struct ring_part *part, char *buf)
{
	for (uint64_t at = 0; at < part->bytes;) {
		const ssize_t n = pread(part->fd, buf + at, part->bytes - at, (off_t)at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += (uint64_t)n;
	}
	return 0;
}

int ring_copy__read(const struct ring_copy *copy, void *buf)
{
	char *at = buf;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < copy->n; i++) {
		r = read_part(&copy->parts[i], at);
		at += copy->parts[i].bytes;
	}
	return r;
}

static int write_part(const struct ring_part *part, int fd)
{
	char block[BLOCK_BYTES];
	int r = 0;

	for (uint64_t at = 0; r >= 0 && at < part->bytes;) {
		const uint64_t left = part->bytes - at;
		const size_t want = left < sizeof(block) ? left : sizeof(block);
		const ssize_t n = pread(part->fd, block, want, (off_t)at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		r = file_write_all(fd, block, (size_t)n);
		at += (uint64_t)n;
	}
	return r;
}

int ring_copy__write(const struct ring_copy *copy, int fd)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < copy->n; i++)
		r = write_part(&copy->parts[i], fd);
	return r;
}
