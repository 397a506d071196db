/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list in the order of arrival and a hash table by pid.
 */
#include "session/watches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

/* Ended children that are kept. What is older stays in the model as numbers. */
#define MAX_DEAD 64

static bool passes(const struct watch *w, enum watch_filter filter)
{
	switch (filter) {
	case WATCH_ALIVE:
		return !w->is_gone;
	case WATCH_EXAMINED:
		return !w->is_gone && w->target;
	case WATCH_SHOWN:
		return watch__is_shown(w);
	default:
		return true;
	}
}

struct watch *watches__next(const struct watches *ws, size_t *i, enum watch_filter filter)
{
	while (*i < ws->n) {
		struct watch *w = ws->list[(*i)++];

		if (passes(w, filter))
			return w;
	}
	return NULL;
}

struct watch *watches__find(const struct watches *ws, pid_t pid)
{
	struct watch *w;

	HASH_FIND(hh, ws->by_pid, &pid, sizeof(pid), w);
	return w;
}

struct watch *watches__first(const struct watches *ws)
{
	return ws->n > 0 ? ws->list[0] : NULL;
}

const struct target *watches__relative(const struct watches *ws)
{
	const struct watch *w;

	WATCHES_EACH(ws, WATCH_ALL, w)
	if (w->target)
		return w->target;
	return NULL;
}

static void watch__freep(struct watch **w)
{
	if (!*w)
		return;
	watch__done(*w);
	free(*w);
}

/* A pid may be reused: the table has the newest process, the list has both. */
static int index_by_pid(struct watches *ws, struct watch *w)
{
	struct watch *before = watches__find(ws, w->pid);

	if (before)
		HASH_DEL(ws->by_pid, before);
	HASH_ADD(hh, ws->by_pid, pid, sizeof(w->pid), w);
	return w->hh.tbl ? 0 : -ENOMEM;
}

void watches__drop(struct watches *ws, struct watch *w)
{
	if (watches__find(ws, w->pid) == w)
		HASH_DEL(ws->by_pid, w);
	w->is_dropped = true;
	w->is_gone = true;
	w->examine_due_ns = UINT64_MAX;
	ws->has_dropped = true;
}

static bool is_dead_child(const struct watch *w)
{
	return w->is_gone && !w->is_dropped && w->is_unconfirmed;
}

static bool drop_a_dead_child(struct watches *ws)
{
	struct watch *w;

	WATCHES_EACH(ws, WATCH_ALL, w)
	{
		if (!is_dead_child(w))
			continue;
		watches__drop(ws, w);
		return true;
	}
	return false;
}

void watches__limit_dead(struct watches *ws)
{
	const struct watch *w;
	size_t n = 0;

	WATCHES_EACH(ws, WATCH_ALL, w)
	n += is_dead_child(w);
	if (n > MAX_DEAD)
		drop_a_dead_child(ws);
}

int watches__add(struct watches *ws, pid_t pid, pid_t parent, uint64_t now_ns,
		 struct watch **ret_watch, struct err *err)
{
	_cleanup_(watch__freep) struct watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err__set(err, -ENOMEM, "out of memory");
	w->end.fd = -1;
	/* The kernel side counts those for which there is no room. */
	if (ws->n >= LS_MAX_PROCS && !drop_a_dead_child(ws))
		return err__set(err, -E2BIG, "more than %d processes to watch", LS_MAX_PROCS);
	r = watch__init(w, ws->process, pid, now_ns, err);
	if (r < 0)
		return r;
	w->parent = parent;
	w->is_unconfirmed = parent != 0;
	r = ARRAY_RESERVE(ws->list, ws->size, ws->n + 1);
	if (r == 0)
		r = index_by_pid(ws, w);
	if (r < 0)
		return err__set(err, r, "cannot watch process %d: %s", pid, strerror(-r));
	*ret_watch = w;
	ws->list[ws->n++] = TAKE_PTR(w);
	return 0;
}

void watches__sweep(struct watches *ws)
{
	size_t n = 0;

	if (!ws->has_dropped)
		return;
	for (size_t i = 0; i < ws->n; i++) {
		if (ws->list[i]->is_dropped)
			watch__freep(&ws->list[i]);
		else
			ws->list[n++] = ws->list[i];
	}
	ws->n = n;
	ws->has_dropped = false;
}

void watches__done(struct watches *ws)
{
	HASH_CLEAR(hh, ws->by_pid);
	for (size_t i = 0; i < ws->n; i++)
		watch__freep(&ws->list[i]);
	free(ws->list);
}
