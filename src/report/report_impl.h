/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A format is one file with a table of functions and its own state. A new format is such a file and
 * a line of REPORT_FORMATS in report.c.
 */
#ifndef LOOPSTALL_REPORT_REPORT_IMPL_H
#define LOOPSTALL_REPORT_REPORT_IMPL_H

#include "model/light.h"
#include "report/report.h"

struct report {
	const struct report_format *format;
	FILE *out;
	struct report_opts opts;
	void *state; /* zeroed at first; NULL for formats without */
};

/* What the counts of steps in a run are worth. */
struct light report_light(const struct snapshot *s);

static inline bool report_has_percentile(const struct light *light, const struct group_row *row,
					 double percent)
{
	return row->has_percentiles &&
		light__has_percentile(light, row->steps, row->stalls, percent);
}

static inline bool report_has_steps(const struct light *light, const struct group_row *row)
{
	return row->has_steps && light__has_steps(light, row->steps);
}

/* Each function may be NULL. */
struct report_ops {
	size_t state_bytes;
	bool has_open_stalls; /* writes stalls that go on (LS_END_OPEN) as well */
	int (*start)(struct report *report, const struct report_start *start);
	int (*stall)(struct report *report, const struct stall *stall);
	int (*shed)(struct report *report, const struct report_shed *shed);
	int (*tick)(struct report *report, uint64_t now_ns);
	int (*finish)(struct report *report, const struct snapshot *snapshot,
		      const struct report_run *run);
	void (*done)(struct report *report); /* frees what the state points to */
};

#endif
