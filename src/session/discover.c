/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runs in the processes: attaches to them, and registers their loops and loop threads with the
 * kernel side, which cannot find those itself.
 */
#include "session/parts.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "report/format.h"
#include "runtime/runtime.h"
#include "session/pacer.h"

/* A search for loop threads takes at most 1 % of a core. */
#define COST_FACTOR 100
#define MIN_PACE_NS (20 * NS_PER_MS)
#define MAX_PACE_NS NS_PER_S

static int set_loop(struct session *s, const struct watch *w, uint64_t key,
		    const struct ls_loop *info)
{
	int r = key ? s->env->kernel->set_loop(s->probe, w->pid, key, info) : 0;

	if (r < 0)
		log_debug("%d: loop %#llx is not registered: %s", w->pid, (unsigned long long)key,
			  strerror(-r));
	return r;
}

/* Registers a loop's queues, if they are not where they were. */
static void register_loop(struct session *s, const struct watch *w, struct watch_loop *l)
{
	struct ls_loop info = l->tasks;
	int r;

	/* Queues that never move are not searched again: that is expensive. */
	if (!l->loop ||
	    (target_loop_kind_is_by_thread(l->kind) && !target_loop_kind_is_bare(l->kind) &&
	     target__has_queue(w->target, &l->info)))
		return;

	r = target__resolve_loop(w->target, l->loop, &info, &l->kind);
	if (r < 0) {
		log_debug("%d: loop %#llx: %s", w->pid, (unsigned long long)l->loop, strerror(-r));
		return;
	}
	/* A closed loop has no queue; records in flight still need the last known one. */
	if (!target__has_queue(w->target, &info) || !memcmp(&info, &l->info, sizeof(info)))
		return;
	log_debug("%d: loop %#llx: its queue was found", w->pid, (unsigned long long)l->loop);
	if (set_loop(s, w, l->loop, &info) >= 0 && set_loop(s, w, l->scheduler, &info) >= 0)
		l->info = info;
}

void session__refresh_loops(struct session *s)
{
	struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_EXAMINED, w)
	for (size_t i = 0; i < watch__known_loops(w); i++)
		register_loop(s, w, &w->loops[i]);
}

/* Once for each loop: the mode may change again and again. */
static void note_unseen(struct session *s, const struct watch *w, struct watch_loop *l)
{
	const char *word = target_loop_kind_word(l->kind);

	if (l->is_unseen_noted || l->tid <= 0 || !target_loop_kind_is_by_thread(l->kind) ||
	    !session__is_light(s, w))
		return;
	l->is_unseen_noted = true;
	log_info("light mode does not see the loop of thread %d in %d (%s): its stalls show in "
		 "exact mode alone",
		 l->tid, w->pid, word);
	session__note(s, LOG_GRADE_WARNING, w->pid,
		      "light mode does not see the loop of thread %d (%s)", l->tid, word);
}

/* A thread is first seen to run a loop. */
static void note_thread(struct session *s, const struct watch *w, const struct loop_kind *kind,
			pid_t tid)
{
	session__note(s, LOG_GRADE_INFO, w->pid, "thread %d runs a loop of %s", tid,
		      target_loop_kind_word(kind));
}

/* No other loop may keep this name. */
static void set_scheduler(struct watch *w, struct watch_loop *l, uint64_t tstate)
{
	for (size_t i = 0; i < watch__known_loops(w); i++)
		if (w->loops[i].scheduler == tstate)
			w->loops[i].scheduler = 0;
	l->scheduler = tstate;
}

/*
 * `scheduler`: the kernel side's name for it, if that is known not to be the loop's address; else
 * 0.
 */
static void add_loop(struct session *s, struct watch *w, uint64_t loop, uint64_t scheduler,
		     pid_t tid)
{
	const size_t n_before = w->n_loops;
	struct watch_loop *l = watch__loop(w, loop, tid);

	if (scheduler)
		set_scheduler(w, l, scheduler);
	register_loop(s, w, l);
	if (w->n_loops != n_before && tid > 0)
		note_thread(s, w, l->kind, tid);
	note_unseen(s, w, l);
}

