/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict comes first, then its evidence. What is not known has no line.
 */
#include "view/detail_draw.h"

#include <inttypes.h>
#include <string.h>

#include "model/holder.h"
#include "model/vocabulary.h"
#include "model/naming.h"
#include "model/native_stack.h"
#include "view/cause.h"
#include "view/render.h"

#define BAR_COLUMNS 30
#define HIST_COLUMNS 32
#define PAYER_COLUMNS 12
#define MAX_HOLDER_FRAMES 8
#define HOLDER_SHARE 20 /* a twentieth of a stall is worth naming who held what it waited for */

static void draw_verdict(struct page *p, const struct detail *d)
{
	char stalls[WORDS_BYTES], starved[WORDS_BYTES], worst[WORDS_BYTES];

	if (!d->stalls && !d->has_verdict) {
		page__wrap(p, 1, ATTR_GOOD, "%s has not stalled the loop so far.",
			   d->has_task || d->is_task_gone ? "Its coroutine" : "It");
		return;
	}
	if (d->has_verdict) {
		page__wrap(p, 1, ATTR_BAD, "%s.", d->verdict.verdict);
		page__wrap(p, 1, ATTR_BOLD, "%s.", d->verdict.advice);
	}
	if (!d->stalls)
		return;
	if (d->has_own_verdict) {
		page__wrap(p, 1, ATTR_BAD, "%s.", d->own_verdict.verdict);
		page__wrap(p, 1, ATTR_BOLD, "%s.", d->own_verdict.advice);
	}
	if (!d->n_worst && !d->row.max_ns) {
		page__wrap(p, 1, ATTR_NORMAL,
			   "%s stall%s, not among the last ones, which are kept.",
			   words__count(d->stalls, stalls), d->stalls == 1 ? "" : "s");
		return;
	}
	page__wrap(p, 1, ATTR_NORMAL,
		   "%s stall%s, the worst known took %s; others were starved for %s.",
		   words__count(d->stalls, stalls), d->stalls == 1 ? "" : "s",
		   words__duration(d->n_worst ? d->longest_ns : d->row.max_ns, worst),
		   words__duration(d->starved_ns, starved));
}

void detail__draw_source(struct page *p, const struct detail *d)
{
	int row, column, width = canvas__columns(p->canvas);
	enum canvas_attr attr;
	uint32_t line;

	if (!d->at.file)
		return;
	page__line(p);
	row = page__labelled(p, "where");
	page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_NORMAL, "%s:%u%s%s", d->at.file, d->at.line,
		    d->at.function ? " in " : "", d->at.function ? d->at.function : "");
	for (uint32_t i = 0; i < d->n_lines; i++) {
		line = d->first_line + i;
		attr = line == d->at.line ? ATTR_BOLD : ATTR_DIM;
		row = page__line(p);
		column = page__print(p, row, PAGE_LABEL_COLUMNS, attr, "%c %5u  ",
				     line == d->at.line ? '>' : ' ', line);
		canvas__text(p->canvas, row, column, width - column, attr, d->lines[i]);
	}
}

