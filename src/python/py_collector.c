/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the garbage collector's flag and the counts of its generations. Sources: cpython
 * Include/internal/pycore_gc.h (pycore_mem.h in 3.8), Modules/gcmodule.c, Python/gc.c.
 */
#include <errno.h>

#include "python/py_memory.h"
#include "python/python.h"

#define TRIES 3
#define MAX_THRESHOLD 1000000000
#define LINK_MASK (~3ULL) /* the lowest bits are flags */
/* struct gc_generation: a list head of two pointers, threshold, count */
#define NEXT 0
#define PREV 8
#define THRESHOLD 16
#define COUNT 20

static uint64_t generation(uint64_t generations, unsigned int n)
{
	return generations + n * LS_PY_GC_GENERATION_BYTES;
}

/*
 * The incremental collector of 3.14.0 has a threshold of 0 for the oldest generation, and counts
 * otherwise.
 */
static bool has_thresholds(const struct target *t, uint64_t generations)
{
	for (unsigned int i = 0; i < LS_GC_GENERATIONS; i++) {
		uint32_t threshold;

		if (py_read_u32(t, generation(generations, i) + THRESHOLD, &threshold) ||
		    !threshold || threshold > MAX_THRESHOLD)
			return false;
	}
	return true;
}

/* Does the neighbour of the list's head point back to it? */
static bool is_linked(const struct target *t, uint64_t head, unsigned int there, unsigned int back)
{
	uint64_t neighbour, back_to;

	return !py_read_u64(t, head + there, &neighbour) && neighbour &&
		!py_read_u64(t, (neighbour & LINK_MASK) + back, &back_to) &&
		(back_to & LINK_MASK) == (head & LINK_MASK);
}

/*
 * The list of the oldest generation may change meanwhile. During a collection the links to the
 * previous objects hold other values.
 */
static bool is_list(const struct target *t, uint64_t head)
{
	for (int i = 0; i < TRIES; i++)
		if (is_linked(t, head, NEXT, PREV) || is_linked(t, head, PREV, NEXT))
			return true;
	return false;
}

static int find_generations(const struct target *t, uint64_t collecting, uint64_t *ret_generations)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t found = collecting - py->gc_generations_back;

	if (py->gc_generation0_back != LS_PY_NONE &&
	    py_read_u64(t, collecting - py->gc_generation0_back, &found))
		return -ENOENT;
	if (!found || !has_thresholds(t, found) ||
	    !is_list(t, generation(found, LS_GC_GENERATIONS - 1)))
		return -ENOENT;
	*ret_generations = found;
	return 0;
}

void py_find_collector(struct target *t)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	const uint64_t interp = py_target(t)->interp;
	uint64_t state, generations;

	/* Without the GIL the flag does not say which thread collects. */
	if (!interp || py_target(t)->is_free_threaded)
		return;
	state = py->interp_gc != LS_PY_NONE ? interp + py->interp_gc :
					      py_target(t)->runtime + py->runtime_gc;
	t->proc.py.gc_collecting = state + py->gc_collecting;
	if (!find_generations(t, t->proc.py.gc_collecting, &generations))
		t->proc.py.gc_counts = generations + COUNT;
}
