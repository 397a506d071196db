/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's state, shared by the sink (serve.c) and the answers (answers.c).
 */
#ifndef LOOPSTALL_SERVE_SERVE_IMPL_H
#define LOOPSTALL_SERVE_SERVE_IMPL_H

#include <sys/utsname.h>

#include "base/time.h"
#include "serve/metrics.h"
#include "serve/profiles.h"
#include "serve/registry.h"
#include "serve/serve.h"

/* Numbers are read that often at most, so a flood of requests costs no more. */
#define SERVE_REFRESH_NS (200 * NS_PER_MS)

/* A text that was made for a request and serves the next ones as well, for a moment. */
struct cached {
	char *text;
	size_t size;
	uint64_t made_ns; /* 0: never */
};

struct serve {
	struct serve_opts opts;
	struct serve_outlet outlet;
	struct session *session;
	struct http_server *server;
	struct sink sink;
	struct loop_fd requests;
	struct timer profile_timer;
	struct registry *registry;
	struct profiles profiles;
	uint64_t n_stalls; /* that ended; the newest one has this number */
	uint64_t refreshed_ns;
	struct cached metrics[EXPOSITION_OPENMETRICS + 1], snapshot, page;
	size_t n_processes, size;
	struct metrics_process *processes;
	struct own_cost cost; /* as last shown: what is estimated may fall */
	struct utsname machine;
};

/*
 * serve.c: brings model and registry up to now, unless that was done a moment ago. 0 or -errno.
 */
int serve__refresh(struct serve *v, const struct snapshot **ret_snapshot);
/* answers.c: profiles whose time is over. For the timer of the session's loop. */
int serve__finish_profiles(void *ctx, uint64_t now_ns);

#endif
