/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes a session watches: those that the options name, and what they fork. The kernel
 * side watches a child from its first moment; what it is is found out here. Most children are no
 * runtime (a shell, a compiler): they come and go without a message.
 */
#include "session/parts.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/time.h"

/*
 * A child that shares its parent's memory executes another program at once, or has no steps of its
 * own.
 */
#define VFORK_NS (50 * NS_PER_MS)
/*
 * From an exec to the first examination: what ends sooner need not be examined. No interpreter runs
 * a step that early.
 */
#define EXEC_NS (5 * NS_PER_MS)
#define MAX_PASSES 8
/*
 * `python service.py & loopstall top -p $!`: the shell has forked, but the process still runs the
 * shell's program.
 */
#define YOUNG_NS NS_PER_S
#define YOUNG_PACE_NS (10 * NS_PER_MS)
#define PATIENCE_PACE_NS                                                                           \
	(100 * NS_PER_MS) /* between two looks for a name that is not there yet                    \
			   */

/* A child without a runtime does not keep the session alive. */
static bool is_any_left(const struct session *s)
{
	const struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_ALIVE, w)
	if (!w->is_unconfirmed || w->target)
		return true;
	return false;
}

static bool outlives_targets(const struct session *s)
{
	for (const struct sink *k = s->sinks; k; k = k->next)
		if (k->outlives_targets)
			return true;
	return false;
}

static int end_process(struct session *s, struct watch *w)
{
	const bool is_command = s->opts.child && s->opts.child->pid == w->pid;
	int r = session__drain(s);

	if (w->is_dropped)
		return r;
	if (r >= 0 && watch__is_shown(w))
		r = session__read(s, session__now_ns(s));
	if (r >= 0 && watch__is_shown(w) && !s->life.is_stopping)
		r = SINKS_CALL(s, process_end, w->pid);
	w->is_gone = true;
	session__on_watch_end(s, w);
	session__on_process_end(s, w);
	s->env->kernel->detach(s->probe, w->pid);
	if (is_command)
		child__reap(s->opts.child);
	if (!watch__is_shown(w)) {
		watches__drop(&s->watches, w);
	} else {
		if (!is_command)
			log_info("target %d exited", w->pid);
		session__note(s, LOG_GRADE_WARNING, w->pid, "the process has ended");
	}
	/*
	 * A dashboard stays after its targets have ended. Processes that outlive their command are
	 * not measured.
	 */
	if ((is_command || !is_any_left(s)) && (!outlives_targets(s) || s->life.is_stopping))
		s->life.is_over = true;
	/* The end of the measurement keeps what was true then. */
	if (r >= 0 && !s->life.is_over && watch__is_shown(w))
		r = session__end_tasks(s, w, session__now_ns(s));
	return r;
}

static int on_end(void *ctx)
{
	struct watch *w = ctx;

	return end_process(w->session, w);
}

int session__watch(struct session *s, pid_t pid, pid_t parent, struct watch **ret_watch,
		   struct err *err)
{
	struct watch *w;
	int r;

	r = watches__add(&s->watches, pid, parent, session__now_ns(s), &w, err);
	if (r < 0)
		return r;
	w->session = s;
	w->end.fn = on_end;
	w->end.ctx = w;
	r = loop__add_fd(&s->loop, &w->end, EPOLLIN);
	if (r < 0) {
		watches__drop(&s->watches, w);
		return err__set(err, r, "cannot watch process %d: %s", pid, strerror(-r));
	}
	*ret_watch = w;
	return 0;
}

static void drop(struct session *s, struct watch *w)
{
	loop__remove_fd(&s->loop, &w->end);
	watches__drop(&s->watches, w);
}

/* One that `may_wait` need not have a runtime yet. 0 or -errno (see target__examine()). */
static int add(struct session *s, pid_t pid, bool may_wait, struct err *err)
{
	struct watch *w;
	int r = session__watch(s, pid, 0, &w, err);

	if (r < 0)
		return r;
	r = session__examine(s, w, session__now_ns(s), err);
	session__resume(s, w);
	if (r >= 0 || (may_wait && r == -ENOEXEC))
		return 0;
	drop(s, w);
	watches__sweep(&s->watches);
	return r;
}

