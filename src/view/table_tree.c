/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows as a tree: which are kept, in which order, and the lines that are drawn between them.
 * Parents come from a target and may form cycles or chains as long as the table, so nothing here
 * recurses and every row is visited a fixed number of times.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "view/table_impl.h"

#define NO_NODE SIZE_MAX
#define LEVEL_COLUMNS 2

struct table_node {
	size_t parent, child, next; /* rows of the snapshot; NO_NODE: none */
	size_t line; /* in `sorted` */
	size_t walk; /* the walk up from row walk - 1 came here first; 0: none did */
	bool is_match, is_kept;
};

static int reserve(struct table *t, size_t n)
{
	struct table_node *nodes;
	struct table_line *sorted;

	if (n <= t->nodes_size)
		return 0;
	nodes = reallocarray(t->nodes, n, sizeof(*nodes));
	if (nodes)
		t->nodes = nodes;
	sorted = reallocarray(t->sorted, n, sizeof(*sorted));
	if (sorted)
		t->sorted = sorted;
	if (!nodes || !sorted)
		return -ENOMEM;
	t->nodes_size = n;
	return 0;
}

static void read_nodes(struct table *t, const struct table_scene *scene, size_t n)
{
	size_t parent;

	t->n_matches = 0;
	for (size_t i = 0; i < n; i++) {
		parent = t->ops->parent(scene->snapshot, i);
		t->nodes[i] = (struct table_node){
			.parent = parent < n && parent != i ? parent : NO_NODE,
			.child = NO_NODE,
			.next = NO_NODE,
			.is_match = table__is_shown(t, t->ops->row(scene->snapshot, i), scene),
		};
		t->n_matches += t->nodes[i].is_match;
	}
}

/* A walk up that meets itself has found a cycle: remove its last link. */
static void cut_cycles(struct table_node *nodes, size_t n)
{
	size_t at, before;

	for (size_t i = 0; i < n; i++) {
		before = NO_NODE;
		for (at = i; at != NO_NODE && nodes[at].walk == 0; at = nodes[at].parent) {
			nodes[at].walk = i + 1;
			before = at;
		}
		if (at != NO_NODE && before != NO_NODE && nodes[at].walk == i + 1)
			nodes[before].parent = NO_NODE;
	}
}

static void keep_ancestors(struct table_node *nodes, size_t n)
{
	size_t at;

	for (size_t i = 0; i < n; i++)
		for (at = nodes[i].is_match ? i : NO_NODE; at != NO_NODE && !nodes[at].is_kept;
		     at = nodes[at].parent)
			nodes[at].is_kept = true;
}

/* Hangs a row in front of the children of its parent, or of the roots. */
static void hang(struct table *t, size_t i, size_t *roots)
{
	struct table_node *node = &t->nodes[i];
	size_t *first = node->parent == NO_NODE ? roots : &t->nodes[node->parent].child;

	node->next = *first;
	*first = i;
}

static size_t next_node(const struct table_node *nodes, size_t at, size_t *depth)
{
	if (nodes[at].child != NO_NODE) {
		(*depth)++;
		return nodes[at].child;
	}
	while (nodes[at].next == NO_NODE && nodes[at].parent != NO_NODE) {
		(*depth)--;
		at = nodes[at].parent;
	}
	return nodes[at].next;
}

static void write_lines(struct table *t, size_t roots)
{
	struct table_node *nodes = t->nodes, *node;
	size_t at, depth = 0, n = 0;

	for (at = roots; at != NO_NODE; at = next_node(nodes, at, &depth)) {
		node = &nodes[at];
		t->lines[n] = t->sorted[node->line];
		t->lines[n].depth = depth;
		t->lines[n].is_last = node->next == NO_NODE;
		t->lines[n].is_context = !node->is_match;
		t->lines[n].parent =
			node->parent == NO_NODE ? TABLE_NO_LINE : nodes[node->parent].line;
		/* From here on: where it is among the lines. */
		node->line = n++;
	}
	t->n_lines = n;
}

int table__collect_tree(struct table *t, const struct table_scene *scene)
{
	size_t n = t->n_total, n_kept = 0, roots = NO_NODE, i, k;
	int r = reserve(t, n);

	if (r)
		return r;
	read_nodes(t, scene, n);
	cut_cycles(t->nodes, n);
	keep_ancestors(t->nodes, n);
	for (k = 0; k < n; k++) {
		const void *row = t->ops->row(scene->snapshot, i = t->order[k]);

		if (!t->nodes[i].is_kept)
			table__leave_out(t, i);
		else
			t->sorted[n_kept++] = (struct table_line){
				.row = row,
				.id = t->ops->id(row),
				.index = i,
			};
	}
	table__order(t, t->sorted, n_kept);
	for (i = n_kept; i-- > 0;) {
		t->nodes[t->sorted[i].index].line = i;
		hang(t, t->sorted[i].index, &roots);
	}
	write_lines(t, roots);
	return 0;
}

/*
 * From the row itself up to the root, written from the right; a deep one loses what is near the
 * root.
 */
void table__branch(const struct table *t, const struct table_line *line, bool is_utf8, int columns,
		   char text[TABLE_BRANCH_BYTES])
{
	size_t room = columns > LEVEL_COLUMNS ? (size_t)columns / LEVEL_COLUMNS : 1, used = 0, i, n;
	const char *levels[TABLE_BRANCH_BYTES / 8];
	const struct table_line *at = line;

	if (room > N_OF(levels))
		room = N_OF(levels);
	n = line->depth < room ? line->depth : room;
	for (i = 0; i < n; i++, at = &t->lines[at->parent]) {
		if (i == 0 && at->is_last)
			levels[i] = is_utf8 ? "\u2514\u2500" : "`-";
		else if (i == 0)
			levels[i] = is_utf8 ? "\u251c\u2500" : "|-";
		else if (at->is_last)
			levels[i] = "  ";
		else
			levels[i] = is_utf8 ? "\u2502 " : "| ";
	}
	if (n < line->depth && n > 1)
		levels[n - 1] = is_utf8 ? "\u2026 " : "~ ";
	text[0] = '\0';
	for (i = n; i-- > 0;)
		used += (size_t)snprintf(text + used, TABLE_BRANCH_BYTES - used, "%s", levels[i]);
}
