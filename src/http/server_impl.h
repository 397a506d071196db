/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent's end from inside: the child's life (server_child.c), what is sent to it
 * (server_queue.c), the requests that are open (server_requests.c).
 */
#ifndef LOOPSTALL_HTTP_SERVER_IMPL_H
#define LOOPSTALL_HTTP_SERVER_IMPL_H

#include <stdatomic.h>

#include "http/address.h"
#include "http/child_config.h"
#include "http/http_server.h"
#include "http/web_config.h"
#include "http/wire.h"

struct out_message {
	struct out_message *next;
	size_t n, sent;
	uint8_t data[];
};

struct out_queue {
	struct out_message *first, *last;
	size_t bytes;
};

struct open_request {
	uint32_t child_id;
	bool is_open;
};

struct http_server {
	struct http_limits limits;
	struct http_address address;
	char address_text[HTTP_ADDRESS_TEXT_BYTES + 8];
	char *web_config_path; /* NULL: none */
	struct web_config web;
	char **paths;
	size_t n_paths;
	char *child_program;
	bool keeps_stderr, may_be_remote;
	int listen_fd, epoll_fd, timer_fd;
	/* The child. */
	pid_t pid;
	int channel_fd, pid_fd;
	bool is_ready;
	uint64_t started_ns, start_at_ns, delay_ns;
	char confinement[192];
	struct wire_reader reader;
	struct out_queue queue;
	/* Requests: those of another generation are those of a child that is gone. */
	uint32_t generation;
	struct open_request *open; /* as many as connections may be */
	struct wire_frame request; /* whose strings the caller has */
	uint64_t paced_until_ns; /* by the rate of requests */
	/* Changes of the web configuration. */
	uint64_t look_at_ns;
	char config_error[sizeof(((struct err *)0)->what)];
	/* Counts: the child's are in shared memory. */
	int counts_fd;
	_Atomic uint64_t *child_counts;
	struct http_counts own, sum;
	uint32_t channel_events; /* that are waited for */
	uint64_t timer_ns;
};

static inline void http_server__count(struct http_server *s, enum http_count count)
{
	s->own.n[count]++;
}

/* server_child.c. 0 or -errno. */
int http_server__spawn(struct http_server *s, struct err *err);
/* Reaps a child that ended, starts another when it is time. */
void http_server__keep_child(struct http_server *s, uint64_t now_ns);
void http_server__kill_child(struct http_server *s);
/* Gives the child the configuration that is in force. */
int http_server__send_config(struct http_server *s);

/* server_queue.c: takes the message over. -EMSGSIZE if the queue is full. */
int http_server__send(struct http_server *s, struct wire_out *message);
/* What the socket takes now. */
void http_server__flush(struct http_server *s);
void out_queue__done(struct out_queue *q);

/* server_requests.c: a request's message. 0, -EPROTO. */
int http_server__take_request(struct http_server *s, struct wire_frame *frame,
			      struct http_request *ret_request);
/* One for whose message there was no memory. */
void http_server__refuse_request(struct http_server *s, uint64_t child_id);
void http_server__take_cancel(struct http_server *s, uint64_t child_id);
void http_server__forget_requests(struct http_server *s);

/* server_config.c. 0 or -errno: whether these options may be served at this address. */
int http_server__read_web_config(struct http_server *s, struct web_config *ret_web,
				 struct err *err);
/* The address with its scheme, which follows from the configuration. */
void http_server__name_address(struct http_server *s);
/* Takes a changed file, from time to time. */
void http_server__look_at_config(struct http_server *s, uint64_t now_ns);

#endif
