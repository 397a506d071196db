/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `loopstall serve` serves: a sink of the session that keeps the counters, and the answers to
 * the requests that the HTTP server forwards.
 */
#ifndef LOOPSTALL_SERVE_SERVE_H
#define LOOPSTALL_SERVE_SERVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "http/http_server.h"
#include "otlp/sender.h"
#include "session/session.h"

struct serve;

/* The functions that send answers: those of http_server.h, or a test's own. */
struct serve_outlet {
	void *ctx;
	int (*reply)(void *ctx, uint64_t id, const struct http_reply *reply);
	bool (*is_waiting)(void *ctx, uint64_t id);
	const struct http_counts *(*counts)(void *ctx);
};

struct serve_opts {
	const char *version; /* of the program */
	const char *mode; /* as requested */
	size_t max_series; /* 0: the default */
	uint64_t ring_ns; /* that the session's ring keeps for /recording; 0: there is none */
	uint64_t clock_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
};

/* All paths that are answered, NULL at the end: for struct http_options. */
extern const char *const serve_paths[];

/* Adds the sink to the session. 0 or -ENOMEM. */
int serve__new(struct serve **ret_serve, struct session *s, const struct serve_outlet *outlet,
	       const struct serve_opts *opts);
void serve__free(struct serve *v);
static inline void serve__freep(struct serve **v)
{
	serve__free(*v);
}

/* Answers a request, at once or later. */
void serve__request(struct serve *v, const struct http_request *request);
/* Takes requests from the server while the session runs. It must outlive the session. */
void serve__set_server(struct serve *v, struct http_server *server);
/* Sends stalls as they end and metrics in that interval. The sender must outlive the session. */
void serve__set_sender(struct serve *v, struct otlp_sender *sender, uint64_t interval_ns);
/* Behind session__run(): sends what is left, in seconds at most, and says what was lost. */
void serve__finish(struct serve *v);

#endif
