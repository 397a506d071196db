/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See alarm.h. Everything is computed from the snapshot and the time, so that a recording shows the
 * same by playing as by seeking.
 */
#include "view/alarm.h"

#include <string.h>

#include "base/time.h"
#include "model/naming.h"
#include "view/table.h"
#include "view/words.h"

#define LEAST_NS (500 * NS_PER_MS)
#define LEAST_THRESHOLDS 10
#define HOLD_NS (2 * NS_PER_S) /* after its end: time to read it */
#define NARROW_COLUMNS 80 /* below, words are left out */

uint64_t alarm__lasted_ns(const struct stall *stall, uint64_t read_ns, uint64_t now_ns)
{
	if (stall->end != LS_END_OPEN)
		return stall->duration_ns;
	/* Recordings of older versions hold its start only. */
	if (!stall->duration_ns)
		return now_ns > stall->start_ns ? now_ns - stall->start_ns : 0;
	return stall->duration_ns + (now_ns > read_ns ? now_ns - read_ns : 0);
}

bool alarm__is_due(uint64_t lasted_ns, uint64_t threshold_ns)
{
	const uint64_t least_ns = LEAST_THRESHOLDS * threshold_ns;

	return lasted_ns >= (least_ns > LEAST_NS ? least_ns : LEAST_NS);
}

/* What the line is about. */
struct alarm {
	const struct stall *stall; /* NULL: nothing */
	uint64_t lasted_ns;
	size_t n_more; /* loops that are stuck as well */
};

static struct alarm find_open(const struct snapshot *s, const struct view_status *status)
{
	struct alarm alarm = { .stall = NULL };

	for (size_t i = 0; i < s->n_live; i++) {
		const uint64_t ns = alarm__lasted_ns(&s->live[i], s->live_ns, status->now_ns);

		if (!alarm__is_due(ns, status->threshold_ns))
			continue;
		if (!alarm.stall)
			alarm = (struct alarm){ &s->live[i], ns, 0 };
		else
			alarm.n_more++;
	}
	return alarm;
}

static bool has_just_ended(const struct stall *stall, uint64_t now_ns)
{
	const uint64_t end_ns = stall->start_ns + stall->duration_ns;

	return end_ns <= now_ns && now_ns - end_ns < HOLD_NS;
}

/* The longest of those that have just ended. */
static struct alarm find_ended(const struct snapshot *s, const struct view_status *status)
{
	struct alarm alarm = { .stall = NULL };

	for (size_t i = 0; i < s->n_stalls; i++) {
		const struct stall *stall = s->stall_list[i];

		if (has_just_ended(stall, status->now_ns) &&
		    alarm__is_due(stall->duration_ns, status->threshold_ns) &&
		    stall->duration_ns > alarm.lasted_ns)
			alarm = (struct alarm){ stall, stall->duration_ns, 0 };
	}
	return alarm;
}

/* Index of the user's frame in the stack, of the innermost one with a name if it is not there. */
static size_t own_frame(const struct stall *stall)
{
	const struct model_frame *own = &stall->own;
	size_t named = stall->n_frames;

	for (size_t i = 0; i < stall->n_frames; i++) {
		const struct model_frame *frame = &stall->stack[i];

		if (frame_is_same_function(frame, own))
			return i;
		if (named == stall->n_frames && frame_is_known(frame))
			named = i;
	}
	return named;
}

static void append_frame(struct table_cell *cell, const struct model_frame *frame)
{
	cell__place(cell, frame->file, frame->line);
	if (!frame->function)
		return;
	cell__printf(cell, " in ");
	cell__escape(cell, frame->function);
}

static void append_place(struct table_cell *cell, const struct stall *stall, size_t own)
{
	const bool has_frame = own < stall->n_frames;
	const char *function = has_frame ? stall->stack[own].function : NULL;

	if (has_frame)
		append_frame(cell, &stall->stack[own]);
	if (stall->coroutine.name && (!function || strcmp(function, stall->coroutine.name) != 0)) {
		cell__printf(cell, has_frame ? "  " : "");
		cell__escape(cell, stall->coroutine.name);
	}
	if (!has_frame && !stall->coroutine.name)
		cell__printf(cell, "%s", vocabulary_unit(stall->unit));
}

