/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which native stack a stall gets, and the parts of native names.
 */
#include "model/native_stack.h"
#include "model/script.h"

static void send_native(struct script *s, uint64_t code, uint64_t line, enum ls_cause cause,
			uint64_t ip)
{
	struct ls_rec_stack stack = script_stack(s, 1, cause, 0);
	struct ls_rec_native rec;

	script_frame(&stack, code, line);
	rec = script_native_stack(s, &stack);
	rec.ips[0] = ip;
	cr_assert_eq(script_send(s, &rec, rec.hdr.len), 0);
}

Test(native_stack, of_the_place_of_the_stall)
{
	struct script *s = script_new();

	script_at(s, 1, LS_CAUSE_CPU, 9 * MS, FETCH_ROW, 31);
	send_native(s, FETCH_ROW, 31, LS_CAUSE_CPU, 0x7f00);
	/* Elsewhere, and at the same line for another reason. */
	send_native(s, RENDER, 88, LS_CAUSE_CPU, 0x1);
	send_native(s, FETCH_ROW, 30, LS_CAUSE_CPU, 0x2);
	send_native(s, FETCH_ROW, 31, LS_CAUSE_SLEEP, 0x3);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert(s->stall.has_native_stack);
	cr_assert_not(s->stall.is_native_cut);
	cr_assert_eq(s->stall.n_native, 2);
	cr_assert_str_eq(s->stall.native_stack[0].name, "libc.so.6:clock_nanosleep");
	cr_assert_null(s->stall.native_stack[1].name);
	script_free(s);
}

Test(native_stack, the_most_frequent_one)
{
	struct script *s = script_new();

	script_at(s, 1, LS_CAUSE_CPU, 9 * MS, FETCH_ROW, 31);
	send_native(s, FETCH_ROW, 31, LS_CAUSE_CPU, 0x7f00);
	send_native(s, FETCH_ROW, 31, LS_CAUSE_CPU, 0x7f00);
	send_native(s, FETCH_ROW, 31, LS_CAUSE_CPU, 0x1);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert_str_eq(s->stall.native_stack[0].name, "libc.so.6:clock_nanosleep");
	script_free(s);
}

/* One call waited in two system calls: it is told by the one in which it waited longest. */
Test(native_stack, of_the_longest_wait)
{
	struct script *s = script_new();
	struct ls_rec_stack stack = script_stack(s, 1, LS_CAUSE_PROCESS, 9 * MS);

	script_frame(&stack, FETCH_ROW, 31);
	stack.native_ip = 0x7f00;
	cr_assert_eq(script_send(s, &stack, stack.hdr.len), 0);
	send_native(s, FETCH_ROW, 31, LS_CAUSE_PROCESS, 0x1);
	send_native(s, FETCH_ROW, 31, LS_CAUSE_PROCESS, 0x7f00);
	send_native(s, FETCH_ROW, 31, LS_CAUSE_PROCESS, 0x1);
	script_end(s, 1, LS_CAUSE_PROCESS);
	cr_assert(s->stall.has_native_stack);
	cr_assert_str_eq(s->stall.native_stack[0].name, "libc.so.6:clock_nanosleep");
	script_free(s);
}

Test(native_stack, not_known_without_one)
{
	struct script *s = script_new();

	script_at(s, 1, LS_CAUSE_CPU, 9 * MS, FETCH_ROW, 31);
	send_native(s, RENDER, 88, LS_CAUSE_CPU, 0x7f00);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert_not(s->stall.has_native_stack);
	cr_assert_eq(s->stall.n_native, 0);
	script_free(s);
}

/* However many there are: they are bounded, and the rest is counted as dropped. */
Test(native_stack, many_different_ones)
{
	struct script *s = script_new();

	script_at(s, 1, LS_CAUSE_CPU, 9 * MS, FETCH_ROW, 31);
	for (uint64_t i = 0; i < 1000; i++)
		send_native(s, FETCH_ROW, 31, LS_CAUSE_CPU, i);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert(s->stall.has_native_stack);
	script_free(s);
}

Test(native_stack, parts_of_names)
{
	static const struct {
		const char *name, *function, *module, *label;
	} names[] = {
		{ "libz.so.1.2.13:deflate", "deflate", "libz.so.1.2.13", "deflate" },
		{ "_json.cpython-312-x.so:scan_once", "scan_once", "_json", "scan_once" },
		{ "_cffi.abi3.so+0x10", NULL, "_cffi", "(_cffi)" },
		{ "libstdc++.so.6+0x1234", NULL, "libstdc++.so.6", "(libstdc++.so.6)" },
		{ "libx.so:std::sort", "std::sort", "libx.so", "std::sort" },
		{ NULL, NULL, NULL, "(native code)" },
	};
	char module[NATIVE_MODULE_BYTES], label[NATIVE_MODULE_BYTES + 2];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct model_native frame = { names[i].name };

		native_label(&frame, label);
		cr_expect_str_eq(label, names[i].label);
		cr_expect_eq(native_module(&frame, module), names[i].module != NULL);
		if (names[i].module)
			cr_expect_str_eq(module, names[i].module);
		if (names[i].function)
			cr_expect_str_eq(native_function(&frame), names[i].function);
		else
			cr_expect_null(native_function(&frame));
	}
}
