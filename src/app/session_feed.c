/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What feeds the model: examination of the processes, events and aggregates of the kernel side.
 * Keeps the kernel side informed about loops, which only user space can make sense of.
 */
#include "app/session_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "report/format.h"

static int set_loop(struct session *s, const struct watch *w, uint64_t key, const struct ls_loop *info)
{
	int r = key ? probe__set_loop(s->probe, w->pid, key, info) : 0;

	if (r < 0)
		log_debug("%d: loop %#llx is not registered: %s", w->pid, (unsigned long long)key, strerror(-r));
	return r;
}

/* Hands a loop's queues to the kernel side, if they are not what it was told before. */
static void tell_loop(struct session *s, const struct watch *w, struct watch_loop *l)
{
	struct ls_loop info = {};
	int r;

	/* trio's never move, and to find them is not cheap. */
	if (!l->loop || (l->kind == TARGET_LOOP_TRIO && l->info.ready))
		return;

	r = target__resolve_loop(w->target, l->loop, &info, &l->kind);
	if (r < 0) {
		log_debug("%d: loop %#llx: %s", w->pid, (unsigned long long)l->loop, strerror(-r));
		return;
	}
	if (l->kind != TARGET_LOOP_TRIO)
		info.tasks = l->tasks;
	/*
	 * A loop that is closed has no queue any more; what was known serves what is still on the
	 * way.
	 */
	if (!info.ready || !memcmp(&info, &l->info, sizeof(info)))
		return;
	log_debug("%d: loop %#llx: ready queue %#llx, timers %#llx", w->pid,
		  (unsigned long long)l->loop, (unsigned long long)info.ready,
		  (unsigned long long)info.scheduled);
	if (set_loop(s, w, l->loop, &info) >= 0 && set_loop(s, w, l->scheduler, &info) >= 0)
		l->info = info;
}

/* A thread is first seen to run a loop. */
static void note_thread(struct session *s, const struct watch *w, enum target_loop_kind kind, pid_t tid)
{
	session__note(s, LOG_GRADE_INFO, w->pid, "thread %d runs a loop of %s", tid, target_loop_kind_word(kind));
}

/* `scheduler`: what the kernel side will call it, if that is known to be no loop's address; else 0. */
static void note_loop(struct session *s, struct watch *w, uint64_t loop, uint64_t scheduler, pid_t tid)
{
	const size_t n_before = w->n_loops;
	struct watch_loop *l = watch__loop(w, loop, tid);

	if (scheduler)
		l->scheduler = scheduler;
	tell_loop(s, w, l);
	if (w->n_loops != n_before && tid > 0)
		note_thread(s, w, l->kind, tid);
}

/* A thread whose tasks are written in Python does not say of which loop they are. */
static void note_scheduler(struct session *s, struct watch *w, uint64_t tstate, pid_t tid)
{
	enum target_loop_kind kind;
	const size_t n_before = w->n_loops;
	struct watch_loop *l;
	uint64_t loop;

	if (target__scheduler_of_thread(w->target, tstate, &loop, &kind) < 0)
		loop = 0;
	l = watch__loop(w, loop, tid);
	l->kind = kind;
	/* By this name it goes from now on, and no other. */
	for (size_t i = 0; i < watch__known_loops(w); i++)
		if (w->loops[i].scheduler == tstate)
			w->loops[i].scheduler = 0;
	l->scheduler = tstate;
	if (kind != TARGET_LOOP_TRIO && loop)
		target__resolve_python_tasks(w->target, loop, &l->tasks);
	/* Under this name the kernel side does not know it yet. */
	l->info = (struct ls_loop){ 0 };
	tell_loop(s, w, l);
	if (w->n_loops != n_before && tid > 0)
		note_thread(s, w, kind, tid);
}

void session__find_loops(struct session *s, struct watch *w)
{
	struct target_loop_thread threads[WATCH_MAX_LOOPS];
	int n;

	n = target__loop_threads(w->target, threads, WATCH_MAX_LOOPS);
	for (int i = 0; i < n; i++)
		note_loop(s, w, threads[i].loop, threads[i].kind == TARGET_LOOP_TRIO ? threads[i].tstate : 0, threads[i].tid);
	session__show_threads(s, w, threads, n);
}

