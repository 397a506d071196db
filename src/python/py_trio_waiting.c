/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trio takes all tasks out of its queue at once: those that still wait for their turn are in a list
 * of the scheduler's, a local variable. Those that became ready since are in the queue again, and
 * sleepers are the tasks in a scope that is past its deadline. The kernel side
 * (bpf/queue/trio.bpf.c) decides in the same way who waits.
 *
 * Sources: trio/_core/_run.py (unrolled_run, Runner, Task, Deadlines, CancelScope, CancelStatus) of
 * 0.22 and 0.34; cpython Include/cpython/setobject.h.
 */
#include "python/py_trio_waiting.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "python/addr_map.h"
#include "python/py_trio.h"

/* of a set, behind its head */
#define SET_USED 8
#define SET_MASK 16
#define SET_TABLE 24
#define SET_SMALL 8 /* slots of one that has few members; larger ones are not looked at */
#define ENTRY_ITEMS 3 /* of the heap: deadline, number, scope */

struct list {
	uint64_t n, items;
};

/* What stands still while the loop is stuck. Words only: it is compared as a whole. */
struct scene {
	uint64_t task, batch; /* local variables */
	struct list batched, deadlines;
	struct py_deque ready;
};

struct reader {
	struct py_waiting *w;
	struct scene scene;
	struct addr_map seen; /* tasks: one that is found twice waits once */
};

int py_trio_waiting__find(struct py_waiting *w, uint64_t *ret_frame)
{
	struct py_trio trio = { 0 };
	uint64_t runner;
	int r = w->stuck->tstate ? py_trio__find(w->t, &trio) : -ENOENT;

	if (!r)
		r = py_trio__loop_frame(w->t, &trio, w->stuck->tstate, ret_frame, &runner);
	if (r)
		return r;
	w->loop = (struct ls_loop){ 0 };
	py_trio__resolve(w->t, runner, &w->loop);
	return w->loop.py.ready ? 0 : -ENOENT;
}

static uint64_t local(struct py_waiting *w, uint64_t frame, uint16_t offset)
{
	return py_waiting__field(w, frame, offset) & ~(uint64_t)w->t->proc.py.at.tag_mask;
}

static struct list list_at(struct py_waiting *w, uint64_t object)
{
	const struct ls_pyoffsets *py = &w->t->proc.py.at;

	return (struct list){ py_waiting__field(w, object, py->ob_size),
			      py_waiting__field(w, object, py->list_items) };
}

static struct scene scene_of(struct py_waiting *w, uint64_t frame)
{
	const struct ls_pytasks *tasks = &w->loop.py.tasks;
	struct scene scene = { .task = local(w, frame, tasks->task_local),
			       .batch = local(w, frame, tasks->batch_local),
			       .ready = py_waiting__ready(w) };

	scene.batched = list_at(w, scene.batch);
	scene.deadlines = list_at(w, py_waiting__word(w, tasks->deadlines));
	return scene;
}

static uint64_t attribute(struct reader *r, uint64_t task, uint16_t offset)
{
	return py_waiting__field(r->w, task, offset);
}

static bool is_task(struct reader *r, uint64_t object)
{
	return object &&
		attribute(r, object, r->w->t->proc.py.at.ob_type) == r->w->loop.py.tasks.type;
}

/* 1, 0 for one that was seen before, or -errno. */
static int see_task(struct reader *r, uint64_t task)
{
	uint64_t value;
	int code;

	if (addr_map__get(&r->seen, task, &value))
		return 0;
	/* trio makes no tasks of other classes. */
	if (!is_task(r, task))
		return -EAGAIN;
	code = addr_map__add(&r->seen, task, 1);
	return code ? code : 1;
}

/* A task in the queue: since when is not known. */
static int add_ready(struct reader *r, uint64_t task)
{
	int code = see_task(r, task);

	if (code <= 0)
		return code;
	py_waiting__add(r->w, attribute(r, task, r->w->loop.py.tasks.name));
	r->w->found->n_ready++;
	return 0;
}

static int add_since(struct reader *r, uint64_t task, uint64_t since_ns)
{
	int code = see_task(r, task);

	if (code <= 0)
		return code;
	py_waiting__add_since(r->w, attribute(r, task, r->w->loop.py.tasks.name), since_ns);
	return 0;
}

/* trio keeps what a task is resumed with from when it becomes ready until its turn begins. */
static bool is_scheduled(struct reader *r, uint64_t task)
{
	const struct ls_pytasks *tasks = &r->w->loop.py.tasks;
	const uint64_t next_send = attribute(r, task, tasks->next_send);

	return next_send && next_send != tasks->none;
}

/*
 * The task at hand: in a step it is the one that runs. Between two steps its turn has just ended,
 * or is about to begin and it is in no queue any more.
 */
static int visit_task(struct reader *r)
{
	const uint64_t task = r->scene.task;

	if (r->w->stuck->coro)
		return is_task(r, task) &&
				attribute(r, task, r->w->loop.py.tasks.coro) == r->w->stuck->coro ?
			addr_map__add(&r->seen, task, 1) :
			-EAGAIN;
	return is_task(r, task) && is_scheduled(r, task) ? add_ready(r, task) : 0;
}

static int visit_ready(struct reader *r)
{
	struct py_deque ready = r->scene.ready;
	const size_t n = py_waiting__limit(r->w, ready.n);
	int code = 0;

	for (size_t i = 0; !code && i < n; i++)
		code = add_ready(r, py_waiting__next(r->w, &ready));
	return code;
}

