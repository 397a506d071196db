/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables for spreadsheets, as RFC 4180 says: a line of titles, CR LF, quotes doubled. Names are
 * escaped as for a terminal, so that a row is a line. One that a spreadsheet would take for a
 * formula gets an apostrophe in front.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "model/vocabulary.h"
#include "report/output.h"
#include "report/report_impl.h"

/* A cell: a text if `is_text` (NULL: empty), a share if `is_share`, else the number. */
struct cell {
	bool is_text, is_share, is_unknown; /* is_unknown: empty */
	const char *text;
	uint64_t number;
	double share;
};

#define TEXT(t)                                                                                    \
	{                                                                                          \
		.is_text = true, .text = (t)                                                       \
	}
#define SHARE(s)                                                                                   \
	{                                                                                          \
		.is_share = true, .share = (s)                                                     \
	}
#define NUMBER(n)                                                                                  \
	{                                                                                          \
		.number = (n)                                                                      \
	}

static int put_text(FILE *out, const char *text)
{
	_cleanup_free_ char *safe = output_escape(text ? text : "");

	if (!safe)
		return -ENOMEM;
	fputc('"', out);
	if (*safe && strchr("=+-@", *safe))
		fputc('\'', out);
	for (const char *p = safe; *p; p++) {
		if (*p == '"')
			fputc('"', out);
		fputc(*p, out);
	}
	fputc('"', out);
	return 0;
}

static int put_cells(FILE *out, const struct cell *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (i)
			fputc(',', out);
		if (cells[i].is_unknown)
			continue;
		if (cells[i].is_share)
			fprintf(out, "%.3f", cells[i].share);
		else if (!cells[i].is_text)
			fprintf(out, "%" PRIu64, cells[i].number);
		else if (cells[i].text)
			r = put_text(out, cells[i].text);
		if (r < 0)
			return r;
	}
	fputs("\r\n", out);
	return 0;
}

static void put_titles(FILE *out, const char *const *titles, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? "," : "", titles[i]);
	fputs("\r\n", out);
}

#define KNOWN(is_known, n)                                                                         \
	{                                                                                          \
		.is_unknown = !(is_known), .number = (n)                                           \
	}

/* COROUTINE_COLUMNS(_) : _(title, cell of `row`) */
#define COROUTINE_COLUMNS(_)                                                                       \
	_("name", TEXT(row->name))                                                                 \
	_("file", TEXT(row->file))                                                                 \
	_("line", NUMBER(row->line))                                                               \
	_("pid", NUMBER(row->pid))                                                                 \
	_("steps", KNOWN(report_has_steps(light, row), light__scale(light, row->steps)))           \
	_("total_ns", KNOWN(row->has_steps && !light__is_partial(light), row->total_ns))           \
	_("p50_ns", KNOWN(report_has_percentile(light, row, 50), row->p50_ns))                     \
	_("p95_ns", KNOWN(report_has_percentile(light, row, 95), row->p95_ns))                     \
	_("p99_ns", KNOWN(report_has_percentile(light, row, 99), row->p99_ns))                     \
	_("max_ns", NUMBER(row->max_ns))                                                           \
	_("stalls", NUMBER(row->stalls))                                                           \
	_("starved_ns", NUMBER(row->starved_ns))                                                   \
	_("suffered", KNOWN(row->has_percentiles, row->suffered))                                  \
	_("suffered_ns", KNOWN(row->has_percentiles, row->suffered_ns))                            \
	_("cpu_ns", NUMBER(row->cpu_ns))                                                           \
	_("blocked_ns", NUMBER(row->blocked_ns))                                                   \
	_("gil_ns", NUMBER(row->gil_ns))                                                           \
	_("runqueue_ns", NUMBER(row->runqueue_ns))                                                 \
	_("unit", TEXT(row->unit == LS_UNIT_NONE ? NULL : vocabulary_unit(row->unit)))             \
	_("is_sampled", NUMBER(light__is_partial(light)))

