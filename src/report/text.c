/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line per stall, for people. Columns are aligned as far as the terminal is wide: first the
 * task is left out, then the function, then the folder; cause, duration, file and line stay. Colour
 * only repeats what the words say.
 */
#include "report/text.h"

#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/time.h"
#include "model/naming.h"
#include "model/native_stack.h"
#include "report/format.h"
#include "report/output.h"
#include "report/text_fold.h"
#include "report/wording.h"

#define PID_COLUMNS 7
#define UNIT_COLUMNS 8
#define DURATION_COLUMNS 8
#define CAUSE_COLUMNS 9
#define FIXED_COLUMNS (DURATION_COLUMNS + 2 + CAUSE_COLUMNS + 1)
#define CLOCK_BYTES 16
/* Narrower lines have no time of day. */
#define CLOCK_MIN_WIDTH 80
/*
 * Narrower ones have none of its milliseconds, no unit, and no pid if it is the same in all: who it
 * was is worth more.
 */
#define WIDE_MIN_WIDTH 100
/* Widths of the elastic columns when the line has no limit. */
#define WHO_COLUMNS 26
#define WHERE_COLUMNS 46
#define WHERE_MIN_COLUMNS 12
#define WHO_MIN_REST 25 /* with less room than this for who and where, the line says only where */
#define TAIL_MIN_REST 80 /* with less, it says in short what came of it */

#define SGR_RESET "\033[0m"
#define SGR_LONG "\033[1;31m"
#define SGR_MEDIUM "\033[33m"
#define SGR_WAIT "\033[36m"
#define SGR_COMPUTE "\033[33m"
#define SGR_CONTENTION "\033[35m"

struct text_state {
	struct text_folds folds;
	uint32_t pid; /* of the last target or stall; 0: there was none */
	bool has_pids; /* there were others before */
	bool has_head, is_head_with_pid; /* the titles of the columns that were written */
};

static void note_pid(struct text_state *text, uint32_t pid)
{
	text->has_pids |= text->pid && text->pid != pid;
	text->pid = pid;
}

static bool is_wide(size_t width)
{
	return !width || width >= WIDE_MIN_WIDTH;
}

size_t text_width(const struct report_opts *opts)
{
	if (opts->width && opts->width < TEXT_MIN_WIDTH)
		return TEXT_MIN_WIDTH;
	return opts->width;
}

static const char *duration_color(uint64_t ns)
{
	if (ns >= NS_PER_S)
		return SGR_LONG;
	return ns >= 100 * NS_PER_MS ? SGR_MEDIUM : "";
}

static const char *cause_color(enum ls_cause cause)
{
	static const char *const colors[LS_CLASS_MAX] = {
		[LS_CLASS_CPU] = SGR_COMPUTE,
		[LS_CLASS_BLOCKED] = SGR_WAIT,
		[LS_CLASS_GIL] = SGR_CONTENTION,
		[LS_CLASS_RUNQUEUE] = SGR_CONTENTION,
	};

	return colors[ls_cause_class(cause)];
}

static void paint(FILE *out, const struct report_opts *opts, const char *sgr)
{
	if (opts->color)
		fputs(sgr, out);
}

/* Local time at which it began: "14:03:27.512 "; "" if it is not known or there is no room. */
static void clock_text(const struct stall *stall, const struct report_opts *opts,
		       char buf[CLOCK_BYTES])
{
	const uint64_t unix_ns = stall->start_ns + opts->clock_offset_ns;
	const time_t seconds = (time_t)(unix_ns / NS_PER_S);
	const size_t width = text_width(opts);
	size_t n;
	struct tm tm;

	buf[0] = '\0';
	if (!opts->clock_offset_ns || (width && width < CLOCK_MIN_WIDTH) ||
	    !localtime_r(&seconds, &tm))
		return;
	n = strftime(buf, CLOCK_BYTES, "%H:%M:%S", &tm);
	if (is_wide(width))
		snprintf(buf + n, CLOCK_BYTES - n, ".%03u ",
			 (unsigned int)(unix_ns % NS_PER_S / NS_PER_MS));
	else
		snprintf(buf + n, CLOCK_BYTES - n, " ");
}

static bool has_pid(const struct report *report)
{
	const struct text_state *text = report->state;

	return is_wide(text_width(&report->opts)) || text->has_pids;
}

/* Of pid, unit, duration and cause, which are never cut. */
static size_t fixed_columns(const struct report *report)
{
	return FIXED_COLUMNS + (has_pid(report) ? PID_COLUMNS + 1 : 0) +
		(is_wide(text_width(&report->opts)) ? UNIT_COLUMNS + 1 : 0);
}

