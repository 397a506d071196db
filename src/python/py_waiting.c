/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tasks wait for a loop that is stuck: those of the handles in its ready queue, and those
 * that sleep on a timer which is due. Only other threads change the queue meanwhile. The kernel
 * side (bpf/queue/asyncio.bpf.c, libuv.bpf.c) decides in the same way which handle belongs to which
 * task. For trio see py_trio_waiting.c.
 */
#include "python/py_waiting.h"

#include <errno.h>
#include <string.h>

#include <loopstall/uv.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "python/py_memory.h"
#include "python/py_names.h"
#include "python/py_trio_waiting.h"
#include "python/python.h"

#define MAX_ITEMS 1024 /* of each queue */
#define MAX_TRIES 3

int py_waiting__init(struct py_waiting *w, const struct target *t, const struct target_stuck *stuck,
		     struct target_waiting *found)
{
	w->t = t;
	w->stuck = stuck;
	w->loop = *stuck->loop;
	w->types.t = t;
	w->found = found;
	if (py_pages__new(&w->pages, t))
		return -ENOMEM;
	w->types.pages = w->pages;
	return 0;
}

void py_waiting__done(struct py_waiting *w)
{
	py_pages__free(w->pages);
}

uint64_t py_waiting__word(struct py_waiting *w, uint64_t addr)
{
	uint64_t word;

	return addr && !py_pages__read(w->pages, addr, &word, sizeof(word)) ? word : 0;
}

uint64_t py_waiting__field(struct py_waiting *w, uint64_t object, uint16_t offset)
{
	return object ? py_waiting__word(w, object + offset) : 0;
}

struct py_deque py_waiting__ready(struct py_waiting *w)
{
	const struct ls_pyoffsets *py = &w->t->proc.py.at;
	const uint64_t ready = w->loop.py.ready;

	return (struct py_deque){ py_waiting__field(w, ready, py->ob_size),
				  py_waiting__field(w, ready, py->deque_leftblock),
				  py_waiting__field(w, ready, py->deque_leftindex) };
}

uint64_t py_waiting__next(struct py_waiting *w, struct py_deque *deque)
{
	const struct ls_pyoffsets *py = &w->t->proc.py.at;

	if (deque->index >= LS_PY_DEQUE_BLOCK_ITEMS) {
		deque->block = py_waiting__field(w, deque->block, py->deque_block_next);
		deque->index = 0;
	}
	return deque->block ?
		py_waiting__word(w, deque->block + py->deque_block_data + 8 * deque->index++) :
		0;
}

size_t py_waiting__limit(struct py_waiting *w, uint64_t n)
{
	if (n <= MAX_ITEMS)
		return (size_t)n;
	w->found->is_cut = true;
	return MAX_ITEMS;
}

void py_waiting__add(struct py_waiting *w, uint64_t name)
{
	struct target_waiting *found = w->found;

	found->n++;
	if (found->n_names == TARGET_WAITING_NAMES)
		return;
	py_name__copy(&w->types, name, &found->names[found->n_names]);
	found->n_names += found->names[found->n_names].kind != LS_NO_NAME;
}

void py_waiting__add_since(struct py_waiting *w, uint64_t name, uint64_t since_ns)
{
	const uint64_t start_ns = w->stuck->start_ns;

	py_waiting__add(w, name);
	w->found->due_ns += w->stuck->now_ns - (since_ns > start_ns ? since_ns : start_ns);
}

/* The task that a callback steps, 0 if it is some other callback. */
static uint64_t c_task_of(struct py_waiting *w, uint64_t callback)
{
	const struct ls_pyproc *proc = &w->t->proc.py;
	const struct ls_pyoffsets *py = &proc->at;
	const uint64_t call =
		py_waiting__field(w, py_waiting__field(w, callback, py->ob_type), py->tp_call);
	uint64_t def;

	if (call && (call == proc->step_call || call == proc->wakeup_call))
		return py_waiting__field(w, callback, py->wrapper_task);
	def = py_waiting__field(w, callback, py->cfunction_def);
	if (!def || !proc->wakeup_call ||
	    py_waiting__field(w, def, py->methoddef_func) != proc->wakeup_call)
		return 0;
	return py_waiting__field(w, callback, py->cfunction_self);
}

static uint64_t python_task_of(struct py_waiting *w, uint64_t callback)
{
	const struct ls_pytasks *tasks = &w->loop.py.tasks;
	const uint16_t head = w->t->proc.py.at.ob_head;
	const uint64_t function = tasks->step ? py_waiting__field(w, callback, head) : 0;

	return function && (function == tasks->step || function == tasks->wakeup) ?
		py_waiting__word(w, callback + head + sizeof(uint64_t)) :
		0;
}

static uint64_t task_of(struct py_waiting *w, uint64_t callback)
{
	const uint64_t task = callback ? c_task_of(w, callback) : 0;

	return task || !callback ? task : python_task_of(w, callback);
}

/*
 * The timer of asyncio.sleep() sets a future that the task waits for: the first of the arguments at
 * `args`.
 */
static uint64_t sleeper_of(struct py_waiting *w, uint64_t handle, uint16_t args)
{
	const struct ls_pyoffsets *py = &w->t->proc.py.at;
	const uint64_t future =
		py_waiting__field(w, py_waiting__field(w, handle, args), py->tuple_items);

	return task_of(w, py_waiting__field(w, future, py->task_callback0));
}

/* False: it is none. */
static bool find_name(struct py_waiting *w, uint64_t task, uint64_t *ret_name)
{
	const enum py_kind kind = task ? py_types__kind(&w->types, task) : PY_OTHER;

	if (kind == PY_TASK)
		*ret_name = py_waiting__field(w, task, w->t->proc.py.at.task_name);
	else if (kind != PY_PYTASK || py_attribute(w->t, task, "_name", ret_name))
		*ret_name = 0;
	return kind == PY_TASK || kind == PY_PYTASK;
}

