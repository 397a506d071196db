/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A comparison as text, JSON and Markdown.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "model/vocabulary.h"
#include "report/diff.h"
#include "report/format.h"
#include "report/json.h"
#include "report/markdown.h"
#include "report/output.h"

#define MAX_ROWS 20
#define MINUTE_NS (60 * NS_PER_S)

/* The figures of a row as people read them. */
struct cells {
	char ratio[FORMAT_NUMBER_BYTES + 8];
	char change[FORMAT_NUMBER_BYTES + 1];
	char stalled[DIFF_SIDES][FORMAT_NUMBER_BYTES];
	char stalls[DIFF_SIDES][FORMAT_NUMBER_BYTES];
	char p99[DIFF_SIDES][FORMAT_NUMBER_BYTES];
};

/* Stalled time per minute of watched time. */
static uint64_t per_minute(uint64_t ns, uint64_t duration_ns)
{
	return duration_ns ? (uint64_t)((unsigned __int128)ns * MINUTE_NS / duration_ns) : 0;
}

/* "x1.52 mean"; "-" if it was not compared, or was in one run alone. */
static void fill_ratio(char *cell, size_t size, const struct diff_row *row)
{
	if (row->measure == DIFF_MEASURE_NONE || row->ratio <= 0 || isinf(row->ratio))
		snprintf(cell, size, "-");
	else
		snprintf(cell, size, "x%.2f %s", row->ratio, diff_measure_word(row->measure));
}

static void fill_cells(struct cells *c, const struct diff_result *d, const struct diff_row *row)
{
	char change[FORMAT_NUMBER_BYTES];

	fill_ratio(c->ratio, sizeof(c->ratio), row);
	snprintf(c->change, sizeof(c->change), "%s%s", row->own_change_ns_per_s < 0 ? "-" : "+",
		 format__duration((uint64_t)(fabs(row->own_change_ns_per_s) * 60), change));
	for (size_t s = 0; s < DIFF_SIDES; s++) {
		const struct diff_figures *f = &row->side[s];

		format__duration(per_minute(f->own_stalled_ns, d->duration_ns[s]), c->stalled[s]);
		format__count(f->own_stalls, c->stalls[s]);
		snprintf(c->p99[s], sizeof(c->p99[s]), "-");
		if (f->has_p99)
			format__duration(f->p99_ns, c->p99[s]);
	}
}

static void put_side(FILE *out, const char *word, const struct diff_result *d, enum diff_side side)
{
	const struct diff_figures *f = &d->side[side];
	char a[FORMAT_NUMBER_BYTES], b[FORMAT_NUMBER_BYTES], c[FORMAT_NUMBER_BYTES],
		e[FORMAT_NUMBER_BYTES];

	fprintf(out, "%s: %s stall%s in %s, %s of each minute stalled, the longest %s", word,
		format__count(f->stalls, a), f->stalls == 1 ? "" : "s",
		format__duration(d->duration_ns[side], b),
		format__duration(per_minute(f->stalled_ns, d->duration_ns[side]), c),
		format__duration(f->max_ns, e));
}

/* The verdict comes first: it is what the reader came for. */
static int put_verdict(FILE *out, const struct diff_result *d)
{
	_cleanup_free_ char *text = output_escape(d->verdict.sentence);

	if (!text)
		return -ENOMEM;
	fprintf(out, "%s.\n", text);
	return 0;
}

/* How many of the rows a table for people has. */
static size_t shown_rows(const struct diff_row *rows, size_t n)
{
	while (n > 0 && diff_row__is_hosts(&rows[n - 1]))
		n--;
	return n < MAX_ROWS ? n : MAX_ROWS;
}

static void put_hidden(FILE *out, size_t n, size_t shown)
{
	if (n > shown)
		fprintf(out, "\n... and %zu more\n", n - shown);
}

static void put_left_out(FILE *out, const struct diff_result *d)
{
	if (d->left_out)
		fprintf(out, "\n%llu stalls are only in the sums: there are too many places\n",
			(unsigned long long)d->left_out);
}

/* "handler app/web.py:10", escaped. NULL without memory. */
static char *place(const struct diff_row *row, bool is_site)
{
	_cleanup_free_ char *raw = NULL;
	const char *file = row->file ? format__path_tail(row->file, 2) : "";
	int n;

	n = asprintf(&raw, row->line ? "%s%s%s %s:%u" : "%s%s%s %s",
		     row->unit == LS_UNIT_CALLBACK ? "callback " : "", row->name,
		     is_site || !row->file ? "" : "()", file, row->line);
	return n < 0 ? NULL : output_escape(raw);
}

