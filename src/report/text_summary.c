/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a text report: totals, the table by coroutine, own cost, and everything that was lost.
 * Says why when there is nothing to show.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "model/light.h"
#include "report/format.h"
#include "report/output.h"
#include "report/report_impl.h"
#include "report/text.h"
#include "report/wording.h"

#define CELL_BYTES 64

typedef const char *cell_fn(const struct group_row *row, const struct light *light,
			    char buf[CELL_BYTES]);

static const char *unknown(char buf[CELL_BYTES])
{
	return strcpy(buf, "-");
}

static const char *cell_steps(const struct group_row *row, const struct light *light,
			      char buf[CELL_BYTES])
{
	char number[FORMAT_NUMBER_BYTES];

	if (!report_has_steps(light, row))
		return unknown(buf);
	snprintf(buf, CELL_BYTES, "%s%s", light__is_partial(light) ? "~" : "",
		 format__count(light__scale(light, row->steps), number));
	return buf;
}

static const char *cell_total(const struct group_row *row, const struct light *light,
			      char buf[CELL_BYTES])
{
	/* Spans that outlast a window are in the sample, so it cannot be scaled. */
	if (!row->has_steps || light__is_partial(light))
		return unknown(buf);
	return format__duration(row->total_ns, buf);
}

static const char *put_percentile(const struct group_row *row, const struct light *light,
				  double percent, uint64_t ns, char buf[CELL_BYTES])
{
	char number[FORMAT_NUMBER_BYTES];

	if (!report_has_percentile(light, row, percent))
		return unknown(buf);
	snprintf(buf, CELL_BYTES, "%s%s", light__is_partial(light) ? "~" : "",
		 format__duration(ns, number));
	return buf;
}

static const char *cell_p50(const struct group_row *row, const struct light *light,
			    char buf[CELL_BYTES])
{
	return put_percentile(row, light, 50, row->p50_ns, buf);
}

static const char *cell_p99(const struct group_row *row, const struct light *light,
			    char buf[CELL_BYTES])
{
	return put_percentile(row, light, 99, row->p99_ns, buf);
}

static const char *cell_max(const struct group_row *row, const struct light *light,
			    char buf[CELL_BYTES])
{
	(void)light;
	return format__duration(row->max_ns, buf);
}

static const char *cell_stalls(const struct group_row *row, const struct light *light,
			       char buf[CELL_BYTES])
{
	(void)light;
	return format__count(row->stalls, buf);
}

/* Percentages of the row's time, each rounded on its own. */
static const char *cell_split(const struct group_row *row, const struct light *light,
			      char buf[CELL_BYTES])
{
	const uint64_t parts[] = { row->cpu_ns, row->blocked_ns, row->gil_ns, row->runqueue_ns };
	uint64_t sum = row->cpu_ns + row->blocked_ns + row->gil_ns + row->runqueue_ns;
	size_t used = 0;

	(void)light;
	if (sum == 0)
		return unknown(buf);
	for (size_t i = 0; i < N_OF(parts); i++)
		used += (size_t)snprintf(
			buf + used, CELL_BYTES - used, "%s%u", i ? "/" : "",
			(unsigned int)(((unsigned __int128)parts[i] * 100 + sum / 2) / sum));
	return buf;
}

static const char *cell_starved(const struct group_row *row, const struct light *light,
				char buf[CELL_BYTES])
{
	(void)light;
	return format__duration(row->starved_ns, buf);
}

/*
 * The columns before WHERE. A column is left out where the line is narrower than `min_width`, which
 * leaves at least 24 columns for WHERE at each width from TEXT_MIN_WIDTH up.
 */
static const struct column {
	const char *title;
	size_t columns, min_width;
	cell_fn *cell;
} table[] = {
	{ "STEPS", 8, 0, cell_steps },
	{ "TOTAL", 8, 80, cell_total },
	{ "P50", 8, 105, cell_p50 },
	{ "P99", 8, 90, cell_p99 },
	{ "MAX", 8, 0, cell_max },
	{ "STALLS", 7, 0, cell_stalls },
	{ "CPU/BLK/GIL/RUN", 15, 96, cell_split },
	{ "STARVED", 8, 0, cell_starved },
};

#define TABLE_COLUMNS N_OF(table)

