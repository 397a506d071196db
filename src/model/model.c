/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state itself: takes events and readings, hands out stalls and the snapshot. What waits for
 * its stall is in pending.c, who took the time in attribution.c, the table by coroutine in
 * aggregate.c.
 */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/aggregate.h"
#include "model/attribution.h"
#include "model/losses.h"
#include "model/pending.h"
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
	uint64_t outside, outside_ns; /* callback spans in which the thread had left the loop */
	struct stall stall; /* the one being told: too large for the stack */
	size_t n_losses;
	struct loss losses[MODEL_MAX_LOSSES];
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

int model__new(struct model **ret_model, const struct resolver *resolver, stall_fn on_stall,
	       void *ctx)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->resolver = *resolver;
	m->on_stall = on_stall;
	m->ctx = ctx;
	*ret_model = m;
	return 0;
}

void model__free(struct model *m)
{
	if (!m)
		return;
	pending__done(&m->pending);
	aggregate__done(&m->aggregate);
	free(m->rows);
	free(m);
}

static void stall_add_victims(struct stall *stall, const struct ls_rec_stall *rec,
			      const struct pending_span *span)
{
	size_t i;

	for (i = 0; i < span->n_victims; i++)
		pystr__to_utf8(&span->victims[i], stall->victim_names[i],
			       sizeof(stall->victim_names[i]));
	stall->victims_named = (uint32_t)span->n_victims;
	stall->victims = rec->victims;
	if (stall->victims < stall->victims_named)
		stall->victims = stall->victims_named;
	stall->starved_ns = rec->starved_ns;
	stall->sockets = rec->sockets;
	stall->is_victims_cut = rec->flags & LS_STALL_VICTIMS_CUT;
	stall->is_victims_unknown = rec->flags & LS_STALL_VICTIMS_UNKNOWN;
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
	if (stall->gil_ns && (rec->gil_holder_tstate || rec->gil_holder_id))
		stall->gil_holder_tid = r->ops->thread(r->ctx, stall->pid, rec->gil_holder_tstate,
						       rec->gil_holder_id);
	if (stall->unit == LS_UNIT_STEP) {
		stall->task = rec->task;
		pystr__to_utf8(&rec->name, stall->task_name, sizeof(stall->task_name));
	}
}

static int model_stall(struct model *m, const struct ls_rec_stall *rec)
{
	_cleanup_(pending_span__done) struct pending_span span = { 0 };
	bool is_inside;
	int r;

	r = pending__take(&m->pending, rec, &span);
	if (r)
		return r;
	stall_fill(m, &m->stall, rec);
	stall_add_victims(&m->stall, rec, &span);
	r = attribution__place(&m->resolver, rec, &span, &m->stall, &is_inside);
	if (r)
		return r;
	if (!is_inside) {
		m->outside++;
		m->outside_ns += rec->duration_ns;
		return 0;
	}
	m->stalls++;
	if (m->stall.unit == LS_UNIT_CALLBACK)
		m->callbacks_starved_ns += m->stall.starved_ns;
	return m->on_stall ? m->on_stall(m->ctx, &m->stall) : 0;
}

int model__event(struct model *m, const struct event *event)
{
	switch (event->kind) {
	case LS_REC_STACK:
		return pending__add_stack(&m->pending, event->stack);
	case LS_REC_VICTIM:
		return pending__add_victim(&m->pending, event->victim);
	case LS_REC_STALL:
		return model_stall(m, event->stall);
	case LS_REC_EXEC:
		pending__forget_process(&m->pending, event->hdr->tgid);
		return 0;
	case LS_REC_EXIT:
		pending__forget_thread(&m->pending, event->hdr->tgid, event->hdr->tid);
		return 0;
	case LS_REC_THREAD:
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
	return aggregate__thread(&m->aggregate, pid, tid, stats);
}

int model__loss(struct model *m, const char *name, const char *sentence, uint64_t count)
{
	size_t i;

	for (i = 0; i < m->n_losses && strcmp(m->losses[i].name, name); i++)
		;
	if (i == MODEL_MAX_LOSSES) {
		m->own_losses[MODEL_LOSS_LOSS_ROWS]++;
		return 0;
	}
	m->losses[i] = (struct loss){ name, sentence, count };
	if (i == m->n_losses)
		m->n_losses++;
	return 0;
}

static uint64_t model_loss_count(const struct model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->n_losses; i++)
		if (!strcmp(m->losses[i].name, name))
			return m->losses[i].count;
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
	m->own_losses[MODEL_LOSS_THREAD_ROWS] = m->aggregate.refused_threads;
	m->own_losses[MODEL_LOSS_COROUTINE_ROWS] =
		m->aggregate.is_coroutines_full ? m->snapshot.unattributed_steps : 0;
	for (i = 0; i < m->n_losses; i++)
		snapshot_add_loss(m, &m->losses[i], m->losses[i].count);
	for (i = 0; i < MODEL_LOSS_MAX; i++)
		snapshot_add_loss(m, &own_loss_names[i], m->own_losses[i]);
	m->snapshot.losses = m->shown_losses;
}

int model__snapshot(struct model *m, const struct snapshot **ret_snapshot)
{
	static const char *const kernel_losses[] = {
#define _(name, json, sentence) [LS_LOSS_##name] = json,
		LS_LOSSES(_)
#undef _
	};
	bool has_other = m->aggregate.is_coroutines_full ||
			 model_loss_count(m, kernel_losses[LS_LOSS_COROUTINE_MAP]);
	int r;

	memset(&m->snapshot, 0, sizeof(m->snapshot));
	r = aggregate__sum(&m->aggregate, has_other, &m->rows, &m->snapshot);
	if (r)
		return r;
	m->snapshot.starved_ns += m->callbacks_starved_ns;
	/* The kernel side cannot tell a loop that has ended from one whose callback takes long. */
	m->snapshot.stalls -= m->outside < m->snapshot.stalls ? m->outside : m->snapshot.stalls;
	m->snapshot.callbacks_ns -= m->outside_ns < m->snapshot.callbacks_ns ? m->outside_ns :
									       m->snapshot.callbacks_ns;
	if (m->snapshot.stalls < m->stalls)
		m->snapshot.stalls = m->stalls;
	snapshot_losses(m);
	*ret_snapshot = &m->snapshot;
	return 0;
}
