/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks of real processes, on every interpreter found: what each does, what it awaits, who waits
 * for it; an executor that is full; and a process that makes and drops tasks as fast as it can.
 */
#include <criterion/criterion.h>

#include "base/time.h"
#include "base/utf8.h"
#include "stream/pystr.h"
#include "symbol/symbol.h"
#include "python/child.h"
#include "python/look.h"
#include "python/python.h"
#include "process/target.h"

/* Ends in a call that blocks, so what is read afterwards stands still. */
static const char shapes_program[] =
	"import asyncio, sys, time, types\n"
	"from concurrent.futures import ThreadPoolExecutor\n"
	"async def leaf(): await asyncio.sleep(1000)\n"
	"async def middle(): await leaf()\n"
	"async def nest(): await middle()\n"
	"async def deep(n): await (deep(n - 1) if n else leaf())\n"
	"async def stuck(): await asyncio.get_running_loop().create_future()\n"
	"@types.coroutine\n"
	"def old_style(): yield from asyncio.sleep(1000).__await__()\n"
	"class Awaitable:\n"
	"    def __await__(self): return middle().__await__()\n"
	"async def numbers():\n"
	"    await asyncio.sleep(1000)\n"
	"    yield 1\n"
	"async def mixed():\n"
	"    async for _ in numbers(): pass\n"
	"async def old(): await old_style()\n"
	"async def object(): await Awaitable()\n"
	"keep = []\n"
	"executor = ThreadPoolExecutor(3)\n"
	"def spawn(coro, name):\n"
	"    task = asyncio.ensure_future(coro)\n"
	"    task.set_name(name)\n"
	"    keep.append(task)\n"
	"    return task\n"
	"async def direct(): await spawn(leaf(), 'direct.child')\n"
	"async def second(task): await task\n"
	"async def gather(): await asyncio.gather(spawn(leaf(), 'gather.1'), spawn(leaf(), "
	"'gather.2'))\n"
	"async def wait(): await asyncio.wait([spawn(leaf(), 'wait.1'), spawn(leaf(), 'wait.2')])\n"
	"async def wait_for(): await asyncio.wait_for(spawn(leaf(), 'wait_for.1'), 1000)\n"
	"async def shield(): await asyncio.shield(spawn(leaf(), 'shield.1'))\n"
	"async def completed():\n"
	"    for f in asyncio.as_completed([spawn(leaf(), 'completed.1'), spawn(leaf(), "
	"'completed.2')]): await f\n"
	"async def onion():\n"
	"    inner = asyncio.gather(spawn(leaf(), 'onion.1'), asyncio.shield(spawn(leaf(), "
	"'onion.2')))\n"
	"    await asyncio.wait_for(inner, 1000)\n"
	"async def group():\n"
	"    async with asyncio.TaskGroup() as g:\n"
	"        keep.extend(g.create_task(leaf(), name='group.%d' % i) for i in (1, 2))\n"
	"async def wait_to_be_ready(future): await future\n"
	"async def block(future):\n"
	"    future.set_result(1)\n"
	"    spawn(leaf(), 'fresh')\n"
	"    time.sleep(1000)\n"
	"async def run(future):\n"
	"    await asyncio.sleep(0.3)\n"
	"    while executor._work_queue.qsize() > 5: await asyncio.sleep(0.01)\n"
	"    await block(future)\n"
	"async def main():\n"
	"    loop = asyncio.get_running_loop()\n"
	"    loop.set_default_executor(executor)\n"
	"    keep.extend(loop.run_in_executor(None, time.sleep, 1000) for _ in range(8))\n"
	"    for f in (nest, mixed, old, object, direct, gather, wait, wait_for, shield, completed,"
	" onion, stuck):\n"
	"        spawn(f(), f.__name__)\n"
	"    spawn(deep(40), 'deep')\n"
	"    spawn(stuck(), 'n\\u00e4me-\\u03c9')\n"
	"    spawn(stuck(), 'x' * 500)\n"
	"    spawn(stuck(), 'free').add_done_callback(set(keep).discard)\n"
	"    keep.append(asyncio.ensure_future(stuck()))\n"
	"    keep.append(asyncio.tasks._PyTask(middle(), loop=loop, name='python'))\n"
	"    if sys.version_info >= (3, 11): spawn(group(), 'group')\n"
	"    if sys.version_info >= (3, 12): keep.append(asyncio.Task(leaf(), loop=loop, "
	"name='eager', eager_start=True))\n"
	"    future = loop.create_future()\n"
	"    spawn(wait_to_be_ready(future), 'ready')\n"
	"    spawn(run(future), 'runner')\n"
	"    await asyncio.sleep(1000)\n"
	"if len(sys.argv) > 1:\n"
	"    import uvloop\n"
	"    uvloop.install()\n"
	"asyncio.run(main())\n";

