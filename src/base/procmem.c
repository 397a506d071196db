/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process_vm_readv(2), and /proc/PID/mem where a security module forbids that or where many reads
 * follow.
 */
#include "base/procmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/work.h"

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

/* The kernel takes a remote address as an integer; it is never dereferenced here. */
static struct iovec remote_place(uint64_t addr, size_t size)
{
	return (struct iovec){ .iov_base = (void *)(uintptr_t)addr, .iov_len = size }; /* NOLINT */
}

int procmem__read(pid_t pid, uint64_t addr, void *buf, size_t size)
{
	struct iovec local = { .iov_base = buf, .iov_len = size };
	struct iovec remote = remote_place(addr, size);
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

int procmem__read_many(pid_t pid, const uint64_t *addrs, size_t n, void *buf, size_t size)
{
	struct iovec remote[PROCMEM_MANY];
	size_t done = 0;
	int code = work_check();

	if (code)
		return code;
	for (size_t i = 0; i < n; i++)
		remote[i] = remote_place(addrs[i], size);
	while (done < n) {
		struct iovec local = { .iov_base = (char *)buf + done * size,
				       .iov_len = (n - done) * size };
		ssize_t got = process_vm_readv(pid, &local, 1, remote + done, n - done, 0);
		int r;

		done += got > 0 ? (size_t)got / size : 0;
		if (done == n)
			break;
		/* The kernel stopped at this one, or does not read for us at all. */
		r = procmem__read(pid, addrs[done], (char *)buf + done * size, size);
		if (r && r != -EFAULT)
			return r;
		if (r)
			memset((char *)buf + done * size, 0, size);
		done++;
	}
	return 0;
}
