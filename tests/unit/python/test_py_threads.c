/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of the interpreter's threads, laid out by hand, the newest first.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/array.h"
#include "python/fake_objects.h"
#include "python/py_tstates.h"

#define N_THREADS 9000
#define MAX 6

static uint64_t interp[1500], (*states)[64];

static struct target with_threads(void)
{
	struct target t = self_as(12);

	states = calloc(N_THREADS, sizeof(*states));
	cr_assert_not_null(states);
	cr_assert_lt(t.proc.py.at.tstate_native_id, sizeof(states[0]));
	py_target(&t)->interp = address(interp);
	put(interp, t.proc.py.at.interp_threads_head, address(states[0]));
	for (size_t i = 0; i < N_THREADS; i++)
		put(states[i], t.proc.py.at.tstate_next,
		    i + 1 < N_THREADS ? address(states[i + 1]) : 0);
	return t;
}

Test(py_threads, all_are_walked)
{
	struct target t = with_threads();
	struct py_tstates walk = { .t = &t };

	for (size_t i = 0; i < N_THREADS; i++)
		cr_assert_eq(py_tstates__next(&walk), address(states[i]));
	cr_assert_eq(py_tstates__next(&walk), 0);
	cr_assert_eq(walk.error, 0);
}

Test(py_threads, walk_ends_where_memory_does)
{
	struct target t = with_threads();
	struct py_tstates walk = { .t = &t };

	put(states[1], t.proc.py.at.tstate_next, 0x18);
	cr_assert_eq(py_tstates__next(&walk), address(states[0]));
	cr_assert_eq(py_tstates__next(&walk), address(states[1]));
	cr_assert_eq(py_tstates__next(&walk), 0x18);
	cr_assert_eq(py_tstates__next(&walk), 0);
	cr_assert_eq(walk.error, -EFAULT);
	cr_assert_eq(py_tstates__next(&walk), 0, "it stays at its end");
}

/* The thread of a loop mostly is the oldest one, and the last of the list. */
Test(py_threads, wanted_ones_are_in_a_short_list)
{
	struct target t = with_threads();
	const uint64_t wanted[] = { address(states[N_THREADS - 1]), address(states[MAX - 1]),
				    address(states[MAX + 1]), address(interp) };
	struct target_thread threads[MAX];
	struct target_threads list = {
		.threads = threads, .max = MAX, .wanted = wanted, .n_wanted = N_OF(wanted)
	};

	cr_assert_eq(target__threads(&t, &list), 0);
	cr_assert_eq(list.n, MAX);
	cr_assert(list.has_more);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(threads[i].tstate, address(states[i]), "the newest are first");
	cr_assert_eq(threads[3].tstate, wanted[0]);
	cr_assert_eq(threads[4].tstate, wanted[2]);
	cr_assert_eq(threads[5].tstate, wanted[1]);
}

Test(py_threads, all_have_room)
{
	struct target t = with_threads();
	struct target_thread threads[MAX];
	struct target_threads list = { .threads = threads, .max = MAX };

	put(states[MAX - 1], t.proc.py.at.tstate_next, 0);
	cr_assert_eq(target__threads(&t, &list), 0);
	cr_assert_eq(list.n, MAX);
	cr_assert(!list.has_more);
}