static void put_fixed(FILE *out, const struct stall *stall, const struct report *report)
{
	const struct report_opts *opts = &report->opts;
	char buf[FORMAT_NUMBER_BYTES];

	if (has_pid(report))
		fprintf(out, "%-*u ", PID_COLUMNS, stall->pid);
	if (is_wide(text_width(opts)))
		fprintf(out, "%-*s ", UNIT_COLUMNS, vocabulary_unit(stall->unit));
	paint(out, opts, duration_color(stall->duration_ns));
	format__right(out, format__duration(stall->duration_ns, buf), DURATION_COLUMNS);
	paint(out, opts, SGR_RESET);
	fputs("  ", out);
	paint(out, opts, cause_color(stall->cause));
	format__left(out, vocabulary_cause(stall->cause), CAUSE_COLUMNS);
	paint(out, opts, SGR_RESET);
	fputc(' ', out);
}

/* Writes a piece into its column; the last one of a line is not padded. */
static void put_piece(FILE *out, const char *text, size_t columns, bool is_last)
{
	if (is_last) {
		format__cut(out, text, columns);
		return;
	}
	format__left(out, text, columns);
	fputc(' ', out);
}

static size_t at_least(const char *text, size_t columns)
{
	size_t used = format__columns(text);

	return used > columns ? used : columns;
}

static void put_unlimited(FILE *out, const struct stall *stall, const char *fold)
{
	char buf[TEXT_PIECE_BYTES], tail[TEXT_PIECE_BYTES];

	text_who(stall, !fold, 0, buf);
	put_piece(out, buf, at_least(buf, WHO_COLUMNS), false);
	text_where(stall, 0, buf);
	text_consequence(stall, fold, false, tail);
	put_piece(out, buf, at_least(buf, WHERE_COLUMNS), !tail[0]);
	if (tail[0])
		fprintf(out, " %s", tail);
}

/* The same in each line, so that they are below each other. 0: there is no room. */
static size_t columns_of_who(size_t rest)
{
	if (rest < WHO_MIN_REST)
		return 0;
	return rest / 3 < WHO_COLUMNS ? rest / 3 : WHO_COLUMNS;
}

static void put_limited(FILE *out, const struct stall *stall, const char *fold, size_t rest)
{
	const size_t who_columns = columns_of_who(rest);
	size_t tail_columns;
	char buf[TEXT_PIECE_BYTES], tail[TEXT_PIECE_BYTES];

	text_consequence(stall, fold, rest < TAIL_MIN_REST, tail);
	tail_columns = tail[0] ? format__columns(tail) + 2 : 0;
	if (tail_columns + WHERE_MIN_COLUMNS > rest)
		tail_columns = 0;
	rest -= tail_columns;
	if (who_columns && rest > who_columns + WHERE_MIN_COLUMNS) {
		text_who(stall, !fold, who_columns, buf);
		put_piece(out, buf, who_columns, false);
		rest -= who_columns + 1;
	}
	text_where(stall, rest, buf);
	put_piece(out, buf, rest, !tail_columns);
	if (tail_columns)
		fprintf(out, " %s", tail);
}

/* Titles of the columns, above the first line and wherever the pid joins them. */
static void put_head(FILE *out, const struct report *report, const char *clock, size_t used)
{
	const size_t width = text_width(&report->opts);
	const size_t who = width ? columns_of_who(width - used) : WHO_COLUMNS;

	if (*clock)
		fprintf(out, "%-*s ", (int)strlen(clock) - 1, "TIME");
	if (has_pid(report))
		fprintf(out, "%-*s ", PID_COLUMNS, "PID");
	if (is_wide(width))
		fprintf(out, "%-*s ", UNIT_COLUMNS, "UNIT");
	fprintf(out, "%*s  %-*s ", DURATION_COLUMNS, "DURATION", CAUSE_COLUMNS, "CAUSE");
	if (who)
		fprintf(out, "%-*s ", (int)who, "WHO");
	fputs("WHERE\n", out);
}

/* A line of its own, cut at `width`; 0: as long as it is. */
static void put_line(FILE *out, const char *line, size_t width)
{
	format__cut(out, line, width ? width : format__columns(line));
	fputc('\n', out);
}

/* "    in deflate (libz.so.1), called by zlib_compress (zlib), (python3.11)" */
static void put_native(FILE *out, const struct stall *stall, size_t width)
{
	static const char *const before[] = { "", ", called by " };
	char line[TEXT_PIECE_BYTES] = "    in ", safe[TEXT_PIECE_BYTES];
	char module[NATIVE_MODULE_BYTES], label[NATIVE_MODULE_BYTES + 2];

	for (size_t i = 0; i < stall->n_native; i++) {
		const struct model_native *frame = &stall->native_stack[i];
		const bool has_name = native_function(frame);
		const size_t used = strlen(line);

		native_label(frame, label);
		native_module(frame, module);
		snprintf(line + used, sizeof(line) - used, "%s%s%s%s%s",
			 i < N_OF(before) ? before[i] : ", ", label, has_name ? " (" : "",
			 has_name ? module : "", has_name ? ")" : "");
	}
	text__escape(line, safe, sizeof(safe));
	put_line(out, safe, width);
}

