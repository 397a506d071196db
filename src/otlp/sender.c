/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See sender.h: the parent's side.
 */
#include "otlp/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/time.h"
#include "otlp/channel.h"

#define RESTART_NS NS_PER_S
#define START_MS 10000

struct queued {
	struct queued *next;
	struct channel_head head;
	size_t sent; /* of head and data */
	uint8_t data[];
};

struct otlp_sender {
	char *url;
	size_t settings_bytes;
	char settings[OTLP_SETTINGS_BYTES]; /* packed */
	const char *program;
	pid_t pid;
	int channel_fd, epoll_fd;
	uint64_t started_ns;
	struct queued *first, *last; /* the first one is on its way */
	size_t n_queued, bytes;
	struct channel_outcome outcome;
	size_t outcome_bytes; /* that have come */
	bool is_ready, is_troubled;
	struct otlp_counts counts;
};

int otlp_check_url(const char *url, struct err *err)
{
	const char *host = !strncmp(url, "http://", 7) ? url + 7 :
		!strncmp(url, "https://", 8)	       ? url + 8 :
							 NULL;

	if (!host || !*host || *host == '/' || strlen(url) > 512)
		return err__set(err, -EINVAL, "--otlp %s: write a URL, as in http://127.0.0.1:4318",
				url);
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("@?#\"\\", *p))
			return err__set(err, -EINVAL,
					"--otlp %s: it may have no user, no query, and no '%c'",
					url, *p);
	return 0;
}

static int execute(struct otlp_sender *s, int fd)
{
	static char name[] = "loopstall", argument[] = OTLP_CHILD_ARGUMENT;
	char *const argv[] = { name, argument, s->url, NULL };
	posix_spawn_file_actions_t actions;
	int r = -posix_spawn_file_actions_init(&actions);

	if (r)
		return r;
	r = -posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (!r)
		r = -posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_RDWR,
						      0);
	if (!r)
		r = -posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	if (!r)
		r = -posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	if (!r)
		r = spawn_part(&s->pid, s->program, &actions, argv);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static void watch(struct otlp_sender *s, int operation)
{
	const uint32_t more =
		s->first && s->first->sent < sizeof(s->first->head) + s->first->head.bytes ?
		EPOLLOUT :
		0;
	struct epoll_event event = { .events = EPOLLIN | more };

	epoll_ctl(s->epoll_fd, operation, s->channel_fd, &event);
}

/* Not by its arguments, which everybody may read. A new channel has room for all of it. */
static int send_settings(const struct otlp_sender *s, int fd)
{
	const struct channel_head head = { .signal = OTLP_SIGNAL_MAX,
					   .bytes = (uint32_t)s->settings_bytes };
	const struct iovec parts[] = { { (void *)&head, sizeof(head) },
				       { (void *)s->settings, s->settings_bytes } };
	const struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = 2 };
	const ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(head) + s->settings_bytes ? 0 : -ENOBUFS;
}

