/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of groups, by process and key. One that has no members any more stays if it was a
 * problem; of the others the room is used again.
 */
#include "model/life_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "model/naming.h"

struct life_sum {
	struct {
		uint64_t pid, group;
	} key;
	struct life_row row;
	uint64_t first_ns, looked_ns; /* of the looks that had it */
	uint64_t ended; /* members that left it */
	uint32_t missed; /* looks that did not have it, since the last one that did */
	uint32_t looks, grown; /* grown: looks at which it was larger than at the one before */
	UT_hash_handle hh;
};

void life_sums__done(struct life_sums *l)
{
	table__free(l->table, free);
	free(l->rows);
	memset(l, 0, sizeof(*l));
}

static bool is_worth_keeping(const struct life_sum *sum)
{
	return sum->row.count || sum->row.found_ns;
}

static void sum_remove(struct life_sums *l, struct life_sum *sum)
{
	HASH_DEL(l->table, sum);
	free(sum);
}

/* If each was a problem, the one that has been over for the longest time has to go. */
static void make_room(struct life_sums *l)
{
	struct life_sum *sum, *next, *oldest = NULL;
	const size_t n = HASH_COUNT(l->table);

	HASH_ITER (hh, l->table, sum, next)
		if (!is_worth_keeping(sum))
			sum_remove(l, sum);
		else if (!sum->row.count && (!oldest || sum->looked_ns < oldest->looked_ns))
			oldest = sum;
	if (HASH_COUNT(l->table) < n || !oldest)
		return;
	sum_remove(l, oldest);
	l->refused++;
}

/* NULL in *ret_sum if there is no room. */
static int sum_get(struct life_sums *l, uint32_t pid, uint64_t group, struct life_sum **ret_sum)
{
	const struct {
		uint64_t pid, group;
	} key = { pid, group };
	struct life_sum *sum;

	HASH_FIND(hh, l->table, &key, sizeof(key), sum);
	*ret_sum = sum;
	if (sum)
		return 0;
	if (HASH_COUNT(l->table) == LIFE_SUMS_MAX)
		make_room(l);
	if (HASH_COUNT(l->table) == LIFE_SUMS_MAX) {
		l->refused++;
		return 0;
	}
	sum = calloc(1, sizeof(*sum));
	if (!sum)
		return -ENOMEM;
	memcpy(&sum->key, &key, sizeof(key));
	if (table__add(l->table, sum) < 0) {
		free(sum);
		return -ENOMEM;
	}
	*ret_sum = sum;
	return 0;
}

/* The innermost frame of the user's code, or else the innermost one. */
static struct model_frame place_of(const struct naming *naming, const struct runtime_words *words,
				   const struct life_group *group)
{
	struct model_frame first = { 0 };

	for (size_t i = 0; i < group->n_frames && i < LIFE_FRAMES; i++) {
		const struct model_frame at = naming__frame(naming, &group->frames[i]);

		if (!i)
			first = at;
		if (at.file && !runtime_words__is_library(words, at.file))
			return at;
	}
	return first;
}

/* All that is part of the key, and so is the same at every look. */
static void sum_begin(struct life_sum *sum, const struct resolver *resolver, uint32_t pid,
		      const struct life_group *group)
{
	struct life_row *row = &sum->row;
	const struct naming naming = { resolver, pid, group->code, group->qualname },
			    of_other = { resolver, pid, group->other_code, group->other_qualname };

	*row = (struct life_row){ .pid = pid,
				  .kind = group->kind,
				  .origin = group->origin,
				  .is_outside = group->is_outside,
				  .words = resolver__words(resolver, pid) };
	if (group->code)
		row->coroutine = naming__code(&naming, group->code);
	if (group->other_code)
		row->other = naming__code(&of_other, group->other_code);
	row->at = place_of(&naming, row->words, group);
	memcpy(row->type, group->type, sizeof(row->type));
	row->type[sizeof(row->type) - 1] = '\0';
	row->origin.file[sizeof(row->origin.file) - 1] = '\0';
	row->origin.function[sizeof(row->origin.function) - 1] = '\0';
	row->count_first = group->count;
}

