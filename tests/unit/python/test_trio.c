/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trio's tasks in real processes, on every interpreter that can import it.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/time.h"
#include "stream/pystr.h"
#include "symbol/symbol.h"
#include "python/child.h"
#include "python/look.h"
#include "python/python.h"
#include "process/target.h"

#define PROGRAM_IMPORTS                                                                            \
	"import sys\nsys.path.append('/usr/lib/python3/dist-packages')\nimport trio\n"

/*
 * Ends in a call that blocks, so what is read afterwards stands still. Of three tasks that become
 * ready together the first one to run does so, in a scope of its own.
 */
static const char program[] = PROGRAM_IMPORTS
	"import time\n"
	"async def leaf(): await trio.sleep(1000)\n"
	"async def middle(): await leaf()\n"
	"async def fresh(): pass\n"
	"async def block(nursery, event):\n"
	"    await event.wait()\n"
	"    trio.lowlevel.current_task().name = 'runner'\n"
	"    nursery.start_soon(fresh, name='fresh')\n"
	"    with trio.move_on_after(1): time.sleep(1000)\n"
	"async def start(event):\n"
	"    await trio.sleep(0.3)\n"
	"    event.set()\n"
	"async def main():\n"
	"    event = trio.Event()\n"
	"    async with trio.open_nursery() as nursery:\n"
	"        nursery.start_soon(middle, name='middle')\n"
	"        nursery.start_soon(trio.sleep_forever, name='n\\u00e4me-\\u03c9')\n"
	"        for _ in range(3): nursery.start_soon(block, nursery, event, name='racer')\n"
	"        nursery.start_soon(start, event)\n"
	"trio.run(main)\n";

#define N_TASKS 9 /* with main, trio's first task and that of its entry queue */

static void wait_for_runner(struct look *look, pid_t pid)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		target__free(TAKE_PTR(look->t));
		if (!target__examine(&look->t, pid, NULL, NULL)) {
			look->n = target__tasks(look->t, 1000, NULL, &look->tasks);
			if (find(look, "fresh"))
				return;
		}
		pause_ms(PAUSE_MS);
	}
	cr_assert(false, "the program of the test does not run (%d)", look->n);
}

static void check_frame(const struct look *look, const struct ls_frame *frame, const char *function)
{
	_cleanup_(symbols__freep) struct symbols *symbols = NULL;
	struct code_info info;
	struct resolver names;

	cr_assert_eq(symbols__new(&symbols), 0);
	cr_assert_eq(symbols__add_process(symbols, look->t), 0);
	names = symbols__resolver(symbols);
	cr_assert_eq(names.ops->code(names.ctx, look->t->pid, frame->code, 0, &info), 0);
	cr_assert_str_eq(info.name, function, "3.%u: %s", py_target(look->t)->version[1],
			 info.name);
}

static void check_tasks(const struct look *look)
{
	static const struct {
		const char *name, *parent, *innermost;
		enum target_task_state state;
	} wanted[] = {
		{ "middle", "__main__.main", "sleep_forever", TARGET_TASK_WAITING },
		{ "n\u00e4me-\u03c9", "__main__.main", "sleep_forever", TARGET_TASK_WAITING },
		{ "fresh", "__main__.main", "fresh", TARGET_TASK_READY },
		{ "racer", "__main__.main", NULL, TARGET_TASK_READY },
		{ "runner", "__main__.main", "block", TARGET_TASK_RUNNING },
		{ "__main__.main", "<init>", NULL, TARGET_TASK_WAITING },
		{ "<init>", NULL, NULL, TARGET_TASK_WAITING },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		const struct target_task *task = find(look, wanted[i].name), *parent;

		cr_assert_not_null(task, "3.%u has no task %s", py_target(look->t)->version[1],
				   wanted[i].name);
		parent = wanted[i].parent ? find(look, wanted[i].parent) : NULL;
		cr_assert_eq(task->state, wanted[i].state, "%s is in state %d", task->name,
			     task->state);
		cr_assert_eq(task->awaited_by, parent ? parent->task : 0, "%s: wrong parent",
			     task->name);
		cr_assert_gt(task->n_frames, 0);
		cr_assert_eq(task->frames[task->n_frames - 1].code, task->code);
		cr_assert_str_eq(task->waits_for, "");
		if (wanted[i].innermost)
			check_frame(look, &task->frames[0], wanted[i].innermost);
	}
}

/* Each is found by what the kernel side calls it. */
static void check_coroutines(const struct look *look)
{
	for (int i = 0; i < look->n; i++) {
		struct ls_pystr name;
		uint64_t task;

		cr_assert_eq(target__task_of_coroutine(look->t, look->tasks.list[i].counted_as,
						       &task, &name),
			     0);
		cr_assert_eq(task, look->tasks.list[i].task);
		cr_assert_neq(name.kind, 0xff);
	}
}

