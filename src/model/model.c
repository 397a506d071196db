/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: accepts events and readings, returns stalls and the snapshot. The work is done by its
 * parts, one file each: pending (stacks and victims that precede their stall), attribution (where
 * the time went), aggregate (by coroutine), loops (by thread), ledger (by call site), groups (by
 * entry, file, task, process), finding_sums (by what to change), victims, recent (the newest
 * stalls), live (open stalls), tasks, seconds (the last two minutes), log, loss_sums.
 */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/aggregate.h"
#include "model/attribution.h"
#include "model/awaits.h"
#include "model/finding_sums.h"
#include "model/groups.h"
#include "model/holder.h"
#include "model/holders.h"
#include "model/ledger.h"
#include "model/library_calls.h"
#include "model/life_sums.h"
#include "model/live.h"
#include "model/log.h"
#include "model/loops.h"
#include "model/loss_sums.h"
#include "model/naming.h"
#include "model/pending.h"
#include "model/pool_sums.h"
#include "model/rate.h"
#include "model/recent.h"
#include "model/seconds.h"
#include "model/stall.h"
#include "model/step_ends.h"
#include "model/tasks.h"
#include "model/turn.h"
#include "model/victims.h"
#include "stream/pystr.h"

struct model {
	struct resolver resolver;
	struct own_rules own_rules;
	stall_fn on_stall;
	void *ctx;
	struct pending pending;
	struct aggregate aggregate;
	uint64_t stalls; /* records seen */
	/* of callbacks and turns; the steps' share is in the coroutine readings */
	uint64_t callbacks_starved_ns;
	struct loops loops;
	struct ledger ledger;
	struct holders holders[HOLDER_KINDS];
	struct groups groups;
	struct finding_sums findings;
	struct pool_sums pools;
	struct life_sums lives;
	struct victims victims;
	struct recent recent;
	struct library_calls library_calls;
	struct live live;
	struct tasks tasks;
	struct seconds seconds;
	struct log log;
	uint64_t tick_ns; /* 0: no tick so far */
	uint64_t tick_shed; /* stalls without a record, counted up to that tick */
	struct loss_sums losses;
	/* What the last snapshot points to. */
	struct snapshot snapshot;
	struct coroutine_row *rows;
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
	for (size_t i = 0; i < HOLDER_KINDS; i++)
		holders__done(&m->holders[i]);
	groups__done(&m->groups);
	finding_sums__done(&m->findings);
	pool_sums__done(&m->pools);
	life_sums__done(&m->lives);
	victims__done(&m->victims);
	recent__done(&m->recent);
	library_calls__done(&m->library_calls);
	live__done(&m->live);
	tasks__done(&m->tasks);
	log__done(&m->log);
	free(m->rows);
	free(m);
}

static void stall_add_victims(struct stall *stall, const struct pending_span *span)
{
	for (size_t i = 0; i < span->n_victims; i++)
		pystr__to_utf8(&span->victims[i].name, stall->victim_names[i],
			       sizeof(stall->victim_names[i]));
	stall->victims_named = (uint32_t)span->n_victims;
	if (stall->victims < stall->victims_named)
		stall->victims = stall->victims_named;
}

/* All NULL if the resolver cannot read the name: an entry without a file is useless. */
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
	int r = 0;

	for (size_t i = 0; i < span->n_victims && !r; i++) {
		const struct victim victim = {
			.name = stall->victim_names[i],
			.coroutine = coroutine_of(m, stall->pid, &span->victims[i]),
			.waited_ns = span->victims[i].starved_ns,
		};

		r = victims__book(&m->victims, stall, place, &victim);
	}
	return r;
}

/* Adds to the sums a span that the kernel side has not added, or not as a step. */
static int model_book_unseen(struct model *m, const struct ls_rec_stall *rec,
			     const struct stall *stall, struct place *place)
{
	const bool is_step = stall->unit == LS_UNIT_STEP, has_ended = stall->end == LS_END_RETURN;

	if (has_ended && !(is_step && stall->began_before))
		return 0;
	if (is_step && place)
		aggregate__add_step(&m->aggregate, place, stall);
	return has_ended ? loops__turn_into_step(&m->loops, rec) : loops__add_span(&m->loops, rec);
}

static int model_book_holders(struct model *m, const struct stall *stall)
{
	int r = holders__add(&m->holders[HOLDER_GIL], stall, &stall->gil_holder, stall->gil_ns);

	if (!r)
		r = holders__add(&m->holders[HOLDER_LOCK], stall, &stall->lock_holder,
				 stall->cause_ns[LS_CAUSE_LOCK]);
	return r;
}

