/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One watched process: examination at a pace, and the loops seen in it.
 */
#include "session/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "runtime/runtime.h"

#define MIN_PACE_NS (5 * NS_PER_MS)
#define MAX_PACE_NS NS_PER_S

uint64_t watch_pace_ns(uint64_t age_ns)
{
	const uint64_t quarter = age_ns / 4;

	if (quarter < MIN_PACE_NS)
		return MIN_PACE_NS;
	return quarter < MAX_PACE_NS ? quarter : MAX_PACE_NS;
}

int watch__init(struct watch *w, const struct process_ops *process, pid_t pid, uint64_t now_ns,
		struct err *err)
{
	int r;

	*w = (struct watch){
		.pid = pid, .process = process, .born_ns = now_ns, .examine_due_ns = now_ns
	};
	r = w->end.fd = process->open(pid);
	if (r >= 0)
		return 0;
	/* EINVAL: the number is that of a thread, not of a process. */
	if (r == -EINVAL)
		return err__set(err, -EINVAL,
				"%d is a thread, not a process: give the pid of its process", pid);
	if (r == -ESRCH)
		return err__set(err, -ESRCH, "there is no process %d", pid);
	return err__set(err, r, "cannot open process %d: %s", pid, strerror(-r));
}

bool watch__has_ended(const struct watch *w)
{
	struct pollfd end = { .fd = w->end.fd, .events = POLLIN };

	return poll(&end, 1, 0) > 0;
}

static void watch__forget_target(struct watch *w)
{
	if (w->target)
		w->process->free(w->target);
	w->target = NULL;
}

void watch__done(struct watch *w)
{
	fd_close(&w->end.fd);
	watch__forget_target(w);
	target_tasks__done(&w->tasks);
	lives__done(&w->lives);
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
	return !old || old->is_up != new->is_up || old->has_loops != new->has_loops ||
		old->parts != new->parts || old->rung != new->rung ||
		old->n_modules != new->n_modules || count_spots(old) != count_spots(new) ||
		memcmp(&old->proc, &new->proc, sizeof(old->proc)) != 0;
}

bool watch__is_complete(const struct watch *w)
{
	const struct target *t = w->target;

	return t && t->is_up && t->has_loops && w->n_loops > 0;
}

int watch__examine(struct watch *w, const struct target_context *context, uint64_t now_ns,
		   struct err *err)
{
	struct target_context own = *context;
	struct target *t;
	bool is_new = false;
	int r;

	w->is_examined = true;
	w->examined_ns = now_ns;
	w->examine_due_ns = now_ns + watch_pace_ns(now_ns - w->born_ns);
	if (!w->target || !w->process->is_current(w->target)) {
		own.relative = w->target ?: context->relative;
		r = w->process->examine(&t, w->pid, &own, err);
		if (r < 0)
			return r;
		is_new = has_news(w->target, t);
		watch__forget_target(w);
		w->target = t;
	}
	if (watch__is_complete(w))
		w->examine_due_ns = UINT64_MAX;
	return is_new;
}

void watch__examine_soon(struct watch *w)
{
	const uint64_t due = w->examined_ns + watch_pace_ns(w->examined_ns - w->born_ns);

	if (due < w->examine_due_ns)
		w->examine_due_ns = due;
}

