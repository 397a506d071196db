/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event loops of a live process: which threads run one, where a loop keeps its
 * queues. Sources: cpython Modules/_asynciomodule.c, Lib/asyncio/base_events.py; uvloop's loop.pxd.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <loopstall/uv.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/py_polls.h"
#include "python/py_tids.h"
#include "python/py_trio.h"
#include "python/py_tstates.h"
#include "python/python.h"

/* Of a process with more, those without a known loop are not looked at: that takes 20 us each. */
#define MAX_POLLING_THREADS 1024
#define LOOP_HOLDER_LOOP 16 /* rl_loop of _RunningLoopHolder, up to 3.11; rl_pid is behind it */
#define UVLOOP_WORDS 256
/*
 * uvloop's Handle of a Python callback holds it in `arg1`. Found by reading the handles in the
 * queue of a live loop (0.17.0), where it was the TaskStepMethWrapper or task_wakeup object. The
 * size shows whether the structure is still the same.
 */
#define UVLOOP_HANDLE_BYTES 120
#define UVLOOP_HANDLE_CALLBACK 72
/*
 * The same for sleeping tasks: libuv's timer points to a UVTimer, that to a TimerHandle, that to
 * the arguments.
 */
#define UVLOOP_LOOP 24 /* uv_loop_t of a Loop */
#define UVLOOP_TIMER_BYTES 112
#define UVLOOP_TIMER_CONTEXT 80
#define UVLOOP_TIMER_HANDLE_BYTES 96
#define UVLOOP_TIMER_HANDLE_ARGS 32

/* A forked child inherits the holder, but does not run that loop (get_running_loop() in C). */
static int held_loop(const struct target *t, uint64_t holder, uint64_t *ret_loop)
{
	struct {
		uint64_t loop;
		int32_t pid;
	} held;
	int r = target__read(t, holder + LOOP_HOLDER_LOOP, &held, sizeof(held));

	if (!r)
		*ret_loop = held.pid == t->ns_pid ? held.loop : 0;
	return r;
}

static int running_loop(const struct target *t, uint64_t tstate, uint64_t *ret_loop)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t dict;
	int r;

	*ret_loop = 0;
	if (py->tstate_running_loop != LS_PY_NONE)
		return py_read_u64(t, tstate + py->tstate_running_loop, ret_loop);
	r = py_read_u64(t, tstate + py->tstate_dict, &dict);
	if (r || !dict)
		return r;
	r = py_dict_get(t, dict, "__asyncio_running_event_loop__", ret_loop);
	if (r == -ENOENT)
		return 0;
	/* Up to 3.11 the dict holds a holder of the loop. */
	if (!r && py_is_instance(t, *ret_loop, "RunningLoopHolder"))
		r = held_loop(t, *ret_loop, ret_loop);
	return r;
}

const struct loop_kind py_loop_asyncio = { .word = "asyncio" };
const struct loop_kind py_loop_uvloop = { .word = "uvloop" };
const struct loop_kind py_loop_trio = { .word = "trio",
					.library = LIBRARY_TRIO,
					.is_by_thread = true };

static const struct loop_kind *loop_kind(const struct target *t, uint64_t loop)
{
	if (py_is_instance(t, loop, "uvloop."))
		return &py_loop_uvloop;
	if (py_is_instance(t, loop, "BaseEventLoop"))
		return &py_loop_asyncio;
	return py_trio__is_runner(t, loop) ? &py_loop_trio : NULL;
}

/*
 * What runs on a thread: a loop of asyncio's or, if `trio` is there, trio's Runner; 0 if nothing
 * does.
 */
static int scheduler_of(const struct target *t, uint64_t tstate, const struct py_trio *trio,
			uint64_t *ret_loop)
{
	int r = running_loop(t, tstate, ret_loop);

	/* A thread that is just changing its dict gets a second look. */
	if (r)
		r = running_loop(t, tstate, ret_loop);
	if (r || *ret_loop || !trio)
		return r;
	if (py_trio__runner(t, trio, tstate, ret_loop))
		*ret_loop = 0;
	return 0;
}

