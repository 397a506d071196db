/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of formats, and the report as an object.
 */
#include "report/report_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* REPORT_FORMATS(_) : _(ops, "name", "extension", is_binary, "title") */
#define REPORT_FORMATS(_)                                                                          \
	_(text, "text", "txt", false, "a line for each stall and a table, for people")             \
	_(json, "json", "json", false, "one JSON object per line, schema loopstall/1")             \
	_(csv, "csv", "csv", false, "the table of coroutines, for spreadsheets")                   \
	_(csv_stalls, "csv-stalls", "stalls.csv", false, "the list of stalls, for spreadsheets")   \
	_(folded, "folded", "folded", false, "folded stacks, for flame graphs; microseconds")      \
	_(speedscope, "speedscope", "speedscope.json", false, "a profile for speedscope.app")      \
	_(perfetto, "perfetto", "trace.json", false, "a timeline for ui.perfetto.dev")             \
	_(pprof, "pprof", "pb.gz", true, "a profile for go tool pprof and its kin")                \
	_(html, "html", "html", false, "a page with timeline, tables and flame graph")             \
	_(markdown, "markdown", "md", false, "a summary for a job's page")

#define _(ops, ...) extern const struct report_ops report_##ops;
REPORT_FORMATS(_)
#undef _

const struct report_format report_formats[] = {
#define _(o, n, e, b, t)                                                                           \
	{ .name = n, .extension = e, .title = t, .is_binary = b, .ops = &report_##o },
	REPORT_FORMATS(_)
#undef _
};

const size_t n_report_formats = sizeof(report_formats) / sizeof(report_formats[0]);

const struct report_format *report__by_name(const char *name)
{
	for (size_t i = 0; i < n_report_formats; i++)
		if (!strcmp(report_formats[i].name, name))
			return &report_formats[i];
	return NULL;
}

int report__new(struct report **ret_report, const struct report_format *format, FILE *out,
		const struct report_opts *opts)
{
	struct report *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->format = format;
	r->out = out;
	r->opts = *opts;
	if (format->ops->state_bytes) {
		r->state = calloc(1, format->ops->state_bytes);
		if (!r->state) {
			free(r);
			return -ENOMEM;
		}
	}
	*ret_report = r;
	return 0;
}

void report__free(struct report *r)
{
	if (!r)
		return;
	if (r->format->ops->done)
		r->format->ops->done(r);
	free(r->state);
	free(r);
}

int report__start(struct report *r, const struct report_start *start)
{
	return r->format->ops->start ? r->format->ops->start(r, start) : 0;
}

int report__stall(struct report *r, const struct stall *stall)
{
	return r->format->ops->stall ? r->format->ops->stall(r, stall) : 0;
}

int report__shed(struct report *r, const struct report_shed *shed)
{
	return r->format->ops->shed ? r->format->ops->shed(r, shed) : 0;
}

int report__finish(struct report *r, const struct snapshot *snapshot, const struct report_run *run)
{
	return r->format->ops->finish ? r->format->ops->finish(r, snapshot, run) : 0;
}
