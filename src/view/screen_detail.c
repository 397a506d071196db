/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything about one coroutine, task, source line or stall. What is shown stays as it was on
 * entry, unless it is an open stall; `l` lets it follow the target.
 */
#include <errno.h>
#include <stdlib.h>

#include "view/detail.h"
#include "view/detail_draw.h"
#include "view/page.h"
#include "view/screens.h"

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
	int end = canvas__columns(c) - text_columns(state) - 2;
	struct page title = { .canvas = c, .end = end };

	detail__draw_title(&title, row, 1, &s->subject, &s->detail);
	canvas__printf(c, row, end, canvas__columns(c) - end, s->is_live ? ATTR_GOOD : ATTR_DIM,
		       " %s", state);
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

	s->has_subject = subject &&
		(subject->coroutine.name || subject->at.file || subject->stall_ns ||
		 subject->task || subject->log || subject->verdict.name);
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
			     ATTR_DIM,
			     "Press Enter on a row that names a coroutine, a task or a line.");
		return;
	}
	if (s->is_live || !s->is_taken)
		detail__take(&s->detail, area->snapshot, area->status, &s->subject);
	/* What goes on is not frozen before it is over, unless the user wants it to be. */
	if (!s->is_taken && detail__is_open(&s->detail))
		s->is_live = true;
	s->is_taken = true;
	draw_title(s, area->canvas, area->row);
	page__begin(&s->page, area->canvas, area->row + 1, area->rows - 1);
	detail__draw(&s->page, &s->detail);
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

/* The chain of those that await the task which is stuck. */
static bool detail_wants_tasks(const void *state)
{
	const struct detail_screen *s = state;

	return s->is_taken && s->is_live && detail__is_open(&s->detail);
}

static void write_frames(FILE *out, const struct model_frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s %s:%u\n", frames[i].function, frames[i].file, frames[i].line);
}

static void write_text(FILE *out, const struct detail *d)
{
	if (d->log[0])
		fprintf(out, "%s\n", d->log);
	if (d->has_verdict && d->stalls)
		fprintf(out, "%s. %s.\n", d->verdict.verdict, d->verdict.advice);
	if (d->has_task)
		write_frames(out, d->task.stack, d->task.row.n_frames);
	else if (d->has_stall)
		write_frames(out, d->stall.stack, d->stall.n_frames);
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
	.wants_tasks_now = detail_wants_tasks,
	.new = detail_new,
	.free = detail_free,
	.draw = detail_draw,
	.enter = detail_enter,
	.text = detail_text,
	.input = detail_input,
};
