/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict comes first, then what it rests on. What is not known has no line.
 */
#include "view/detail_draw.h"

#include <inttypes.h>
#include <string.h>

#include "view/cause.h"
#include "view/render.h"

#define BAR_COLUMNS 30
#define HIST_COLUMNS 32
#define PAYER_COLUMNS 12
#define GIL_SHARE 20 /* a twentieth of a stall is worth naming who held the GIL */

static void draw_verdict(struct page *p, const struct detail *d)
{
	char stalls[WORDS_BYTES], starved[WORDS_BYTES], worst[WORDS_BYTES];

	if (!d->stalls) {
		page__wrap(p, 1, ATTR_GOOD, "%s has not stalled the loop so far.",
			   d->has_task || d->is_task_gone ? "Its coroutine" : "It");
		return;
	}
	if (d->has_verdict) {
		page__wrap(p, 1, ATTR_BAD, "%s.", d->verdict.verdict);
		page__wrap(p, 1, ATTR_BOLD, "%s.", d->verdict.advice);
	}
	page__wrap(p, 1, ATTR_NORMAL,
		   "%s stall%s, the worst known took %s; others were starved for %s.",
		   words__count(d->stalls, stalls), d->stalls == 1 ? "" : "s",
		   words__duration(d->n_worst ? d->worst[0].duration_ns : d->row.max_ns, worst),
		   words__duration(d->starved_ns, starved));
}

static void draw_source(struct page *p, const struct detail *d)
{
	int row, column, width = canvas__columns(p->canvas);
	enum canvas_attr attr;
	uint32_t i, line;

	if (!d->at.file)
		return;
	page__line(p);
	row = page__labelled(p, "where");
	page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_NORMAL, "%s:%u%s%s", d->at.file, d->at.line,
		    d->at.function ? " in " : "", d->at.function ? d->at.function : "");
	for (i = 0; i < d->n_lines; i++) {
		line = d->first_line + i;
		attr = line == d->at.line ? ATTR_BOLD : ATTR_DIM;
		row = page__line(p);
		column = page__print(p, row, PAGE_LABEL_COLUMNS, attr, "%c %5u  ",
				     line == d->at.line ? '>' : ' ', line);
		canvas__text(p->canvas, row, column, width - column, attr, d->lines[i]);
	}
}

/* As the split of a table: each part has a fill of its own, so that it tells something without colour. */
static void draw_split(struct page *p, const struct detail *d)
{
	static const char *const words[] = { "cpu", "blocked", "gil", "run queue" };
	uint64_t total = d->cpu_ns + d->blocked_ns + d->gil_ns + d->runqueue_ns;
	struct table_cell bar = { .text = "" }, mark = { .text = "" };
	char share[WORDS_BYTES];
	struct page_flow flow;
	size_t i;

	if (!total)
		return;
	page__line(p);
	page__flow(&flow, p, "split");
	cell__split(&bar, d->cpu_ns, d->blocked_ns, d->gil_ns, d->runqueue_ns);
	cell__draw_parts(&bar, p->canvas, flow.row, PAGE_LABEL_COLUMNS, BAR_COLUMNS);
	flow.column += BAR_COLUMNS + 2;
	for (i = 0; i < bar.n_parts; i++) {
		if (!(bar.parts[i].value > 0))
			continue;
		mark.n_parts = 0;
		cell__part(&mark, 1, bar.parts[i].attr);
		/* Behind the item, which may have gone to the next line. */
		page__item(&flow, bar.parts[i].attr, "  %s %s%%", words[i],
			   words__percent(bar.parts[i].value / (double)total, share));
		cell__draw_parts(&mark, p->canvas, flow.row,
				 flow.column - PAGE_ITEM_GAP - 4 - text_columns(words[i]) -
					 text_columns(share),
				 1);
	}
}

