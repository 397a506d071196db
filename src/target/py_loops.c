/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event loops of a live process: which threads run one, where a loop keeps its
 * queues. Sources: cpython Modules/_asynciomodule.c, Lib/asyncio/base_events.py; uvloop's loop.pxd.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/arch.h"
#include "target/procfs.h"
#include "target/py_frames.h"
#include "target/py_memory.h"
#include "target/py_trio.h"

#define MAX_THREADS 4096
#define LOOP_HOLDER_LOOP 16 /* rl_loop of _RunningLoopHolder, up to 3.11 */
#define UVLOOP_WORDS 256
/*
 * uvloop's Handle of a Python callback holds it in `arg1`. Found by reading the handles that waited in the
 * queue of a live loop (0.17.0), where it was the TaskStepMethWrapper or task_wakeup object; the size tells
 * whether the structure is still that one.
 */
#define UVLOOP_HANDLE_BYTES 120
#define UVLOOP_HANDLE_CALLBACK 72
/* The same for sleeping tasks: libuv's timer points to a UVTimer, that to a TimerHandle, that to the arguments. */
#define UVLOOP_LOOP 24 /* uv_loop_t of a Loop */
#define UVLOOP_TIMER_BYTES 112
#define UVLOOP_TIMER_CONTEXT 80
#define UVLOOP_TIMER_HANDLE_BYTES 96
#define UVLOOP_TIMER_HANDLE_ARGS 32
#define UV_TIMER_HEAP 520 /* libuv 1.x, x86-64 and aarch64: include/uv.h and include/uv/unix.h */

/* The ids of a process's threads as its own pid namespace numbers them, beside ours. */
struct tid_pair {
	pid_t inner, outer;
};

struct tid_map {
	size_t n, size;
	struct tid_pair *pairs;
};

static int read_tids(const struct target *t, struct tid_map *map)
{
	_cleanup_(dir_close) DIR *d = NULL;
	struct dirent *e;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/task", t->pid);
	d = opendir(path);
	if (!d)
		return -ESRCH;
	while ((e = readdir(d)) && map->n < MAX_THREADS) {
		struct proc_status status;
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		if (tid <= 0 || proc_status__read(&status, t->pid, tid))
			continue;
		if (map->n == map->size) {
			size_t size = map->size ? 2 * map->size : 32;
			struct tid_pair *pairs = realloc(map->pairs, size * sizeof(*pairs));

			if (!pairs)
				return -ENOMEM;
			map->pairs = pairs;
			map->size = size;
		}
		map->pairs[map->n++] = (struct tid_pair){ status.ns_pid ? status.ns_pid : tid, tid };
	}
	return 0;
}

static void tid_map__done(struct tid_map *map)
{
	free(map->pairs);
}

static pid_t translate_tid(const struct tid_map *map, uint64_t inner)
{
	for (size_t i = 0; i < map->n; i++)
		if ((uint64_t)map->pairs[i].inner == inner)
			return map->pairs[i].outer;
	return 0;
}

/* Up to 3.10 only the C library knows the kernel's id: it stands in its own thread structure. */
static pid_t thread_tid(const struct target *t, uint64_t tstate, const struct tid_map *tids)
{
	const struct ls_pyoffsets *py = &t->proc.py;
	uint64_t pthread, native;
	uint32_t tid;

	if (py->tstate_native_id != LS_PY_NONE)
		return py_read_u64(t, tstate + py->tstate_native_id, &native) ?
			       0 :
			       translate_tid(tids, native);
	if (py_read_u64(t, tstate + py->tstate_thread_id, &pthread) ||
	    py_read_u32(t, pthread + arch.pthread_tid_offset, &tid))
		return 0;
	return translate_tid(tids, tid);
}

static int running_loop(const struct target *t, uint64_t tstate, uint64_t *ret_loop)
{
	const struct ls_pyoffsets *py = &t->proc.py;
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
		r = py_read_u64(t, *ret_loop + LOOP_HOLDER_LOOP, ret_loop);
	return r;
}

static enum target_loop_kind loop_kind(const struct target *t, uint64_t loop)
{
	if (py_is_instance(t, loop, "uvloop."))
		return TARGET_LOOP_UVLOOP;
	if (py_is_instance(t, loop, "BaseEventLoop"))
		return TARGET_LOOP_ASYNCIO;
	return py_trio__is_runner(t, loop) ? TARGET_LOOP_TRIO : TARGET_LOOP_UNKNOWN;
}

/* What runs on a thread: a loop of asyncio's or, if `trio` is there, trio's Runner; 0 if nothing does. */
static int scheduler_of(const struct target *t, uint64_t tstate, const struct py_trio *trio, uint64_t *ret_loop)
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

