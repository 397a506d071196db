/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state itself: takes events and readings, hands out stalls and the snapshot. It only passes on, to
 *   pending.c      what waits for its stall
 *   attribution.c  who took the time
 *   aggregate.c    the table by coroutine
 *   loops.c        the loop threads
 *   ledger.c       the call sites
 *   victims.c      who had to wait, and behind whom
 *   recent.c       the newest stalls
 *   live.c         what is open right now
 *   tasks.c        the tasks of the last look
 *   seconds.c      the last two minutes
 *   log.c          what happened
 */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/aggregate.h"
#include "model/attribution.h"
#include "model/ledger.h"
#include "model/live.h"
#include "model/log.h"
#include "model/loops.h"
#include "model/losses.h"
#include "model/pending.h"
#include "model/rate.h"
#include "model/recent.h"
#include "model/seconds.h"
#include "model/tasks.h"
#include "model/victims.h"
#include "stream/pystr.h"

#define MODEL_MAX_LOSSES 64

struct model {
	struct resolver resolver;
	stall_fn on_stall;
	void *ctx;
	struct pending pending;
	struct aggregate aggregate;
	uint64_t stalls; /* records seen */
	uint64_t callbacks_starved_ns; /* steps' is in their readings */
	uint64_t outside, outside_ns, outside_starved_ns; /* callback spans in which the thread had left the loop */
	struct loops loops;
	struct ledger ledger;
	struct victims victims;
	struct recent recent;
	struct live live;
	struct tasks tasks;
	struct seconds seconds;
	struct log log;
	uint64_t tick_ns; /* 0: none came yet */
	uint64_t tick_shed; /* stalls that had come without a record by then */
	size_t n_losses;
	struct named_loss {
		struct loss loss;
		uint64_t base; /* at the last reset */
	} losses[MODEL_MAX_LOSSES];
	uint64_t own_losses[MODEL_LOSS_MAX];
	/* What the last snapshot points to. */
	struct snapshot snapshot;
	struct coroutine_row *rows;
	struct loss shown_losses[MODEL_MAX_LOSSES + MODEL_LOSS_MAX];
};

static const struct loss own_loss_names[] = {
#define _(name, json, sentence) { json, sentence, 0 },
	MODEL_LOSSES(_)
#undef _
};

static const char *const kernel_losses[] = {
#define _(name, json, sentence) [LS_LOSS_##name] = json,
	LS_LOSSES(_)
#undef _
};

int model__new(struct model **ret_model, const struct resolver *resolver, stall_fn on_stall,
	       void *ctx)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->resolver = *resolver;
	m->on_stall = on_stall;
	m->ctx = ctx;
	m->recent.wanted = MODEL_MAX_STALLS;
	*ret_model = m;
	return 0;
}

void model__free(struct model *m)
{
	if (!m)
		return;
	pending__done(&m->pending);
	aggregate__done(&m->aggregate);
	loops__done(&m->loops);
	ledger__done(&m->ledger);
	victims__done(&m->victims);
	recent__done(&m->recent);
	live__done(&m->live);
	tasks__done(&m->tasks);
	log__done(&m->log);
	free(m->rows);
	free(m);
}

static void stall_add_victims(struct stall *stall, const struct ls_rec_stall *rec,
			      const struct pending_span *span)
{
	size_t i;

	for (i = 0; i < span->n_victims; i++)
		pystr__to_utf8(&span->victims[i].name, stall->victim_names[i],
			       sizeof(stall->victim_names[i]));
	stall->victims_named = (uint32_t)span->n_victims;
	stall->victims = rec->victims;
	if (stall->victims < stall->victims_named)
		stall->victims = stall->victims_named;
	stall->starved_ns = rec->starved_ns;
	stall->sockets = rec->sockets;
	stall->is_victims_cut = rec->flags & LS_STALL_VICTIMS_CUT;
	stall->is_victims_unknown = rec->flags & LS_STALL_VICTIMS_UNKNOWN;
	stall->is_light = rec->flags & LS_STALL_LIGHT;
}

