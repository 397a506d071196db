/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One measurement from attach to summary: probes, symbols, model and the watched processes, driven
 * by one epoll loop. Events go to the model as they come; the model's stalls go to a report; the
 * aggregates are read at a pace and at the end.
 */
#ifndef LOOPSTALL_APP_SESSION_H
#define LOOPSTALL_APP_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "app/child.h"
#include "app/cli.h"
#include "app/machine.h"
#include "base/err.h"
#include "model/model.h"
#include "record/recorder.h"
#include "report/own_cost.h"

struct session;

/*
 * `config` and `child` (NULL, or the command started and held back) must outlive the session. What is measured goes to a
 * file as well if `record` is not NULL. 0 or -errno.
 */
int session__new(struct session **ret_session, const struct config *config, struct child *child,
		 const struct recorder_opts *record, struct err *err);
void session__free(struct session *s);
static inline void session__freep(struct session **s)
{
	session__free(*s);
}

/* What shows the measurement while it runs, in place of a report. */
struct session_front {
	void *ctx;
	int input_fd; /* on_input() is called when it can be read; -1: there is none */
	bool ends_with_targets; /* the session does not outlive its processes */
	/* Both return 0 or -errno; -EPIPE ends the session quietly. */
	int (*on_input)(void *ctx);
	/* Called at each turn of the loop, at the latest when it is due. It reads the aggregates. */
	int (*on_turn)(void *ctx, uint64_t now_ns, uint64_t *ret_due_ns);
};

/*
 * Before session__run(): nothing goes to stdout then, and the session outlives its processes until
 * session__stop(). `front` must outlive the session.
 */
void session__set_front(struct session *s, const struct session_front *front);
/* Ends the session; a started command is asked to end first. */
void session__stop(struct session *s);

/* What a judge is told of the measurement itself. */
struct session_end {
	uint64_t duration_ns;
	struct own_cost own_cost;
	struct machine_use machine; /* in that time */
	const char *no_steps_reason; /* NULL if steps were seen */
};

/* What judges the measurement, in place of a report. */
struct session_judge {
	void *ctx;
	stall_fn on_stall;
	/* Called whenever the aggregates were read. 0 or -errno. */
	int (*on_read)(void *ctx, const struct snapshot *snapshot, uint64_t now_ns);
	/* Called once, at the end. An enum exit_code or -errno. */
	int (*on_end)(void *ctx, const struct snapshot *snapshot, const struct session_end *end);
};

/*
 * Before session__run(): nothing else goes to stdout then, and the session goes on when its reader goes. `judge` must outlive
 * the session.
 */
void session__set_judge(struct session *s, const struct session_judge *judge);

/* Adds what the configuration names: `child`, the pids or all that the name fits. 0 or -errno. */
int session__add_targets(struct session *s, struct err *err);

/*
 * Adds a process. One that `may_wait` need not be a CPython yet. 0 or -errno (see
 * target__examine()).
 */
int session__add(struct session *s, pid_t pid, bool may_wait, struct err *err);

/*
 * Attaches, lets the command go, and measures until the duration is over, a signal comes, all
 * processes are gone or stdout is closed; then writes the summary. Returns an enum exit_code, or
 * -errno with err filled: a failure to attach if nothing was measured yet.
 */
int session__run(struct session *s, struct err *err);

#endif
