/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything about one coroutine or one source line, the verdict first. What is shown stays as it was on entry; `l` lets it
 * follow the target.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "view/cause.h"
#include "view/detail.h"
#include "view/page.h"
#include "view/screens.h"
#include "view/words.h"

#define BAR_COLUMNS 30
#define HIST_COLUMNS 32
#define SHOWN_PAYERS 12

struct detail_screen {
	struct screen_subject subject;
	bool has_subject, is_live, is_taken;
	struct detail detail;
	struct page page;
	char *text;
};

static void draw_title(const struct detail_screen *s, struct canvas *c, int row)
{
	const char *state = s->is_live ? "live, l freezes" : "frozen, l for live";
	const struct code_info *code = &s->subject.coroutine;
	struct page title = { .canvas = c };
	int column;

	if (code->name)
		column = page__print(&title, row, 1, ATTR_TITLE, "%s", code->name);
	else if (!s->subject.at.file)
		column = page__print(&title, row, 1, ATTR_TITLE, "a turn of the loop");
	else
		column = page__print(&title, row, 1, ATTR_TITLE, "%s:%u", s->subject.at.file,
				     s->subject.at.line);
	if (code->name && code->file)
		page__print(&title, row, column, ATTR_NORMAL, "  %s:%u", code->file,
			    code->first_line);
	column = canvas__columns(c) - text_columns(state) - 2;
	canvas__printf(c, row, column, canvas__columns(c) - column,
		       s->is_live ? ATTR_GOOD : ATTR_DIM, " %s", state);
}

static void draw_verdict(struct page *p, const struct detail *d)
{
	char stalls[WORDS_BYTES], starved[WORDS_BYTES], worst[WORDS_BYTES];

	if (!d->stalls) {
		page__wrap(p, 1, ATTR_GOOD, "Has not stalled the loop so far.");
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

struct split_part {
	const char *word;
	uint64_t ns;
	enum canvas_attr attr;
	char ascii;
};

/* Each part is drawn with a sign of its own, so that it tells something without colour. */
static void draw_split_bar(struct canvas *c, int row, const struct split_part *parts, size_t n,
			   uint64_t total)
{
	uint64_t before = 0, from, to;
	char bar[BAR_COLUMNS + 1];
	size_t i;

	for (i = 0; i < n; before += parts[i++].ns) {
		from = (uint64_t)((unsigned __int128)before * BAR_COLUMNS / total);
		to = (uint64_t)((unsigned __int128)(before + parts[i].ns) * BAR_COLUMNS / total);
		memset(bar, parts[i].ascii, to - from);
		bar[to - from] = '\0';
		canvas__text(c, row, PAGE_LABEL_COLUMNS + (int)from, (int)(to - from),
			     parts[i].attr, bar);
	}
}

static void draw_split(struct page *p, const struct detail *d)
{
	const struct split_part parts[] = {
		{ "cpu", d->cpu_ns, ATTR_CPU, '#' },
		{ "blocked", d->blocked_ns, ATTR_BLOCKED, '=' },
		{ "gil", d->gil_ns, ATTR_GIL, '%' },
		{ "run queue", d->runqueue_ns, ATTR_RUNQUEUE, '.' },
	};
	uint64_t total = d->cpu_ns + d->blocked_ns + d->gil_ns + d->runqueue_ns;
	size_t i, n = sizeof(parts) / sizeof(parts[0]);
	char share[WORDS_BYTES];
	struct page_flow flow;

	if (!total)
		return;
	page__line(p);
	page__flow(&flow, p, "split");
	draw_split_bar(p->canvas, flow.row, parts, n, total);
	flow.column += BAR_COLUMNS + 2;
	for (i = 0; i < n; i++)
		if (parts[i].ns)
			page__item(&flow, parts[i].attr, "%c %s %s%%", parts[i].ascii, parts[i].word,
				   words__percent((double)parts[i].ns / (double)total, share));
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
	if (stall->gil_holder_tid)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_GIL,
			    "the GIL was held by thread %u", stall->gil_holder_tid);
	for (i = 0; i < stall->n_frames; i++)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_NORMAL, "%s  %s:%u",
			    stall->stack[i].function, stall->stack[i].file, stall->stack[i].line);
	if (stall->is_stack_cut)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM,
			    "(outer frames not known)");
}