static bool is_young(const struct session *s, pid_t pid, uint64_t asked_ns)
{
	uint64_t age_ns;

	return session__now_ns(s) - asked_ns < YOUNG_NS &&
		s->env->process->age_ns(pid, &age_ns) >= 0 && age_ns < YOUNG_NS;
}

static int add_pid(struct session *s, pid_t pid, struct err *err)
{
	const uint64_t asked_ns = session__now_ns(s);
	int r;

	while ((r = add(s, pid, false, err)) == -ENOEXEC && is_young(s, pid, asked_ns))
		s->env->machine->sleep(YOUNG_PACE_NS);
	return r;
}

/*
 * A name also matches what has no runtime (a shell that started it, an editor): one that fits is
 * enough.
 */
static int add_by_name(struct session *s, const char *name, struct err *err)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0, n_added = 0;
	int r;

	r = s->env->process->find_by_name(name, &pids, &n);
	if (r < 0)
		return err__set(err, r, "cannot list processes: %s", strerror(-r));
	if (n == 0)
		return err__set(err, -ESRCH, "no process has '%s' in its command line", name);
	for (size_t i = 0; i < n; i++) {
		r = add(s, pids[i], false, err);
		if (r == -E2BIG)
			return r;
		if (r < 0)
			log_debug("%d is left out: %s", pids[i], err->what);
		else
			n_added++;
	}
	return n_added > 0 ? 0 : r;
}

/* Until one is there, or a signal comes. */
static int wait_for_name(struct session *s, const char *name, struct err *err)
{
	int r;

	while ((r = add_by_name(s, name, err)) == -ESRCH || r == -ENOEXEC) {
		if (!s->tree.is_waiting_said)
			log_info("no process has '%s' in its command line yet: waiting for "
				 "one; Ctrl-C ends",
				 name);
		s->tree.is_waiting_said = true;
		s->env->machine->sleep(PATIENCE_PACE_NS);
		if (interrupt_is_due())
			return err__set(err, -EINTR,
					"a signal came before a process had '%s' in its command "
					"line",
					name);
	}
	return r;
}

int session__add_targets(struct session *s, struct err *err)
{
	int r = 0;

	if (s->opts.child)
		return add(s, s->opts.child->pid, true, err);
	if (s->opts.is_everything) {
		r = session__watch_everything(s);
		return r < 0 ? err__set(err, r, "cannot list processes: %s", strerror(-r)) : 0;
	}
	if (s->opts.name)
		return s->opts.is_patient ? wait_for_name(s, s->opts.name, err) :
					    add_by_name(s, s->opts.name, err);
	for (size_t i = 0; r >= 0 && i < s->opts.n_pids; i++)
		r = add_pid(s, s->opts.pids[i], err);
	return r;
}

/* -ESRCH: it has ended by now. */
static int add_child(struct session *s, pid_t parent, pid_t child, struct watch **ret_watch)
{
	struct err err = {};
	int r = session__watch(s, child, parent, ret_watch, &err);

	if (r < 0)
		log_debug("%d, a child of %d, is not followed: %s", child, parent, err.what);
	else
		log_debug("%d is a child of %d", child, parent);
	return r;
}

void session__on_fork(struct session *s, const struct ls_rec_fork *rec)
{
	const uint64_t born_ns = rec->hdr.ts_ns;
	const struct newborn new = {
		.pid = (pid_t)rec->child,
		.parent = (pid_t)rec->hdr.tgid,
		.born_ns = born_ns,
		.due_ns = rec->is_vfork ? born_ns + VFORK_NS :
					  session__newborn_due_ns(s, born_ns, session__now_ns(s)),
	};

	if (!session__is_watched(s, new.pid) && !newborns__add(&s->tree.newborns, &new))
		session__count_unexamined(s, UINT64_MAX, false);
}