/* "suspended in fetch_row (db.py:31)" */
static void step_end(const struct step_end *end, const char *verb, char buf[TEXT_PIECE_BYTES])
{
	if (end->state == LS_AWAIT_SUSPENDED && frame_is_known(&end->at) && end->at.line)
		text_word(buf, "%s in %s (%s:%u)", verb, end->at.function,
			  format__path_tail(end->at.file, 1), end->at.line);
	else if (end->state == LS_AWAIT_SUSPENDED)
		text_word(buf, "%s at a line that is not known", verb);
	else if (end->state != LS_AWAIT_UNKNOWN)
		text_word(buf, "%s%s", end->state == LS_AWAIT_CANCELLED ? "was " : "",
			  vocabulary_await(end->state));
	else
		buf[0] = '\0';
}

/* "    resumed in handler (web.py:14), suspended in fetch_row (db.py:31)" */
static void put_step_ends(FILE *out, const struct stall *stall, size_t width)
{
	char from[TEXT_PIECE_BYTES], to[TEXT_PIECE_BYTES], line[2 * TEXT_PIECE_BYTES + 8];

	step_end(&stall->from, "resumed", from);
	step_end(&stall->to, "suspended", to);
	if (!*from && !*to)
		return;
	snprintf(line, sizeof(line), "    %s%s%s", from, *from && *to ? ", " : "", to);
	put_line(out, line, width);
}

/* "    in a finalizer, Session.__del__ (db.py:31), run in handler (web.py:14)" */
static void put_own_call(FILE *out, const struct stall *stall, size_t width)
{
	const struct model_frame *f = &stall->own_call, *in = &stall->interrupted;
	char line[TEXT_PIECE_BYTES], safe[TEXT_PIECE_BYTES];
	int n;

	if (!f->function)
		return;
	n = snprintf(line, sizeof(line), "    in %s, %s (%s:%u)", vocabulary_own_call(stall),
		     f->function, format__path_tail(f->file, 1), f->line);
	if (frame_is_known(in) && n > 0 && (size_t)n < sizeof(line))
		snprintf(line + n, sizeof(line) - (size_t)n, ", run in %s (%s:%u)", in->function,
			 format__path_tail(in->file, 1), in->line);
	text__escape(line, safe, sizeof(safe));
	put_line(out, safe, width);
}

/* "    request GET /orders/{id}, test tests/test_orders.py::test_one" */
static void put_request(FILE *out, const struct stall *stall, size_t width)
{
	const char *label = stall->request.label, *test = stall->test;
	char line[2 * TEXT_PIECE_BYTES], safe[2 * TEXT_PIECE_BYTES];

	if (!*label && !*test)
		return;
	snprintf(line, sizeof(line), "    %s%s%s%s%s", *label ? "request " : "", label,
		 *label && *test ? ", " : "", *test ? "test " : "", test);
	text__escape(line, safe, sizeof(safe));
	put_line(out, safe, width);
}

#define MAX_FOREIGN_CALLERS 4 /* where none of the callers is the user's */

/* Index of the last caller to show: the user's outermost function. */
static size_t last_caller(const struct stall *stall)
{
	for (size_t i = stall->n_frames; i > 1; i--)
		if (frame_is_same_function(&stall->stack[i - 1], &stall->entry))
			return i - 1;
	return stall->n_frames <= MAX_FOREIGN_CALLERS ? stall->n_frames - 1 : MAX_FOREIGN_CALLERS;
}

/* "    called by handler (web.py:14), main (app.py:3)" */
static void put_callers(FILE *out, const struct stall *stall, size_t width)
{
	char line[TEXT_PIECE_BYTES] = "", safe[TEXT_PIECE_BYTES];
	const size_t last = stall->n_frames ? last_caller(stall) : 0;

	for (size_t i = 1; i <= last; i++) {
		const struct model_frame *frame = &stall->stack[i];
		const size_t used = strlen(line);

		if (frame_is_known(frame))
			snprintf(line + used, sizeof(line) - used, "%s%s (%s:%u)",
				 used ? ", " : "    called by ", frame->function,
				 format__path_tail(frame->file, 1), frame->line);
	}
	if (!*line)
		return;
	text__escape(line, safe, sizeof(safe));
	put_line(out, safe, width);
}