void watch__reset(struct watch *w, uint64_t now_ns)
{
	watch__forget_target(w);
	w->n_loops = 0;
	w->requests_stamp = 0;
	w->is_examined = false;
	w->has_executed = true;
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

bool watch__has_kernel_state(const struct watch *w, pid_t tid)
{
	for (size_t i = 0; i < watch__known_loops(w); i++)
		if (w->loops[i].tid == tid && w->loops[i].has_kernel_state)
			return true;
	return false;
}

void watch__set_kernel_state(struct watch *w, pid_t tid, bool has_kernel_state)
{
	for (size_t i = 0; i < watch__known_loops(w); i++)
		if (w->loops[i].tid == tid) {
			w->loops[i].has_kernel_state = has_kernel_state;
			w->loops[i].is_over = !has_kernel_state;
		}
}

bool watch__is_first_of_thread(const struct watch *w, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (w->loops[i].tid == w->loops[index].tid)
			return false;
	return true;
}

size_t watch__loop_threads(const struct watch *w)
{
	size_t n = 0;

	for (size_t i = 0; i < watch__known_loops(w); i++)
		n += w->loops[i].tid > 0 && !w->loops[i].is_over && watch__is_first_of_thread(w, i);
	return n;
}

bool watch__is_shown(const struct watch *w)
{
	return !w->is_unconfirmed || w->has_stepped;
}

const char *watch__loop_word(const struct watch *w)
{
	const size_t n = watch__known_loops(w);

	/* The newest one; that of a process which ends may not be known any more. */
	for (size_t i = 1; i <= n; i++) {
		const struct watch_loop *l = &w->loops[(w->n_loops - i) % WATCH_MAX_LOOPS];

		if (l->kind)
			return target_loop_kind_word(l->kind);
	}
	return n ? target_loop_kind_word(NULL) : NULL;
}

static bool has_loop_that(const struct watch *w, bool (*is)(const struct loop_kind *kind))
{
	for (size_t i = 0; i < watch__known_loops(w); i++)
		if (is(w->loops[i].kind))
			return true;
	return false;
}

/* NULL: none of what runs in its loops is hidden. */
static const char *hidden_reason(const struct watch *w, bool is_light)
{
	struct target_description description;

	if (!has_loop_that(w, target_loop_kind_is_by_thread))
		return NULL;
	if (is_light)
		return "light mode does not see loops of its library: exact mode does";
	if (has_loop_that(w, target_loop_kind_is_bare))
		return "its event loop has no tasks that are known: what it does between two polls "
		       "is timed as callbacks";
	target__describe(w->target, &description);
	return description.has_hidden_tasks ?
		"its version does not show steps of the library that runs its loop" :
		NULL;
}

/* Why loops that are known ran no task. They only wait if all of them do. */
static const char *loop_silence(const struct watch *w, bool is_light)
{
	static const char *const reasons[] = {
		[LOOP_STATE_UNKNOWN] = "no task of its event loop was resumed",
		[LOOP_STATE_POLLS] = "its event loop only waits: no task was resumed",
		[LOOP_STATE_OUTSIDE] =
			("no task was resumed, and its event loop is not in its poll: "
			 "'loopstall dump' shows what holds it"),
		[LOOP_STATE_STOPPED] = "it is stopped by a signal: SIGCONT lets it go on",
		[LOOP_STATE_TRACED] = "it is stopped by a debugger or another tracer",
		[LOOP_STATE_FROZEN] = "its cgroup is frozen",
	};
	const char *hidden = hidden_reason(w, is_light);
	enum loop_state state = LOOP_STATE_POLLS;

	if (hidden)
		return hidden;
	for (size_t i = 0; state == LOOP_STATE_POLLS && i < watch__known_loops(w); i++)
		state = w->process->loop_state(w->target, w->loops[i].tid, w->loops[i].loop);
	return reasons[state];
}

static const char *no_loop_reason(const struct watch *w)
{
	switch (w->loops_error) {
	case 0:
		return "no event loop runs in it";
	case -EINTR:
		return "a signal came before its event loops were found";
	case -ETIME:
		return "finding its event loops takes too much CPU time";
	default:
		return "its event loops cannot be read";
	}
}

const char *watch__silence_reason(const struct watch *w, bool is_light)
{
	const struct target *t = w->target;
	const struct runtime_words *words = target__words(t);

	if (!t)
		return words->not_there;
	if (!t->is_up)
		return words->not_up;
	if (!t->has_loops && w->n_loops == 0)
		return words->no_loops;
	return w->n_loops == 0 ? no_loop_reason(w) : loop_silence(w, is_light);
}
