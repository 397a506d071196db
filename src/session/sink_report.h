/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report as a sink: a start line, each stall as it ends, a summary. Text or JSON lines.
 */
#ifndef LOOPSTALL_SESSION_SINK_REPORT_H
#define LOOPSTALL_SESSION_SINK_REPORT_H

#include <stdio.h>

#include "report/report.h"
#include "session/loop.h"
#include "session/session.h"

struct sink_report_opts {
	FILE *out; /* the session ends quietly once its reader has gone */
	FILE *start_out; /* gets the start line of the text form; NULL: it is left out */
	bool is_json;
	struct report_opts report;
};

struct sink_report {
	struct sink sink;
	struct sink_report_opts opts;
	struct session *session;
	struct report *report;
	struct loop_fd out; /* notices that the reader has gone */
	struct timer tick; /* text: writes lines that wait for more of their kind */
};

/* Adds the sink to the session. 0 or -errno with err filled. */
int sink_report__init(struct sink_report *k, struct session *s, const struct sink_report_opts *opts,
		      struct err *err);
void sink_report__done(struct sink_report *k);

/* Ends the session quietly when whoever reads from `fd`, a pipe or a socket, has gone. */
void sink__watch_reader(struct session *s, struct loop_fd *reader, int fd);

#endif