static void append_cause(struct table_cell *cell, const struct stall *stall, bool is_narrow)
{
	const char *call =
		words__call(stall->words, stall->cause, stall->sign, stall->call_syscall);

	switch (ls_cause_class(stall->cause)) {
	case LS_CLASS_CPU:
		if (!stall->call_syscall) {
			cell__printf(cell, "  %s",
				     stall->cause == LS_CAUSE_CPU ? "computes" : call);
			return;
		}
		break;
	case LS_CLASS_GIL:
		cell__printf(cell, "  waits for the %s", call);
		return;
	case LS_CLASS_RUNQUEUE:
		cell__printf(cell, "  waits for a CPU");
		return;
	default:
		break;
	}
	cell__printf(cell, "  %s%s", is_narrow ? "" : "blocked in ", call);
}

/* How many had to wait: 0 if it is none, or not known. */
static uint32_t waiting(const struct snapshot *s, const struct stall *stall)
{
	if (!stall->is_victims_unknown)
		return stall->victims;
	for (size_t i = 0; stall->end == LS_END_OPEN && i < s->n_loops; i++)
		if (s->loops[i].pid == stall->pid && s->loops[i].tid == stall->tid)
			return s->loops[i].tasks_ready;
	return 0;
}

static void append_waiting(struct table_cell *cell, const struct snapshot *s,
			   const struct stall *stall, bool is_narrow)
{
	const uint32_t n = waiting(s, stall);

	if (!n)
		return;
	cell__printf(cell, "  %u%s ", n, stall->is_victims_cut ? "+" : "");
	if (!is_narrow)
		cell__printf(cell, n == 1 ? "task " : "tasks ");
	cell__printf(cell, stall->end == LS_END_OPEN ? "waiting" : "waited");
}

/* From the user's line inwards, then outwards, as far as whole frames fit. */
static void append_rest(struct table_cell *cell, const struct stall *stall, size_t own,
			const struct canvas *c)
{
	const char *arrow = canvas__is_utf8(c) ? " \u2190 " : " <- ";
	size_t used = strlen(cell->text);

	if (own > 0 && own < stall->n_frames && frame_is_known(&stall->stack[0])) {
		cell__printf(cell, "  in ");
		append_frame(cell, &stall->stack[0]);
	}
	for (size_t i = own + 1;; i++) {
		/* Half a frame says nothing. */
		if (text_columns(cell->text) > canvas__columns(c)) {
			cell->text[used] = '\0';
			return;
		}
		if (i >= stall->n_frames)
			return;
		if (!frame_is_known(&stall->stack[i]))
			continue;
		used = strlen(cell->text);
		cell__printf(cell, "%s", arrow);
		append_frame(cell, &stall->stack[i]);
	}
}

static void write_alarm(struct table_cell *cell, const struct alarm *alarm,
			const struct snapshot *snapshot, const struct canvas *c)
{
	const bool is_narrow = canvas__columns(c) < NARROW_COLUMNS;
	const struct stall *stall = alarm->stall;
	const bool is_open = stall->end == LS_END_OPEN;
	const size_t own = own_frame(stall);

	cell__printf(cell, is_open ? " STUCK %.2f s  " : " was stuck %.2f s  ",
		     (double)alarm->lasted_ns / (double)NS_PER_S);
	if (alarm->n_more > 0)
		cell__printf(cell, "(+%zu more)  ", alarm->n_more);
	append_place(cell, stall, own);
	append_cause(cell, stall, is_narrow);
	append_waiting(cell, snapshot, stall, is_narrow);
	append_rest(cell, stall, own, c);
}

bool alarm__draw(const struct snapshot *snapshot, const struct view_status *status,
		 struct canvas *c, int row)
{
	struct alarm alarm = find_open(snapshot, status);
	struct table_cell cell = { .text = "" };
	enum canvas_attr attr = ATTR_ALARM;

	if (!alarm.stall) {
		alarm = find_ended(snapshot, status);
		attr = ATTR_BAD;
	}
	if (!alarm.stall)
		return false;
	write_alarm(&cell, &alarm, snapshot, c);
	canvas__text(c, row, 0, canvas__columns(c), attr, cell.text);
	if (text_columns(cell.text) > canvas__columns(c))
		canvas__text(c, row, canvas__columns(c) - 1, 1, attr,
			     canvas__is_utf8(c) ? "\u2026" : "~");
	canvas__paint(c, row, 0, canvas__columns(c), attr);
	return true;
}