/* STALL_COLUMNS(_) : _(title, cell of `stall`) */
#define STALL_COLUMNS(_)                                                                           \
	_("start_ns", NUMBER(stall->start_ns))                                                     \
	_("duration_ns", NUMBER(stall->duration_ns))                                               \
	_("pid", NUMBER(stall->pid))                                                               \
	_("tid", NUMBER(stall->tid))                                                               \
	_("unit", TEXT(vocabulary_unit(stall->unit)))                                              \
	_("cause", TEXT(vocabulary_cause(stall->cause)))                                           \
	_("task", TEXT(stall->unit == LS_UNIT_STEP ? stall->task_name : NULL))                     \
	_("coroutine", TEXT(stall->coroutine.name))                                                \
	_("coroutine_file", TEXT(stall->coroutine.file))                                           \
	_("coroutine_line", NUMBER(stall->coroutine.first_line))                                   \
	_("call", TEXT(stall->call.function))                                                      \
	_("call_file", TEXT(stall->call.file))                                                     \
	_("call_line", NUMBER(stall->call.line))                                                   \
	_("syscall", TEXT(stall->call_syscall))                                                    \
	_("native", TEXT(stall->call_native))                                                      \
	_("cpu_ns", NUMBER(stall->cpu_ns))                                                         \
	_("blocked_ns", NUMBER(stall->blocked_ns))                                                 \
	_("gil_ns", NUMBER(stall->gil_ns))                                                         \
	_("runqueue_ns", NUMBER(stall->runqueue_ns))                                               \
	_("victims", KNOWN(!stall->is_victims_unknown, stall->victims))                            \
	_("starved_ns", KNOWN(!stall->is_victims_unknown, stall->starved_ns))                      \
	_("sockets", KNOWN(!stall->is_sockets_unknown, stall->sockets))                            \
	_("end", TEXT(vocabulary_end(stall->end)))                                                 \
	_("began_before_attach", NUMBER(stall->began_before))                                      \
	_("own", TEXT(stall->own.function))                                                        \
	_("own_file", TEXT(stall->own.file))                                                       \
	_("own_line", NUMBER(stall->own.line))                                                     \
	_("own_share", SHARE(stall->own.function ? stall->own_share : 0))                          \
	_("entry", TEXT(stall->entry.function))                                                    \
	_("entry_file", TEXT(stall->entry.file))                                                   \
	_("entry_line", NUMBER(stall->entry.line))                                                 \
	_("from_state", TEXT(vocabulary_await(stall->from.state)))                                 \
	_("from", TEXT(stall->from.at.function))                                                   \
	_("from_file", TEXT(stall->from.at.file))                                                  \
	_("from_line", NUMBER(stall->from.at.line))                                                \
	_("to_state", TEXT(vocabulary_await(stall->to.state)))                                     \
	_("to", TEXT(stall->to.at.function))                                                       \
	_("to_file", TEXT(stall->to.at.file))                                                      \
	_("to_line", NUMBER(stall->to.at.line))                                                    \
	_("method", TEXT(*stall->request.method ? stall->request.method : NULL))                   \
	_("route", TEXT(*stall->request.route ? stall->request.route : NULL))                      \
	_("test", TEXT(*stall->test ? stall->test : NULL))

#define TITLE(title, cell) title,
#define CELL(title, cell) cell,

static const char *const coroutine_titles[] = { COROUTINE_COLUMNS(TITLE) };
static const char *const stall_titles[] = { STALL_COLUMNS(TITLE) };

#define N_COROUTINE_COLUMNS N_OF(coroutine_titles)
#define N_STALL_COLUMNS N_OF(stall_titles)

static int put_coroutine(FILE *out, const struct group_row *row, const struct light *light)
{
	const struct cell cells[] = { COROUTINE_COLUMNS(CELL) };

	return put_cells(out, cells, N_COROUTINE_COLUMNS);
}

static int csv_finish(struct report *report, const struct snapshot *snapshot,
		      const struct report_run *run)
{
	const struct group_list *list = &snapshot->groups[report->opts.group];
	const struct light light = report_light(snapshot);
	_cleanup_(output__done) struct output o = {};
	int r = output__init(&o);

	(void)run;
	if (r < 0)
		return r;
	put_titles(o.mem, coroutine_titles, N_COROUTINE_COLUMNS);
	for (size_t i = 0; r >= 0 && i < list->n; i++)
		r = put_coroutine(o.mem, &list->rows[i], &light);
	return r < 0 ? r : output__send(&o, report->out);
}

static int csv_stalls_start(struct report *report, const struct report_start *start)
{
	_cleanup_(output__done) struct output o = {};
	int r = output__init(&o);

	(void)start;
	if (r < 0)
		return r;
	put_titles(o.mem, stall_titles, N_STALL_COLUMNS);
	return output__send(&o, report->out);
}

static int csv_stalls_stall(struct report *report, const struct stall *stall)
{
	const struct cell cells[] = { STALL_COLUMNS(CELL) };
	_cleanup_(output__done) struct output o = {};
	int r = output__init(&o);

	if (r >= 0)
		r = put_cells(o.mem, cells, N_STALL_COLUMNS);
	return r < 0 ? r : output__send(&o, report->out);
}

const struct report_ops report_csv = {
	.finish = csv_finish,
};

const struct report_ops report_csv_stalls = {
	.start = csv_stalls_start,
	.stall = csv_stalls_stall,
};
