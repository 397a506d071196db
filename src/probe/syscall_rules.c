/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of blocking system calls. Its end holds calls that newer architectures do not have;
 * what is not in the table is "other". The C library's headers have the numbers.
 */
#include "probe/syscall_rules.h"

#include <string.h>
#include <sys/syscall.h>

#include "base/array.h"

static const struct {
	uint16_t number;
	uint8_t rule;
} table[] = {
	{ SYS_nanosleep, LS_CAUSE_SLEEP },
	{ SYS_clock_nanosleep, LS_CAUSE_SLEEP },
	{ SYS_futex, LS_RULE_FUTEX },
	{ SYS_flock, LS_CAUSE_LOCK },
	{ SYS_fcntl, LS_CAUSE_LOCK },
	{ SYS_semop, LS_CAUSE_LOCK },
	{ SYS_semtimedop, LS_CAUSE_LOCK },
	{ SYS_wait4, LS_CAUSE_PROCESS },
	{ SYS_waitid, LS_CAUSE_PROCESS },
	{ SYS_clone, LS_CAUSE_PROCESS },
	{ SYS_clone3, LS_CAUSE_PROCESS },
	{ SYS_ppoll, LS_RULE_POLL },
	{ SYS_pselect6, LS_RULE_SELECT },
	{ SYS_epoll_pwait, LS_RULE_EPOLL },
	{ SYS_epoll_pwait2, LS_RULE_EPOLL_TIMESPEC },
	{ SYS_read, LS_RULE_FD },
	{ SYS_readv, LS_RULE_FD },
	{ SYS_pread64, LS_RULE_FD },
	{ SYS_preadv, LS_RULE_FD },
	{ SYS_preadv2, LS_RULE_FD },
	{ SYS_write, LS_RULE_FD },
	{ SYS_writev, LS_RULE_FD },
	{ SYS_pwrite64, LS_RULE_FD },
	{ SYS_pwritev, LS_RULE_FD },
	{ SYS_pwritev2, LS_RULE_FD },
	{ SYS_sendfile, LS_RULE_FD },
	{ SYS_splice, LS_RULE_FD },
	{ SYS_connect, LS_CAUSE_NETWORK },
	{ SYS_accept, LS_CAUSE_NETWORK },
	{ SYS_accept4, LS_CAUSE_NETWORK },
	{ SYS_sendto, LS_CAUSE_NETWORK },
	{ SYS_sendmsg, LS_CAUSE_NETWORK },
	{ SYS_sendmmsg, LS_CAUSE_NETWORK },
	{ SYS_recvfrom, LS_CAUSE_NETWORK },
	{ SYS_recvmsg, LS_CAUSE_NETWORK },
	{ SYS_recvmmsg, LS_CAUSE_NETWORK },
	{ SYS_shutdown, LS_CAUSE_NETWORK },
	{ SYS_fsync, LS_CAUSE_FILE },
	{ SYS_fdatasync, LS_CAUSE_FILE },
	{ SYS_sync, LS_CAUSE_FILE },
	{ SYS_syncfs, LS_CAUSE_FILE },
	{ SYS_sync_file_range, LS_CAUSE_FILE },
	{ SYS_msync, LS_CAUSE_FILE },
	{ SYS_openat, LS_CAUSE_FILE },
	{ SYS_openat2, LS_CAUSE_FILE },
	{ SYS_close, LS_CAUSE_FILE },
	{ SYS_fstat, LS_CAUSE_FILE },
	{ SYS_newfstatat, LS_CAUSE_FILE },
	{ SYS_statx, LS_CAUSE_FILE },
	{ SYS_faccessat, LS_CAUSE_FILE },
	{ SYS_faccessat2, LS_CAUSE_FILE },
	{ SYS_getdents64, LS_CAUSE_FILE },
	{ SYS_readlinkat, LS_CAUSE_FILE },
	{ SYS_unlinkat, LS_CAUSE_FILE },
	{ SYS_mkdirat, LS_CAUSE_FILE },
	{ SYS_linkat, LS_CAUSE_FILE },
	{ SYS_symlinkat, LS_CAUSE_FILE },
	{ SYS_renameat2, LS_CAUSE_FILE },
	{ SYS_truncate, LS_CAUSE_FILE },
	{ SYS_ftruncate, LS_CAUSE_FILE },
	{ SYS_fallocate, LS_CAUSE_FILE },
	{ SYS_copy_file_range, LS_CAUSE_FILE },
	{ SYS_io_uring_enter, LS_CAUSE_FILE },
#ifdef SYS_open
	{ SYS_vfork, LS_CAUSE_PROCESS },
	{ SYS_fork, LS_CAUSE_PROCESS },
	{ SYS_pause, LS_CAUSE_SLEEP },
	{ SYS_poll, LS_RULE_POLL },
	{ SYS_select, LS_RULE_SELECT },
	{ SYS_epoll_wait, LS_RULE_EPOLL },
	{ SYS_open, LS_CAUSE_FILE },
	{ SYS_creat, LS_CAUSE_FILE },
	{ SYS_stat, LS_CAUSE_FILE },
	{ SYS_lstat, LS_CAUSE_FILE },
	{ SYS_access, LS_CAUSE_FILE },
	{ SYS_getdents, LS_CAUSE_FILE },
	{ SYS_readlink, LS_CAUSE_FILE },
	{ SYS_unlink, LS_CAUSE_FILE },
	{ SYS_mkdir, LS_CAUSE_FILE },
	{ SYS_rmdir, LS_CAUSE_FILE },
	{ SYS_link, LS_CAUSE_FILE },
	{ SYS_symlink, LS_CAUSE_FILE },
	{ SYS_rename, LS_CAUSE_FILE },
#endif
#ifdef SYS_renameat
	{ SYS_renameat, LS_CAUSE_FILE },
#endif
};

void syscall_rules__fill(uint8_t rules[LS_SYSCALLS])
{
	memset(rules, LS_CAUSE_OTHER, LS_SYSCALLS);
	for (size_t i = 0; i < N_OF(table); i++)
		if (table[i].number < LS_SYSCALLS)
			rules[table[i].number] = table[i].rule;
}
