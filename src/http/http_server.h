/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent's end of the HTTP server. A child process without capabilities, in a seccomp filter
 * and with a user of its own where possible, speaks HTTP. It refuses what it can refuse by itself
 * and forwards the rest through a socket; the parent answers by id, at once or later. The parent
 * never blocks on the child, and does not trust it.
 *
 * The child is this program, executed anew with the one argument HTTP_CHILD_ARGUMENT: so it has
 * none of the parent's memory, maps and descriptors. The program's main() calls
 * http_child_is_asked() before anything else.
 */
#ifndef LOOPSTALL_HTTP_HTTP_SERVER_H
#define LOOPSTALL_HTTP_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "http/http_counts.h"

#define HTTP_DEFAULT_LISTEN "127.0.0.1:9487"
#define HTTP_CHILD_ARGUMENT "--http-child"

/* HTTP_LIMITS(_): _(name, default). 0 in the options means the default. */
#define HTTP_LIMITS(_)                                                                             \
	_(connections, 64)                                                                         \
	_(connections_per_address, 32)                                                             \
	_(connection_bytes, 16384) /* memory for one: bounds the header */                         \
	_(header_ms, 10000)                                                                        \
	_(idle_ms, 75000) /* from a reply to the next header */                                    \
	_(answer_ms, 330000) /* until the parent answers */                                        \
	_(write_ms, 30000) /* for a reply, besides its size at the rate below */                   \
	_(write_bytes_per_s, 65536)                                                                \
	_(requests_per_s, 50) /* that the parent takes; more wait */                               \
	_(reply_bytes, 64 << 20)                                                                   \
	_(held_bytes, 128 << 20) /* replies together, in the parent's queue and in the child */

struct http_limits {
#define _(name, value) uint32_t name;
	HTTP_LIMITS(_)
#undef _
};

struct http_options {
	const char *listen; /* 127.0.0.1:9487, [::1]:9487, unix:PATH; NULL: HTTP_DEFAULT_LISTEN */
	const char *web_config; /* in the format of Prometheus' exporter toolkit; NULL: none */
	bool may_be_remote; /* --insecure-listen */
	/* What is served: ends with NULL. Another path is 404, and the parent never sees it. */
	const char *const *paths;
	struct http_limits limits;
	/* For tests: what is executed as the child, NULL for this program, and whether it writes to
	 * our stderr, so that a sanitizer is heard. */
	const char *child_program;
	bool keeps_stderr;
};

/* The strings are valid until the next call of http_server__next(); none is NULL. They are
 * printable ASCII; path and query are as sent, without "?" and not unescaped. */
struct http_request {
	uint64_t id;
	bool is_head;
	const char *path; /* one of the options' paths */
	const char *query; /* "" for none */
	const char *accept;
	const char *accept_encoding;
};

/* The server itself adds Cache-Control, Content-Length, compression and, for HTML, the headers that
 * confine a page; a Content-Security-Policy among the extra headers replaces its own. */
struct http_reply {
	unsigned int status;
	const char *content_type; /* NULL for none */
	const char *extra_headers; /* "Name: value\r\n" each; NULL for none */
	const void *body;
	size_t body_bytes;
};

struct http_server;

/*
 * Listens, starts the child and waits until it serves (seconds at most). Before the measurement
 * begins. 0 or -errno with a sentence.
 */
int http_server__start(struct http_server **ret_server, const struct http_options *options,
		       struct err *err);
void http_server__free(struct http_server *s);
static inline void http_server__freep(struct http_server **s)
{
	http_server__free(*s);
}

/* Readable (level-triggered) when http_server__next() has something to do. */
int http_server__fd(const struct http_server *s);

/*
 * The next request. Also does all that is due: sends what is queued, restarts a child that ended,
 * reads a changed web configuration. 0, or -EAGAIN for none: wait for the descriptor. Nothing else
 * is returned: what fails is counted and tried again.
 */
int http_server__next(struct http_server *s, struct http_request *ret_request);

/*
 * Copies the reply and sends it when the child reads it. 0; -ENOENT if the request is gone;
 * -EMSGSIZE if the reply is too large or the queue is full, -ENOMEM: the client gets a 503. All are
 * counted. No id is answered twice.
 */
int http_server__reply(struct http_server *s, uint64_t id, const struct http_reply *reply);

/* Whether somebody still waits for the answer. False once the client has left or the child ended.
 */
bool http_server__is_waiting(const struct http_server *s, uint64_t id);

/* Valid until the next call. */
const struct http_counts *http_server__counts(struct http_server *s);

/* The address with the port that the kernel chose: "http://127.0.0.1:9487", "unix:/run/x". */
const char *http_server__address(const struct http_server *s);

/* What confines the child, as a sentence for people: "user 61234, no capabilities, seccomp ...". */
const char *http_server__confinement(const struct http_server *s);

/* Why the last changed web configuration was not taken, or NULL: the one before is in force. */
const char *http_server__config_error(const struct http_server *s);

/* 0: none runs at the moment. */
pid_t http_server__child(const struct http_server *s);

/*
 * In main(), first of all: is this process to be the child? Then http_child_main() is all it does.
 * It returns, with -errno, only if it was not started by a server.
 */
bool http_child_is_asked(int argc, char *const *argv);
int http_child_main(void);

#endif