int session__attach(struct session *s, struct watch *w, struct err *err)
{
	char cgroup[FORMAT_CGROUP_BYTES];
	int r;

	r = symbols__add_process(s->symbols, w->target);
	if (r < 0)
		return err__set(err, r, "cannot read the symbols of %d: %s", w->pid, strerror(-r));
	r = probe__attach(s->probe, w->target, err);
	if (r < 0)
		return watch__has_ended(w) ? err__set(err, -ESRCH, "process %d ended before it was attached to", w->pid) : r;
	session__note(s, LOG_GRADE_INFO, w->pid, "attached to %s: CPython %s, steps by %s",
		      w->target->comm, w->target->python, target_rung_word(w->target->rung));
	if (w->target->is_newer)
		session__note(s, LOG_GRADE_WARNING, w->pid,
			      "CPython %s is newer than this loopstall: read by what it says of itself",
			      w->target->python);
	if (w->target->is_container)
		session__note(s, LOG_GRADE_INFO, w->pid, "in container %s, where its pid is %d",
			      format__cgroup(w->target->cgroup, cgroup), w->target->ns_pid);
	log_debug("%d: CPython %s, rung %s, interpreter %s, asyncio %s", w->pid, w->target->python,
		  target_rung_word(w->target->rung), w->target->interp ? "up" : "starting",
		  w->target->has_asyncio ? "imported" : "not imported");
	session__find_loops(s, w);
	return 0;
}

/* Tells the kernel side of loops that moved their queues since. */
static void refresh_loops(struct session *s)
{
	for (size_t i = 0; i < s->n_watches; i++) {
		struct watch *w = s->watches[i];

		for (size_t j = 0; !w->is_gone && w->target && j < watch__known_loops(w); j++)
			tell_loop(s, w, &w->loops[j]);
	}
}

static void examine(struct session *s, struct watch *w, uint64_t now_ns)
{
	struct err err = {};
	int r;

	r = session__examine(s, w, now_ns, &err);
	if (r > 0)
		r = session__attach(s, w, &err);
	else if (r == 0)
		session__find_loops(s, w);
	session__let_go(w);
	/* Gone: its pidfd says so. Not a CPython: it may become one, the silence notice tells. */
	if (r >= 0 || r == -ESRCH || (r == -ENOEXEC && session__is_undecided(w, now_ns)))
		return;
	w->examine_due_ns = UINT64_MAX;
	if (r == -ENOEXEC)
		return;
	/* What a child of somebody's happens to be is no news to whoever did not ask for it. */
	if (w->is_on_trial)
		log_debug("%s", err.what);
	else
		log_warn("%s%s%s", err.what, *err.hint ? "; " : "", err.hint);
	session__note(s, LOG_GRADE_ERROR, w->pid, "%s", err.what);
}

void session__examine_due(struct session *s, uint64_t now_ns)
{
	for (size_t i = 0; i < s->n_watches; i++) {
		struct watch *w = s->watches[i];

		if (!w->is_gone && now_ns >= w->examine_due_ns)
			examine(s, w, now_ns);
	}
}

/*
 * A task written in Python whose scheduler the kernel side did not know yet is called by its coroutine: who it is its own attributes
 * tell, as long as it lives. True if `ret_stall` is the stall with that added.
 */
static bool name_python_task(const struct watch *w, const struct ls_rec_stall *stall,
			     struct ls_rec_stall *ret_stall)
{
	struct ls_pystr name;
	uint64_t task;

	if (!w || !w->target || !stall->task || stall->task != stall->coro ||
	    target__python_task(w->target, stall->coro, &task, &name) < 0 || !task)
		return false;
	*ret_stall = *stall;
	ret_stall->task = task;
	ret_stall->name = name;
	return true;
}

