/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libbpf's functions that src/probe reads maps and the ring with, on this machine. The test program
 * calls these instead of the library's: no unit test uses maps of the kernel.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "user_side.h"

/* As libbpf: -1 with errno set. */
static int result(long r)
{
	if (r >= 0)
		return 0;
	errno = (int)-r;
	return -1;
}

int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	return result(map_fd__read(fd, key, value));
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	return result(map_fd__write(fd, key, value, flags));
}

int bpf_map_delete_elem(int fd, const void *key)
{
	return result(map_fd__remove(fd, key));
}

int bpf_map_get_next_key(int fd, const void *key, void *next_key)
{
	return result(map_fd__next_key(fd, key, next_key));
}

int bpf_map__fd(const struct bpf_map *map)
{
	return maps__fd(map);
}

/* The samples of the ring so far have been seen up to `next`. */
struct ring_buffer {
	ring_buffer_sample_fn fn;
	void *ctx;
	size_t next;
};

struct ring_buffer *ring_buffer__new(int fd, ring_buffer_sample_fn fn, void *ctx,
				     const struct ring_buffer_opts *opts)
{
	struct ring_buffer *rb = calloc(1, sizeof(*rb));

	(void)fd;
	(void)opts;
	if (rb)
		*rb = (struct ring_buffer){ .fn = fn, .ctx = ctx };
	return rb;
}

void ring_buffer__free(struct ring_buffer *rb)
{
	free(rb);
}

int ring_buffer__consume(struct ring_buffer *rb)
{
	const void *record;
	size_t size;
	int n = 0, r;

	for (; (record = machine__record(rb->next, &size)); n++) {
		rb->next++;
		r = rb->fn(rb->ctx, (void *)record, size);
		if (r < 0)
			return r;
	}
	return n;
}
