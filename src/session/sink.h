/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An output of a session: a report, a recorder, a judge, a dashboard. A new one is a new file with
 * such a table. A session may have several.
 */
#ifndef LOOPSTALL_SESSION_SINK_H
#define LOOPSTALL_SESSION_SINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/model.h"
#include "report/own_cost.h"
#include "report/report.h"
#include "session/machine.h"

struct target;

/* What the snapshot cannot know of a measurement that has ended. */
struct session_end {
	uint64_t duration_ns;
	struct own_cost own_cost;
	struct machine_use machine; /* in that time */
	const char *no_steps_reason; /* NULL if steps were seen */
};

/*
 * Each may be NULL. All return 0 or -errno, which ends the session; -EPIPE ends it quietly: the
 * reader has gone.
 */
struct sink_ops {
	/*
	 * Probes are attached and the time counts: adds descriptors and timers to session__loop().
	 */
	int (*begin)(void *ctx);
	/* The targets are known well enough to name them. Called once, before those below. */
	int (*start)(void *ctx);
	/*
	 * A process was attached to: before `begin`, or later, and again whenever more was found in
	 * it. Its loops may have begun already.
	 */
	int (*process)(void *ctx, const struct target *target);
	/* A stall has ended. */
	int (*stall)(void *ctx, const struct stall *stall);
	/* Stalls were counted but not sent one by one, about once a second. */
	int (*shed)(void *ctx, const struct report_shed *shed);
	/* A process that was shown has ended by itself, and its last events are in the model. */
	int (*process_end)(void *ctx, pid_t pid);
	/* The aggregates are about to be read. */
	int (*before_read)(void *ctx);
	/*
	 * They were read, and the model forgets what ended when it ticks, which comes next: the
	 * last moment for model__each_sum().
	 */
	int (*before_tick)(void *ctx, uint64_t now_ns);
	/* They were read, at the session's pace. */
	int (*read)(void *ctx, const struct snapshot *snapshot, uint64_t now_ns);
	/* The session is over, without an error. Returns an enum exit_code or -errno. */
	int (*end)(void *ctx, const struct snapshot *snapshot, const struct session_end *end);
};

struct sink {
	const struct sink_ops *ops;
	void *ctx;
	bool needs_every_step; /* mode auto never leaves exact mode */
	bool outlives_targets; /* the session goes on without them, until session__stop() */
	bool paces_reads; /* calls session__read() itself */
	bool lists_stalls; /* wants the newest stalls in the snapshot */
	unsigned int stalls_per_s; /* sent one by one on average; 0: the default */
	struct sink *next;
};

#endif