static int on_event(void *ctx, const struct event *event)
{
	struct session *s = ctx;
	struct watch *w = session__find(s, event->hdr->tgid);
	struct ls_rec_stall stall;
	struct event named = *event;

	switch (event->kind) {
	case LS_REC_THREAD:
		if (!w || !w->target)
			break;
		w->has_stepped = true;
		if (!watch__is_made(w, (pid_t)event->hdr->tid))
			probe_nudge_thread((pid_t)event->hdr->tid);
		if (event->thread->loop == event->thread->tstate)
			note_scheduler(s, w, event->thread->tstate, (pid_t)event->hdr->tid);
		else
			note_loop(s, w, event->thread->loop, 0, event->hdr->tid);
		watch__set_made(w, (pid_t)event->hdr->tid, true);
		/* uvloop's or greenlet's module may have come with it. */
		watch__suspect(w);
		break;
	case LS_REC_FORK:
		session__on_fork(s, (pid_t)event->hdr->tgid, (pid_t)event->fork->child, event->fork->is_vfork);
		return 0;
	case LS_REC_EXEC:
		/* A stranger is nobody's business. */
		if (!session__on_exec(s, (pid_t)event->hdr->tgid))
			return 0;
		break;
	case LS_REC_EXIT:
		/* Its number may be another's some day. */
		if (w)
			watch__set_made(w, (pid_t)event->hdr->tid, false);
		probe__forget_thread(s->probe, (pid_t)event->hdr->tid);
		session__forget_thread(s, (pid_t)event->hdr->tid);
		session__on_thread_end(s, event->hdr->tgid, event->hdr->tid);
		break;
	case LS_REC_STALL:
		if (name_python_task(w, event->stall, &stall))
			named.stall = &stall;
		break;
	default:
		break;
	}
	return feed__event(&s->feed, &named);
}

int session__drain(struct session *s)
{
	int r;

	/* Every turn of the session begins with it. */
	s->feed.now_ns = session_now_ns();
	r = probe__drain(s->probe, on_event, s);
	return r < 0 ? r : 0;
}

static int on_coroutine(void *ctx, const struct ls_coro_key *key, const struct ls_coro_stats *stats)
{
	struct session *s = ctx;

	return feed__coroutine(&s->feed, key, stats);
}

static int on_thread(void *ctx, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats)
{
	struct session *s = ctx;
	struct watch *w = session__find(s, pid);

	if (w)
		w->steps += stats->steps + stats->handles;
	return feed__thread(&s->feed, pid, tid, stats);
}

static const struct {
	const char *name, *sentence;
} losses[LS_LOSS_MAX] = {
#define _(name, json, sentence) [LS_LOSS_##name] = { json, sentence },
	LS_LOSSES(_)
#undef _
};

static int read_losses(struct session *s)
{
	uint64_t counts[LS_LOSS_MAX] = {};
	int r;

	r = probe__losses(s->probe, counts);
	s->shed = counts[LS_LOSS_STALL_SHED];
	for (int i = 0; r >= 0 && i < LS_LOSS_MAX; i++)
		r = feed__loss(&s->feed, losses[i].name, losses[i].sentence, counts[i]);
	for (int i = 0; r >= 0 && i < LS_LOSS_MAX; i++)
		if (counts[i] && !s->is_loss_noted[i]) {
			s->is_loss_noted[i] = true;
			session__note(s, LOG_GRADE_WARNING, 0, "first of its kind: %s",
				      losses[i].sentence);
		}
	return r;
}

static int read_aggregates(struct session *s)
{
	int r;

	for (size_t i = 0; i < s->n_watches; i++)
		s->watches[i]->steps = 0;
	r = probe__each_thread(s->probe, on_thread, s);
	if (r < 0)
		return r;
	r = probe__each_coroutine(s->probe, on_coroutine, s);
	if (r < 0)
		return r;
	return read_losses(s);
}

int session__read(struct session *s, uint64_t now_ns)
{
	int r;

	refresh_loops(s);
	probe_cost__read(s->probe, now_ns, &s->cost);
	r = read_aggregates(s);
	if (r >= 0)
		r = session__read_loops(s, now_ns);
	if (r >= 0)
		session__keep_bounds(s, now_ns);
	/* Rates are made of what was just read. */
	if (r < 0 || now_ns < s->tick_due_ns)
		return r;
	s->tick_due_ns = now_ns + SESSION_TICK_NS;
	return feed__tick(&s->feed, now_ns);
}

int session__set_threshold(struct session *s, uint64_t threshold_ns)
{
	int r = probe__set_threshold(s->probe, threshold_ns);

	if (r >= 0)
		s->threshold_ns = threshold_ns;
	return r;
}

void session__note(struct session *s, enum log_grade grade, pid_t pid, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (feed__log(&s->feed, session_now_ns(), grade, (uint32_t)pid, text) < 0)
		log_debug("not logged: %s", text);
}
