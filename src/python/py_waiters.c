/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A task that awaits another one has it as its fut_waiter. All other ways are callbacks of the task
 * that is waited for (cpython: Lib/asyncio, Modules/_asynciomodule.c):
 *
 *   - gather, shield: a function with the outer future in its closure (tasks.py: _done_callback)
 *   - wait: a function with the future `waiter` in its closure (tasks.py: _on_completion)
 *   - wait_for, 3.8 to 3.11: functools.partial(_release_waiter, waiter) (tasks.py)
 *   - as_completed: a function with a Queue in its closure (3.8 to 3.12), or a method of an
 *     iterator that has one (3.13) (tasks.py)
 *   - TaskGroup: a method of the group, which knows its _parent_task (taskgroups.py)
 *   - a second waiter: task_wakeup of the task that waits (_asynciomodule.c)
 *
 * Another future can be waited for in the same ways (wait_for(gather(...))). Futures in other
 * places, such as gather's list of children, are not read: they are waited for, they do not wait.
 */
#include "python/py_waiters.h"

#include "python/py_memory.h"

#define MAX_DEPTH 8 /* futures that wait for futures */
#define MAX_CALLBACKS 32 /* looked at for one future */
#define MAX_VALUES 16 /* cells of a closure, arguments of a partial */
/* behind fut_callback0: its context, then the list of further (callback, context) */
#define CALLBACKS_LIST 16
/* Behind the object's head */
#define PARTIAL_ARGS 8
#define METHOD_SELF 8
#define OLD_CLOSURE 32 /* func_closure, 3.8 and 3.9 */
#define CLOSURE 56
#define CALLBACK_BYTES 96
#define FUTURE_BYTES 96 /* of any build, up to the list of its callbacks */
#define GROUP_ATTRIBUTES 10 /* TaskGroup.__init__ */
#define DEQUE_MID 31 /* (BLOCKLEN - 1) / 2, Modules/_collectionsmodule.c */

static uint64_t by_future(struct py_waiters *w, uint64_t future, int depth);

void py_waiters__done(struct py_waiters *w)
{
	addr_map__done(&w->tasks);
	addr_map__done(&w->futures);
	addr_map__done(&w->seen);
}

int py_waiters__reserve(struct py_waiters *w, size_t n)
{
	int r = addr_map__reserve(&w->tasks, n);

	return r ? r : addr_map__reserve(&w->futures, n);
}

int py_waiters__add(struct py_waiters *w, uint64_t task, uint64_t fut_waiter)
{
	int r = addr_map__add(&w->tasks, task, task);

	return r ? r : addr_map__add(&w->futures, fut_waiter, task);
}

static uint64_t known_task(const struct py_waiters *w, uint64_t task)
{
	uint64_t value;

	return addr_map__get(&w->tasks, task, &value) ? task : 0;
}

static uint64_t word_at(struct py_waiters *w, uint64_t addr)
{
	uint64_t value;

	return py_pages__read(w->types->pages, addr, &value, sizeof(value)) ? 0 : value;
}

/* Items of a tuple or list, at most `max`; 0 if it is none. */
static size_t read_items(struct py_waiters *w, uint64_t object, enum py_kind kind, uint64_t *items,
			 size_t max)
{
	const struct ls_pyoffsets *py = &w->types->t->proc.py.at;
	uint64_t n, from = object + py->tuple_items;

	if (py_types__kind(w->types, object) != kind)
		return 0;
	n = word_at(w, object + py->ob_size);
	if (n > max)
		n = max;
	if (kind == PY_LIST)
		from = word_at(w, object + py->list_items);
	return n && !py_pages__read(w->types->pages, from, items, n * sizeof(*items)) ? n : 0;
}

/* The task that get()s from an asyncio.Queue: the first future in its deque `_getters`. */
static uint64_t by_queue(struct py_waiters *w, uint64_t queue, int depth)
{
	const struct ls_pyoffsets *py = &w->types->t->proc.py.at;
	uint64_t getters, block, index;

	if (py_attribute(w->types->t, queue, "_getters", &getters) ||
	    !word_at(w, getters + py->ob_size))
		return 0;
	block = word_at(w, getters + py->deque_leftblock);
	index = word_at(w, getters + py->deque_leftindex);
	if (!block || index > 2 * DEQUE_MID + 1)
		return 0;
	return by_future(w, word_at(w, block + py->deque_block_data + 8 * index), depth);
}

/* What a closure or an argument holds. */
static uint64_t by_value(struct py_waiters *w, uint64_t value, int depth)
{
	enum py_kind kind = py_types__kind(w->types, value);

	if (kind == PY_CELL) {
		value = word_at(w, value + w->types->t->proc.py.at.ob_head);
		kind = py_types__kind(w->types, value);
	}
	if (kind == PY_FUTURE)
		return by_future(w, value, depth);
	return kind == PY_QUEUE ? by_queue(w, value, depth) : 0;
}

static uint64_t by_values(struct py_waiters *w, uint64_t tuple, int depth)
{
	uint64_t values[MAX_VALUES], found = 0;
	size_t n = read_items(w, tuple, PY_TUPLE, values, MAX_VALUES);

	for (size_t i = 0; !found && i < n; i++)
		found = by_value(w, values[i], depth);
	return found;
}

/*
 * Where the values of an instance's attributes begin, 0 if it has a dict. From 3.11 on, as there
 * are groups.
 */
