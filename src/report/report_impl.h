/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a format is made of: one file with one table of functions, and its own state. A new one is such a file and
 * a line of REPORT_FORMATS in report.c.
 */
#ifndef LOOPSTALL_REPORT_REPORT_IMPL_H
#define LOOPSTALL_REPORT_REPORT_IMPL_H

#include "report/report.h"

struct report {
	const struct report_format *format;
	FILE *out;
	struct report_opts opts;
	void *state; /* zeroed at first; NULL for formats without */
};

/* Any of them may be NULL: nothing to do. */
struct report_ops {
	size_t state_bytes;
	int (*start)(struct report *r, const struct report_start *start);
	int (*stall)(struct report *r, const struct stall *stall);
	int (*shed)(struct report *r, const struct report_shed *shed);
	int (*finish)(struct report *r, const struct snapshot *snapshot,
		      const struct report_run *run);
	void (*done)(struct report *r); /* frees what the state points to */
};

#endif
