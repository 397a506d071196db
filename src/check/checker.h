/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judges a run: each stall as it ends, snapshots in between and at the end. No I/O, no clock: the
 * same inputs give the same verdict, live or from a recording. What is judged is a span's own time:
 * its duration without the run queue and stops, which are the host's doing. If the host was so busy
 * that it may have lengthened even that (a wait for another process that got no CPU either, CPU
 * time that the hypervisor took), a limit is broken only by the part that the host cannot have
 * touched; if that part holds the limit, the verdict is inconclusive.
 */
#ifndef LOOPSTALL_CHECK_CHECKER_H
#define LOOPSTALL_CHECK_CHECKER_H

#include <stdbool.h>
#include <stdint.h>

#include "check/limits.h"
#include "check/verdict.h"
#include "model/model.h"

/* Above this share of the loops' busy time in the run queue, the host starved the run. */
#define CHECK_MAX_RUNQUEUE_SHARE 0.2
/* Above this share of the machine's time taken by the hypervisor, CPU time is no measure. */
#define CHECK_MAX_STEAL_SHARE 0.05
/* Above this share of the time with some thread without a CPU, other processes answer late. */
#define CHECK_MAX_PRESSURE_SHARE 0.5
#define CHECK_MAX_FINDINGS 500

struct check_opts {
	const struct check_limits *limits;
	struct check_allow *allow; /* marks the entries that were used */
	const char *root; /* files below it are named relative to it; NULL: none are */
};

/* Facts that the snapshot does not hold. */
struct check_facts {
	uint64_t duration_ns;
	double steal_share; /* of the machine's CPU time; NAN: not known */
	/* of the time in which some thread of the machine had no CPU; NAN: not known */
	double pressure_share;
	uint64_t stolen_ns; /* the same of all CPUs: no span lost more than this */
	/* a recording without these facts: assume that the host did all it can have done */
	bool is_host_unknown;
	const char *no_steps_reason; /* why 0 steps were seen, or NULL */
	const char *damage; /* why the end of a recording is missing, or NULL */
	struct own_cost own_cost;
};

struct checker;

/* All that `opts` points to must outlive the checker. 0 or -ENOMEM. */
int checker__new(struct checker **ret_checker, const struct check_opts *opts);
void checker__free(struct checker *c);
static inline void checker__freep(struct checker **c)
{
	checker__free(*c);
}

/* Processes one stall. 0 or -ENOMEM. */
int checker__stall(struct checker *c, const struct stall *stall);
/*
 * Passes the current state, several times a second; the calls cut the run into slices. 0 or
 * -ENOMEM.
 */
int checker__slice(struct checker *c, const struct snapshot *snapshot, uint64_t now_ns);
/*
 * Ends the run. `baseline` may be NULL. The verdict lives as long as the checker, the model whose
 * strings it holds, the snapshot and the baseline. 0 or -ENOMEM.
 */
int checker__finish(struct checker *c, const struct snapshot *snapshot,
		    const struct check_facts *facts, const struct baseline *baseline,
		    const struct verdict **ret_verdict);
/* The run as a baseline keeps it, after checker__finish(). It is the caller's then. */
struct run *checker__take_run(struct checker *c);

#endif