static uint64_t attribute_values(struct py_waiters *w, uint64_t object)
{
	const struct ls_pyoffsets *py = &w->types->t->proc.py.at;
	uint64_t word;

	if (py->managed_values)
		return word_at(w, object + (uint64_t)(int64_t)py->managed_values);
	word = word_at(w, object + (uint64_t)(int64_t)py->managed_dict);
	if (py->minor == 12)
		return word & 1 ? word + 1 : 0;
	return word ? 0 :
		      object + word_at(w, word_at(w, object + py->ob_type) + py->tp_basicsize) +
			py->dictvalues_data;
}

/*
 * A group's only attribute that is a task is its _parent_task. There may be one group for each
 * request, and looking up a name takes many reads: only if its attributes do not lie together.
 */
static uint64_t by_group(struct py_waiters *w, uint64_t group)
{
	uint64_t words[GROUP_ATTRIBUTES], values = attribute_values(w, group), parent;

	if (values && !py_pages__read_head(w->types->pages, values, words, sizeof(words)))
		for (size_t i = 0; i < GROUP_ATTRIBUTES; i++)
			if (known_task(w, words[i]))
				return words[i];
	return py_attribute(w->types->t, group, "_parent_task", &parent) ? 0 :
									   known_task(w, parent);
}

/* The object whose method is the callback. */
static uint64_t by_owner(struct py_waiters *w, uint64_t owner, int depth)
{
	uint64_t value, found = 0;

	if (addr_map__get(&w->seen, owner, &found))
		return found;
	switch (py_types__kind(w->types, owner)) {
	case PY_TASK_GROUP:
		found = by_group(w, owner);
		break;
	case PY_AS_COMPLETED:
		if (!py_attribute(w->types->t, owner, "_done", &value))
			found = by_queue(w, value, depth);
		break;
	case PY_PYTASK: /* its __wakeup */
		found = known_task(w, owner);
		break;
	default:
		break;
	}
	addr_map__add(&w->seen, owner, found);
	return found;
}

static bool is_task_wakeup(struct py_waiters *w, const uint8_t *builtin)
{
	const struct ls_proc *proc = &w->types->t->proc;

	return proc->py.wakeup_call &&
		word_at(w,
			py_word(builtin, proc->py.at.cfunction_def) + proc->py.at.methoddef_func) ==
		proc->py.wakeup_call;
}

static uint64_t by_callback(struct py_waiters *w, uint64_t callback, int depth)
{
	const struct ls_pyoffsets *py = &w->types->t->proc.py.at;
	uint8_t object[CALLBACK_BYTES];
	const struct py_type *type;
	uint64_t found = 0;

	if (!callback)
		return 0;
	if (addr_map__get(&w->seen, callback, &found))
		return found;
	if (py_pages__read_head(w->types->pages, callback, object, sizeof(object)))
		return 0;
	type = py_types__at(w->types, py_word(object, py->ob_type));
	switch (type ? type->kind : PY_OTHER) {
	case PY_BUILTIN:
		if (is_task_wakeup(w, object))
			found = known_task(w, py_word(object, py->cfunction_self));
		break;
	case PY_WAKEUP:
		found = known_task(w, py_word(object, py->wrapper_task));
		break;
	case PY_FUNCTION:
		found = by_values(
			w, py_word(object, py->ob_head + (py->minor < 10 ? OLD_CLOSURE : CLOSURE)),
			depth);
		break;
	case PY_PARTIAL:
		found = by_values(w, py_word(object, py->ob_head + PARTIAL_ARGS), depth);
		break;
	case PY_METHOD:
		found = by_owner(w, py_word(object, py->ob_head + METHOD_SELF), depth);
		break;
	default:
		break;
	}
	addr_map__add(&w->seen, callback, found);
	return found;
}

struct py_callbacks py_callbacks_of(const struct ls_pyoffsets *py, const uint8_t *future)
{
	return (struct py_callbacks){
		.first = py_word(future, py->task_callback0),
		.list = py_word(future, py->task_callback0 + CALLBACKS_LIST),
	};
}

static uint64_t by_callbacks(struct py_waiters *w, const struct py_callbacks *callbacks, int depth)
{
	uint64_t found = by_callback(w, callbacks->first, depth), pairs[MAX_CALLBACKS];
	size_t n = found || !callbacks->list ?
		0 :
		read_items(w, callbacks->list, PY_LIST, pairs, MAX_CALLBACKS);

	for (size_t i = 0; !found && i < n; i++) {
		uint64_t callback;

		if (read_items(w, pairs[i], PY_TUPLE, &callback, 1))
			found = by_callback(w, callback, depth);
	}
	return found;
}

static uint64_t by_future(struct py_waiters *w, uint64_t future, int depth)
{
	uint8_t object[FUTURE_BYTES];
	struct py_callbacks callbacks;
	uint64_t found = 0;

	if (addr_map__get(&w->futures, future, &found) || addr_map__get(&w->seen, future, &found))
		return found;
	if (depth >= MAX_DEPTH || py_types__kind(w->types, future) != PY_FUTURE)
		return 0;
	/* Ends a circle: a look-up that leads back to here finds no task. */
	if (addr_map__add(&w->seen, future, 0))
		return 0;
	if (py_pages__read_head(w->types->pages, future, object, sizeof(object)))
		return 0;
	callbacks = py_callbacks_of(&w->types->t->proc.py.at, object);
	found = by_callbacks(w, &callbacks, depth + 1);
	if (found)
		addr_map__add(&w->futures, future, found);
	return found;
}

uint64_t py_waiters__of(struct py_waiters *w, uint64_t task, const struct py_callbacks *callbacks)
{
	uint64_t found = 0;

	if (!addr_map__get(&w->futures, task, &found))
		found = by_callbacks(w, callbacks, 0);
	return found == task ? 0 : found;
}