static int put_stall(void *ctx, const struct stall *stall, const char *fold)
{
	struct report *report = ctx;
	struct text_state *text = report->state;
	_cleanup_(output__done) struct output o;
	const struct report_opts *opts = &report->opts;
	size_t width = text_width(opts), used;
	char clock[CLOCK_BYTES];
	int r;

	r = output__init(&o);
	if (r)
		return r;
	note_pid(report->state, stall->pid);
	clock_text(stall, opts, clock);
	used = strlen(clock) + fixed_columns(report);
	if (opts->has_titles && (!text->has_head || text->is_head_with_pid != has_pid(report))) {
		put_head(o.mem, report, clock, used);
		text->has_head = true;
		text->is_head_with_pid = has_pid(report);
	}
	fputs(clock, o.mem);
	put_fixed(o.mem, stall, report);
	if (width)
		put_limited(o.mem, stall, fold, width - used);
	else
		put_unlimited(o.mem, stall, fold);
	fputc('\n', o.mem);
	/* Whoever has to act on a stall that goes on may not get another report. */
	if (stall->end == LS_END_OPEN)
		put_callers(o.mem, stall, width);
	if (opts->is_verbose)
		put_request(o.mem, stall, width);
	if (opts->is_verbose)
		put_own_call(o.mem, stall, width);
	if (opts->is_verbose)
		put_step_ends(o.mem, stall, width);
	if (opts->is_verbose && stall->n_native)
		put_native(o.mem, stall, width);
	return output__send(&o, report->out);
}

static int text_stall(struct report *report, const struct stall *stall)
{
	struct text_state *text = report->state;

	return report->opts.is_unfolded ? put_stall(report, stall, NULL) :
					  text_folds__stall(&text->folds, stall, put_stall, report);
}

static int text_tick(struct report *report, uint64_t now_ns)
{
	struct text_state *text = report->state;

	return text_folds__tick(&text->folds, now_ns, put_stall, report);
}

static int text_finish(struct report *report, const struct snapshot *snapshot,
		       const struct report_run *run)
{
	struct text_state *text = report->state;
	const int r = text_folds__flush(&text->folds, put_stall, report);

	return r < 0 ? r : text__finish(report, snapshot, run);
}

static void text_done(struct report *report)
{
	struct text_state *text = report->state;

	text_folds__done(&text->folds);
}

static int text_shed(struct report *report, const struct report_shed *shed)
{
	char count[FORMAT_NUMBER_BYTES], duration[FORMAT_NUMBER_BYTES], buf[TEXT_PIECE_BYTES];
	const size_t width = text_width(&report->opts);
	_cleanup_(output__done) struct output o;
	int r;

	r = output__init(&o);
	if (r)
		return r;
	text_word(buf, "... %s more stall%s in %s: counted, but too many for a line each",
		  format__count(shed->stalls, count), shed->stalls == 1 ? "" : "s",
		  format__duration(shed->until_ns - shed->from_ns, duration));
	put_line(o.mem, buf, width);
	return output__send(&o, report->out);
}

/* "container 4f1a2b3c4d5e, pid 1 there" */
static void container(const struct report_target *t, char buf[TEXT_PIECE_BYTES])
{
	char name[FORMAT_CGROUP_BYTES];

	buf[0] = '\0';
	if (t->container_pid)
		text_word(buf, ", container %s, pid %u there", format__cgroup(t->cgroup, name),
			  t->container_pid);
}

static int text_start(struct report *report, const struct report_start *start)
{
	char buf[TEXT_PIECE_BYTES], inside[TEXT_PIECE_BYTES], threshold[FORMAT_NUMBER_BYTES],
		period[FORMAT_NUMBER_BYTES];
	_cleanup_(output__done) struct output o;
	int r;

	r = output__init(&o);
	if (r)
		return r;
	for (size_t i = 0; i < start->n_targets; i++) {
		const struct report_target *t = &start->targets[i];

		note_pid(report->state, t->pid);
		text_word(buf, "watching %u %s: %s %s, %s, rung %s", t->pid, t->comm,
			  runtime_words__or_default(t->words)->title, t->python,
			  t->loop ? t->loop : "no event loop yet", t->rung);
		container(t, inside);
		fprintf(o.mem, "%s%s\n", buf, inside);
	}
	fprintf(o.mem, "stalls of %s and longer, %s mode, %s",
		format__duration(start->threshold_ns, threshold), report->opts.mode,
		start->transport);
	if (start->sample_period_ns)
		fprintf(o.mem, ", sampled every %s",
			format__duration(start->sample_period_ns, period));
	fputc('\n', o.mem);
	return output__send(&o, report->out);
}

const struct report_ops report_text = {
	.state_bytes = sizeof(struct text_state),
	.start = text_start,
	.stall = text_stall,
	.has_open_stalls = true,
	.shed = text_shed,
	.tick = text_tick,
	.finish = text_finish,
	.done = text_done,
};
