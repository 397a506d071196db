/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a command and lets its n-th system call fail: `fail_call N COUNT PROGRAM ARGUMENTS...`.
 * Calls are counted from 1 on, of all its threads and children, from where the dynamic linker has
 * done its work; their number is written to the file COUNT. The kernel asks here about each call
 * (seccomp's user notification), so it does not matter which library makes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The error of each of these calls; any other fails with ENOMEM. 0: it never fails, or its callers
 * ignore that.
 */
#define ERRORS(_)                                                                                  \
	_(open, EMFILE)                                                                            \
	_(openat, EMFILE)                                                                          \
	_(openat2, EMFILE)                                                                         \
	_(socket, EMFILE)                                                                          \
	_(dup, EMFILE)                                                                             \
	_(dup2, EBUSY)                                                                             \
	_(dup3, EBUSY)                                                                             \
	_(pipe2, EMFILE)                                                                           \
	_(epoll_create1, EMFILE)                                                                   \
	_(eventfd2, EMFILE)                                                                        \
	_(timerfd_create, EMFILE)                                                                  \
	_(signalfd4, EMFILE)                                                                       \
	_(pidfd_open, EMFILE)                                                                      \
	_(perf_event_open, EMFILE)                                                                 \
	_(fcntl, EMFILE)                                                                           \
	_(read, EIO)                                                                               \
	_(pread64, EIO)                                                                            \
	_(readv, EIO)                                                                              \
	_(write, ENOSPC)                                                                           \
	_(pwrite64, ENOSPC)                                                                        \
	_(writev, ENOSPC)                                                                          \
	_(fstat, EIO)                                                                              \
	_(newfstatat, EIO)                                                                         \
	_(statx, EIO)                                                                              \
	_(lseek, EIO)                                                                              \
	_(fsync, EIO)                                                                              \
	_(ftruncate, ENOSPC)                                                                       \
	_(rename, ENOSPC)                                                                          \
	_(getdents64, EIO)                                                                         \
	_(clone, EAGAIN)                                                                           \
	_(clone3, EAGAIN)                                                                          \
	_(vfork, EAGAIN)                                                                           \
	_(epoll_wait, EINTR)                                                                       \
	_(epoll_pwait, EINTR)                                                                      \
	_(poll, EINTR)                                                                             \
	_(nanosleep, EINTR)                                                                        \
	_(clock_nanosleep, EINTR)                                                                  \
	_(close, 0)                                                                                \
	_(munmap, 0)                                                                               \
	_(madvise, 0)                                                                              \
	_(futex, 0)                                                                                \
	_(sched_yield, 0)                                                                          \
	_(exit, 0)                                                                                 \
	_(exit_group, 0)                                                                           \
	_(wait4, 0)                                                                                \
	_(waitid, 0)                                                                               \
	_(kill, 0)                                                                                 \
	_(tgkill, 0)                                                                               \
	_(rt_sigaction, 0)                                                                         \
	_(rt_sigprocmask, 0)                                                                       \
	_(rt_sigreturn, 0)                                                                         \
	_(restart_syscall, 0)                                                                      \
	_(execve, 0)                                                                               \
	_(getpid, 0)                                                                               \
	_(gettid, 0)                                                                               \
	_(getuid, 0)                                                                               \
	_(geteuid, 0)                                                                              \
	_(getgid, 0)                                                                               \
	_(getegid, 0)                                                                              \
	_(getppid, 0)                                                                              \
	_(umask, 0)                                                                                \
	_(clock_gettime, 0)                                                                        \
	_(brk, 0)                                                                                  \
	_(rseq, 0)                                                                                 \
	_(set_robust_list, 0)

static const struct {
	int nr, error;
} errors[] = {
#define _(name, error) { SYS_##name, error },
	ERRORS(_)
#undef _
};

static struct {
	long at, n;
	int is_running; /* the program was executed, and it is past the linker */
	int is_executed;
} state;

static int error_of(int nr)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].nr == nr)
			return errors[i].error;
	return ENOMEM;
}

static void die(const char *what)
{
	perror(what);
	exit(125);
}

/* In the child: every call but those that hand over the descriptor and end is asked about. */
static int install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

static void send_fd(int socket, int fd)
{
	union control control = { .header = { .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS,
					      .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec byte = { "", 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	sendmsg(socket, &message, 0);
}

static int receive_fd(int socket)
{
	union control control;
	char byte;
	struct iovec place = { &byte, 1 };
	struct msghdr message = { .msg_iov = &place,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0)
		die("no listener");
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

/* The file of mappings is read again only for an address that is in none of the linker's. */
static int is_of_linker(int pid, unsigned long long ip)
{
	static unsigned long long code_start, code_end;
	char path[32], line[512];
	int is_it = 0;
	FILE *maps;

	if (code_start <= ip && ip < code_end)
		return 1;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "r");
	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long long start, end;

		if (sscanf(line, "%llx-%llx", &start, &end) != 2 || ip < start || ip >= end)
			continue;
		is_it = strstr(line, "/ld-") != NULL;
		if (is_it) {
			code_start = start;
			code_end = end;
		}
	}
	if (maps)
		fclose(maps);
	return is_it;
}

/* The errno that this call fails with, 0: it is done. */
static int judge(const struct seccomp_notif *call)
{
	/* Where it says what failed, nothing fails. */
	const int is_message = call->data.nr == SYS_write && call->data.args[0] == STDERR_FILENO;
	const int error = is_message ? 0 : error_of(call->data.nr);

	if (!state.is_executed) {
		state.is_executed = call->data.nr == SYS_execve;
		return 0;
	}
	if (!state.is_running)
		state.is_running = !is_of_linker((int)call->pid, call->data.instruction_pointer);
	if (!state.is_running || !error || ++state.n != state.at)
		return 0;
	/* What a test names. */
	fprintf(stderr, "fail_call: %d: %s\n", call->data.nr, strerror(error));
	return error;
}

static void serve(int listener)
{
	struct pollfd fd = { .fd = listener, .events = POLLIN };

	while (poll(&fd, 1, -1) > 0 && !(fd.revents & POLLHUP)) {
		struct seccomp_notif call = {};
		struct seccomp_notif_resp answer = {};

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
			continue;
		answer.id = call.id;
		answer.error = -judge(&call);
		if (!answer.error)
			answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

static void write_count(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file || fprintf(file, "%ld\n", state.n) < 0 || fclose(file))
		die(path);
}

int main(int argc, char **argv)
{
	int sockets[2], listener, status;
	pid_t child;

	if (argc < 4 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		die("fail_call N COUNT PROGRAM ARGUMENTS...");
	state.at = atol(argv[1]);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, 9);
		listener = install();
		if (listener < 0)
			die("seccomp");
		send_fd(sockets[1], listener);
		fcntl(listener, F_SETFD, FD_CLOEXEC);
		execv(argv[3], argv + 3);
		_exit(126);
	}
	close(sockets[1]);
	listener = receive_fd(sockets[0]);
	serve(listener);
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	write_count(argv[2]);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}
