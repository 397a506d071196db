/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounds every layout has to keep, because buffers are made for them.
 */
#ifndef LOOPSTALL_TESTS_UNIT_TARGET_LAYOUT_BOUNDS_H
#define LOOPSTALL_TESTS_UNIT_TARGET_LAYOUT_BOUNDS_H

#include <criterion/criterion.h>

#include <loopstall/pyoffsets.h>

/* What the kernel side and src/symbol rely on, whatever the version. */
static inline void check_bounds(const struct ls_pyoffsets *py)
{
	cr_assert_leq(py->frame_bytes, 112);
	cr_assert_leq(py->frame_previous + 8, py->frame_bytes);
	cr_assert_leq(py->frame_code + 8, py->frame_bytes);
	cr_assert_leq(py->frame_position + 8, py->frame_bytes);
	if (py->frame_owner != LS_PY_NONE)
		cr_assert_lt(py->frame_owner, py->frame_bytes);
	if (py->frame_generator != LS_PY_NONE)
		cr_assert_leq(py->frame_generator + 8, py->frame_bytes);
	cr_assert_leq(py->gen_bytes, 96);
	cr_assert_leq(py->ob_type + 8, py->gen_bytes);
	cr_assert_leq(py->gen_code + 8, py->gen_bytes);
	cr_assert_leq(py->gen_qualname + 8, py->gen_bytes);
	if (py->gen_frame != LS_PY_NONE)
		cr_assert_leq(py->gen_frame + 8, py->gen_bytes);
	cr_assert_leq(py->task_bytes, 192);
	cr_assert_leq(py->task_name + 8, py->task_bytes);
	cr_assert_leq(py->task_coro + 8, py->task_bytes);
	cr_assert_leq(py->task_fut_waiter + 8, py->task_bytes);
	cr_assert_leq(py->task_state + 4, py->task_bytes);
	cr_assert_leq(py->tp_name + 8, 280);
	cr_assert_leq(py->tp_flags + 4, 280);
	cr_assert_leq(py->tp_basicsize + 8, 280);
	cr_assert_leq(py->tp_base + 8, 280);
	cr_assert_leq(py->str_length + 8, 96);
	cr_assert_leq(py->str_state + 4, 96);
	cr_assert_leq(py->str_data + 8, 96);
	cr_assert_gt(py->gil_end, py->gil_mutex);
	cr_assert_gt(py->gil_mutex, py->gil_cond);
}

#endif
