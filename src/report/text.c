/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line per stall, for people. Columns are aligned as far as the terminal is wide: first the
 * task goes, then the function, then the folder; cause, duration, file and line stay. Colour only
 * repeats what the words say.
 */
#include "report/text.h"

#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "report/format.h"
#include "report/output.h"
#include "report/wording.h"

#define PID_COLUMNS 7
#define UNIT_COLUMNS 8
#define DURATION_COLUMNS 8
#define CAUSE_COLUMNS 9
#define FIXED_COLUMNS                                                                              \
	(PID_COLUMNS + 1 + UNIT_COLUMNS + 1 + DURATION_COLUMNS + 2 + CAUSE_COLUMNS + 1)
/* Of what is elastic, when there is no limit. */
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

/* "Task-7 handler()" */
static void who(const struct stall *stall, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const char *name = stall->coroutine.name ? stall->coroutine.name : "?";
	char w[2][TEXT_PIECE_BYTES];

	if (stall->unit == LS_UNIT_TURN) {
		word(buf, "%u step%s", stall->steps, stall->steps == 1 ? "" : "s");
		return;
	}
	word(w[1], "%s()", name);
	if (stall->unit != LS_UNIT_STEP) {
		memcpy(buf, w[1], TEXT_PIECE_BYTES);
		return;
	}
	word(w[0], "%s %s()", stall->task_name, name);
	text_choose(w, 2, columns, buf);
}

/* What stands after the colon, with the colon: ": time.sleep", "" if there is nothing to say. */
static void how(const struct stall *stall, char buf[TEXT_PIECE_BYTES])
{
	const char *call = wording_call(stall);

	if (stall->cause == LS_CAUSE_GIL && stall->gil_holder_tid)
		word(buf, ": GIL held by thread %u", stall->gil_holder_tid);
	else
		word(buf, "%s%s", call ? ": " : "", call ? call : "");
}

/* "app/db.py:31 in fetch_row: time.sleep"; in a library: "app/db.py:31 in check > re/__init__.py:166 in match" */
static void where(const struct stall *stall, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const struct model_frame *call = &stall->call, *own;
	char w[4][TEXT_PIECE_BYTES], how_buf[TEXT_PIECE_BYTES];

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
		word(w[2], "%s:%u > %s", format__path_tail(own->file, 1), own->line, call->function);
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
	if (stall->victims && is_short)
		word(buf, "starved %u%s", stall->victims, more);
	else if (stall->victims && stall->sockets)
		word(buf, "starved %u%s task%s, %u socket%s", stall->victims, more,
		     plural(stall->victims), stall->sockets, plural(stall->sockets));
	else if (stall->victims)
		word(buf, "starved %u%s task%s", stall->victims, more, plural(stall->victims));
	else if (stall->sockets)
		word(buf, "starved %u socket%s", stall->sockets, plural(stall->sockets));
}

static const char *duration_color(uint64_t ns)
{
	if (ns >= 1000000000)
		return SGR_LONG;
	return ns >= 100000000 ? SGR_MEDIUM : "";
}

static const char *cause_color(enum ls_cause cause)
{
	switch (cause) {
	case LS_CAUSE_CPU:
		return SGR_COMPUTE;
	case LS_CAUSE_GIL:
	case LS_CAUSE_RUNQUEUE:
		return SGR_CONTENTION;
	default:
		return SGR_WAIT;
	}
}

static void paint(FILE *out, const struct report_opts *opts, const char *sgr)
{
	if (opts->color)
		fputs(sgr, out);
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

static void put_unlimited(FILE *out, const struct stall *stall)
{
	char buf[TEXT_PIECE_BYTES], tail[TEXT_PIECE_BYTES];

	who(stall, 0, buf);
	put_piece(out, buf, at_least(buf, WHO_COLUMNS), false);
	where(stall, 0, buf);
	starved(stall, false, tail);
	put_piece(out, buf, at_least(buf, WHERE_COLUMNS), !tail[0]);
	if (tail[0])
		fprintf(out, " %s", tail);
}

static void put_limited(FILE *out, const struct stall *stall, size_t rest)
{
	size_t who_columns = 0, tail_columns;
	char buf[TEXT_PIECE_BYTES], tail[TEXT_PIECE_BYTES];

	starved(stall, rest < 2 * WHO_MIN_REST, tail);
	tail_columns = tail[0] ? format__columns(tail) + 2 : 0;
	if (tail_columns + WHO_MIN_REST / 2 > rest)
		tail_columns = 0;
	rest -= tail_columns;
	if (rest >= WHO_MIN_REST) {
		who_columns = rest * 2 / 5 < WHO_COLUMNS ? rest * 2 / 5 : WHO_COLUMNS;
		who(stall, who_columns, buf);
		put_piece(out, buf, who_columns, false);
		rest -= who_columns + 1;
	}
	where(stall, rest, buf);
	put_piece(out, buf, rest, !tail_columns);
	if (tail_columns)
		fprintf(out, " %s", tail);
}

static int text_stall(struct report *report, const struct stall *stall)
{
	_cleanup_(output__done) struct output o;
	const struct report_opts *opts = &report->opts;
	size_t width = text_width(opts);
	int r;

	r = output__init(&o);
	if (r)
		return r;
	put_fixed(o.mem, stall, opts);
	if (width)
		put_limited(o.mem, stall, width - FIXED_COLUMNS);
	else
		put_unlimited(o.mem, stall);
	fputc('\n', o.mem);
	return output__send(&o, report->out);
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
	word(buf, "... %s more stall%s in %s: counted, but too many for a line each", format__count(shed->stalls, count),
	     shed->stalls == 1 ? "" : "s", format__duration(shed->until_ns - shed->from_ns, duration));
	format__cut(o.mem, buf, width ? width : format__columns(buf));
	fputc('\n', o.mem);
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
	char buf[TEXT_PIECE_BYTES], inside[TEXT_PIECE_BYTES], threshold[FORMAT_NUMBER_BYTES], period[FORMAT_NUMBER_BYTES];
	_cleanup_(output__done) struct output o;
	size_t i;
	int r;

	r = output__init(&o);
	if (r)
		return r;
	for (i = 0; i < start->n_targets; i++) {
		const struct report_target *t = &start->targets[i];

		word(buf, "watching %u %s: CPython %s, %s, rung %s", t->pid, t->comm, t->python,
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
	.start = text_start,
	.stall = text_stall,
	.shed = text_shed,
	.finish = text__finish,
};