/* Folds the buckets from the first to the last one used into at most HIST_COLUMNS values. Returns their number. */
static size_t fold_hist(const uint32_t *hist, double *values, uint64_t *ret_from, uint64_t *ret_to)
{
	size_t first = 0, end = LS_HIST_BUCKETS, each, n, i;
	double max = 0;

	while (first < end && !hist[first])
		first++;
	while (end > first && !hist[end - 1])
		end--;
	if (first == end)
		return 0;
	each = (end - first + HIST_COLUMNS - 1) / HIST_COLUMNS;
	n = (end - first + each - 1) / each;
	memset(values, 0, n * sizeof(*values));
	for (i = first; i < end; i++)
		values[(i - first) / each] += hist[i];
	for (i = 0; i < n; i++)
		max = values[i] > max ? values[i] : max;
	/* One slow step among thousands is the one looked for. */
	for (i = 0; i < n; i++)
		if (values[i] > 0 && values[i] < max / 8)
			values[i] = max / 8;
	*ret_from = ls_hist_floor_ns((uint32_t)first);
	*ret_to = ls_hist_floor_ns((uint32_t)(end < LS_HIST_BUCKETS ? end : LS_HIST_BUCKETS - 1));
	return n;
}

static void draw_steps(struct page *p, const struct detail *d)
{
	const struct coroutine_row *row = &d->row;
	char a[WORDS_BYTES], b[WORDS_BYTES], e[WORDS_BYTES], f[WORDS_BYTES], g[WORDS_BYTES];
	double values[HIST_COLUMNS], max = 0;
	uint64_t from, to;
	size_t n, i;
	int at, column;

	n = d->has_row ? fold_hist(row->hist, values, &from, &to) : 0;
	if (!n)
		return;
	for (i = 0; i < n; i++)
		max = values[i] > max ? values[i] : max;
	at = page__labelled(p, "steps");
	column = page__print(p, at, PAGE_LABEL_COLUMNS, ATTR_DIM, "%s ", words__duration(from, a));
	canvas__sparkline(p->canvas, at, column, (int)n, ATTR_NORMAL, values, n, max);
	page__print(p, at, column + (int)n, ATTR_DIM, " %s", words__duration(to, a));
	at = page__labelled(p, "");
	page__print(p, at, PAGE_LABEL_COLUMNS, ATTR_NORMAL,
		    "%s steps   p50 %s   p95 %s   p99 %s   max %s", words__count(row->steps, a),
		    words__duration(row->p50_ns, b), words__duration(row->p95_ns, e),
		    words__duration(row->p99_ns, f), words__duration(row->max_ns, g));
}

static void draw_stack(struct page *p, const struct detail *d)
{
	const struct stall *stall = &d->stall;
	char took[WORDS_BYTES];
	size_t i;

	page__line(p);
	page__print(p, page__labelled(p, "stack"), PAGE_LABEL_COLUMNS, cause_attr(stall->cause),
		    "%s, of %s stall: %s%s%s", words__call(stall->cause, stall->call_syscall),
		    d->is_chosen ? "this" : "the worst", words__duration(stall->duration_ns, took),
		    stall->task_name[0] ? " in " : "", stall->task_name);
	if (stall->gil_holder_tid && stall->gil_ns >= stall->duration_ns / GIL_SHARE)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_GIL,
			    "the GIL was held by thread %u", stall->gil_holder_tid);
	for (i = 0; i < stall->n_frames; i++)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_NORMAL, "%s  %s:%u",
			    stall->stack[i].function, stall->stack[i].file, stall->stack[i].line);
	if (stall->is_stack_cut)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM,
			    "(outer frames not known)");
}

/* Bars compare who paid most. Then a line for all the others. */
static void draw_payers(struct page *p, const char *label, const struct detail_payers *payers)
{
	double most = payers->n > 0 ? (double)payers->rows[0].starved_ns : 0;
	char took[WORDS_BYTES], times[WORDS_BYTES];
	size_t i;
	int row;

	if (payers->n)
		page__line(p);
	for (i = 0; i < payers->n; i++) {
		const struct detail_payer *payer = &payers->rows[i];

		row = page__labelled(p, i ? "" : label);
		page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_BOLD, "%6s",
			    words__duration(payer->starved_ns, took));
		canvas__bar(p->canvas, row, PAGE_LABEL_COLUMNS + 8, PAYER_COLUMNS, ATTR_BLOCKED,
			    (double)payer->starved_ns, most);
		page__print(p, row, PAGE_LABEL_COLUMNS + 10 + PAYER_COLUMNS, ATTR_NORMAL,
			    "%5s times  %s", words__count(payer->times, times), payer->name);
	}
	if (payers->others)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM, "%6s  %zu others",
			    words__duration(payers->others_ns, took), payers->others);
}

