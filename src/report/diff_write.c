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

static void fill_cells(struct cells *c, const struct diff_result *d, const struct diff_row *row)
{
	char change[FORMAT_NUMBER_BYTES];

	snprintf(c->change, sizeof(c->change), "%s%s", row->change_ns_per_s < 0 ? "-" : "+",
		 format__duration((uint64_t)(fabs(row->change_ns_per_s) * 60), change));
	for (size_t s = 0; s < DIFF_SIDES; s++) {
		format__duration(per_minute(row->side[s].stalled_ns, d->duration_ns[s]),
				 c->stalled[s]);
		format__count(row->side[s].stalls, c->stalls[s]);
		format__duration(row->side[s].p99_ns, c->p99[s]);
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

	n = asprintf(&raw, row->line ? "%s%s %s:%u" : "%s%s %s", row->name, is_site ? "" : "()",
		     file, row->line);
	return n < 0 ? NULL : output_escape(raw);
}

static int put_text_table(FILE *out, const struct diff_result *d, const char *title,
			  const struct diff_row *rows, size_t n, bool is_site)
{
	struct cells c;

	if (n)
		fprintf(out, "\n%-7s %9s %9s %9s  %6s %6s  %8s %8s  %s\n", "CHANGE", "PER MIN",
			"BEFORE", "AFTER", "STALLS", "AFTER", "P99", "AFTER", title);
	for (size_t i = 0; i < n && i < MAX_ROWS; i++) {
		_cleanup_free_ char *where = place(&rows[i], is_site);

		if (!where)
			return -ENOMEM;
		fill_cells(&c, d, &rows[i]);
		fprintf(out, "%-7s %9s %9s %9s  %6s %6s  %8s %8s  %s%s%s\n",
			diff_change_word(rows[i].change), c.change, c.stalled[DIFF_BEFORE],
			c.stalled[DIFF_AFTER], c.stalls[DIFF_BEFORE], c.stalls[DIFF_AFTER],
			c.p99[DIFF_BEFORE], c.p99[DIFF_AFTER], where, is_site ? ": " : "",
			is_site ? vocabulary_cause(rows[i].cause) : "");
	}
	if (n > MAX_ROWS)
		fprintf(out, "... and %zu more\n", n - MAX_ROWS);
	return 0;
}

static int write_text(FILE *out, const struct diff_result *d, const struct report_opts *opts)
{
	_cleanup_(output__done) struct output o = {};
	int r = output__init(&o);

	(void)opts;
	if (r < 0)
		return r;
	put_side(o.mem, "before", d, DIFF_BEFORE);
	fputc('\n', o.mem);
	put_side(o.mem, "after", d, DIFF_AFTER);
	fputc('\n', o.mem);
	r = put_text_table(o.mem, d, "COROUTINE", d->coroutines, d->n_coroutines, false);
	if (r >= 0)
		r = put_text_table(o.mem, d, "CALL SITE", d->sites, d->n_sites, true);
	put_left_out(o.mem, d);
	return r < 0 ? r : output__send(&o, out);
}

static int put_markdown_table(FILE *out, const struct diff_result *d, const char *title,
			      const struct diff_row *rows, size_t n, bool is_site)
{
	struct cells c;
	int r = 0;

	if (n)
		fprintf(out,
			"\n| %s | | stalled in a minute | before | after | stalls | p99 |\n"
			"|---|---|--:|--:|--:|--:|--:|\n",
			title);
	for (size_t i = 0; r >= 0 && i < n && i < MAX_ROWS; i++) {
		fill_cells(&c, d, &rows[i]);
		fputs("| ", out);
		r = markdown__place(out, rows[i].name, rows[i].file, rows[i].line);
		fprintf(out, "%s%s | %s | %s | %s | %s | %s, then %s | %s, then %s |\n",
			is_site ? " " : "", is_site ? vocabulary_cause(rows[i].cause) : "",
			diff_change_word(rows[i].change), c.change, c.stalled[DIFF_BEFORE],
			c.stalled[DIFF_AFTER], c.stalls[DIFF_BEFORE], c.stalls[DIFF_AFTER],
			c.p99[DIFF_BEFORE], c.p99[DIFF_AFTER]);
	}
	if (n > MAX_ROWS)
		fprintf(out, "\n... and %zu more.\n", n - MAX_ROWS);
	return r;
}

static int write_markdown(FILE *out, const struct diff_result *d, const struct report_opts *opts)
{
	_cleanup_(output__done) struct output o = {};
	int r = output__init(&o);

	(void)opts;
	if (r < 0)
		return r;
	fputs("### Event loop stalls, before and after\n\n- ", o.mem);
	put_side(o.mem, "before", d, DIFF_BEFORE);
	fputs("\n- ", o.mem);
	put_side(o.mem, "after", d, DIFF_AFTER);
	fputc('\n', o.mem);
	r = put_markdown_table(o.mem, d, "coroutine", d->coroutines, d->n_coroutines, false);
	if (r >= 0)
		r = put_markdown_table(o.mem, d, "call site", d->sites, d->n_sites, true);
	put_left_out(o.mem, d);
	return r < 0 ? r : output__send(&o, out);
}

static json_t *figures_json(const struct diff_figures *f)
{
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "stalls", f->stalls);
	jsonx_add_u64(&o, "stalled_ns", f->stalled_ns);
	jsonx_add_u64(&o, "starved_ns", f->starved_ns);
	jsonx_add_u64(&o, "max_ns", f->max_ns);
	jsonx_add_u64(&o, "p99_ns", f->p99_ns);
	return jsonx_end(&o);
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
	return o;
}

static json_t *coroutine_item(const void *item)
{
	struct jsonx o = row_json(item, "name");

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

static int write_json(FILE *out, const struct diff_result *d, const struct report_opts *opts)
{
	struct jsonx o = json__line("diff", opts->mode);
	_cleanup_(jsonx_done) json_t *json = NULL;

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