/* As the split of a table: each part has its own fill, so that it is readable without colour. */
static void draw_split(struct page *p, const struct detail *d)
{
	static const char *const words[] = { "cpu", "blocked", "gil", "run queue" };
	uint64_t total = d->cpu_ns + d->blocked_ns + d->gil_ns + d->runqueue_ns;
	struct table_cell bar = { .text = "" }, mark = { .text = "" };
	char share[WORDS_BYTES];
	struct page_flow flow;

	if (!total)
		return;
	page__line(p);
	page__flow(&flow, p, "split");
	cell__split(&bar, d->cpu_ns, d->blocked_ns, d->gil_ns, d->runqueue_ns);
	cell__draw_parts(&bar, p->canvas, flow.row, PAGE_LABEL_COLUMNS, BAR_COLUMNS);
	flow.column += BAR_COLUMNS + 2;
	for (size_t i = 0; i < bar.n_parts; i++) {
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

/*
 * Folds the buckets from the first to the last one used into at most HIST_COLUMNS values. Returns
 * their number.
 */
static size_t fold_hist(const uint32_t *hist, double *values, uint64_t *ret_from, uint64_t *ret_to)
{
	size_t first = 0, end = LS_HIST_BUCKETS, each, n;
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
	for (size_t i = first; i < end; i++)
		values[(i - first) / each] += hist[i];
	for (size_t i = 0; i < n; i++)
		max = values[i] > max ? values[i] : max;
	/* A single slow step among thousands must stay visible. */
	for (size_t i = 0; i < n; i++)
		if (values[i] > 0 && values[i] < max / 8)
			values[i] = max / 8;
	*ret_from = ls_hist_floor_ns((uint32_t)first);
	*ret_to = ls_hist_floor_ns((uint32_t)(end < LS_HIST_BUCKETS ? end : LS_HIST_BUCKETS - 1));
	return n;
}

/* "~41us"; "-" where more steps stalled than are beyond that percentile. */
static const char *sampled(const struct detail *d, double percent, uint64_t ns,
			   char buf[WORDS_BYTES])
{
	char number[WORDS_BYTES];

	if (!light__has_percentile(&d->light, d->row.steps, d->row.stalls, percent))
		return "-";
	snprintf(buf, WORDS_BYTES, "~%.30s", words__duration(ns, number));
	return buf;
}

static void draw_steps(struct page *p, const struct detail *d)
{
	const struct coroutine_row *row = &d->row;
	char a[WORDS_BYTES], b[WORDS_BYTES], c[WORDS_BYTES], e[WORDS_BYTES], f[WORDS_BYTES],
		g[WORDS_BYTES];
	double values[HIST_COLUMNS], max = 0;
	uint64_t from, to;
	size_t n;
	int at, column;

	n = d->has_row ? fold_hist(row->hist, values, &from, &to) : 0;
	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		max = values[i] > max ? values[i] : max;
	at = page__labelled(p, "steps");
	column = page__print(p, at, PAGE_LABEL_COLUMNS, ATTR_DIM, "%s ", words__duration(from, a));
	canvas__sparkline(p->canvas, at, column, (int)n, ATTR_NORMAL, values, n, max);
	page__print(p, at, column + (int)n, ATTR_DIM, " %s", words__duration(to, a));
	at = page__labelled(p, "");
	if (!light__is_partial(&d->light)) {
		page__print(p, at, PAGE_LABEL_COLUMNS, ATTR_NORMAL,
			    "%s steps   p50 %s   p95 %s   p99 %s   max %s",
			    words__count(row->steps, a), words__duration(row->p50_ns, b),
			    words__duration(row->p95_ns, e), words__duration(row->p99_ns, f),
			    words__duration(row->max_ns, g));
		return;
	}
	/* A sample of them was timed. */
	page__print(p, at, PAGE_LABEL_COLUMNS, ATTR_NORMAL,
		    "~%s steps, %s timed   p50 %s   p95 %s   p99 %s   max %s",
		    words__count(light__scale(&d->light, row->steps), a),
		    words__count(row->steps, c), sampled(d, 50, row->p50_ns, b),
		    sampled(d, 95, row->p95_ns, e), sampled(d, 99, row->p99_ns, f),
		    words__duration(row->max_ns, g));
}

/* Who had the CPU, and what it spent itself, if that alone is a stall. */
static void draw_holder(struct page *p, const struct stall *stall)
{
	char holder[VOCABULARY_HOLDER_BYTES], own[WORDS_BYTES], kernel[VOCABULARY_KERNEL_BYTES];

	vocabulary_cpu_holder(stall, holder);
	vocabulary_kernel(stall, kernel);
	if (stall->cause == LS_CAUSE_RUNQUEUE && *holder)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_RUNQUEUE, "%s",
			    holder);
	if (stall->repeated_await.function)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_WARN,
			    "awaits again and again in %s  %s:%u, and never suspends",
			    stall->repeated_await.function, stall->repeated_await.file,
			    stall->repeated_await.line);
	if (stall->own_call.function)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_WARN,
			    "in %s, %s  %s:%u", vocabulary_own_call(stall),
			    stall->own_call.function, stall->own_call.file, stall->own_call.line);
	if (stall->own_ns)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS,
			    cause_attr(stall->own_cause), "itself it took %s: %s",
			    words__duration(stall->own_ns, own),
			    vocabulary_cause(stall->own_cause));
	if (*kernel)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_WARN,
			    "most of its CPU time was %s", kernel);
}

/* What is known of one frame. */
static void draw_frame(struct page *p, const struct model_frame *frame)
{
	const int row = page__labelled(p, "");

	if (frame_is_known(frame))
		page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_NORMAL, "%s  %s:%u", frame->function,
			    frame->file, frame->line);
	else
		page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_DIM, "(its code has been freed)");
}

