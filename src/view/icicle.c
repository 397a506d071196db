/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child list is searched from its head, so it is kept in order of arrival while stalls come in
 * and sorted once at the end.
 */
#include "view/icicle.h"

#include <string.h>

#include "base/hash.h"
#include "model/native_stack.h"
#include "view/words.h"

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return hash_byte(hash_string(hash, text ? text : ""), 0xff);
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void node__add(struct icicle_node *node, const struct stall *stall)
{
	node->stalls++;
	node->total_ns += stall->duration_ns;
	node->cpu_ns += stall->cpu_ns;
	node->blocked_ns += stall->blocked_ns;
	node->gil_ns += stall->gil_ns;
	node->runqueue_ns += stall->runqueue_ns;
}

/* The child of `parent` for that place, made if need be; ICICLE_NONE if there is no room. */
static int icicle__child(struct icicle *tree, int parent, const char *function, const char *file,
			 uint32_t line)
{
	struct icicle_node *node;
	int i;

	for (i = tree->nodes[parent].child; i != ICICLE_NONE; i = tree->nodes[i].sibling) {
		node = &tree->nodes[i];
		if (!is_same_text(node->function, function) || !is_same_text(node->file, file))
			continue;
		if (node->line != line)
			node->line = 0;
		return i;
	}
	if (tree->n == ICICLE_MAX_NODES) {
		tree->is_cut = true;
		return ICICLE_NONE;
	}
	i = (int)tree->n++;
	node = &tree->nodes[i];
	*node = (struct icicle_node){
		.function = function,
		.file = file,
		.line = line,
		.path = hash_text(hash_text(tree->nodes[parent].path, function), file),
		.parent = parent,
		.child = ICICLE_NONE,
		.sibling = tree->nodes[parent].child,
	};
	tree->nodes[parent].child = i;
	return i;
}

/* Adds the stall to the child for that place and returns it, or `at` itself if there is no room. */
static int icicle__step(struct icicle *tree, int at, const struct stall *stall,
			const char *function, const char *file, uint32_t line)
{
	int child = icicle__child(tree, at, function ? function : "?", file, line);

	if (child == ICICLE_NONE)
		return at;
	node__add(&tree->nodes[child], stall);
	return child;
}

static void icicle__add(struct icicle *tree, const struct stall *stall)
{
	const char *what = words__call(stall->words, stall->cause, stall->call_syscall);
	int at = ICICLE_ROOT;

	node__add(&tree->nodes[ICICLE_ROOT], stall);
	for (size_t i = stall->n_frames; i-- > 0;)
		at = icicle__step(tree, at, stall, stall->stack[i].function, stall->stack[i].file,
				  stall->stack[i].line);
	if (!stall->n_frames && stall->coroutine.name)
		at = icicle__step(tree, at, stall, stall->coroutine.name, stall->coroutine.file, 0);
	for (size_t i = stall->n_native; i-- > 0;) {
		const char *function = native_function(&stall->native_stack[i]);

		if (function)
			at = icicle__step(tree, at, stall, function, stall->native_stack[i].name,
					  0);
	}
	icicle__step(tree, at, stall, what, NULL, 0);
}

static bool is_before(const struct icicle_node *a, const struct icicle_node *b)
{
	if (a->total_ns != b->total_ns)
		return a->total_ns > b->total_ns;
	return a->path < b->path;
}

static void icicle__sort_children(struct icicle *tree, int parent)
{
	int sorted = ICICLE_NONE, node, next, *link;

	for (node = tree->nodes[parent].child; node != ICICLE_NONE; node = next) {
		next = tree->nodes[node].sibling;
		for (link = &sorted; *link != ICICLE_NONE; link = &tree->nodes[*link].sibling)
			if (is_before(&tree->nodes[node], &tree->nodes[*link]))
				break;
		tree->nodes[node].sibling = *link;
		*link = node;
	}
	tree->nodes[parent].child = sorted;
}

void icicle__build(struct icicle *tree, const struct snapshot *snapshot)
{
	tree->n = 1;
	tree->is_cut = false;
	tree->nodes[ICICLE_ROOT] = (struct icicle_node){
		.path = HASH_SEED,
		.parent = ICICLE_NONE,
		.child = ICICLE_NONE,
		.sibling = ICICLE_NONE,
	};
	for (size_t i = 0; i < snapshot->n_stalls; i++)
		if (snapshot->stall_list[i]->unit != LS_UNIT_TURN)
			icicle__add(tree, snapshot->stall_list[i]);
	for (size_t i = 0; i < tree->n; i++)
		icicle__sort_children(tree, (int)i);
}

int icicle__find(const struct icicle *tree, uint64_t path)
{
	for (size_t i = 0; i < tree->n; i++)
		if (tree->nodes[i].path == path)
			return (int)i;
	return ICICLE_NONE;
}

int icicle__depth(const struct icicle *tree, int node)
{
	int depth = 0;

	while ((node = tree->nodes[node].parent) != ICICLE_NONE)
		depth++;
	return depth;
}
