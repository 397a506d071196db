/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads that the interpreter knows, and which of them holds the GIL. Sources: cpython
 * Include/cpython/pystate.h, Python/ceval_gil.c, Lib/threading.py (_active: thread id -> Thread).
 */
#include <errno.h>

#include "base/cleanup.h"
#include "process/procfs.h"
#include "python/py_memory.h"
#include "python/py_names.h"
#include "python/py_tids.h"
#include "python/py_tstates.h"
#include "python/python.h"

#define HOLDER_TRIES 4

/* Context of on_active(). */
struct naming {
	const struct target *t;
	struct py_types *types;
	struct target_thread *threads;
	const uint64_t *idents; /* what threading calls each of them */
	size_t n;
};

static int on_active(void *ctx, uint64_t key, uint64_t value)
{
	struct naming *naming = ctx;
	uint64_t ident, name;

	if (py_int_value(naming->t, key, &ident))
		return 0;
	for (size_t i = 0; i < naming->n; i++)
		if (naming->idents[i] == ident && !py_attribute(naming->t, value, "_name", &name))
			py_name__read(naming->types, name, naming->threads[i].name,
				      sizeof(naming->threads[i].name));
	return 0;
}

/*
 * There are no names if the program has not imported threading, or changes the dict at this moment.
 */
static int name_threads(const struct target *t, struct target_thread *threads,
			const uint64_t *idents, size_t n)
{
	_cleanup_(py_pages__freep) struct py_pages *pages = NULL;
	struct py_types types = { .t = t };
	struct naming naming = { t, &types, threads, idents, n };
	uint64_t active;

	if (py_pages__new(&pages, t))
		return -ENOMEM;
	types.pages = pages;
	if (!py_module_attribute(t, "threading", "_active", &active))
		py_dict_each(t, active, on_active, &naming);
	return 0;
}

static bool is_wanted(const struct target_threads *list, uint64_t tstate)
{
	for (size_t i = 0; i < list->n_wanted; i++)
		if (list->wanted[i] == tstate)
			return true;
	return false;
}

/* Where a thread goes: behind the others, or in place of one that is not wanted; `max`: nowhere. */
static size_t place_of(const struct target_threads *list, uint64_t tstate)
{
	size_t i = list->n;

	if (i < list->max || !is_wanted(list, tstate))
		return i;
	while (i > 0 && is_wanted(list, list->threads[i - 1].tstate))
		i--;
	return i ? i - 1 : list->max;
}

static int list_threads(const struct target *t, const struct tid_map *tids,
			struct target_threads *list, uint64_t *idents)
{
	struct py_tstates walk = { .t = t };
	uint64_t tstate;
	pid_t tid;
	size_t at;
	int r = 0;

	list->n = 0;
	list->has_more = false;
	while (!r && (tstate = py_tstates__next(&walk))) {
		at = place_of(list, tstate);
		list->has_more |= list->n == list->max;
		if (at >= list->max)
			continue;
		list->n += at == list->n;
		tid = tid_map__of_thread(tids, t, tstate);
		list->threads[at] = (struct target_thread){ .tstate = tstate, .tid = tid };
		r = tid < 0 ? tid :
			      py_read_u64(t, tstate + t->proc.py.at.tstate_thread_id, &idents[at]);
	}
	return r ? r : walk.error;
}

int py_threads(const struct target *t, struct target_threads *list)
{
	_cleanup_(tid_map__done) struct tid_map tids = { 0 };
	_cleanup_free_ uint64_t *idents = NULL;
	int r = tid_map__read(&tids, t);

	if (r || !py_target(t)->interp)
		return r;
	idents = calloc(list->max + 1, sizeof(*idents));
	if (!idents)
		return -ENOMEM;
	r = list_threads(t, &tids, list, idents);
	/* The list changed while it was read: once more. */
	if (r == -EFAULT)
		r = list_threads(t, &tids, list, idents);
	return r ? r : name_threads(t, list->threads, idents, list->n);
}

/* Of what the kernel side identifies a thread by, in its state. */
static uint16_t place_of_id(const struct ls_pyoffsets *py)
{
	return py->tstate_native_id != LS_PY_NONE ? py->tstate_native_id : py->tstate_thread_id;
}

/* Context of on_active_one(). */
struct naming_one {
	struct py_types *types;
	uint64_t ident;
	char *buf;
	size_t size;
};

