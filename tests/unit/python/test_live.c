/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real processes, children of the test, so no privilege is needed: every interpreter found,
 * with loops in two threads, one that has not imported asyncio, and the refusals.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "python/child.h"
#include "process/target.h"
#include "python/python.h"

static const char loops_program[] =
	"import asyncio, threading\n"
	"async def rest(): await asyncio.sleep(1000)\n"
	"async def main(n):\n"
	"    tasks = [asyncio.ensure_future(rest()) for _ in range(n)]\n"
	"    await asyncio.sleep(1000)\n"
	"def other(): asyncio.new_event_loop().run_until_complete(main(3))\n"
	"threading.Thread(target=other, daemon=True).start()\n"
	"asyncio.run(main(5))\n";

/* Examines until the loops run; -ETIMEDOUT if they never do. */
static int wait_for_loops(pid_t pid, int wanted_tasks, struct target **ret_target)
{
	int r = -ETIMEDOUT;

	for (int waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		_cleanup_(target__freep) struct target *t = NULL;
		struct err err = { "", "" };

		r = target__examine(&t, pid, NULL, &err);
		/* What was imported while we looked needs another look. */
		if (!r && target__count_tasks(t) == wanted_tasks)
			return target__examine(ret_target, pid, NULL, &err);
		/* A launcher script, or an interpreter that its loader has not mapped yet. */
		if (r && r != -ENOEXEC)
			return r;
		pause_ms(PAUSE_MS);
	}
	return -ETIMEDOUT;
}

static size_t count_kind(const struct target *t, enum ls_spot kind)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_modules; i++)
		for (size_t k = 0; k < t->modules[i].n_spots; k++)
			n += t->modules[i].spots[k].kind == kind;
	return n;
}

static void check_loops(const struct target *t)
{
	struct target_loop_thread threads[4];

	cr_assert_eq(target__loop_threads(t, threads, 4), 2);
	for (int i = 0; i < 2; i++) {
		const struct loop_kind *kind;
		struct ls_loop info;
		uint64_t scheduled = 0;

		cr_assert_eq(threads[i].kind, &py_loop_asyncio);
		cr_assert_str_eq(threads[i].type_name, "_UnixSelectorEventLoop");
		cr_assert_eq(target__resolve_loop(t, threads[i].loop, &info, &kind), 0);
		cr_assert_neq(info.py.ready, 0);
		cr_assert_eq(target__read(t, info.py.scheduled + t->proc.py.at.ob_size, &scheduled,
					  sizeof(scheduled)),
			     0);
		cr_assert_eq(scheduled, threads[i].tid == t->pid ? 6 : 4);
	}
	cr_assert(threads[0].tid == t->pid || threads[1].tid == t->pid);
	cr_assert_neq(threads[0].tid, threads[1].tid);
}

/* What there is to be read is known all the same. */
static void check_without_spots(const struct target *t)
{
	static const struct target_context context = { .is_without_spots = true };
	static const enum ls_spot others[] = { LS_SPOT_DNS_ENTER, LS_SPOT_RESUME_CORO,
					       LS_SPOT_RESUME_EXIT };
	_cleanup_(target__freep) struct target *bare = NULL;

	cr_assert_eq(target__examine(&bare, t->pid, &context, NULL), 0);
	cr_assert_gt(count_kind(t, LS_SPOT_POLL_RETURN), 0);
	cr_assert_eq(count_kind(bare, LS_SPOT_POLL_RETURN), count_kind(t, LS_SPOT_POLL_RETURN));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		cr_assert_eq(count_kind(bare, others[i]), 0);
	cr_assert_eq(bare->has_loops, t->has_loops);
	cr_assert_eq(bare->parts, t->parts);
	cr_assert_eq(bare->proc.py.step_call, t->proc.py.step_call);
	cr_assert_eq(bare->proc.py.wakeup_call, t->proc.py.wakeup_call);
	cr_assert_not(memcmp(&bare->proc.py.at, &t->proc.py.at, sizeof(t->proc.py.at)));
	check_loops(bare);
}

