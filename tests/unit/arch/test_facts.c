/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold for each architecture, compared with the machine that the tests run on.
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <loopstall/uv.h>

#include "arch/arch.h"
#include "base/cleanup.h"

Test(arch_facts, machine_of_our_own_file)
{
	_cleanup_fd_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr head;

	cr_assert_eq(read(fd, &head, sizeof(head)), (ssize_t)sizeof(head));
	cr_assert_eq(arch.elf_machine, head.e_machine);
}

Test(arch_facts, thread_types_of_the_c_library)
{
	pid_t tid;

	cr_assert_eq(arch.cond_bytes, sizeof(pthread_cond_t));
	cr_assert_eq(arch.mutex_bytes, sizeof(pthread_mutex_t));
#ifdef __GLIBC__
	memcpy(&tid, (const char *)pthread_self() + arch.pthread_tid_offset, sizeof(tid));
	cr_assert_eq(tid, gettid());
#else
	(void)tid;
#endif
}

/* The start of uv_loop_t, as libuv 1.x declares it (include/uv.h, include/uv/unix.h). */
struct uv_loop_head {
	void *data;
	unsigned int active_handles;
	void *handle_queue[2], *active_reqs, *internal_fields;
	unsigned int stop_flag;
	unsigned long flags;
	int backend_fd;
	void *pending_queue[2], *watcher_queue[2], *watchers;
	unsigned int n_watchers, n_fds;
	void *wq[2];
	pthread_mutex_t wq_mutex;
	char wq_async[128];
	pthread_rwlock_t cloexec_lock;
	void *closing_handles, *process[2], *prepare[2], *check[2], *idle[2], *async[2], *unused;
	char async_io_watcher[56];
	int async_wfd;
	struct {
		void *root;
		unsigned int n_nodes;
	} timer_heap;
	uint64_t timer_counter, time;
};

Test(arch_facts, loop_of_libuv_has_a_mutex_in_it)
{
	const size_t heap = offsetof(struct uv_loop_head, timer_heap);

	cr_assert_eq(LS_UV_LOOP_BACKEND_FD, offsetof(struct uv_loop_head, backend_fd));
	cr_assert_eq(LS_UV_LOOP_TIMER_HEAP + arch.mutex_bytes, heap);
	cr_assert_eq(heap + LS_UV_HEAP_LOOP_TIME, offsetof(struct uv_loop_head, time));
}

/* A hit costs as much as in a target only if it needs no single step there either. */
static void expect_own_spot(const struct arch_own_spot *spot, bool is_call)
{
	const size_t offset = (size_t)(spot->instruction - (const char *)spot->probed);
	struct arch_cursor cursor = { (const uint8_t *)spot->instruction, 16, 0x1000 };
	struct arch_insn insn;

	cr_assert(arch_decode(&cursor, &insn));
	cr_assert(insn.is_emulable);
	cr_assert(insn.is_branch);
	cr_assert_eq(insn.is_call, is_call);
	cr_assert_eq(memcmp((const void *)spot->probed, (const void *)spot->twin,
			    offset + insn.size),
		     0);
	spot->probed();
	spot->twin();
}

Test(arch_facts, own_code_that_is_probed)
{
	expect_own_spot(&arch_own_call, true);
	expect_own_spot(&arch_own_jump, false);
	arch_run_much_code();
}
