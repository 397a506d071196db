/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread does and what a loop is in.
 */
#include <errno.h>

#include "dump/made_up.h"

static const char events[] = "/usr/lib/python3.11/asyncio/events.py";
static const char base_events[] = "/usr/lib/python3.11/asyncio/base_events.py";
static const char selectors[] = "/usr/lib/python3.11/selectors.py";
static const char app[] = "/srv/app.py";

static struct target t;
static struct dump d;
static struct target_task task;

static struct dump_thread *begin(void)
{
	make_up(&d, &t);
	task = (struct target_task){
		.task = TASK(1), .coro = CORO(1), .name = "Task-1", .waits_for = ""
	};
	return &d.threads[0];
}

static void add_loop(struct dump_thread *th)
{
	add_frame(th, "Handle._run", events, 80, 0);
	add_frame(th, "BaseEventLoop._run_once", base_events, 1900, 0);
	add_frame(th, "BaseEventLoop.run_forever", base_events, 600, 0);
}

static void add_poll(struct dump_thread *th)
{
	add_frame(th, "EpollSelector.select", selectors, 468, 0);
	add_frame(th, "BaseEventLoop._run_once", base_events, 1884, 0);
	add_frame(th, "BaseEventLoop.run_forever", base_events, 600, 0);
}

static void call(struct dump_thread *th, const char *syscall, uint64_t arg)
{
	th->kernel = (struct proc_thread){ .state = 'S', .call = PROC_CALL_IN, .args = { arg } };
	th->syscall = syscall;
}

static enum dump_unit judge(int poll_fd)
{
	dump__judge_loop(&d, &d.loops[0], poll_fd, &(struct target_tasks){ .n = 1, .list = &task });
	return d.loops[0].unit;
}

