/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each generation of the collector is a circular list, to the end of which objects are added; what
 * survives is added to the next one. So from the ends backwards one meets the newest first, and
 * what a program has loaded at its start last.
 *
 * Sources: cpython Modules/gcmodule.c (3.8-3.12), Python/gc.c (3.13 and later),
 * Include/internal/pycore_gc.h (PyGC_Head, struct gc_generation).
 */
#include "python/py_tracked.h"

#include <errno.h>
#include <stddef.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "python/py_memory.h"

#define HEAD_BYTES 16 /* in front of an object: next, previous */
#define LINK_MASK (~3ULL) /* the lowest bits are flags */
#define COUNT 20 /* of a generation, behind its list */
#define MAX_OBJECTS 10000 /* of one generation */
#define TRIES 3

struct node {
	uint64_t next, previous, references, type;
};

struct walk {
	struct py_types *types;
	uint64_t coroutine, generator; /* their types */
	size_t n, size;
	uint64_t *found; /* generators with the lowest bit set */
};

static void walk__done(struct walk *w)
{
	free(w->found);
}

static int note(struct walk *w, const struct node *node, uint64_t object)
{
	if (node->type != w->coroutine && node->type != w->generator)
		return 0;
	if (ARRAY_RESERVE(w->found, w->size, w->n + 1))
		return -ENOMEM;
	w->found[w->n++] = object | (node->type == w->generator);
	return 0;
}

/*
 * Whether an object that was left behind another one still is in a list, if that one is not any
 * more: most objects die young.
 */
static bool is_linked(const struct walk *w, uint64_t at)
{
	uint64_t next, back;

	return !py_read_u64(w->types->t, at, &next) &&
		!py_read_u64(w->types->t, (next & LINK_MASK) + offsetof(struct node, previous),
			     &back) &&
		(back & LINK_MASK) == at;
}

/*
 * -EAGAIN: it changed meanwhile, so what follows is perhaps no object any more. While a generation
 * is collected its objects have other numbers in place of the link to the previous one.
 */
static int walk_list(struct walk *w, uint64_t head)
{
	uint64_t from = head;
	struct node node;
	int code = py_pages__read(w->types->pages, head, &node, sizeof(node.next) * 2);

	for (size_t i = 0; !code && i < MAX_OBJECTS; i++) {
		const uint64_t at = node.previous & LINK_MASK;

		if (at == head)
			return 0;
		code = py_pages__read(w->types->pages, at, &node, sizeof(node));
		if (!code && (node.next & LINK_MASK) != from && !is_linked(w, at))
			code = -EAGAIN;
		if (!code)
			code = note(w, &node, at + HEAD_BYTES);
		from = at;
	}
	return code == -EFAULT ? -EAGAIN : code;
}

/* What was found in front of a change was there. */
static int walk_again(struct walk *w, uint64_t head)
{
	const size_t before = w->n;
	int code = -EAGAIN;

	for (int i = 0; code == -EAGAIN && i < TRIES; i++) {
		w->n = before;
		py_pages__forget(w->types->pages);
		code = walk_list(w, head);
	}
	return code == -EAGAIN ? 0 : code;
}

static int walk_all(struct walk *w)
{
	const struct target *t = w->types->t;
	int code = 0;

	if (!t->proc.py.gc_counts ||
	    py_module_attribute(t, "types", "CoroutineType", &w->coroutine) ||
	    py_module_attribute(t, "types", "AsyncGeneratorType", &w->generator))
		return 0;
	for (unsigned int i = LS_GC_GENERATIONS; !code && i-- > 0;)
		code = walk_again(w, t->proc.py.gc_counts - COUNT + i * LS_PY_GC_GENERATION_BYTES);
	return code;
}

static int by_address(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int py_tracked__each(struct py_types *types, py_tracked_fn *fn, void *ctx)
{
	_cleanup_(walk__done) struct walk w = { .types = types };
	int code = walk_all(&w);

	/* One may have come into the next generation in between. */
	array__sort(w.found, w.n, sizeof(*w.found), by_address);
	for (size_t i = 0; !code && i < w.n; i++)
		if (!i || w.found[i] != w.found[i - 1])
			code = fn(ctx, w.found[i] & ~1ULL, !(w.found[i] & 1));
	return code;
}