static const struct expectation {
	const char *name;
	enum target_task_state state;
	const char *waits_for; /* NULL: differs between versions */
	const char *awaited_by; /* name of the task */
	const char *functions[5]; /* innermost first; NULL first: not looked at */
	uint8_t since_minor;
} expectations[] = {
	{ "nest", TARGET_TASK_WAITING, "Future", NULL, { "sleep", "leaf", "middle", "nest" }, 0 },
	{ "mixed", TARGET_TASK_WAITING, "Future", NULL, { "sleep", "numbers", "mixed" }, 0 },
	{ "old", TARGET_TASK_WAITING, "Future", NULL, { "sleep", "old_style", "old" }, 0 },
	{ "object",
	  TARGET_TASK_WAITING,
	  "Future",
	  NULL,
	  { "sleep", "leaf", "middle", "object" },
	  0 },
	{ "stuck", TARGET_TASK_WAITING, "Future", NULL, { "stuck" }, 0 },
	{ "n\u00e4me-\u03c9", TARGET_TASK_WAITING, "Future", NULL, { "stuck" }, 0 },
	{ "free", TARGET_TASK_WAITING, "Future", NULL, { "stuck" }, 0 },
	{ "direct", TARGET_TASK_WAITING, "Task", NULL, { "direct" }, 0 },
	{ "direct.child", TARGET_TASK_WAITING, "Future", "direct", { "sleep", "leaf" }, 0 },
	{ "gather", TARGET_TASK_WAITING, "_GatheringFuture", NULL, { "gather" }, 0 },
	{ "gather.1", TARGET_TASK_WAITING, "Future", "gather", { "sleep", "leaf" }, 0 },
	{ "gather.2", TARGET_TASK_WAITING, "Future", "gather", { "sleep", "leaf" }, 0 },
	{ "wait", TARGET_TASK_WAITING, "Future", NULL, { "_wait", "wait", "wait" }, 0 },
	{ "wait.1", TARGET_TASK_WAITING, "Future", "wait", { NULL }, 0 },
	{ "wait.2", TARGET_TASK_WAITING, "Future", "wait", { NULL }, 0 },
	{ "wait_for", TARGET_TASK_WAITING, NULL, NULL, { "wait_for", "wait_for" }, 0 },
	{ "wait_for.1", TARGET_TASK_WAITING, "Future", "wait_for", { NULL }, 0 },
	{ "shield.1", TARGET_TASK_WAITING, "Future", "shield", { NULL }, 0 },
	{ "completed.1", TARGET_TASK_WAITING, "Future", "completed", { NULL }, 0 },
	{ "completed.2", TARGET_TASK_WAITING, "Future", "completed", { NULL }, 0 },
	{ "onion.1", TARGET_TASK_WAITING, "Future", "onion", { NULL }, 0 },
	{ "onion.2", TARGET_TASK_WAITING, "Future", "onion", { NULL }, 0 },
	{ "group.1", TARGET_TASK_WAITING, "Future", "group", { NULL }, 11 },
	{ "group.2", TARGET_TASK_WAITING, "Future", "group", { NULL }, 11 },
	{ "eager", TARGET_TASK_WAITING, "Future", NULL, { "sleep", "leaf" }, 12 },
	{ "python", TARGET_TASK_WAITING, "Future", NULL, { "sleep", "leaf", "middle" }, 0 },
	{ "ready", TARGET_TASK_READY, "", NULL, { "wait_to_be_ready" }, 0 },
	{ "fresh", TARGET_TASK_READY, "", NULL, { "leaf" }, 0 },
	{ "runner", TARGET_TASK_RUNNING, "", NULL, { "block", "run" }, 0 },
};

