/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a process is examined, and what that may cost. Processes that were asked for are examined
 * when that is due. All others, whose number the target decides, share an allowance of CPU time.
 */
#include "session/parts.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "base/time.h"
#include "base/work.h"
#include "session/pacer.h"

#define SHARE 0.02 /* of a core */
#define SAVED_NS (200 * NS_PER_MS) /* a server's workers that start at the same time */
/* Half of it is kept for children that live: in a storm of forks most end at once. */
#define STORM_PART 2
/* A child that ends earlier cannot be measured: README.md, Limits. */
#define BRIEF_NS (20 * NS_PER_MS)
/* A first look comes before repeated ones, unless they have waited that long. */
#define PATIENCE_NS (5 * NS_PER_S)
/* Of examinations in a row. Events are drained between two turns. */
#define TURN_CPU_NS (20 * NS_PER_MS)
/* Looks at one process take at most 2 % of a core, once it is older than a few of them. */
#define COST_FACTOR 50
#define AGE_PART 2
/* A process without a runtime this long after its start gets one only by another exec. */
#define GIVE_UP_NS NS_PER_S

/* Only stop processes that we started ourselves. */
static void hold(void *ctx)
{
	struct watch *w = ctx;
	const struct session *s = w->session;

	if (s->opts.child && !s->opts.child->is_reaped && !w->is_held)
		w->is_held = s->env->process->signal(w->pid, SIGSTOP) >= 0;
}

void session__resume(struct session *s, struct watch *w)
{
	if (w->is_held)
		s->env->process->signal(w->pid, SIGCONT);
	w->is_held = false;
}

/*
 * The next look comes later if this one was expensive. Not in the first second of a process that
 * was asked for: its first step is to be measured, and may come at once.
 */
static void pace(struct watch *w, uint64_t now_ns, uint64_t cost_ns)
{
	const struct pacer pacer = { .cost_factor = COST_FACTOR,
				     .longest_ns = (now_ns - w->born_ns) / AGE_PART };
	const uint64_t due_ns = pacer__next_ns(&pacer, now_ns, cost_ns);

	if (!w->is_unconfirmed && now_ns - w->born_ns < GIVE_UP_NS)
		return;
	if (w->examine_due_ns < due_ns)
		w->examine_due_ns = due_ns;
}

int session__examine(struct session *s, struct watch *w, uint64_t now_ns, struct err *err)
{
	const struct target_context context = { .relative = watches__relative(&s->watches),
						.on_search = hold,
						.ctx = w };

	return watch__examine(w, &context, now_ns, err);
}

/* Whether a process without a runtime may get one without an event from the kernel side. */
static bool is_undecided(const struct watch *w, uint64_t now_ns)
{
	return !w->is_unconfirmed || now_ns - w->born_ns < GIVE_UP_NS;
}

/* Who watches everything must hear why there may be nothing, but not for each process. */
static bool is_first_without_right(struct session *s, int code)
{
	struct examinations *e = &s->examinations;
	const bool is_first = s->opts.is_everything && !e->is_right_missing &&
		(code == -EACCES || code == -EPERM);

	e->is_right_missing |= is_first;
	return is_first;
}

/* A child that was not named gets no message. */
static void report_failure(struct session *s, const struct watch *w, int code,
			   const struct err *err)
{
	if (is_first_without_right(s, code))
		log_warn("not every process can be watched: %s%s%s", err->what,
			 *err->hint ? "; " : "", err->hint);
	else if (w->is_unconfirmed)
		log_debug("%s", err->what);
	else
		log_warn("%s%s%s", err->what, *err->hint ? "; " : "", err->hint);
	session__note(s, LOG_GRADE_ERROR, w->pid, "%s", err->what);
}

