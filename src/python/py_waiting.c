/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tasks wait for a loop that is stuck: those of the handles in its ready queue, and those
 * that sleep on a timer which is due. Only other threads change the queue meanwhile. The kernel
 * side (bpf/queue/asyncio.bpf.c, libuv.bpf.c) decides in the same way which handle belongs to which
 * task.
 */
#include <errno.h>
#include <string.h>

#include <loopstall/uv.h>

#include "base/time.h"
#include "python/py_memory.h"
#include "python/py_names.h"
#include "python/py_pages.h"
#include "python/py_types.h"
#include "python/python.h"

#define MAX_HANDLES 1024 /* of each queue */
#define MAX_TRIES 3

struct reader {
	const struct target *t;
	const struct target_stuck *stuck;
	const struct ls_loop *loop; /* of `stuck` */
	struct py_pages *pages;
	struct py_types types;
	struct target_waiting *found;
};

/* 0 if it cannot be read, as for a NULL pointer. */
static uint64_t word_at(struct reader *r, uint64_t addr)
{
	uint64_t word;

	return addr && !py_pages__read(r->pages, addr, &word, sizeof(word)) ? word : 0;
}

static uint64_t field(struct reader *r, uint64_t object, uint16_t offset)
{
	return object ? word_at(r, object + offset) : 0;
}

/* The task that a callback steps, 0 if it is some other callback. */
static uint64_t c_task_of(struct reader *r, uint64_t callback)
{
	const struct ls_pyproc *proc = &r->t->proc.py;
	const struct ls_pyoffsets *py = &proc->at;
	const uint64_t call = field(r, field(r, callback, py->ob_type), py->tp_call);
	uint64_t def;

	if (call && (call == proc->step_call || call == proc->wakeup_call))
		return field(r, callback, py->wrapper_task);
	def = field(r, callback, py->cfunction_def);
	if (!def || !proc->wakeup_call || field(r, def, py->methoddef_func) != proc->wakeup_call)
		return 0;
	return field(r, callback, py->cfunction_self);
}

static uint64_t python_task_of(struct reader *r, uint64_t callback)
{
	const struct ls_pytasks *tasks = &r->loop->py.tasks;
	const uint16_t head = r->t->proc.py.at.ob_head;
	const uint64_t function = tasks->step ? field(r, callback, head) : 0;

	return function && (function == tasks->step || function == tasks->wakeup) ?
		word_at(r, callback + head + sizeof(uint64_t)) :
		0;
}

static uint64_t task_of(struct reader *r, uint64_t callback)
{
	const uint64_t task = callback ? c_task_of(r, callback) : 0;

	return task || !callback ? task : python_task_of(r, callback);
}

/*
 * The timer of asyncio.sleep() sets a future that the task waits for: the first of the arguments at
 * `args`.
 */
static uint64_t sleeper_of(struct reader *r, uint64_t handle, uint16_t args)
{
	const struct ls_pyoffsets *py = &r->t->proc.py.at;
	const uint64_t future = field(r, field(r, handle, args), py->tuple_items);

	return task_of(r, field(r, future, py->task_callback0));
}

/* False: it is none. */
static bool add_task(struct reader *r, uint64_t task)
{
	struct target_waiting *w = r->found;
	struct ls_pystr *name = &w->names[w->n_names];
	const enum py_kind kind = task ? py_types__kind(&r->types, task) : PY_OTHER;
	uint64_t object = 0;

	if (kind != PY_TASK && kind != PY_PYTASK)
		return false;
	w->n++;
	if (w->n_names == TARGET_WAITING_NAMES)
		return true;
	if (kind == PY_TASK)
		object = field(r, task, r->t->proc.py.at.task_name);
	else if (py_attribute(r->t, task, "_name", &object))
		object = 0;
	py_name__copy(&r->types, object, name);
	w->n_names += name->kind != LS_NO_NAME;
	return true;
}

/* What is known of a deque without its items. */
struct deque {
	uint64_t n, block, index;
};

static struct deque deque_of(struct reader *r)
{
	const struct ls_pyoffsets *py = &r->t->proc.py.at;
	const uint64_t ready = r->loop->py.ready;

	return (struct deque){ field(r, ready, py->ob_size), field(r, ready, py->deque_leftblock),
			       field(r, ready, py->deque_leftindex) };
}

static size_t limit(struct reader *r, uint64_t n)
{
	if (n <= MAX_HANDLES)
		return (size_t)n;
	r->found->is_cut = true;
	return MAX_HANDLES;
}