/* False if the thread runs no loop. */
static bool describe_thread(const struct target *t, uint64_t tstate, const struct py_trio *trio,
			    const struct tid_map *tids, struct target_loop_thread *ret_thread)
{
	uint64_t type;

	*ret_thread = (struct target_loop_thread){ .tstate = tstate };
	if (scheduler_of(t, tstate, trio, &ret_thread->loop))
		return false;
	if (!ret_thread->loop || py_type_of(t, ret_thread->loop, &type) ||
	    py_type_name(t, type, ret_thread->type_name, sizeof(ret_thread->type_name)))
		return false;
	ret_thread->kind = loop_kind(t, ret_thread->loop);
	/* An instance of None or of a class without methods of a loop is a torn read. */
	if (ret_thread->kind == TARGET_LOOP_UNKNOWN && !strcmp(ret_thread->type_name, "NoneType"))
		return false;
	ret_thread->tstate = tstate;
	ret_thread->tid = thread_tid(t, tstate, tids);
	return true;
}

static int find_loop_threads(const struct target *t, const struct py_trio *trio, struct target_loop_thread *threads,
			     size_t max, const struct tid_map *tids)
{
	const struct ls_pyoffsets *py = &t->proc.py;
	uint64_t tstate, interp;
	size_t n = 0;
	int r = py_read_u64(t, t->interp + py->interp_threads_head, &tstate);

	for (int i = 0; !r && tstate && n < max && i < MAX_THREADS; i++) {
		r = py_read_u64(t, tstate + py->tstate_interp, &interp);
		if (!r && interp != t->interp)
			return -EAGAIN;
		if (describe_thread(t, tstate, trio, tids, &threads[n]))
			n++;
		if (!r)
			r = py_read_u64(t, tstate + py->tstate_next, &tstate);
	}
	return r == -EFAULT ? -EAGAIN : r ? r : (int)n;
}

int target__loop_threads(const struct target *t, struct target_loop_thread *threads, size_t max)
{
	_cleanup_(tid_map__done) struct tid_map tids = { 0 };
	const struct py_trio *trio;
	struct py_trio found = { 0 };
	int r;

	if (!t->interp)
		return 0;
	trio = py_trio__find(t, &found) ? NULL : &found;
	r = read_tids(t, &tids);
	if (!r)
		r = find_loop_threads(t, trio, threads, max, &tids);
	/* The list changed under our feet: once more. */
	return r == -EAGAIN ? find_loop_threads(t, trio, threads, max, &tids) : r;
}

int target__scheduler_of_thread(const struct target *t, uint64_t tstate, uint64_t *ret_loop,
				enum target_loop_kind *ret_kind)
{
	struct py_trio found = { 0 };
	const struct py_trio *trio = py_trio__find(t, &found) ? NULL : &found;
	int r = scheduler_of(t, tstate, trio, ret_loop);

	*ret_kind = TARGET_LOOP_UNKNOWN;
	if (r)
		return r;
	if (*ret_loop)
		*ret_kind = loop_kind(t, *ret_loop);
	else if (trio)
		*ret_kind = TARGET_LOOP_TRIO;
	return 0;
}

static bool is_deque(const struct target *t, uint64_t object)
{
	char name[32];
	uint64_t type;

	return object && !py_type_of(t, object, &type) && !py_type_name(t, type, name, sizeof(name)) &&
	       !strcmp(name, "collections.deque");
}

/* Is uvloop's C structure `name` as large as the one we know? */
static bool has_known_type(const struct target *t, const char *name, uint64_t known_bytes)
{
	uint64_t type, basic_bytes;

	return !py_module_attribute(t, "uvloop.loop", name, &type) &&
	       !py_read_u64(t, type + t->proc.py.tp_basicsize, &basic_bytes) && basic_bytes == known_bytes;
}

/* A libuv loop holds the address of its owner in its first word (uv_loop_t.data), which uvloop sets. */
static void resolve_uv_timers(const struct target *t, uint64_t loop, struct ls_loop *ret_loop)
{
	uint64_t uv_loop, owner;

	if (py_read_u64(t, loop + UVLOOP_LOOP, &uv_loop) || py_read_u64(t, uv_loop, &owner) || owner != loop ||
	    !has_known_type(t, "UVTimer", UVLOOP_TIMER_BYTES) ||
	    !has_known_type(t, "TimerHandle", UVLOOP_TIMER_HANDLE_BYTES))
		return;
	ret_loop->uv_timers = uv_loop + UV_TIMER_HEAP;
	ret_loop->uv_timer_context = UVLOOP_TIMER_CONTEXT;
	ret_loop->uv_timer_args = UVLOOP_TIMER_HANDLE_ARGS;
}

