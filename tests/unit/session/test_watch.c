/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watching one process: the pace of looking again, the loops remembered, and the reasons for
 * silence.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runtime/runtime.h"
#include "session/env.h"
#include "session/watch.h"

Test(session_watch, pace_grows_with_age)
{
	cr_expect_eq(watch_pace_ns(0), 5000000);
	cr_expect_eq(watch_pace_ns(20000000), 5000000);
	cr_expect_eq(watch_pace_ns(400000000), 100000000);
	cr_expect_eq(watch_pace_ns(4000000000), 1000000000);
	cr_expect_eq(watch_pace_ns(UINT64_MAX), 1000000000);
}

Test(session_watch, loops_are_remembered_once)
{
	struct watch w = { .end.fd = -1 };
	struct watch_loop *first = watch__loop(&w, 0x1000, 1);

	cr_expect_eq(watch__loop(&w, 0x1000, 1), first);
	cr_expect_eq(w.n_loops, 1);
	cr_expect_neq(watch__loop(&w, 0x1000, 2), first);
	cr_expect_eq(w.n_loops, 2);
}

Test(session_watch, the_oldest_loop_is_forgotten)
{
	struct watch w = { .end.fd = -1 };

	for (uint64_t i = 1; i <= 3 * WATCH_MAX_LOOPS; i++)
		cr_expect_eq(watch__loop(&w, i, 1)->loop, i);
	cr_expect_eq(watch__known_loops(&w), WATCH_MAX_LOOPS);
	cr_expect_eq(w.n_loops, 3 * WATCH_MAX_LOOPS);
	for (uint64_t i = 2 * WATCH_MAX_LOOPS + 1; i <= 3 * WATCH_MAX_LOOPS; i++)
		watch__loop(&w, i, 1);
	cr_expect_eq(w.n_loops, 3 * WATCH_MAX_LOOPS, "the last ones are still known");
}

Test(session_watch, the_word_is_that_of_the_newest_known_kind)
{
	static const struct loop_kind known = { .word = "asyncio" };
	struct watch w = { .end.fd = -1 };

	cr_expect_null(watch__loop_word(&w));
	watch__loop(&w, 0x1000, 1);
	cr_expect_str_eq(watch__loop_word(&w), "unknown");
	w.loops[0].kind = &known;
	/* One that is seen while its process ends. */
	watch__loop(&w, 0x2000, 1);
	cr_expect_str_eq(watch__loop_word(&w), "asyncio");
}

static enum loop_state state;

static enum loop_state scripted_state(const struct target *t, pid_t tid, uint64_t loop)
{
	(void)t;
	cr_assert_eq(tid, 1);
	cr_assert_eq(loop, 0x2000);
	return state;
}

Test(session_watch, silence_has_a_reason)
{
	struct target t = { .rung = TARGET_RUNG_ENTRY };
	const struct process_ops process = { .loop_state = scripted_state };
	struct watch w = { .end.fd = -1, .process = &process };

	cr_expect(strstr(watch__silence_reason(&w, false), "does not run a CPython"));
	w.target = &t;
	cr_expect(strstr(watch__silence_reason(&w, false), "still starting"));
	t.is_up = 0x1000;
	cr_expect(strstr(watch__silence_reason(&w, false), "not imported asyncio"));
	t.has_loops = true;
	cr_expect(strstr(watch__silence_reason(&w, false), "no event loop runs"));
	watch__loop(&w, 0x2000, 1);
	state = LOOP_STATE_POLLS;
	cr_expect(strstr(watch__silence_reason(&w, false), "only waits"));
	state = LOOP_STATE_OUTSIDE;
	cr_expect(strstr(watch__silence_reason(&w, false), "not in its poll"));
	state = LOOP_STATE_STOPPED;
	cr_expect(strstr(watch__silence_reason(&w, false), "SIGCONT"));
	state = LOOP_STATE_TRACED;
	cr_expect(strstr(watch__silence_reason(&w, false), "debugger"));
	state = LOOP_STATE_FROZEN;
	cr_expect(strstr(watch__silence_reason(&w, false), "frozen"));
	state = LOOP_STATE_UNKNOWN;
	cr_expect_null(strstr(watch__silence_reason(&w, false), "waits"));
}

/* A mode that does not see a loop must not say that it only waits. */
Test(session_watch, light_mode_does_not_see_all_loops)
{
	struct target t = { .rung = TARGET_RUNG_ENTRY, .is_up = 0x1000, .has_loops = true };
	const struct process_ops process = { .loop_state = scripted_state };
	struct watch w = { .end.fd = -1, .process = &process, .target = &t };
	const struct loop_kind trio = { .word = "trio", .is_by_thread = true };
	const struct loop_kind bare = { .word = "poll", .is_by_thread = true, .is_bare = true };

	state = LOOP_STATE_POLLS;
	watch__loop(&w, 0x2000, 1)->kind = &bare;
	cr_expect(strstr(watch__silence_reason(&w, true), "light mode does not see"));
	cr_expect(strstr(watch__silence_reason(&w, false), "timed as callbacks"));
	watch__loop(&w, 0x2000, 1)->kind = &trio;
	cr_expect(strstr(watch__silence_reason(&w, true), "light mode does not see"));
}

Test(session_watch, suspicion_brings_the_next_look_forward_and_never_back)
{
	struct watch w = { .end.fd = -1, .born_ns = 1000, .examined_ns = 1000 };

	w.examine_due_ns = UINT64_MAX;
	watch__examine_soon(&w);
	cr_expect_eq(w.examine_due_ns, 1000 + 5000000);
	w.examine_due_ns = 2000;
	watch__examine_soon(&w);
	cr_expect_eq(w.examine_due_ns, 2000);
}

Test(session_watch, no_such_process)
{
	struct err err = {};
	struct watch w;

	/* Above the kernel's largest pid (linux: include/linux/threads.h, PID_MAX_LIMIT). */
	cr_expect_eq(watch__init(&w, live_env.process, 4194304 + 1, 0, &err), -ESRCH);
	cr_expect_str_eq(err.what, "there is no process 4194305");
	watch__done(&w);
}

Test(session_watch, opens_a_process)
{
	struct err err = {};
	struct watch w;

	cr_assert_eq(watch__init(&w, live_env.process, getpid(), 7, &err), 0, "%s", err.what);
	cr_expect_geq(w.end.fd, 0);
	cr_expect_eq(w.examine_due_ns, 7, "the first look is due at once");
	watch__done(&w);
	cr_expect_eq(w.end.fd, -1);
}
