/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A summary for a job's page or a merge request: the verdict in a line, the worst coroutines and
 * call sites, what was lost. GitHub's flavour. Names go into code spans, where nothing is a link, a
 * mention, a tag or an emphasis.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/findings.h"
#include "model/groups.h"
#include "model/vocabulary.h"
#include "report/format.h"
#include "report/markdown.h"
#include "report/output.h"
#include "report/report_impl.h"
#include "report/wording.h"

#define MAX_ROWS 10

struct markdown {
	uint64_t threshold_ns;
	bool has_requests, has_tests; /* of any stall */
	char *facts; /* how and where it was measured, raw */
	/* Stalls that did not end by themselves: copies of the first ones, and their number. */
	struct stall *cut[MAX_ROWS];
	size_t n_cut;
	uint64_t longest_cut_ns;
};

int markdown__code(FILE *out, const char *text)
{
	_cleanup_free_ char *safe = output_escape(text);
	size_t ticks = 0, longest = 0, n;
	bool is_padded;

	if (!safe)
		return -ENOMEM;
	for (const char *p = safe; *p; p++) {
		ticks = *p == '`' ? ticks + 1 : 0;
		longest = ticks > longest ? ticks : longest;
	}
	n = strlen(safe);
	/*
	 * A renderer strips one blank at both ends, so pad a text that begins or ends with a blank
	 * or a backtick.
	 */
	is_padded = !n || strchr("` ", safe[0]) || strchr("` ", safe[n - 1]);
	for (size_t i = 0; i <= longest; i++)
		fputc('`', out);
	if (is_padded)
		fputc(' ', out);
	for (const char *p = safe; *p; p++) {
		if (*p == '|')
			fputc('\\', out); /* ends a table cell, even inside code */
		fputc(*p, out);
	}
	if (is_padded)
		fputc(' ', out);
	for (size_t i = 0; i <= longest; i++)
		fputc('`', out);
	return 0;
}

int markdown__place(FILE *out, const char *name, const char *file, uint32_t line)
{
	_cleanup_free_ char *place = NULL;
	int r = markdown__code(out, name ? name : "?");

	if (r < 0 || !file)
		return r;
	if (asprintf(&place, line ? "%s:%u" : "%s", format__path_tail(file, 2), line) < 0)
		return -ENOMEM;
	fputc(' ', out);
	return markdown__code(out, place);
}

