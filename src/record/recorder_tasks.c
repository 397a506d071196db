/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Encodes lists of tasks. They may be long and mostly stay the same, so a list is written as edits
 * of the previous one: a number of kept rows, a changed row, a new row; the others are gone. Each
 * edit is a record, so a chunk may end behind it. A row of the previous list is used at most once
 * and in ascending order, so that the reader can move rows.
 */
#include "record/recorder_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The list that is being written. */
struct making {
	struct recorder *rec;
	struct task_list list;
	size_t next; /* first row of the old list that may still be used */
	size_t n_kept; /* kept rows that are not written yet; they end before `next` */
	size_t kept_gap; /* rows skipped before these */
};

static void put_row_head(struct making *m, enum format_row row, size_t gap)
{
	struct buffer *b = &m->rec->out.raw;

	buffer__varint(b, FORMAT_TASK_ROW);
	buffer__varint(b, gap << FORMAT_ROW_BITS | row);
}

static void tell_kept(struct making *m)
{
	if (m->n_kept == 0)
		return;
	put_row_head(m, FORMAT_ROW_KEEP, m->kept_gap);
	buffer__varint(&m->rec->out.raw, m->n_kept - 1);
	m->n_kept = 0;
}

static void keep_row(struct making *m, size_t gap)
{
	if (gap > 0)
		tell_kept(m);
	if (m->n_kept++ == 0)
		m->kept_gap = gap;
}

static void put_row(struct making *m, const struct model_task *task,
		    const struct model_task *before, unsigned int has)
{
	struct buffer *b = &m->rec->out.raw;

	fields__put(b, FIELDS_TASK, task, before);
	buffer__varint(b, has);
	if (has & FORMAT_HAS_NAME)
		buffer__text(b, task->name);
	if (has & FORMAT_HAS_WAITS_FOR)
		buffer__text(b, task->waits_for);
	if (has & FORMAT_HAS_FRAMES)
		recorder__put_frames(m->rec, task->frames, task->n_frames);
}

static void new_row(struct making *m, const struct model_task *task)
{
	static const struct model_task none;
	const struct kept_task *before = m->list.n > 0 ? m->list.rows[m->list.n - 1] : NULL;

	tell_kept(m);
	put_row_head(m, FORMAT_ROW_NEW, 0);
	put_row(m, task, before ? &before->task : &none, FORMAT_HAS_ALL);
}

static void changed_row(struct making *m, const struct model_task *task,
			const struct kept_task *old, size_t gap, unsigned int has)
{
	tell_kept(m);
	put_row_head(m, FORMAT_ROW_CHANGE, gap);
	put_row(m, task, &old->task, has);
}

/* The row of this task in the previous list, if it may still be used. */
static size_t find_old(const struct making *m, const struct model_task *task)
{
	const struct known *k = m->rec->known;
	const size_t i = slots__find(k->task_index, task->task, task->pid);

	/* A duplicate in the list would make the index wrong. */
	if (i >= k->tasks.n || i < m->next || !k->tasks.rows[i] ||
	    k->tasks.rows[i]->task.task != task->task || k->tasks.rows[i]->task.pid != task->pid)
		return SIZE_MAX;
	return i;
}

static int add_row(struct making *m, const struct model_task *task)
{
	struct known *k = m->rec->known;
	const size_t i = find_old(m, task);
	const struct kept_task *old;
	unsigned int has;
	size_t gap;

	m->rec->n_rows++;
	if (i == SIZE_MAX) {
		new_row(m, task);
		return task_list__add(&m->list, kept_task__new(task));
	}
	gap = i - m->next;
	m->next = i + 1;
	old = k->tasks.rows[i];
	has = (kept_task__has_name(old, task) ? 0 : FORMAT_HAS_NAME) |
		(kept_task__has_waits_for(old, task) ? 0 : FORMAT_HAS_WAITS_FOR) |
		(kept_task__has_frames(old, task) ? 0 : FORMAT_HAS_FRAMES);
	if (!has && fields__is_same(FIELDS_TASK, &old->task, task)) {
		keep_row(m, gap);
		return task_list__add(&m->list, task_list__take(&k->tasks, i));
	}
	changed_row(m, task, old, gap, has);
	return task_list__add(&m->list, kept_task__new(task));
}

static void index_tasks(struct known *k)
{
	bool is_new;

	slots__forget(k->task_index);
	for (size_t i = 0; i < k->tasks.n; i++)
		slots__get(k->task_index, k->tasks.rows[i]->task.task, k->tasks.rows[i]->task.pid,
			   &is_new);
}

static int put_list(struct recorder *rec, const struct model_task *tasks, size_t n)
{
	struct making m = { .rec = rec };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct model_task task = tasks[i];

		if (task.n_frames > LS_MAX_FRAMES)
			task.n_frames = LS_MAX_FRAMES;
		r = add_row(&m, &task);
		if (r >= 0)
			r = recorder__breathe(rec);
	}
	tell_kept(&m);
	task_list__done(&rec->known->tasks);
	rec->known->tasks = m.list;
	if (r >= 0)
		index_tasks(rec->known);
	return r;
}

int recorder__tasks(struct recorder *rec, uint64_t now_ns, const struct model_task *tasks, size_t n,
		    uint64_t alive)
{
	if (n > FORMAT_MAX_TASKS)
		n = FORMAT_MAX_TASKS;
	if (rec->error < 0)
		return rec->error;
	if (tasks)
		rec->error = put_list(rec, tasks, n);
	recorder__begin_input(rec, FORMAT_TASKS, now_ns);
	buffer__varint(&rec->out.raw, tasks ? 1 : 0);
	buffer__varint(&rec->out.raw, alive);
	rec->known->tasks_ns = now_ns;
	rec->known->tasks_alive = alive;
	return recorder__end_input(rec);
}
