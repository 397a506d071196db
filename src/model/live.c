/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See live.h.
 */
#include "model/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/naming.h"

static int live_compare(const void *va, const void *vb)
{
	const struct live_row *a = va, *b = vb;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return (a->tid > b->tid) - (a->tid < b->tid);
}

static void live_fill(const struct resolver *resolver, struct live_row *row,
		      const struct model_live *live)
{
	const struct naming naming = { resolver, live->pid, live->code, live->qualname };
	size_t i;

	memset(row, 0, sizeof(*row));
	row->pid = live->pid;
	row->tid = live->tid;
	row->unit = live->unit;
	row->cause = live->cause;
	row->start_ns = live->start_ns;
	row->syscall = resolver->ops->syscall(resolver->ctx, live->syscall);
	if (live->unit == LS_UNIT_STEP && live->code)
		row->coroutine = naming__code(&naming, live->code);
	for (i = 0; i < live->n_frames && i < LS_MAX_FRAMES; i++)
		if (live->frames[i].code)
			row->stack[row->n_frames++] = naming__frame(&naming, &live->frames[i]);
}

int live__replace(struct live *l, const struct resolver *resolver, const struct model_live *live,
		  size_t n)
{
	struct live_row *rows = reallocarray(l->rows, n + 1, sizeof(*rows));
	size_t i;

	if (!rows)
		return -ENOMEM;
	l->rows = rows;
	l->n_rows = n;
	for (i = 0; i < n; i++)
		live_fill(resolver, &rows[i], &live[i]);
	qsort(rows, n, sizeof(*rows), live_compare);
	return 0;
}

void live__rows(const struct live *l, struct snapshot *ret_snapshot)
{
	ret_snapshot->n_live = l->n_rows;
	ret_snapshot->live = l->rows;
}

void live__done(struct live *l)
{
	free(l->rows);
	memset(l, 0, sizeof(*l));
}
