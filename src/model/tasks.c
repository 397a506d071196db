/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each reading of the tasks replaces the previous one. Of that only the table by address is needed:
 * when a task was first seen, and its time by then. The memory of one reading is a few large
 * blocks.
 */
#include "model/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "model/naming.h"
#include "model/rate.h"

#define TASK_TEXT_BYTES 512 /* longer names are truncated */

struct task_known {
	struct task_key {
		uint64_t task;
		uint32_t pid, pad;
	} key;
	uint64_t code, coro, awaited_by;
	uint64_t seen_ns, total_ns;
	size_t walk; /* the walk that visited it in the search for cycles, 0: not visited */
	UT_hash_handle hh;
};

void tasks__done(struct tasks *t)
{
	HASH_CLEAR(hh, t->table);
	free(t->known);
	free(t->rows);
	free(t->frames);
	free(t->text);
	memset(t, 0, sizeof(*t));
}

static int task_compare(const void *va, const void *vb)
{
	const struct model_task *a = *(const struct model_task *const *)va;
	const struct model_task *b = *(const struct model_task *const *)vb;

	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	if (a->tid != b->tid)
		return a->tid < b->tid ? -1 : 1;
	if (a->task != b->task)
		return a->task < b->task ? -1 : 1;
	/* Of duplicates the first one counts. */
	return (a > b) - (a < b);
}

static size_t n_frames_of(const struct model_task *task)
{
	if (!task->frames)
		return 0;
	return task->n_frames < LS_MAX_FRAMES ? task->n_frames : LS_MAX_FRAMES;
}

static size_t text_bytes_of(const char *text)
{
	return text ? strnlen(text, TASK_TEXT_BYTES) + 1 : 1;
}

/* Allocates for the most that `n` tasks can need. */
static int tasks_allocate(struct tasks *t, const struct model_task *const *sorted, size_t n)
{
	size_t n_frames = 0, n_bytes = 0;

	for (size_t i = 0; i < n; i++) {
		n_frames += n_frames_of(sorted[i]);
		n_bytes += text_bytes_of(sorted[i]->name) + text_bytes_of(sorted[i]->waits_for);
	}
	t->rows = calloc(n + 1, sizeof(*t->rows));
	t->known = calloc(n + 1, sizeof(*t->known));
	t->frames = calloc(n_frames + 1, sizeof(*t->frames));
	t->text = malloc(n_bytes + 1);
	return t->rows && t->known && t->frames && t->text ? 0 : -ENOMEM;
}

static const char *text_copy(const char *text, char **end)
{
	const size_t n = text_bytes_of(text) - 1;
	char *copy = *end;

	if (n)
		memcpy(copy, text, n);
	copy[n] = '\0';
	*end += n + 1;
	return copy;
}

static const struct task_known *known_find(const struct tasks *t, uint32_t pid, uint64_t task)
{
	const struct task_key key = { .task = task, .pid = pid };
	struct task_known *k;

	table__find(t->table, &key, k);
	return k;
}

/* The same task in the previous reading; NULL if its address held no task, or another one. */
static const struct task_known *task_before(const struct tasks *old, const struct model_task *task)
{
	const struct task_known *k = known_find(old, task->pid, task->task);

	return k && k->code == task->code ? k : NULL;
}

/* 0 for a task that was not in the previous reading: its time may be older than the interval. */
static double task_busy(const struct task_known *before, const struct ls_task_stats *stats,
			uint64_t interval_ns)
{
	uint64_t from_ns = 0;

	if (!before || !interval_ns)
		return 0;
	/* Unless counting was restarted in between. */
	if (before->coro == stats->coro && before->total_ns <= stats->total_ns)
		from_ns = before->total_ns;
	return rate_share(stats->total_ns - from_ns, interval_ns);
}

/* `row` must be zeroed. */
static void row_fill(struct task_row *row, const struct model_task *task,
		     const struct resolver *resolver, struct model_frame **frames, char **text)
{
	const struct naming naming = { resolver, task->pid, task->code, task->qualname };
	const size_t n = n_frames_of(task);

	row->pid = task->pid;
	row->tid = task->tid;
	row->task = task->task;
	row->name = text_copy(task->name, text);
	row->waits_for = text_copy(task->waits_for, text);
	row->state = task->state;
	if (task->state != MODEL_TASK_READY && task->state != MODEL_TASK_RUNNING)
		row->state = MODEL_TASK_WAITING;
	if (task->code)
		row->coroutine = naming__code(&naming, task->code);
	row->awaited_by = SIZE_MAX;
	row->is_cut = task->is_cut || n < task->n_frames;
	row->stack = *frames;
	for (size_t i = 0; i < n; i++)
		if (task->frames[i].code)
			(*frames)[row->n_frames++] = naming__frame(&naming, &task->frames[i]);
	*frames += row->n_frames;
	row->steps = task->stats.steps;
	row->total_ns = task->stats.total_ns;
	row->max_ns = task->stats.max_ns;
	row->stalls = task->stats.stalls;
	row->last_end_ns = task->stats.last_end_ns;
}

