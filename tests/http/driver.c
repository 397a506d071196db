/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP server with fixed pages, for tests/http/run.py.
 *
 *   driver [--listen ADDRESS] [--web-config FILE] [--insecure-listen] [--limit NAME=NUMBER]...
 *          [--child PROGRAM]    that is executed as the child
 *   driver --once --listen unix:PATH [...]    asks itself for one page, and ends
 *
 * Prints its address, what confines the child and the child's number, one a line, then serves until
 * stdin ends. Pages: /small, /html, /echo (the request as text), /counts (JSON),
 * /large?BYTES, /late?MILLISECONDS, /never, whose number is "waiting" among the counts; "turns" are
 * those of the driver's loop.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/array.h"
#include "base/time.h"
#include "http/http_server.h"

#define MAX_LATE 256
#define MAX_BODY_BYTES (16 << 20)

static struct {
	uint64_t id, at_ns;
} late[MAX_LATE];
static size_t n_late, n_never, n_turns;
static uint64_t longest_ns;
static bool is_once;

static const char *const paths[] = { "/small", "/html", "/echo",  "/counts",
				     "/large", "/late", "/never", NULL };

static void fail(const char *what)
{
	fprintf(stderr, "driver: %s\n", what);
	exit(1);
}

static void reply(struct http_server *s, uint64_t id, const char *type, const void *body, size_t n)
{
	const struct http_reply r = { .status = 200,
				      .content_type = type,
				      .extra_headers = "X-Test: yes\r\n",
				      .body = body,
				      .body_bytes = n };

	http_server__reply(s, id, &r);
}

static void reply_large(struct http_server *s, uint64_t id, size_t n)
{
	char *body;

	n = n < MAX_BODY_BYTES ? n : MAX_BODY_BYTES;
	body = malloc(n + 1);
	if (!body)
		fail("out of memory");
	for (size_t i = 0; i < n; i++)
		body[i] = (char)('a' + (i * i / 7 + i) % 26);
	reply(s, id, "text/plain; charset=utf-8", body, n);
	free(body);
}

static void reply_counts(struct http_server *s, uint64_t id)
{
	const struct http_counts *counts = http_server__counts(s);
	const char *error = http_server__config_error(s);
	char body[8192];
	int n = snprintf(body, sizeof(body),
			 "{\"longest_ns\": %" PRIu64 ", \"waiting\": %zu, \"turns\": %zu",
			 longest_ns, n_never, n_turns);

	for (size_t i = 0; i < HTTP_COUNT_MAX; i++)
		n += snprintf(body + n, sizeof(body) - (size_t)n, ", \"%s\": %" PRIu64,
			      http_count_infos[i].name, counts->n[i]);
	n += snprintf(body + n, sizeof(body) - (size_t)n, ", \"config_error\": \"%s\"}",
		      error ? error : "");
	reply(s, id, "application/json", body, (size_t)n);
}

static void reply_echo(struct http_server *s, const struct http_request *q)
{
	char body[8192];
	const int n =
		snprintf(body, sizeof(body), "path=%s\nquery=%s\naccept=%s\nencoding=%s\nhead=%d\n",
			 q->path, q->query, q->accept, q->accept_encoding, q->is_head);

	reply(s, q->id, "text/plain; charset=utf-8", body, (size_t)n);
}

static void handle(struct http_server *s, const struct http_request *q)
{
	const uint64_t number = strtoull(q->query, NULL, 10);

	if (!strcmp(q->path, "/small"))
		reply(s, q->id, "text/plain; charset=utf-8", "small\n", 6);
	else if (!strcmp(q->path, "/html"))
		reply(s, q->id, "text/html; charset=utf-8", "<p>page</p>", 11);
	else if (!strcmp(q->path, "/counts"))
		reply_counts(s, q->id);
	else if (!strcmp(q->path, "/echo"))
		reply_echo(s, q);
	else if (!strcmp(q->path, "/large"))
		reply_large(s, q->id, number);
	else if (!strcmp(q->path, "/late") && n_late < MAX_LATE) {
		late[n_late].id = q->id;
		late[n_late++].at_ns = time_now_ns(CLOCK_MONOTONIC) + number * NS_PER_MS;
	} else {
		n_never++;
	}
}