/* What the record says by itself. */
static void stall_fill(const struct model *m, struct stall *stall, const struct ls_rec_stall *rec)
{
	const struct resolver *r = &m->resolver;

	memset(stall, 0, sizeof(*stall));
	stall->pid = rec->hdr.tgid;
	stall->tid = rec->hdr.tid;
	stall->unit = rec->unit;
	stall->start_ns = rec->start_ns;
	stall->duration_ns = rec->duration_ns;
	memcpy(stall->cause_ns, rec->cause_ns, sizeof(stall->cause_ns));
	attribution__split(rec->cause_ns, &stall->cpu_ns, &stall->blocked_ns, &stall->gil_ns,
			   &stall->runqueue_ns);
	stall->cause = attribution__cause(rec->cause_ns);
	stall->steps = rec->steps;
	stall->stolen_ns = rec->stolen_ns;
	if (stall->gil_ns && (rec->gil_holder_tstate || rec->gil_holder_id))
		stall->gil_holder_tid = r->ops->thread(r->ctx, stall->pid, rec->gil_holder_tstate,
						       rec->gil_holder_id);
	if (stall->unit == LS_UNIT_STEP) {
		stall->task = rec->task;
		pystr__to_utf8(&rec->name, stall->task_name, sizeof(stall->task_name));
	}
}

/* A name that could not be read is none. */
static struct code_info coroutine_of(const struct model *m, uint32_t pid,
				     const struct pending_victim *victim)
{
	const struct resolver *r = &m->resolver;
	struct code_info info = { NULL, NULL, 0 };

	if (!victim->code || r->ops->code(r->ctx, pid, victim->code, victim->qualname, &info) ||
	    !info.name || !info.file)
		return (struct code_info){ NULL, NULL, 0 };
	return info;
}

static int model_book_victims(struct model *m, const struct stall *stall, const struct place *place,
			      const struct pending_span *span)
{
	size_t i;
	int r = 0;

	for (i = 0; i < span->n_victims && !r; i++) {
		const struct victim victim = {
			.name = stall->victim_names[i],
			.coroutine = coroutine_of(m, stall->pid, &span->victims[i]),
			.waited_ns = span->victims[i].starved_ns,
		};

		r = victims__book(&m->victims, stall, place, &victim);
	}
	return r;
}

static int model_book(struct model *m, const struct stall *stall, const struct pending_span *span)
{
	struct place *place;
	int r;

	m->stalls++;
	recent__keep(&m->recent);
	if (stall->unit == LS_UNIT_CALLBACK)
		m->callbacks_starved_ns += stall->starved_ns;
	seconds__stall(&m->seconds, stall);
	r = aggregate__place(&m->aggregate, &stall->coroutine, &place);
	if (!r)
		r = ledger__stall(&m->ledger, stall, place);
	return r ? r : model_book_victims(m, stall, place, span);
}

static int model_stall(struct model *m, const struct ls_rec_stall *rec)
{
	_cleanup_(pending_span__done) struct pending_span span = { 0 };
	struct stall *stall = recent__next(&m->recent);
	bool is_inside;
	int r;

	if (!stall)
		return -ENOMEM;
	r = pending__take(&m->pending, rec, &span);
	if (r)
		return r;
	stall_fill(m, stall, rec);
	stall_add_victims(stall, rec, &span);
	r = attribution__place(&m->resolver, rec, &span, stall, &is_inside);
	if (r)
		return r;
	if (!is_inside) {
		m->outside++;
		m->outside_ns += rec->duration_ns;
		m->outside_starved_ns += rec->starved_ns;
		return 0;
	}
	r = model_book(m, stall, &span);
	if (r)
		return r;
	return m->on_stall ? m->on_stall(m->ctx, stall) : 0;
}