Test(judge, what_a_thread_does)
{
	static const struct {
		struct proc_thread kernel;
		bool is_lock_wait;
		enum dump_doing doing;
	} cases[] = {
		{ { .state = 'R', .call = PROC_CALL_RUNNING }, false, DUMP_CPU },
		{ { .state = 'S', .call = PROC_CALL_IN }, false, DUMP_SYSCALL },
		{ { .state = 'S', .call = PROC_CALL_IN }, true, DUMP_GIL },
		{ { .state = 'D', .call = PROC_CALL_NONE }, false, DUMP_BLOCKED },
		{ { .state = 'T', .call = PROC_CALL_IN }, true, DUMP_STOPPED },
		{ { .state = 't', .call = PROC_CALL_NONE }, false, DUMP_TRACED },
		{ { .state = 'S', .call = PROC_CALL_UNKNOWN }, false, DUMP_SLEEPING },
		{ { .state = 'R', .call = PROC_CALL_UNKNOWN }, false, DUMP_CPU },
		{ { .state = 0 }, false, DUMP_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_assert_eq(dump_doing_of(&cases[i].kernel, cases[i].is_lock_wait), cases[i].doing,
			     "case %zu", i);
}

Test(judge, a_poll_is_known_by_its_descriptor)
{
	struct dump_thread *th = begin();

	add_poll(th);
	call(th, "epoll_wait", 5);
	cr_assert_eq(judge(5), DUMP_UNIT_POLL);
	cr_assert_eq(judge(6), DUMP_UNIT_LOOP, "somebody else's descriptor");
	cr_assert_eq(judge(-ENOENT), DUMP_UNIT_POLL, "by its frames");
	call(th, "poll", 0x7f0000);
	cr_assert_eq(judge(-ENOENT), DUMP_UNIT_POLL);
	call(th, "futex", 0x7f0000);
	cr_assert_eq(judge(5), DUMP_UNIT_LOOP);
	free(d.threads);
}

Test(judge, a_poll_without_the_right_to_see_the_system_call)
{
	struct dump_thread *th = begin();

	add_poll(th);
	th->kernel = (struct proc_thread){ .state = 'S' };
	cr_assert_eq(judge(5), DUMP_UNIT_POLL);
	th->kernel.state = 'R';
	cr_assert_eq(judge(5), DUMP_UNIT_LOOP);
	free(d.threads);
}

Test(judge, user_code_that_polls_is_no_poll)
{
	struct dump_thread *th = begin();

	add_frame(th, "EpollSelector.select", selectors, 468, 0);
	add_frame(th, "communicate", "/usr/lib/python3.11/subprocess.py", 2000, 0);
	add_frame(th, "on_event", app, 12, 0);
	add_loop(th);
	call(th, "epoll_wait", 9);
	cr_assert_eq(judge(5), DUMP_UNIT_CALLBACK);
	cr_assert_eq(judge(-ENOENT), DUMP_UNIT_CALLBACK);
	cr_assert_eq(d.loops[0].n_unit_frames, 3);
	free(d.threads);
}

Test(judge, a_step_is_known_by_its_coroutine)
{
	struct dump_thread *th = begin();

	add_frame(th, "fetch", app, 31, 0);
	add_frame(th, "inner", app, 22, CORO(7));
	add_frame(th, "handler", app, 12, CORO(1));
	add_loop(th);
	call(th, "clock_nanosleep", 0);
	cr_assert_eq(judge(5), DUMP_UNIT_STEP);
	cr_assert_eq(d.loops[0].n_unit_frames, 3);
	cr_assert_eq(d.loops[0].task, TASK(1));
	cr_assert_str_eq(d.loops[0].task_name, "Task-1");
	free(d.threads);
}

Test(judge, a_task_that_ended_meanwhile_is_not_named)
{
	struct dump_thread *th = begin();

	add_frame(th, "handler", app, 12, CORO(2));
	add_loop(th);
	call(th, "clock_nanosleep", 0);
	cr_assert_eq(judge(5), DUMP_UNIT_STEP);
	cr_assert_eq(d.loops[0].task, 0);
	cr_assert_str_empty(d.loops[0].task_name);
	free(d.threads);
}

Test(judge, a_step_on_another_stack)
{
	struct dump_thread *th = begin();

	add_frame(th, "in_greenlet", app, 50, 0);
	call(th, "clock_nanosleep", 0);
	cr_assert_eq(judge(5), DUMP_UNIT_OTHER);
	task.state = TARGET_TASK_RUNNING;
	task.loop = LOOP + 16;
	cr_assert_eq(judge(5), DUMP_UNIT_OTHER, "another loop's");
	task.loop = LOOP;
	cr_assert_eq(judge(5), DUMP_UNIT_STEP);
	cr_assert_eq(d.loops[0].task, TASK(1));
	cr_assert_eq(d.loops[0].n_unit_frames, 1);
	free(d.threads);
}

Test(judge, nothing_is_made_up)
{
	struct dump_thread *th = begin();

	cr_assert_eq(judge(5), DUMP_UNIT_OTHER, "no frames");
	add_frame(th, "main", app, 40, 0);
	cr_assert_eq(judge(5), DUMP_UNIT_OTHER, "no frame of a loop");
	d.loops[0].thread = NULL;
	cr_assert_eq(judge(5), DUMP_UNIT_OTHER, "no thread");
	free(d.threads);
}

Test(judge, a_callback_in_c)
{
	struct dump_thread *th = begin();

	add_loop(th);
	cr_assert_eq(judge(-1), DUMP_UNIT_LOOP);
	snprintf(d.loops[0].callee.name, sizeof(d.loops[0].callee.name), "time.sleep");
	d.loops[0].callee.file = "<built-in>";
	cr_assert_eq(judge(-1), DUMP_UNIT_CALLBACK);
	cr_assert_str_eq(d.loops[0].coroutine.name, "time.sleep");
	cr_assert_str_eq(d.loops[0].coroutine.file, "<built-in>");
	cr_assert_eq(d.loops[0].n_unit_frames, 0);
	free(d.threads);
}

static const char socketserver[] = "/usr/lib/python3.11/socketserver.py";
static const char http_server[] = "/usr/lib/python3.11/http/server.py";

static void add_coded(struct dump_thread *th, const char *function, const char *file, uint64_t code)
{
	add_frame(th, function, file, 1, 0);
	th->stack.frames[th->stack.n_frames - 1].at.code = code;
}

/* Up to the function that runs the loop, whose code is 3. */
static void add_server(struct dump_thread *th)
{
	add_coded(th, "BaseServer.serve_forever", socketserver, 2);
	add_coded(th, "main", app, 3);
	d.loops[0].info.kind = runtime_python.shown_loop;
	d.loops[0].info.bare.codes[0] = 3;
}

Test(judge, a_loop_known_by_its_poll_polls)
{
	struct dump_thread *th = begin();

	add_coded(th, "PollSelector.select", selectors, 1);
	add_server(th);
	call(th, "poll", 0);
	cr_assert_eq(judge(-1), DUMP_UNIT_POLL);
	call(th, "epoll_wait", 5);
	cr_assert_eq(judge(5), DUMP_UNIT_POLL);
	cr_assert_eq(judge(6), DUMP_UNIT_LOOP);
	call(th, "recvfrom", 0);
	cr_assert_eq(judge(-1), DUMP_UNIT_LOOP);
	free(d.threads);
}

/* Also one that polls itself. */
Test(judge, a_loop_known_by_its_poll_calls_back)
{
	struct dump_thread *th = begin();

	add_coded(th, "fetch", app, 7);
	add_coded(th, "Handler.do_GET", app, 8);
	add_coded(th, "BaseHTTPRequestHandler.handle", http_server, 9);
	add_server(th);
	call(th, "poll", 0);
	cr_assert_eq(judge(-1), DUMP_UNIT_CALLBACK);
	cr_assert_str_eq(d.loops[0].coroutine.name, "f8");
	cr_assert_eq(d.loops[0].n_unit_frames, 4);
	free(d.threads);
}

/* The stack of a greenlet does not lead to the loop; that of a thread always does. */
Test(judge, a_greenlet_of_a_loop_known_by_its_poll)
{
	struct dump_thread *th = begin();

	add_coded(th, "fetch", app, 7);
	add_coded(th, "serve", app, 8);
	d.loops[0].info.kind = runtime_python.shown_loop;
	d.loops[0].info.bare.codes[0] = 3;
	call(th, "clock_nanosleep", 0);
	cr_assert_eq(judge(-1), DUMP_UNIT_OTHER);
	d.loops[0].info.bare.has_greenlets = true;
	cr_assert_eq(judge(-1), DUMP_UNIT_CALLBACK);
	cr_assert_str_eq(d.loops[0].coroutine.name, "f8");
	free(d.threads);
}

Test(judge, functions_show_a_loop)
{
	struct dump_thread *th = begin();
	struct target_loop_thread loop;

	add_coded(th, "Handler.do_GET", app, 8);
	add_coded(th, "BaseServer.finish_request", socketserver, 9);
	cr_assert_not(dump__shows_loop(&d, th, &loop), "what a thread of a ThreadingMixIn has");
	add_coded(th, "BaseServer.serve_forever", socketserver, 2);
	add_coded(th, "main", app, 3);
	add_coded(th, "<module>", app, 4);
	th->tstate = 0x77;
	cr_assert(dump__shows_loop(&d, th, &loop));
	cr_assert_eq(loop.bare.codes[0], 3);
	cr_assert_eq(loop.tstate, 0x77);
	cr_assert(target_loop_kind_is_bare(loop.kind));
	free(d.threads);
}
