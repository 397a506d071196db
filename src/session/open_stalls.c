/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls that have not ended: reported while they go on, more and more seldom, and once more when
 * the measurement ends inside them.
 */
#include "session/parts.h"

#include <errno.h>

#include "base/array.h"

#define LOOK_EVERY_NS (250 * NS_PER_MS)
#define FIRST_THRESHOLDS 10

/* How long a stall is open when it is reported, at the earliest; then again. */
static const uint64_t ages_ns[] = { NS_PER_S, 10 * NS_PER_S, 60 * NS_PER_S, 600 * NS_PER_S };

/*
 * With a high threshold the first report comes later. Nobody knows how long a stall lasts already
 * that began before its thread was found: it is reported at the first look.
 */
static uint64_t report_age_ns(const struct session *s, const struct open_stall *o)
{
	const uint64_t first_ns = FIRST_THRESHOLDS * s->opts.threshold_ns,
		       age_ns = ages_ns[o->n_reports];

	if (o->is_late && !o->n_reports)
		return s->opts.threshold_ns;
	return age_ns > first_ns ? age_ns : first_ns;
}

/* Where the list has the thread; o->n if it does not. */
static size_t index_of(const struct open_stalls *o, uint32_t pid, uint32_t tid)
{
	size_t i = 0;

	while (i < o->n && (o->list[i].pid != pid || o->list[i].tid != tid))
		i++;
	return i;
}

/* NULL: the list is full. */
static struct open_stall *entry_of(struct session *s, uint32_t pid, uint32_t tid)
{
	struct open_stalls *o = &s->open;
	const size_t i = index_of(o, pid, tid);

	if (i == MAX_SPANS)
		return NULL;
	if (i == o->n)
		o->list[o->n++] = (struct open_stall){ .pid = pid, .tid = tid };
	return &o->list[i];
}

/* Reads all names, and who waits: the process may not live to give them at the end of the stall. */
static int note_stall(void *ctx, const struct event *event)
{
	struct session *s = ctx;
	struct ls_rec_stall stall;
	struct open_stall *o;

	model__learn_names(s->feed.model, event);
	if (event->kind != LS_REC_STALL)
		return 0;
	o = entry_of(s, event->hdr->tgid, event->hdr->tid);
	if (!o)
		return 0;
	stall = *event->stall;
	session__complete_stall(s, &stall);
	if (o->start_ns != stall.start_ns) {
		session__name_task(s, &stall);
		o->start_ns = stall.start_ns;
		o->task = stall.task;
		o->name = stall.name;
		o->is_late = stall.flags & LS_STALL_BEGAN_BEFORE;
		o->n_reports = 0;
		o->is_asked_reported = false;
	}
	o->age_ns = event->hdr->ts_ns - stall.start_ns;
	session__waiting(s, &stall);
	session__look_at_lock(s, &stall);
	return 0;
}

bool session__name_open_stall(const struct session *s, struct ls_rec_stall *stall)
{
	const struct open_stalls *o = &s->open;
	const size_t i = index_of(o, stall->hdr.tgid, stall->hdr.tid);

	if (i == o->n || o->list[i].start_ns != stall->start_ns)
		return false;
	stall->task = o->list[i].task;
	stall->name = o->list[i].name;
	return true;
}

void session__forget_open_stall(struct session *s, uint32_t pid, uint32_t tid)
{
	struct open_stalls *o = &s->open;
	const size_t i = index_of(o, pid, tid);

	if (i < o->n)
		o->list[i] = o->list[--o->n];
}

/* The age that the options ask for. */
static bool is_asked_due(const struct session *s, const struct open_stall *o)
{
	return s->opts.report_open_ns && !o->is_asked_reported &&
		o->age_ns >= s->opts.report_open_ns;
}

static bool is_due(const struct session *s, const struct open_stall *o)
{
	return o->n_reports < N_OF(ages_ns) && o->age_ns >= report_age_ns(s, o);
}

/* Hands the stall that the thread is in, if it is in one, to `fn`. */
static int read_stall(struct session *s, const struct loop_thread *thread, uint64_t now_ns,
		      enum ls_end end, event_fn fn)
{
	const struct open_stall_query query = {
		.now_ns = now_ns, .min_ns = s->opts.threshold_ns, .end = end, .fn = fn, .ctx = s
	};

	return s->env->kernel->open_stall(s->probe, thread->fd, &query);
}

