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
#include "session/session.h"

struct serve;

/* Where answers go; http_server.h has the functions, tests have their own. */
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
	uint64_t clock_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
};

/* All that is answered, ends with NULL: for struct http_options. */
extern const char *const serve_paths[];

/* Adds the sink to the session. 0 or -ENOMEM. */
int serve__new(struct serve **ret_serve, struct session *s, const struct serve_outlet *outlet,
	       const struct serve_opts *opts);
void serve__free(struct serve *v);
static inline void serve__freep(struct serve **v)
{
	serve__free(*v);
}

/* Answers, at once or later. */
void serve__request(struct serve *v, const struct http_request *request);
/* Takes requests from the server while the session runs. It must outlive the session. */
void serve__set_server(struct serve *v, struct http_server *server);

#endif
