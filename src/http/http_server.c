/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See http_server.h. One epoll descriptor stands for the child's socket and process, and a timer
 * for what is due later.
 */
#include "http/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/time.h"
#include "http/server_impl.h"

#define START_MS 10000
/* So many requests at once may be ahead of the rate. */
#define BURST_NS NS_PER_S
#define COUNTS_BYTES (HTTP_COUNT_MAX * sizeof(uint64_t))

static uint64_t now_ns(void)
{
	return time_now_ns(CLOCK_MONOTONIC);
}

static char *copy_text(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int copy_paths(struct http_server *s, const char *const *paths)
{
	while (paths && paths[s->n_paths])
		s->n_paths++;
	if (s->n_paths > HTTP_MAX_PATHS)
		return -E2BIG;
	s->paths = calloc(s->n_paths + 1, sizeof(*s->paths));
	for (size_t i = 0; s->paths && i < s->n_paths; i++) {
		s->paths[i] = strdup(paths[i]);
		if (!s->paths[i])
			return -ENOMEM;
	}
	return s->paths ? 0 : -ENOMEM;
}

static void set_limits(struct http_limits *limits, const struct http_limits *asked)
{
#define _(name, value) limits->name = asked->name ? asked->name : (value);
	HTTP_LIMITS(_)
#undef _
	if (limits->connections > HTTP_MAX_CONNECTIONS)
		limits->connections = HTTP_MAX_CONNECTIONS;
}

static int copy_options(struct http_server *s, const struct http_options *o, struct err *err)
{
	set_limits(&s->limits, &o->limits);
	s->may_be_remote = o->may_be_remote;
	s->keeps_stderr = o->keeps_stderr;
	s->web_config_path = copy_text(o->web_config);
	s->child_program = copy_text(o->child_program);
	s->open = calloc(s->limits.connections, sizeof(*s->open));
	if ((o->web_config && !s->web_config_path) || (o->child_program && !s->child_program) ||
	    !s->open || copy_paths(s, o->paths))
		return err__set(err, -ENOMEM, "cannot start the HTTP server: out of memory");
	return http_address__parse(&s->address, o->listen ? o->listen : HTTP_DEFAULT_LISTEN, err);
}

/* Sealed: a child that made it shorter would end us by a signal. */
static int create_counts(struct http_server *s)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	void *memory;

	s->counts_fd = memfd_create("loopstall-http", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->counts_fd < 0 || ftruncate(s->counts_fd, COUNTS_BYTES) ||
	    fcntl(s->counts_fd, F_ADD_SEALS, seals))
		return -errno;
	memory = mmap(NULL, COUNTS_BYTES, PROT_READ, MAP_SHARED, s->counts_fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	s->child_counts = memory;
	return 0;
}

static int create_descriptors(struct http_server *s, struct err *err)
{
	struct epoll_event event = { .events = EPOLLIN };
	int r = create_counts(s);

	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (!r &&
	    (s->epoll_fd < 0 || s->timer_fd < 0 ||
	     epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->timer_fd, &event)))
		r = -errno;
	return r ? err__set(err, r, "cannot start the HTTP server: %s", strerror(-r)) : 0;
}

static void describe(struct http_server *s, const struct child_ready *ready)
{
	char user[64];

	if (ready->has_own_user)
		snprintf(user, sizeof(user), "user %u of its own", ready->uid);
	else
		snprintf(user, sizeof(user), "user %u as loopstall itself%s", ready->uid,
			 ready->uid ? " (only root can change it)" :
				      " (no other user can be had here)");
	snprintf(s->confinement, sizeof(s->confinement),
		 "%s, no capabilities, no new privileges, seccomp filter", user);
}

static int take_ready(struct http_server *s, const struct wire_frame *frame)
{
	struct wire_in in = wire_frame__in(frame);
	struct child_ready ready;

	ready.uid = wire_in__u32(&in);
	ready.has_own_user = wire_in__u32(&in);
	if (!wire_in__is_end(&in) || s->is_ready)
		return -EPROTO;
	s->is_ready = true;
	describe(s, &ready);
	return 0;
}