/* The user's functions, where they are not the innermost frame. */
static void draw_own(struct page *p, const struct stall *stall)
{
	const struct model_frame *own = &stall->own, *entry = &stall->entry;
	char share[WORDS_BYTES];

	if (!own->function || !stall->n_frames)
		return;
	page__print(p, page__labelled(p, "own"), PAGE_LABEL_COLUMNS, ATTR_BOLD,
		    "%s  %s:%u  holds %s%%", own->function, own->file, own->line,
		    words__percent(stall->own_share, share));
	if (!frame_is_same_function(own, entry))
		page__print(p, page__labelled(p, "entry"), PAGE_LABEL_COLUMNS, ATTR_NORMAL,
			    "%s  %s:%u", entry->function, entry->file, entry->line);
}

/* Where the step resumed, or suspended. */
static void draw_step_end(struct page *p, const char *label, const struct step_end *end)
{
	const struct model_frame *at = &end->at;
	int row;

	if (end->state == LS_AWAIT_UNKNOWN)
		return;
	row = page__labelled(p, label);
	if (end->state != LS_AWAIT_SUSPENDED)
		page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_NORMAL, "%s%s",
			    end->state == LS_AWAIT_CANCELLED ? "was " : "",
			    vocabulary_await(end->state));
	else if (frame_is_known(at) && at->line)
		page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_NORMAL, "%s  %s:%u", at->function,
			    at->file, at->line);
	else
		page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_DIM, "(its line is not known)");
}

/* The HTTP request in whose step it happened, and the test that ran. */
static void draw_request(struct page *p, const struct stall *stall)
{
	if (*stall->request.label)
		page__print(p, page__labelled(p, "request"), PAGE_LABEL_COLUMNS, ATTR_BOLD, "%s",
			    stall->request.label);
	if (*stall->test)
		page__print(p, page__labelled(p, "test"), PAGE_LABEL_COLUMNS, ATTR_NORMAL, "%s",
			    stall->test);
}

/* `what`: "the GIL was held". */
static void draw_lock_holder(struct page *p, const struct stall *stall, const char *what, int attr,
			     const struct model_holder *holder)
{
	const struct model_frame *own = holder__own_frame(holder, stall->words);

	page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, attr, "%s by %s%s %u%s%s", what,
		    holder->is_collecting ? "the garbage collector in " : "",
		    holder->is_process ? "process" : "thread", holder->tid,
		    *holder->name ? " " : "", holder->name);
	if (own && own != &holder->stack[0])
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, attr, "in %s  %s:%u",
			    own->function, own->file, own->line);
	for (size_t i = 0; i < holder->n_frames && i < MAX_HOLDER_FRAMES; i++)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM, "    %s  %s:%u",
			    holder->stack[i].function, holder->stack[i].file,
			    holder->stack[i].line);
	if (holder->is_seen_once)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM,
			    "    when the wait began: it was not seen again");
	if (holder->n_frames > MAX_HOLDER_FRAMES)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM,
			    "    and %zu more", holder->n_frames - MAX_HOLDER_FRAMES);
}

/* Who held the locks that it waited for, or why that is not known. */
static void draw_locks(struct page *p, const struct stall *stall)
{
	static const char *const held[LS_LOCK_MAX] = {
		[LS_LOCK_OWNER] = "the lock was held",
		[LS_LOCK_RELEASED] = "the lock was released",
		[LS_LOCK_RELEASED_LAST] = "the lock was last held",
		[LS_LOCK_PROCESS] = "the lock of the file was taken",
	};
	const char *unknown = vocabulary_no_lock_holder(stall);

	if (stall->lock_holder.tid && held[stall->lock_known])
		draw_lock_holder(p, stall, held[stall->lock_known], cause_attr(LS_CAUSE_LOCK),
				 &stall->lock_holder);
	else if (unknown)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM,
			    "the holder of the lock is not known: %s", unknown);
}

static void draw_native(struct page *p, const struct stall *stall)
{
	char module[NATIVE_MODULE_BYTES];

	for (size_t i = 0; i < stall->n_native; i++) {
		const struct model_native *frame = &stall->native_stack[i];
		const char *function = native_function(frame);

		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM, "%s  %s",
			    function ? function : "(no symbol)",
			    native_module(frame, module) ? module : "native code");
	}
	if (stall->is_native_cut)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM,
			    "(native frames not known)");
}