/* 1, 0 if the thread runs no loop, or -ENOMEM. */
static int describe_thread(const struct target *t, uint64_t tstate, const struct py_trio *trio,
			   const struct tid_map *tids, struct target_loop_thread *ret_thread)
{
	uint64_t type;
	int r;

	*ret_thread = (struct target_loop_thread){ .tstate = tstate };
	r = scheduler_of(t, tstate, trio, &ret_thread->loop);
	if (!r && !ret_thread->loop && tids->n_threads > MAX_POLLING_THREADS)
		return 0;
	if (!r)
		ret_thread->tid = tid_map__of_thread(tids, t, tstate);
	if (ret_thread->tid < 0)
		return ret_thread->tid;
	if (!r && !ret_thread->loop)
		return py_polls__describe(t, ret_thread);
	if (!r)
		r = py_type_of(t, ret_thread->loop, &type);
	if (!r)
		r = py_type_name(t, type, ret_thread->type_name, sizeof(ret_thread->type_name));
	if (r)
		return r == -ENOMEM ? r : 0;
	ret_thread->kind = loop_kind(t, ret_thread->loop);
	/* An instance of None or of a class without methods of a loop is a torn read. */
	if (ret_thread->kind == NULL && !strcmp(ret_thread->type_name, "NoneType"))
		return 0;
	return 1;
}

static int find_loop_threads(const struct target *t, const struct py_trio *trio,
			     struct target_loop_thread *threads, size_t max,
			     const struct tid_map *tids)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	struct py_tstates walk = { .t = t };
	uint64_t tstate, interp;
	size_t n = 0;
	int r = 0;

	while (r >= 0 && n < max && (tstate = py_tstates__next(&walk))) {
		r = py_read_u64(t, tstate + py->tstate_interp, &interp);
		if (!r && interp != py_target(t)->interp)
			return -EAGAIN;
		if (!r)
			r = describe_thread(t, tstate, trio, tids, &threads[n]);
		n += r > 0;
	}
	if (r >= 0)
		r = walk.error;
	return r == -EFAULT ? -EAGAIN : r ? r : (int)n;
}

int py_loop_threads(const struct target *t, struct target_loop_thread *threads, size_t max)
{
	_cleanup_(tid_map__done) struct tid_map tids = { 0 };
	const struct py_trio *trio;
	struct py_trio found = { 0 };
	int r;

	if (!py_target(t)->interp)
		return 0;
	trio = py_trio__find(t, &found) ? NULL : &found;
	r = tid_map__read(&tids, t);
	if (!r)
		r = find_loop_threads(t, trio, threads, max, &tids);
	/* The list changed under our feet: once more. */
	return r == -EAGAIN ? find_loop_threads(t, trio, threads, max, &tids) : r;
}

int py_scheduler_of_thread(const struct target *t, uint64_t tstate, uint64_t *ret_loop,
			   const struct loop_kind **ret_kind)
{
	struct py_trio found = { 0 };
	const struct py_trio *trio = py_trio__find(t, &found) ? NULL : &found;
	int r = scheduler_of(t, tstate, trio, ret_loop);

	*ret_kind = NULL;
	if (r)
		return r;
	if (*ret_loop)
		*ret_kind = loop_kind(t, *ret_loop);
	else if (trio)
		*ret_kind = &py_loop_trio;
	return 0;
}

static bool is_deque(const struct target *t, uint64_t object)
{
	char name[32];
	uint64_t type;

	return object && !py_type_of(t, object, &type) &&
		!py_type_name(t, type, name, sizeof(name)) && !strcmp(name, "collections.deque");
}

/* Is uvloop's C structure `name` as large as the one we know? */
static bool has_known_type(const struct target *t, const char *name, uint64_t known_bytes)
{
	uint64_t type, basic_bytes;

	return !py_module_attribute(t, "uvloop.loop", name, &type) &&
		!py_read_u64(t, type + t->proc.py.at.tp_basicsize, &basic_bytes) &&
		basic_bytes == known_bytes;
}