static int model_book(struct model *m, const struct ls_rec_stall *rec, const struct stall *stall,
		      const struct pending_span *span)
{
	const struct code_info *culprit = turn__coroutine(stall);
	struct place *place;
	int r;

	m->stalls++;
	m->losses.own[MODEL_LOSS_TASK_NAMES] += stall->is_task_name_unknown;
	m->losses.own[MODEL_LOSS_COROUTINE_NAMES] +=
		stall->unit == LS_UNIT_STEP && !stall->coroutine.name;
	recent__keep(&m->recent);
	live__forget(&m->live, stall);
	if (stall->unit != LS_UNIT_STEP)
		m->callbacks_starved_ns += stall->starved_ns;
	seconds__stall(&m->seconds, stall);
	r = aggregate__place(&m->aggregate, culprit ? culprit : &stall->coroutine, stall->words,
			     &place);
	if (!r)
		r = model_book_unseen(m, rec, stall, place);
	if (!r)
		r = ledger__stall(&m->ledger, stall, place);
	if (!r)
		r = model_book_holders(m, stall);
	if (!r)
		r = groups__stall(&m->groups, stall, place);
	if (!r)
		r = finding_sums__stall(&m->findings, stall);
	return r ? r : model_book_victims(m, stall, place, span);
}

/*
 * Resolves a record and the stacks and victims before it. A callback span that did not end by
 * itself needs a stack to show that its thread is still in the loop: a thread whose loop has ended
 * has such a span until it exits.
 */
static int stall_resolve(struct model *m, const struct ls_rec_stall *rec,
			 struct pending_span *ret_span, struct stall *stall, bool *ret_is_inside)
{
	int r = pending__take(&m->pending, rec, ret_span);

	if (r)
		return r;
	stall__fill(stall, &m->resolver, rec);
	stall_add_victims(stall, ret_span);
	holder__name_stack(&stall->gil_holder, &m->resolver, stall->pid, ret_span, HOLDER_GIL);
	holder__name_stack(&stall->lock_holder, &m->resolver, stall->pid, ret_span, HOLDER_LOCK);
	r = attribution__place(&m->resolver, &m->own_rules, rec, ret_span, stall, ret_is_inside);
	if (!r)
		r = library_calls__judge(&m->library_calls, stall);
	holder__check_lock(stall);
	turn__fill(&m->resolver, ret_span, stall);
	awaits__find(&m->resolver, ret_span, stall);
	stall__set_signs(stall);
	if (stall->unit == LS_UNIT_CALLBACK && stall->end != LS_END_RETURN && !stall->n_frames)
		*ret_is_inside = false;
	return r;
}

/* A span that goes on is handed over but not counted. */
static int model_open_stall(struct model *m, const struct ls_rec_stall *rec)
{
	_cleanup_(pending_span__done) struct pending_span span = { 0 };
	_cleanup_free_ struct stall *stall = malloc(sizeof(*stall));
	bool is_inside;
	int r;

	if (!stall)
		return -ENOMEM;
	r = stall_resolve(m, rec, &span, stall, &is_inside);
	if (!r)
		r = pending__put_back(&m->pending, &rec->hdr, &span);
	if (r || !is_inside)
		return r;
	return m->on_stall ? m->on_stall(m->ctx, stall) : 0;
}

static int model_stall(struct model *m, const struct ls_rec_stall *rec)
{
	_cleanup_(pending_span__done) struct pending_span span = { 0 };
	struct stall *stall;
	bool is_inside;
	int r;

	if (rec->end == LS_END_OPEN)
		return model_open_stall(m, rec);
	stall = recent__next(&m->recent);
	if (!stall)
		return -ENOMEM;
	r = stall_resolve(m, rec, &span, stall, &is_inside);
	if (r)
		return r;
	/*
	 * The kernel side cannot distinguish a loop that has ended from a long callback; the stack
	 * can, and this span was no callback.
	 */
	if (!is_inside)
		return loops__remove_span(&m->loops, rec);
	r = model_book(m, rec, stall, &span);
	if (r)
		return r;
	return m->on_stall ? m->on_stall(m->ctx, stall) : 0;
}

static void learn_frames(const struct naming *naming, const struct ls_frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (frames[i].code)
			naming__learn(naming, &frames[i]);
}

void model__learn_names(struct model *m, const struct event *event)
{
	const struct ls_rec_stall *stall = event->stall;
	struct naming naming = { .resolver = &m->resolver, .pid = event->hdr->tgid };
	const struct pending_span *span;

	if (event->kind == LS_REC_TURN)
		turn__learn_names(&m->resolver, event->turn);
	if (event->kind == LS_REC_STACK)
		learn_frames(&naming, event->stack->frames, event->stack->n_frames);
	if (event->kind != LS_REC_STALL)
		return;
	naming = (struct naming){ &m->resolver, stall->hdr.tgid, stall->code, stall->qualname };
	if (stall->code)
		naming__code(&naming, stall->code);
	step_ends__learn(&naming, stall);
	span = pending__peek(&m->pending, stall);
	for (size_t i = 0; span && i < span->n_stacks; i++)
		learn_frames(&naming, span->stacks[i]->frames, span->stacks[i]->n_frames);
	for (size_t i = 0; span && i < HOLDER_KINDS; i++)
		if (span->holders[i])
			learn_frames(&naming, span->holders[i]->frames, span->holders[i]->n_frames);
}