static void draw_stack(struct page *p, const struct detail *d)
{
	const struct stall *stall = &d->stall;
	const char *which = detail__is_open(d) ? "the open" : d->is_chosen ? "this" : "the worst";
	char took[WORDS_BYTES];

	page__line(p);
	page__print(p, page__labelled(p, "stack"), PAGE_LABEL_COLUMNS, cause_attr(stall->cause),
		    "%s, of %s stall: %s%s%s%s",
		    words__call(stall->words, stall->cause, stall->sign, stall->call_syscall),
		    which, words__duration(stall->duration_ns, took),
		    detail__is_open(d) ? " so far" : "", stall->task_name[0] ? " in " : "",
		    stall->task_name);
	if (stall->gil_ns >= stall->duration_ns / HOLDER_SHARE && stall->gil_holder.tid)
		draw_lock_holder(p, stall, "the GIL was held", ATTR_GIL, &stall->gil_holder);
	if (stall->cause_ns[LS_CAUSE_LOCK] >= stall->duration_ns / HOLDER_SHARE)
		draw_locks(p, stall);
	draw_holder(p, stall);
	draw_native(p, stall);
	for (size_t i = 0; i < stall->n_frames; i++)
		draw_frame(p, &stall->stack[i]);
	if (stall->is_stack_cut)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM,
			    "(outer frames not known)");
	draw_own(p, stall);
	draw_request(p, stall);
	draw_step_end(p, "from", &stall->from);
	draw_step_end(p, "to", &stall->to);
}

/* All places at which its stalls spent their time: the worst one alone would hide the others. */
static void draw_sites(struct page *p, const struct detail *d)
{
	char share[WORDS_BYTES], stalls[WORDS_BYTES];
	const double all = (double)d->sites_ns;

	if (d->n_sites < 2)
		return;
	page__line(p);
	for (size_t i = 0; i < d->n_sites; i++) {
		const struct detail_site *site = &d->sites[i];

		page__print(p, page__labelled(p, i ? "" : "sites"), PAGE_LABEL_COLUMNS,
			    cause_attr(site->cause), "%5s%%  %s:%u in %s: %s, %s stall%s",
			    words__percent((double)site->total_ns / all, share),
			    words__file(site->at.file), site->at.line, site->at.function,
			    words__call(site->words, site->cause, site->sign, site->syscall),
			    words__count(site->stalls, stalls), site->stalls == 1 ? "" : "s");
	}
	if (d->more_sites)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM,
			    "%5s%%  %zu others",
			    words__percent((double)d->more_sites_ns / all, share), d->more_sites);
}

/* Of an open stall: who waits for its end. */
static void draw_waiting(struct page *p, const struct detail *d)
{
	const struct stall *stall = &d->stall;
	struct page_flow flow;

	page__line(p);
	page__flow(&flow, p, "waiting");
	if (stall->is_victims_unknown) {
		page__item(&flow, ATTR_DIM, "not known");
		return;
	}
	page__item(&flow, stall->victims ? ATTR_WARN : ATTR_NORMAL, "%u%s task%s", stall->victims,
		   stall->is_victims_cut ? "+" : "", stall->victims == 1 ? "" : "s");
	for (size_t i = 0; i < stall->victims_named; i++)
		page__item(&flow, ATTR_NORMAL, "%s", stall->victim_names[i]);
	if (stall->victims > stall->victims_named)
		page__item(&flow, ATTR_DIM, "and %u more", stall->victims - stall->victims_named);
}

/* Where a stall that goes on is now, who waits for it, and how it came to be run. */
static void draw_open(struct page *p, const struct detail *d)
{
	draw_stack(p, d);
	draw_waiting(p, d);
	if (d->has_stuck_task)
		detail__draw_awaiters(p, &d->task);
}