static bool is_growing(const struct life_sum *sum)
{
	const struct life_row *row = &sum->row;

	return !row->is_outside && !sum->ended && sum->looks >= LIFE_GROWTH_LOOKS &&
		sum->looked_ns - sum->first_ns >= LIFE_GROWTH_NS &&
		row->count >= row->count_first + LIFE_GROWTH_COUNT &&
		4 * sum->grown >= 3 * (sum->looks - 1);
}

/* For how long it has been a problem; 0: it is none. */
static uint64_t problem_ns(const struct life_sum *sum)
{
	const uint64_t lasted_ns = sum->looked_ns - sum->row.since_ns;

	switch (sum->row.kind) {
	case LIFE_ALIVE:
	case LIFE_GENERATOR:
	case LIFE_UNSTARTED:
		return is_growing(sum) ? sum->looked_ns - sum->first_ns : 0;
	case LIFE_CANCELLED:
	case LIFE_FAILED:
		return lasted_ns >= LIFE_PATIENCE_NS ? lasted_ns : 0;
	default:
		return lasted_ns;
	}
}

static void sum_look(struct life_sum *sum, uint64_t now_ns, const struct life_group *group)
{
	struct life_row *row = &sum->row;
	uint64_t ns;

	sum->first_ns = sum->first_ns ?: now_ns;
	sum->grown += sum->looks && group->count > row->count;
	sum->looks++;
	sum->missed = 0;
	sum->ended += group->ended;
	sum->looked_ns = now_ns;
	row->count = group->count;
	row->unawaited = group->unawaited;
	row->since_ns = group->since_ns && group->since_ns < now_ns ? group->since_ns : now_ns;
	if (row->count > row->count_max)
		row->count_max = row->count;
	ns = problem_ns(sum);
	if (!ns)
		return;
	if (row->count >= row->found)
		row->found = row->count;
	if (ns > row->found_ns)
		row->found_ns = ns;
}

/*
 * What was not seen is over: it may begin anew. What is rare is not looked for each time. If
 * nothing at all was seen the process has most likely ended: without the rows that say nothing,
 * others have room.
 */
static void end_unseen(struct life_sums *l, uint32_t pid, uint64_t now_ns, bool has_any)
{
	struct life_sum *sum, *next;

	HASH_ITER (hh, l->table, sum, next) {
		if (sum->key.pid != pid || (has_any && sum->looked_ns == now_ns))
			continue;
		if (life_kind__is_rare(sum->row.kind) && ++sum->missed < 2 * LIFE_RARE_LOOKS)
			continue;
		sum->ended += sum->row.count;
		sum->row.count = sum->row.unawaited = 0;
		sum->row.since_ns = 0;
		if (!has_any && !is_worth_keeping(sum))
			sum_remove(l, sum);
	}
}

int life_sums__look(struct life_sums *l, const struct resolver *resolver, uint64_t now_ns,
		    uint32_t pid, const struct life_group *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct life_sum *sum;
		const int r = sum_get(l, pid, list[i].key, &sum);

		if (r)
			return r;
		if (!sum)
			continue;
		if (!sum->looks)
			sum_begin(sum, resolver, pid, &list[i]);
		sum_look(sum, now_ns, &list[i]);
	}
	end_unseen(l, pid, now_ns, n > 0);
	return 0;
}

static int row_compare(const void *va, const void *vb)
{
	const struct life_row *a = va, *b = vb;
	int r;

	if (!a->found_ns != !b->found_ns)
		return a->found_ns ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	r = strcmp(life_row__coroutine(a).name ?: "", life_row__coroutine(b).name ?: "");
	return r ? r : (a->at.line > b->at.line) - (a->at.line < b->at.line);
}

int life_sums__rows(struct life_sums *l, struct snapshot *ret_snapshot)
{
	struct life_row *rows = reallocarray(l->rows, HASH_COUNT(l->table) + 1, sizeof(*l->rows));
	struct life_sum *sum, *next;
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	l->rows = rows;
	HASH_ITER (hh, l->table, sum, next)
		if (is_worth_keeping(sum))
			rows[n++] = sum->row;
	qsort(rows, n, sizeof(*rows), row_compare);
	ret_snapshot->n_lives = n;
	ret_snapshot->lives = rows;
	return 0;
}