static int take_failed(struct http_server *s, const struct wire_frame *frame)
{
	struct wire_in in = wire_frame__in(frame);
	const char *text = wire_in__text(&in);

	if (!wire_in__is_end(&in))
		return -EPROTO;
	text__escape(text, s->config_error, sizeof(s->config_error));
	return 0;
}

/* 0: it is a request. -EAGAIN: it was something else. -EPROTO: the child must end. */
static int take_frame(struct http_server *s, struct wire_frame *frame,
		      struct http_request *ret_request)
{
	int r = 0;

	switch (frame->head.type) {
	case WIRE_REQUEST:
		if (!s->is_ready)
			return -EPROTO;
		if (frame->data)
			return http_server__take_request(s, frame, ret_request);
		http_server__refuse_request(s, frame->head.id);
		break;
	case WIRE_CANCEL:
		http_server__take_cancel(s, frame->head.id);
		break;
	case WIRE_READY:
		r = take_ready(s, frame);
		break;
	default:
		r = take_failed(s, frame);
		if (!r && s->is_ready)
			http_server__count(s, HTTP_COUNT_config_errors);
	}
	return r ? r : -EAGAIN;
}

static bool is_paced(const struct http_server *s, uint64_t now)
{
	return s->paced_until_ns > now + BURST_NS;
}

static void pace(struct http_server *s, uint64_t now)
{
	if (s->paced_until_ns < now)
		s->paced_until_ns = now;
	s->paced_until_ns += NS_PER_S / s->limits.requests_per_s;
}

/* 0, or -EAGAIN when nothing more is there, or may be taken now. */
static int read_child(struct http_server *s, uint64_t now, struct http_request *ret_request)
{
	const bool was_ready = s->is_ready;
	int r;

	/* What comes behind the first message is for those who ask for requests. */
	while (s->channel_fd >= 0 && !is_paced(s, now) && s->is_ready == was_ready) {
		struct wire_frame frame = {};

		r = wire_reader__next(&s->reader, s->channel_fd, &frame);
		if (r == -EAGAIN)
			return r;
		if (!r)
			r = take_frame(s, &frame, ret_request);
		wire_frame__done(&frame);
		if (!r) {
			pace(s, now);
			return 0;
		}
		if (r == -EAGAIN)
			continue;
		/* Its end is seen by its process descriptor. */
		if (r != -EPIPE)
			http_server__count(s, HTTP_COUNT_child_misbehaved);
		kill(s->pid, SIGKILL);
		fd_close(&s->channel_fd);
	}
	return -EAGAIN;
}

static void wait_for_channel(struct http_server *s, uint64_t now)
{
	const uint32_t events =
		(is_paced(s, now) ? 0U : EPOLLIN) | (s->queue.first ? EPOLLOUT : 0U);
	struct epoll_event event = { .events = events };

	if (s->channel_fd < 0 || events == s->channel_events)
		return;
	s->channel_events = events;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->channel_fd, &event);
}

static void wait_until(uint64_t *due, uint64_t time_ns)
{
	if (!*due || time_ns < *due)
		*due = time_ns;
}

