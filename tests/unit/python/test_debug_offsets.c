/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What interpreters say of their own layout: the tables of real ones, damaged ones, and that of a
 * version that does not exist.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "python/layout_bounds.h"
#include "python/py_debug_offsets.h"
#include "python/py_offsets.h"

#define MAX_WORDS (PY_DEBUG_OFFSETS_BYTES / 8)

/* Read out of 3.13.0, 3.13.15 without the GIL, 3.14.10 and 3.15.2. */
// clang-format off
static const uint64_t table_3_13[] = {
	0, 0x030d00f0, 0, 283320, 600, 632, 194968, 7272, 7264, 7344, 7400, 7656, 7664,
	7672, 16, 7752, 0, 7768, 7760, 304, 0, 8, 16, 72, 152, 160, 232, 32, 80, 8, 0, 56,
	72, 70, 208, 112, 120, 128, 136, 68, 52, 96, 104, 200, 16, 8, 416, 24, 88, 168, 32,
	24, 16, 40, 24, 16, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32, 64, 32, 16, 40,
	240, 200,
};
static const uint64_t table_3_13t[] = {
	0, 0x030d0ff0, 1, 328384, 608, 632, 215616, 7272, 7264, 7344, 7400, 7664, 7648,
	7656, 16, 7760, 0, 7784, 7776, 312, 0, 8, 16, 72, 152, 160, 232, 32, 80, 8, 0, 56,
	72, 70, 224, 128, 136, 144, 152, 84, 68, 112, 120, 216, 32, 24, 432, 40, 104, 184,
	48, 40, 32, 56, 40, 32, 64, 48, 56, 40, 32, 48, 32, 40, 56, 32, 48, 80, 48, 32, 56,
	248, 200,
};
static const uint64_t table_3_14[] = {
	0, 0x030e0af0, 0, 316616, 784, 808, 225864, 7280, 7272, 7344, 7360, 7408, 7688,
	7672, 7680, 16, 7784, 0, 7800, 7792, 7992, 0, 832, 0, 8, 16, 72, 152, 160, 232, 32,
	88, 8, 0, 56, 80, 74, 64, 0, 216, 112, 120, 128, 136, 68, 52, 96, 104, 208, 0, 16,
	8, 416, 24, 88, 168, 40, 32, 16, 40, 24, 16, 200, 24, 40, 32, 48, 32, 40, 24, 16,
	32, 16, 24, 40, 16, 32, 64, 32, 16, 40, 264, 192, 160, 24, 72, 67, 0, 8,
};
static const uint64_t table_3_15[] = {
	0, 0x030f02f0, 0, 346568, 912, 936, 226240, 7272, 7264, 7336, 7352, 7400, 7592,
	7576, 7584, 16, 7736, 0, 7752, 7744, 7944, 0, 888, 0, 8, 16, 72, 80, 88, 96, 176,
	184, 256, 33, 36, 40, 136, 288, 0, 88, 8, 0, 56, 80, 74, 64, 0, 216, 112, 120, 128,
	136, 68, 52, 96, 104, 208, 0, 16, 8, 424, 24, 88, 168, 32, 288, 944, 888, 40, 32,
	16, 40, 24, 16, 200, 24, 40, 32, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32, 64,
	32, 16, 40, 56, 176, 112, 120, 1120, 104, 160, 24, 72, 67, 0, 8,
};
// clang-format on

static const struct sample {
	uint8_t minor;
	bool is_free_threaded;
	const uint64_t *words;
	size_t n;
	uint8_t tstate_bytes, frame_owner, co_name; /* which words these are */
} samples[] = {
#define SAMPLE(minor, is_free_threaded, name, ...)                                                 \
	{                                                                                          \
		minor, is_free_threaded, table_##name, sizeof(table_##name) / 8, __VA_ARGS__       \
	}
	SAMPLE(13, false, 3_13, 19, 33, 36),
	SAMPLE(13, true, 3_13t, 19, 33, 36),
	SAMPLE(14, false, 3_14, 22, 36, 41),
	SAMPLE(15, false, 3_15, 22, 44, 49),
#undef SAMPLE
};

#define N_SAMPLES (sizeof(samples) / sizeof(*samples))

/* As a read of fixed size finds it: with what lies behind it in the runtime. */
static void make_table(const struct sample *sample, uint64_t *table)
{
	memset(table, 0xa5, PY_DEBUG_OFFSETS_BYTES);
	memcpy(table, sample->words, 8 * sample->n);
	memcpy(table, "xdebugpy", 8);
}

