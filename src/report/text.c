/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line per stall, for people. Columns are aligned as far as the terminal is wide: first the
 * task is left out, then the function, then the folder; cause, duration, file and line stay. Colour
 * only repeats what the words say.
 */
#include "report/text.h"

#include <stdarg.h>
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
#include "model/holder.h"
#include "report/text_fold.h"
#include "report/wording.h"

#define PID_COLUMNS 7
#define UNIT_COLUMNS 8
#define DURATION_COLUMNS 8
#define CAUSE_COLUMNS 9
#define FIXED_COLUMNS                                                                              \
	(PID_COLUMNS + 1 + UNIT_COLUMNS + 1 + DURATION_COLUMNS + 2 + CAUSE_COLUMNS + 1)
#define CLOCK_BYTES 16
/* Narrower lines have no time of day, or none of its milliseconds. */
#define CLOCK_MIN_WIDTH 80
#define CLOCK_MS_MIN_WIDTH 100
/* Widths of the elastic columns when the line has no limit. */
#define WHO_COLUMNS 26
#define WHERE_COLUMNS 46
#define WHO_MIN_REST 40 /* with less room than this for who and where, the line says only where */

#define SGR_RESET "\033[0m"
#define SGR_LONG "\033[1;31m"
#define SGR_MEDIUM "\033[33m"
#define SGR_WAIT "\033[36m"
#define SGR_COMPUTE "\033[33m"
#define SGR_CONTENTION "\033[35m"

size_t text_width(const struct report_opts *opts)
{
	if (opts->width && opts->width < TEXT_MIN_WIDTH)
		return TEXT_MIN_WIDTH;
	return opts->width;
}

void text_choose(char (*wordings)[TEXT_PIECE_BYTES], size_t n, size_t columns,
		 char buf[TEXT_PIECE_BYTES])
{
	size_t i = 0;

	while (columns && i + 1 < n && format__columns(wordings[i]) > columns)
		i++;
	memcpy(buf, wordings[i], TEXT_PIECE_BYTES);
}