static bool is_list(struct reader *r, uint64_t object)
{
	return py_types__kind(&r->w->types, object) == PY_LIST;
}

/* They left the queue before any step of this turn began. */
static int visit_batch(struct reader *r)
{
	const bool is_step = r->w->stuck->coro;
	size_t n;
	int code = 0;

	/* Nothing is assigned to it before the first turn. */
	if (!r->scene.batch && !is_step)
		return 0;
	if (!is_list(r, r->scene.batch))
		return -EAGAIN;
	n = py_waiting__limit(r->w, r->scene.batched.n);
	for (size_t i = 0; !code && i < n; i++) {
		const uint64_t task = py_waiting__word(r->w, r->scene.batched.items + 8 * i);

		code = is_step ? add_since(r, task, r->w->stuck->start_ns) : add_ready(r, task);
	}
	return code;
}

static int visit_set(struct reader *r, uint64_t set, uint64_t when_ns)
{
	struct {
		uint64_t task, hash;
	} slots[SET_SMALL];
	const uint64_t head = set + r->w->t->proc.py.at.ob_head;
	int code = py_pages__read(r->w->pages, py_waiting__word(r->w, head + SET_TABLE), slots,
				  sizeof(slots)) ?
		-EAGAIN :
		0;

	if (py_waiting__word(r->w, head + SET_MASK) >= SET_SMALL)
		r->w->found->is_cut = true;
	/* A removed member leaves a marker with hash -1. */
	for (size_t i = 0; !code && i < SET_SMALL; i++)
		if (slots[i].task && slots[i].hash != UINT64_MAX && !is_scheduled(r, slots[i].task))
			code = add_since(r, slots[i].task, when_ns);
	return code;
}

static bool is_set(struct reader *r, uint64_t object)
{
	const struct py_type *type = py_types__of(&r->w->types, object);

	return type && !strcmp(type->name, "set");
}

/*
 * The tasks that wait in a scope since its deadline. Those in scopes inside it are not looked at.
 */
static int visit_scope(struct reader *r, uint64_t scope, uint64_t when_ns)
{
	const struct ls_pytasks *tasks = &r->w->loop.py.tasks;
	const uint64_t status = attribute(r, scope, tasks->scope_status),
		       set = attribute(r, status, tasks->status_tasks),
		       children = attribute(r, status, tasks->status_children);

	if (!is_set(r, set) || !is_set(r, children))
		return -EAGAIN;
	if (attribute(r, children, r->w->t->proc.py.at.ob_head + SET_USED))
		r->w->found->is_cut = true;
	return visit_set(r, set, when_ns);
}

/* A time of trio's clock as one of the kernel's; 0: not within this stall. */
static uint64_t due_ns(struct reader *r, uint64_t deadline_bits)
{
	const uint64_t offset_ns = r->w->loop.py.tasks.clock_offset_ns,
		       now_ns = r->w->stuck->now_ns + offset_ns;
	double seconds;
	uint64_t ns;

	memcpy(&seconds, &deadline_bits, sizeof(seconds));
	if (!(seconds > 0) || seconds * (double)NS_PER_S >= (double)now_ns)
		return 0;
	ns = (uint64_t)(seconds * (double)NS_PER_S);
	return ns > offset_ns ? ns - offset_ns : 0;
}

/* A scope that was left, or moved, stays in the heap. */
static int visit_deadline(struct reader *r, uint64_t entry)
{
	const struct ls_pyoffsets *py = &r->w->t->proc.py.at;
	const struct ls_pytasks *tasks = &r->w->loop.py.tasks;
	uint64_t items[ENTRY_ITEMS], bits, when_ns;

	if (py_types__kind(&r->w->types, entry) != PY_TUPLE ||
	    py_pages__read(r->w->pages, entry + py->tuple_items, items, sizeof(items)))
		return -EAGAIN;
	bits = attribute(r, items[0], py->float_value);
	when_ns = due_ns(r, bits);
	if (!when_ns ||
	    attribute(r, attribute(r, items[2], tasks->scope_deadline), py->float_value) != bits)
		return 0;
	return visit_scope(r, items[2], when_ns);
}

static int visit_deadlines(struct reader *r)
{
	const uint64_t pointer = r->w->loop.py.tasks.deadlines;
	size_t n;
	int code = 0;

	/* A clock of the program's, which may show any time. */
	if (!pointer) {
		r->w->found->is_cut = true;
		return 0;
	}
	if (!is_list(r, py_waiting__word(r->w, pointer)))
		return -EAGAIN;
	n = py_waiting__limit(r->w, r->scene.deadlines.n);
	for (size_t i = 0; !code && i < n; i++)
		code = visit_deadline(r, py_waiting__word(r->w, r->scene.deadlines.items + 8 * i));
	return code;
}

static void reader__done(struct reader *r)
{
	addr_map__done(&r->seen);
}

int py_trio_waiting__read(struct py_waiting *w, uint64_t frame)
{
	_cleanup_(reader__done) struct reader r = { .w = w, .scene = scene_of(w, frame) };
	struct scene after;
	int code = visit_task(&r);

	if (!code)
		code = visit_ready(&r);
	if (!code)
		code = visit_batch(&r);
	if (!code)
		code = visit_deadlines(&r);
	if (code)
		return code;
	py_pages__forget(w->pages);
	after = scene_of(w, frame);
	return memcmp(&r.scene, &after, sizeof(after)) ? -EAGAIN : 0;
}