static void draw_worst(struct page *p, const struct detail *d)
{
	char took[WORDS_BYTES], ago[WORDS_BYTES], starved[WORDS_BYTES];
	const struct stall *stall;
	uint64_t end_ns;
	size_t i;

	if (d->n_worst)
		page__line(p);
	for (i = 0; i < d->n_worst; i++) {
		stall = &d->worst[i];
		end_ns = stall->start_ns + stall->duration_ns;
		page__print(p, page__labelled(p, i ? "" : "worst"), PAGE_LABEL_COLUMNS, ATTR_NORMAL,
			    "%6s  %6s ago  %-16s  starved %u for %s  %s",
			    words__duration(stall->duration_ns, took),
			    words__duration(d->now_ns > end_ns ? d->now_ns - end_ns : 0, ago),
			    words__call(stall->cause, stall->call_syscall), stall->victims,
			    words__duration(stall->starved_ns, starved), stall->task_name);
	}
}

static void draw_trend(struct page *p, const struct detail *d)
{
	const struct coroutine_row *r = &d->row;
	size_t n = r->n_trend < MODEL_TREND ? r->n_trend : MODEL_TREND, used;
	bool is_utf8 = canvas__is_utf8(p->canvas);
	char now[WORDS_BYTES], top[WORDS_BYTES];
	double shares[MODEL_TREND], most = 0;
	int row, direction = trend_direction(r->trend, n);
	size_t i;

	if (!d->has_row || !n)
		return;
	most = r->busy;
	for (i = 0; i < n; i++)
		most = (double)r->trend[i] > most ? (double)r->trend[i] : most;
	used = trend_shares(r->trend, n, shares, MODEL_TREND);
	row = page__labelled(p, "busy");
	canvas__sparkline(p->canvas, row, PAGE_LABEL_COLUMNS, (int)used, ATTR_CPU, shares, used, 1);
	page__print(p, row, PAGE_LABEL_COLUMNS + (int)used + 2,
		    direction > 0 ? ATTR_WARN : ATTR_NORMAL, "%s%% now, at most %s%%%s",
		    words__percent(r->busy, now), words__percent(most, top),
		    direction > 0	  ? (is_utf8 ? "  \u2191 rising" : "  ^ rising") :
			    direction < 0 ? (is_utf8 ? "  \u2193 falling" : "  v falling") :
					    "");
}

static void draw_suffered(struct page *p, const struct detail *d)
{
	char took[WORDS_BYTES], times[WORDS_BYTES];

	if (!d->has_row || !d->row.suffered)
		return;
	page__line(p);
	page__wrap(p, 1, ATTR_NORMAL, "Its own tasks had to wait %s times behind others, for %s.",
		   words__count(d->row.suffered, times), words__duration(d->row.suffered_ns, took));
}

void detail__draw(struct page *p, const struct detail *d)
{
	static const enum canvas_attr grades[] = {
		[LOG_GRADE_INFO] = ATTR_NORMAL,
		[LOG_GRADE_WARNING] = ATTR_WARN,
		[LOG_GRADE_ERROR] = ATTR_BAD,
	};

	if (d->log[0]) {
		page__wrap(p, 1, grades[d->log_grade], "%s", d->log);
		return;
	}
	if (d->has_task)
		detail__draw_task(p, d);
	if (d->is_task_gone)
		page__wrap(p, 1, ATTR_DIM, "This task has ended, or was not among those read last.");
	draw_verdict(p, d);
	draw_source(p, d);
	draw_split(p, d);
	draw_steps(p, d);
	draw_trend(p, d);
	if (d->has_stall)
		draw_stack(p, d);
	draw_payers(p, "paid by", &d->paid_by);
	draw_worst(p, d);
	draw_suffered(p, d);
	draw_payers(p, "behind", &d->behind);
}
