/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a ring held at one moment: a whole recording, in memory. It shares the memory of the ring's
 * segments, which stay as they were, so another thread may write it to a file.
 */
#ifndef LOOPSTALL_RECORD_RING_COPY_H
#define LOOPSTALL_RECORD_RING_COPY_H

#include <stddef.h>
#include <stdint.h>

#define RING_COPY_MAX_PARTS 72

struct ring_part {
	int fd; /* of memory; its position is not used */
	uint64_t bytes;
};

struct ring_copy {
	size_t n;
	struct ring_part parts[RING_COPY_MAX_PARTS];
};

void ring_copy__free(struct ring_copy *copy);
static inline void ring_copy__freep(struct ring_copy **copy)
{
	ring_copy__free(*copy);
}

uint64_t ring_copy__bytes(const struct ring_copy *copy);
/* All of it, into that many bytes. 0 or -errno. */
int ring_copy__read(const struct ring_copy *copy, void *buf);
/* Appends all of it to a file. 0 or -errno. */
int ring_copy__write(const struct ring_copy *copy, int fd);

#endif