static int apply(struct ls_pyoffsets *py, uint8_t minor, const uint64_t *table)
{
	return py_debug_offsets__apply(py, minor, (const uint8_t *)table, PY_DEBUG_OFFSETS_BYTES);
}

Test(py_debug_offsets, agree_with_our_tables)
{
	for (size_t i = 0; i < N_SAMPLES; i++) {
		const struct sample *sample = &samples[i];
		struct ls_pyoffsets ours, py;
		uint64_t table[MAX_WORDS];

		make_table(sample, table);
		cr_assert_eq(py_offsets__init(&ours, sample->minor, sample->is_free_threaded), 0);
		py = ours;
		cr_assert_eq(apply(&py, sample->minor, table), 0, "3.%u", sample->minor);
		check_bounds(&py);
		/* Of these our table has what 3.13.0 with the GIL says. */
		if (sample->is_free_threaded) {
			cr_assert_eq(py.tstate_running_loop, 312);
			cr_assert_eq(py.interp_modules, 7664);
			py.tstate_running_loop = ours.tstate_running_loop;
			py.interp_modules = ours.interp_modules;
		}
		cr_assert_eq(memcmp(&py, &ours, sizeof(py)), 0, "3.%u", sample->minor);
	}
}

Test(py_debug_offsets, win_over_our_tables)
{
	for (size_t i = 0; i < N_SAMPLES; i++) {
		const struct sample *sample = &samples[i];
		uint64_t table[MAX_WORDS];
		struct ls_pyoffsets py;

		make_table(sample, table);
		table[sample->tstate_bytes] += 8;
		table[sample->frame_owner] = 79;
		table[sample->co_name] = 56;
		cr_assert_eq(py_offsets__init(&py, sample->minor, sample->is_free_threaded), 0);
		cr_assert_eq(apply(&py, sample->minor, table), 0);
		cr_assert_eq(py.tstate_running_loop, sample->minor == 13 ? table[19] : LS_PY_NONE,
			     "only 3.13 has it right behind the thread state");
		cr_assert_eq(py.frame_owner, 79);
		cr_assert_eq(py.co_name, 56);
		check_bounds(&py);
	}
}

Test(py_debug_offsets, hostile_values_change_nothing)
{
	static const uint64_t values[] = { 105,	  113,	 265,	   1025,       65529,
					   65535, 65536, 1U << 24, 1ULL << 32, UINT64_MAX };

	for (size_t i = 0; i < N_SAMPLES; i++) {
		const struct sample *sample = &samples[i];
		struct ls_pyoffsets ours, py;
		size_t n_refused = 0;

		cr_assert_eq(py_offsets__init(&ours, sample->minor, sample->is_free_threaded), 0);
		for (size_t word = 3; word < sample->n; word++)
			for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++) {
				uint64_t table[MAX_WORDS];
				int r;

				make_table(sample, table);
				table[word] = values[k];
				py = ours;
				r = apply(&py, sample->minor, table);
				cr_assert(r == 0 || r == -EINVAL);
				if (r)
					cr_assert_eq(memcmp(&py, &ours, sizeof(py)), 0);
				n_refused += r != 0;
				check_bounds(&py);
			}
		cr_assert_gt(n_refused, 200);
	}
}

Test(py_debug_offsets, cut_short)
{
	for (size_t i = 0; i < N_SAMPLES; i++) {
		const struct sample *sample = &samples[i];
		struct ls_pyoffsets ours, py;
		uint64_t table[MAX_WORDS];
		size_t needed = 0;

		make_table(sample, table);
		cr_assert_eq(py_offsets__init(&ours, sample->minor, sample->is_free_threaded), 0);
		for (size_t size = 0; !needed && size <= 8 * sample->n; size++) {
			py = ours;
			if (!py_debug_offsets__apply(&py, sample->minor, (const uint8_t *)table,
						     size))
				needed = size;
			else
				cr_assert_eq(memcmp(&py, &ours, sizeof(py)), 0);
		}
		/* All but the links of lists at the end. */
		cr_assert_eq(needed, 8 * (sample->minor == 13 ? sample->n : sample->n - 2));
	}
}

Test(py_debug_offsets, head)
{
	uint64_t table[MAX_WORDS];
	struct py_debug_head head;

	make_table(&samples[1], table);
	cr_assert(py_debug_offsets__head(&head, (const uint8_t *)table, sizeof(table)));
	cr_assert_eq(head.hexversion, 0x030d0ff0);
	cr_assert(head.is_free_threaded);
	make_table(&samples[3], table);
	cr_assert(py_debug_offsets__head(&head, (const uint8_t *)table, sizeof(table)));
	cr_assert_eq(head.hexversion, 0x030f02f0);
	cr_assert_not(head.is_free_threaded);
	cr_assert_not(py_debug_offsets__head(&head, (const uint8_t *)table, 23));
	table[0] ^= 1;
	cr_assert_not(py_debug_offsets__head(&head, (const uint8_t *)table, sizeof(table)));
}

