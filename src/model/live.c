/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See live.h. A row is made as that of a stall that ends now, with one stack: the place where the
 * thread is.
 */
#include "model/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/attribution.h"
#include "model/holder.h"
#include "model/library_calls.h"
#include "model/pending.h"
#include "model/places.h"
#include "model/stall.h"
#include "stream/pystr.h"

static int live_compare(const void *va, const void *vb)
{
	const struct stall *a = va, *b = vb;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return (a->tid > b->tid) - (a->tid < b->tid);
}

static void fill_victims(struct stall *row, const struct model_live *live)
{
	const size_t n = live->n_victim_names;

	for (size_t i = 0; i < n && i < MODEL_LIVE_VICTIMS; i++)
		pystr__to_utf8(&live->victim_names[i], row->victim_names[row->victims_named++],
			       sizeof(row->victim_names[0]));
}

static struct pending_stack *stack_of(const struct model_live *live)
{
	const size_t n = live->n_frames < LS_MAX_FRAMES ? live->n_frames : LS_MAX_FRAMES;
	struct pending_stack *s = calloc(1, sizeof(*s) + n * sizeof(s->frames[0]));

	if (!s)
		return NULL;
	s->weight_ns = 1;
	s->cause = (uint16_t)live->cause;
	s->syscall = live->syscall;
	s->flags = live->stack_flags;
	s->n_frames = (uint16_t)n;
	if (n)
		memcpy(s->frames, live->frames, n * sizeof(s->frames[0]));
	return s;
}

/*
 * 1 if it is a stall of the loop, 0 if not: without a stack nothing shows that the thread of a
 * callback is still in the loop.
 */
static int live_fill(const struct live_inputs *in, struct stall *row, const struct model_live *live)
{
	const struct resolver *resolver = in->resolver;
	const struct pending_span *pending = pending__peek(in->pending, &live->stall);
	_cleanup_free_ struct pending_stack *stack = stack_of(live);
	struct pending_span span = { .n_stacks = 1, .stacks = &stack };
	bool is_inside;
	int r;

	if (!stack)
		return -ENOMEM;
	if (pending) {
		span.n_natives = pending->n_natives;
		memcpy(span.natives, pending->natives, sizeof(span.natives));
	}
	stall__fill(row, resolver, &live->stall);
	row->cause = live->cause;
	row->end = LS_END_OPEN;
	fill_victims(row, live);
	holder__name_frames(live->cause == LS_CAUSE_LOCK ? &row->lock_holder : &row->gil_holder,
			    resolver, row->pid, live->holder_frames, live->n_holder_frames);
	r = attribution__place(resolver, in->own, &live->stall, &span, row, &is_inside);
	if (r >= 0)
		r = library_calls__judge(in->library_calls, row);
	if (r < 0)
		return r;
	holder__check_lock(row);
	stall__set_signs(row);
	return is_inside && (row->unit == LS_UNIT_STEP || row->n_frames);
}

int live__replace(struct live *l, const struct live_inputs *in, const struct model_live *live,
		  size_t n)
{
	struct stall *rows = reallocarray(l->rows, n + 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	l->rows = rows;
	l->n_rows = 0;
	for (size_t i = 0; i < n; i++) {
		int r = live_fill(in, &rows[l->n_rows], &live[i]);

		if (r < 0)
			return r;
		l->n_rows += (size_t)r;
		l->read_ns = live[i].stall.hdr.ts_ns;
	}
	qsort(rows, l->n_rows, sizeof(*rows), live_compare);
	return 0;
}

void live__forget(struct live *l, const struct stall *ended)
{
	for (size_t i = 0; i < l->n_rows; i++) {
		const struct stall *row = &l->rows[i];

		if (row->pid != ended->pid || row->tid != ended->tid ||
		    row->start_ns != ended->start_ns)
			continue;
		memmove(&l->rows[i], &l->rows[i + 1], (--l->n_rows - i) * sizeof(*row));
		return;
	}
}

static struct coroutine_row *row_of(struct coroutine_row *rows, size_t n, const struct stall *stall)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].coroutine.file &&
		    !places__compare(&rows[i].coroutine, &stall->coroutine))
			return &rows[i];
	return NULL;
}

static void mark_row(struct coroutine_row *rows, size_t *n, const struct stall *stall)
{
	struct coroutine_row *row = row_of(rows, *n, stall);

	if (!row) {
		row = &rows[(*n)++];
		*row = (struct coroutine_row){ .coroutine = stall->coroutine,
					       .pid = stall->pid,
					       .words = stall->words };
	}
	if (row->pid != stall->pid)
		row->pid = 0;
	if (!row->open++)
		row->open_since_ns = stall->start_ns;
	row->causes |= 1u << stall->cause;
	if (!stall->call.file)
		return;
	row->where = stall->own.file ? stall->own : stall->call;
	row->where_cause = stall->cause;
	row->where_sign = stall->sign;
	row->where_context = stall->context;
}

int live__rows(const struct live *l, struct coroutine_row **rows, struct snapshot *ret_snapshot)
{
	struct snapshot *s = ret_snapshot;
	struct coroutine_row *grown;

	s->n_live = l->n_rows;
	s->live = l->rows;
	s->live_ns = l->read_ns;
	if (!l->n_rows)
		return 0;
	grown = reallocarray(*rows, s->n_rows + l->n_rows, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	s->rows = *rows = grown;
	for (size_t i = 0; i < l->n_rows; i++)
		if (l->rows[i].unit == LS_UNIT_STEP && l->rows[i].coroutine.file)
			mark_row(grown, &s->n_rows, &l->rows[i]);
	return 0;
}

void live__done(struct live *l)
{
	free(l->rows);
	memset(l, 0, sizeof(*l));
}
