/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report: start, one stall after the other, finish. One table lists the formats; options and keys
 * are derived from it. Output is written in whole lines and flushed, so that the lines of two
 * writers never mix; functions return 0 or -errno of the write (-EPIPE when the reader has gone).
 * Some formats write only at the end. Any string may come from the target: each format escapes it
 * for its readers.
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
	const char *mode; /* as requested: "auto", "exact" or "light"; each stall has its own */
	bool color; /* text only */
	unsigned int width; /* columns of the terminal, text only; 0: no limit */
	unsigned int max_rows; /* of the text table; 0: all */
	/* CLOCK_REALTIME minus CLOCK_MONOTONIC during the measurement; 0: not known */
	uint64_t clock_offset_ns;
	bool is_starved_first; /* pprof only: the value that is shown first is the time starved */
	enum group_key group; /* what the rows of tables are */
	bool has_titles; /* text only: above the first line those of its columns */
	bool is_unfolded; /* text only: a line for each stall, also if it says the same */
	/* text only: lines with the awaits that bound each stall, and with its native frames */
	bool is_verbose;
};

/* One process as it was attached to. */
struct report_target {
	uint32_t pid;
	const char *comm;
	const char *python; /* version of its runtime: "3.11.2" */
	const char *loop; /* word of its kind, or "unknown"; NULL: no loop was seen */
	const char *rung; /* target_rung_word() */
	uint32_t container_pid; /* its pid in the container, 0: it is in none */
	const char *cgroup; /* "/system.slice/docker-4f1a.scope", NULL if it is in none */
	uint32_t parent; /* the watched process whose child it is, 0: it was named itself */
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

struct report_start {
	const char *version; /* of loopstall */
	uint64_t threshold_ns;
	uint64_t sample_period_ns; /* of the CPU sampler, 0 if it is off */
	const char *transport; /* probe__transport() */
	size_t n_targets;
	const struct report_target *targets;
	const char *host, *kernel; /* where it was measured; NULL: not known */
};

/* Facts about the run, which the snapshot does not hold. */
struct report_run {
	uint64_t duration_ns;
	struct own_cost own_cost;
	uint64_t own_rss_bytes;
	uint64_t bpf_run_ns; /* 0 where the kernel does not account for it */
	uint64_t light_ns; /* part of the duration in light mode, which counts no steps */
	uint64_t mode_switches; /* from exact to light and back */
	const char *no_steps_reason; /* why no steps were seen, to follow "because"; else NULL */
	uint64_t ended_ns; /* CLOCK_MONOTONIC; 0: not known */
	uint64_t ended_unix_ns; /* the same moment in CLOCK_REALTIME; 0: not known */
};

/* Stalls that were counted but got no record, because of the rate limit. */
struct report_shed {
	uint64_t from_ns, until_ns; /* CLOCK_MONOTONIC */
	uint64_t stalls;
};

/* How one format is done; src/report/report_impl.h. */
struct report_ops;

struct report_format {
	const char *name; /* as in --format NAME */
	const char *extension; /* of a file's name, without the dot */
	const char *title; /* one line of help: what it is and which program reads it */
	bool is_binary; /* not for a terminal */
	const struct report_ops *ops;
};

/* All there are, in the order in which they are listed. */
extern const struct report_format report_formats[];
extern const size_t n_report_formats;
/*
 * Not listed: one JSON object with what a live page shows, the stalls that are open among it, but
 * not those that have ended.
 */
extern const struct report_format report_live_data;
/* NULL if there is none of that name. */
const struct report_format *report__by_name(const char *name);

struct report;

/*
 * `out` must outlive the report and stays open. What `opts` points to must outlive it too. 0 or
 * -ENOMEM.
 */
int report__new(struct report **ret_report, const struct report_format *format, FILE *out,
		const struct report_opts *opts);
void report__free(struct report *report);
static inline void report__freep(struct report **report)
{
	report__free(*report);
}

/* Once, first. Copies what it needs. 0 or -errno. */
int report__start(struct report *report, const struct report_start *start);
/*
 * One stall, in the order of their ends. One that goes on (LS_END_OPEN) is written only by formats
 * that report each event. Copies what it needs. 0 or -errno.
 */
int report__stall(struct report *report, const struct stall *stall);
/* Between stalls, when some got no record. 0 or -errno. */
int report__shed(struct report *report, const struct report_shed *shed);
/* Now and then while stalls may come: writes what waits for more of its kind. 0 or -errno. */
int report__tick(struct report *report, uint64_t now_ns);
/* Once, last: completes the file. 0 or -errno. */
int report__finish(struct report *report, const struct snapshot *snapshot,
		   const struct report_run *run);

#endif