static int put_text_table(FILE *out, const struct diff_result *d, const char *title,
			  const struct diff_row *rows, size_t n, bool is_site)
{
	const size_t shown = shown_rows(rows, n);
	struct cells c;

	if (shown)
		fprintf(out, "\n%-7s  %-10s %9s %9s %9s  %6s %6s  %8s %8s  %s\n", "CHANGE", "RATIO",
			"PER MIN", "BEFORE", "AFTER", "STALLS", "AFTER", "P99", "AFTER", title);
	for (size_t i = 0; i < shown; i++) {
		_cleanup_free_ char *where = place(&rows[i], is_site);

		if (!where)
			return -ENOMEM;
		fill_cells(&c, d, &rows[i]);
		fprintf(out, "%-7s  %-10s %9s %9s %9s  %6s %6s  %8s %8s  %s%s%s\n",
			diff_change_word(rows[i].change), c.ratio, c.change, c.stalled[DIFF_BEFORE],
			c.stalled[DIFF_AFTER], c.stalls[DIFF_BEFORE], c.stalls[DIFF_AFTER],
			c.p99[DIFF_BEFORE], c.p99[DIFF_AFTER], where, is_site ? ": " : "",
			is_site ? vocabulary_cause(rows[i].cause) : "");
	}
	put_hidden(out, n, shown);
	return 0;
}

static int write_text(FILE *out, const struct diff_result *d, const struct report_opts *opts)
{
	_cleanup_(output__done) struct output o = {};
	int r = output__init(&o);

	(void)opts;
	if (r >= 0)
		r = put_verdict(o.mem, d);
	if (r < 0)
		return r;
	put_side(o.mem, "before", d, DIFF_BEFORE);
	fputc('\n', o.mem);
	put_side(o.mem, "after", d, DIFF_AFTER);
	fputc('\n', o.mem);
	r = put_text_table(o.mem, d, "COROUTINE, CALLBACK", d->coroutines, d->n_coroutines, false);
	if (r >= 0)
		r = put_text_table(o.mem, d, "CALL SITE", d->sites, d->n_sites, true);
	put_left_out(o.mem, d);
	return r < 0 ? r : output__send(&o, out);
}

static int put_markdown_table(FILE *out, const struct diff_result *d, const char *title,
			      const struct diff_row *rows, size_t n, bool is_site)
{
	const size_t shown = shown_rows(rows, n);
	struct cells c;
	int r = 0;

	if (shown)
		fprintf(out,
			"\n| %s | | ratio | stalled in a minute | before | after | stalls | p99 |\n"
			"|---|---|--:|--:|--:|--:|--:|--:|\n",
			title);
	for (size_t i = 0; r >= 0 && i < shown; i++) {
		fill_cells(&c, d, &rows[i]);
		fputs(rows[i].unit == LS_UNIT_CALLBACK ? "| callback " : "| ", out);
		r = markdown__place(out, rows[i].name, rows[i].file, rows[i].line);
		fprintf(out, "%s%s | %s | %s | %s | %s | %s | %s, then %s | %s, then %s |\n",
			is_site ? " " : "", is_site ? vocabulary_cause(rows[i].cause) : "",
			diff_change_word(rows[i].change), c.ratio, c.change, c.stalled[DIFF_BEFORE],
			c.stalled[DIFF_AFTER], c.stalls[DIFF_BEFORE], c.stalls[DIFF_AFTER],
			c.p99[DIFF_BEFORE], c.p99[DIFF_AFTER]);
	}
	put_hidden(out, n, shown);
	return r;
}

static int write_markdown(FILE *out, const struct diff_result *d, const struct report_opts *opts)
{
	_cleanup_(output__done) struct output o = {};
	int r = output__init(&o);

	(void)opts;
	if (r < 0)
		return r;
	fprintf(o.mem, "### Event loop stalls, before and after\n\n**%s**: ",
		diff_change_word(d->verdict.change));
	/* A code span, because it holds names of the target. */
	r = markdown__code(o.mem, strchr(d->verdict.sentence, ' ') + 1);
	if (r < 0)
		return r;
	fputs("\n\n- ", o.mem);
	put_side(o.mem, "before", d, DIFF_BEFORE);
	fputs("\n- ", o.mem);
	put_side(o.mem, "after", d, DIFF_AFTER);
	fputc('\n', o.mem);
	r = put_markdown_table(o.mem, d, "coroutine, callback", d->coroutines, d->n_coroutines,
			       false);
	if (r >= 0)
		r = put_markdown_table(o.mem, d, "call site", d->sites, d->n_sites, true);
	put_left_out(o.mem, d);
	return r < 0 ? r : output__send(&o, out);
}

static json_t *number_or_null(bool is_known, uint64_t value)
{
	return is_known ? jsonx_u64(value) : json_null();
}