static int known_add(struct tasks *t, const struct task_known *before,
		     const struct model_task *task)
{
	struct task_known *k = &t->known[t->n_known];
	int r;

	*k = (struct task_known){
		.key = { .task = task->task, .pid = task->pid },
		.code = task->code,
		.coro = task->stats.coro,
		.awaited_by = task->awaited_by,
		.seen_ns = before ? before->seen_ns : t->looked_ns,
		.total_ns = task->stats.total_ns,
	};
	r = table__add(t->table, k);
	if (!r)
		t->n_known++;
	return r;
}

static int tasks_fill(struct tasks *t, const struct tasks *old, const struct resolver *resolver,
		      const struct model_task *const *sorted, size_t n)
{
	const uint64_t interval_ns = old->looked_ns ? rate_since(t->looked_ns, old->looked_ns) : 0;
	struct model_frame *frames = t->frames;
	char *text = t->text;
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct task_known *before = task_before(old, sorted[i]);
		struct task_row *row = &t->rows[t->n_rows];

		if (known_find(t, sorted[i]->pid, sorted[i]->task))
			continue;
		r = known_add(t, before, sorted[i]);
		if (r)
			return r;
		row_fill(row, sorted[i], resolver, &frames, &text);
		row->seen_ns = t->known[t->n_rows++].seen_ns;
		row->busy = task_busy(before, &sorted[i]->stats, interval_ns);
	}
	return 0;
}

static void tasks_link(struct tasks *t)
{
	const struct task_known *k;

	for (size_t i = 0; i < t->n_rows; i++) {
		if (!t->known[i].awaited_by)
			continue;
		k = known_find(t, t->rows[i].pid, t->known[i].awaited_by);
		if (k)
			t->rows[i].awaited_by = (size_t)(k - t->known);
	}
}

/*
 * Follows each chain to its end or to a task of an earlier walk. A chain that meets itself is a
 * cycle and is cut there.
 */
static void tasks_cut_circles(struct tasks *t)
{
	size_t first, next;

	for (first = 0; first < t->n_rows; first++) {
		for (size_t i = first; !t->known[i].walk; i = next) {
			t->known[i].walk = first + 1;
			next = t->rows[i].awaited_by;
			if (next == SIZE_MAX)
				break;
			if (t->known[next].walk == first + 1) {
				t->rows[i].awaited_by = SIZE_MAX;
				break;
			}
		}
	}
}

static int tasks_make(struct tasks *t, const struct tasks *old, const struct resolver *resolver,
		      const struct model_task *tasks, size_t n)
{
	_cleanup_free_ const struct model_task **sorted = calloc(n + 1, sizeof(*sorted));
	int r;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &tasks[i];
	qsort(sorted, n, sizeof(*sorted), task_compare);
	r = tasks_allocate(t, sorted, n);
	if (!r)
		r = tasks_fill(t, old, resolver, sorted, n);
	if (r)
		return r;
	tasks_link(t);
	tasks_cut_circles(t);
	return 0;
}

int tasks__look(struct tasks *t, const struct resolver *resolver, uint64_t now_ns,
		const struct model_task *tasks, size_t n, uint64_t alive)
{
	struct tasks fresh = { .looked_ns = now_ns, .refused = t->refused };
	int r;

	if (!tasks) {
		t->alive = alive;
		return 0;
	}
	fresh.alive = alive > n ? alive : n;
	if (n > TASKS_MAX) {
		fresh.refused += n - TASKS_MAX;
		n = TASKS_MAX;
	}
	r = tasks_make(&fresh, t, resolver, tasks, n);
	if (r) {
		tasks__done(&fresh);
		return r;
	}
	tasks__done(t);
	*t = fresh;
	return 0;
}

void tasks__rows(const struct tasks *t, struct snapshot *ret_snapshot)
{
	ret_snapshot->tasks_alive = t->alive;
	ret_snapshot->tasks_ns = t->looked_ns;
	ret_snapshot->n_tasks = t->n_rows;
	ret_snapshot->tasks = t->rows;
}
