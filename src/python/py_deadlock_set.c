/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tasks are part of cycles, by who waits for whom.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "python/py_deadlock_impl.h"

static int by_to(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->to < y->to ? -1 : x->to > y->to;
}

static int by_from(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

size_t py_deadlock__first_edge(const struct finder *f, uint32_t number, bool is_by_to)
{
	size_t low = 0, high = f->n_edges;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct edge *e = &f->edges[middle];

		if ((is_by_to ? e->to : e->from) < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int py_deadlock__spread_freedom(struct finder *f)
{
	_cleanup_free_ uint32_t *queue = calloc(f->n + 1, sizeof(*queue));
	size_t n = 0;

	if (!queue)
		return -ENOMEM;
	array__sort(f->edges, f->n_edges, sizeof(*f->edges), by_to);
	for (size_t i = 0; i < f->n; i++)
		if (f->nodes[i].is_free)
			queue[n++] = (uint32_t)i;
	for (size_t at = 0; at < n; at++)
		for (size_t e = py_deadlock__first_edge(f, queue[at], true);
		     e < f->n_edges && f->edges[e].to == queue[at]; e++) {
			struct node *node = &f->nodes[f->edges[e].from];

			if (node->is_free)
				continue;
			node->is_free = true;
			queue[n++] = f->edges[e].from;
		}
	return 0;
}

int py_deadlock__drop_victims(struct finder *f)
{
	_cleanup_free_ uint32_t *queue = calloc(f->n + 1, sizeof(*queue));
	size_t n = 0;

	if (!queue)
		return -ENOMEM;
	array__sort(f->edges, f->n_edges, sizeof(*f->edges), by_from);
	for (size_t e = 0; e < f->n_edges; e++)
		if (!f->nodes[f->edges[e].from].is_free)
			f->nodes[f->edges[e].to].n_into++;
	for (size_t i = 0; i < f->n; i++)
		if (!f->nodes[i].is_free && !f->nodes[i].n_into)
			queue[n++] = (uint32_t)i;
	for (size_t at = 0; at < n; at++) {
		f->nodes[queue[at]].is_free = true;
		for (size_t e = py_deadlock__first_edge(f, queue[at], false);
		     e < f->n_edges && f->edges[e].from == queue[at]; e++)
			if (!--f->nodes[f->edges[e].to].n_into && !f->nodes[f->edges[e].to].is_free)
				queue[n++] = f->edges[e].to;
	}
	return 0;
}
