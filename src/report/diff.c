/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two runs' stalls, added up by place, and their distributions.
 */
#include "report/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "report/diff_impl.h"

int diff__new(struct diff **ret_diff)
{
	_cleanup_(diff__freep) struct diff *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	for (size_t s = 0; s < DIFF_SIDES; s++) {
		d->runs[s].steps = run__new();
		d->runs[s].stalls = run__new();
		if (!d->runs[s].steps || !d->runs[s].stalls)
			return -ENOMEM;
	}
	*ret_diff = TAKE_PTR(d);
	return 0;
}

static void places_done(struct diff_places *p)
{
	intern__done(&p->keys);
	free(p->list);
	free(p->rows);
}

void diff__free(struct diff *d)
{
	if (!d)
		return;
	places_done(&d->coroutines);
	places_done(&d->sites);
	pair_list__done(&d->culprit_pairs);
	pair_list__done(&d->site_pairs);
	intern__done(&d->texts);
	free(d->result.verdict.sentence);
	for (size_t s = 0; s < DIFF_SIDES; s++) {
		run__free(d->runs[s].steps);
		run__free(d->runs[s].stalls);
	}
	free(d);
}

struct diff_place *diff_places__find(struct diff_places *p, enum ls_unit unit, const char *name,
				     const char *file, bool may_add, int *ret_error)
{
	const size_t name_bytes = strlen(name) + 1, file_bytes = strlen(file) + 1;
	const size_t size = 1 + name_bytes + file_bytes;
	_cleanup_free_ char *key = malloc(size);
	uint32_t i;

	*ret_error = -ENOMEM;
	if (!key)
		return NULL;
	key[0] = (char)unit;
	memcpy(key + 1, name, name_bytes);
	memcpy(key + 1 + name_bytes, file, file_bytes);
	if (!may_add || p->keys.n >= DIFF_MAX_PLACES) {
		*ret_error = 0;
		return intern__find(&p->keys, key, size, &i) ? &p->list[i] : NULL;
	}
	if (ARRAY_RESERVE(p->list, p->n_room, p->keys.n + 1) < 0)
		return NULL;
	switch (intern__add(&p->keys, key, size, &i)) {
	case 1:
		memset(&p->list[i], 0, sizeof(p->list[i]));
		break;
	case 0:
		break;
	default:
		return NULL;
	}
	*ret_error = 0;
	return &p->list[i];
}

/* One stall of one run, and the place that it is counted at. */
struct counted {
	const struct stall *stall;
	uint64_t own_ns;
	bool is_own; /* it reaches the threshold in own time */
	const char *syscall;
};

static void count(struct diff_tally *t, const struct counted *c, uint32_t line)
{
	const struct stall *stall = c->stall;
	uint32_t *bucket = &t->hist[ls_hist_index(stall->duration_ns)];

	t->figures.stalls++;
	t->figures.stalled_ns += stall->duration_ns;
	t->figures.starved_ns += stall->starved_ns;
	if (c->is_own) {
		t->figures.own_stalls++;
		t->figures.own_stalled_ns += c->own_ns;
	}
	if (stall->duration_ns > t->figures.max_ns) {
		t->figures.max_ns = stall->duration_ns;
		t->syscall = c->syscall;
	}
	if (*bucket < UINT32_MAX)
		++*bucket;
	for (size_t i = 0; i < LS_CAUSE_MAX; i++)
		t->cause_ns[i] += stall->cause_ns[i];
	t->line = line;
}

static int count_place(struct diff *d, struct diff_places *places, enum diff_side side,
		       enum ls_unit unit, const struct code_info *at, const struct counted *c)
{
	const char *name = at->name ?: "", *file = at->file ?: "";
	const bool is_site = places == &d->sites;
	struct run *run = is_site ? d->runs[side].steps : d->runs[side].stalls;
	struct diff_place *place;
	struct series *s;
	int r;

	place = diff_places__find(places, unit, name, file, true, &r);
	if (r < 0)
		return r;
	if (!place) {
		d->result.left_out += !is_site;
		return 0;
	}
	count(&place->side[side], c, at->first_line);
	if (!c->is_own)
		return 0;
	s = run__site(run, name, file, is_site ? SERIES_NO_LINE : (int32_t)unit);
	if (!s)
		return run->n_sites >= RUN_MAX_SERIES ? 0 : -ENOMEM;
	series__add_one(s, c->own_ns);
	return 0;
}