static int on_active_one(void *ctx, uint64_t key, uint64_t value)
{
	struct naming_one *one = ctx;
	uint64_t ident, name;

	if (py_int_value(one->types->t, key, &ident) || ident != one->ident)
		return 0;
	if (!py_attribute(one->types->t, value, "_name", &name))
		py_name__read(one->types, name, one->buf, one->size);
	return 1;
}

/* The kernel's name of a thread that is none of the threading module's. */
static int read_comm(const struct target *t, uint64_t tstate, char *buf, size_t size)
{
	_cleanup_(tid_map__done) struct tid_map tids = { 0 };
	int r = tid_map__read(&tids, t);
	pid_t tid;

	if (r)
		return r;
	tid = tid_map__of_thread(&tids, t, tstate);
	if (tid <= 0)
		return tid ? tid : -ENOENT;
	return proc_thread_comm(t->pid, tid, buf, size);
}

/* The state of the thread that has this id in its own pid namespace, 0 if there is none. */
static uint64_t tstate_of(const struct target *t, uint64_t native_id)
{
	struct py_tstates walk = { .t = t };
	uint64_t tstate, id;

	while ((tstate = py_tstates__next(&walk)))
		if (!py_native_id(t, tstate, &id) && id == native_id)
			return tstate;
	return 0;
}

/* Of a thread that is known by the kernel's id alone, as the process itself sees it. */
static int name_by_id(const struct target *t, uint64_t id, char *buf, size_t size)
{
	_cleanup_(tid_map__done) struct tid_map tids = { 0 };
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t tstate, key;
	pid_t tid;
	int r = tid_map__read(&tids, t);

	if (r)
		return r;
	tid = tid_map__translate(&tids, t, id);
	if (tid <= 0)
		return tid ? tid : -ENOENT;
	tstate = py_target(t)->interp ? tstate_of(t, id) : 0;
	if (tstate && !py_read_u64(t, tstate + place_of_id(py), &key) &&
	    !py_thread_name(t, tstate, key, buf, size))
		return 0;
	return proc_thread_comm(t->pid, tid, buf, size);
}

int py_thread_name(const struct target *t, uint64_t tstate, uint64_t id, char *buf, size_t size)
{
	_cleanup_(py_pages__freep) struct py_pages *pages = NULL;
	const struct ls_pyoffsets *py = &t->proc.py.at;
	struct py_types types = { .t = t };
	struct naming_one one = { .types = &types, .buf = buf, .size = size };
	uint64_t active, now;
	int r;

	if (!tstate)
		return name_by_id(t, id, buf, size);
	if (py_pages__new(&pages, t))
		return -ENOMEM;
	types.pages = pages;
	r = py_read_u64(t, tstate + place_of_id(py), &now);
	if (!r)
		r = py_read_u64(t, tstate + py->tstate_thread_id, &one.ident);
	if (r || now != id)
		return r == -ESRCH ? r : -ENOENT;
	*buf = 0;
	if (!py_module_attribute(t, "threading", "_active", &active))
		py_dict_each(t, active, on_active_one, &one);
	return *buf ? 0 : read_comm(t, tstate, buf, size);
}

int py_lock_holder(const struct target *t, uint64_t *ret_tstate)
{
	const uint64_t gil = t->proc.py.gil;
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t holder, again;
	uint32_t is_locked;

	if (!gil || t->proc.py.is_free_threaded)
		return -ENOENT;
	/* The holder is written after the lock is taken and stays when it is released. */
	for (int i = 0; i < HOLDER_TRIES; i++) {
		int r = py_read_u64(t, gil + py->gil_last_holder, &holder);

		if (!r)
			r = py_read_u32(t, gil + py->gil_locked, &is_locked);
		if (!r)
			r = py_read_u64(t, gil + py->gil_last_holder, &again);
		if (r)
			return r;
		if (holder == again)
			break;
	}
	*ret_tstate = is_locked == 1 ? again : 0;
	return 0;
}

bool py_is_lock_wait(const struct target *t, uint64_t addr)
{
	const struct ls_proc *proc = &t->proc;

	return proc->py.gil && addr >= proc->py.gil + proc->py.at.gil_cond &&
		addr < proc->py.gil + proc->py.at.gil_end;
}