/*
 * A thread whose library runs no tasks in machine code is all that the kernel side knows of the
 * loop: finds the loop's address.
 */
static void add_scheduler(struct session *s, struct watch *w, uint64_t tstate, pid_t tid)
{
	const struct loop_kind *kind = NULL;
	const size_t n_before = w->n_loops;
	struct watch_loop *l;
	uint64_t loop;

	if (target__scheduler_of_thread(w->target, tstate, &loop, &kind) < 0)
		loop = 0;
	l = watch__loop(w, loop, tid);
	l->kind = kind;
	set_scheduler(w, l, tstate);
	if (loop && !target_loop_kind_is_by_thread(kind))
		target__resolve_tasks(w->target, loop, &l->tasks);
	/* The kernel side does not know it by this name yet. */
	l->info = (struct ls_loop){ 0 };
	register_loop(s, w, l);
	if (w->n_loops != n_before && tid > 0)
		note_thread(s, w, kind, tid);
}

void session__on_thread(struct session *s, struct watch *w, const struct ls_rec_thread *rec)
{
	const pid_t tid = (pid_t)rec->hdr.tid;

	w->has_stepped = true;
	if (!watch__has_kernel_state(w, tid))
		s->env->kernel->nudge_thread(tid);
	if (rec->loop == rec->tstate)
		add_scheduler(s, w, rec->tstate, tid);
	else
		add_loop(s, w, rec->loop, 0, tid);
	watch__set_kernel_state(w, tid, true);
	/* Other libraries of the runtime may have come with it. */
	watch__examine_soon(w);
}

static bool is_new(const struct watch *w, pid_t tid)
{
	return tid > 0 && !watch__has_kernel_state(w, tid);
}

/* Loop threads as found by one search. */
struct found_threads {
	int n;
	struct target_loop_thread list[WATCH_MAX_LOOPS];
	bool is_inside[WATCH_MAX_LOOPS]; /* a step or callback */
	bool is_wanted[WATCH_MAX_LOOPS]; /* its kernel state is created now */
};

static int set_thread(struct session *s, const struct watch *w,
		      const struct target_loop_thread *thread, const struct probe_inside *inside)
{
	int r = s->env->kernel->set_loop_thread(s->probe, w->pid, thread, inside);

	if (r < 0)
		log_debug("%d: no room for the loop of thread %d", w->pid, thread->tid);
	return r;
}

/* In exact mode the first step creates the state, but for a thread that is in one. */
static void register_thread(struct session *s, struct watch *w, struct found_threads *found, int i)
{
	const struct target_loop_thread *thread = &found->list[i];
	const bool is_known = !is_new(w, thread->tid),
		   is_bare = target_loop_kind_is_bare(thread->kind);
	struct probe_inside inside;

	if (thread->tid <= 0)
		return;
	found->is_inside[i] = !is_known && !is_bare && session__find_inside(s, w, thread, &inside);
	if (set_thread(s, w, thread, found->is_inside[i] ? &inside : NULL) < 0)
		return;
	w->has_stepped |= found->is_inside[i] || is_bare;
	found->is_wanted[i] =
		found->is_inside[i] || (!is_known && (is_bare || session__is_light(s, w)));
}

static void make_threads(struct session *s, struct watch *w, const struct found_threads *found)
{
	bool is_any = false;
	int r;

	for (int i = 0; i < found->n; i++)
		is_any |= found->is_wanted[i];
	r = is_any ? s->env->kernel->make_threads(s->probe) : 0;
	if (r < 0)
		log_debug("%d: its loops are known from their next steps on: %s", w->pid,
			  strerror(-r));
	for (int i = 0; i < found->n; i++) {
		if (!found->is_wanted[i])
			continue;
		/* Not for a later thread of the same number. */
		if (found->is_inside[i])
			set_thread(s, w, &found->list[i], NULL);
		s->env->kernel->nudge_thread(found->list[i].tid);
		watch__set_kernel_state(w, found->list[i].tid, true);
	}
}

