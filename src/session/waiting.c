/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for the end of an open stall, read out of the process's memory. A loop that is stuck
 * does not change its queue, so it is read again only now and then: timers become due.
 */
#include "session/parts.h"

#include <string.h>

#include "session/pacer.h"

#define COST_FACTOR 50 /* a look takes at most 2 % of a core */
#define PACE_NS (250 * NS_PER_MS)

_Static_assert(MODEL_LIVE_VICTIMS <= TARGET_WAITING_NAMES, "names are copied");

/* The stall's entry; NULL if there is no room. An older stall's may be reused. */
static struct waiting_stall *entry_of(struct waiting *w, const struct ls_rec_stall *stall)
{
	struct waiting_stall *entry;
	size_t i = 0;

	while (i < w->n && (w->list[i].pid != stall->hdr.tgid || w->list[i].tid != stall->hdr.tid))
		i++;
	for (size_t k = 0; i == MAX_WAITING && k < w->n; k++)
		if (w->list[k].due_ns + 4 * PACE_NS < stall->hdr.ts_ns)
			i = k;
	if (i == MAX_WAITING)
		return NULL;
	if (i == w->n)
		w->n++;
	entry = &w->list[i];
	if (entry->start_ns == stall->start_ns && entry->tid == stall->hdr.tid)
		return entry;
	*entry = (struct waiting_stall){ .pid = stall->hdr.tgid,
					 .tid = stall->hdr.tid,
					 .start_ns = stall->start_ns };
	return entry;
}

/* Loops that run one after the other on a thread may all be known; `loop` says which it is. */
static const struct watch_loop *loop_of(const struct watch *w, const struct ls_rec_stall *stall)
{
	const struct watch_loop *found = NULL;

	for (size_t i = 0; i < watch__known_loops(w); i++) {
		const struct watch_loop *l = &w->loops[i];

		if (l->tid != (pid_t)stall->hdr.tid)
			continue;
		if (l->loop == stall->loop || (l->scheduler && l->scheduler == stall->loop))
			return l;
		found = found ? found : l;
	}
	return found;
}

/*
 * Tasks that are ready at the first look wait from then on: for how long before is not known. Of
 * later ones not even that is.
 */
static void add_starved(struct waiting_stall *entry, uint64_t now_ns)
{
	const struct target_waiting *found = &entry->found;

	if (!entry->first_ns) {
		entry->first_ns = now_ns;
		entry->n_first = found->n_ready;
	}
	if (found->n_ready < entry->n_first)
		entry->n_first = found->n_ready;
	entry->looked_ns = now_ns;
	entry->starved_ns = found->due_ns + entry->n_first * (now_ns - entry->first_ns);
}

static void read_waiting(struct session *s, struct waiting_stall *entry,
			 const struct ls_rec_stall *stall)
{
	struct watch *w = watches__find(&s->watches, (pid_t)stall->hdr.tgid);
	const struct watch_loop *loop =
		w && w->target && !w->is_look_cut ? loop_of(w, stall) : NULL;
	struct target_stuck stuck = { .coro = stall->coro,
				      .start_ns = stall->start_ns,
				      .now_ns = stall->hdr.ts_ns };
	struct target_waiting found;
	int r;

	if (!loop)
		return;
	stuck.loop = &loop->info;
	stuck.tstate = loop->scheduler;
	r = target__waiting(w->target, &stuck, &found);
	session__note_cut(s, w, r);
	if (r < 0)
		return;
	entry->is_known = true;
	entry->found = found;
	add_starved(entry, stall->hdr.ts_ns);
}

static void read_if_due(struct session *s, struct waiting_stall *entry,
			const struct ls_rec_stall *stall)
{
	const struct pacer pacer = { .pace_ns = PACE_NS, .cost_factor = COST_FACTOR };
	const uint64_t now_ns = stall->hdr.ts_ns;
	uint64_t before_ns;

	if (now_ns < entry->due_ns)
		return;
	before_ns = session__own_cpu_ns(s);
	read_waiting(s, entry, stall);
	entry->due_ns = pacer__next_ns(&pacer, now_ns, session__own_cpu_ns(s) - before_ns);
}

/*
 * Who waited at the last look waits until now. Where a stall has returned without victims, the
 * kernel side missed a change of the mode in it, and others may have joined since.
 */
static void copy_found(struct ls_rec_stall *stall, const struct waiting_stall *entry)
{
	const bool may_be_more = entry->found.is_cut || stall->end == LS_END_RETURN;
	const uint64_t passed_ns =
		stall->hdr.ts_ns > entry->looked_ns ? stall->hdr.ts_ns - entry->looked_ns : 0;

	stall->flags &= ~LS_STALL_VICTIMS_UNKNOWN;
	stall->flags |= may_be_more ? LS_STALL_VICTIMS_CUT : 0;
	stall->victims = entry->found.n;
	stall->starved_ns = entry->starved_ns +
		(entry->found.n - entry->found.n_ready + entry->n_first) * passed_ns;
}

const struct target_waiting *session__waiting(struct session *s, struct ls_rec_stall *stall)
{
	struct waiting_stall *entry;

	if (stall->unit == LS_UNIT_TURN || !(stall->flags & LS_STALL_VICTIMS_UNKNOWN))
		return NULL;
	entry = entry_of(&s->open.waiting, stall);
	if (!entry)
		return NULL;
	if (stall->end == LS_END_OPEN || stall->end == LS_END_RUNNING)
		read_if_due(s, entry, stall);
	if (!entry->is_known)
		return NULL;
	copy_found(stall, entry);
	return &entry->found;
}

void session__add_waiting(struct session *s, struct model_live *live)
{
	const struct target_waiting *found = session__waiting(s, &live->stall);

	if (!found)
		return;
	live->n_victim_names = (uint32_t)found->n_names;
	memcpy(live->victim_names, found->names, sizeof(live->victim_names));
}

int session__send_waiting(struct session *s, struct ls_rec_stall *stall, event_fn fn)
{
	const struct target_waiting *found = session__waiting(s, stall);
	struct ls_rec_victim rec = { .hdr = stall->hdr, .span = stall->span };
	const struct event event = { .kind = LS_REC_VICTIM, .victim = &rec };
	int r = 0;

	rec.hdr.kind = LS_REC_VICTIM;
	rec.hdr.len = sizeof(rec);
	for (size_t i = 0; found && i < found->n_names && r >= 0; i++) {
		rec.name = found->names[i];
		r = fn(s, &event);
	}
	return r < 0 ? r : 0;
}
