/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes of a session: those that were asked for, and what they fork. The kernel side watches a child from its first
 * moment; here it is found out what it is. Most children are no Python (a shell, a compiler): they come and go without a word.
 */
#include "app/session_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/log.h"

/* A child that shares its parent's memory executes another program at once, or has no steps of its own. */
#define VFORK_NS 50000000ULL
/* A program that a child executes: what ends sooner need not be looked at. No interpreter is ready to run a step by then. */
#define EXEC_NS 5000000ULL
/* Dead children of which something is kept beside their numbers, which stay in the model. */
#define MAX_DEAD 64
/* What is no CPython this long after its start becomes one only by another exec. */
#define GIVE_UP_NS 1000000000ULL
#define MAX_PASSES 8

struct examinee {
	const struct session *s;
	struct watch *w;
};

/* Whoever was there before us is never stopped: only what runs because we were asked to start it. */
static void hold(void *ctx)
{
	const struct examinee *e = ctx;

	if (e->s->child && !e->s->child->is_reaped && !e->w->is_held)
		e->w->is_held = !kill(e->w->pid, SIGSTOP);
}

int session__examine(struct session *s, struct watch *w, uint64_t now_ns, struct err *err)
{
	struct examinee e = { .s = s, .w = w };
	const struct target_context context = { .relative = session__relative(s), .on_search = hold, .ctx = &e };

	return watch__examine(w, &context, now_ns, err);
}

void session__let_go(struct watch *w)
{
	if (w->is_held)
		kill(w->pid, SIGCONT);
	w->is_held = false;
}

struct watch *session__find(struct session *s, pid_t pid)
{
	struct watch *w;

	HASH_FIND(hh, s->by_pid, &pid, sizeof(pid), w);
	return w;
}

static void watch__freep(struct watch **w)
{
	if (!*w)
		return;
	watch__done(*w);
	free(*w);
}

const struct target *session__relative(const struct session *s)
{
	for (size_t i = 0; i < s->n_watches; i++)
		if (s->watches[i]->target)
			return s->watches[i]->target;
	return NULL;
}

static int make_room(struct session *s)
{
	const size_t size = s->watches_size ? 2 * s->watches_size : 16;
	struct watch **watches;

	if (s->n_watches < s->watches_size)
		return 0;
	watches = reallocarray(s->watches, size, sizeof(*watches));
	if (!watches)
		return -ENOMEM;
	s->watches = watches;
	s->watches_size = size;
	return 0;
}

/* Takes a number that another process had before out of the table; what that one did stays known. */
static int index_by_pid(struct session *s, struct watch *w)
{
	struct watch *before = session__find(s, w->pid);

	if (before)
		HASH_DEL(s->by_pid, before);
	HASH_ADD(hh, s->by_pid, pid, sizeof(w->pid), w);
	return w->hh.tbl ? 0 : -ENOMEM;
}

void session__drop(struct session *s, struct watch *w)
{
	if (session__find(s, w->pid) == w)
		HASH_DEL(s->by_pid, w);
	w->is_dropped = true;
	w->is_gone = true;
	w->examine_due_ns = UINT64_MAX;
	s->has_dropped = true;
}

/* Workers that come and go for days: what the oldest of the dead did stays in the model. */
static bool forget_a_dead_one(struct session *s)
{
	for (size_t i = 0; i < s->n_watches; i++) {
		struct watch *w = s->watches[i];

		if (!w->is_gone || w->is_dropped || !w->is_on_trial)
			continue;
		session__drop(s, w);
		return true;
	}
	return false;
}

void session__forget_dead(struct session *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_watches; i++)
		n += s->watches[i]->is_gone && !s->watches[i]->is_dropped && s->watches[i]->is_on_trial;
	if (n > MAX_DEAD)
		forget_a_dead_one(s);
}

