/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the maps of a process are read again: at the example of this one.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/procfs.h"
#include "process/target.h"

#define WRONG_STAMP 1
#define BYTES (64UL << 20) /* more than what a look itself may allocate and free */

static struct target own(void)
{
	struct target t = { .pid = getpid(), .is_up = true, .files_stamp = WRONG_STAMP };

	cr_assert_eq(proc_vm_pages(t.pid, &t.vm_pages), 0);
	return t;
}

static uint64_t right_stamp(void)
{
	struct maps *maps;
	uint64_t stamp;

	cr_assert_eq(maps__read(&maps, getpid()), 0);
	stamp = maps__stamp(maps);
	maps__free(maps);
	return stamp;
}

Test(is_current, maps_are_not_read_while_the_size_is_the_same)
{
	struct target t;

	right_stamp(); /* the heap has room for a look from here on */
	t = own();
	cr_expect(target__is_current(&t));
	t.is_up = false;
	cr_expect_not(target__is_current(&t));
}

Test(is_current, they_are_read_when_it_has_changed)
{
	struct target t = own();
	const uint64_t before = t.vm_pages;

	cr_assert_neq(mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), MAP_FAILED);
	cr_expect_not(target__is_current(&t), "other files are mapped");
	t.files_stamp = right_stamp();
	cr_expect(target__is_current(&t), "the same files");
	cr_expect_gt(t.vm_pages, before, "it is remembered");
}

Test(is_current, a_process_that_has_ended_is_not)
{
	const pid_t pid = fork();
	struct target t = { .pid = pid, .is_up = true };

	if (!pid)
		_exit(0);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	cr_expect_not(target__is_current(&t));
	cr_expect_eq(proc_vm_pages(pid, &t.vm_pages), -ESRCH);
	waitpid(pid, NULL, 0);
	cr_expect_not(target__is_current(&t));
}
