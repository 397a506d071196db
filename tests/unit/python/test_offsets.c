/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout tables, versions in file names.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "python/python.h"
#include "python/layout_bounds.h"
#include "python/py_offsets.h"

Test(py_offsets, every_version_keeps_its_bounds)
{
	for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++) {
		struct ls_pyoffsets py;

		cr_assert_eq(py_offsets__init(&py, minor, false), 0);
		cr_assert_eq(py.minor, minor);
		check_bounds(&py);
		cr_assert_eq(py.frame_generator == LS_PY_NONE, minor >= 11);
		cr_assert_eq(py.gen_iframe == LS_PY_NONE, minor < 11);
		cr_assert_eq(py.interp_ceval_gil == LS_PY_NONE, minor < 12);
		cr_assert_eq(py.runtime_gil == LS_PY_NONE, minor >= 12);
		cr_assert_eq(py.tstate_native_id == LS_PY_NONE, minor < 11);
		cr_assert_eq(py.task_arg, minor >= 12);
	}
}

Test(py_offsets, other_versions_are_refused)
{
	struct ls_pyoffsets py;

	cr_assert_eq(py_offsets__init(&py, PY_MINOR_MIN - 1, false), -ENOTSUP);
	cr_assert_eq(py_offsets__init(&py, PY_MINOR_MAX + 1, false), -ENOTSUP);
	cr_assert_eq(py_offsets__init(&py, 255, false), -ENOTSUP);
	cr_assert_eq(py_offsets__init(&py, PY_MINOR_FREE_THREADED - 1, true), -ENOTSUP);
}

/*
 * Facts of each build, written down once more by another way: the debug information, or its headers
 * compiled.
 */
Test(py_offsets, free_threaded)
{
	static const struct {
		uint8_t minor;
		uint16_t task_bytes, task_coro, co_code, frame_owner, tuple_items, ht_cached_keys;
	} facts[] = {
		{ 13, 160, 136, 216, 70, 40, 896 },
		{ 14, 192, 144, 232, 78, 48, 896 },
		{ 15, 192, 144, 232, 78, 48, 904 },
	};

	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
		struct ls_pyoffsets py, gil;

		cr_assert_eq(py_offsets__init(&py, facts[i].minor, true), 0);
		cr_assert_eq(py_offsets__init(&gil, facts[i].minor, false), 0);
		check_bounds(&py);
		cr_assert_eq(py.task_bytes, facts[i].task_bytes);
		cr_assert_eq(py.task_coro, facts[i].task_coro);
		cr_assert_eq(py.co_code, facts[i].co_code);
		cr_assert_eq(py.frame_owner, facts[i].frame_owner);
		cr_assert_eq(py.tuple_items, facts[i].tuple_items);
		cr_assert_eq(py.ht_cached_keys, facts[i].ht_cached_keys);
		cr_assert_eq(py.ob_head, 32);
		cr_assert_eq(py.ob_type, 24);
		cr_assert_eq(py.managed_dict, -8);
		cr_assert_eq(py.gen_iframe, 88);
		cr_assert_eq(py.gil_cond, 40);
		cr_assert_eq(py.gil_end - py.gil_mutex, gil.gil_end - gil.gil_mutex);
		/* What is no object stays where it was. */
		cr_assert_eq(py.tstate_thread_id, gil.tstate_thread_id);
		cr_assert_eq(py.frame_position, gil.frame_position);
		cr_assert_eq(py.keys_indices, gil.keys_indices);
		cr_assert_eq(py.methoddef_func, gil.methoddef_func);
		cr_assert_eq(py.co_tlbc == LS_PY_NONE, facts[i].minor == 13);
	}
}

/* The bits of the state word, as 3.14 without the GIL has them and as all others do. */
Test(py_offsets, state_of_a_str)
{
	struct ls_pyoffsets py;

	for (int is_free_threaded = 0; is_free_threaded < 2; is_free_threaded++) {
		uint32_t state = is_free_threaded ? 1 | 1U << 8 | 1U << 11 | 1U << 12 :
						    1 | 1U << 2 | 1U << 5 | 1U << 6;

		cr_assert_eq(py_offsets__init(&py, 14, is_free_threaded), 0);
		cr_assert_eq(ls_str_width(&py, state), 1);
		cr_assert(ls_str_is_compact(&py, state));
		cr_assert(ls_str_is_ascii(&py, state));
		cr_assert_not(ls_str_is_ascii(&py, is_free_threaded ? 1U << 11 : 1U << 5));
		cr_assert_eq(ls_str_width(&py, is_free_threaded ? 2U << 8 : 2U << 2), 2);
	}
}

Test(py_version, from_file_names)
{
	static const struct {
		const char *path;
		unsigned int major, minor;
	} good[] = {
		{ "/usr/lib/libpython3.11.so.1.0", 3, 11 },
		{ "/opt/x/lib/libpython3.8.so.1.0", 3, 8 },
		{ "/usr/lib/libpython3.13t.so.1.0", 3, 13 },
		{ "/usr/bin/python3.9", 3, 9 },
		{ "/usr/bin/python2.7", 2, 7 },
		{ "/venv/lib/python3.10/site-packages/x.so", 3, 10 },
		{ "/home/python/python-builds/python3.12d", 3, 12 },
		{ "_asyncio.cpython-38-x86_64-linux-gnu.so", 3, 8 },
		{ "_asyncio.cpython-312-x86_64-linux-gnu.so", 3, 12 },
	};
	static const char *const bad[] = { "",
					   "/usr/bin/python",
					   "/usr/bin/python3",
					   "/usr/bin/ruby3.1",
					   "x.cpython-.so",
					   "x.cpython-3.so",
					   "python.",
					   "python3." };
	unsigned int major, minor;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		cr_assert(py_version_from_path(good[i].path, &major, &minor), "%s", good[i].path);
		cr_assert_eq(major, good[i].major, "%s", good[i].path);
		cr_assert_eq(minor, good[i].minor, "%s: %u", good[i].path, minor);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert(!py_version_from_path(bad[i], &major, &minor), "%s", bad[i]);
}