/*
 * A libuv loop holds the address of its owner in its first word (uv_loop_t.data), which uvloop
 * sets.
 */
static void resolve_uv_timers(const struct target *t, uint64_t loop, struct ls_loop *ret_loop)
{
	uint64_t uv_loop, owner;

	if (py_read_u64(t, loop + UVLOOP_LOOP, &uv_loop) || py_read_u64(t, uv_loop, &owner) ||
	    owner != loop || !has_known_type(t, "UVTimer", UVLOOP_TIMER_BYTES) ||
	    !has_known_type(t, "TimerHandle", UVLOOP_TIMER_HANDLE_BYTES))
		return;
	ret_loop->py.uv_timers = uv_loop + LS_UV_LOOP_TIMER_HEAP + arch.mutex_bytes;
	ret_loop->py.uv_timer_context = UVLOOP_TIMER_CONTEXT;
	ret_loop->py.uv_timer_args = UVLOOP_TIMER_HANDLE_ARGS;
}

/* uvloop's loop is a C structure; its queue is the only deque that it points to. */
static void resolve_uvloop(const struct target *t, uint64_t loop, struct ls_loop *ret_loop)
{
	uint64_t words[UVLOOP_WORDS];

	if (has_known_type(t, "Handle", UVLOOP_HANDLE_BYTES))
		ret_loop->py.handle_callback = UVLOOP_HANDLE_CALLBACK;
	resolve_uv_timers(t, loop, ret_loop);
	ret_loop->py.is_native = 1;
	if (target__read(t, loop, words, sizeof(words)))
		return;
	for (size_t i = 2; i < UVLOOP_WORDS; i++)
		if (!(words[i] & 7) && is_deque(t, words[i])) {
			ret_loop->py.ready = words[i];
			return;
		}
}

static void resolve_asyncio(const struct target *t, uint64_t loop, struct ls_loop *ret_loop)
{
	uint64_t ready, scheduled;

	if (!py_attribute(t, loop, "_ready", &ready) && is_deque(t, ready))
		ret_loop->py.ready = ready;
	if (!py_attribute(t, loop, "_scheduled", &scheduled) &&
	    py_is_instance(t, scheduled, "list"))
		ret_loop->py.scheduled = scheduled;
	ret_loop->py.handle_callback = t->proc.py.at.handle_callback;
}

/* select.epoll keeps its descriptor behind the object's head (Modules/selectmodule.c). */
static int epoll_fd(const struct target *t, uint64_t epoll)
{
	uint32_t fd;
	int r;

	if (!py_is_instance(t, epoll, "select.epoll"))
		return -ENOENT;
	r = py_read_u32(t, epoll + t->proc.py.at.ob_head, &fd);
	return r ? r : fd <= INT_MAX ? (int)fd : -ENOENT;
}

static int uvloop_fd(const struct target *t, uint64_t loop)
{
	uint64_t uv_loop, owner;
	uint32_t fd;

	if (py_read_u64(t, loop + UVLOOP_LOOP, &uv_loop) || py_read_u64(t, uv_loop, &owner) ||
	    owner != loop || py_read_u32(t, uv_loop + LS_UV_LOOP_BACKEND_FD, &fd))
		return -ENOENT;
	return fd <= INT_MAX ? (int)fd : -ENOENT;
}

int py_poll_fd(const struct target *t, uint64_t loop)
{
	const struct loop_kind *kind = loop_kind(t, loop);
	const bool is_trio = kind == &py_loop_trio;
	uint64_t holder, epoll;
	int r;

	if (!kind && py_polls__is_thread(t, loop))
		return py_polls__fd(t, loop);
	if (kind == &py_loop_uvloop)
		return uvloop_fd(t, loop);
	r = py_attribute(t, loop, is_trio ? "io_manager" : "_selector", &holder);
	if (!r)
		r = py_attribute(t, holder, is_trio ? "_epoll" : "_selector", &epoll);
	return r ? r : epoll_fd(t, epoll);
}

