/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the parts of the text report: the line's width, the findings, the summary.
 */
#ifndef LOOPSTALL_REPORT_TEXT_H
#define LOOPSTALL_REPORT_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/report_impl.h"
#include "report/text_pieces.h"

#define TEXT_MIN_WIDTH 60 /* narrower terminals get lines of this width */

/* The line's width, 0 for no limit. */
size_t text_width(const struct report_opts *opts);

/* In lines of `width` columns (0: in one) that begin with `first`, the further ones with blanks. */
void text_put_wrapped(FILE *out, const char *first, size_t width, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* What to fix first, or that nothing stalled. */
void text__put_findings(FILE *out, const struct snapshot *s, const struct report_run *run,
			const struct report_opts *opts);

int text__finish(struct report *report, const struct snapshot *snapshot,
		 const struct report_run *run);

#endif