/* One task of all matters. */
static uint64_t the_heavy;

static uint64_t weight(void *ctx, uint64_t counted_as)
{
	(void)ctx;
	return counted_as == the_heavy;
}

static const struct target_task_choice choice = { .weight = weight };

/* Until the program blocks in `runner`, with nothing left to change. */
static void wait_for_runner(struct look *look, pid_t pid)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		const struct target_task *runner;

		target__free(TAKE_PTR(look->t));
		if (!target__examine(&look->t, pid, NULL, NULL) && look->t->has_loops) {
			look->n = target__tasks(look->t, 1000, &choice, &look->tasks);
			runner = find(look, "runner");
			if (runner && runner->state == TARGET_TASK_RUNNING && find(look, "fresh"))
				return;
		}
		pause_ms(PAUSE_MS);
	}
	cr_assert(false, "the program of the test does not run (%d)", look->n);
}

static bool ends_with(const char *name, const char *function)
{
	const char *dot = strrchr(name, '.');

	return !strcmp(dot ? dot + 1 : name, function);
}

static void check_frames(const struct look *look, const struct target_task *task,
			 const struct expectation *wanted)
{
	_cleanup_(symbols__freep) struct symbols *symbols = NULL;
	struct resolver names;
	size_t n = 0;

	cr_assert_eq(symbols__new(&symbols), 0);
	cr_assert_eq(symbols__add_process(symbols, look->t), 0);
	names = symbols__resolver(symbols);
	while (n < 5 && wanted->functions[n])
		n++;
	cr_assert_eq(task->n_frames, n, "3.%u %s has %u frames", py_target(look->t)->version[1],
		     task->name, task->n_frames);
	cr_assert(!task->is_cut);
	for (size_t i = 0; i < n; i++) {
		struct code_info info;

		cr_assert_eq(names.ops->code(names.ctx, look->t->pid, task->frames[i].code, 0,
					     &info),
			     0);
		cr_assert(ends_with(info.name, wanted->functions[i]), "3.%u %s: frame %zu is %s",
			  py_target(look->t)->version[1], task->name, i, info.name);
		cr_assert_geq(names.ops->line(names.ctx, look->t->pid, &task->frames[i]),
			      info.first_line);
	}
	cr_assert_eq(task->frames[n - 1].code, task->code);
}

static void check_task(const struct look *look, const struct expectation *wanted)
{
	const struct target_task *task = find(look, wanted->name), *by;

	if (py_target(look->t)->version[1] < wanted->since_minor)
		return;
	cr_assert_not_null(task, "3.%u has no task %s", py_target(look->t)->version[1],
			   wanted->name);
	cr_assert_eq(task->state, wanted->state, "3.%u %s is in state %d",
		     py_target(look->t)->version[1], wanted->name, task->state);
	if (wanted->waits_for)
		cr_assert_str_eq(task->waits_for, wanted->waits_for, "3.%u %s waits for '%s'",
				 py_target(look->t)->version[1], wanted->name, task->waits_for);
	by = wanted->awaited_by ? find(look, wanted->awaited_by) : NULL;
	cr_assert_eq(task->awaited_by, by ? by->task : 0, "3.%u %s: wrong waiter",
		     py_target(look->t)->version[1], wanted->name);
	cr_assert_neq(task->code, 0);
	cr_assert_neq(task->qualname, 0);
	if (wanted->functions[0])
		check_frames(look, task, wanted);
}

static void check_names(const struct look *look)
{
	const struct target_task *deep = find(look, "deep");
	int n_numbered = 0, n_long = 0;

	for (int i = 0; i < look->n; i++) {
		const char *name = look->tasks.list[i].name;

		n_numbered += !strncmp(name, "Task-", 5);
		n_long += !strncmp(name, "xxx", 3) && strlen(name) == 127 && ends_with(name, "");
		cr_assert_neq(look->tasks.list[i].loop, 0);
	}
	cr_assert_eq(n_numbered, 2, "the main task and one without a name");
	cr_assert_eq(n_long, 1);
	cr_assert_not_null(deep);
	cr_assert_eq(deep->n_frames, TARGET_TASK_FRAMES);
	cr_assert(deep->is_cut);
	cr_assert_neq(deep->frames[1].code, deep->code, "the innermost frames are kept");
	cr_assert_eq(deep->frames[TARGET_TASK_FRAMES - 1].code, deep->code);
}

