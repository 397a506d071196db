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

/* A hit costs as much as in a target only if it needs no single step there either. */
static void expect_own_spot(struct arch_decoder *d, const struct arch_own_spot *spot, bool is_call)
{
	const size_t offset = (size_t)(spot->instruction - (const char *)spot->probed);
	struct arch_cursor cursor = { (const uint8_t *)spot->instruction, 16, 0x1000 };
	struct arch_insn insn;

	cr_assert(arch_decoder__next(d, &cursor, &insn));
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
	_cleanup_(arch_decoder__freep) struct arch_decoder *d = NULL;

	cr_assert_eq(arch_decoder__new(&d), 0);
	expect_own_spot(d, &arch_own_call, true);
	expect_own_spot(d, &arch_own_jump, false);
	arch_run_much_code();
}