static json_t *figures_json(const struct diff_figures *f)
{
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "stalls", f->stalls);
	jsonx_add_u64(&o, "stalled_ns", f->stalled_ns);
	jsonx_add_u64(&o, "starved_ns", f->starved_ns);
	jsonx_add_u64(&o, "max_ns", f->max_ns);
	jsonx_add_u64(&o, "p99_ns", f->p99_ns);
	jsonx_add_u64(&o, "own_stalls", f->own_stalls);
	jsonx_add_u64(&o, "own_stalled_ns", f->own_stalled_ns);
	jsonx_add(&o, "steps", number_or_null(f->steps, f->steps));
	jsonx_add(&o, "own_mean_ns", number_or_null(f->steps, f->own_mean_ns));
	return jsonx_end(&o);
}

static json_t *ratio_json(double ratio)
{
	return ratio > 0 && !isinf(ratio) ? json_real(ratio) : json_null();
}

static void add_test(struct jsonx *o, const struct diff_row *row)
{
	const bool is_tested = row->measure != DIFF_MEASURE_NONE;

	jsonx_add(o, "own_change_ns_per_s", json_integer((json_int_t)row->own_change_ns_per_s));
	jsonx_add_text(o, "measure", is_tested ? diff_measure_word(row->measure) : NULL);
	jsonx_add(o, "ratio", ratio_json(row->ratio));
	jsonx_add(o, "ratio_low", ratio_json(row->low));
	jsonx_add(o, "ratio_high", ratio_json(row->low > 0 ? row->high : 0));
	jsonx_add(o, "p", is_tested ? json_real(row->p) : json_null());
}

static struct jsonx row_json(const struct diff_row *row, const char *name)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "change", diff_change_word(row->change));
	jsonx_add(&o, "change_ns_per_s", json_integer((json_int_t)row->change_ns_per_s));
	jsonx_add_text(&o, name, row->name);
	jsonx_add_text(&o, "file", row->file);
	jsonx_add_u64(&o, "line", row->line);
	jsonx_add(&o, "before", figures_json(&row->side[DIFF_BEFORE]));
	jsonx_add(&o, "after", figures_json(&row->side[DIFF_AFTER]));
	add_test(&o, row);
	return o;
}

static json_t *coroutine_item(const void *item)
{
	const struct diff_row *row = item;
	struct jsonx o = row_json(row, "name");

	jsonx_add_text(&o, "unit", vocabulary_unit(row->unit));
	return jsonx_end(&o);
}

static json_t *site_item(const void *item)
{
	const struct diff_row *row = item;
	struct jsonx o = row_json(row, "function");

	jsonx_add_text(&o, "cause", vocabulary_cause(row->cause));
	jsonx_add_text(&o, "syscall", row->syscall);
	return jsonx_end(&o);
}

static json_t *side_json(const struct diff_result *d, enum diff_side side)
{
	json_t *json = figures_json(&d->side[side]);

	if (json && json_object_set_new(json, "duration_ns", jsonx_u64(d->duration_ns[side]))) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *verdict_json(const struct diff_verdict *v)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "change", diff_change_word(v->change));
	jsonx_add_text(&o, "sentence", v->sentence);
	jsonx_add_u64(&o, "compared", v->n_compared);
	for (enum diff_change i = 0; i < DIFF_MIXED; i++)
		jsonx_add_u64(&o, diff_change_word(i), v->n[i]);
	return jsonx_end(&o);
}

static int write_json(FILE *out, const struct diff_result *d, const struct report_opts *opts)
{
	struct jsonx o = json__line("diff", opts->mode);
	_cleanup_(jsonx_done) json_t *json = NULL;

	jsonx_add(&o, "verdict", verdict_json(&d->verdict));
	jsonx_add(&o, "before", side_json(d, DIFF_BEFORE));
	jsonx_add(&o, "after", side_json(d, DIFF_AFTER));
	jsonx_add_u64(&o, "left_out", d->left_out);
	jsonx_add(&o, "coroutines",
		  jsonx_array(d->coroutines, d->n_coroutines, sizeof(d->coroutines[0]),
			      coroutine_item));
	jsonx_add(&o, "call_sites",
		  jsonx_array(d->sites, d->n_sites, sizeof(d->sites[0]), site_item));
	json = jsonx_end(&o);
	return json ? jsonx_write_line(out, json) : -ENOMEM;
}

const struct diff_format diff_formats[] = {
	{ "text", write_text },
	{ "json", write_json },
	{ "markdown", write_markdown },
};

const size_t n_diff_formats = N_OF(diff_formats);

const struct diff_format *diff_format__by_name(const char *name)
{
	for (size_t i = 0; i < n_diff_formats; i++)
		if (!strcmp(diff_formats[i].name, name))
			return &diff_formats[i];
	return NULL;
}
