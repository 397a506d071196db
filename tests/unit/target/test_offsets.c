/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout tables, the reader of the target's own table, versions in file names.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "target/examine.h"
#include "target/py_offsets.h"

/* What the kernel side and src/symbol rely on, whatever the version. */
static void check_bounds(const struct ls_pyoffsets *py)
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
	cr_assert_gt(py->gil_end, py->gil_mutex);
	cr_assert_gt(py->gil_mutex, py->gil_cond);
}

Test(py_offsets, every_version_keeps_its_bounds)
{
	for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++) {
		struct ls_pyoffsets py;

		cr_assert_eq(py_offsets__init(&py, minor), 0);
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

	cr_assert_eq(py_offsets__init(&py, PY_MINOR_MIN - 1), -ENOTSUP);
	cr_assert_eq(py_offsets__init(&py, PY_MINOR_MAX + 1), -ENOTSUP);
	cr_assert_eq(py_offsets__init(&py, 255), -ENOTSUP);
}

/* The table of a 3.13.0, by the order of its fields. */
static const uint64_t table_3_13[PY_DEBUG_OFFSETS_BYTES / 8] = {
	0,	0x030d00f0, 0, /* cookie, version, free_threaded */
	283320, 600,	    632, /* runtime: size, finalizing, interpreters head */
	194968, 7272,	    7264, 7344, 7400, 7656, 7664, 7672, 16,  7752,
	0,	7768,	    7760, /* interpreter */
	304,	0,	    8,	  16,	72,   152,  160,  232,	32, /* thread */
	80,	8,	    0,	  56,	72,   70, /* frame */
	208,	112,	    120,  128,	136,  68,   52,	  96,	104, 200, /* code */
	16,	8, /* object */
};

static void make_table(uint64_t *table)
{
	memcpy(table, table_3_13, sizeof(table_3_13));
	memcpy(table, "xdebugpy", 8);
}

Test(py_offsets, own_table_agrees_with_ours)
{
	struct ls_pyoffsets ours, py;
	uint64_t table[PY_DEBUG_OFFSETS_BYTES / 8];

	make_table(table);
	cr_assert_eq(py_offsets__init(&ours, 13), 0);
	py = ours;
	cr_assert_eq(py_offsets__apply_debug(&py, (const uint8_t *)table, sizeof(table)), 0);
	cr_assert_eq(memcmp(&py, &ours, sizeof(py)), 0);
}

Test(py_offsets, own_table_wins)
{
	struct ls_pyoffsets py;
	uint64_t table[PY_DEBUG_OFFSETS_BYTES / 8];

	make_table(table);
	table[19] = 312; /* size of a thread state in 3.13.18 */
	table[33] = 78;
	cr_assert_eq(py_offsets__init(&py, 13), 0);
	cr_assert_eq(py_offsets__apply_debug(&py, (const uint8_t *)table, sizeof(table)), 0);
	cr_assert_eq(py.tstate_running_loop, 312);
	cr_assert_eq(py.frame_owner, 78);
	check_bounds(&py);
}

Test(py_offsets, hostile_values_change_nothing)
{
	static const uint64_t values[] = { 113, 1025, 65529, 65535, 65536, 1ULL << 32, UINT64_MAX };
	struct ls_pyoffsets ours, py;

	cr_assert_eq(py_offsets__init(&ours, 13), 0);
	for (size_t word = 3; word < PY_DEBUG_OFFSETS_BYTES / 8; word++) {
		for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
			uint64_t table[PY_DEBUG_OFFSETS_BYTES / 8];
			int r;

			make_table(table);
			table[word] = values[i];
			py = ours;
			r = py_offsets__apply_debug(&py, (const uint8_t *)table, sizeof(table));
			cr_assert(r == 0 || r == -EINVAL);
			if (r)
				cr_assert_eq(memcmp(&py, &ours, sizeof(py)), 0);
			check_bounds(&py);
		}
	}
}

Test(py_offsets, cut_table)
{
	struct ls_pyoffsets py;
	uint64_t table[PY_DEBUG_OFFSETS_BYTES / 8];
	uint32_t hexversion;
	bool is_free_threaded;

	make_table(table);
	cr_assert_eq(py_offsets__init(&py, 13), 0);
	cr_assert_eq(py_offsets__apply_debug(&py, (const uint8_t *)table, sizeof(table) - 1),
		     -EINVAL);
	cr_assert(!py_debug_offsets_head((const uint8_t *)table, 23, &hexversion, &is_free_threaded));
}

Test(py_offsets, head_of_the_table)
{
	uint64_t table[PY_DEBUG_OFFSETS_BYTES / 8];
	uint32_t hexversion = 0;
	bool is_free_threaded = true;

	make_table(table);
	cr_assert(py_debug_offsets_head((const uint8_t *)table, sizeof(table), &hexversion,
					&is_free_threaded));
	cr_assert_eq(hexversion, 0x030d00f0);
	cr_assert(!is_free_threaded);
	table[2] = 1;
	cr_assert(py_debug_offsets_head((const uint8_t *)table, sizeof(table), &hexversion,
					&is_free_threaded));
	cr_assert(is_free_threaded);
	table[0] ^= 1;
	cr_assert(!py_debug_offsets_head((const uint8_t *)table, sizeof(table), &hexversion,
					 &is_free_threaded));
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