static void __attribute__((format(printf, 2, 3)))
word(char buf[TEXT_PIECE_BYTES], const char *fmt, ...)
{
	char raw[TEXT_PIECE_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text__escape(raw, buf, TEXT_PIECE_BYTES);
}

void text_place(const struct code_info *code, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	char w[3][TEXT_PIECE_BYTES];

	if (!code->file) {
		word(buf, "%s", code->name ? code->name : "?");
		return;
	}
	word(w[0], "%s() %s:%u", code->name, format__path_tail(code->file, 2), code->first_line);
	word(w[1], "%s() %s:%u", code->name, format__path_tail(code->file, 1), code->first_line);
	word(w[2], "%s()", code->name);
	text_choose(w, 3, columns, buf);
}

/* "Task-7 handler()"; the line of several stalls names no task. */
static void who(const struct stall *stall, bool is_single, size_t columns,
		char buf[TEXT_PIECE_BYTES])
{
	const char *name = stall->coroutine.name ? stall->coroutine.name : "?";
	char w[2][TEXT_PIECE_BYTES];

	if (stall->unit == LS_UNIT_TURN) {
		word(buf, "%u step%s", stall->steps, stall->steps == 1 ? "" : "s");
		return;
	}
	word(w[1], "%s()", name);
	if (stall->unit != LS_UNIT_STEP || !is_single) {
		memcpy(buf, w[1], TEXT_PIECE_BYTES);
		return;
	}
	word(w[0], "%s %s()", stall->task_name, name);
	text_choose(w, 2, columns, buf);
}

/* What its time went into, "" if there is nothing to say. */
static void what(const struct stall *stall, char buf[TEXT_PIECE_BYTES])
{
	const char *call = wording_call(stall);
	const struct model_holder *held_by = wording_cause_holder(stall);
	const char *unknown = vocabulary_lock_unknown(stall->lock_known);
	char stop[WORDING_STOP_BYTES], holder[VOCABULARY_HOLDER_BYTES],
		thread[WORDING_HOLDER_BYTES];
	char quota[FORMAT_NUMBER_BYTES], period[FORMAT_NUMBER_BYTES];

	wording_stop(stall, stop);
	vocabulary_cpu_holder(stall, holder);
	if (stall->cause == LS_CAUSE_RUNQUEUE && *holder)
		word(buf, "%s", holder);
	else if (stall->sign == SIGN_AWAITS)
		word(buf, "awaits again and again at %s:%u, never suspends",
		     format__path_tail(stall->repeated_await.file, 1), stall->repeated_await.line);
	else if (stall->cause == LS_CAUSE_STOPPED && *stop)
		word(buf, "stopped by %s", stop);
	else if (stall->cause == LS_CAUSE_THROTTLED && stall->quota_ns)
		word(buf, "CPU quota of %s in %s", format__duration(stall->quota_ns, quota),
		     format__duration(stall->period_ns, period));
	else if (held_by)
		word(buf, "%s by thread %s", wording_held(stall)->by,
		     wording_holder(held_by, thread));
	else if (stall->cause == LS_CAUSE_LOCK && stall->lock_known && unknown)
		word(buf, "%s, holder not known: %s", call ? call : "lock", unknown);
	else
		word(buf, "%s", call ? call : "");
}

#define OWN_BYTES (64 + VOCABULARY_KERNEL_BYTES)

/*
 * What stands after the colon, with the colon: ": time.sleep", ": cc1 (4711) had the CPU; itself 25
 * ms cpu", "" if there is nothing to say.
 */
static void how(const struct stall *stall, char buf[TEXT_PIECE_BYTES])
{
	char text[TEXT_PIECE_BYTES], own[OWN_BYTES] = "", took[FORMAT_NUMBER_BYTES];
	char kernel[VOCABULARY_KERNEL_BYTES];

	what(stall, text);
	vocabulary_kernel(stall, kernel);
	if (stall->own_ns)
		snprintf(own, sizeof(own), "%sitself %s %s%s%s", *text ? "; " : "",
			 format__duration(stall->own_ns, took), vocabulary_cause(stall->own_cause),
			 *kernel ? " " : "", kernel);
	else if (*kernel)
		snprintf(own, sizeof(own), "%s%s", *text ? ", " : "", kernel);
	snprintf(buf, TEXT_PIECE_BYTES, "%s%.*s%s", *text || *own ? ": " : "",
		 (int)(TEXT_PIECE_BYTES - sizeof(own) - 2), text, own);
}

/* "garbage collector, generation 2, when app/db.py:31 in fetch_row allocated" */
static void where_collected(const struct stall *stall, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const struct model_frame *call = wording_place(stall);
	char w[4][TEXT_PIECE_BYTES], generation[32] = "";

	if (stall->gc_generation)
		snprintf(generation, sizeof(generation), ", generation %u",
			 stall->gc_generation - 1);
	word(w[3], "garbage collector");
	word(w[2], "garbage collector%s", generation);
	if (!call->function || !stall->n_frames) {
		text_choose(w + 2, 2, columns, buf);
		return;
	}
	word(w[0], "garbage collector%s, when %s:%u in %s allocated", generation,
	     format__path_tail(call->file, 2), call->line, call->function);
	word(w[1], "garbage collector%s, when %s:%u allocated", generation,
	     format__path_tail(call->file, 1), call->line);
	text_choose(w, 4, columns, buf);
}

/* "app/work.py:18 in scan, GIL held by thread asyncio_0, wanted at app/db.py:31 in fetch_row" */
static void where_held(const struct stall *stall, const struct model_frame *at, size_t columns,
		       char buf[TEXT_PIECE_BYTES])
{
	const struct model_frame *call = wording_own_frame(stall);
	const struct wording_held *held = wording_held(stall);
	char w[4][TEXT_PIECE_BYTES], holder[WORDING_HOLDER_BYTES];

	if (!call)
		call = &stall->call;
	wording_holder(wording_cause_holder(stall), holder);
	word(w[1], "%s:%u in %s, %s by thread %s", format__path_tail(at->file, 2), at->line,
	     at->function, held->by, holder);
	if (call->function)
		word(w[0], "%s:%u in %s, %s by thread %s, wanted at %s:%u in %s",
		     format__path_tail(at->file, 2), at->line, at->function, held->by, holder,
		     format__path_tail(call->file, 2), call->line, call->function);
	else
		memcpy(w[0], w[1], TEXT_PIECE_BYTES);
	word(w[2], "%s:%u %s", format__path_tail(at->file, 1), at->line, held->it);
	word(w[3], "%s:%u", format__path_tail(at->file, 1), at->line);
	text_choose(w, 4, columns, buf);
}

/*
 * "app/db.py:31 in fetch_row: time.sleep"; when the call is in another function than the user's:
 * "app/db.py:31 in check > re/__init__.py:166 in match"
 */
static void where(const struct stall *stall, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const struct model_frame *call = &stall->call, *own;
	const struct model_holder *holder = wording_cause_holder(stall);
	const struct model_frame *held = holder ? holder__own_frame(holder, stall->words) : NULL;
	char w[4][TEXT_PIECE_BYTES], how_buf[TEXT_PIECE_BYTES];

	if (stall->cause == LS_CAUSE_GC) {
		where_collected(stall, columns, buf);
		return;
	}
	if (held) {
		where_held(stall, held, columns, buf);
		return;
	}
	how(stall, how_buf);
	if (!call->function && !stall->coroutine.file) {
		word(buf, "(place not known)%s", how_buf);
		return;
	}
	if (!call->function) {
		word(w[0], "%s (line not known)%s", format__path_tail(stall->coroutine.file, 2),
		     how_buf);
		word(w[1], "%s%s", format__path_tail(stall->coroutine.file, 1), how_buf);
		text_choose(w, 2, columns, buf);
		return;
	}
	own = wording_own_frame(stall);
	if (own) {
		word(w[0], "%s:%u in %s > %s:%u in %s%s", format__path_tail(own->file, 2),
		     own->line, own->function, format__path_tail(call->file, 2), call->line,
		     call->function, how_buf);
		word(w[1], "%s:%u > %s%s", format__path_tail(own->file, 2), own->line,
		     call->function, how_buf);
		word(w[2], "%s:%u > %s", format__path_tail(own->file, 1), own->line,
		     call->function);
		word(w[3], "%s:%u", format__path_tail(own->file, 1), own->line);
		text_choose(w, 4, columns, buf);
		return;
	}
	word(w[0], "%s:%u in %s%s", format__path_tail(call->file, 2), call->line, call->function,
	     how_buf);
	word(w[1], "%s:%u%s", format__path_tail(call->file, 2), call->line, how_buf);
	word(w[2], "%s:%u%s", format__path_tail(call->file, 1), call->line, how_buf);
	word(w[3], "%s:%u", format__path_tail(call->file, 1), call->line);
	text_choose(w, 4, columns, buf);
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static void starved(const struct stall *stall, bool is_short, char buf[TEXT_PIECE_BYTES])
{
	const char *more = stall->is_victims_cut ? "+" : "";

	buf[0] = '\0';
	if (stall->victims && stall->end != LS_END_RETURN)
		wording_waiters(stall, buf);
	else if (stall->victims && is_short)
		word(buf, "starved %u%s", stall->victims, more);
	else if (stall->victims && stall->sockets)
		word(buf, "starved %u%s task%s, %u socket%s", stall->victims, more,
		     plural(stall->victims), stall->sockets, plural(stall->sockets));
	else if (stall->victims)
		word(buf, "starved %u%s task%s", stall->victims, more, plural(stall->victims));
	else if (stall->sockets)
		word(buf, "starved %u socket%s", stall->sockets, plural(stall->sockets));
}

/* What follows the place: how it ended, unless by itself, and who had to wait. */
static void consequence(const struct stall *stall, const char *fold, bool is_short,
			char buf[TEXT_PIECE_BYTES])
{
	char end[WORDING_END_BYTES], victims[TEXT_PIECE_BYTES];

	if (fold) {
		word(buf, "%s", fold);
		return;
	}
	wording_end(stall, end);
	starved(stall, is_short, victims);
	word(buf, "%s%s%s", end, *end && *victims ? ", " : "", victims);
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
	if (width && width < CLOCK_MS_MIN_WIDTH)
		snprintf(buf + n, CLOCK_BYTES - n, " ");
	else
		snprintf(buf + n, CLOCK_BYTES - n, ".%03u ",
			 (unsigned int)(unix_ns % NS_PER_S / NS_PER_MS));
}

/* Pid, unit, duration, cause: they are never cut. */
static void put_fixed(FILE *out, const struct stall *stall, const struct report_opts *opts)
{
	char buf[FORMAT_NUMBER_BYTES];

	fprintf(out, "%-*u %-*s ", PID_COLUMNS, stall->pid, UNIT_COLUMNS,
		vocabulary_unit(stall->unit));
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

	who(stall, !fold, 0, buf);
	put_piece(out, buf, at_least(buf, WHO_COLUMNS), false);
	where(stall, 0, buf);
	consequence(stall, fold, false, tail);
	put_piece(out, buf, at_least(buf, WHERE_COLUMNS), !tail[0]);
	if (tail[0])
		fprintf(out, " %s", tail);
}

static void put_limited(FILE *out, const struct stall *stall, const char *fold, size_t rest)
{
	size_t who_columns = 0, tail_columns;
	char buf[TEXT_PIECE_BYTES], tail[TEXT_PIECE_BYTES];

	consequence(stall, fold, rest < 2 * WHO_MIN_REST, tail);
	tail_columns = tail[0] ? format__columns(tail) + 2 : 0;
	if (tail_columns + WHO_MIN_REST / 2 > rest)
		tail_columns = 0;
	rest -= tail_columns;
	if (rest >= WHO_MIN_REST) {
		who_columns = rest * 2 / 5 < WHO_COLUMNS ? rest * 2 / 5 : WHO_COLUMNS;
		who(stall, !fold, who_columns, buf);
		put_piece(out, buf, who_columns, false);
		rest -= who_columns + 1;
	}
	where(stall, rest, buf);
	put_piece(out, buf, rest, !tail_columns);
	if (tail_columns)
		fprintf(out, " %s", tail);
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
		word(buf, "%s in %s (%s:%u)", verb, end->at.function,
		     format__path_tail(end->at.file, 1), end->at.line);
	else if (end->state == LS_AWAIT_SUSPENDED)
		word(buf, "%s at a line that is not known", verb);
	else if (end->state != LS_AWAIT_UNKNOWN)
		word(buf, "%s%s", end->state == LS_AWAIT_CANCELLED ? "was " : "",
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
	_cleanup_(output__done) struct output o;
	const struct report_opts *opts = &report->opts;
	size_t width = text_width(opts);
	char clock[CLOCK_BYTES];
	int r;

	r = output__init(&o);
	if (r)
		return r;
	clock_text(stall, opts, clock);
	fputs(clock, o.mem);
	put_fixed(o.mem, stall, opts);
	if (width)
		put_limited(o.mem, stall, fold, width - strlen(clock) - FIXED_COLUMNS);
	else
		put_unlimited(o.mem, stall, fold);
	fputc('\n', o.mem);
	/* Whoever has to act on a stall that goes on may not get another report. */
	if (stall->end == LS_END_OPEN)
		put_callers(o.mem, stall, width);
	if (opts->is_verbose)
		put_step_ends(o.mem, stall, width);
	if (opts->is_verbose && stall->n_native)
		put_native(o.mem, stall, width);
	return output__send(&o, report->out);
}

static int text_stall(struct report *report, const struct stall *stall)
{
	struct text_folds *folds = report->state;

	return report->opts.is_unfolded ? put_stall(report, stall, NULL) :
					  text_folds__stall(folds, stall, put_stall, report);
}

static int text_tick(struct report *report, uint64_t now_ns)
{
	return text_folds__tick(report->state, now_ns, put_stall, report);
}

static int text_finish(struct report *report, const struct snapshot *snapshot,
		       const struct report_run *run)
{
	const int r = text_folds__flush(report->state, put_stall, report);

	return r < 0 ? r : text__finish(report, snapshot, run);
}

static void text_done(struct report *report)
{
	text_folds__done(report->state);
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
	word(buf, "... %s more stall%s in %s: counted, but too many for a line each",
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
		word(buf, ", container %s, pid %u there", format__cgroup(t->cgroup, name),
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

		word(buf, "watching %u %s: %s %s, %s, rung %s", t->pid, t->comm,
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
	.state_bytes = sizeof(struct text_folds),
	.start = text_start,
	.stall = text_stall,
	.has_open_stalls = true,
	.shed = text_shed,
	.tick = text_tick,
	.finish = text_finish,
	.done = text_done,
};