static int start_child(struct otlp_sender *s)
{
	int fds[2], r;

	s->started_ns = time_now_ns(CLOCK_MONOTONIC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	r = send_settings(s, fds[0]);
	if (!r)
		r = execute(s, fds[1]);
	close(fds[1]);
	if (r) {
		close(fds[0]);
		s->pid = 0;
		return r;
	}
	s->channel_fd = fds[0];
	s->outcome_bytes = 0;
	s->is_ready = false;
	s->counts.starts++;
	watch(s, EPOLL_CTL_ADD);
	return 0;
}

static int read_outcome(struct otlp_sender *s);

/* It says so by itself, in seconds at most. */
static bool is_child_sound(struct otlp_sender *s)
{
	struct pollfd child = { .fd = s->channel_fd, .events = POLLIN };
	int r = 0;

	while (r >= 0 && !s->is_ready && poll(&child, 1, START_MS) > 0)
		r = read_outcome(s);
	return s->is_ready;
}

int otlp_sender__start(struct otlp_sender **ret_sender, const char *url,
		       const struct otlp_settings *settings, const char *child_program,
		       struct err *err)
{
	_cleanup_(otlp_sender__freep) struct otlp_sender *s = calloc(1, sizeof(*s));
	int r = otlp_check_url(url, err);

	if (r < 0)
		return r;
	if (!s)
		return err__set(err, -ENOMEM, "out of memory");
	s->channel_fd = s->epoll_fd = -1;
	s->program = child_program;
	s->url = strdup(url);
	s->settings_bytes = otlp_settings__pack(settings, s->settings);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = !s->url ? -ENOMEM : s->epoll_fd < 0 ? -errno : start_child(s);
	if (r < 0)
		return err__set(err, r, "cannot start what sends to %s: %s", url, strerror(-r));
	if (!is_child_sound(s))
		return err__set(err, -EIO, "cannot send to %s: %s", url,
				*s->outcome.text ? s->outcome.text : "the child ended");
	*ret_sender = TAKE_PTR(s);
	return 0;
}

int otlp_sender__fd(const struct otlp_sender *s)
{
	return s->epoll_fd;
}

static void count(struct otlp_sender *s, const struct channel_head *head, enum otlp_fate fate,
		  uint64_t n)
{
	s->counts.items[head->signal][fate] += n;
}

static void remove_first(struct otlp_sender *s)
{
	struct queued *q = s->first;

	s->first = q->next;
	if (!s->first)
		s->last = NULL;
	s->n_queued--;
	s->bytes -= q->head.bytes;
	free(q);
}

static void end_child(struct otlp_sender *s)
{
	struct pollfd nothing = { .fd = -1 };

	fd_close(&s->channel_fd);
	/* Of another user it may be; it ends by itself when the channel is closed. */
	for (int i = 0; s->pid && waitpid(s->pid, NULL, WNOHANG) == 0 && i < 20; i++) {
		kill(s->pid, SIGKILL);
		poll(&nothing, 1, 10);
	}
	s->pid = 0;
}

/* The request that it had may have arrived or not. */
static void lose_child(struct otlp_sender *s)
{
	end_child(s);
	if (s->first && s->first->sent) {
		count(s, &s->first->head, OTLP_SENDER_ENDED, s->first->head.n_items);
		remove_first(s);
	}
	log_warn("what sends to %s has ended; it is started again", s->url);
}

static void note_trouble(struct otlp_sender *s)
{
	s->counts.retries += s->outcome.kind == OUTCOME_RETRY;
	s->outcome.text[sizeof(s->outcome.text) - 1] = '\0';
	for (char *p = s->outcome.text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	if (!s->is_troubled && s->is_ready)
		log_warn("%s does not take what is sent: %s%s", s->url, s->outcome.text,
			 s->outcome.kind == OUTCOME_RETRY ? "; it is tried again" : "");
	s->is_troubled = true;
}

static void take_outcome(struct otlp_sender *s)
{
	const struct channel_head *head = s->first ? &s->first->head : NULL;
	const uint64_t n = head ? head->n_items : 0;
	const uint64_t rejected = s->outcome.n_rejected < n ? s->outcome.n_rejected : n;

	s->outcome_bytes = 0;
	if (s->outcome.kind == OUTCOME_READY)
		s->is_ready = true;
	else if (s->outcome.kind != OUTCOME_DONE)
		note_trouble(s);
	if (s->outcome.kind <= OUTCOME_RETRY || !head)
		return;
	if (s->outcome.kind == OUTCOME_DONE) {
		if (s->is_troubled)
			log_info("%s takes what is sent again", s->url);
		s->is_troubled = false;
		count(s, head, OTLP_SENT, n - rejected);
		count(s, head, OTLP_REJECTED, rejected);
	} else {
		count(s, head, s->outcome.kind == OUTCOME_EXPIRED ? OTLP_EXPIRED : OTLP_REJECTED,
		      n);
	}
	remove_first(s);
}

/* 0, -EAGAIN, or another error: the child is gone. */
static int read_outcome(struct otlp_sender *s)
{
	const ssize_t n = recv(s->channel_fd, (char *)&s->outcome + s->outcome_bytes,
			       sizeof(s->outcome) - s->outcome_bytes, MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	s->outcome_bytes += (size_t)n;
	if (s->outcome_bytes == sizeof(s->outcome))
		take_outcome(s);
	return 0;
}

static int write_first(struct otlp_sender *s)
{
	struct queued *q = s->first;
	const size_t head = sizeof(q->head), all = head + (q ? q->head.bytes : 0);

	while (q && q->sent < all) {
		const bool is_head = q->sent < head;
		const char *from = is_head ? (const char *)&q->head + q->sent :
					     (const char *)q->data + (q->sent - head);
		const ssize_t n = send(s->channel_fd, from, (is_head ? head : all) - q->sent,
				       MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		q->sent += (size_t)n;
	}
	return 0;
}

static bool keep_child(struct otlp_sender *s)
{
	if (s->channel_fd >= 0)
		return true;
	return time_now_ns(CLOCK_MONOTONIC) - s->started_ns >= RESTART_NS && start_child(s) >= 0;
}

void otlp_sender__work(struct otlp_sender *s)
{
	int r = 0;

	if (!keep_child(s))
		return;
	while (r >= 0)
		r = read_outcome(s);
	if (r == -EAGAIN)
		r = write_first(s);
	if (r < 0 && r != -EAGAIN)
		lose_child(s);
	else
		watch(s, EPOLL_CTL_MOD);
}

static bool has_room(const struct otlp_sender *s, size_t bytes)
{
	return bytes <= OTLP_MAX_BYTES / 2 && s->bytes + bytes <= OTLP_MAX_BYTES &&
		s->n_queued < OTLP_MAX_QUEUED;
}

void otlp_sender__send(struct otlp_sender *s, enum otlp_signal signal, struct protobuf *request,
		       size_t n_items)
{
	const struct channel_head head = { .signal = signal,
					   .bytes = (uint32_t)request->size,
					   .n_items = n_items };
	struct queued *q = request->r >= 0 && has_room(s, request->size) ?
		malloc(sizeof(*q) + request->size) :
		NULL;

	if (q) {
		*q = (struct queued){ .head = head };
		memcpy(q->data, request->data, request->size);
		*(s->last ? &s->last->next : &s->first) = q;
		s->last = q;
		s->n_queued++;
		s->bytes += request->size;
	} else {
		count(s, &head, OTLP_QUEUE_FULL, n_items);
	}
	protobuf__done(request);
	otlp_sender__work(s);
}

void otlp_sender__finish(struct otlp_sender *s, unsigned int max_ms)
{
	const uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + max_ms * NS_PER_MS;
	struct pollfd ready = { .fd = s->epoll_fd, .events = POLLIN };

	while (s->first && !s->is_troubled && time_now_ns(CLOCK_MONOTONIC) < end_ns) {
		poll(&ready, 1, 50);
		otlp_sender__work(s);
	}
	for (; s->first; remove_first(s))
		count(s, &s->first->head, OTLP_SENDER_ENDED, s->first->head.n_items);
}

const struct otlp_counts *otlp_sender__counts(const struct otlp_sender *s)
{
	return &s->counts;
}

const char *otlp_sender__trouble(const struct otlp_sender *s)
{
	return s->is_troubled ? s->outcome.text : NULL;
}

void otlp_sender__free(struct otlp_sender *s)
{
	if (!s)
		return;
	end_child(s);
	while (s->first)
		remove_first(s);
	fd_close(&s->epoll_fd);
	free(s->url);
	free(s);
}