static bool is_waiting(const struct target_waiting *w, const char *name)
{
	char text[64];

	for (size_t i = 0; i < w->n_names; i++) {
		pystr__to_utf8(&w->names[i], text, sizeof(text));
		if (!strcmp(text, name))
			return true;
	}
	return false;
}

/* The loop is stuck in `runner`. The sleepers' timers are due in 1000 s. */
static void check_waiting(const struct look *look, uint64_t loop)
{
	const struct loop_kind *kind;
	struct target_waiting waiting;
	struct ls_loop info = { 0 };
	struct target_stuck stuck = { .loop = &info, .now_ns = time_now_ns(CLOCK_MONOTONIC) };

	stuck.start_ns = stuck.now_ns - NS_PER_S;
	target__resolve_tasks(look->t, loop, &info);
	cr_assert_eq(target__resolve_loop(look->t, loop, &info, &kind), 0);
	cr_assert_eq(target__waiting(look->t, &stuck, &waiting), 0);
	cr_assert_eq(waiting.n, 2, "%u", waiting.n);
	cr_assert_eq(waiting.n_names, 2);
	cr_assert(is_waiting(&waiting, "ready") && is_waiting(&waiting, "fresh"));
	cr_assert_eq(waiting.n_ready, 2, "%u", waiting.n_ready);
	cr_assert(!waiting.is_cut && !waiting.due_ns);
	stuck.now_ns += 2000 * NS_PER_S;
	cr_assert_eq(target__waiting(look->t, &stuck, &waiting), 0);
	cr_assert_gt(waiting.n, 15, "%u", waiting.n);
	cr_assert_eq(waiting.n_ready, 2, "%u", waiting.n_ready);
	/* Each of the others is due for almost 1000 s. */
	cr_assert_gt(waiting.due_ns, (waiting.n - 2) * 900 * NS_PER_S);
	cr_assert_lt(waiting.due_ns, (waiting.n - 2) * 1100 * NS_PER_S);
	cr_assert_lt(waiting.n, (uint32_t)look->n);
	cr_assert_eq(waiting.n_names, TARGET_WAITING_NAMES);
	info.py.ready = 0;
	cr_assert_lt(target__waiting(look->t, &stuck, &waiting), 0);
}

static void check_loop(const struct look *look)
{
	struct target_loop_thread thread;
	struct target_executor executor;
	const struct loop_kind *kind;
	struct ls_loop loop;

	cr_assert_eq(target__loop_threads(look->t, &thread, 1), 1);
	cr_assert_eq(target__executor(look->t, thread.loop, &executor), 0);
	cr_assert_eq(executor.max_workers, 3);
	cr_assert_eq(executor.threads, 3);
	cr_assert_eq(executor.queued, 5);
	cr_assert_eq(target__resolve_loop(look->t, thread.loop, &loop, &kind), 0);
	cr_assert_eq(target__count_ready(look->t, &loop), 2, "`ready` and `fresh`");
	loop.py.ready = 0;
	cr_assert_lt(target__count_ready(look->t, &loop), 0);
	check_waiting(look, thread.loop);
	for (int i = 0; i < look->n; i++)
		cr_assert_eq(look->tasks.list[i].loop, thread.loop);
}

static void check_process(pid_t pid)
{
	_cleanup_(look__done) struct look look = { 0 };

	wait_for_runner(&look, pid);
	cr_assert_eq((size_t)look.n, look.tasks.total);
	cr_assert_eq(target__count_tasks(look.t), look.n);
	for (size_t i = 0; i < sizeof(expectations) / sizeof(*expectations); i++)
		check_task(&look, &expectations[i]);
	check_names(&look);
	check_loop(&look);
	/* Fewer than there are: those that matter most. */
	the_heavy = look.tasks.list[look.n - 1].counted_as;
	cr_assert_eq(target__tasks(look.t, 3, &choice, &look.tasks), 3);
	cr_assert_eq(look.tasks.total, (size_t)look.n);
	cr_assert_eq(look.tasks.list[0].counted_as, the_heavy);
}