/* Bars compare who paid most. Then a line for all the others. */
static void draw_payers(struct page *p, const char *label, const struct detail_payers *payers)
{
	double most = payers->n > 0 ? (double)payers->rows[0].starved_ns : 0;
	char took[WORDS_BYTES], times[WORDS_BYTES];
	int row, row_end;

	if (payers->n)
		page__line(p);
	for (size_t i = 0; i < payers->n; i++) {
		const struct detail_payer *payer = &payers->rows[i];

		row = page__labelled(p, i ? "" : label);
		page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_BOLD, "%6s",
			    words__duration(payer->starved_ns, took));
		canvas__bar(p->canvas, row, PAGE_LABEL_COLUMNS + 8, PAYER_COLUMNS, ATTR_BLOCKED,
			    (double)payer->starved_ns, most);
		row_end = page__print(p, row, PAGE_LABEL_COLUMNS + 10 + PAYER_COLUMNS, ATTR_NORMAL,
				      "%5s times  %s", words__count(payer->times, times),
				      payer->name);
		if (payer->tasks > 1)
			page__print(p, row, row_end, ATTR_DIM, " (%zu)", payer->tasks);
	}
	if (payers->others)
		page__print(p, page__labelled(p, ""), PAGE_LABEL_COLUMNS, ATTR_DIM,
			    "%6s  %zu others", words__duration(payers->others_ns, took),
			    payers->others);
}

static void draw_ended(struct page *p, int row, const struct stall *stall, const struct detail *d)
{
	const uint64_t end_ns = stall->start_ns + stall->duration_ns;
	char took[WORDS_BYTES], ago[WORDS_BYTES], waited[WORDS_BYTES], starved[2 * WORDS_BYTES];
	char at[WORDS_BYTES];

	words__time_of_day(stall->start_ns, d->clock_offset_ns, at);
	if (stall->is_victims_unknown)
		snprintf(starved, sizeof(starved), "who waited: not known");
	else
		snprintf(starved, sizeof(starved), "starved %u for %s", stall->victims,
			 words__duration(stall->starved_ns, waited));
	page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_NORMAL, "%6s  %s%s%6s ago  %-16s  %s  %s",
		    words__duration(stall->duration_ns, took), at, *at ? "  " : "",
		    words__duration(d->now_ns > end_ns ? d->now_ns - end_ns : 0, ago),
		    words__call(stall->words, stall->cause, stall->sign, stall->call_syscall),
		    starved, stall->task_name);
}

static void draw_worst(struct page *p, const struct detail *d)
{
	char took[WORDS_BYTES];

	if (d->n_worst)
		page__line(p);
	for (size_t i = 0; i < d->n_worst; i++) {
		const struct stall *stall = &d->worst[i];
		const int row = page__labelled(p, i ? "" : "worst");

		if (stall->end != LS_END_OPEN) {
			draw_ended(p, row, stall, d);
			continue;
		}
		page__print(p, row, PAGE_LABEL_COLUMNS, ATTR_ALARM, "%6s  open now    %-16s  %s",
			    words__duration(stall->duration_ns, took),
			    words__call(stall->words, stall->cause, stall->sign,
					stall->call_syscall),
			    stall->task_name);
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

	if (!d->has_row || !n)
		return;
	most = r->busy;
	for (size_t i = 0; i < n; i++)
		most = (double)r->trend[i] > most ? (double)r->trend[i] : most;
	used = trend_shares(r->trend, n, trend_most(r->trend, n), shares, MODEL_TREND);
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

void detail__draw_about(struct page *p, const struct detail *d)
{
	if (d->has_task)
		detail__draw_task(p, d);
	if (d->is_task_gone)
		page__wrap(p, 1, ATTR_DIM,
			   "This task has ended, or was not among those read last.");
	draw_verdict(p, d);
}

void detail__draw_what(struct page *p, const struct detail *d)
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
	detail__draw_about(p, d);
	detail__draw_source(p, d);
}

void detail__draw_evidence(struct page *p, const struct detail *d)
{
	if (detail__is_open(d))
		draw_open(p, d);
	else if (d->has_stall)
		draw_stack(p, d);
	draw_payers(p, "paid by", &d->paid_by);
	draw_worst(p, d);
}

void detail__draw(struct page *p, const struct detail *d)
{
	if (d->log[0] || !detail__is_open(d)) {
		detail__draw_what(p, d);
	} else {
		detail__draw_about(p, d);
		draw_open(p, d);
		detail__draw_source(p, d);
	}
	if (d->log[0])
		return;
	draw_sites(p, d);
	draw_split(p, d);
	draw_steps(p, d);
	draw_trend(p, d);
	if (d->has_stall && !detail__is_open(d))
		draw_stack(p, d);
	draw_payers(p, "paid by", &d->paid_by);
	draw_worst(p, d);
	draw_suffered(p, d);
	draw_payers(p, "behind", &d->behind);
}