static void examine(struct session *s, struct watch *w, uint64_t now_ns)
{
	const bool is_first = !w->is_examined;
	struct err err = {};
	int r;

	r = session__examine(s, w, now_ns, &err);
	if (r > 0)
		r = session__attach(s, w, &err);
	else if (r == 0)
		session__find_loops(s, w);
	session__resume(s, w);
	/* Its pidfd reports the end. */
	if (r == -ESRCH && is_first)
		w->is_examined = false;
	/* No runtime yet: the silence message explains it. */
	if (r >= 0 || r == -ESRCH || (r == -ENOEXEC && is_undecided(w, now_ns)))
		return;
	w->examine_due_ns = UINT64_MAX;
	if (r != -ENOEXEC)
		report_failure(s, w, r, &err);
}

static bool has_allowance(struct session *s, uint64_t now_ns)
{
	struct examinations *e = &s->examinations;

	return !e->is_bounded || allowance__has(&e->allowance, now_ns);
}

uint64_t session__newborn_due_ns(struct session *s, uint64_t born_ns, uint64_t now_ns)
{
	const struct examinations *e = &s->examinations;

	if (has_allowance(s, now_ns) &&
	    (!e->is_bounded || e->allowance.left_ns > (double)e->allowance.most_ns / STORM_PART))
		return now_ns;
	return born_ns + BRIEF_NS;
}

/* Order of the examinations that are due. */
static uint64_t place_of(const struct watch *w)
{
	return w->examine_due_ns + (w->is_unconfirmed && w->is_examined ? PATIENCE_NS : 0);
}

static struct watch *next_due(struct session *s, uint64_t now_ns)
{
	const bool is_any = has_allowance(s, now_ns);
	struct watch *w, *next = NULL;

	WATCHES_EACH(&s->watches, WATCH_ALIVE, w)
	if (now_ns >= w->examine_due_ns && (is_any || !w->is_unconfirmed) &&
	    (!next || place_of(w) < place_of(next)))
		next = w;
	return next;
}

void session__examine_due(struct session *s, uint64_t now_ns)
{
	const uint64_t begun_ns = session__own_cpu_ns(s);
	uint64_t cpu_ns = begun_ns;
	struct watch *w;

	while ((!s->examinations.is_bounded || cpu_ns - begun_ns < TURN_CPU_NS) &&
	       (w = next_due(s, now_ns))) {
		const uint64_t before_ns = cpu_ns;

		examine(s, w, now_ns);
		cpu_ns = session__own_cpu_ns(s);
		pace(w, now_ns, cpu_ns - before_ns);
		if (w->is_unconfirmed)
			allowance__spend(&s->examinations.allowance, cpu_ns - before_ns);
	}
}

uint64_t session__examination_due_ns(struct session *s, uint64_t now_ns)
{
	const struct examinations *e = &s->examinations;
	const uint64_t allowed_ns =
		has_allowance(s, now_ns) ? 0 : allowance__due_ns(&e->allowance, now_ns);
	uint64_t due_ns = UINT64_MAX;
	const struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_ALIVE, w)
	{
		uint64_t of = w->examine_due_ns;

		if (w->is_unconfirmed && of < allowed_ns)
			of = allowed_ns;
		due_ns = of < due_ns ? of : due_ns;
	}
	return due_ns;
}

void session__bound_examinations(struct session *s)
{
	allowance__init(&s->examinations.allowance, SHARE, work_scaled_ns(SAVED_NS),
			session__now_ns(s));
	s->examinations.is_bounded = true;
}

void session__count_unexamined(struct session *s, uint64_t age_ns, bool has_executed)
{
	if (age_ns >= BRIEF_NS)
		s->examinations.n_left_out++;
	else if (!has_executed)
		s->examinations.n_brief++;
}

void session__on_watch_end(struct session *s, const struct watch *w)
{
	if (w->is_unconfirmed && !w->is_examined)
		session__count_unexamined(s, session__now_ns(s) - w->born_ns, w->has_executed);
}

void session__end_examinations(struct session *s, uint64_t now_ns)
{
	const struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_ALIVE, w)
	if (w->is_unconfirmed && !w->is_examined && now_ns - w->born_ns >= BRIEF_NS)
		s->examinations.n_left_out++;
}
