/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strings, bytes and positions of frames, read from made-up memory. What the table's functions make
 * of a code object is tested through the cache in front of them (symbol/test_codes.c).
 */
#include "python/fake_code.h"
#include "python/py_lines.h"
#include "python/py_source.h"

static void check_str(struct fake *f, uint64_t str, size_t max, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	uint64_t type = 0;

	cr_assert_eq(py_source__read_str(&f->source, str, max, &text, &type), 0);
	cr_assert_str_eq(text, expected);
	cr_assert_eq(type, f->str_type);
}

Test(pycode, strings)
{
	static const uint16_t two[] = { 'n', 0xe4, '-', 0x3c9 };
	static const uint32_t four[] = { 0x1f600 };
	_fake_ *f = fake__new(12);

	check_str(f, fake__str(f, "plain"), 100, "plain");
	check_str(f, fake__str(f, ""), 100, "");
	check_str(f, fake__str_of(f, "w\xe4", 2, 1, false), 100, "w\xc3\xa4");
	check_str(f, fake__str_of(f, two, 4, 2, false), 100, "n\xc3\xa4-\xcf\x89");
	check_str(f, fake__str_of(f, four, 1, 4, false), 100, "\xf0\x9f\x98\x80");
	check_str(f, fake__str(f, "0123456789"), 4, "0123...");
}

Test(pycode, string_with_data_elsewhere)
{
	_fake_ *f = fake__new(12);
	uint64_t str = fake__str_of(f, "", 0, 1, false), data = fake__alloc(f, 16);

	fake__put(f, data, "away", 4);
	fake__put_u64(f, str + f->source.proc.py.at.str_length, 4);
	fake__put_u64(f, str + f->source.proc.py.at.str_state, 1 << 2);
	fake__put_u64(f, str + f->source.proc.py.at.str_data, data);
	check_str(f, str, 100, "away");
}

Test(pycode, hostile_strings)
{
	_cleanup_free_ char *text = NULL;
	_fake_ *f = fake__new(12);
	uint64_t str = fake__str(f, "x");

	cr_assert_eq(py_source__read_str(&f->source, 0, 100, &text, NULL), -EFAULT);
	cr_assert_eq(py_source__read_str(&f->source, str + 1, 100, &text, NULL), -EFAULT);
	cr_assert_eq(py_source__read_str(&f->source, 8, 100, &text, NULL), -EFAULT);
	fake__put_u64(f, str + f->source.proc.py.at.str_length, UINT64_MAX);
	cr_assert_eq(py_source__read_str(&f->source, str, 100, &text, NULL), -EFAULT);
	/* Longer than the memory that is there */
	fake__put_u64(f, str + f->source.proc.py.at.str_length, 1 << 20);
	cr_assert_eq(py_source__read_str(&f->source, str, 1 << 20, &text, NULL), -EFAULT);
	fake__put_u64(f, str + f->source.proc.py.at.str_length, 1);
	fake__put_u64(f, str + f->source.proc.py.at.str_state, 3 << 2 | 1 << 5);
	cr_assert_eq(py_source__read_str(&f->source, str, 100, &text, NULL), -EFAULT);
	cr_assert_null(text);
}

Test(pycode, bytes)
{
	_cleanup_free_ uint8_t *data = NULL;
	_fake_ *f = fake__new(12);
	uint64_t bytes = fake__bytes(f, "abc", 3);
	size_t size = 0;

	cr_assert_eq(py_source__read_bytes(&f->source, bytes, 2, &data, &size), -E2BIG);
	fake__put_u64(f, bytes + 16, UINT64_MAX);
	cr_assert_eq(py_source__read_bytes(&f->source, bytes, 100, &data, &size), -E2BIG);
	fake__put_u64(f, bytes + 16, 3);
	cr_assert_eq(py_source__read_bytes(&f->source, bytes, 3, &data, &size), 0);
	cr_assert_eq(size, 3);
	cr_assert_arr_eq(data, "abc", 3);
}

/* Each thread of a free-threaded interpreter may run a copy of the code of its own. */
Test(pycode, offset_in_a_copy_of_the_code)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__alloc(f, 512), array = fake__alloc(f, 64);
	uint64_t first = code + 300, second = array + 0x10000;
	struct ls_frame frame = { .code = code, .position = second + 14 };

	f->source.proc.py.at.co_code = 300;
	f->source.proc.py.at.co_tlbc = 224;
	fake__put_u64(f, code + 224, array);
	fake__put_u64(f, array, 3);
	fake__put_u64(f, array + 8, first);
	fake__put_u64(f, array + 16, 0);
	fake__put_u64(f, array + 24, second);
	cr_assert_eq(py_code_offset(&f->source, &frame), 14);
	frame.position = first + 6;
	cr_assert_eq(py_code_offset(&f->source, &frame), 6);
	/* What cannot be read leaves the code itself. */
	fake__put_u64(f, array, UINT64_MAX);
	cr_assert_eq(py_code_offset(&f->source, &frame), 6);
	fake__put_u64(f, code + 224, 0x18);
	cr_assert_eq(py_code_offset(&f->source, &frame), 6);
}

Test(pycode, offset_of_a_position)
{
	struct frame_source s = { .proc.py.at = { .co_code = 192, .co_tlbc = LS_PY_NONE } };
	struct ls_frame frame = { .code = BASE, .position = BASE + 192 + 10 };

	cr_assert_eq(py_code_offset(&s, &frame), 10);
	frame.position = BASE + 192 - 2;
	cr_assert_eq(py_code_offset(&s, &frame), -2);
	s.proc.py.at.position_is_lasti = 1;
	frame.position = 10;
	cr_assert_eq(py_code_offset(&s, &frame), 10);
	frame.position = UINT32_MAX;
	cr_assert_eq(py_code_offset(&s, &frame), -1);
	frame.position = UINT64_MAX;
	cr_assert_eq(py_code_offset(&s, &frame), -1);
	s.proc.py.at.position_is_lasti = 2;
	cr_assert_eq(py_code_offset(&s, &frame), -2);
	frame.position = 10;
	cr_assert_eq(py_code_offset(&s, &frame), 20);
}
