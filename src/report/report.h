/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report: begin, tell one stall after the other, sum up. The formats are listed in one table, from which options and
 * keys take theirs. A function that writes does so at once and flushes, so that lines of two writers never mix,
 * and returns 0 or -errno of the write (-EPIPE when the reader has gone); some formats write only at the end. All
 * strings may come from the target: each format makes them safe for its readers itself.
 */
#ifndef LOOPSTALL_REPORT_REPORT_H
#define LOOPSTALL_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model/model.h"
#include "report/own_cost.h"

struct report_opts {
	const char *mode; /* that was asked for: "auto", "exact" or "light"; each stall says how it was seen */
	bool color; /* text only */
	unsigned int width; /* columns of the terminal, text only; 0: no limit */
	unsigned int max_rows; /* of the text table; 0: all */
};

/* One process as it was attached to. */
struct report_target {
	uint32_t pid;
	const char *comm;
	const char *python; /* "3.11.2" */
	const char *loop; /* "asyncio", "uvloop", NULL while it is not known */
	const char *rung; /* target_rung_word() */
	uint32_t container_pid; /* its pid in the container, 0: it is in none */
	const char *cgroup; /* "/system.slice/docker-4f1a.scope", NULL if it is in none */
	uint32_t parent; /* whose child it is watched as, 0: it was asked for itself */
};

struct report_start {
	const char *version; /* of loopstall */
	uint64_t threshold_ns;
	uint64_t sample_period_ns; /* of the CPU sampler, 0 if it is off */
	const char *transport; /* probe__transport() */
	size_t n_targets;
	const struct report_target *targets;
};

/* What the snapshot cannot know: the run itself. */
struct report_run {
	uint64_t duration_ns;
	struct own_cost own_cost;
	uint64_t own_rss_bytes;
	uint64_t bpf_run_ns; /* 0 where the kernel does not account for it */
	uint64_t light_ns; /* of the duration, in light mode: no steps were counted then */
	uint64_t mode_switches; /* from exact to light and back */
	const char *no_steps_reason; /* why 0 steps were seen: what follows "because"; else NULL */
	uint64_t ended_ns; /* CLOCK_MONOTONIC; 0: not known */
	uint64_t ended_unix_ns; /* the same moment by the calendar; 0: not known */
};

/* Stalls that were counted and not told one by one. */
struct report_shed {
	uint64_t from_ns, until_ns; /* CLOCK_MONOTONIC */
	uint64_t stalls;
};

/* How one format is done; src/report/report_impl.h. */
struct report_ops;

struct report_format {
	const char *name; /* as in --format NAME */
	const char *extension; /* of a file's name, without the dot */
	const char *title; /* what it is, and who reads it: one line of help */
	bool is_binary; /* not for a terminal */
	const struct report_ops *ops;
};

/* All there are, in the order in which they are listed. */
extern const struct report_format report_formats[];
extern const size_t n_report_formats;
/* NULL if there is none of that name. */
const struct report_format *report__by_name(const char *name);

struct report;

/* `out` must outlive the report and stays open. What `opts` points to must outlive it too. 0 or -ENOMEM. */
int report__new(struct report **ret_report, const struct report_format *format, FILE *out,
		const struct report_opts *opts);
void report__free(struct report *r);
static inline void report__freep(struct report **r)
{
	report__free(*r);
}

/* Once, before anything else. What it is handed need not live on. 0 or -errno. */
int report__start(struct report *r, const struct report_start *start);
/* One stall, in the order in which they ended. What it is handed need not live on. 0 or -errno. */
int report__stall(struct report *r, const struct stall *stall);
/* Between stalls, when some were left out. 0 or -errno. */
int report__shed(struct report *r, const struct report_shed *shed);
/* Once, as the last: the file is complete then. 0 or -errno. */
int report__finish(struct report *r, const struct snapshot *snapshot, const struct report_run *run);

#endif