/* What the thread is in now, as a look found it; NULL if that is no stall. */
static struct open_stall *look(struct session *s, const struct loop_thread *thread, uint64_t now_ns)
{
	if (read_stall(s, thread, now_ns, LS_END_OPEN, note_stall) < 0)
		return NULL;
	return entry_of(s, (uint32_t)thread->pid, (uint32_t)thread->tid);
}

static int report(struct session *s, const struct loop_thread *thread, uint64_t now_ns,
		  enum ls_end end, event_fn fn)
{
	const int r = read_stall(s, thread, now_ns, end, fn);

	/* It ended at this moment, or the thread did: the kernel side reports that. */
	return r == -ENOENT || r == -EAGAIN || r == -ESRCH ? 0 : r;
}

static int look_at_thread(void *ctx, const struct loop_thread *thread, uint64_t now_ns)
{
	struct session *s = ctx;
	struct open_stall *o = look(s, thread, now_ns);

	if (!o || !(is_due(s, o) || is_asked_due(s, o)))
		return 0;
	o->is_asked_reported |= is_asked_due(s, o);
	while (is_due(s, o))
		o->n_reports++;
	/* What the look has read of other processes was true before this moment. */
	return report(s, thread, session__now_ns(s), LS_END_OPEN, session__on_event);
}

static int look_at_all(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;
	const uint64_t before_ns = session__own_cpu_ns(s);
	int r = session__each_loop_thread(s, look_at_thread, s, now_ns);

	s->open.look.due_ns = session__next_due_ns(s, now_ns, LOOK_EVERY_NS, before_ns);
	return r;
}

static int report_thread(void *ctx, const struct loop_thread *thread, uint64_t now_ns)
{
	return report(ctx, thread, now_ns, LS_END_OPEN, session__on_event);
}

int session__report_open_stalls(struct session *s, uint64_t now_ns)
{
	return session__each_loop_thread(s, report_thread, s, now_ns);
}

static int record_as_is(void *ctx, const struct event *event)
{
	struct session *s = ctx;

	return recorder__event(s->feed.recorder, s->feed.now_ns, event);
}

/* The model was given the same stall as an open one, and asked for its names then. */
static int record_event(void *ctx, const struct event *event)
{
	struct session *s = ctx;
	struct ls_rec_stall stall;
	const struct event named = { .kind = LS_REC_STALL, .stall = &stall };
	int r;

	if (event->kind != LS_REC_STALL)
		return record_as_is(s, event);
	stall = *event->stall;
	session__name_task(s, &stall);
	session__complete_stall(s, &stall);
	r = session__send_waiting(s, &stall, record_as_is);
	if (r >= 0)
		r = session__send_lock_look(s, &stall, record_as_is);
	return r < 0 ? r : record_as_is(s, &named);
}

static int record_thread(void *ctx, const struct loop_thread *thread, uint64_t now_ns)
{
	read_stall(ctx, thread, now_ns, LS_END_RUNNING, record_event);
	return 0;
}

int session__record_open_stalls(struct session *s, uint64_t now_ns)
{
	return session__each_loop_thread(s, record_thread, s, now_ns);
}

/* It may end for the kernel side as well, a moment later. */
static int end_stall(void *ctx, const struct event *event)
{
	struct session *s = ctx;
	struct open_stall *o;
	int r = session__on_event(s, event);

	if (event->kind != LS_REC_STALL)
		return r;
	o = entry_of(s, event->hdr->tgid, event->hdr->tid);
	if (o) {
		o->start_ns = event->stall->start_ns;
		o->is_ended = true;
	}
	return r;
}

static int end_thread(void *ctx, const struct loop_thread *thread, uint64_t now_ns)
{
	return report(ctx, thread, now_ns, LS_END_RUNNING, end_stall);
}

int session__end_open_stalls(struct session *s, uint64_t now_ns)
{
	s->open.has_ended = true;
	return session__each_loop_thread(s, end_thread, s, now_ns);
}

bool session__has_ended_stall(const struct session *s, const struct ls_rec_stall *stall)
{
	const struct open_stalls *o = &s->open;
	const size_t i = index_of(o, stall->hdr.tgid, stall->hdr.tid);

	return i < o->n && o->list[i].is_ended && o->list[i].start_ns == stall->start_ns;
}

void session__init_open_stalls(struct session *s)
{
	s->open.look = (struct timer){ .due_ns = s->life.started_ns + LOOK_EVERY_NS,
				       .fn = look_at_all,
				       .ctx = s };
	loop__add_timer(&s->loop, &s->open.look);
}