/* Where the garbage collector starts is a line that happens to allocate. */
static struct code_info site_of(const struct stall *stall)
{
	if (stall->cause == LS_CAUSE_GC && stall->coroutine.name)
		return stall->coroutine;
	return (struct code_info){ stall->call.function, stall->call.file, stall->call.line };
}

void diff__begin(struct diff *d, enum diff_side side, uint64_t threshold_ns)
{
	d->result.threshold_ns[side] = threshold_ns;
	d->runs[side].steps->threshold_ns = d->runs[side].stalls->threshold_ns = threshold_ns;
}

int diff__stall(struct diff *d, enum diff_side side, const struct stall *stall)
{
	const struct code_info site = site_of(stall);
	struct counted c = { .stall = stall, .own_ns = stall_own_ns(stall) };
	uint32_t text;
	int r;

	c.is_own = c.own_ns >= d->result.threshold_ns[side];
	if (stall->call_syscall) {
		r = intern__add_text(&d->texts, stall->call_syscall, &text);
		if (r < 0)
			return r;
		c.syscall = intern__key(&d->texts, text);
	}
	count(&d->total[side], &c, 0);
	r = count_place(d, &d->coroutines, side, stall->unit, &stall->coroutine, &c);
	return r < 0 ? r : count_place(d, &d->sites, side, LS_UNIT_NONE, &site, &c);
}

static int add_rows(struct run *run, const struct snapshot *snapshot)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < snapshot->n_rows; i++) {
		const struct coroutine_row *row = &snapshot->rows[i];

		if (row->coroutine.file)
			r = run__add_row(run, row, row->coroutine.file);
	}
	return r;
}

int diff__slice(struct diff *d, enum diff_side side, const struct snapshot *snapshot,
		uint64_t now_ns)
{
	struct diff_run *run = &d->runs[side];
	int r;

	if (!run__is_slice_over(run->steps, now_ns))
		return 0;
	r = add_rows(run->steps, snapshot);
	if (r >= 0)
		r = run__end_slice(run->steps, now_ns);
	return r < 0 ? r : run__end_slice(run->stalls, now_ns);
}

/* Two definitions with one name: the slower one counts. */
static int note_percentiles(struct diff *d, enum diff_side side, const struct snapshot *snapshot)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < snapshot->n_rows; i++) {
		const struct coroutine_row *row = &snapshot->rows[i];
		struct diff_place *place =
			diff_places__find(&d->coroutines, LS_UNIT_STEP, row->coroutine.name,
					  row->coroutine.file ?: "", false, &r);
		struct diff_figures *f = place ? &place->side[side].figures : NULL;

		if (!f || !row->steps || d->runs[side].is_light)
			continue;
		f->has_p99 = true;
		if (row->p99_ns > f->p99_ns)
			f->p99_ns = row->p99_ns;
	}
	return r;
}

int diff__finish(struct diff *d, enum diff_side side, const struct snapshot *snapshot,
		 const struct diff_facts *facts)
{
	struct diff_run *run = &d->runs[side];
	struct run *const runs[] = { run->steps, run->stalls };
	int r;

	/* The remainder since the last slice is one more slice, however short. */
	run->steps->next_cut_ns = 0;
	r = diff__slice(d, side, snapshot, 0);
	if (r < 0)
		return r;
	run->is_light = facts->is_light;
	run->steal_share = facts->steal_share;
	d->result.duration_ns[side] = facts->duration_ns;
	for (size_t i = 0; i < N_OF(runs); i++) {
		runs[i]->duration_ns = facts->duration_ns;
		runs[i]->threshold_ns = facts->threshold_ns;
		runs[i]->steps = facts->is_light ? 0 : snapshot->steps;
	}
	for (size_t i = 0; i < snapshot->n_rows; i++)
		run->steps->own_ns += row_own_ns(&snapshot->rows[i]);
	return note_percentiles(d, side, snapshot);
}

const char *diff_change_word(enum diff_change change)
{
	static const char *const words[] = {
#define _(name, word) [DIFF_##name] = word,
		DIFF_CHANGES(_)
#undef _
	};

	return (size_t)change < N_OF(words) ? words[change] : "?";
}

const char *diff_measure_word(enum diff_measure measure)
{
	static const char *const words[] = {
#define _(name, word) [DIFF_MEASURE_##name] = word,
		DIFF_MEASURES(_)
#undef _
	};

	return (size_t)measure < N_OF(words) ? words[measure] : "?";
}
