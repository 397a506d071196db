/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The child's life: it gives up what it can, hears its configuration, serves, and ends when its
 * parent does. What it was executed with are three descriptors (child_config.h) and an empty
 * environment.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/spawn.h"
#include "base/time.h"
#include "http/child.h"
#include "http/confine.h"

/* How often late connections are looked for, while there are any. */
#define LOOK_MS 200
#define MAX_WAIT_MS 3600000
/* The program, its libraries, and each connection's buffers and TLS state. */
#define MEMORY_BYTES (256 << 20)
#define MEMORY_PER_CONNECTION_BYTES (512 << 10)
/* Besides those of connections: ours, and those of two servers. */
#define N_DESCRIPTORS 32
/* Places for connections: those that are being closed for others have not left yet. */
#define CONNS_FACTOR 2

bool http_child_is_asked(int argc, char *const *argv)
{
	return argc == 2 && !strcmp(argv[1], HTTP_CHILD_ARGUMENT);
}

static int wait_for_frame(struct child *c, struct wire_frame *ret_frame)
{
	struct pollfd in = { .fd = c->channel_fd, .events = POLLIN };
	int r;

	while ((r = wire_reader__next(&c->reader, c->channel_fd, ret_frame)) == -EAGAIN)
		poll(&in, 1, -1);
	return r;
}

static bool is_open_socket(int fd)
{
	int type;
	socklen_t size = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_STREAM;
}

static int take_descriptors(struct child *c)
{
	if (!is_open_socket(CHILD_CHANNEL_FD) || !is_open_socket(CHILD_LISTEN_FD))
		return -EBADF;
	c->channel_fd = CHILD_CHANNEL_FD;
	c->listen_fd = CHILD_LISTEN_FD;
	c->counts = mmap(NULL, HTTP_COUNT_MAX * sizeof(*c->counts), PROT_READ | PROT_WRITE,
			 MAP_SHARED, CHILD_COUNTS_FD, 0);
	close(CHILD_COUNTS_FD);
	return c->counts == MAP_FAILED ? -errno : 0;
}

static size_t memory_bytes(const struct http_limits *limits)
{
	return MEMORY_BYTES + (size_t)limits->held_bytes + limits->reply_bytes +
		CONNS_FACTOR * (size_t)limits->connections * MEMORY_PER_CONNECTION_BYTES;
}

static int read_config(struct child *c, struct err *err)
{
	struct wire_frame frame = {};
	int r = wait_for_frame(c, &frame);

	if (!r)
		r = child_config__decode(&c->config, &frame);
	wire_frame__done(&frame);
	if (r)
		return err__set(err, r, "the child does not understand its configuration: %s",
				strerror(-r));
	c->reader.is_taken[WIRE_REPLY] = true;
	c->reader.max_bytes[WIRE_REPLY] = c->config.limits.reply_bytes + WIRE_REPLY_EXTRA_BYTES;
	c->conns_size = CONNS_FACTOR * (size_t)c->config.limits.connections;
	c->conns = calloc(c->conns_size, sizeof(*c->conns));
	return c->conns ? 0 : -ENOMEM;
}

static int take_users(struct child *c)
{
	return credentials__set_users(c->credentials, c->config.web.users, c->config.web.n_users);
}

static int set_up(struct child *c, struct child_ready *ret_ready, struct err *err)
{
	bool has_own_user = false;
	int r = confine_privileges(&has_own_user, err);

	if (!r)
		r = read_config(c, err);
	if (!r)
		r = confine_resources(memory_bytes(&c->config.limits),
				      c->conns_size + N_DESCRIPTORS, err);
	if (!r)
		r = credentials__new(&c->credentials);
	if (!r)
		r = take_users(c);
	if (!r)
		r = child_server__new(&c->servers[0], c, err);
	*ret_ready = (struct child_ready){ .uid = getuid(), .has_own_user = has_own_user };
	return r ? r : confine_system_calls(err);
}

static int say_ready(struct child *c, const struct child_ready *ready)
{
	struct wire_out w = {};
	int r;

	wire_out__begin(&w, WIRE_READY, 0);
	wire_out__u32(&w, ready->uid);
	wire_out__u32(&w, ready->has_own_user);
	r = wire_out__end(&w);
	if (!r)
		r = wire_send(c->channel_fd, &w);
	wire_out__done(&w);
	return r;
}

static void say_failed(struct child *c, const struct err *err)
{
	struct wire_out w = {};

	wire_out__begin(&w, WIRE_FAILED, 0);
	wire_out__text(&w, err->what[0] ? err->what : "out of memory");
	if (!wire_out__end(&w))
		wire_send(c->channel_fd, &w);
	wire_out__done(&w);
}