static void register_threads(struct session *s, struct watch *w, struct found_threads *found)
{
	struct err err = {};

	if (found->n <= 0)
		return;
	/* With a loop its library is loaded, even if it was not when the process was examined. */
	if (target__find_running_task(w->target) > 0 &&
	    s->env->kernel->attach(s->probe, w->target, &err) < 0)
		log_debug("%s", err.what);
	for (int i = 0; i < found->n; i++)
		register_thread(s, w, found, i);
	make_threads(s, w, found);
}

void session__find_loops(struct session *s, struct watch *w)
{
	struct found_threads found = { 0 };

	found.n = target__loop_threads(w->target, found.list, WATCH_MAX_LOOPS);
	w->loops_error = found.n < 0 ? found.n : 0;
	for (int i = 0; i < found.n; i++)
		add_loop(s, w, found.list[i].loop,
			 target_loop_kind_is_by_thread(found.list[i].kind) ? found.list[i].tstate :
									     0,
			 found.list[i].tid);
	register_threads(s, w, &found);
}

bool session__find_light_loops(struct session *s)
{
	bool is_any = false;
	struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_EXAMINED, w)
	{
		if (!session__is_light(s, w))
			continue;
		session__find_loops(s, w);
		is_any = true;
	}
	return is_any;
}

/* In light mode no step reports a thread that begins to run a loop. */
static int poll_threads(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;
	struct pacer pacer = { .pace_ns = MAX_PACE_NS };
	const uint64_t before_ns = session__own_cpu_ns(s);

	if (session__find_light_loops(s)) {
		pacer.pace_ns = watch_pace_ns(now_ns - s->life.started_ns);
		if (pacer.pace_ns < MIN_PACE_NS)
			pacer.pace_ns = MIN_PACE_NS;
		pacer.cost_factor = COST_FACTOR;
	}
	s->discovery.threads.due_ns =
		pacer__next_ns(&pacer, now_ns, session__own_cpu_ns(s) - before_ns);
	return 0;
}

void session__poll_threads_soon(struct session *s)
{
	s->discovery.threads.due_ns = 0;
}

void session__init_discovery(struct session *s)
{
	s->discovery.threads = (struct timer){ .fn = poll_threads, .ctx = s };
	loop__add_timer(&s->loop, &s->discovery.threads);
}

static void note_attached(struct session *s, const struct watch *w)
{
	const struct target *t = w->target;
	char cgroup[FORMAT_CGROUP_BYTES];

	session__note(s, LOG_GRADE_INFO, w->pid, "attached to %s: %s %s, steps by %s", t->comm,
		      target__words(t)->title, t->version, target_rung_word(t->rung));
	if (t->is_newer)
		session__note(s, LOG_GRADE_WARNING, w->pid,
			      "%s %s is newer than this loopstall: read by what it says of itself",
			      target__words(t)->title, t->version);
	if (t->is_container)
		session__note(s, LOG_GRADE_INFO, w->pid, "in container %s, where its pid is %d",
			      format__cgroup(t->cgroup, cgroup), t->ns_pid);
	log_debug("%d: %s %s, rung %s, %s, loops %s", w->pid, target__words(t)->title, t->version,
		  target_rung_word(t->rung), t->is_up ? "up" : "starting",
		  t->has_loops ? "possible" : "not yet");
}

int session__attach(struct session *s, struct watch *w, struct err *err)
{
	int r;

	r = s->env->symbol->add_process(s->symbols, w->target);
	if (r < 0)
		return err__set(err, r, "cannot read the symbols of %d: %s", w->pid, strerror(-r));
	/* The first step must find them. */
	session__find_requests(s, w);
	r = s->env->kernel->attach(s->probe, w->target, err);
	if (r < 0)
		return watch__has_ended(w) ?
			err__set(err, -ESRCH, "process %d ended before it was attached to",
				 w->pid) :
			r;
	note_attached(s, w);
	session__find_loops(s, w);
	return SINKS_CALL(s, process, w->target);
}
