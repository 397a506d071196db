/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which stalls slept in a native library or waited in a loop of one, and what is remembered of
 * their places.
 */
#include "model/library_calls.h"

#include <criterion/criterion.h>

static struct stall slept(const char *function, const char *innermost, const char *around)
{
	struct stall stall = { .cause = LS_CAUSE_SLEEP,
			       .call = { .function = function, .file = "/app/db.py", .line = 7 } };

	if (innermost)
		stall.native_stack[stall.n_native++].name = innermost;
	if (around)
		stall.native_stack[stall.n_native++].name = around;
	return stall;
}

static bool judge(struct library_calls *l, struct stall stall)
{
	cr_assert_eq(library_calls__judge(l, &stall), 0);
	return stall.is_library_call;
}

Test(library_calls, only_a_shared_object_that_is_not_the_runtimes)
{
	static const struct {
		const char *name;
		bool is_library;
	} frames[] = {
		{ "libsqlite3.so.0.8.6:sqlite3_step", true },
		{ "_sqlite3.cpython-312.so+0x1234", true },
		{ "libpython3.11.so.1.0:time_sleep", false },
		{ "time.cpython-311.so:time_sleep", false },
		{ "python3.11+0x1234", false },
		{ "python3.11:do.sort", false },
		{ "libc.so.6:usleep", false },
		{ "ld-musl.so.1:usleep", false },
		{ NULL, false },
	};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct library_calls l = { 0 };
		const struct stall stall =
			slept("save", "libc.so.6:clock_nanosleep", frames[i].name);

		cr_expect_eq(judge(&l, stall), frames[i].is_library, "%s", frames[i].name);
		library_calls__done(&l);
	}
}

/* uvloop calls the interpreter, whose time.sleep it is. */
Test(library_calls, a_library_around_the_runtime_does_not_sleep)
{
	struct library_calls l = { 0 };
	struct stall stall = slept("sleep", "libc.so.6:clock_nanosleep", "python3.11+0x1234");

	stall.native_stack[stall.n_native++].name = "loop.cpython-311.so+0x5678";
	cr_assert_not(judge(&l, stall));
	library_calls__done(&l);
}

/* A loop without frames, by the module that polls. */
Test(library_calls, a_wait_of_another_loop)
{
	static const char *const modules[] = { "libuv.so.1.0.0:uv_run",
					       "loop.cpython-311.so+0x12" };
	struct stall socket = slept("fetch", "libc.so.6:recv", "_socket.cpython-311.so+0x1"),
		     unseen = slept("run", NULL, NULL);
	struct library_calls l = { 0 };

	unseen.cause = socket.cause = LS_CAUSE_NETWORK;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		struct stall stall = slept("run", "libc.so.6:epoll_wait", modules[i]);

		stall.cause = LS_CAUSE_NETWORK;
		cr_assert_eq(library_calls__judge(&l, &stall), 0);
		cr_expect(stall.is_nested_loop, "%s", modules[i]);
	}
	cr_assert_eq(library_calls__judge(&l, &unseen), 0);
	cr_expect(unseen.is_nested_loop, "by its place");
	cr_assert_eq(library_calls__judge(&l, &socket), 0);
	cr_expect_not(socket.is_nested_loop);
	library_calls__done(&l);
}

Test(library_calls, a_place_is_remembered_until_it_is_seen_otherwise)
{
	struct library_calls l = { 0 };
	struct stall working = slept("save", "libsqlite3.so.0:sqlite3_step", NULL);

	cr_assert_not(judge(&l, slept("save", NULL, NULL)), "nothing is known yet");
	cr_assert(judge(&l, slept("save", "libsqlite3.so.0:sqlite3_step", NULL)));
	cr_assert(judge(&l, slept("save", NULL, NULL)));
	cr_assert_not(judge(&l, slept("load", NULL, NULL)), "another place");
	cr_assert_not(judge(&l, slept("save", "python3.11+0x1234", NULL)));
	cr_assert_not(judge(&l, slept("save", NULL, NULL)));
	working.cause = LS_CAUSE_CPU;
	cr_assert_not(judge(&l, working), "it did not sleep");
	library_calls__done(&l);
}

Test(library_calls, without_a_place_or_room)
{
	struct library_calls l = { 0 };
	struct stall stall;

	cr_assert(judge(&l, slept(NULL, "libsqlite3.so.0:sqlite3_step", NULL)));
	for (uint32_t i = 0; i <= LIBRARY_CALLS_MAX; i++) {
		stall = slept("save", "libsqlite3.so.0:sqlite3_step", NULL);
		stall.call.line = i;
		cr_assert(judge(&l, stall));
	}
	stall.n_native = 0;
	cr_assert_not(judge(&l, stall), "the last one had no room");
	stall.call.line--;
	cr_assert(judge(&l, stall));
	library_calls__done(&l);
}