bool py_has_queue(const struct ls_loop *loop)
{
	return loop->py.ready || loop->py.runner;
}

int py_resolve_loop(const struct target *t, uint64_t loop, struct ls_loop *ret_loop,
		    const struct loop_kind **ret_kind)
{
	uint64_t type;
	int r = py_type_of(t, loop, &type);
	const struct loop_kind *kind = r ? NULL : loop_kind(t, loop);

	*ret_loop = (struct ls_loop){ .py.tasks = ret_loop->py.tasks };
	if (!kind && py_polls__is_thread(t, loop))
		return py_polls__runner(t, loop, &ret_loop->py.runner, ret_kind);
	*ret_kind = kind;
	if (r)
		return r;
	if (*ret_kind == &py_loop_uvloop)
		resolve_uvloop(t, loop, ret_loop);
	else if (*ret_kind == &py_loop_trio)
		py_trio__resolve(t, loop, ret_loop);
	else
		resolve_asyncio(t, loop, ret_loop);
	/* No step shows tasks that are written in Python in light mode, but the queue holds them.
	 */
	if (*ret_kind != &py_loop_trio && !ret_loop->py.tasks.type)
		py_resolve_tasks(t, loop, ret_loop);
	return 0;
}

int py_find_running_task(struct target *t)
{
	uint64_t dict;
	int r;

	if (t->proc.py.at.tstate_running_task != LS_PY_NONE || t->proc.py.current_tasks)
		return 0;
	r = py_module_attribute(t, "_asyncio", "_current_tasks", &dict);
	if (r)
		return r;
	if (!py_is_instance(t, dict, "dict"))
		return -ENOENT;
	t->proc.py.current_tasks = dict;
	return 1;
}

#define MINOR_WITH_SPLIT_STEP 12 /* __step() leaves the resuming to another function */

/*
 * Where the attributes of a task lie is known once there was one; its class has to be that one
 * exactly.
 */
static void resolve_attributes(const struct target *t, uint64_t type, struct ls_pytasks *tasks)
{
	const char *resumes = t->proc.py.at.minor < MINOR_WITH_SPLIT_STEP ?
		"_Task__step" :
		"_Task__step_run_and_handle_result";
	uint64_t coro, name, owner, function, code;

	if (py_value_index(t, type, "_coro", &coro) || py_value_index(t, type, "_name", &name) ||
	    py_value_index(t, type, "_loop", &owner) || coro > UINT16_MAX || name > UINT16_MAX ||
	    owner > UINT16_MAX)
		return;
	tasks->type = type;
	tasks->coro = (uint16_t)coro;
	tasks->name = (uint16_t)name;
	tasks->owned_by = (uint16_t)owner;
	tasks->by_index = 1;
	if (py_type_attribute(t, type, resumes, &function) || py_function_code(t, function, &code))
		tasks->task_local = 0;
	/* nest_asyncio puts a function in front of it; the first local behind that is the task. */
	else if (py_code_local(t, code, "self", &tasks->task_local))
		tasks->task_local = t->proc.py.at.frame_locals;
}

int py_resolve_tasks(const struct target *t, uint64_t loop, struct ls_loop *ret_loop)
{
	struct ls_pytasks *tasks = &ret_loop->py.tasks;
	uint64_t type, step, wakeup;
	int r = py_module_attribute(t, "asyncio.tasks", "_PyTask", &type);

	*tasks = (struct ls_pytasks){ .owner = loop };
	if (!r)
		r = py_type_attribute(t, type, "_Task__step", &step);
	if (!r)
		r = py_type_attribute(t, type, "_Task__wakeup", &wakeup);
	if (r)
		return r;
	tasks->step = step;
	tasks->wakeup = wakeup;
	resolve_attributes(t, type, tasks);
	return 0;
}
