/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A name that the runtime gave says nothing and is of one task only, so that a server would fill
 * the table with names nobody knows. Such tasks are distinguished by what they run.
 */
#include "model/victims.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct victim_entry {
	char *key;
	char *name;
	struct victim_row row;
	bool has_culprit;
	uint64_t culprit_ns; /* cost of the culprit in `row` */
	size_t index; /* of its row while rows are made */
	UT_hash_handle hh;
};

static void entry_free(struct victim_entry *e)
{
	free(e->key);
	free(e->name);
	free(e);
}

void victims__done(struct victims *v)
{
	table__free(v->entries, entry_free);
	pairs__done(&v->pairs);
	free(v->rows);
	free(v->payer_rows);
	memset(v, 0, sizeof(*v));
}

/* False for a name that the runtime gave, and for one that could not be read. */
static bool has_own_name(const char *name, const struct runtime_words *words)
{
	const struct runtime_words *w = runtime_words__or_default(words);

	return *name && strcmp(name, "?") && !(w->is_given_name && w->is_given_name(name));
}

/* A victim is identified by its name or, without one, by its coroutine. */
static int key_make(const struct victim *victim, bool has_name, char **ret_key, size_t *ret_n)
{
	const struct code_info *c = &victim->coroutine;

	if (has_name)
		return place_key__make(victim->name, NULL, 0, 1, ret_key, ret_n);
	return place_key__make(c->name, c->file, c->first_line, 0, ret_key, ret_n);
}

/* Takes `key`, also when it fails. */
static int entry_new(struct victims *v, char *key, size_t n_key, const char *name,
		     struct victim_entry **ret_entry)
{
	struct victim_entry *e = calloc(1, sizeof(*e));

	if (!e) {
		free(key);
		return -ENOMEM;
	}
	e->key = key;
	e->name = strdup(name);
	e->row.name = e->name;
	if (!e->name || table__add_bytes(v->entries, e, n_key) < 0) {
		entry_free(e);
		return -ENOMEM;
	}
	*ret_entry = e;
	return 0;
}

/* *ret_entry is NULL if there is no room. */
static int entry_get(struct victims *v, const struct victim *victim,
		     const struct runtime_words *words, struct victim_entry **ret_entry)
{
	const bool has_name = has_own_name(victim->name, words);
	_cleanup_free_ char *key = NULL;
	struct victim_entry *e;
	size_t n;
	int r;

	r = key_make(victim, has_name, &key, &n);
	if (r)
		return r;
	HASH_FIND(hh, v->entries, key, n, e);
	*ret_entry = e;
	if (e)
		return 0;
	if (HASH_COUNT(v->entries) >= VICTIMS_MAX) {
		v->refused++;
		return 0;
	}
	return entry_new(v, TAKE_PTR(key), n, has_name ? victim->name : "", ret_entry);
}

int victims__book(struct victims *v, const struct stall *stall, const struct place *place,
		  const struct victim *victim)
{
	const struct pair *pair;
	struct victim_entry *e;
	uint64_t cost_ns;
	int r;

	v->is_changed = true;
	r = entry_get(v, victim, stall->words, &e);
	if (r || !e)
		return r;
	e->row.times++;
	e->row.starved_ns += victim->waited_ns;
	if (victim->waited_ns > e->row.worst_ns)
		e->row.worst_ns = victim->waited_ns;
	e->row.last_ns = stall->start_ns + stall->duration_ns;
	if (victim->coroutine.name)
		e->row.coroutine = victim->coroutine;
	r = pairs__add(&v->pairs, e, place, victim->waited_ns, &pair);
	if (r)
		return r;
	cost_ns = pair ? pair->total_ns : 0;
	/* The first culprit counts even if the wait is unknown (0). */
	if (e->has_culprit && cost_ns <= e->culprit_ns)
		return 0;
	e->has_culprit = true;
	e->culprit_ns = cost_ns;
	e->row.culprit = place ? place->info : (struct code_info){ NULL, NULL, 0 };
	return 0;
}

static int down(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int entry_compare(const void *va, const void *vb)
{
	const struct victim_row *a = &(*(struct victim_entry *const *)va)->row;
	const struct victim_row *b = &(*(struct victim_entry *const *)vb)->row;
	int r = down(a->starved_ns, b->starved_ns);

	if (!r)
		r = strcmp(a->name, b->name);
	return r ? r : places__compare(&a->coroutine, &b->coroutine);
}

static int payer_compare(const void *va, const void *vb)
{
	const struct payer_row *a = va, *b = vb;
	int r = down(a->starved_ns, b->starved_ns);

	if (!r)
		r = (a->victim > b->victim) - (a->victim < b->victim);
	return r ? r : places__compare(&a->culprit, &b->culprit);
}

static int make_victim_rows(struct victims *v)
{
	const size_t n = HASH_COUNT(v->entries);
	_cleanup_free_ struct victim_entry **sorted = calloc(n + 1, sizeof(struct victim_entry *));
	struct victim_row *rows = reallocarray(v->rows, n + 1, sizeof(*rows));
	struct victim_entry *e, *next;
	size_t i = 0;

	if (rows)
		v->rows = rows;
	if (!rows || !sorted)
		return -ENOMEM;
	HASH_ITER (hh, v->entries, e, next)
		sorted[i++] = e;
	qsort(sorted, n, sizeof(*sorted), entry_compare);
	for (i = 0; i < n; i++) {
		sorted[i]->index = i;
		rows[i] = sorted[i]->row;
	}
	v->n_rows = n;
	return 0;
}

static int make_payer_rows(struct victims *v)
{
	const size_t n = HASH_COUNT(v->pairs.table);
	struct payer_row *rows = reallocarray(v->payer_rows, n + 1, sizeof(*rows));
	struct pair *pair, *next;
	size_t i = 0;

	if (!rows)
		return -ENOMEM;
	v->payer_rows = rows;
	HASH_ITER (hh, v->pairs.table, pair, next) {
		const struct victim_entry *e = pair->key.payer;
		const struct place *place = pair->key.cause;

		rows[i] = (struct payer_row){ .victim = e->index,
					      .times = pair->times,
					      .starved_ns = pair->total_ns };
		if (place)
			rows[i].culprit = place->info;
		i++;
	}
	qsort(rows, n, sizeof(*rows), payer_compare);
	v->n_payer_rows = n;
	return 0;
}

int victims__rows(struct victims *v, struct snapshot *ret_snapshot)
{
	int r = 0;

	if (v->is_changed)
		r = make_victim_rows(v);
	if (!r && v->is_changed)
		r = make_payer_rows(v);
	if (r)
		return r;
	v->is_changed = false;
	ret_snapshot->n_victims = v->n_rows;
	ret_snapshot->victims = v->rows;
	ret_snapshot->n_payers = v->n_payer_rows;
	ret_snapshot->payers = v->payer_rows;
	return 0;
}