static void check_loop(const struct look *look)
{
	struct target_loop_thread thread;
	const struct loop_kind *kind;
	struct ls_loop loop;

	cr_assert_eq(target__loop_threads(look->t, &thread, 1), 1);
	cr_assert_eq(thread.kind, &py_loop_trio);
	cr_assert_eq(thread.tid, look->t->pid);
	for (int i = 0; i < look->n; i++)
		cr_assert_eq(look->tasks.list[i].loop, thread.loop);
	cr_assert_eq(target__resolve_loop(look->t, thread.loop, &loop, &kind), 0);
	cr_assert_eq(kind, &py_loop_trio);
	cr_assert_eq(target__count_ready(look->t, &loop), 1, "`fresh`");
	cr_assert(loop.py.tasks.is_queued_bare);
	cr_assert(loop.py.tasks.task_local && loop.py.tasks.batch_local &&
		  loop.py.tasks.task_local != loop.py.tasks.batch_local);
	cr_assert_neq(loop.py.tasks.deadlines, 0);
	cr_assert_geq(loop.py.tasks.clock_offset_ns, 10000 * 1000000000ULL,
		      "trio takes at least that many seconds");
}

static size_t n_waiting(const struct target_waiting *w, const char *name)
{
	char text[64];
	size_t n = 0;

	for (size_t i = 0; i < w->n_names; i++) {
		pystr__to_utf8(&w->names[i], text, sizeof(text));
		n += !strcmp(text, name);
	}
	return n;
}

/* The loop is stuck in `runner` for a second; `info` is filled in. */
static struct target_stuck stuck_in_runner(const struct look *look, struct ls_loop *info)
{
	const uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	struct target_loop_thread thread;
	const struct loop_kind *kind;

	cr_assert_eq(target__loop_threads(look->t, &thread, 1), 1);
	cr_assert_eq(target__resolve_loop(look->t, thread.loop, info, &kind), 0);
	return (struct target_stuck){ .loop = info,
				      .tstate = thread.tstate,
				      .coro = find(look, "runner")->coro,
				      .start_ns = now_ns - NS_PER_S,
				      .now_ns = now_ns };
}

/* Two more of its batch have not had their turn. */
static void check_waiting(const struct look *look)
{
	struct target_waiting waiting;
	struct ls_loop info = { 0 };
	struct target_stuck stuck = stuck_in_runner(look, &info);
	uint64_t late_ns;

	cr_assert_eq(target__waiting(look->t, &stuck, &waiting), 0);
	cr_assert_eq(waiting.n, 3, "3.%u: %u", py_target(look->t)->version[1], waiting.n);
	cr_assert_eq(waiting.n_names, 3);
	cr_assert(n_waiting(&waiting, "racer") == 2 && n_waiting(&waiting, "fresh") == 1);
	cr_assert_eq(waiting.n_ready, 1, "%u", waiting.n_ready);
	cr_assert_eq(waiting.due_ns, 2 * NS_PER_S, "those of the batch wait from the start on");
	cr_assert(!waiting.is_cut);
	/* One sleeper is due by then. The scope of `runner` is past its deadline, but it runs. */
	stuck.now_ns += 2000 * NS_PER_S;
	cr_assert_eq(target__waiting(look->t, &stuck, &waiting), 0);
	cr_assert_eq(waiting.n, 4, "%u", waiting.n);
	cr_assert_eq(n_waiting(&waiting, "middle"), 1);
	cr_assert(!n_waiting(&waiting, "runner"));
	late_ns = waiting.due_ns - 2 * (stuck.now_ns - stuck.start_ns);
	cr_assert(late_ns > 1000 * NS_PER_S && late_ns < 1100 * NS_PER_S, "late by %g s",
		  (double)late_ns / (double)NS_PER_S);
	/* What the loop was thought to be does not matter, what runs on the thread does. */
	info.py.ready = info.py.tasks.owner = 0;
	cr_assert_eq(target__waiting(look->t, &stuck, &waiting), 0);
	cr_assert_eq(waiting.n, 4);
}

/* An error then, not 0 tasks. */
static void check_unknown(const struct look *look)
{
	struct target_waiting waiting;
	struct ls_loop info = { 0 };
	struct target_stuck stuck = stuck_in_runner(look, &info);
	const uint64_t tstate = stuck.tstate;

	stuck.tstate = 0;
	cr_assert_eq(target__waiting(look->t, &stuck, &waiting), -ENOENT, "which thread?");
	stuck.tstate = tstate;
	stuck.coro = find(look, "middle")->coro;
	cr_assert_eq(target__waiting(look->t, &stuck, &waiting), -EAGAIN, "another task's step");
	stuck.coro = find(look, "runner")->coro;
	cr_assert_eq(target__waiting(look->t, &stuck, &waiting), 0);
}

static bool has_trio(const char *python)
{
	int status = 0;
	pid_t pid = start(python, "-c", PROGRAM_IMPORTS);

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static size_t n_checked;

static void check_process(pid_t pid)
{
	_cleanup_(look__done) struct look look = { 0 };

	wait_for_runner(&look, pid);
	cr_assert_eq(look.n, N_TASKS, "%d tasks", look.n);
	cr_assert_eq(target__count_tasks(look.t), N_TASKS);
	check_tasks(&look);
	check_coroutines(&look);
	check_loop(&look);
	check_waiting(&look);
	check_unknown(&look);
}

static void check_python(const char *python)
{
	if (has_trio(python)) {
		_cleanup_(stop) pid_t pid = start(python, "-c", program);

		check_process(pid);
		n_checked++;
	}
}

Test(target_trio, what_each_task_does_on_every_interpreter)
{
	for_each_python(check_python);
	cr_assert(n_checked, "no Python can import trio");
}
