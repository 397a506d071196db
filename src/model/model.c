/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state itself: takes events and readings, hands out stalls and the snapshot. What waits for
 * its stall is in pending.c, who took the time in attribution.c, the tables by coroutine and by
 * loop in aggregate.c, those by call site and victim in ledger.c, the last two minutes in
 * seconds.c.
 */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/aggregate.h"
#include "model/attribution.h"
#include "model/ledger.h"
#include "model/losses.h"
#include "model/naming.h"
#include "model/pending.h"
#include "model/seconds.h"
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
	struct ledger ledger;
	struct seconds seconds;
	uint64_t tick_ns; /* 0: none came yet */
	uint64_t kept; /* stalls, the ring's and those it lost */
	struct stall *stalls_ring[MODEL_MAX_STALLS]; /* large: each is made when first needed */
	size_t n_live;
	struct live_row *live;
	size_t n_losses;
	struct named_loss {
		struct loss loss;
		uint64_t base; /* at the last reset */
	} losses[MODEL_MAX_LOSSES];
	uint64_t own_losses[MODEL_LOSS_MAX];
	/* What the last snapshot points to. */
	struct snapshot snapshot;
	struct coroutine_row *rows;
	const struct stall *stall_list[MODEL_MAX_STALLS];
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
	size_t i;

	if (!m)
		return;
	pending__done(&m->pending);
	aggregate__done(&m->aggregate);
	ledger__done(&m->ledger);
	for (i = 0; i < MODEL_MAX_STALLS; i++)
		free(m->stalls_ring[i]);
	free(m->live);
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

/* The entry of the ring for the next stall: it stays free until it is booked. */
static struct stall *model_next_stall(struct model *m)
{
	struct stall **entry = &m->stalls_ring[m->kept % MODEL_MAX_STALLS];

	if (!*entry)
		*entry = malloc(sizeof(**entry));
	return *entry;
}

static int model_book(struct model *m, const struct stall *stall, const struct pending_span *span)
{
	uint64_t waited_ns[LS_MAX_VICTIM_NAMES];
	struct place *place;
	size_t i;
	int r;

	m->stalls++;
	m->kept++;
	if (stall->unit == LS_UNIT_CALLBACK)
		m->callbacks_starved_ns += stall->starved_ns;
	seconds__stall(&m->seconds, stall);
	for (i = 0; i < span->n_victims; i++)
		waited_ns[i] = span->victims[i].starved_ns;
	r = aggregate__place(&m->aggregate, &stall->coroutine, &place);
	if (!r)
		r = ledger__stall(&m->ledger, stall, place, waited_ns);
	return r;
}

static int model_stall(struct model *m, const struct ls_rec_stall *rec)
{
	_cleanup_(pending_span__done) struct pending_span span = { 0 };
	struct stall *stall = model_next_stall(m);
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
		return 0;
	}
	r = model_book(m, stall, &span);
	if (r)
		return r;
	return m->on_stall ? m->on_stall(m->ctx, stall) : 0;
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
			return m->losses[i].loss.count;
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
	m->own_losses[MODEL_LOSS_SITE_ROWS] = m->ledger.refused_sites;
	m->own_losses[MODEL_LOSS_VICTIM_ROWS] = m->ledger.refused_victims;
	m->own_losses[MODEL_LOSS_CULPRIT_ROWS] = m->ledger.refused_pairs;
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
	const uint64_t from_ns = m->tick_ns;
	double busy, steps_per_s;

	if (now_ns <= from_ns)
		return 0;
	busy = aggregate__tick(&m->aggregate, now_ns, from_ns ? now_ns - from_ns : 0, m->live,
			       m->n_live, &steps_per_s);
	seconds__tick(&m->seconds, from_ns, now_ns, busy, steps_per_s);
	m->tick_ns = now_ns;
	return 0;
}

static int live_compare(const void *va, const void *vb)
{
	const struct live_row *a = va, *b = vb;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return (a->tid > b->tid) - (a->tid < b->tid);
}

static void live_fill(const struct model *m, struct live_row *row, const struct model_live *live)
{
	const struct naming naming = { &m->resolver, live->pid, live->code, live->qualname };
	size_t i;

	memset(row, 0, sizeof(*row));
	row->pid = live->pid;
	row->tid = live->tid;
	row->unit = live->unit;
	row->cause = live->cause;
	row->start_ns = live->start_ns;
	row->syscall = m->resolver.ops->syscall(m->resolver.ctx, live->syscall);
	if (live->unit == LS_UNIT_STEP && live->code)
		row->coroutine = naming__code(&naming, live->code);
	for (i = 0; i < live->n_frames && i < LS_MAX_FRAMES; i++)
		if (live->frames[i].code)
			row->stack[row->n_frames++] = naming__frame(&naming, &live->frames[i]);
}

int model__live(struct model *m, const struct model_live *live, size_t n)
{
	struct live_row *rows = reallocarray(m->live, n + 1, sizeof(*rows));
	size_t i;

	if (!rows)
		return -ENOMEM;
	m->live = rows;
	m->n_live = n;
	for (i = 0; i < n; i++)
		live_fill(m, &rows[i], &live[i]);
	qsort(rows, n, sizeof(*rows), live_compare);
	return 0;
}

void model__reset(struct model *m)
{
	size_t i;

	aggregate__reset(&m->aggregate);
	ledger__done(&m->ledger);
	memset(&m->seconds, 0, sizeof(m->seconds));
	memset(m->own_losses, 0, sizeof(m->own_losses));
	for (i = 0; i < m->n_losses; i++)
		m->losses[i].base = m->losses[i].loss.count;
	m->pending.dropped_stacks = 0;
	m->kept = 0;
	m->stalls = m->callbacks_starved_ns = 0;
	m->outside = m->outside_ns = 0;
}

static void snapshot_stalls(struct model *m)
{
	uint64_t n = m->kept < MODEL_MAX_STALLS ? m->kept : MODEL_MAX_STALLS, i;

	for (i = 0; i < n; i++)
		m->stall_list[i] = m->stalls_ring[(m->kept - 1 - i) % MODEL_MAX_STALLS];
	m->snapshot.n_stalls = n;
	m->snapshot.stall_list = m->stall_list;
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
	r = ledger__rows(&m->ledger, &m->snapshot);
	if (r)
		return r;
	snapshot_losses(m);
	snapshot_stalls(m);
	seconds__rows(&m->seconds, &m->snapshot);
	m->snapshot.n_live = m->n_live;
	m->snapshot.live = m->live;
	*ret_snapshot = &m->snapshot;
	return 0;
}