static void reply_late(struct http_server *s)
{
	for (size_t i = 0; i < n_late;) {
		if (late[i].at_ns > time_now_ns(CLOCK_MONOTONIC)) {
			i++;
			continue;
		}
		reply(s, late[i].id, "text/plain", "late\n", 5);
		late[i] = late[--n_late];
	}
}

static void set_limit(struct http_limits *limits, char *text)
{
	char *value = strchr(text, '=');

	if (!value)
		fail("--limit NAME=NUMBER");
	*value++ = '\0';
#define _(name, unused)                                                                            \
	if (!strcmp(text, #name))                                                                  \
		limits->name = (uint32_t)strtoul(value, NULL, 10);
	HTTP_LIMITS(_)
#undef _
}

static struct http_options parse(int argc, char **argv)
{
	struct http_options o = { .paths = paths, .keeps_stderr = true };

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--insecure-listen"))
			o.may_be_remote = true;
		else if (!strcmp(argv[i], "--once"))
			is_once = true;
		else if (i + 1 == argc)
			fail("usage");
		else if (!strcmp(argv[i], "--listen"))
			o.listen = argv[++i];
		else if (!strcmp(argv[i], "--web-config"))
			o.web_config = argv[++i];
		else if (!strcmp(argv[i], "--child"))
			o.child_program = argv[++i];
		else if (!strcmp(argv[i], "--limit"))
			set_limit(&o.limits, argv[++i]);
		else
			fail("usage");
	}
	return o;
}

/* How long a call took: it must not wait for the child. */
static int next(struct http_server *s, struct http_request *q)
{
	const uint64_t begin = time_now_ns(CLOCK_MONOTONIC);
	const int r = http_server__next(s, q);
	const uint64_t ns = time_now_ns(CLOCK_MONOTONIC) - begin;

	if (ns > longest_ns)
		longest_ns = ns;
	return r;
}

/* Until something comes from `fd`. */
static void serve(struct http_server *s, int fd)
{
	struct pollfd fds[] = { { .fd = http_server__fd(s), .events = POLLIN },
				{ .fd = fd, .events = POLLIN } };
	struct http_request q;

	while (!fds[1].revents) {
		poll(fds, N_OF(fds), n_late ? 10 : 1000);
		n_turns++;
		while (!next(s, &q))
			handle(s, &q);
		reply_late(s);
	}
}

/* A request of our own. Its reply is what the program is for. */
static void ask_once(struct http_server *s, const char *path)
{
	static const char request[] = "GET /small HTTP/1.0\r\n\r\n";
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char reply[4096];
	ssize_t n;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    write(fd, request, strlen(request)) < 0)
		fail("cannot connect");
	serve(s, fd);
	n = read(fd, reply, sizeof(reply) - 1);
	reply[n > 0 ? n : 0] = '\0';
	close(fd);
	if (strncmp(reply, "HTTP/1.1 200 ", 13) != 0)
		fail(*reply ? "the reply is another one" : "there is no reply");
	if (puts("answered") < 0 || fflush(stdout))
		fail("cannot say that it was answered");
}

int main(int argc, char **argv)
{
	struct http_options options;
	struct http_server *s;
	struct err err = {};

	if (http_child_is_asked(argc, argv) && http_child_main())
		fail("no child of a server");
	options = parse(argc, argv);
	if (http_server__start(&s, &options, &err)) {
		fprintf(stderr, "failed: %s; %s\n", err.what, err.hint);
		return 2;
	}
	if (options.listen && !strncmp(options.listen, "unix:", 5) && is_once) {
		ask_once(s, options.listen + 5);
		http_server__free(s);
		return 0;
	}
	printf("%s\n%s\n%d\n", http_server__address(s), http_server__confinement(s),
	       (int)http_server__child(s));
	fflush(stdout);
	serve(s, 0);
	http_server__free(s);
	return 0;
}