int session__watch(struct session *s, pid_t pid, pid_t parent, struct watch **ret_watch, struct err *err)
{
	_cleanup_(watch__freep) struct watch *w = calloc(1, sizeof(*w));
	struct epoll_event event = { .events = EPOLLIN };
	int r;

	if (!w)
		return err__set(err, -ENOMEM, "out of memory");
	w->pidfd = -1;
	/* The kernel side counts those for which there is no room. */
	if (s->n_watches >= LS_MAX_PROCS && !forget_a_dead_one(s))
		return err__set(err, -E2BIG, "more than %d processes to watch", LS_MAX_PROCS);
	r = watch__init(w, pid, session_now_ns(), err);
	if (r < 0)
		return r;
	w->parent = parent;
	w->is_on_trial = parent != 0;
	event.data.ptr = w;
	r = make_room(s);
	if (r == 0 && epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, w->pidfd, &event) < 0)
		r = -errno;
	if (r == 0)
		r = index_by_pid(s, w);
	if (r < 0)
		return err__set(err, r, "cannot watch process %d: %s", pid, strerror(-r));
	*ret_watch = w;
	s->watches[s->n_watches++] = TAKE_PTR(w);
	return 0;
}

void session__sweep(struct session *s)
{
	size_t n = 0;

	if (!s->has_dropped)
		return;
	for (size_t i = 0; i < s->n_watches; i++) {
		if (s->watches[i]->is_dropped)
			watch__freep(&s->watches[i]);
		else
			s->watches[n++] = s->watches[i];
	}
	s->n_watches = n;
	s->has_dropped = false;
}

void session__free_tree(struct session *s)
{
	HASH_CLEAR(hh, s->by_pid);
	for (size_t i = 0; i < s->n_watches; i++)
		watch__freep(&s->watches[i]);
	free(s->watches);
}

static struct watch *add_child(struct session *s, pid_t parent, pid_t child)
{
	struct watch *w = NULL;
	struct err err = {};

	/* One that has ended by now was short indeed. */
	if (session__watch(s, child, parent, &w, &err) < 0)
		log_debug("%d, a child of %d, is not followed: %s", child, parent, err.what);
	else
		log_debug("%d is a child of %d", child, parent);
	return w;
}

void session__on_fork(struct session *s, pid_t parent, pid_t child, bool is_vfork)
{
	struct watch *w = session__find(s, child);

	if (w && !w->is_gone)
		return;
	w = add_child(s, parent, child);
	if (w && is_vfork)
		w->examine_due_ns = w->born_ns + VFORK_NS;
}

/* With -n: a program that fits, and was not there before. */
static void take_by_name(struct session *s, pid_t pid)
{
	struct watch *w;
	struct err err = {};

	if (!s->config->name || !target__has_name(pid, s->config->name))
		return;
	if (session__watch(s, pid, 0, &w, &err) < 0)
		return;
	/* The name may be that of a shell. */
	w->is_on_trial = true;
	w->examine_due_ns = w->born_ns + EXEC_NS;
	if (probe__follow(s->probe, pid) < 0)
		log_debug("%d is not followed", pid);
}

bool session__on_exec(struct session *s, pid_t pid)
{
	struct watch *w = session__find(s, pid);
	const uint64_t now_ns = session_now_ns();

	if (!w || w->is_gone) {
		take_by_name(s, pid);
		return false;
	}
	if (w->n_loops > 0) {
		log_info("%d executed another program", w->pid);
		session__note(s, LOG_GRADE_WARNING, w->pid, "executed another program");
	}
	watch__reset(w, now_ns);
	if (w->is_on_trial)
		w->examine_due_ns = now_ns + EXEC_NS;
	return true;
}

/* Whether a process that is no CPython now may still turn out to be one without a word from the kernel side. */
bool session__is_undecided(const struct watch *w, uint64_t now_ns)
{
	return !w->is_on_trial || now_ns - w->born_ns < GIVE_UP_NS;
}

/* Until a pass finds nobody new: whoever is forked meanwhile by one who is known is told by the kernel side. */
int session__follow_tree(struct session *s, struct watch *root)
{
	for (int pass = 0; pass < MAX_PASSES; pass++) {
		_cleanup_free_ pid_t *pids = NULL;
		size_t n = 0, n_new = 0;
		int r = target__find_descendants(root->pid, &pids, &n);

		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++) {
			if (session__find(s, pids[i]) || !add_child(s, root->pid, pids[i]))
				continue;
			probe__follow(s->probe, pids[i]);
			n_new++;
		}
		if (!n_new)
			return 0;
	}
	return 0;
}
