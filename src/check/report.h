/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outputs of a verdict. Each is built in memory and written in one piece; 0 or -errno of the
 * write. Any string may come from the target: each output escapes it for its readers.
 */
#ifndef LOOPSTALL_CHECK_REPORT_H
#define LOOPSTALL_CHECK_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "check/verdict.h"

struct check_report_opts {
	const char *version; /* of loopstall */
	bool color; /* text only */
};

typedef int check_report_fn(FILE *out, const struct verdict *v,
			    const struct check_report_opts *opts);

/* For people, on a terminal. */
check_report_fn check_report_text;
/* Schema "loopstall/1", type "verdict"; docs/check.md documents every field. */
check_report_fn check_report_json;
/*
 * JUnit's XML, as CI servers read it: a test case for each broken rule at a place, and one for each
 * rule that holds.
 */
check_report_fn check_report_junit;
/* SARIF 2.1.0, for code scanning. */
check_report_fn check_report_sarif;
/* Workflow commands of GitHub Actions: annotations in the difference. */
check_report_fn check_report_github;
/* For a job's summary or a comment. */
check_report_fn check_report_markdown;

#endif