static void take_newborn(struct session *s, const struct newborn *new)
{
	struct watch *w;
	int r = add_child(s, new->parent, new->pid, &w);

	/* A zombie: its parent has not waited for it yet. */
	if (r >= 0 && watch__has_ended(w)) {
		drop(s, w);
		r = -ESRCH;
	}
	if (r < 0) {
		session__count_unexamined(s, r == -ESRCH ? 0 : UINT64_MAX, new->has_executed);
		return;
	}
	w->born_ns = new->born_ns;
	w->has_executed = new->has_executed;
}

void session__take_newborns(struct session *s, uint64_t now_ns)
{
	struct newborn new;

	while (newborns__take_due(&s->tree.newborns, now_ns, &new))
		if (!session__is_watched(s, new.pid))
			take_newborn(s, &new);
}

/* Watches a program that fits and was started after us. 0 or -errno. */
static int watch_if_named(struct session *s, pid_t pid, struct err *err)
{
	struct watch *w;
	int r = s->env->process->has_name(pid, s->opts.name);

	if (r < 0)
		return err__set(err, r, "cannot tell whether process %d is one of '%s': %s", pid,
				s->opts.name, strerror(-r));
	r = r ? session__watch(s, pid, 0, &w, err) : -ESRCH;
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	/* It may be a shell with that name in its arguments. */
	w->is_unconfirmed = true;
	w->examine_due_ns = w->born_ns + EXEC_NS;
	if (s->env->kernel->follow(s->probe, pid) < 0)
		log_debug("%d is not followed", pid);
	return 0;
}

/* With -n. While we are short of something this may fail for each program that starts. */
static void add_if_named(struct session *s, pid_t pid)
{
	struct err err = {};

	if (!s->opts.name || watch_if_named(s, pid, &err) >= 0)
		return;
	session__count_unexamined(s, UINT64_MAX, true);
	session__note(s, LOG_GRADE_ERROR, pid, "%s", err.what);
	if (!s->tree.is_shortage_said)
		log_warn("%s%s%s", err.what, *err.hint ? "; " : "", err.hint);
	s->tree.is_shortage_said = true;
}

bool session__on_exec(struct session *s, pid_t pid)
{
	struct watch *w = watches__find(&s->watches, pid);
	struct newborn *new = newborns__find(&s->tree.newborns, pid);
	const uint64_t now_ns = session__now_ns(s);

	if (new) {
		new->has_executed = true;
		new->born_ns = now_ns;
		new->due_ns = now_ns + EXEC_NS;
		return false;
	}
	if (!w || w->is_gone) {
		add_if_named(s, pid);
		session__on_program_start(s, pid);
		return false;
	}
	if (w->n_loops > 0) {
		log_info("%d executed another program", w->pid);
		session__note(s, LOG_GRADE_WARNING, w->pid, "executed another program");
	}
	watch__reset(w, now_ns);
	if (w->is_unconfirmed)
		w->examine_due_ns = now_ns + EXEC_NS;
	return true;
}

/*
 * Repeated until a pass finds nothing new. A process that is forked meanwhile by a known one is
 * reported by the kernel side.
 */
static int follow(struct session *s, pid_t root)
{
	for (int pass = 0; pass < MAX_PASSES; pass++) {
		_cleanup_free_ pid_t *pids = NULL;
		size_t n = 0, n_new = 0;
		int r = s->env->process->find_descendants(root, &pids, &n);

		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++) {
			struct watch *w;

			if (watches__find(&s->watches, pids[i]) ||
			    add_child(s, root, pids[i], &w) < 0)
				continue;
			s->env->kernel->follow(s->probe, pids[i]);
			n_new++;
		}
		if (!n_new)
			return 0;
	}
	return 0;
}

int session__follow_descendants(struct session *s)
{
	const size_t n_roots = s->watches.n;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n_roots; i++)
		r = follow(s, s->watches.list[i]->pid);
	return r;
}