static void check_shapes(const char *python)
{
	_cleanup_(stop) pid_t pid = start(python, "-c", shapes_program);

	check_process(pid);
}

Test(target_tasks, what_each_does_on_every_interpreter)
{
	for_each_python(check_shapes);
}

Test(target_tasks, uvloop)
{
	char program[sizeof(shapes_program) + 64];
	_cleanup_(stop) pid_t pid = 0;

	snprintf(program, sizeof(program), "import sys; sys.argv.append('uvloop')\n%s",
		 shapes_program);
	pid = start("/usr/bin/python3", "-c", program);
	check_process(pid);
}

/*
 * A look at a process that does not hold still: sane or not there. Returns whether nearly all names
 * were those of the program. A look that loses its CPU on the way sees more change than it can
 * help.
 */
static bool check_churn_look(struct look *look, size_t *n_seen)
{
	size_t n_named = 0;

	look->n = target__tasks(look->t, 5000, &choice, &look->tasks);
	for (int i = 0; i < look->n; i++) {
		const struct target_task *task = &look->tasks.list[i];
		char clean[128];

		cr_assert_lt(strlen(task->name), sizeof(clean));
		cr_assert_lt(strlen(task->waits_for), 48);
		utf8__sanitize(task->name, clean, sizeof(clean));
		cr_assert_str_eq(task->name, clean);
		cr_assert_leq(task->n_frames, TARGET_TASK_FRAMES);
		cr_assert_neq(task->awaited_by, task->task);
		n_named += !strncmp(task->name, "churn-", 6) || !strncmp(task->name, "Task-", 5);
	}
	if (look->n > 0)
		*n_seen += (size_t)look->n;
	return look->n <= 0 || n_named * 100 >= (size_t)look->n * 98;
}

static void check_churn(const char *python)
{
	static const char program[] =
		"import asyncio\n"
		"async def child(n):\n"
		"    for _ in range(n % 3): await asyncio.sleep(0)\n"
		"async def parent(n):\n"
		"    await asyncio.gather(*[asyncio.ensure_future(child(i)) for i in range(n)])\n"
		"async def main():\n"
		"    n = 0\n"
		"    while True:\n"
		"        n += 1\n"
		"        tasks = [asyncio.ensure_future(parent(i % 7)) for i in range(200)]\n"
		"        for t in tasks: t.set_name('churn-%d' % n)\n"
		"        await asyncio.wait(tasks)\n"
		"asyncio.run(main())\n";
	_cleanup_(stop) pid_t pid = start(python, "-c", program);
	_cleanup_(look__done) struct look look = { 0 };
	size_t n_seen = 0, n_good = 0;

	for (int waited = 0; waited < PATIENCE_MS && (!look.t || target__count_tasks(look.t) < 2);
	     waited += PAUSE_MS) {
		target__free(TAKE_PTR(look.t));
		if (target__examine(&look.t, pid, NULL, NULL))
			look.t = NULL;
		pause_ms(PAUSE_MS);
	}
	for (int i = 0; i < 200; i++)
		n_good += check_churn_look(&look, &n_seen);
	cr_assert_gt(n_seen, 200);
	cr_assert_gt(n_good, 100,
		     "%s: in %zu of 200 looks nearly all tasks have a name of the program", python,
		     n_good);
}

Test(target_tasks, come_and_go_while_they_are_read)
{
	for_each_python(check_churn);
}

Test(target_tasks, of_a_process_that_is_gone)
{
	pid_t pid = start("/usr/bin/python3", "-c", shapes_program);
	_cleanup_(look__done) struct look look = { 0 };
	struct target_executor executor;

	wait_for_runner(&look, pid);
	stop(&pid);
	cr_assert_lt(target__tasks(look.t, 1000, &choice, &look.tasks), 0);
	cr_assert_eq(look.tasks.total, 0);
	cr_assert_lt(target__executor(look.t, look.tasks.list[0].loop, &executor), 0);
}