/* The reply's parts are in the frame, which `answer` takes over. */
static bool decode_reply(struct answer *ret_answer, struct wire_frame *frame)
{
	struct wire_in in = wire_frame__in(frame);

	ret_answer->status = wire_in__u32(&in);
	ret_answer->content_type = wire_in__text(&in);
	ret_answer->headers = wire_in__text(&in);
	ret_answer->body = in.at;
	ret_answer->body_bytes = in.is_bad ? 0 : (size_t)(in.end - in.at);
	if (in.is_bad || ret_answer->status < 200 || ret_answer->status > 599)
		return false;
	ret_answer->frame = *frame;
	*frame = (struct wire_frame){};
	return true;
}

static void take_reply(struct child *c, struct wire_frame *frame)
{
	struct conn *conn = child__find_request(c, PHASE_WAITING, frame->head.id);
	const size_t bytes = frame->head.bytes;

	if (!conn || conn->is_answered) {
		child__count(c, HTTP_COUNT_reply_gone);
		return;
	}
	if (c->held_bytes + bytes > c->config.limits.held_bytes ||
	    !decode_reply(&conn->answer, frame)) {
		child__count(c, HTTP_COUNT_no_memory);
		child__answer(c, conn, MHD_HTTP_SERVICE_UNAVAILABLE);
		return;
	}
	c->held_bytes += bytes;
	child__answer(c, conn, 0);
}

/* A new configuration: another server accepts, the one before ends with its last connection. */
static void take_config(struct child *c, struct wire_frame *frame)
{
	struct child_config before = c->config;
	struct child_server *next = NULL;
	struct err err = {};
	int r = child_config__decode(&c->config, frame);

	if (!r) {
		c->config.limits = before.limits;
		r = take_users(c);
		if (!r)
			r = child_server__new(&next, c, &err);
	}
	if (r) {
		child_config__done(&c->config);
		c->config = before;
		take_users(c);
		say_failed(c, &err);
		return;
	}
	child_server__free(c->servers[1]);
	c->servers[1] = c->servers[0];
	c->servers[0] = next;
	child_server__retire(c->servers[1]);
	child_config__done(&before);
}

/* False: the parent is gone, or says what it must not. */
static bool read_channel(struct child *c)
{
	struct wire_frame frame;
	int r;

	while (!(r = wire_reader__next(&c->reader, c->channel_fd, &frame))) {
		if (frame.head.type == WIRE_REPLY)
			take_reply(c, &frame);
		else
			take_config(c, &frame);
		wire_frame__done(&frame);
	}
	return r == -EAGAIN;
}

static int wait_ms(struct child *c)
{
	int wait = c->n_conns ? LOOK_MS : MAX_WAIT_MS;

	for (size_t i = 0; i < N_OF(c->servers); i++) {
		MHD_UNSIGNED_LONG_LONG due;

		if (c->servers[i] && MHD_get_timeout(c->servers[i]->daemon, &due) == MHD_YES &&
		    due < (unsigned int)wait)
			wait = (int)due;
	}
	return wait;
}

static void run_servers(struct child *c)
{
	for (size_t i = 0; i < N_OF(c->servers); i++)
		if (c->servers[i])
			MHD_run(c->servers[i]->daemon);
	if (c->servers[1] && !child_server__is_used(c->servers[1])) {
		child_server__free(c->servers[1]);
		c->servers[1] = NULL;
	}
}

static void take_verdicts(struct child *c)
{
	uint32_t ticket;
	bool is_good;

	while (credentials__next(c->credentials, &ticket, &is_good))
		child__authorize(c, ticket, is_good);
}

static void serve(struct child *c)
{
	uint64_t looked_ns = 0;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = c->channel_fd, .events = POLLIN },
			{ .fd = c->servers[0]->epoll_fd, .events = POLLIN },
			{ .fd = c->servers[1] ? c->servers[1]->epoll_fd : -1, .events = POLLIN },
			{ .fd = credentials__fd(c->credentials), .events = POLLIN },
		};
		uint64_t now;

		if (poll(fds, N_OF(fds), wait_ms(c)) < 0 && errno != EINTR)
			return;
		if (fds[0].revents && !read_channel(c))
			return;
		take_verdicts(c);
		run_servers(c);
		now = time_now_ns(CLOCK_MONOTONIC);
		if (now - looked_ns < LOOK_MS * NS_PER_MS)
			continue;
		looked_ns = now;
		child__end_late(c);
	}
}

/* Signals of a terminal are for the parent, whose end is ours. A parent that is dead already closed
 * its end of the channel. */
static void begin_process(void)
{
	spawn_ignore_signals();
	prctl(PR_SET_NAME, "loopstall-http");
}

int http_child_main(void)
{
	struct child c = {};
	struct child_ready ready;
	struct err err = {};
	int r = take_descriptors(&c);

	if (r)
		return r;
	begin_process();
	c.reader.is_taken[WIRE_CONFIG] = true;
	c.reader.max_bytes[WIRE_CONFIG] = WIRE_CONFIG_MAX_BYTES;
	if (set_up(&c, &ready, &err)) {
		say_failed(&c, &err);
		_exit(1);
	}
	if (!say_ready(&c, &ready))
		serve(&c);
	_exit(0);
}