static int markdown_start(struct report *report, const struct report_start *start)
{
	struct markdown *m = report->state;

	m->threshold_ns = start->threshold_ns;
	if (asprintf(&m->facts, "loopstall %s, mode %s%s%s%s%s", start->version, report->opts.mode,
		     start->host ? ", host " : "", start->host ?: "", start->kernel ? ", " : "",
		     start->kernel ?: "") < 0) {
		m->facts = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int markdown_stall(struct report *report, const struct stall *stall)
{
	struct markdown *m = report->state;
	struct stall *copy;

	m->has_requests = m->has_requests || *stall->request.label;
	m->has_tests = m->has_tests || *stall->test;
	if (stall->end == LS_END_RETURN)
		return 0;
	if (stall->duration_ns > m->longest_cut_ns)
		m->longest_cut_ns = stall->duration_ns;
	if (m->n_cut < MAX_ROWS) {
		copy = malloc(sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		*copy = *stall;
		m->cut[m->n_cut] = copy;
	}
	m->n_cut++;
	return 0;
}

static size_t rows_cut(const struct markdown *m)
{
	return m->n_cut < MAX_ROWS ? m->n_cut : MAX_ROWS;
}

static void markdown_done(struct report *report)
{
	struct markdown *m = report->state;

	for (size_t i = 0; i < rows_cut(m); i++)
		free(m->cut[i]);
	free(m->facts);
}

static uint64_t longest_ns(const struct markdown *m, const struct snapshot *s)
{
	uint64_t ns = m->longest_cut_ns;

	for (size_t i = 0; i < s->n_sites; i++)
		ns = s->sites[i].max_ns > ns ? s->sites[i].max_ns : ns;
	for (size_t i = 0; i < s->n_rows; i++)
		if (s->rows[i].stalls && s->rows[i].max_ns > ns)
			ns = s->rows[i].max_ns;
	return ns;
}

/* "~5,100 steps": estimated where light mode did not count all. */
static void put_steps(FILE *out, const struct snapshot *s, const struct light *light)
{
	char number[FORMAT_NUMBER_BYTES];

	if (light__has_steps(light, s->steps))
		fprintf(out, " in %s%s steps and ", light__is_partial(light) ? "~" : "",
			format__count(light__scale(light, s->steps), number));
	else
		fputs(" in ", out);
}

static void put_verdict(FILE *out, const struct markdown *m, const struct snapshot *s,
			const struct report_run *run)
{
	const struct light light = report_light(s);
	char a[FORMAT_NUMBER_BYTES], b[FORMAT_NUMBER_BYTES], c[FORMAT_NUMBER_BYTES];

	fputs("### Event loop stalls\n\n", out);
	if (!s->steps && !s->handles && !s->stalls) {
		fprintf(out, "**Nothing was measured** in %s.",
			format__duration(run->duration_ns, a));
		return;
	}
	if (!s->stalls) {
		fprintf(out, "**No stall** of %s or longer", format__duration(m->threshold_ns, a));
		put_steps(out, s, &light);
		fprintf(out, "%s.", format__duration(run->duration_ns, b));
		return;
	}
	fprintf(out, "**%s stall%s** of %s or longer", format__count(s->stalls, a),
		s->stalls == 1 ? "" : "s", format__duration(m->threshold_ns, b));
	put_steps(out, s, &light);
	fprintf(out, "%s, the longest %s. Tasks that were ready waited for %s in all.",
		format__duration(run->duration_ns, c), format__duration(longest_ns(m, s), a),
		format__duration(s->starved_ns, b));
}

static int put_cut_stall(FILE *out, const struct stall *stall)
{
	const struct model_frame *at = wording_place(stall);
	char duration[FORMAT_NUMBER_BYTES], end[WORDING_END_BYTES];
	int r;

	wording_end(stall, end);
	fprintf(out, "| **%s** | ", end);
	if (at->function)
		r = markdown__place(out, at->function, at->file, at->line);
	else
		r = markdown__place(out, stall->coroutine.name, stall->coroutine.file,
				    stall->coroutine.first_line);
	fprintf(out, " | %s | %s |\n", vocabulary_cause(stall->cause),
		format__duration(stall->duration_ns, duration));
	return r;
}

/* What it was in when the measurement, or the process, ended: the stall that matters most. */
static int put_cut(FILE *out, const struct markdown *m)
{
	int r = 0;

	if (m->n_cut)
		fputs("\n| not ended | at | cause | lasted |\n|---|---|---|--:|\n", out);
	for (size_t i = 0; r >= 0 && i < rows_cut(m); i++)
		r = put_cut_stall(out, m->cut[i]);
	if (m->n_cut > MAX_ROWS)
		fprintf(out, "\n... and %zu more.\n", m->n_cut - MAX_ROWS);
	return r;
}

static int put_group(FILE *out, const struct group_row *row, const struct light *light)
{
	const bool has_p99 = report_has_percentile(light, row, 99);

	char stalls[FORMAT_NUMBER_BYTES], max[FORMAT_NUMBER_BYTES], p99[FORMAT_NUMBER_BYTES],
		starved[FORMAT_NUMBER_BYTES];
	int r;

	fputs(row->unit == LS_UNIT_CALLBACK && !row->is_entry ? "| callback " : "| ", out);
	r = markdown__place(out, row->name, row->file, row->line);
	fprintf(out, " | %s | %s | %s%s | %s |\n", format__count(row->stalls, stalls),
		format__duration(row->max_ns, max), has_p99 && light__is_partial(light) ? "~" : "",
		has_p99 ? format__duration(row->p99_ns, p99) : "-",
		format__duration(row->starved_ns, starved));
	return r;
}

static int put_groups(FILE *out, const struct group_list *list, const char *title,
		      const struct light *light)
{
	size_t n = 0, more = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < list->n; i++) {
		if (!list->rows[i].stalls)
			continue;
		if (n == MAX_ROWS) {
			more++;
			continue;
		}
		if (n++ == 0)
			fprintf(out,
				"\n| %s | stalls | longest step | p99 | others starved |\n"
				"|---|--:|--:|--:|--:|\n",
				title);
		r = put_group(out, &list->rows[i], light);
	}
	if (more)
		fprintf(out, "\n... and %zu more.\n", more);
	return r;
}

/* What was asked for, and which requests and tests it were if that is known. */
static int put_tables(FILE *out, const struct report *report, const struct snapshot *s)
{
	const struct markdown *m = report->state;
	const enum group_key key = report->opts.group;
	const struct light light = report_light(s);
	int r = put_groups(out, &s->groups[key], group_key_noun(key), &light);

	if (r >= 0 && m->has_requests && key != GROUP_ROUTE)
		r = put_groups(out, &s->groups[GROUP_ROUTE], group_key_noun(GROUP_ROUTE), &light);
	if (r >= 0 && m->has_tests && key != GROUP_TEST)
		r = put_groups(out, &s->groups[GROUP_TEST], group_key_noun(GROUP_TEST), &light);
	return r;
}

/* Last: how it was measured. */
static int put_facts(FILE *out, const struct markdown *m, const struct report_run *run)
{
	char light[FORMAT_NUMBER_BYTES], all[FORMAT_NUMBER_BYTES];
	int r;

	if (!m->facts)
		return 0;
	fputs("\nMeasured with ", out);
	r = markdown__code(out, m->facts);
	if (run->light_ns)
		fprintf(out, ", %s of %s in light mode", format__duration(run->light_ns, light),
			format__duration(run->duration_ns, all));
	fputs(".\n", out);
	return r;
}

/* "`get_user()` calls ..." is the target's text as well, so all of it is in a code span. */
static int put_finding(FILE *out, size_t rank, const struct finding *f)
{
	const struct finding_row *row = f->row;
	char time[FORMAT_NUMBER_BYTES], share[16] = "-";
	int r;

	if (row->starved_ns)
		snprintf(share, sizeof(share), "%d %%", (int)(f->starved_share * 100));
	fprintf(out, "| %zu | ", rank);
	r = markdown__code(out, f->what);
	fputs(" | ", out);
	if (r >= 0 && row->at.function)
		r = markdown__place(out, row->at.function, row->at.file, row->at.line);
	else if (r >= 0 && *row->holder)
		r = markdown__code(out, row->holder);
	fprintf(out, " | %s | %s | %s | %s |\n", share, format__duration(row->time_ns, time),
		finding_sureness_word(f->sureness), f->advice);
	return r;
}

/* What to fix first, or that nothing stalled. */
static int put_findings(FILE *out, const struct snapshot *s)
{
	char text[FINDINGS_HEADLINE_BYTES], turn[FORMAT_NUMBER_BYTES];
	size_t rank = 0, more = 0;
	struct finding f;
	int r = 0;

	findings_headline(s, 0, text);
	if (findings_is_calm(s))
		fprintf(out, "\nNothing stalled: no turn of the loop took longer than %s.\n",
			format__duration(s->turn_max_ns, turn));
	if (*text) {
		fputs("\n**Fix first:** ", out);
		r = markdown__code(out, text);
		fputc('\n', out);
	}
	for (size_t i = 0; r >= 0 && i < s->n_findings; i++) {
		if (!finding__describe(&f, s, &s->findings[i], 0))
			continue;
		if (rank == MAX_ROWS) {
			more++;
			continue;
		}
		if (!rank)
			fputs("\n| | finding | where | of the waiting | took | sure | advice |\n"
			      "|--:|---|---|--:|--:|---|---|\n",
			      out);
		r = put_finding(out, ++rank, &f);
	}
	if (more)
		fprintf(out, "\n... and %zu more.\n", more);
	return r;
}

static int put_sites(FILE *out, const struct snapshot *s)
{
	char total[FORMAT_NUMBER_BYTES], stalls[FORMAT_NUMBER_BYTES], max[FORMAT_NUMBER_BYTES];
	size_t n = s->n_sites < MAX_ROWS ? s->n_sites : MAX_ROWS;
	int r = 0;

	if (n)
		fputs("\n| call site | cause | stalled | stalls | longest |\n"
		      "|---|---|--:|--:|--:|\n",
		      out);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		const struct site_row *site = &s->sites[i];

		fputs("| ", out);
		r = markdown__place(out, site->at.function, site->at.file, site->at.line);
		fprintf(out, " | %s | %s | %s | %s |\n", vocabulary_cause(site->cause),
			format__duration(site->total_ns, total),
			format__count(site->stalls, stalls), format__duration(site->max_ns, max));
	}
	if (n < s->n_sites)
		fprintf(out, "\n... and %zu more.\n", s->n_sites - n);
	return r;
}

static int put_holders(FILE *out, const char *what, const struct holder_row *rows, size_t n_rows)
{
	char waited[FORMAT_NUMBER_BYTES], stalls[FORMAT_NUMBER_BYTES], starved[FORMAT_NUMBER_BYTES];
	size_t n = n_rows < MAX_ROWS ? n_rows : MAX_ROWS;
	int r = 0;

	if (n)
		fprintf(out,
			"\n| held the %s | thread | waited | stalls | starved |\n"
			"|---|---|--:|--:|--:|\n",
			what);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		const struct holder_row *row = &rows[i];

		fputs("| ", out);
		if (row->at.file)
			r = markdown__place(out, row->at.function, row->at.file, row->at.line);
		else
			fputs(row->is_collecting ? "garbage collector" : "not known", out);
		fputs(" | ", out);
		if (r >= 0 && row->is_process)
			fputs("process ", out);
		if (r >= 0 && *row->name)
			r = markdown__code(out, row->name);
		fprintf(out, " | %s | %s | %s |\n", format__duration(row->waited_ns, waited),
			format__count(row->stalls, stalls),
			format__duration(row->starved_ns, starved));
	}
	if (n < n_rows)
		fprintf(out, "\n... and %zu more.\n", n_rows - n);
	return r;
}