int model__event(struct model *m, const struct event *event)
{
	int r;

	switch (event->kind) {
	case LS_REC_STACK:
		return pending__add_stack(&m->pending, event->stack);
	case LS_REC_VICTIM:
		return pending__add_victim(&m->pending, event->victim);
	case LS_REC_TURN:
		return pending__add_turn(&m->pending, event->turn);
	case LS_REC_NATIVE:
		return pending__add_native(&m->pending, event->native);
	case LS_REC_STALL:
		return model_stall(m, event->stall);
	case LS_REC_EXEC:
		pending__forget_process(&m->pending, event->hdr->tgid);
		loops__forget(&m->loops, event->hdr->tgid, 0);
		return 0;
	case LS_REC_EXIT:
		pending__forget_thread(&m->pending, event->hdr->tgid, event->hdr->tid);
		r = loops__thread_end(&m->loops, event->hdr->tgid, event->hdr->tid);
		return r ? r :
			   aggregate__thread_end(&m->aggregate, event->hdr->tgid, event->hdr->tid);
	case LS_REC_THREAD:
	case LS_REC_FORK:
	case LS_REC_COPY:
	case LS_REC_CODE:
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

int model__each_sum(const struct model *m, const struct sum_ops *ops, void *ctx)
{
	int r = ops->thread ? loops__each_sum(&m->loops, ops->thread, ctx) : 0;

	if (r >= 0 && ops->coroutine)
		r = aggregate__each_sum(&m->aggregate, ops->coroutine, ctx);
	return r;
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
	const struct live_inputs in = { &m->resolver, &m->own_rules, &m->pending,
					&m->library_calls };

	return live__replace(&m->live, &in, live, n);
}

int model__pools(struct model *m, uint64_t now_ns, uint32_t pid, const struct pool *list, size_t n)
{
	return pool_sums__look(&m->pools, &m->resolver, now_ns, pid, list, n);
}

int model__lives(struct model *m, uint64_t now_ns, uint32_t pid, const struct life_group *list,
		 size_t n)
{
	return life_sums__look(&m->lives, &m->resolver, now_ns, pid, list, n);
}

int model__log(struct model *m, uint64_t now_ns, enum log_grade grade, uint32_t pid,
	       const char *text)
{
	return log__add(&m->log, now_ns, grade, pid, text);
}

void model__set_own(struct model *m, const struct own_rules *rules)
{
	m->own_rules = *rules;
}

void model__keep_stalls(struct model *m, size_t n)
{
	recent__done(&m->recent);
	m->recent.wanted = n < MODEL_MAX_STALLS ? n : MODEL_MAX_STALLS;
}

int model__loss(struct model *m, const char *name, const char *sentence, uint64_t count)
{
	loss_sums__set(&m->losses, name, sentence, count);
	return 0;
}

static void snapshot_losses(struct model *m)
{
	uint64_t *own = m->losses.own;

	own[MODEL_LOSS_PENDING_STACKS] = m->pending.dropped_stacks;
	own[MODEL_LOSS_THREAD_ROWS] = m->loops.refused;
	own[MODEL_LOSS_COROUTINE_ROWS] =
		m->aggregate.is_coroutines_full ? m->snapshot.unattributed_steps : 0;
	own[MODEL_LOSS_SITE_ROWS] = m->ledger.refused;
	own[MODEL_LOSS_GROUP_ROWS] = m->groups.refused;
	own[MODEL_LOSS_FINDING_ROWS] = m->findings.refused;
	own[MODEL_LOSS_POOL_ROWS] = m->pools.refused;
	own[MODEL_LOSS_LIFE_ROWS] = m->lives.refused;
	own[MODEL_LOSS_HOLDER_ROWS] =
		m->holders[HOLDER_GIL].refused + m->holders[HOLDER_LOCK].refused;
	own[MODEL_LOSS_VICTIM_ROWS] = m->victims.refused;
	own[MODEL_LOSS_CULPRIT_ROWS] = m->ledger.pairs.refused + m->victims.pairs.refused;
	own[MODEL_LOSS_TASK_ROWS] = m->tasks.refused;
	loss_sums__rows(&m->losses, &m->snapshot);
}

/* With the oldest rows of their loops. */
static int end_processes(struct model *m)
{
	_cleanup_free_ uint32_t *pids = NULL;
	size_t n;
	int r = loops__pids(&m->loops, &pids, &n);

	return r ? r : groups__end_processes(&m->groups, pids, n);
}

int model__tick(struct model *m, uint64_t now_ns)
{
	const uint64_t from_ns = m->tick_ns, interval_ns = from_ns ? now_ns - from_ns : 0;
	const uint64_t shed = loss_sums__kernel(&m->losses, LS_LOSS_STALL_SHED);
	struct activity activity;

	if (now_ns <= from_ns)
		return 0;
	aggregate__tick(&m->aggregate, interval_ns);
	loops__tick(&m->loops, now_ns, interval_ns, m->live.rows, m->live.n_rows, &activity);
	seconds__tick(&m->seconds, from_ns, now_ns, &activity);
	seconds__shed(&m->seconds, now_ns, rate_since(shed, m->tick_shed));
	m->tick_shed = shed;
	m->tick_ns = now_ns;
	return end_processes(m);
}

void model__reset(struct model *m)
{
	aggregate__reset(&m->aggregate);
	loops__reset(&m->loops);
	ledger__done(&m->ledger);
	for (size_t i = 0; i < HOLDER_KINDS; i++)
		holders__done(&m->holders[i]);
	groups__done(&m->groups);
	finding_sums__done(&m->findings);
	pool_sums__done(&m->pools);
	life_sums__done(&m->lives);
	victims__done(&m->victims);
	recent__reset(&m->recent);
	memset(&m->seconds, 0, sizeof(m->seconds));
	loss_sums__reset(&m->losses);
	m->pending.dropped_stacks = 0;
	m->tasks.refused = 0;
	m->stalls = m->callbacks_starved_ns = 0;
}

/*
 * The thread readings also count stalls without a record, but they lag behind the records, and
 * recordings of older versions lack them: the larger value is the better one.
 */
static uint64_t callbacks_starved_ns(const struct model *m)
{
	const uint64_t read_ns = m->loops.callbacks_starved_ns;

	return read_ns > m->callbacks_starved_ns ? read_ns : m->callbacks_starved_ns;
}

/* Sums of loops and coroutines, which everything else of the snapshot builds on. */
static int snapshot_sums(struct model *m)
{
	const uint64_t shed = loss_sums__kernel(&m->losses, LS_LOSS_STALL_SHED);
	const bool has_other = m->aggregate.is_coroutines_full ||
		loss_sums__kernel(&m->losses, LS_LOSS_COROUTINE_MAP);
	int r = loops__sum(&m->loops, &m->snapshot);

	if (r)
		return r;
	for (size_t i = 0; i < m->loops.n_rows; i++)
		m->loops.rows[i].words = resolver__words(&m->resolver, m->loops.rows[i].pid);
	r = aggregate__sum(&m->aggregate, has_other, &m->rows, &m->snapshot);
	if (r)
		return r;
	m->snapshot.starved_ns += callbacks_starved_ns(m);
	/* The readings of threads that went to sleep a moment ago may lack their latest stalls. */
	if (m->snapshot.stalls < m->stalls + shed)
		m->snapshot.stalls = m->stalls + shed;
	return 0;
}

/* Where the stalls were and who waited. */
static int snapshot_places(struct model *m)
{
	int r = ledger__rows(&m->ledger, &m->snapshot);

	if (!r)
		r = holders__rows(&m->holders[HOLDER_GIL], &m->snapshot.n_holders,
				  &m->snapshot.holders);
	if (!r)
		r = holders__rows(&m->holders[HOLDER_LOCK], &m->snapshot.n_lock_holders,
				  &m->snapshot.lock_holders);
	return r ? r : victims__rows(&m->victims, &m->snapshot);
}

/* What is made of the lists before it: open stalls are in groups, and findings judge all. */
static int snapshot_conclusions(struct model *m)
{
	int r = live__rows(&m->live, &m->rows, &m->snapshot);

	if (!r)
		r = groups__rows(&m->groups, &m->snapshot);
	if (!r)
		r = pool_sums__rows(&m->pools, &m->snapshot);
	if (!r)
		r = life_sums__rows(&m->lives, &m->snapshot);
	return r ? r : finding_sums__rows(&m->findings, &m->groups, &m->snapshot);
}

int model__snapshot(struct model *m, const struct snapshot **ret_snapshot)
{
	int r;

	memset(&m->snapshot, 0, sizeof(m->snapshot));
	r = snapshot_sums(m);
	if (!r)
		r = snapshot_places(m);
	if (r)
		return r;
	snapshot_losses(m);
	recent__rows(&m->recent, &m->snapshot);
	r = snapshot_conclusions(m);
	if (r)
		return r;
	tasks__rows(&m->tasks, &m->snapshot);
	seconds__rows(&m->seconds, &m->snapshot);
	log__rows(&m->log, &m->snapshot);
	*ret_snapshot = &m->snapshot;
	return 0;
}
