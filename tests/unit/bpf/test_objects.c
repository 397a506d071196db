/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strings, names and ready handles as the kernel side reads them, on made-up memory.
 */
#include "fake_memory.h"

#include "../../../bpf/python/objects.h"

#include <criterion/criterion.h>

#define TYPE (FAKE_BASE + 0x100)
#define OBJECT (FAKE_BASE + 0x800)

static struct ls_proc proc;
static struct ls_pystr str;

static void setup(void)
{
	fake_reset();
	memset(&str, 0, sizeof(str));
	proc = (struct ls_proc){
		.py.step_call = 0x51e9,
		.py.wakeup_call = 0x3a4e,
		.py.at = {
			.ob_type = 8,
			.tp_call = 128,
			.tp_flags = 168,
			.str_length = 16,
			.str_state = 32,
			.str_ascii_data = 40,
			.str_data = 56,
			.str_state_shift = 2,
			.int_tag = 16,
			.int_digit = 24,
			.wrapper_task = 16,
			.cfunction_def = 16,
			.cfunction_self = 24,
			.methoddef_func = 8,
		},
	};
	fake_put(OBJECT + 8, TYPE);
}

static void put_str(unsigned kind, bool is_ascii, bool is_compact, uint64_t length,
		    const void *data, size_t size)
{
	fake_put(TYPE + 168, TP_FLAG_UNICODE);
	fake_put(OBJECT + 16, length);
	fake_put(OBJECT + 32, kind << 2 | is_compact << 5 | is_ascii << 6);
	fake_put_bytes(OBJECT + (is_ascii ? 40 : 56), data, size);
}

Test(objects, ascii_latin_and_wide_strings, .init = setup)
{
	const uint16_t wide[] = { 0x6e, 0xe4, 0x3c9 };

	put_str(1, true, true, 6, "Task-7", 6);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.kind, 1);
	cr_assert_eq(str.ascii, 1);
	cr_assert_eq(str.length, 6);
	cr_assert_eq(str.copied, 6);
	cr_assert_arr_eq(str.data, "Task-7", 6);

	setup();
	put_str(2, false, true, 3, wide, sizeof(wide));
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.kind, 2);
	cr_assert_eq(str.copied, 6);
	cr_assert_arr_eq(str.data, wide, 6);
}

/* As 3.14 without the GIL writes the state: a byte for `interned` first. */
Test(objects, state_behind_a_byte, .init = setup)
{
	proc.py.at.str_state_shift = 8;
	fake_put(TYPE + 168, TP_FLAG_UNICODE);
	fake_put(OBJECT + 16, 4);
	fake_put(OBJECT + 32, 1 | 1U << 8 | 1U << 11 | 1U << 12);
	fake_put_bytes(OBJECT + 40, "name", 4);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.kind, 1);
	cr_assert_eq(str.ascii, 1);
	cr_assert_arr_eq(str.data, "name", 4);
}

Test(objects, long_names_are_cut, .init = setup)
{
	uint8_t data[400];

	memset(data, 'x', sizeof(data));
	put_str(4, false, true, 100, data, 400);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.length, 100);
	cr_assert_eq(str.copied, LS_NAME_BYTES);

	/* A length made to overflow when multiplied. */
	setup();
	put_str(4, false, true, 1ULL << 62, data, 400);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.copied, LS_NAME_BYTES);
}

Test(objects, an_int_is_a_lazy_task_name, .init = setup)
{
	fake_put(TYPE + 168, TP_FLAG_LONG);
	fake_put(OBJECT + 16, 1 << 3);
	fake_put(OBJECT + 24, 4711);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.kind, 0);
	cr_assert_eq(str.number, 4711);

	/* More than one digit is no task number. */
	fake_put(OBJECT + 16, 2 << 3);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.kind, 0xff);
}

Test(objects, anything_else_is_no_name, .init = setup)
{
	pystr_read(&proc.py.at, &str, 0);
	cr_assert_eq(str.kind, 0xff);
	pystr_read(&proc.py.at, &str, 0xdead0000);
	cr_assert_eq(str.kind, 0xff);
	fake_put(TYPE + 168, 0);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.kind, 0xff);
	put_str(3, false, true, 3, "abc", 3);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.kind, 0xff, "a kind that does not exist");
	put_str(1, false, false, 3, "abc", 3);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.kind, 0xff, "not compact");
	put_str(1, true, true, 0, "", 0);
	pystr_read(&proc.py.at, &str, OBJECT);
	cr_assert_eq(str.kind, 1, "the empty name is one");
	cr_assert_eq(str.copied, 0);
}

Test(objects, the_task_of_a_callback, .init = setup)
{
	/* A step wrapper object: its type's call is the step entry. */
	fake_put(TYPE + 128, proc.py.step_call);
	fake_put(OBJECT + 16, 0x7a5c);
	cr_assert_eq(callback_task(&proc, OBJECT), 0x7a5c);
	/* The bound builtin task_wakeup. */
	setup();
	fake_put(OBJECT + 16, FAKE_BASE + 0x900);
	fake_put(FAKE_BASE + 0x908, proc.py.wakeup_call);
	fake_put(OBJECT + 24, 0x7a5d);
	cr_assert_eq(callback_task(&proc, OBJECT), 0x7a5d);
	/* Another builtin, no builtin, unreadable. */
	fake_put(FAKE_BASE + 0x908, 0x999);
	cr_assert_eq(callback_task(&proc, OBJECT), 0);
	fake_put(OBJECT + 16, 0xdead0000);
	cr_assert_eq(callback_task(&proc, OBJECT), 0);
	cr_assert_eq(callback_task(&proc, 0xdead0000), 0);
	cr_assert_eq(callback_task(&proc, 0), 0);
	/* Without known entries nothing is a task, least of all everything with a null call. */
	setup();
	proc.py.step_call = proc.py.wakeup_call = 0;
	fake_put(OBJECT + 24, 0x7a5d);
	cr_assert_eq(callback_task(&proc, OBJECT), 0);
}

static uint64_t to_ns(double seconds)
{
	uint64_t bits;

	memcpy(&bits, &seconds, sizeof(bits));
	return seconds_bits_to_ns(bits);
}

Test(objects, seconds_to_nanoseconds_without_floating_point)
{
	const double seconds[] = { 0.001953125, 0.5,	    1.0,	  1.5,	       59.999999999,
				   3600.125,	98765.4321, 4294967295.5, 8589934591.0 };

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		uint64_t whole = (uint64_t)seconds[i];
		uint64_t want =
			whole * 1000000000ULL + (uint64_t)((seconds[i] - (double)whole) * 1e9);
		uint64_t got = to_ns(seconds[i]);

		cr_assert(got >= want - 1 && got <= want + 1, "%f: %llu instead of %llu",
			  seconds[i], (unsigned long long)got, (unsigned long long)want);
	}
	cr_assert_eq(to_ns(0.0), 0);
	cr_assert_eq(to_ns(-1.0), 0);
	cr_assert_eq(to_ns(1e30), 0);
	cr_assert_eq(to_ns(1e-30), 0);
	cr_assert_eq(to_ns(__builtin_inf()), 0);
	cr_assert_eq(to_ns(__builtin_nan("")), 0);
}