static void set_timer(struct http_server *s, uint64_t now)
{
	struct itimerspec timer = {};
	uint64_t due = 0;

	if (is_paced(s, now))
		wait_until(&due, s->paced_until_ns - BURST_NS);
	if (!s->pid)
		wait_until(&due, s->start_at_ns);
	if (s->web_config_path)
		wait_until(&due, s->look_at_ns);
	if (due == s->timer_ns)
		return;
	s->timer_ns = due;
	timer.it_value.tv_sec = (time_t)(due / NS_PER_S);
	timer.it_value.tv_nsec = (long)(due % NS_PER_S);
	timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

static void take_timer(struct http_server *s)
{
	uint64_t n;

	if (read(s->timer_fd, &n, sizeof(n)) == sizeof(n))
		s->timer_ns = 0;
}

int http_server__next(struct http_server *s, struct http_request *ret_request)
{
	const uint64_t now = now_ns();
	int r;

	take_timer(s);
	http_server__keep_child(s, now);
	http_server__look_at_config(s, now);
	http_server__flush(s);
	r = read_child(s, now, ret_request);
	wait_for_channel(s, now);
	set_timer(s, now);
	return r;
}

/* Reads one message: a request that follows at once is left for later. */
static int wait_until_ready(struct http_server *s, struct err *err)
{
	const uint64_t end = now_ns() + START_MS * NS_PER_MS;
	struct pollfd event = { .fd = s->epoll_fd, .events = POLLIN };
	struct http_request unused;

	while (!s->is_ready && now_ns() < end) {
		read_child(s, now_ns(), &unused);
		if (s->config_error[0] || s->channel_fd < 0)
			break;
		http_server__flush(s);
		wait_for_channel(s, now_ns());
		if (!s->is_ready)
			poll(&event, 1, START_MS / 100);
	}
	if (s->is_ready)
		return 0;
	return err__set(err, -EIO, "the HTTP child does not start: %s",
			s->config_error[0]	  ? s->config_error :
				s->channel_fd < 0 ? "it ended before it served" :
						    "it did not answer within 10 s");
}

static int start(struct http_server *s, const struct http_options *options, struct err *err)
{
	int r = copy_options(s, options, err);

	if (!r)
		r = http_server__read_web_config(s, &s->web, err);
	if (!r)
		r = s->listen_fd = http_address__listen(&s->address, err);
	if (r < 0)
		return r;
	http_server__name_address(s);
	r = create_descriptors(s, err);
	if (!r)
		r = http_server__spawn(s, err);
	if (!r)
		r = wait_until_ready(s, err);
	return r;
}

int http_server__start(struct http_server **ret_server, const struct http_options *options,
		       struct err *err)
{
	struct http_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err__set(err, -ENOMEM, "cannot start the HTTP server: out of memory");
	s->listen_fd = s->epoll_fd = s->timer_fd = s->channel_fd = s->pid_fd = s->counts_fd = -1;
	r = start(s, options, err);
	if (r)
		http_server__free(s);
	else
		*ret_server = s;
	return r;
}

void http_server__free(struct http_server *s)
{
	if (!s)
		return;
	http_server__kill_child(s);
	if (s->listen_fd >= 0)
		http_address__unlink(&s->address);
	fd_close(&s->listen_fd);
	fd_close(&s->epoll_fd);
	fd_close(&s->timer_fd);
	if (s->child_counts)
		munmap((void *)s->child_counts, COUNTS_BYTES);
	fd_close(&s->counts_fd);
	wire_frame__done(&s->request);
	web_config__done(&s->web);
	for (size_t i = 0; s->paths && i < s->n_paths; i++)
		free(s->paths[i]);
	free(s->paths);
	free(s->web_config_path);
	free(s->child_program);
	free(s->open);
	free(s);
}

int http_server__fd(const struct http_server *s)
{
	return s->epoll_fd;
}

const struct http_counts *http_server__counts(struct http_server *s)
{
	for (size_t i = 0; i < HTTP_COUNT_MAX; i++)
		s->sum.n[i] = s->own.n[i] +
			atomic_load_explicit(&s->child_counts[i], memory_order_relaxed);
	return &s->sum;
}

const char *http_server__address(const struct http_server *s)
{
	return s->address_text;
}

const char *http_server__confinement(const struct http_server *s)
{
	return s->confinement;
}

const char *http_server__config_error(const struct http_server *s)
{
	return s->config_error[0] ? s->config_error : NULL;
}

pid_t http_server__child(const struct http_server *s)
{
	return s->pid;
}
