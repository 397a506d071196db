/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every output format can do: begin, tell one stall, sum up. A format is one file with one
 * table of these functions. Each function writes its whole text at once and flushes it, so that
 * lines of two writers never mix, and returns 0 or -errno of the write (-EPIPE when the reader has
 * gone). All strings may come from the target: each format makes them safe for its readers itself.
 */
#ifndef LOOPSTALL_REPORT_REPORT_H
#define LOOPSTALL_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model/model.h"

struct report_opts {
	const char *mode; /* "exact" or "light" */
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
	uint64_t own_cpu_ns;
	uint64_t own_rss_bytes;
	uint64_t bpf_run_ns; /* 0 where the kernel does not account for it */
	const char *no_steps_reason; /* why 0 steps were seen: what follows "because"; else NULL */
};

struct report_ops {
	const char *name;
	int (*start)(FILE *out, const struct report_start *start, const struct report_opts *opts);
	int (*stall)(FILE *out, const struct stall *stall, const struct report_opts *opts);
	int (*summary)(FILE *out, const struct snapshot *snapshot, const struct report_run *run,
		       const struct report_opts *opts);
};

extern const struct report_ops report_text;
extern const struct report_ops report_json;

#endif