/* uvloop's loop is a C structure; its queue is the only deque that it points to. */
static void resolve_uvloop(const struct target *t, uint64_t loop, struct ls_loop *ret_loop)
{
	uint64_t words[UVLOOP_WORDS];

	if (has_known_type(t, "Handle", UVLOOP_HANDLE_BYTES))
		ret_loop->handle_callback = UVLOOP_HANDLE_CALLBACK;
	resolve_uv_timers(t, loop, ret_loop);
	ret_loop->is_native = 1;
	if (target__read(t, loop, words, sizeof(words)))
		return;
	for (size_t i = 2; i < UVLOOP_WORDS; i++)
		if (!(words[i] & 7) && is_deque(t, words[i])) {
			ret_loop->ready = words[i];
			return;
		}
}

static void resolve_asyncio(const struct target *t, uint64_t loop, struct ls_loop *ret_loop)
{
	uint64_t ready, scheduled;

	if (!py_attribute(t, loop, "_ready", &ready) && is_deque(t, ready))
		ret_loop->ready = ready;
	if (!py_attribute(t, loop, "_scheduled", &scheduled) && py_is_instance(t, scheduled, "list"))
		ret_loop->scheduled = scheduled;
	ret_loop->handle_callback = t->proc.py.handle_callback;
}

int target__resolve_loop(const struct target *t, uint64_t loop, struct ls_loop *ret_loop,
			 enum target_loop_kind *ret_kind)
{
	uint64_t type;
	int r = py_type_of(t, loop, &type);

	*ret_loop = (struct ls_loop){ 0 };
	*ret_kind = TARGET_LOOP_UNKNOWN;
	if (r)
		return r;
	*ret_kind = loop_kind(t, loop);
	if (*ret_kind == TARGET_LOOP_UVLOOP)
		resolve_uvloop(t, loop, ret_loop);
	else if (*ret_kind == TARGET_LOOP_TRIO)
		py_trio__resolve(t, loop, ret_loop);
	else
		resolve_asyncio(t, loop, ret_loop);
	return 0;
}

int target__find_current_tasks(struct target *t)
{
	uint64_t dict;
	int r;

	if (t->proc.py.tstate_running_task != LS_PY_NONE || t->proc.current_tasks)
		return 0;
	r = py_module_attribute(t, "_asyncio", "_current_tasks", &dict);
	if (r)
		return r;
	if (!py_is_instance(t, dict, "dict"))
		return -ENOENT;
	t->proc.current_tasks = dict;
	return 0;
}

#define MINOR_WITH_SPLIT_STEP 12 /* __step() leaves the resuming to another function */

/* Where the attributes of a task lie is known once there was one; its class has to be that one exactly. */
static void resolve_attributes(const struct target *t, uint64_t type, struct ls_pytasks *tasks)
{
	const char *resumes = t->proc.py.minor < MINOR_WITH_SPLIT_STEP ? "_Task__step" : "_Task__step_run_and_handle_result";
	uint64_t coro, name, owner, function, code;

	if (py_value_index(t, type, "_coro", &coro) || py_value_index(t, type, "_name", &name) ||
	    py_value_index(t, type, "_loop", &owner) || coro > UINT16_MAX || name > UINT16_MAX || owner > UINT16_MAX)
		return;
	tasks->type = type;
	tasks->coro = (uint16_t)coro;
	tasks->name = (uint16_t)name;
	tasks->owned_by = (uint16_t)owner;
	tasks->by_index = 1;
	if (py_type_attribute(t, type, resumes, &function) || py_function_code(t, function, &code) ||
	    py_code_local(t, code, "self", &tasks->task_local))
		tasks->task_local = 0;
}

int target__resolve_python_tasks(const struct target *t, uint64_t loop, struct ls_pytasks *ret_tasks)
{
	uint64_t type, step, wakeup;
	int r = py_module_attribute(t, "asyncio.tasks", "_PyTask", &type);

	*ret_tasks = (struct ls_pytasks){ .owner = loop };
	if (!r)
		r = py_type_attribute(t, type, "_Task__step", &step);
	if (!r)
		r = py_type_attribute(t, type, "_Task__wakeup", &wakeup);
	if (r)
		return r;
	ret_tasks->step = step;
	ret_tasks->wakeup = wakeup;
	resolve_attributes(t, type, ret_tasks);
	return 0;
}
