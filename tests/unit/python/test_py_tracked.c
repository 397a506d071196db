/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The collector's lists, laid out by hand: what is found in them, how far they are followed, and
 * what becomes of lists that change meanwhile.
 */
#include <errno.h>

#include "fake_objects.h"
#include "python/py_tracked.h"

#define HEAD_WORDS 2
#define OBJECT_WORDS 4
#define MANY 10001 /* one more than are looked at */

static struct target target;
static uint64_t interp[1500], generations[9]; /* three lists of three words each */
static uint64_t coroutine_type, generator_type, other_type;
static uint64_t tracked[MANY + 1][OBJECT_WORDS];
static size_t n_tracked;
static uint64_t found[16];
static size_t n_found, n_coroutines;

/* Adds an object to the end of a generation's list. */
static uint64_t track(size_t generation, uint64_t type)
{
	uint64_t *head = &generations[3 * generation], *o = tracked[n_tracked++];
	uint64_t *last = (uint64_t *)(uintptr_t)head[1];

	o[0] = address(head);
	o[1] = address(last);
	o[3] = type;
	last[0] = address(o);
	head[1] = address(o);
	return address(o + HEAD_WORDS);
}

static void begin(void)
{
	static const char *const names[] = { "CoroutineType", "AsyncGeneratorType" },
				 *const module_names[] = { "types" };
	uint64_t values[2], module;

	n_objects = n_tracked = 0;
	memset(pool, 0, sizeof(pool));
	target = self_as(12);
	coroutine_type = values[0] = make_type(&target, "coroutine", 0);
	generator_type = values[1] = make_type(&target, "async_generator", 0);
	other_type = make_type(&target, "dict", 0);
	module = make_module(&target, names, values, 2);
	put(interp, target.proc.py.at.interp_modules,
	    make_dict(&target, module_names, &module, 1, true));
	py_target(&target)->interp = address(interp);
	target.proc.py.gc_counts = address(generations) + 20;
	for (size_t i = 0; i < 9; i += 3)
		generations[i] = generations[i + 1] = address(&generations[i]);
}

TestSuite(py_tracked, .init = begin);

static int note(void *ctx, uint64_t object, bool is_coroutine)
{
	(void)ctx;
	cr_assert_lt(n_found, sizeof(found) / sizeof(*found));
	found[n_found++] = object;
	n_coroutines += is_coroutine;
	return 0;
}

static int refuse(void *ctx, uint64_t object, bool is_coroutine)
{
	(void)ctx;
	(void)object;
	(void)is_coroutine;
	return -EIO;
}

static int look(py_tracked_fn *fn)
{
	struct py_types types = { .t = &target };
	int r;

	n_found = n_coroutines = 0;
	cr_assert_eq(py_pages__new(&types.pages, &target), 0);
	r = py_tracked__each(&types, fn, NULL);
	py_pages__free(types.pages);
	return r;
}

static size_t count(void)
{
	cr_assert_eq(look(note), 0);
	return n_found;
}

Test(py_tracked, all_generations)
{
	const uint64_t old = track(2, coroutine_type), middle = track(1, generator_type);

	track(0, other_type);
	track(2, other_type);
	cr_expect_eq(track(0, coroutine_type) & 1, 0);
	cr_expect_eq(count(), 3);
	cr_expect_eq(n_coroutines, 2);
	cr_expect_eq(found[0], old, "in the order of their addresses");
	cr_expect_eq(found[1], middle);
	cr_expect_eq(look(refuse), -EIO);
}

Test(py_tracked, empty_lists)
{
	cr_expect_eq(count(), 0);
}

/* What was there at the program's start is not looked at in a large one. */
Test(py_tracked, the_newest_of_many)
{
	track(2, coroutine_type);
	while (n_tracked < MANY - 1)
		track(2, other_type);
	cr_expect_eq(count(), 1);
	track(2, other_type);
	cr_expect_eq(count(), 0);
	track(2, coroutine_type);
	cr_expect_eq(count(), 1);
}

/* Both links have flags in their lowest bits. */
Test(py_tracked, links_with_flags)
{
	track(1, coroutine_type);
	track(1, coroutine_type);
	tracked[0][1] |= 1;
	tracked[1][1] |= 2;
	tracked[0][0] |= 1;
	cr_expect_eq(count(), 2);
}

/* The newer one is still told; what follows may be anything. */
Test(py_tracked, a_list_that_changes)
{
	track(2, coroutine_type);
	track(2, coroutine_type);
	track(2, coroutine_type);
	tracked[0][0] = address(tracked[2]);
	cr_expect_eq(count(), 2);
	tracked[2][1] = address(tracked[0]);
	tracked[1][1] = 16;
	cr_expect_eq(count(), 2, "the one in the middle has gone");
	tracked[1][1] = tracked[2][1];
	tracked[2][1] = address(tracked[1]);
	tracked[1][1] = 16;
	cr_expect_eq(count(), 2, "it cannot be read");
	tracked[1][1] = address(tracked[1]);
	cr_expect_eq(count(), 2, "a circle");
}

/* One that the collector has moved meanwhile is in two lists. */
Test(py_tracked, each_once)
{
	track(1, coroutine_type);
	generations[6] = generations[7] = generations[3];
	tracked[0][0] = address(&generations[6]);
	tracked[0][1] = address(&generations[6]);
	cr_expect_eq(count(), 1);
}

/* Then numbers of references are in place of the links; the older ones are as they were. */
Test(py_tracked, while_a_generation_is_collected)
{
	track(2, coroutine_type);
	track(1, coroutine_type);
	track(1, coroutine_type);
	tracked[1][1] = tracked[2][1] = 1 << 2 | 2;
	cr_expect_eq(count(), 2);
}

Test(py_tracked, lists_that_are_not_known)
{
	track(2, coroutine_type);
	target.proc.py.gc_counts = 0;
	cr_expect_eq(count(), 0);
}
