/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One watched process: examination at a pace, and the loops seen in it.
 */
#include "app/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MIN_PACE_NS 5000000ULL
#define MAX_PACE_NS 1000000000ULL

uint64_t watch_pace_ns(uint64_t age_ns)
{
	const uint64_t quarter = age_ns / 4;

	if (quarter < MIN_PACE_NS)
		return MIN_PACE_NS;
	return quarter < MAX_PACE_NS ? quarter : MAX_PACE_NS;
}

int watch__init(struct watch *w, pid_t pid, uint64_t now_ns, struct err *err)
{
	*w = (struct watch){ .pid = pid, .born_ns = now_ns, .examine_due_ns = now_ns };
	w->pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (w->pidfd >= 0)
		return 0;
	/* EINVAL: the number is that of a thread, not of a process. */
	if (errno == EINVAL)
		return err__set(err, -EINVAL,
				"%d is a thread, not a process: give the pid of its process", pid);
	if (errno == ESRCH)
		return err__set(err, -ESRCH, "there is no process %d", pid);
	return err__set(err, -errno, "cannot open process %d: %s", pid, strerror(errno));
}

bool watch__has_ended(const struct watch *w)
{
	struct pollfd end = { .fd = w->pidfd, .events = POLLIN };

	return poll(&end, 1, 0) > 0;
}

void watch__done(struct watch *w)
{
	fd_close(&w->pidfd);
	target__free(w->target);
	w->target = NULL;
	free(w->tasks);
	w->tasks = NULL;
}

static size_t count_spots(const struct target *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_modules; i++)
		n += t->modules[i].n_spots;
	return n;
}

/* Whether the kernel side or the symbols would do something else with `new` than with `old`. */
static bool has_news(const struct target *old, const struct target *new)
{
	return !old || old->interp != new->interp || old->has_asyncio != new->has_asyncio ||
		old->has_greenlet != new->has_greenlet || old->has_uvloop != new->has_uvloop ||
		old->rung != new->rung || old->n_modules != new->n_modules ||
		count_spots(old) != count_spots(new) ||
		memcmp(&old->proc, &new->proc, sizeof(old->proc)) != 0;
}

bool watch__is_complete(const struct watch *w)
{
	const struct target *t = w->target;

	return t && t->interp && t->has_asyncio && w->n_loops > 0;
}

int watch__examine(struct watch *w, const struct target_context *context, uint64_t now_ns, struct err *err)
{
	struct target_context own = *context;
	_cleanup_(target__freep) struct target *t = NULL;
	bool is_new = false;
	int r;

	w->examined_ns = now_ns;
	w->examine_due_ns = now_ns + watch_pace_ns(now_ns - w->born_ns);
	if (!w->target || !target__is_current(w->target)) {
		own.relative = w->target ?: context->relative;
		r = target__examine(&t, w->pid, &own, err);
		if (r < 0)
			return r;
		is_new = has_news(w->target, t);
		target__free(w->target);
		w->target = TAKE_PTR(t);
	}
	if (watch__is_complete(w))
		w->examine_due_ns = UINT64_MAX;
	return is_new;
}

void watch__suspect(struct watch *w)
{
	const uint64_t due = w->examined_ns + watch_pace_ns(w->examined_ns - w->born_ns);

	if (due < w->examine_due_ns)
		w->examine_due_ns = due;
}

void watch__reset(struct watch *w, uint64_t now_ns)
{
	target__free(w->target);
	w->target = NULL;
	w->n_loops = 0;
	w->born_ns = now_ns;
	w->examine_due_ns = now_ns;
}

size_t watch__known_loops(const struct watch *w)
{
	return w->n_loops < WATCH_MAX_LOOPS ? w->n_loops : WATCH_MAX_LOOPS;
}

struct watch_loop *watch__loop(struct watch *w, uint64_t loop, pid_t tid)
{
	struct watch_loop *l;

	for (size_t i = 0; i < watch__known_loops(w); i++) {
		l = &w->loops[i];
		if (l->loop == loop && l->tid == tid)
			return l;
	}
	l = &w->loops[w->n_loops++ % WATCH_MAX_LOOPS];
	*l = (struct watch_loop){ .loop = loop, .tid = tid };
	return l;
}

bool watch__is_made(const struct watch *w, pid_t tid)
{
	for (size_t i = 0; i < watch__known_loops(w); i++)
		if (w->loops[i].tid == tid && w->loops[i].is_made)
			return true;
	return false;
}

void watch__set_made(struct watch *w, pid_t tid, bool is_made)
{
	for (size_t i = 0; i < watch__known_loops(w); i++)
		if (w->loops[i].tid == tid)
			w->loops[i].is_made = is_made;
}

bool watch__is_shown(const struct watch *w)
{
	return !w->is_on_trial || w->has_stepped;
}

const char *watch__loop_word(const struct watch *w)
{
	if (w->n_loops == 0)
		return NULL;
	return target_loop_kind_word(w->loops[(w->n_loops - 1) % WATCH_MAX_LOOPS].kind);
}

const char *watch__silence_reason(const struct watch *w)
{
	const struct target *t = w->target;

	if (!t)
		return "the process does not run a CPython yet";
	if (!t->interp)
		return "its interpreter is still starting up";
	if (!t->has_asyncio && w->n_loops == 0)
		return "it has not imported asyncio";
	if (w->n_loops == 0)
		return "no event loop runs in it";
	return "its event loop only waits: no task was resumed";
}
