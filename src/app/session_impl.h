/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a session, shared by its two halves: session.c (life cycle, epoll loop, output) and
 * session_feed.c (what comes from the processes and the kernel side, and goes to the model).
 */
#ifndef LOOPSTALL_APP_SESSION_IMPL_H
#define LOOPSTALL_APP_SESSION_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/child.h"
#include "app/cli.h"
#include "app/watch.h"
#include "base/err.h"
#include "model/model.h"
#include "probe/probe.h"
#include "report/report.h"
#include "symbol/symbol.h"

struct session {
	const struct config *config;
	struct child *child;
	struct probe *probe;
	struct symbols *symbols;
	struct model *model;
	size_t n_watches;
	struct watch watches[CLI_MAX_PIDS];
	const struct report_ops *report;
	struct report_opts report_opts;
	int epoll_fd, signal_fd;
	uint64_t started_ns; /* when the first probe was attached */
	uint64_t started_cpu_ns; /* our CPU time then: what came before is paid once */
	uint64_t read_due_ns; /* of the aggregates */
	uint64_t stop_due_ns; /* the duration is over, or a stopping command has had its time */
	bool is_stopping; /* the command was asked to end */
	bool is_over;
	bool has_start; /* the start line is written */
};

/* CLOCK_MONOTONIC, as the kernel side stamps its records. */
uint64_t session_now_ns(void);

/*
 * Puts probes on a process that was examined, and tells the kernel side of its loops. 0 or -errno.
 */
int session__attach(struct session *s, struct watch *w, struct err *err);
/* Takes the events that wait. 0 or -errno. */
int session__drain(struct session *s);
/* Reads the aggregates and losses into the model. 0 or -errno. */
int session__read_aggregates(struct session *s);
/* Looks again at the processes for which that is due. */
void session__examine_due(struct session *s, uint64_t now_ns);
/* Tells the kernel side of loops that moved their queues since. */
void session__refresh_loops(struct session *s);

#endif
