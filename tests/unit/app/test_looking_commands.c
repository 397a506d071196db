/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that look at processes and measure nothing, on a loop that the test starts. It is a
 * child of the test, so no privilege is needed.
 */
#include <fcntl.h>
#include <jansson.h>

#include "app/privs.h"
#include "base/cleanup.h"
#include "base/exit.h"
#include "command_run.h"
#include "python/child.h"

/* Its command line has this name, which no other process has. */
static char mark[32];
static pid_t child;

static void start_loop(void)
{
	static char program[512];

	privs_begin();
	snprintf(mark, sizeof(mark), "looked-at-%d", getpid());
	snprintf(program, sizeof(program),
		 "import asyncio\n"
		 "mark = '%s'\n"
		 "async def rest(): await asyncio.sleep(1000)\n"
		 "async def main():\n"
		 "    tasks = [asyncio.ensure_future(rest()) for _ in range(5)]\n"
		 "    await asyncio.sleep(1000)\n"
		 "asyncio.run(main())\n",
		 mark);
	child = start("python3", "-c", program);
}

static void stop_loop(void)
{
	stop(&child);
}

TestSuite(app_looks, .init = start_loop, .fini = stop_loop);

/* The JSON object of our child among the lines; NULL if there is none. */
static json_t *object_of_child(const struct run *run)
{
	const char *end;

	for (const char *p = run->out; (end = strchr(p, '\n')); p = end + 1) {
		json_t *line = json_loadb(p, (size_t)(end - p), 0, NULL);

		cr_assert_not_null(line, "no JSON: %s", p);
		if (json_integer_value(json_object_get(line, "pid")) == child)
			return line;
		json_decref(line);
	}
	return NULL;
}

static size_t stack_frames(json_t *object)
{
	json_t *threads = json_object_get(object, "threads");

	return json_array_size(json_object_get(json_array_get(threads, 0), "stack"));
}

/* Has it all its tasks? A dump has a stack as well, once the thread that made them waits. */
static bool is_ready(json_t *object)
{
	return object && json_integer_value(json_object_get(object, "tasks")) == 6 &&
		(!json_object_get(object, "threads") || stack_frames(object) > 3);
}

static json_t *wait_for_child(const char *command, const char *pid)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		struct run run = pid ? RUN(command, "--json", "-p", pid) : RUN(command, "--json");
		json_t *object = object_of_child(&run);

		run_done(&run);
		if (is_ready(object))
			return object;
		json_decref(object);
		pause_ms(PAUSE_MS);
	}
	cr_assert_fail("the child never shows its tasks, or where it waits");
	return NULL;
}

Test(app_looks, ls_lists_a_loop)
{
	json_t *object = wait_for_child("ls", NULL), *loops;
	const char *line;
	struct run run;

	cr_expect_str_eq(json_string_value(json_object_get(object, "type")), "loop");
	loops = json_object_get(object, "loops");
	cr_expect_eq(json_array_size(loops), 1);
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(loops, 0), "kind")),
			 "asyncio");
	cr_expect(json_is_null(json_object_get(object, "container_pid")));
	json_decref(object);
	run = RUN("ls");
	cr_expect_eq(run.code, EXIT_FINE, "%s", run.err);
	cr_expect_eq(strncmp(run.out, "    PID USER ", 13), 0, "%s", run.out);
	line = strstr(run.out, mark);
	cr_expect(line, "it is not in the list: %s", run.out);
	run_done(&run);
}

Test(app_looks, ls_has_a_reader_that_left)
{
	json_decref(wait_for_child("ls", NULL));
	const int full = open("/dev/full", O_WRONLY | O_CLOEXEC), saved = divert(stdout, full);
	struct config config = {};
	int code;

	cr_assert_geq(full, 0);
	code = cmd_ls.run(&config);
	restore(stdout, saved);
	cr_expect_eq(code, EXIT_INCONCLUSIVE);
	close(full);
}

Test(app_looks, dump_shows_tasks_and_threads)
{
	char pid[16];
	json_t *object;
	struct run run;

	snprintf(pid, sizeof(pid), "%d", child);
	object = wait_for_child("dump", pid);
	cr_expect_eq(json_array_size(json_object_get(object, "threads")), 1);
	json_decref(object);
	run = RUN("dump", "-p", pid);
	cr_expect_eq(run.code, EXIT_FINE, "%s", run.err);
	cr_expect(strstr(run.out, "5 x rest()"), "%s", run.out);
	run_done(&run);
	run = RUN("dump", "-n", mark);
	cr_expect_eq(run.code, EXIT_FINE, "%s", run.err);
	run_done(&run);
	/* One that is named must have a loop, and so has not. */
	run = RUN("dump", "-p", pid, "-p", "2147483647");
	cr_expect_eq(run.code, EXIT_CANNOT_ATTACH);
	cr_expect(strstr(run.err, "2147483647"), "%s", run.err);
	run_done(&run);
}

Test(app_looks, dump_of_what_has_no_loop)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	expect_refused(RUN("dump", "-p", pid), EXIT_CANNOT_ATTACH, pid);
	expect_refused(RUN("dump", "-p", "2147483647"), EXIT_CANNOT_ATTACH, "2147483647");
	expect_refused(RUN("dump", "-n", "no process is called this"), EXIT_CANNOT_ATTACH,
		       "no process has 'no process is called this'");
}

Test(app_looks, doctor_finds_a_loop)
{
	char pid[16];
	struct run run;
	json_t *object, *process;

	snprintf(pid, sizeof(pid), "%d", child);
	json_decref(wait_for_child("dump", pid));
	run = RUN("doctor", "-p", pid, "--json");
	object = json_loads(run.out, 0, NULL);
	cr_assert_not_null(object, "%s", run.out);
	process = json_array_get(json_object_get(object, "processes"), 0);
	cr_expect_eq(json_integer_value(json_object_get(process, "pid")), child);
	cr_expect(json_is_true(json_object_get(process, "ok")), "%s", run.out);
	cr_expect_eq(json_array_size(json_object_get(process, "loops")), 1);
	json_decref(object);
	run_done(&run);
	run = RUN("doctor", "-p", pid);
	cr_expect(strstr(run.out, pid), "%s", run.out);
	run_done(&run);
}
