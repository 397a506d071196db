/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the memory of another process without stopping it.
 */
#ifndef LOOPSTALL_BASE_PROCMEM_H
#define LOOPSTALL_BASE_PROCMEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The smallest page of any architecture: what can be read changes only at multiples of it. A kernel
 * may have larger pages.
 */
#define PROCMEM_PAGE_BYTES 4096U

/*
 * One read by pid: 0 or -errno. -EFAULT for a hole (also if only a part could be read), -ESRCH when
 * the process is gone, -EPERM or -EACCES when it may not be read.
 */
int procmem__read(pid_t pid, uint64_t addr, void *buf, size_t size);

/*
 * The same `size` bytes of each of `n` places, at most PROCMEM_MANY, one behind the other, for the
 * price of one read. A place that cannot be read becomes zeros.
 */
#define PROCMEM_MANY 64
int procmem__read_many(pid_t pid, const uint64_t *addrs, size_t n, void *buf, size_t size);

/*
 * For many reads of one process: a descriptor that stays with the program the process runs now. It
 * cannot be misled by a pid that is used again, and reading it needs no privilege any more. Returns
 * it or -errno.
 */
int procmem__open(pid_t pid);
/* As procmem__read(); -ESRCH also when the process has executed another program. */
int procmem__read_fd(int fd, uint64_t addr, void *buf, size_t size);

#endif