static void check_interpreter(const char *name)
{
	_cleanup_(target__freep) struct target *t = NULL;
	_cleanup_(stop) pid_t pid = start(name, "-c", loops_program);
	int r = wait_for_loops(pid, 10, &t);

	cr_assert_eq(r, 0, "%s: %s", name, strerror(-r));
	cr_assert_eq(py_target(t)->version[0], 3);
	cr_assert_neq(t->rung, TARGET_RUNG_NONE, "%s: %s", name, t->rung_note);
	cr_assert(t->has_loops);
	cr_assert_str_eq(t->rung_note, "");
	cr_assert_geq(count_kind(t, LS_SPOT_STEP_ENTER), 2);
	cr_assert_eq(count_kind(t, LS_SPOT_STEP_ENTER), count_kind(t, LS_SPOT_STEP_EXIT));
	cr_assert_neq(t->proc.py.step_call, 0);
	cr_assert_neq(t->proc.py.wakeup_call, 0);
	cr_assert_neq(t->proc.py.gil, 0);
	cr_assert_neq(t->proc.py.gc_collecting, 0);
	cr_assert_neq(t->proc.py.gc_counts, 0, "%s: the generations were not found", name);
	cr_assert_neq(t->proc.py.coro_type, 0);
	check_loops(t);
	check_without_spots(t);
}

Test(target_live, every_interpreter)
{
	for_each_python(check_interpreter);
}

Test(target_live, spots_are_known_before_asyncio_is_imported)
{
	_cleanup_(target__freep) struct target *t = NULL;
	_cleanup_(stop) pid_t pid =
		start("/usr/bin/python3", "-c", "import time; time.sleep(1000)");
	int r = -ENOEXEC;

	for (int waited = 0; (r || !t->is_up) && waited < PATIENCE_MS; waited += PAUSE_MS) {
		target__free(TAKE_PTR(t));
		r = target__examine(&t, pid, NULL, NULL);
		pause_ms(PAUSE_MS);
	}
	cr_assert_eq(r, 0);
	cr_assert(!t->has_loops);
	cr_assert_neq(t->rung, TARGET_RUNG_NONE);
	cr_assert_geq(count_kind(t, LS_SPOT_STEP_ENTER), 2);
	cr_assert_eq(t->proc.py.step_call, 0);
	cr_assert_eq(target__loop_threads(t, NULL, 0), 0);
	cr_assert_lt(target__count_tasks(t), 0);
}

/* What was found serves until another file is mapped. */
Test(target_live, another_file_calls_for_another_look)
{
	static const char program[] = "import sys, time\n"
				      "time.sleep(0.5)\n"
				      "import asyncio\n"
				      "time.sleep(1000)\n";
	_cleanup_(target__freep) struct target *t = NULL;
	_cleanup_(stop) pid_t pid = start("/usr/bin/python3", "-c", program);
	bool was_current = false, is_current = true;

	for (int waited = 0; (!was_current || is_current) && waited < PATIENCE_MS;
	     waited += PAUSE_MS) {
		pause_ms(PAUSE_MS);
		is_current = t && target__is_current(t);
		was_current |= is_current;
		if (!was_current) {
			target__free(TAKE_PTR(t));
			target__examine(&t, pid, NULL, NULL);
		}
	}
	cr_assert(was_current);
	cr_assert_not(is_current, "modules of asyncio are being mapped");
	for (int waited = 0; !t->has_loops && waited < PATIENCE_MS; waited += PAUSE_MS) {
		target__free(TAKE_PTR(t));
		pause_ms(PAUSE_MS);
		cr_assert_eq(target__examine(&t, pid, NULL, NULL), 0);
	}
	cr_assert(t->has_loops);
}

