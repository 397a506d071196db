/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tasks of one look and who waits for whom: shared by the files of py_deadlock.h.
 */
#ifndef LOOPSTALL_PYTHON_PY_DEADLOCK_IMPL_H
#define LOOPSTALL_PYTHON_PY_DEADLOCK_IMPL_H

#include "python/addr_map.h"
#include "python/py_deadlock.h"
#include "python/py_values.h"

/* What is known of one task. */
struct node {
	bool is_free; /* may go on, as far as is known */
	uint64_t lock; /* that it waits for, 0: none */
	uint32_t n_into; /* tasks of the set that wait for it */
	uint64_t turns; /* of trio's: see turns_of() */
};

/* Task `from` waits for task `to`. */
struct edge {
	uint32_t from, to;
};

struct finder {
	struct py_task_reader *r;
	size_t n;
	struct node *nodes;
	size_t n_edges, size;
	struct edge *edges;
	struct addr_map tasks; /* to their number, plus 1 */
	struct addr_map holders; /* of locks, likewise */
	struct addr_map roles; /* of code objects, plus 1 */
	struct py_values values;
	size_t slow_reads;
	int error;
};

/* The first edge that ends (or begins) at `number`, of those sorted so. */
size_t py_deadlock__first_edge(const struct finder *f, uint32_t number, bool is_by_to);
/* Frees the tasks that wait for one that is free, and those behind them. 0 or -ENOMEM. */
int py_deadlock__spread_freedom(struct finder *f);
/*
 * Takes out the tasks for which none of the set waits: they are no part of its cycles. Leaves the
 * edges sorted by where they begin. 0 or -ENOMEM.
 */
int py_deadlock__drop_victims(struct finder *f);

#endif
