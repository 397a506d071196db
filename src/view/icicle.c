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

/* Of a node: the same of its siblings is one node. */
struct place_of {
	enum icicle_kind kind;
	const char *function, *file;
	uint32_t line;
};

static enum icicle_kind kind_of(const struct stall *stall, const struct model_frame *frame)
{
	switch (runtime_words__origin(stall->words, frame->file ?: "")) {
	case ORIGIN_USER:
	case ORIGIN_TEMPLATE:
		return ICICLE_OWN;
	case ORIGIN_RUNTIME:
		return ICICLE_RUNTIME;
	default:
		return ICICLE_LIBRARY;
	}
}

/* The child of `parent` for that place, made if need be; ICICLE_NONE if there is no room. */
static int icicle__child(struct icicle *tree, int parent, const struct place_of *place)
{
	struct icicle_node *node;
	int i;

	for (i = tree->nodes[parent].child; i != ICICLE_NONE; i = tree->nodes[i].sibling) {
		node = &tree->nodes[i];
		if (!is_same_text(node->function, place->function) ||
		    !is_same_text(node->file, place->file))
			continue;
		if (node->line != place->line)
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
		.kind = place->kind,
		.function = place->function,
		.file = place->file,
		.line = place->line,
		.path = hash_text(hash_text(tree->nodes[parent].path, place->function),
				  place->file),
		.parent = parent,
		.child = ICICLE_NONE,
		.sibling = tree->nodes[parent].child,
	};
	tree->nodes[parent].child = i;
	return i;
}

/* Adds the stall to the child for that place and returns it, or `at` itself if there is no room. */
static int icicle__step(struct icicle *tree, int at, const struct stall *stall,
			struct place_of place)
{
	int child;

	place.function = place.function ?: "?";
	child = icicle__child(tree, at, &place);
	if (child == ICICLE_NONE)
		return at;
	node__add(&tree->nodes[child], stall);
	return child;
}

/* The C functions inside the innermost frame. */
static int add_native(struct icicle *tree, int at, const struct stall *stall)
{
	for (size_t i = stall->n_native; i-- > 0;) {
		const struct model_native *frame = &stall->native_stack[i];
		const char *function = native_function(frame);
		const bool is_own = runtime_words__is_own_module(stall->words, frame->name);

		if (function)
			at = icicle__step(tree, at, stall,
					  (struct place_of){ is_own ? ICICLE_RUNTIME :
								      ICICLE_LIBRARY,
							     function, frame->name, 0 });
	}
	return at;
}

static void icicle__add(struct icicle *tree, const struct stall *stall)
{
	const char *what =
		words__call(stall->words, stall->cause, stall->sign, stall->call_syscall);
	int at = ICICLE_ROOT;

	node__add(&tree->nodes[ICICLE_ROOT], stall);
	for (size_t i = stall->n_frames; i-- > 0;) {
		const struct model_frame *f = &stall->stack[i];

		at = icicle__step(tree, at, stall,
				  (struct place_of){ kind_of(stall, f), f->function, f->file,
						     f->line });
	}
	if (!stall->n_frames && stall->coroutine.name)
		at = icicle__step(tree, at, stall,
				  (struct place_of){ ICICLE_OWN, stall->coroutine.name,
						     stall->coroutine.file, 0 });
	at = add_native(tree, at, stall);
	icicle__step(tree, at, stall, (struct place_of){ ICICLE_CALL, what, NULL, 0 });
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