int model__event(struct model *m, const struct event *event)
{
	int r;

	switch (event->kind) {
	case LS_REC_STACK:
		return pending__add_stack(&m->pending, event->stack);
	case LS_REC_VICTIM:
		return pending__add_victim(&m->pending, event->victim);
	case LS_REC_STALL:
		return model_stall(m, event->stall);
	case LS_REC_EXEC:
		pending__forget_process(&m->pending, event->hdr->tgid);
		loops__forget(&m->loops, event->hdr->tgid, 0);
		return 0;
	case LS_REC_EXIT:
		pending__forget_thread(&m->pending, event->hdr->tgid, event->hdr->tid);
		r = loops__thread_end(&m->loops, event->hdr->tgid, event->hdr->tid);
		return r ? r : aggregate__thread_end(&m->aggregate, event->hdr->tgid, event->hdr->tid);
	case LS_REC_THREAD:
	case LS_REC_FORK:
	case LS_REC_NONE:
	case LS_REC_MAX:
		return 0;
	}
	return 0;
}

int model__coroutine(struct model *m, const struct ls_coro_key *key,
		     const struct ls_coro_stats *stats)
{
	return aggregate__coroutine(&m->aggregate, &m->resolver, key, stats);
}

int model__thread(struct model *m, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats)
{
	return loops__thread(&m->loops, pid, tid, stats);
}

int model__loop(struct model *m, uint32_t pid, uint32_t tid, const struct model_loop_info *info)
{
	return loops__info(&m->loops, pid, tid, info);
}

int model__tasks(struct model *m, uint64_t now_ns, const struct model_task *tasks, size_t n,
		 uint64_t alive)
{
	return tasks__look(&m->tasks, &m->resolver, now_ns, tasks, n, alive);
}

int model__live(struct model *m, const struct model_live *live, size_t n)
{
	return live__replace(&m->live, &m->resolver, live, n);
}

int model__log(struct model *m, uint64_t now_ns, enum log_grade grade, uint32_t pid, const char *text)
{
	return log__add(&m->log, now_ns, grade, pid, text);
}

void model__keep_stalls(struct model *m, size_t n)
{
	recent__done(&m->recent);
	m->recent.wanted = n < MODEL_MAX_STALLS ? n : MODEL_MAX_STALLS;
}

int model__loss(struct model *m, const char *name, const char *sentence, uint64_t count)
{
	size_t i;

	for (i = 0; i < m->n_losses && strcmp(m->losses[i].loss.name, name); i++)
		;
	if (i == MODEL_MAX_LOSSES) {
		m->own_losses[MODEL_LOSS_LOSS_ROWS]++;
		return 0;
	}
	if (i == m->n_losses)
		m->losses[m->n_losses++].base = 0;
	m->losses[i].loss = (struct loss){ name, sentence, count };
	return 0;
}

static uint64_t model_loss_count(const struct model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->n_losses; i++)
		if (!strcmp(m->losses[i].loss.name, name))
			return rate_since(m->losses[i].loss.count, m->losses[i].base);
	return 0;
}

static void snapshot_add_loss(struct model *m, const struct loss *loss, uint64_t count)
{
	struct loss *shown = &m->shown_losses[m->snapshot.n_losses];

	if (!count)
		return;
	*shown = *loss;
	shown->count = count;
	m->snapshot.n_losses++;
}

static void snapshot_losses(struct model *m)
{
	size_t i;

	m->own_losses[MODEL_LOSS_PENDING_STACKS] = m->pending.dropped_stacks;
	m->own_losses[MODEL_LOSS_THREAD_ROWS] = m->loops.refused;
	m->own_losses[MODEL_LOSS_COROUTINE_ROWS] =
		m->aggregate.is_coroutines_full ? m->snapshot.unattributed_steps : 0;
	m->own_losses[MODEL_LOSS_SITE_ROWS] = m->ledger.refused;
	m->own_losses[MODEL_LOSS_VICTIM_ROWS] = m->victims.refused;
	m->own_losses[MODEL_LOSS_CULPRIT_ROWS] =
		m->ledger.pairs.refused + m->victims.pairs.refused;
	m->own_losses[MODEL_LOSS_TASK_ROWS] = m->tasks.refused;
	for (i = 0; i < m->n_losses; i++) {
		const struct named_loss *l = &m->losses[i];

		snapshot_add_loss(m, &l->loss,
				  l->loss.count > l->base ? l->loss.count - l->base : 0);
	}
	for (i = 0; i < MODEL_LOSS_MAX; i++)
		snapshot_add_loss(m, &own_loss_names[i], m->own_losses[i]);
	m->snapshot.losses = m->shown_losses;
}

