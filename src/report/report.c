/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of formats, and the report as an object.
 */
#include "base/array.h"
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

const size_t n_report_formats = N_OF(report_formats);

const struct report_format *report__by_name(const char *name)
{
	for (size_t i = 0; i < n_report_formats; i++)
		if (!strcmp(report_formats[i].name, name))
			return &report_formats[i];
	return NULL;
}

struct light report_light(const struct snapshot *s)
{
	struct light light = {};

	light__set_share(&light, s);
	return light;
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

void report__free(struct report *report)
{
	if (!report)
		return;
	if (report->format->ops->done)
		report->format->ops->done(report);
	free(report->state);
	free(report);
}

int report__start(struct report *report, const struct report_start *start)
{
	return report->format->ops->start ? report->format->ops->start(report, start) : 0;
}

int report__stall(struct report *report, const struct stall *stall)
{
	const struct report_ops *ops = report->format->ops;

	if (!ops->stall || (stall->end == LS_END_OPEN && !ops->has_open_stalls))
		return 0;
	return ops->stall(report, stall);
}

int report__shed(struct report *report, const struct report_shed *shed)
{
	return report->format->ops->shed ? report->format->ops->shed(report, shed) : 0;
}

int report__tick(struct report *report, uint64_t now_ns)
{
	return report->format->ops->tick ? report->format->ops->tick(report, now_ns) : 0;
}

int report__finish(struct report *report, const struct snapshot *snapshot,
		   const struct report_run *run)
{
	return report->format->ops->finish ? report->format->ops->finish(report, snapshot, run) : 0;
}
