/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The child that speaks HTTP, in one thread: its connections, each with at most one request, and
 * its servers. There are two servers for a while after a new configuration: one that accepts, and
 * one that ends with its last connection.
 */
#ifndef LOOPSTALL_HTTP_CHILD_H
#define LOOPSTALL_HTTP_CHILD_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>

#include "http/child_config.h"
#include "http/credentials.h"
#include "http/http_counts.h"
#include "http/wire.h"

#define HTTP_QUERY_BYTES 2048

/* PHASE_HEADER: nothing of a request was handled yet, after the connect or the last reply. */
enum conn_phase { PHASE_UNUSED, PHASE_HEADER, PHASE_CHECKING, PHASE_WAITING, PHASE_WRITING };

struct child_server {
	struct child *child;
	struct MHD_Daemon *daemon;
	int epoll_fd;
	bool has_tls, is_retiring;
};

/* What the parent answered. */
struct answer {
	uint32_t status;
	const char *content_type, *headers;
	const uint8_t *body;
	size_t body_bytes;
	struct wire_frame frame; /* in which all of that is */
};

struct conn {
	enum conn_phase phase;
	uint64_t since_ns; /* it is in this phase */
	uint64_t limit_ns; /* of this phase */
	struct MHD_Connection *mhd;
	struct child_server *server;
	int fd;
	struct in6_addr peer; /* zeros: a unix socket */
	uint32_t request_id; /* while checking or waiting */
	unsigned int n_requests;
	bool is_tls_up; /* the handshake has ended well */
	/* User and password of this request were checked, and are right, or wrong. */
	bool is_authorized, is_unauthorized;
	char query[HTTP_QUERY_BYTES];
	bool is_query_bad;
	bool is_begun; /* the handler has seen this request */
	bool takes_gzip, is_closing;
	bool is_answered; /* `answer` is there, or `local_status` */
	unsigned int local_status; /* not 0: our own reply */
	struct answer answer;
};

struct child {
	struct child_config config;
	int channel_fd, listen_fd;
	_Atomic uint64_t *counts;
	struct wire_reader reader;
	struct credentials *credentials;
	struct conn *conns;
	size_t conns_size, n_conns; /* in use */
	uint32_t last_id;
	size_t held_bytes; /* of replies */
	struct child_server *servers[2]; /* the one that accepts, the one that ends */
};

static inline void child__count(struct child *c, enum http_count count)
{
	atomic_fetch_add_explicit(&c->counts[count], 1, memory_order_relaxed);
}

/* child_conns.c */
struct conn *child__add_conn(struct child *c, struct child_server *server,
			     struct MHD_Connection *mhd);
void child__remove_conn(struct child *c, struct conn *conn);
struct conn *child__find_request(struct child *c, enum conn_phase phase, uint64_t id);
/* May this address have one more? */
bool child__may_connect(struct child *c, const struct sockaddr *address);
void conn__enter(struct conn *conn, enum conn_phase phase, uint64_t limit_ns);
/* Ends what has had its time. */
void child__end_late(struct child *c);
void child__cancel(struct child *c, struct conn *conn);

/* child_server.c */
int child_server__new(struct child_server **ret_server, struct child *c, struct err *err);
void child_server__free(struct child_server *s);
/* Accepts nothing more; its connections end with the requests that they have. */
void child_server__retire(struct child_server *s);
/* Has it connections? */
bool child_server__is_used(const struct child_server *s);

/* child_request.c: what libmicrohttpd calls for a request. */
void *child_on_uri(void *ctx, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result child_on_request(void *ctx, struct MHD_Connection *mhd, const char *url,
				 const char *method, const char *version, const char *upload,
				 size_t *upload_bytes, void **request);
void child_on_request_end(void *ctx, struct MHD_Connection *mhd, void **request,
			  enum MHD_RequestTerminationCode code);
/* The password of this request was checked. */
void child__authorize(struct child *c, uint32_t ticket, bool is_good);
/* Goes on with a request that has its answer, or none with `local_status`; 0: drops it. */
void child__answer(struct child *c, struct conn *conn, unsigned int local_status);

/* child_answer.c: sends what `conn` has as its answer. */
enum MHD_Result child__send_answer(struct child *c, struct conn *conn);
/* A reply of our own, at once. */
enum MHD_Result child__send_status(struct child *c, struct conn *conn, unsigned int status,
				   const char *header, const char *value);

#endif