/* A newer version may have kept the order of any we know. */
Test(py_debug_offsets, version_that_nobody_knows)
{
	for (size_t i = 0; i < N_SAMPLES; i++) {
		const struct sample *sample = &samples[i];
		struct ls_pyoffsets py;
		uint64_t table[MAX_WORDS];

		make_table(sample, table);
		table[sample->frame_owner] = 79;
		table[sample->co_name] = 56;
		cr_assert_eq(py_offsets__init(&py, PY_MINOR_MAX, sample->is_free_threaded), 0);
		cr_assert_eq(apply(&py, PY_MINOR_MAX + 1, table), 0, "in the order of 3.%u",
			     sample->minor);
		cr_assert_eq(py.frame_owner, 79);
		cr_assert_eq(py.co_name, 56);
		cr_assert_eq(py.runtime_interpreters_head, table[5]);
		cr_assert_eq(py.minor, PY_MINOR_MAX);
		check_bounds(&py);
	}
}

/* With a field more or less in any place in front of the frames, none of the orders makes sense. */
Test(py_debug_offsets, order_that_nobody_knows)
{
	const struct sample *newest = &samples[N_SAMPLES - 1];
	struct ls_pyoffsets ours, py;

	cr_assert_eq(py_offsets__init(&ours, PY_MINOR_MAX, false), 0);
	for (size_t word = 3; word < newest->frame_owner; word++) {
		uint64_t table[MAX_WORDS];

		make_table(newest, table);
		memmove(table + word + 1, table + word, (MAX_WORDS - 1 - word) * 8);
		table[word] = 48;
		py = ours;
		cr_assert_eq(apply(&py, PY_MINOR_MAX + 1, table), -EINVAL, "one more at %zu", word);
		cr_assert_eq(memcmp(&py, &ours, sizeof(py)), 0);
		make_table(newest, table);
		memmove(table + word, table + word + 1, (MAX_WORDS - 1 - word) * 8);
		cr_assert_eq(apply(&py, PY_MINOR_MAX + 1, table), -EINVAL, "one less at %zu", word);
	}
}

/* As the module of a 3.15.2 has it. */
static const uint64_t asyncio_section[] = { 168,    136,   96,	 108,  109,  128, 152,
					    226240, 10856, 1104, 1024, 1032, 1048 };

#define ASYNCIO_WORDS (sizeof(asyncio_section) / 8)

static int apply_asyncio(struct ls_pyoffsets *py, const uint64_t *section, size_t size)
{
	return py_asyncio_offsets__apply(py, (const uint8_t *)section, size);
}

Test(py_asyncio_offsets, are_taken_over)
{
	struct ls_pyoffsets py;

	cr_assert_eq(py_offsets__init(&py, 15, false), 0);
	cr_assert_eq(py.tstate_running_loop, LS_PY_NONE);
	cr_assert_eq(apply_asyncio(&py, asyncio_section, sizeof(asyncio_section)), 0);
	cr_assert_eq(py.task_node, 152);
	cr_assert_eq(py.interp_tasks, 10856);
	cr_assert_eq(py.tstate_running_loop, 1024);
	cr_assert_eq(py.tstate_tasks, 1048);
}

Test(py_asyncio_offsets, of_other_tasks_are_refused)
{
	static const struct {
		size_t word;
		uint64_t value;
	} changes[] = {
		{ 0, 176 },    { 1, 128 },   { 5, 136 },	{ 6, 161 },   { 6, UINT64_MAX },
		{ 8, 226233 }, { 8, 65529 }, { 8, UINT64_MAX }, { 10, 1097 }, { 12, 1104 },
	};
	struct ls_pyoffsets ours, py;

	cr_assert_eq(py_offsets__init(&ours, 15, false), 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		uint64_t section[ASYNCIO_WORDS];

		memcpy(section, asyncio_section, sizeof(section));
		section[changes[i].word] = changes[i].value;
		py = ours;
		cr_assert_eq(apply_asyncio(&py, section, sizeof(section)), -EINVAL, "change %zu",
			     i);
		cr_assert_eq(memcmp(&py, &ours, sizeof(py)), 0);
	}
	py = ours;
	cr_assert_eq(apply_asyncio(&py, asyncio_section, sizeof(asyncio_section) - 1), -EINVAL);
	cr_assert_eq(apply_asyncio(&py, asyncio_section, 0), -EINVAL);
}
