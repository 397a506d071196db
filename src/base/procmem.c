/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process_vm_readv(2), and /proc/PID/mem where a security module forbids that or where many reads
 * follow.
 */
#include "base/procmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"

int procmem__open(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -ESRCH : -errno;
}

int procmem__read_fd(int fd, uint64_t addr, void *buf, size_t size)
{
	size_t done = 0;
	ssize_t n;

	/* An address that pread() would refuse as an offset is no user address either. */
	if (addr + size < addr || addr + size > INT64_MAX)
		return -EFAULT;
	while (done < size) {
		n = pread(fd, (char *)buf + done, size - done, (off_t)(addr + done));
		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			/* The kernel has torn the address space down: exit or exec. */
			return -ESRCH;
		else if (errno == EIO)
			return -EFAULT;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int procmem__read(pid_t pid, uint64_t addr, void *buf, size_t size)
{
	struct iovec local = { .iov_base = buf, .iov_len = size };
	/* The kernel takes the remote address as an integer; it is never dereferenced here. */
	struct iovec remote = { .iov_base = (void *)(uintptr_t)addr, .iov_len = size }; /* NOLINT */
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
	if (n == (ssize_t)size)
		return 0;
	if (n >= 0)
		return -EFAULT;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	fd = procmem__open(pid);
	if (fd < 0)
		return fd;
	return procmem__read_fd(fd, addr, buf, size);
}