/* "callback render() app.py:7", "python3 (4242)" */
static void place_of(const struct group_row *row, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const struct code_info code = { row->name, row->file, row->line };
	const bool is_file = row->file && !strcmp(row->file, row->name);
	const char *mark = row->unit == LS_UNIT_CALLBACK && !row->is_entry ? "callback " : "";
	char raw[TEXT_PIECE_BYTES], place[TEXT_PIECE_BYTES];
	const size_t used = strlen(mark);

	if (is_file || (!row->file && row->pid && row->has_steps && !row->has_percentiles)) {
		snprintf(raw, sizeof(raw), is_file ? "%s" : "%s (%u)",
			 is_file ? format__path_tail(row->file, 2) : row->name, row->pid);
		text__escape(raw, buf, TEXT_PIECE_BYTES);
		return;
	}
	text_place(&code, columns > used ? columns - used : columns, place);
	snprintf(buf, TEXT_PIECE_BYTES, "%s%.*s", mark, (int)(TEXT_PIECE_BYTES - 16), place);
}

/* Writes one line of the table, the titles if row is NULL. */
static void put_row(FILE *out, const struct group_row *row, const struct light *light, size_t width)
{
	char buf[CELL_BYTES], where[TEXT_PIECE_BYTES];
	size_t used = 0, left = 0;

	for (size_t i = 0; i < TABLE_COLUMNS; i++) {
		const struct column *c = &table[i];

		if (width && width < c->min_width)
			continue;
		format__right(out, row ? c->cell(row, light, buf) : c->title, c->columns);
		fputs(i + 1 < TABLE_COLUMNS ? " " : "  ", out);
		used += c->columns + 1;
	}
	if (!row) {
		fputs("WHERE\n", out);
		return;
	}
	if (width)
		left = width - used - 1;
	place_of(row, left, where);
	format__cut(out, where, left ? left : format__columns(where));
	fputc('\n', out);
}

static void put_table(FILE *out, const struct snapshot *s, const struct report_opts *opts)
{
	const struct group_list *list = &s->groups[opts->group];
	const struct light light = report_light(s);
	size_t n = list->n;

	if (!n)
		return;
	if (opts->max_rows && n > opts->max_rows)
		n = opts->max_rows;
	fputc('\n', out);
	put_row(out, NULL, &light, text_width(opts));
	for (size_t i = 0; i < n; i++)
		put_row(out, &list->rows[i], &light, text_width(opts));
	if (n < list->n)
		fprintf(out, "... and %zu more\n", list->n - n);
}

/* "app/work.py:18 in scan (thread asyncio_0)", "process nginx, no known code" */
static void put_holder(FILE *out, const struct holder_row *row, size_t columns, size_t width)
{
	char waited[FORMAT_NUMBER_BYTES], stalls[FORMAT_NUMBER_BYTES], starved[FORMAT_NUMBER_BYTES];
	char raw[TEXT_PIECE_BYTES], text[TEXT_PIECE_BYTES], who[WORDING_HOLDER_BYTES];

	snprintf(who, sizeof(who), "%s%s %s", row->is_collecting ? "garbage collector in " : "",
		 row->is_process ? "process" : "thread", *row->name ? row->name : "without a name");
	if (row->at.file)
		snprintf(raw, sizeof(raw), "%s:%u in %s%s%s%s", format__path_tail(row->at.file, 2),
			 row->at.line, row->at.function, *row->name ? " (" : "",
			 *row->name ? who : "", *row->name ? ")" : "");
	else
		snprintf(raw, sizeof(raw), "%s%s", who,
			 row->is_collecting ? "" : ", no known code");
	text__escape(raw, text, sizeof(text));
	format__right(out, format__duration(row->waited_ns, waited), columns);
	format__right(out, format__count(row->stalls, stalls), 8);
	format__right(out, format__duration(row->starved_ns, starved), 9);
	fputs("  ", out);
	format__cut(out, text, width ? width - 20 - columns : format__columns(text));
	fputc('\n', out);
}

static void put_holders(FILE *out, const char *what, const struct holder_row *rows, size_t n_rows,
			const struct report_opts *opts)
{
	size_t n = n_rows;

	if (!n)
		return;
	if (opts->max_rows && n > opts->max_rows)
		n = opts->max_rows;
	fprintf(out, "\n%s  STALLS  STARVED  BY\n", what);
	for (size_t i = 0; i < n; i++)
		put_holder(out, &rows[i], strlen(what), text_width(opts));
	if (n < n_rows)
		fprintf(out, "... and %zu more\n", n_rows - n);
}