Test(target_live, uvloop)
{
	static const char program[] =
		"import asyncio, uvloop\n"
		"async def rest(): await asyncio.sleep(1000)\n"
		"async def main():\n"
		"    tasks = [asyncio.ensure_future(rest()) for _ in range(4)]\n"
		"    await asyncio.sleep(1000)\n"
		"uvloop.install()\n"
		"asyncio.run(main())\n";
	_cleanup_(target__freep) struct target *t = NULL;
	_cleanup_(stop) pid_t pid = start("/usr/bin/python3", "-c", program);
	struct target_loop_thread thread;
	const struct loop_kind *kind;
	struct ls_loop info;

	cr_assert_eq(wait_for_loops(pid, 5, &t), 0, "is python3-uvloop installed?");
	cr_assert((t->parts & PY_PART_UVLOOP));
	cr_assert(t->proc.has_poll_spot);
	cr_assert_eq(target__loop_threads(t, &thread, 1), 1);
	cr_assert_eq(thread.kind, &py_loop_uvloop);
	cr_assert_eq(thread.tid, pid);
	cr_assert_eq(target__resolve_loop(t, thread.loop, &info, &kind), 0);
	cr_assert_neq(info.py.ready, 0);
	cr_assert_eq(info.py.scheduled, 0);
	cr_assert_neq(info.py.handle_callback, 0);
}

static void check_refusal(pid_t pid, int code, const char *part)
{
	struct err err = { "", "" };
	struct target *t = NULL;

	cr_assert_eq(target__examine(&t, pid, NULL, &err), code, "%s: %s", part, err.what);
	cr_assert_not_null(strstr(err.what, part), "'%s' lacks '%s'", err.what, part);
	cr_assert_eq(target__examine(&t, pid, NULL, NULL), code);
	cr_assert_null(t);
}

Test(target_live, refusals)
{
	_cleanup_(stop) pid_t other = start("sleep", "100", NULL);
	_cleanup_(stop) pid_t zombie = fork();

	if (!zombie)
		_exit(0);
	pause_ms(300);
	check_refusal(0x3ffffff, -ESRCH, "no process");
	check_refusal(0, -ESRCH, "no process");
	check_refusal(-1, -ESRCH, "no process");
	check_refusal(other, -ENOEXEC, "holds no CPython");
	check_refusal(zombie, -ESRCH, "zombie");
}

static int copy_as(const char *from, const char *to)
{
	char command[600];

	snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	return system(command);
}

Test(target_live, pypy_and_deleted_files_by_name)
{
	char dir[] = "/tmp/loopstall-test-XXXXXX", path[64], text[128];
	_cleanup_(stop) pid_t pid = 0;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pypy3", dir);
	cr_assert_eq(copy_as("/bin/sleep", path), 0);
	pid = start(path, "100", NULL);
	pause_ms(300);
	check_refusal(pid, -ENOEXEC, "PyPy");
	unlink(path);
	rmdir(dir);
	snprintf(text, sizeof(text), "%s/pypy3 (deleted)", dir);
	check_refusal(pid, -ENOEXEC, text);
}

Test(target_live, found_by_name)
{
	_cleanup_(stop) pid_t pid = start("sleep", "123.4567", NULL);
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;

	pause_ms(300);
	cr_assert_eq(target__find_by_name("123.4567", &pids, &n), 0);
	cr_assert_eq(n, 1);
	cr_assert_eq(pids[0], pid);
	free(TAKE_PTR(pids));
	cr_assert_eq(target__find_by_name("no such process anywhere", &pids, &n), 0);
	cr_assert_eq(n, 0);
	cr_assert_eq(target__find_by_name("", &pids, &n), -EINVAL);
}

Test(target_live, pythons_are_found)
{
	_cleanup_(stop) pid_t pid =
		start("/usr/bin/python3", "-c", "import time; time.sleep(1000)");
	_cleanup_free_ pid_t *pids = NULL;
	bool is_found = false;
	size_t n = 0;

	pause_ms(500);
	cr_assert_eq(target__find_all(&pids, &n), 0);
	for (size_t i = 0; i < n; i++) {
		is_found |= pids[i] == pid;
		cr_assert(!i || pids[i] > pids[i - 1]);
	}
	cr_assert(is_found);
}