static int visit_ready(struct reader *r, struct deque at)
{
	const struct ls_pyoffsets *py = &r->t->proc.py.at;
	const size_t n = limit(r, at.n);

	for (size_t i = 0; i < n; i++, at.index++) {
		uint64_t handle, task;

		if (at.index >= LS_PY_DEQUE_BLOCK_ITEMS) {
			at.block = field(r, at.block, py->deque_block_next);
			at.index = 0;
		}
		handle = at.block ? word_at(r, at.block + py->deque_block_data + 8 * at.index) : 0;
		if (!handle)
			return -EAGAIN;
		task = task_of(r, field(r, handle, r->loop->py.handle_callback));
		r->found->n_ready +=
			add_task(r, task ? task : sleeper_of(r, handle, py->handle_args));
	}
	return 0;
}

/* A task that sleeps until `when_ns`. */
static void add_sleeper(struct reader *r, uint64_t task, uint64_t when_ns)
{
	const uint64_t start_ns = r->stuck->start_ns;

	if (add_task(r, task))
		r->found->due_ns += r->stuck->now_ns - (when_ns > start_ns ? when_ns : start_ns);
}

/* When a timer is due; 0: not within this stall. */
static uint64_t due_ns(struct reader *r, uint64_t handle)
{
	const struct ls_pyoffsets *py = &r->t->proc.py.at;
	const uint64_t bits = field(r, field(r, handle, py->timer_when), py->float_value);
	double seconds;

	memcpy(&seconds, &bits, sizeof(seconds));
	if (!(seconds > 0) || seconds * (double)NS_PER_S >= (double)r->stuck->now_ns)
		return 0;
	return (uint64_t)(seconds * (double)NS_PER_S);
}

static void visit_timers(struct reader *r)
{
	const struct ls_pyoffsets *py = &r->t->proc.py.at;
	const uint64_t heap = r->loop->py.scheduled, items = field(r, heap, py->list_items);
	const size_t n = limit(r, field(r, heap, py->ob_size));

	for (size_t i = 0; items && i < n; i++) {
		const uint64_t handle = word_at(r, items + 8 * i),
			       when_ns = handle ? due_ns(r, handle) : 0;

		if (when_ns)
			add_sleeper(r, sleeper_of(r, handle, py->handle_args), when_ns);
	}
}

/* uvloop's TimerHandle of a timer of libuv is what its data leads to. */
static void visit_uv_timer(struct reader *r, uint64_t timer)
{
	const struct ls_pyloop *py = &r->loop->py;
	const uint64_t when_ms = word_at(r, timer + LS_UV_TIMER_TIMEOUT),
		       handle =
			       field(r, word_at(r, timer + LS_UV_TIMER_DATA), py->uv_timer_context);

	if (when_ms && when_ms < r->stuck->now_ns / NS_PER_MS)
		add_sleeper(r, sleeper_of(r, handle, py->uv_timer_args), when_ms * NS_PER_MS);
}

/*
 * libuv's heap is a complete binary tree: the bits of a node's number, counted from 1, behind the
 * highest one are the way to it from the root.
 */
static void visit_uv_timers(struct reader *r)
{
	const uint64_t heap = r->loop->py.uv_timers, root = word_at(r, heap);
	const size_t n = root ? limit(r, (uint32_t)word_at(r, heap + LS_UV_HEAP_NODES)) : 0;

	for (size_t number = 1; number <= n; number++) {
		uint64_t node = root;

		for (int bit = 62 - __builtin_clzll(number); node && bit >= 0; bit--)
			node = word_at(
				r, node + (number >> bit & 1 ? LS_UV_NODE_RIGHT : LS_UV_NODE_LEFT));
		if (node)
			visit_uv_timer(r, node - LS_UV_TIMER_NODE);
	}
}

/* -EAGAIN if the queue changed meanwhile. */
static int read_once(struct reader *r)
{
	const struct deque before = deque_of(r);
	struct deque after;
	int code;

	*r->found = (struct target_waiting){ 0 };
	code = visit_ready(r, before);
	if (code)
		return code;
	if (r->loop->py.scheduled)
		visit_timers(r);
	else if (r->loop->py.uv_timers)
		visit_uv_timers(r);
	py_pages__forget(r->pages);
	after = deque_of(r);
	return memcmp(&before, &after, sizeof(before)) ? -EAGAIN : py_pages__error(r->pages);
}

int py_waiting(const struct target *t, const struct target_stuck *stuck, struct target_waiting *ret)
{
	const struct ls_loop *loop = stuck->loop;
	struct reader r = {
		.t = t, .stuck = stuck, .loop = loop, .types = { .t = t }, .found = ret
	};
	int code;

	if (loop->py.tasks.is_queued_bare)
		return -ENOTSUP;
	code = loop->py.ready ? py_pages__new(&r.pages, t) : -ENOENT;
	if (code)
		return code;
	r.types.pages = r.pages;
	code = -EAGAIN;
	for (int i = 0; code == -EAGAIN && i < MAX_TRIES; i++)
		code = read_once(&r);
	py_pages__free(r.pages);
	/* No task was found in the part that was read; the rest is unknown. */
	return !code && !ret->n && ret->is_cut ? -ENOTSUP : code;
}