/* One behind the other, as many lines as it takes. */
static void draw_payers(struct page *p, const struct detail *d)
{
	size_t i, shown = d->n_payers < SHOWN_PAYERS ? d->n_payers : SHOWN_PAYERS;
	uint64_t others = d->other_payers;
	struct page_flow flow;

	if (!d->n_payers)
		return;
	page__line(p);
	page__flow(&flow, p, "paid by");
	for (i = 0; i < shown; i++)
		page__item(&flow, ATTR_NORMAL, "%s x%" PRIu64, d->payers[i].name, d->payers[i].times);
	for (; i < d->n_payers; i++)
		others += d->payers[i].times;
	if (others)
		page__item(&flow, ATTR_DIM, "others x%" PRIu64, others);
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

static void draw_body(struct page *p, const struct detail *d)
{
	draw_verdict(p, d);
	draw_source(p, d);
	draw_split(p, d);
	draw_steps(p, d);
	if (d->has_stall)
		draw_stack(p, d);
	draw_payers(p, d);
	draw_worst(p, d);
}

static int detail_new(void **ret_state)
{
	*ret_state = calloc(1, sizeof(struct detail_screen));
	return *ret_state ? 0 : -ENOMEM;
}

static void detail_free(void *state)
{
	struct detail_screen *s = state;

	if (!s)
		return;
	free(s->text);
	free(s);
}

static void detail_enter(void *state, const struct screen_subject *subject)
{
	struct detail_screen *s = state;

	s->has_subject =
		subject && (subject->coroutine.name || subject->at.file || subject->stall_ns);
	s->is_live = s->is_taken = false;
	s->page.scroll = 0;
	if (subject)
		s->subject = *subject;
}

static void detail_draw(void *state, const struct screen_area *area)
{
	struct detail_screen *s = state;

	if (!s->has_subject) {
		canvas__text(area->canvas, area->row, 1, canvas__columns(area->canvas) - 1,
			     ATTR_DIM, "Press Enter on a row that names a coroutine or a line.");
		return;
	}
	if (s->is_live || !s->is_taken)
		detail__take(&s->detail, area->snapshot, area->status, &s->subject);
	s->is_taken = true;
	draw_title(s, area->canvas, area->row);
	page__begin(&s->page, area->canvas, area->row + 1, area->rows - 1);
	draw_body(&s->page, &s->detail);
}

static bool detail_input(void *state, struct table *table, const struct view_event *event,
			 enum view_request *ret_request)
{
	struct detail_screen *s = state;

	(void)table;
	(void)ret_request;
	if (event->key == 'l') {
		s->is_live = !s->is_live;
		return true;
	}
	return page__input(&s->page, event);
}

static void write_text(FILE *out, const struct detail *d)
{
	size_t i;

	if (d->has_verdict && d->stalls)
		fprintf(out, "%s. %s.\n", d->verdict.verdict, d->verdict.advice);
	for (i = 0; d->has_stall && i < d->stall.n_frames; i++)
		fprintf(out, "%s %s:%u\n", d->stall.stack[i].function, d->stall.stack[i].file,
			d->stall.stack[i].line);
}

static const char *detail_text(void *state)
{
	struct detail_screen *s = state;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return "";
	if (s->is_taken)
		write_text(out, &s->detail);
	if (fclose(out)) {
		free(text);
		return "";
	}
	free(s->text);
	s->text = text;
	return text;
}

const struct screen_ops screen_detail = {
	.name = SCREEN_OF_SUBJECT,
	.title = "Detail",
	.keys = "l Live  Esc Back",
	.new = detail_new,
	.free = detail_free,
	.draw = detail_draw,
	.enter = detail_enter,
	.text = detail_text,
	.input = detail_input,
};
