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

/* The least time between two reads of the numbers, so that a flood of requests costs no more. */
#define SERVE_REFRESH_NS (200 * NS_PER_MS)

/* A text that was made for one request and answers the next ones for a moment. */
struct cached {
	char *text;
	size_t size;
	uint64_t made_ns; /* 0: never */
};

/* What is sent by OTLP. */
struct exports {
	struct otlp_sender *sender; /* NULL: nothing */
	uint64_t interval_ns;
	struct loop_fd work;
	struct timer log_timer, metrics_timer;
	struct protobuf logs; /* not sent yet */
	size_t n_logs;
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
	uint64_t recorded_ns; /* the last answer that was a recording; 0: none */
	struct exports exports;
	struct cached metrics[EXPOSITION_OPENMETRICS + 1], snapshot, page;
	size_t n_processes, size;
	struct metrics_process *processes;
	struct own_cost cost; /* as last shown: the estimate may fall, the counter must not */
	struct utsname machine;
};

/*
 * serve.c: brings model and registry up to now, unless that was done a moment ago. 0 or -errno.
 */
int serve__refresh(struct serve *v, const struct snapshot **ret_snapshot);
/* exports.c */
int serve__begin_exports(struct serve *v);
void serve__export_stall(struct serve *v, const struct stall *stall);
#define SERVE_OTLP_EVENTS (OTLP_SIGNAL_MAX * OTLP_FATE_MAX)
/* How many there are: none without a sender. */
size_t serve__otlp_events(const struct serve *v, struct metrics_event events[SERVE_OTLP_EVENTS]);
/* answers.c */
struct serve_events {
	struct metrics_event http[HTTP_COUNT_MAX], otlp[SERVE_OTLP_EVENTS];
};
void serve__fill_facts(struct serve *v, struct metrics_facts *facts, struct serve_events *events);
/* recording.c: answers with what the ring holds. 0 or -errno. */
int serve__put_recording(struct serve *v, const struct http_request *request);
/* answers.c */
void serve__reply(struct serve *v, uint64_t id, const struct http_reply *what);
void serve__reply_text(struct serve *v, uint64_t id, unsigned int status, const char *text);
/* Profiles whose time is over. For the timer of the session's loop. */
int serve__finish_profiles(void *ctx, uint64_t now_ns);

#endif