static void put_totals(FILE *out, const struct snapshot *s, const struct report_run *run)
{
	char a[FORMAT_NUMBER_BYTES], b[FORMAT_NUMBER_BYTES], c[FORMAT_NUMBER_BYTES],
		d[FORMAT_NUMBER_BYTES];
	char reason[TEXT_PIECE_BYTES];

	fprintf(out, "%s step%s in %s, %s stall%s, tasks starved for %s\n",
		format__count(s->steps, a), format__plural(s->steps),
		format__duration(run->duration_ns, b), format__count(s->stalls, c),
		format__plural(s->stalls), format__duration(s->starved_ns, d));
	if (run->light_ns)
		fprintf(out,
			"light mode for %s of that, %s handle%s begun and no steps counted in it; "
			"the mode changed %s time%s\n",
			format__duration(run->light_ns, a), format__count(s->handles, b),
			format__plural(s->handles), format__count(run->mode_switches, c),
			format__plural(run->mode_switches));
	if (s->steps == 0 && (run->no_steps_reason || (s->stalls == 0 && !run->light_ns))) {
		text__escape(run->no_steps_reason ? run->no_steps_reason :
						    "no task ran in that time",
			     reason, sizeof(reason));
		fprintf(out, "0 steps seen because %s\n", reason);
	}
	if (s->turns || s->step_ns || s->callbacks_ns || s->idle_ns)
		fprintf(out, "loop: %s in steps, %s in callbacks, %s waiting, %" PRIu64 " turn%s\n",
			format__duration(s->step_ns, a), format__duration(s->callbacks_ns, b),
			format__duration(s->idle_ns, c), s->turns, format__plural(s->turns));
	if ((double)s->unaccounted_ns > MODEL_MAX_UNACCOUNTED_SHARE * (double)s->watched_ns)
		fprintf(out, "%s of %s watched are not accounted for: stalls may hide there\n",
			format__duration(s->unaccounted_ns, a), format__duration(s->watched_ns, b));
	if (s->unattributed_steps)
		fprintf(out, "%s step%s whose coroutine is not known\n",
			format__count(s->unattributed_steps, a),
			format__plural(s->unattributed_steps));
}

static int put_own_cost(FILE *out, const struct report_run *run, const struct report_opts *opts)
{
	char a[FORMAT_NUMBER_BYTES], text[TEXT_PIECE_BYTES] = "";
	_cleanup_(file_close) FILE *line = fmemopen(text, sizeof(text), "w");

	if (!line)
		return -ENOMEM;
	own_cost__put(line, &run->own_cost, run->duration_ns);
	fprintf(line, ", %s", format__bytes(run->own_rss_bytes, a));
	fflush(line);
	fputc('\n', out);
	text_put_wrapped(out, "", text_width(opts), "%s", text);
	return 0;
}

static void put_losses(FILE *out, const struct snapshot *s)
{
	char count[FORMAT_NUMBER_BYTES];

	for (size_t i = 0; i < s->n_losses; i++)
		if (!s->losses[i].is_slight)
			fprintf(out, "lost: %s %s (%s)\n", format__count(s->losses[i].count, count),
				s->losses[i].sentence, s->losses[i].name);
}

int text__finish(struct report *report, const struct snapshot *snapshot,
		 const struct report_run *run)
{
	_cleanup_(output__done) struct output o;
	int r;

	r = output__init(&o);
	if (r)
		return r;
	text__put_findings(o.mem, snapshot, run, &report->opts);
	put_totals(o.mem, snapshot, run);
	put_table(o.mem, snapshot, &report->opts);
	put_holders(o.mem, "GIL HELD", snapshot->holders, snapshot->n_holders, &report->opts);
	put_holders(o.mem, "LOCK HELD", snapshot->lock_holders, snapshot->n_lock_holders,
		    &report->opts);
	r = put_own_cost(o.mem, run, &report->opts);
	if (r)
		return r;
	put_losses(o.mem, snapshot);
	return output__send(&o, report->out);
}