int model__tick(struct model *m, uint64_t now_ns)
{
	const uint64_t from_ns = m->tick_ns, interval_ns = from_ns ? now_ns - from_ns : 0;
	const uint64_t shed = model_loss_count(m, kernel_losses[LS_LOSS_STALL_SHED]);
	double busy, steps_per_s;

	if (now_ns <= from_ns)
		return 0;
	aggregate__tick(&m->aggregate, interval_ns);
	busy = loops__tick(&m->loops, now_ns, interval_ns, m->live.rows, m->live.n_rows,
			   &steps_per_s);
	seconds__tick(&m->seconds, from_ns, now_ns, busy, steps_per_s);
	seconds__shed(&m->seconds, now_ns, rate_since(shed, m->tick_shed));
	m->tick_shed = shed;
	m->tick_ns = now_ns;
	return 0;
}

void model__reset(struct model *m)
{
	size_t i;

	aggregate__reset(&m->aggregate);
	loops__reset(&m->loops);
	ledger__done(&m->ledger);
	victims__done(&m->victims);
	recent__reset(&m->recent);
	memset(&m->seconds, 0, sizeof(m->seconds));
	memset(m->own_losses, 0, sizeof(m->own_losses));
	for (i = 0; i < m->n_losses; i++)
		m->losses[i].base = m->losses[i].loss.count;
	m->pending.dropped_stacks = 0;
	m->tasks.refused = 0;
	m->stalls = m->callbacks_starved_ns = 0;
	m->outside = m->outside_ns = m->outside_starved_ns = 0;
}

/* The threads' readings have those of stalls without a record, too; they are a moment old, and recordings of before lack them. */
static uint64_t callbacks_starved_ns(const struct model *m)
{
	const uint64_t read_ns = rate_since(m->loops.callbacks_starved_ns, m->outside_starved_ns);

	return read_ns > m->callbacks_starved_ns ? read_ns : m->callbacks_starved_ns;
}

int model__snapshot(struct model *m, const struct snapshot **ret_snapshot)
{
	const uint64_t shed = model_loss_count(m, kernel_losses[LS_LOSS_STALL_SHED]);
	bool has_other = m->aggregate.is_coroutines_full ||
			 model_loss_count(m, kernel_losses[LS_LOSS_COROUTINE_MAP]);
	int r;

	memset(&m->snapshot, 0, sizeof(m->snapshot));
	r = loops__sum(&m->loops, &m->snapshot);
	if (r)
		return r;
	r = aggregate__sum(&m->aggregate, has_other, &m->rows, &m->snapshot);
	if (r)
		return r;
	m->snapshot.starved_ns += callbacks_starved_ns(m);
	/* The kernel side cannot tell a loop that has ended from one whose callback takes long. */
	m->snapshot.stalls -= m->outside < m->snapshot.stalls ? m->outside : m->snapshot.stalls;
	m->snapshot.callbacks_ns -= m->outside_ns < m->snapshot.callbacks_ns ? m->outside_ns :
									       m->snapshot.callbacks_ns;
	/* Those of threads that went to sleep a moment ago may be missing in their readings. */
	if (m->snapshot.stalls < m->stalls + shed)
		m->snapshot.stalls = m->stalls + shed;
	r = ledger__rows(&m->ledger, &m->snapshot);
	if (!r)
		r = victims__rows(&m->victims, &m->snapshot);
	if (r)
		return r;
	snapshot_losses(m);
	recent__rows(&m->recent, &m->snapshot);
	live__rows(&m->live, &m->snapshot);
	tasks__rows(&m->tasks, &m->snapshot);
	seconds__rows(&m->seconds, &m->snapshot);
	log__rows(&m->log, &m->snapshot);
	*ret_snapshot = &m->snapshot;
	return 0;
}