static void add_ready(struct py_waiting *w, uint64_t task)
{
	uint64_t name;

	if (!find_name(w, task, &name))
		return;
	py_waiting__add(w, name);
	w->found->n_ready++;
}

static int visit_ready(struct py_waiting *w, struct py_deque ready)
{
	const size_t n = py_waiting__limit(w, ready.n);

	for (size_t i = 0; i < n; i++) {
		const uint64_t handle = py_waiting__next(w, &ready);
		uint64_t task;

		if (!handle)
			return -EAGAIN;
		task = task_of(w, py_waiting__field(w, handle, w->loop.py.handle_callback));
		add_ready(w, task ? task : sleeper_of(w, handle, w->t->proc.py.at.handle_args));
	}
	return 0;
}

/* A task that sleeps until `when_ns`. */
static void add_sleeper(struct py_waiting *w, uint64_t task, uint64_t when_ns)
{
	uint64_t name;

	if (find_name(w, task, &name))
		py_waiting__add_since(w, name, when_ns);
}

/* When a timer is due; 0: not within this stall. */
static uint64_t due_ns(struct py_waiting *w, uint64_t handle)
{
	const struct ls_pyoffsets *py = &w->t->proc.py.at;
	const uint64_t bits =
		py_waiting__field(w, py_waiting__field(w, handle, py->timer_when), py->float_value);
	double seconds;

	memcpy(&seconds, &bits, sizeof(seconds));
	if (!(seconds > 0) || seconds * (double)NS_PER_S >= (double)w->stuck->now_ns)
		return 0;
	return (uint64_t)(seconds * (double)NS_PER_S);
}

static void visit_timers(struct py_waiting *w)
{
	const struct ls_pyoffsets *py = &w->t->proc.py.at;
	const uint64_t heap = w->loop.py.scheduled,
		       items = py_waiting__field(w, heap, py->list_items);
	const size_t n = py_waiting__limit(w, py_waiting__field(w, heap, py->ob_size));

	for (size_t i = 0; items && i < n; i++) {
		const uint64_t handle = py_waiting__word(w, items + 8 * i),
			       when_ns = handle ? due_ns(w, handle) : 0;

		if (when_ns)
			add_sleeper(w, sleeper_of(w, handle, py->handle_args), when_ns);
	}
}

/* uvloop's TimerHandle of a timer of libuv is what its data leads to. */
static void visit_uv_timer(struct py_waiting *w, uint64_t timer)
{
	const struct ls_pyloop *py = &w->loop.py;
	const uint64_t when_ms = py_waiting__word(w, timer + LS_UV_TIMER_TIMEOUT),
		       handle = py_waiting__field(w, py_waiting__word(w, timer + LS_UV_TIMER_DATA),
						  py->uv_timer_context);

	if (when_ms && when_ms < w->stuck->now_ns / NS_PER_MS)
		add_sleeper(w, sleeper_of(w, handle, py->uv_timer_args), when_ms * NS_PER_MS);
}

/*
 * libuv's heap is a complete binary tree: the bits of a node's number, counted from 1, behind the
 * highest one are the way to it from the root.
 */
static void visit_uv_timers(struct py_waiting *w)
{
	const uint64_t heap = w->loop.py.uv_timers, root = py_waiting__word(w, heap);
	const size_t n = root ?
		py_waiting__limit(w, (uint32_t)py_waiting__word(w, heap + LS_UV_HEAP_NODES)) :
		0;

	for (size_t number = 1; number <= n; number++) {
		uint64_t node = root;

		for (int bit = 62 - __builtin_clzll(number); node && bit >= 0; bit--)
			node = py_waiting__word(
				w, node + (number >> bit & 1 ? LS_UV_NODE_RIGHT : LS_UV_NODE_LEFT));
		if (node)
			visit_uv_timer(w, node - LS_UV_TIMER_NODE);
	}
}

/* -EAGAIN if the queue changed meanwhile. */
static int read_asyncio(struct py_waiting *w)
{
	const struct py_deque before = py_waiting__ready(w);
	struct py_deque after;
	int r = visit_ready(w, before);

	if (r)
		return r;
	if (w->loop.py.scheduled)
		visit_timers(w);
	else if (w->loop.py.uv_timers)
		visit_uv_timers(w);
	py_pages__forget(w->pages);
	after = py_waiting__ready(w);
	return memcmp(&before, &after, sizeof(before)) ? -EAGAIN : 0;
}

static int read_once(struct py_waiting *w, uint64_t trio_frame)
{
	int r;

	*w->found = (struct target_waiting){ 0 };
	r = trio_frame ? py_trio_waiting__read(w, trio_frame) : read_asyncio(w);
	return py_pages__error(w->pages) ? py_pages__error(w->pages) : r;
}

int py_waiting(const struct target *t, const struct target_stuck *stuck, struct target_waiting *ret)
{
	_cleanup_(py_waiting__done) struct py_waiting w = { 0 };
	uint64_t trio_frame = 0;
	int r = py_waiting__init(&w, t, stuck, ret);

	if (!r && w.loop.py.tasks.is_queued_bare)
		r = py_trio_waiting__find(&w, &trio_frame);
	if (!r && !w.loop.py.ready)
		r = -ENOENT;
	if (r)
		return r;
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < MAX_TRIES; i++) {
		py_pages__forget(w.pages);
		r = read_once(&w, trio_frame);
	}
	/* No task was found in the part that was read; the rest is unknown. */
	return !r && !ret->n && ret->is_cut ? -ENOTSUP : r;
}
