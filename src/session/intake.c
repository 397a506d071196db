/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events and aggregates of the kernel side on their way to the model, and the pace of reading.
 */
#include "session/parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "session/pacer.h"

/* Aggregates are read often at first, so that the rows of a short-lived process have names. */
#define MIN_READ_PACE_NS (50 * NS_PER_MS)
/* Reading takes at most 3 % of a core, unless it would come less often than this. */
#define COST_FACTOR 33
#define LONGEST_NS (2 * SESSION_TICK_NS)
/*
 * What finding native frames may take of a core. A library is read when it is first seen in a
 * stack, which takes milliseconds.
 */
#define UNWINDING_SHARE 0.01
#define UNWINDING_MOST_NS (200 * NS_PER_MS)

/*
 * A task whose scheduler the kernel side did not know yet goes by the address of its coroutine: its
 * own address and name are read here, as long as it lives.
 */
static bool find_python_task(struct session *s, struct watch *w, struct ls_rec_stall *stall)
{
	struct ls_pystr name;
	uint64_t task;
	int r;

	if (stall->task != stall->coro)
		return false;
	r = target__task_of_coroutine(w->target, stall->coro, &task, &name);
	session__note_cut(s, w, r);
	if (r < 0 || !task)
		return false;
	stall->task = task;
	stall->name = name;
	return true;
}

void session__name_task(struct session *s, struct ls_rec_stall *stall)
{
	struct watch *w = watches__find(&s->watches, (pid_t)stall->hdr.tgid);
	const bool is_readable = w && w->target && !w->is_look_cut;

	if (stall->unit != LS_UNIT_STEP || !stall->task)
		return;
	if ((stall->flags & LS_STALL_BEGAN_BEFORE) && session__name_late_stall(s, stall))
		return;
	if (is_readable && find_python_task(s, w, stall))
		return;
	if (stall->name.kind != LS_NO_NAME || session__name_open_stall(s, stall))
		return;
	if (is_readable)
		target__task_name(w->target, stall->task, stall->coro, &stall->name);
}

static void on_thread_exit(struct session *s, struct watch *w, const struct ls_rec_hdr *hdr)
{
	const pid_t tid = (pid_t)hdr->tid;

	/* The tid may be reused. */
	if (w)
		watch__set_kernel_state(w, tid, false);
	s->env->kernel->forget_thread(s->probe, tid);
	session__forget_thread(s, tid);
	session__forget_open_stall(s, hdr->tgid, hdr->tid);
	session__on_thread_end(s, hdr->tgid, hdr->tid);
}

static int feed_event(void *ctx, const struct event *event)
{
	struct session *s = ctx;

	return feed__event(&s->feed, event);
}

/*
 * Finds the native frames in a copied stack, as far as the allowance for it reaches. The copy goes
 * no further.
 */
static int on_copy(struct session *s, const struct ls_rec_copy *copy)
{
	struct intake *in = &s->intake;
	const uint64_t now_ns = session__now_ns(s), before_ns = session__own_cpu_ns(s);
	struct ls_rec_native native;
	const struct event event = { .kind = LS_REC_NATIVE, .native = &native };
	int r;

	if (!allowance__has(&in->unwinding, now_ns)) {
		in->n_not_unwound++;
		return 0;
	}
	r = s->env->symbol->unwind(s->symbols, copy, &native);
	allowance__spend(&in->unwinding, session__own_cpu_ns(s) - before_ns);
	return r < 0 ? 0 : feed__event(&s->feed, &event);
}

/* The kernel side's record, with what only this side knows of it. */
static int on_stall(struct session *s, const struct event *event)
{
	struct ls_rec_stall stall = *event->stall;
	struct event named = *event;
	int r;

	session__name_task(s, &stall);
	session__complete_stall(s, &stall);
	/* Our own signal ended the command. */
	if (stall.end == LS_END_SIGNAL && s->life.is_stopping)
		stall.end = LS_END_RUNNING;
	named.stall = &stall;
	r = session__send_waiting(s, &stall, feed_event);
	if (r >= 0)
		r = session__send_lock_look(s, &stall, feed_event);
	return r < 0 ? r : feed__event(&s->feed, &named);
}

int session__on_event(void *ctx, const struct event *event)
{
	struct session *s = ctx;
	struct watch *w = watches__find(&s->watches, (pid_t)event->hdr->tgid);

	switch (event->kind) {
	case LS_REC_THREAD:
		if (w && w->target) {
			session__find_requests(s, w);
			session__on_thread(s, w, event->thread);
		}
		break;
	case LS_REC_FORK:
		session__on_fork(s, event->fork);
		return 0;
	case LS_REC_EXEC:
		/* Not a process we watch. */
		if (!session__on_exec(s, (pid_t)event->hdr->tgid))
			return 0;
		break;
	case LS_REC_EXIT:
		on_thread_exit(s, w, event->hdr);
		break;
	case LS_REC_STALL:
		return session__has_ended_stall(s, event->stall) ? 0 : on_stall(s, event);
	case LS_REC_COPY:
		return on_copy(s, event->copy);
	case LS_REC_CODE:
		s->env->symbol->keep_code(s->symbols, event->code);
		return 0;
	default:
		break;
	}
	return feed__event(&s->feed, event);
}

