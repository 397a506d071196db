/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The await chain reads downwards like an inverted traceback: where the task is suspended, then
 * what awaits that. The tasks that await this one stand above it.
 */
#include <inttypes.h>

#include "view/detail_draw.h"
#include "view/task_state.h"
#include "view/words.h"

#define CHAIN_COLUMN 14
#define MAX_INDENT 16

static uint64_t since(const struct detail *d, uint64_t at_ns)
{
	return at_ns > 0 && d->now_ns > at_ns ? d->now_ns - at_ns : 0;
}

static void draw_doing(struct page *p, const struct detail *d)
{
	const struct task_row *task = &d->task.row;
	const struct task_state *state = task__state(task);
	char idle[WORDS_BYTES], age[WORDS_BYTES];
	struct page_flow flow;

	page__flow(&flow, p, "task");
	if (task->state == MODEL_TASK_WAITING && d->task.waits_for[0])
		page__item(&flow, ATTR_BOLD, "waiting for %s", d->task.waits_for);
	else
		page__item(&flow, state->attr, "%s", state->word);
	if (task->state != MODEL_TASK_RUNNING)
		page__item(&flow, ATTR_NORMAL, "idle for %s",
			   words__duration(since(d, task__idle_since(task)), idle));
	page__item(&flow, ATTR_NORMAL, "seen for %s",
		   words__duration(since(d, task->seen_ns), age));
	page__item(&flow, ATTR_DIM, "process %u", task->pid);
	if (task->tid)
		page__item(&flow, ATTR_DIM, "thread %u", task->tid);
}

static void draw_numbers(struct page *p, const struct task_row *task)
{
	char number[WORDS_BYTES];
	struct page_flow flow;

	page__flow(&flow, p, "");
	if (!task->steps) {
		page__item(&flow, ATTR_DIM, "no step of it has ended since tasks are looked at");
		return;
	}
	page__item(&flow, ATTR_NORMAL, "%s steps", words__count(task->steps, number));
	page__item(&flow, ATTR_NORMAL, "%s%% busy", words__percent(task->busy, number));
	page__item(&flow, ATTR_NORMAL, "%s in all", words__duration(task->total_ns, number));
	page__item(&flow, ATTR_NORMAL, "longest %s", words__duration(task->max_ns, number));
	page__item(&flow, task->stalls ? ATTR_WARN : ATTR_NORMAL, "%s stall%s",
		   words__count(task->stalls, number), task->stalls == 1 ? "" : "s");
}

static void draw_frame(struct page *p, int row, int column, const struct model_frame *frame)
{
	if (frame->file)
		page__print(p, row, column, ATTR_NORMAL, "%s  %s:%u",
			    frame->function ? frame->function : "?", frame->file, frame->line);
	else
		page__print(p, row, column, ATTR_NORMAL, "%s",
			    frame->function ? frame->function : "?");
}

static void draw_chain(struct page *p, const struct detail_task *t)
{
	const char *mark = canvas__is_utf8(p->canvas) ? "\u25b8" : ">";
	int row;

	if (t->row.n_frames)
		page__line(p);
	for (size_t i = 0; i < t->row.n_frames; i++) {
		row = page__labelled(p, i ? "" : "stands in");
		if (i == 0)
			canvas__text(p->canvas, row, CHAIN_COLUMN - 2, 1, ATTR_BOLD, mark);
		draw_frame(p, row, CHAIN_COLUMN, &t->stack[i]);
	}
	if (t->row.is_cut)
		page__print(p, page__labelled(p, ""), CHAIN_COLUMN, ATTR_DIM,
			    "(outer frames not known)");
}

/* Each awaiter is indented further than the one it awaits. */
void detail__draw_awaiters(struct page *p, const struct detail_task *t)
{
	const char *branch = canvas__is_utf8(p->canvas) ? "\u2514 " : "` ";
	int row, column, indent;

	if (t->n_awaiters)
		page__line(p);
	for (size_t i = 0; i < t->n_awaiters; i++) {
		const struct detail_awaiter *awaiter = &t->awaiters[i];

		row = page__labelled(p, i ? "" : "awaited by");
		indent = (int)i * 2 < MAX_INDENT ? (int)i * 2 : MAX_INDENT;
		column = CHAIN_COLUMN + indent;
		if (i > 0)
			canvas__text(p->canvas, row, column - 2, 2, ATTR_DIM, branch);
		column = page__print(p, row, column, ATTR_BOLD, "%s", awaiter->name);
		column = page__print(p, row, column, ATTR_NORMAL, "  %s",
				     awaiter->coroutine.name ? awaiter->coroutine.name : "?");
		if (awaiter->at.file)
			page__print(p, row, column, ATTR_DIM, "  %s:%u",
				    words__file(awaiter->at.file), awaiter->at.line);
	}
	if (t->is_cut)
		page__print(p, page__labelled(p, ""), CHAIN_COLUMN, ATTR_DIM, "(and so on)");
}

void detail__draw_task(struct page *p, const struct detail *d)
{
	draw_doing(p, d);
	draw_numbers(p, &d->task.row);
	draw_chain(p, &d->task);
	detail__draw_awaiters(p, &d->task);
	page__line(p);
}
