/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes lists of tasks, whose rows are kept, changed or new against the previous list.
 * recorder_tasks.c encodes them.
 */
#include "record/player_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int keep_rows(struct player *p, size_t n)
{
	struct told *t = p->told;
	int r = 0;

	if (n > t->tasks.n - t->next_task || n > FORMAT_MAX_TASKS - t->next_tasks.n) {
		p->cursor.is_bad = true;
		return 0;
	}
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = task_list__add(&t->next_tasks, task_list__take(&t->tasks, t->next_task++));
	return r;
}

/* The text that follows, ended; NULL without memory. */
static char *read_text(struct player *p)
{
	size_t n;
	const char *at = cursor__text(&p->cursor, &n);

	return strndup(at, n);
}

/* The row is encoded as differences to `before`; fields without a difference keep its values. */
static int read_row(struct player *p, const struct model_task *before, bool is_new)
{
	_cleanup_free_ char *name = NULL, *waits_for = NULL;
	struct ls_frame frames[LS_MAX_FRAMES];
	struct model_task task = *before;
	unsigned int has;
	uint8_t is_cut;

	fields__get(&p->cursor, &p->shape, FIELDS_TASK, &task);
	memcpy(&is_cut, &task.is_cut, sizeof(is_cut));
	has = (unsigned int)cursor__below(&p->cursor, FORMAT_HAS_ALL + 1);
	if (is_cut > 1 || (unsigned int)task.state > MODEL_TASK_RUNNING ||
	    (is_new && has != FORMAT_HAS_ALL) || p->told->next_tasks.n == FORMAT_MAX_TASKS)
		p->cursor.is_bad = true;
	if (has & FORMAT_HAS_NAME)
		task.name = name = read_text(p);
	if (has & FORMAT_HAS_WAITS_FOR)
		task.waits_for = waits_for = read_text(p);
	if (!task.name || !task.waits_for)
		return -ENOMEM;
	if (has & FORMAT_HAS_FRAMES) {
		task.n_frames = player__frames(p, frames);
		task.frames = frames;
	}
	if (p->cursor.is_bad)
		return 0;
	return task_list__add(&p->told->next_tasks, kept_task__new(&task));
}

static int change_row(struct player *p)
{
	struct told *t = p->told;
	_cleanup_free_ struct kept_task *old = NULL;

	if (t->next_task == t->tasks.n) {
		p->cursor.is_bad = true;
		return 0;
	}
	old = task_list__take(&t->tasks, t->next_task++);
	return read_row(p, &old->task, false);
}

static int new_row(struct player *p)
{
	static const struct model_task none = { .name = "", .waits_for = "" };
	const struct task_list *l = &p->told->next_tasks;

	return read_row(p, l->n ? &l->rows[l->n - 1]->task : &none, true);
}

int player__task_row(struct player *p)
{
	const uint64_t head = cursor__varint(&p->cursor), gap = head >> FORMAT_ROW_BITS;
	struct told *t = p->told;

	if (gap > t->tasks.n - t->next_task)
		p->cursor.is_bad = true;
	if (p->cursor.is_bad)
		return 0;
	t->next_task += gap;
	switch (head & ((1U << FORMAT_ROW_BITS) - 1)) {
	case FORMAT_ROW_KEEP:
		return keep_rows(p, cursor__below(&p->cursor, FORMAT_MAX_TASKS) + 1);
	case FORMAT_ROW_CHANGE:
		return change_row(p);
	case FORMAT_ROW_NEW:
		return new_row(p);
	default:
		p->cursor.is_bad = true;
		return 0;
	}
}

int player__tasks(struct player *p, struct model *model)
{
	const bool has_list = cursor__below(&p->cursor, 2);
	const uint64_t alive = cursor__varint(&p->cursor);
	_cleanup_free_ struct model_task *tasks = NULL;
	struct told *t = p->told;

	if (p->cursor.is_bad || !has_list)
		return player__is_for_model(p) ? model__tasks(model, p->at_ns, NULL, 0, alive) : 0;
	task_list__done(&t->tasks);
	t->tasks = t->next_tasks;
	t->next_tasks = (struct task_list){};
	t->next_task = 0;
	p->n_rows += t->tasks.n;
	/* A few bytes can repeat a long list; no recorder does that this often. */
	if (p->n_rows > FORMAT_MAX_ROWS) {
		p->cursor.is_bad = true;
		return 0;
	}
	if (p->is_known)
		return 0;
	tasks = task_list__plain(&t->tasks);
	return tasks ? model__tasks(model, p->at_ns, tasks, t->tasks.n, alive) : -ENOMEM;
}