int session__drain(struct session *s)
{
	int r;

	/* Every turn of the session begins with it. */
	s->feed.now_ns = session__now_ns(s);
	r = s->env->kernel->drain(s->probe, session__on_event, s);
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
	struct watch *w = watches__find(&s->watches, (pid_t)pid);

	if (w)
		w->steps += stats->steps + stats->handles;
	return feed__thread(&s->feed, pid, tid, stats);
}

static const struct {
	const char *name, *sentence;
} losses[LS_LOSS_MAX] = {
#define _(name, json, effect, sentence) [LS_LOSS_##name] = { json, sentence },
	LS_LOSSES(_)
#undef _
};

static int read_losses(struct session *s)
{
	uint64_t counts[LS_LOSS_MAX] = {};
	int r;

	r = s->env->kernel->losses(s->probe, counts);
	s->intake.shed = counts[LS_LOSS_STALL_SHED];
	counts[LS_LOSS_NATIVE_SHED] += s->intake.n_not_unwound;
	counts[LS_LOSS_CHILD_BRIEF] += s->examinations.n_brief;
	counts[LS_LOSS_CHILD_UNEXAMINED] += s->examinations.n_left_out;
	for (int i = 0; r >= 0 && i < LS_LOSS_MAX; i++) {
		r = feed__loss(&s->feed, losses[i].name, losses[i].sentence, counts[i]);
		if (!counts[i] || s->intake.is_loss_noted[i])
			continue;
		s->intake.is_loss_noted[i] = true;
		session__note(s, LOG_GRADE_WARNING, 0, "first of its kind: %s", losses[i].sentence);
	}
	return r;
}

static int read_aggregates(struct session *s)
{
	struct watch *w;
	int r;

	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	w->steps = 0;
	r = s->env->kernel->each_thread(s->probe, on_thread, s);
	if (r >= 0)
		r = s->env->kernel->each_coroutine(s->probe, on_coroutine, s);
	return r < 0 ? r : read_losses(s);
}

int session__read(struct session *s, uint64_t now_ns)
{
	int r;

	r = SINKS_CALL(s, before_read);
	if (r < 0)
		return r;
	session__refresh_loops(s);
	s->env->kernel->read_cost(s->probe, now_ns, &s->intake.cost);
	r = read_aggregates(s);
	if (r >= 0)
		r = session__read_loops(s, now_ns);
	if (r >= 0)
		r = session__read_pools(s, now_ns);
	if (r >= 0)
		session__adjust_bounds(s, now_ns);
	/* Rates are computed from what was just read. */
	if (r < 0 || now_ns < s->intake.tick_due_ns)
		return r;
	s->intake.tick_due_ns = now_ns + SESSION_TICK_NS;
	r = SINKS_CALL(s, before_tick, now_ns);
	return r < 0 ? r : feed__tick(&s->feed, now_ns);
}

uint64_t session__next_due_ns(const struct session *s, uint64_t now_ns, uint64_t pace_ns,
			      uint64_t cpu_ns)
{
	const struct pacer pacer = { .pace_ns = pace_ns,
				     .cost_factor = COST_FACTOR,
				     .longest_ns = LONGEST_NS };

	return pacer__next_ns(&pacer, now_ns, session__own_cpu_ns(s) - cpu_ns);
}

int session__report_shed(struct session *s, uint64_t now_ns)
{
	struct intake *in = &s->intake;
	const struct report_shed shed = { .from_ns = in->shed_reported_ns,
					  .until_ns = now_ns,
					  .stalls = in->shed - in->shed_reported };
	int r = shed.stalls ? session__start_sinks(s) : 0;

	in->shed_reported_ns = now_ns;
	in->shed_reported = in->shed;
	return r < 0 || !shed.stalls ? r : SINKS_CALL(s, shed, &shed);
}

static int show_snapshot(struct session *s, uint64_t now_ns)
{
	const struct snapshot *snapshot;
	bool is_wanted = false;
	int r;

	for (const struct sink *k = s->sinks; k; k = k->next)
		is_wanted |= k->ops->read != NULL;
	if (!is_wanted)
		return 0;
	r = model__snapshot(s->feed.model, &snapshot);
	return r < 0 ? r : SINKS_CALL(s, read, snapshot, now_ns);
}

static int read_at_pace(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;
	const uint64_t before_ns = session__own_cpu_ns(s);
	uint64_t pace_ns = watch_pace_ns(now_ns - s->life.started_ns);
	int r;

	if (pace_ns < MIN_READ_PACE_NS)
		pace_ns = MIN_READ_PACE_NS;
	r = session__read(s, now_ns);
	if (r >= 0 && now_ns - s->intake.shed_reported_ns >= SESSION_TICK_NS)
		r = session__report_shed(s, now_ns);
	s->intake.read.due_ns = session__next_due_ns(s, now_ns, pace_ns, before_ns);
	return r < 0 ? r : show_snapshot(s, now_ns);
}

void session__init_intake(struct session *s, bool is_pacing)
{
	s->intake.shed_reported_ns = s->life.started_ns;
	allowance__init(&s->intake.unwinding, UNWINDING_SHARE, UNWINDING_MOST_NS,
			s->life.started_ns);
	s->intake.read = (struct timer){ .due_ns = is_pacing ? 0 : TIMER_NEVER,
					 .fn = read_at_pace,
					 .ctx = s };
	loop__add_timer(&s->loop, &s->intake.read);
}

void session__note(struct session *s, enum log_grade grade, pid_t pid, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (feed__log(&s->feed, session__now_ns(s), grade, (uint32_t)pid, text) < 0)
		log_debug("not logged: %s", text);
}
