/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The child as a process: started with three descriptors and nothing else, reaped, started again.
 * The listening socket is ours, so clients that connect meanwhile wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/spawn.h"
#include "base/time.h"
#include "http/server_impl.h"

/* A child that ends again and again is started less and less often. */
#define FIRST_DELAY_NS (100 * NS_PER_MS)
#define MAX_DELAY_NS (5 * NS_PER_S)
#define LONG_LIFE_NS (10 * NS_PER_S)
#define MAX_END_MS 1000
#define CHANNEL_BUFFER_BYTES (1 << 20)

/* Above those that the child gets, so that none overwrites another. */
static int lift(int fd)
{
	return fd < 0 ? -errno : fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FIRST_FREE_FD);
}

static int set_actions(posix_spawn_file_actions_t *actions, const int fds[3], bool keeps_stderr)
{
	int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);

	if (!r)
		r = posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDOUT_FILENO);
	if (!r && !keeps_stderr)
		r = posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDERR_FILENO);
	for (int i = 0; i < 3 && !r; i++)
		r = posix_spawn_file_actions_adddup2(actions, fds[i], CHILD_CHANNEL_FD + i);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(actions, CHILD_FIRST_FREE_FD);
	return -r;
}

static int execute(const struct http_server *s, const int fds[3], pid_t *ret_pid)
{
	static char name[] = "loopstall", argument[] = HTTP_CHILD_ARGUMENT;
	char *const argv[] = { name, argument, NULL };
	posix_spawn_file_actions_t actions;
	int r = -posix_spawn_file_actions_init(&actions);

	if (r)
		return r;
	r = set_actions(&actions, fds, s->keeps_stderr);
	if (!r)
		r = spawn_part(ret_pid, s->child_program, &actions, argv);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int spawn(struct http_server *s, int channel_fd)
{
	_cleanup_fd_ int channel = lift(channel_fd), listener = lift(s->listen_fd),
			 counts = lift(s->counts_fd);
	const int fds[] = { channel, listener, counts };

	return channel < 0 || listener < 0 || counts < 0 ? -EMFILE : execute(s, fds, &s->pid);
}

static int watch(struct http_server *s, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void take_channel(struct http_server *s, int fd)
{
	s->channel_fd = fd;
	s->channel_events = EPOLLIN;
	s->reader = (struct wire_reader){
		.max_bytes = { [WIRE_READY] = WIRE_READY_MAX_BYTES,
			       [WIRE_FAILED] = WIRE_FAILED_MAX_BYTES,
			       [WIRE_REQUEST] = WIRE_REQUEST_MAX_BYTES },
		.is_taken = { [WIRE_READY] = true,
			      [WIRE_FAILED] = true,
			      [WIRE_REQUEST] = true,
			      [WIRE_CANCEL] = true },
	};
}

int http_server__spawn(struct http_server *s, struct err *err)
{
	_cleanup_fd_ int theirs = -1;
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return err__set(err, -errno, "cannot create a socket for the HTTP child: %s",
				strerror(errno));
	theirs = fds[1];
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &(int){ CHANNEL_BUFFER_BYTES },
			   sizeof(int));
	take_channel(s, fds[0]);
	r = spawn(s, theirs);
	if (r) {
		fd_close(&s->channel_fd);
		s->pid = 0;
		return err__set(err, r, "cannot start the HTTP child: %s", strerror(-r));
	}
	s->started_ns = time_now_ns(CLOCK_MONOTONIC);
	s->pid_fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	http_server__count(s, HTTP_COUNT_child_starts);
	r = s->pid_fd < 0 ? -errno : watch(s, s->pid_fd, EPOLLIN);
	if (!r)
		r = watch(s, s->channel_fd, EPOLLIN);
	if (!r)
		r = http_server__send_config(s);
	if (!r)
		return 0;
	http_server__kill_child(s);
	return err__set(err, r, "cannot start the HTTP child: %s", strerror(-r));
}

int http_server__send_config(struct http_server *s)
{
	struct child_config config = {
		.limits = s->limits,
		.is_host_checked = s->address.is_local && !s->address.is_unix && !s->web.has_tls &&
			!s->web.n_users,
		.n_paths = s->n_paths,
		.web = s->web,
	};
	struct wire_out w = {};
	int r;

	for (size_t i = 0; i < s->n_paths; i++)
		config.paths[i] = s->paths[i];
	r = child_config__encode(&config, &w);
	if (!r)
		r = http_server__send(s, &w);
	if (w.data)
		explicit_bzero(w.data, w.n);
	wire_out__done(&w);
	return r;
}

/* Everything that belonged to this child. Closed descriptors leave the epoll set by themselves. */
static void forget_child(struct http_server *s)
{
	s->pid = 0;
	s->is_ready = false;
	fd_close(&s->pid_fd);
	fd_close(&s->channel_fd);
	wire_reader__done(&s->reader);
	out_queue__done(&s->queue);
	http_server__forget_requests(s);
}

void http_server__kill_child(struct http_server *s)
{
	struct pollfd end = { .fd = s->pid_fd, .events = POLLIN };

	if (!s->pid)
		return;
	/* It may have another user, so without CAP_KILL it ends because of this, if it is sound. */
	fd_close(&s->channel_fd);
	if (kill(s->pid, SIGKILL))
		poll(&end, 1, MAX_END_MS);
	else
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	waitpid(s->pid, NULL, WNOHANG);
	forget_child(s);
}

static void plan_start(struct http_server *s, uint64_t now_ns)
{
	if (now_ns - s->started_ns > LONG_LIFE_NS)
		s->delay_ns = 0;
	s->start_at_ns = now_ns + s->delay_ns;
	s->delay_ns = s->delay_ns ? s->delay_ns * 2 : FIRST_DELAY_NS;
	if (s->delay_ns > MAX_DELAY_NS)
		s->delay_ns = MAX_DELAY_NS;
}

static void reap(struct http_server *s, uint64_t now_ns)
{
	int status = 0;
	const pid_t pid = waitpid(s->pid, &status, WNOHANG);

	if (pid == 0)
		return;
	http_server__count(s,
			   pid > 0 && WIFSIGNALED(status) ? HTTP_COUNT_child_killed :
							    HTTP_COUNT_child_exited);
	forget_child(s);
	plan_start(s, now_ns);
}

void http_server__keep_child(struct http_server *s, uint64_t now_ns)
{
	if (s->pid)
		reap(s, now_ns);
	if (s->pid || now_ns < s->start_at_ns)
		return;
	if (http_server__spawn(s, NULL)) {
		http_server__count(s, HTTP_COUNT_start_failed);
		plan_start(s, now_ns);
	} else {
		http_server__count(s, HTTP_COUNT_child_restarts);
	}
}