static void put_losses(FILE *out, const struct snapshot *s)
{
	const char *head = "\nLost:\n\n";
	char count[FORMAT_NUMBER_BYTES];

	for (size_t i = 0; i < s->n_losses; i++) {
		if (s->losses[i].is_slight)
			continue;
		fprintf(out, "%s- %s %s (`%s`)\n", head, format__count(s->losses[i].count, count),
			s->losses[i].sentence, s->losses[i].name);
		head = "";
	}
}

static int markdown_finish(struct report *report, const struct snapshot *snapshot,
			   const struct report_run *run)
{
	_cleanup_(output__done) struct output o = {};
	int r = output__init(&o);

	if (r < 0)
		return r;
	put_verdict(o.mem, report->state, snapshot, run);
	if (!snapshot->steps && run->no_steps_reason) {
		fputs(" Why: ", o.mem);
		r = markdown__code(o.mem, run->no_steps_reason);
	}
	fputc('\n', o.mem);
	if (r >= 0)
		r = put_findings(o.mem, snapshot);
	if (r >= 0)
		r = put_cut(o.mem, report->state);
	if (r >= 0)
		r = put_tables(o.mem, report, snapshot);
	if (r >= 0)
		r = put_sites(o.mem, snapshot);
	if (r >= 0)
		r = put_holders(o.mem, "GIL", snapshot->holders, snapshot->n_holders);
	if (r >= 0)
		r = put_holders(o.mem, "lock", snapshot->lock_holders, snapshot->n_lock_holders);
	put_losses(o.mem, snapshot);
	if (r >= 0)
		r = put_facts(o.mem, report->state, run);
	return r < 0 ? r : output__send(&o, report->out);
}

const struct report_ops report_markdown = {
	.state_bytes = sizeof(struct markdown),
	.start = markdown_start,
	.stall = markdown_stall,
	.finish = markdown_finish,
	.done = markdown_done,
};
