/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading memory of a process, with this one and its children as the other.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procmem.h"

static const uint64_t value = 0x1122334455667788ULL;

static int read_both(pid_t pid, uint64_t addr, void *buf, size_t size)
{
	_cleanup_fd_ int fd = procmem__open(pid);
	int by_pid = procmem__read(pid, addr, buf, size);
	int by_fd = fd < 0 ? fd : procmem__read_fd(fd, addr, buf, size);

	cr_assert_eq(by_pid, by_fd, "by pid %d, by descriptor %d", by_pid, by_fd);
	return by_pid;
}

Test(procmem, reads)
{
	uint64_t got = 0;

	cr_assert_eq(read_both(getpid(), (uint64_t)(uintptr_t)&value, &got, sizeof(got)), 0);
	cr_assert_eq(got, value);
}

Test(procmem, holes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages, buf[16];

	pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(pages, MAP_FAILED);
	munmap(pages + page, page);
	cr_assert_eq(read_both(getpid(), 0, buf, sizeof(buf)), -EFAULT);
	cr_assert_eq(read_both(getpid(), UINT64_MAX - 4, buf, sizeof(buf)), -EFAULT);
	cr_assert_eq(read_both(getpid(), (uint64_t)1 << 63, buf, sizeof(buf)), -EFAULT);
	/* Half of it can be read. */
	cr_assert_eq(read_both(getpid(), (uint64_t)(uintptr_t)pages + page - 8, buf, sizeof(buf)),
		     -EFAULT);
}

/*
 * Holes at the beginning, in the middle, across a page's end and at the end; what can be read comes
 * through.
 */
Test(procmem, many_places)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const uint64_t here = (uint64_t)(uintptr_t)&value;
	uint64_t places[] = { 0, here, here, 0, here, UINT64_MAX - 4, here, (uint64_t)1 << 63 },
		 got[8];
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(pages, MAP_FAILED);
	munmap(pages + page, page);
	places[3] = (uint64_t)(uintptr_t)pages + page - 4;
	memset(pages, 0xff, page);
	memset(got, 0xee, sizeof(got));
	cr_assert_eq(procmem__read_many(getpid(), places, 8, got, sizeof(*got)), 0);
	for (size_t i = 0; i < 8; i++)
		cr_expect_eq(got[i], places[i] == here ? value : 0, "place %zu: %lx", i,
			     (unsigned long)got[i]);
	cr_expect_eq(procmem__read_many(getpid(), places, 0, got, sizeof(*got)), 0);
}

Test(procmem, gone)
{
	_cleanup_fd_ int fd = -1;
	char buf[8];
	pid_t pid;

	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	fd = procmem__open(pid);
	cr_assert_geq(fd, 0);
	cr_assert_eq(procmem__read_fd(fd, (uint64_t)(uintptr_t)&value, buf, sizeof(buf)), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert_eq(procmem__read_fd(fd, (uint64_t)(uintptr_t)&value, buf, sizeof(buf)), -ESRCH);
	cr_assert_eq(procmem__read(pid, (uint64_t)(uintptr_t)&value, buf, sizeof(buf)), -ESRCH);
	cr_assert_eq(procmem__read_many(pid, (uint64_t[]){ (uint64_t)(uintptr_t)&value }, 1, buf,
					sizeof(buf)),
		     -ESRCH);
	cr_assert_eq(procmem__open(pid), -ESRCH);
}
