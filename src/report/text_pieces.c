/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pieces of a stall's line: who, where, and what came of it. Each has several wordings, the
 * longest first.
 */
#include "report/text_pieces.h"

#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "model/group_identity.h"
#include "model/holder.h"
#include "model/turn.h"
#include "report/format.h"
#include "report/wording.h"

#define NAME_MIN_COLUMNS 6

void text_choose(char (*wordings)[TEXT_PIECE_BYTES], size_t n, size_t columns,
		 char buf[TEXT_PIECE_BYTES])
{
	size_t i = 0;

	while (columns && i + 1 < n && format__columns(wordings[i]) > columns)
		i++;
	memcpy(buf, wordings[i], TEXT_PIECE_BYTES);
}

void text_word(char buf[TEXT_PIECE_BYTES], const char *fmt, ...)
{
	char raw[TEXT_PIECE_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text__escape(raw, buf, TEXT_PIECE_BYTES);
}

/* "Prepared.pre..() app.py:42": the place is worth more than the end of a name. */
static bool cut_name(const struct code_info *code, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	char place[TEXT_PIECE_BYTES], name[TEXT_PIECE_BYTES] = "";
	_cleanup_(file_close) FILE *out = fmemopen(name, sizeof(name) - 1, "w");
	size_t used;

	text_word(place, "() %s:%u", format__path_tail(code->file, 1), code->first_line);
	used = format__columns(place);
	if (!out || columns < used + NAME_MIN_COLUMNS)
		return false;
	format__cut(out, code->name, columns - used);
	fflush(out);
	text_word(buf, "%s%.*s", name, TEXT_PIECE_BYTES - 1, place);
	return true;
}

void text_place(const struct code_info *code, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	char w[3][TEXT_PIECE_BYTES];

	if (!code->file) {
		text_word(buf, "%s", code->name ? code->name : "?");
		return;
	}
	text_word(w[0], "%s() %s:%u", code->name, format__path_tail(code->file, 2),
		  code->first_line);
	text_word(w[1], "%s() %s:%u", code->name, format__path_tail(code->file, 1),
		  code->first_line);
	if (!columns || format__columns(w[1]) <= columns || !cut_name(code, columns, w[2]))
		text_word(w[2], "%s()", code->name);
	text_choose(w, 3, columns, buf);
}

/* "8000 steps, 98 % in send()" */
static void who_of_turn(const struct stall *stall, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const struct code_info *most = turn__coroutine(stall);
	const char *s = stall->steps == 1 ? "" : "s";
	char w[2][TEXT_PIECE_BYTES];

	text_word(w[1], "%u step%s", stall->steps, s);
	memcpy(w[0], w[1], TEXT_PIECE_BYTES);
	if (most && stall->duration_ns)
		text_word(w[0], "%u step%s, %.0f %% in %s()", stall->steps, s,
			  100 * (double)stall->turn.parts[0].duration_ns /
				  (double)stall->duration_ns,
			  most->name);
	text_choose(w, 2, columns, buf);
}

/*
 * Woken, or between two callbacks, without a CPU, or stopped: what runs for some milliseconds has
 * been sampled, so nothing has.
 */
static bool is_loop_alone(const struct stall *stall)
{
	return stall->unit == LS_UNIT_CALLBACK &&
		(ls_cause_class(stall->cause) == LS_CLASS_RUNQUEUE ||
		 stall->cause == LS_CAUSE_STOPPED) &&
		!stall->call.function && !stall->coroutine.name;
}

/* On a server all steps are of the server's coroutine: the user's outermost function says more. */
static const char *name_of(const struct stall *stall)
{
	if (group_is_entered(stall))
		return stall->entry.function;
	return stall->coroutine.name ? stall->coroutine.name : "?";
}

void text_who(const struct stall *stall, bool is_single, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const char *name = name_of(stall);
	char w[2][TEXT_PIECE_BYTES];

	if (stall->unit == LS_UNIT_TURN) {
		who_of_turn(stall, columns, buf);
		return;
	}
	text_word(w[1], is_loop_alone(stall) ? "the loop" : "%s()", name);
	if (stall->unit != LS_UNIT_STEP || !is_single) {
		memcpy(buf, w[1], TEXT_PIECE_BYTES);
		return;
	}
	text_word(w[0], "%s %s()", stall->task_name, name);
	text_choose(w, 2, columns, buf);
}

/* What its time went into, "" if there is nothing to say. */
static void what(const struct stall *stall, char buf[TEXT_PIECE_BYTES])
{
	const char *call = wording_call(stall);
	const struct model_holder *held_by = wording_cause_holder(stall);
	const char *unknown = vocabulary_no_lock_holder(stall);
	char stop[WORDING_STOP_BYTES], holder[VOCABULARY_HOLDER_BYTES],
		thread[WORDING_HOLDER_BYTES];
	char quota[FORMAT_NUMBER_BYTES], period[FORMAT_NUMBER_BYTES];

	wording_stop(stall, stop);
	vocabulary_cpu_holder(stall, holder);
	if (stall->cause == LS_CAUSE_RUNQUEUE && *holder)
		text_word(buf, "%s", holder);
	else if (stall->sign == SIGN_AWAITS)
		text_word(buf, "awaits again and again at %s:%u, never suspends",
			  format__path_tail(stall->repeated_await.file, 1),
			  stall->repeated_await.line);
	else if (stall->cause == LS_CAUSE_STOPPED && *stop)
		text_word(buf, "stopped by %s", stop);
	else if (stall->cause == LS_CAUSE_THROTTLED && stall->quota_ns)
		text_word(buf, "CPU quota of %s in %s", format__duration(stall->quota_ns, quota),
			  format__duration(stall->period_ns, period));
	else if (held_by)
		text_word(buf, "%s by %s", wording_held(stall)->by, wording_holder(stall, thread));
	else if (stall->cause == LS_CAUSE_LOCK && unknown)
		text_word(buf, "%s, holder not known: %s", call ? call : "lock", unknown);
	else
		text_word(buf, "%s", call ? call : "");
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

/*
 * "garbage collector, generation 2, when app/db.py:31 in fetch_row allocated"; "called at ..." if
 * the line asked for it.
 */
static void where_collected(const struct stall *stall, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const struct model_frame *call = stall->collects ? &stall->call : wording_place(stall);
	const char *before = stall->collects ? "called at" : "when";
	const char *behind = stall->collects ? "" : " allocated";
	char w[4][TEXT_PIECE_BYTES], generation[32] = "";

	if (stall->gc_generation)
		snprintf(generation, sizeof(generation), ", generation %u",
			 stall->gc_generation - 1);
	text_word(w[3], "garbage collector");
	text_word(w[2], "garbage collector%s", generation);
	if (!call->function || !stall->n_frames) {
		text_choose(w + 2, 2, columns, buf);
		return;
	}
	text_word(w[0], "garbage collector%s, %s %s:%u in %s%s", generation, before,
		  format__path_tail(call->file, 2), call->line, call->function, behind);
	text_word(w[1], "garbage collector%s, %s %s:%u%s", generation, before,
		  format__path_tail(call->file, 1), call->line, behind);
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
	wording_holder(stall, holder);
	text_word(w[1], "%s:%u in %s, %s by %s", format__path_tail(at->file, 2), at->line,
		  at->function, held->by, holder);
	if (call->function)
		text_word(w[0], "%s:%u in %s, %s by %s, wanted at %s:%u in %s",
			  format__path_tail(at->file, 2), at->line, at->function, held->by, holder,
			  format__path_tail(call->file, 2), call->line, call->function);
	else
		memcpy(w[0], w[1], TEXT_PIECE_BYTES);
	text_word(w[2], "%s:%u %s", format__path_tail(at->file, 1), at->line, held->it);
	text_word(w[3], "%s:%u", format__path_tail(at->file, 1), at->line);
	text_choose(w, 4, columns, buf);
}

/* "app/feed.py:20 in broadcast created the tasks" */
static void where_made(const struct turn_maker *maker, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const char *did = maker->origin == LS_MAKER_CREATED ? "created the tasks" :
		maker->origin == LS_MAKER_WOKE		    ? "woke the tasks" :
							      "made the tasks ready";
	const struct code_info *code = &maker->coroutine;
	char w[3][TEXT_PIECE_BYTES];

	if (maker->at.function)
		text_word(w[0], "%s:%u in %s %s", format__path_tail(maker->at.file, 2),
			  maker->at.line, maker->at.function, did);
	else if (code->name)
		text_word(w[0], "%s %s() %s", format__path_tail(code->file, 2), code->name, did);
	else
		text_word(w[0], "a step %s", did);
	memcpy(w[1], w[0], TEXT_PIECE_BYTES);
	if (maker->at.function)
		text_word(w[1], "%s:%u %s", format__path_tail(maker->at.file, 1), maker->at.line,
			  did);
	memcpy(w[2], w[1], TEXT_PIECE_BYTES);
	if (maker->at.function)
		text_word(w[2], "%s:%u", format__path_tail(maker->at.file, 1), maker->at.line);
	text_choose(w, 3, columns, buf);
}

/* The coroutine is all that is known. */
static void where_coroutine(const struct stall *stall, const char *how_text, size_t columns,
			    char buf[TEXT_PIECE_BYTES])
{
	char w[2][TEXT_PIECE_BYTES];

	if (!stall->coroutine.file) {
		text_word(buf, "%s%s",
			  !is_loop_alone(stall)			   ? "(place not known)" :
				  stall->cause == LS_CAUSE_STOPPED ? "it did not run" :
								     "it had no CPU",
			  how_text);
		return;
	}
	text_word(w[0], "%s (line not known)%s", format__path_tail(stall->coroutine.file, 2),
		  how_text);
	text_word(w[1], "%s%s", format__path_tail(stall->coroutine.file, 1), how_text);
	text_choose(w, 2, columns, buf);
}

/* The user's line, and what it called. */
static void where_own(const struct model_frame *own, const struct model_frame *call,
		      const char *how_text, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	char w[4][TEXT_PIECE_BYTES];

	text_word(w[0], "%s:%u in %s > %s:%u in %s%s", format__path_tail(own->file, 2), own->line,
		  own->function, format__path_tail(call->file, 2), call->line, call->function,
		  how_text);
	text_word(w[1], "%s:%u > %s%s", format__path_tail(own->file, 2), own->line, call->function,
		  how_text);
	text_word(w[2], "%s:%u > %s", format__path_tail(own->file, 1), own->line, call->function);
	text_word(w[3], "%s:%u", format__path_tail(own->file, 1), own->line);
	text_choose(w, 4, columns, buf);
}

static void where_called(const struct model_frame *call, const char *how_text, size_t columns,
			 char buf[TEXT_PIECE_BYTES])
{
	char w[4][TEXT_PIECE_BYTES];

	text_word(w[0], "%s:%u in %s%s", format__path_tail(call->file, 2), call->line,
		  call->function, how_text);
	text_word(w[1], "%s:%u%s", format__path_tail(call->file, 2), call->line, how_text);
	text_word(w[2], "%s:%u%s", format__path_tail(call->file, 1), call->line, how_text);
	text_word(w[3], "%s:%u", format__path_tail(call->file, 1), call->line);
	text_choose(w, 4, columns, buf);
}

void text_where(const struct stall *stall, size_t columns, char buf[TEXT_PIECE_BYTES])
{
	const struct model_frame *own;
	const struct model_holder *holder = wording_cause_holder(stall);
	const struct model_frame *held = holder ? holder__own_frame(holder, stall->words) : NULL;
	char how_text[TEXT_PIECE_BYTES];

	if (stall->cause == LS_CAUSE_GC) {
		where_collected(stall, columns, buf);
		return;
	}
	if (held) {
		where_held(stall, held, columns, buf);
		return;
	}
	if (stall->turn.maker.n_made) {
		where_made(&stall->turn.maker, columns, buf);
		return;
	}
	how(stall, how_text);
	own = wording_own_frame(stall);
	if (!stall->call.function)
		where_coroutine(stall, how_text, columns, buf);
	else if (own)
		where_own(own, &stall->call, how_text, columns, buf);
	else
		where_called(&stall->call, how_text, columns, buf);
}

static void starved(const struct stall *stall, bool is_short, char buf[TEXT_PIECE_BYTES])
{
	const char *more = stall->is_victims_cut ? "+" : "";

	buf[0] = '\0';
	if (stall->is_victims_unknown)
		text_word(buf, is_short ? "starved ?" : "who waited: not known");
	else if (stall->victims && stall->end != LS_END_RETURN)
		wording_waiters(stall, buf);
	else if (stall->victims && is_short)
		text_word(buf, "starved %u%s", stall->victims, more);
	else if (stall->victims && stall->sockets)
		text_word(buf, "starved %u%s task%s, %u socket%s", stall->victims, more,
			  format__plural(stall->victims), stall->sockets,
			  format__plural(stall->sockets));
	else if (stall->victims)
		text_word(buf, "starved %u%s task%s", stall->victims, more,
			  format__plural(stall->victims));
	else if (stall->sockets)
		text_word(buf, "starved %u socket%s", stall->sockets,
			  format__plural(stall->sockets));
}

void text_consequence(const struct stall *stall, const char *fold, bool is_short,
		      char buf[TEXT_PIECE_BYTES])
{
	char end[WORDING_END_BYTES], victims[TEXT_PIECE_BYTES];

	if (fold) {
		text_word(buf, "%s", fold);
		return;
	}
	wording_end(stall, end);
	starved(stall, is_short, victims);
	text_word(buf, "%s%s%s", end, *end && *victims ? ", " : "", victims);
}
