/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user space sees of the machine: maps by number, records in the ring. Includes nothing of the
 * kernel side, so that library.c can define libbpf's functions over it.
 */
#ifndef LOOPSTALL_TESTS_HOST_USER_SIDE_H
#define LOOPSTALL_TESTS_HOST_USER_SIDE_H

#include <linux/types.h>
#include <stddef.h>

/* The number of a map, which stands for its descriptor. */
int maps__fd(const void *map);

/*
 * 0 or -errno. In the storage of threads, `key` is the tid, which stands for a pidfd. Of a per-CPU
 * array only the first CPU has counted anything.
 */
long map_fd__read(int fd, const void *key, void *value);
long map_fd__write(int fd, const void *key, const void *value, __u64 flags);
long map_fd__remove(int fd, const void *key);
/* Of a hash, in the order in which its keys came; NULL: the first one. */
long map_fd__next_key(int fd, const void *key, void *ret_key);

/* Record number `i` of those before the first that is not submitted yet; NULL: there is none. */
const void *machine__record(size_t i, size_t *ret_size);

#endif
