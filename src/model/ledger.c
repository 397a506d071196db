/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of sites, victims and pairs. A pair has what one place cost one victim, or what one site
 * cost one place: sums only grow, so the largest of each is known without looking for it.
 */
#include "model/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct ledger_site {
	char *key;
	struct site_row row;
	UT_hash_handle hh;
};

struct ledger_victim {
	char *name; /* key */
	struct victim_row row;
	uint64_t culprit_ns;
	UT_hash_handle hh;
};

struct ledger_pair {
	struct pair_key {
		const void *payer, *cause;
	} key;
	uint64_t total_ns;
	UT_hash_handle hh;
};

void ledger__done(struct ledger *l)
{
	struct ledger_site *s, *next_s;
	struct ledger_victim *v, *next_v;
	struct ledger_pair *p, *next_p;

	HASH_ITER(hh, l->sites, s, next_s) {
		HASH_DELETE(hh, l->sites, s);
		free(s->key);
		free(s);
	}
	HASH_ITER(hh, l->victims, v, next_v) {
		HASH_DELETE(hh, l->victims, v);
		free(v->name);
		free(v);
	}
	HASH_ITER(hh, l->pairs, p, next_p) {
		HASH_DELETE(hh, l->pairs, p);
		free(p);
	}
	free(l->site_rows);
	free(l->victim_rows);
	memset(l, 0, sizeof(*l));
}

/* Adds to what `payer` has paid for `cause`; the sum so far, 0 if there was no room. */
static int pair_add(struct ledger *l, const void *payer, const void *cause, uint64_t ns,
		    uint64_t *ret_total_ns)
{
	const struct pair_key key = { payer, cause };
	struct ledger_pair *p;
	int r;

	*ret_total_ns = 0;
	table__find(l->pairs, &key, p);
	if (!p) {
		if (HASH_COUNT(l->pairs) >= LEDGER_MAX_PAIRS) {
			l->refused_pairs++;
			return 0;
		}
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->key = key;
		r = table__add(l->pairs, p);
		if (r) {
			free(p);
			return r;
		}
	}
	p->total_ns += ns;
	*ret_total_ns = p->total_ns;
	return 0;
}

/* NULL in *ret_site if there is no room. */
static int site_get(struct ledger *l, const struct stall *stall, struct ledger_site **ret_site)
{
	_cleanup_free_ char *key = NULL;
	struct ledger_site *s;
	size_t n;
	int r;

	r = place_key__make(stall->call.function, stall->call.file, stall->call.line,
			    (uint32_t)stall->cause, &key, &n);
	if (r)
		return r;
	HASH_FIND(hh, l->sites, key, n, s);
	*ret_site = s;
	if (s)
		return 0;
	if (HASH_COUNT(l->sites) >= LEDGER_MAX_SITES) {
		l->refused_sites++;
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->key = key;
	s->row.at = stall->call;
	s->row.cause = stall->cause;
	HASH_ADD_KEYPTR(hh, l->sites, s->key, n, s);
	if (!s->hh.tbl) {
		free(s);
		return -ENOMEM;
	}
	TAKE_PTR(key);
	*ret_site = s;
	return 0;
}

static int book_site(struct ledger *l, const struct stall *stall, struct place *place)
{
	struct ledger_site *s;
	uint64_t total_ns;
	int r;

	r = site_get(l, stall, &s);
	if (r || !s)
		return r;
	s->row.coroutine = stall->coroutine;
	if (stall->call_syscall)
		s->row.syscall = stall->call_syscall;
	s->row.stalls++;
	s->row.total_ns += stall->duration_ns;
	s->row.starved_ns += stall->starved_ns;
	if (stall->duration_ns > s->row.max_ns)
		s->row.max_ns = stall->duration_ns;
	s->row.last_ns = stall->start_ns + stall->duration_ns;
	if (!place)
		return 0;
	r = pair_add(l, place, s, stall->duration_ns, &total_ns);
	if (r || total_ns <= place->worst_ns)
		return r;
	place->worst_ns = total_ns;
	place->worst = stall->call;
	place->worst_cause = stall->cause;
	return 0;
}

static int victim_get(struct ledger *l, const char *name, struct ledger_victim **ret_victim)
{
	_cleanup_free_ char *copy = NULL;
	struct ledger_victim *v;

	HASH_FIND_STR(l->victims, name, v);
	*ret_victim = v;
	if (v)
		return 0;
	if (HASH_COUNT(l->victims) >= LEDGER_MAX_VICTIMS) {
		l->refused_victims++;
		return 0;
	}
	copy = strdup(name);
	v = calloc(1, sizeof(*v));
	if (!v || !copy) {
		free(v);
		return -ENOMEM;
	}
	v->name = copy;
	v->row.name = copy;
	HASH_ADD_KEYPTR(hh, l->victims, v->name, strlen(v->name), v);
	if (!v->hh.tbl) {
		free(v);
		return -ENOMEM;
	}
	TAKE_PTR(copy);
	*ret_victim = v;
	return 0;
}

static int book_victim(struct ledger *l, const struct stall *stall, const struct place *place,
		       const char *name, uint64_t waited_ns)
{
	struct ledger_victim *v;
	uint64_t total_ns;
	int r;

	r = victim_get(l, name, &v);
	if (r || !v)
		return r;
	v->row.times++;
	v->row.starved_ns += waited_ns;
	if (waited_ns > v->row.worst_ns)
		v->row.worst_ns = waited_ns;
	v->row.last_ns = stall->start_ns + stall->duration_ns;
	if (!place)
		return 0;
	r = pair_add(l, v, place, waited_ns, &total_ns);
	if (r || total_ns <= v->culprit_ns)
		return r;
	v->culprit_ns = total_ns;
	v->row.culprit = place->info;
	return 0;
}

int ledger__stall(struct ledger *l, const struct stall *stall, struct place *place,
		  const uint64_t *waited_ns)
{
	uint32_t i;
	int r = 0;

	l->is_changed = true;
	/* A turn's time went into many steps, not into one line. */
	if (stall->unit != LS_UNIT_TURN && stall->call.function)
		r = book_site(l, stall, place);
	for (i = 0; !r && i < stall->victims_named; i++)
		r = book_victim(l, stall, place, stall->victim_names[i], waited_ns[i]);
	return r;
}

static int down(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int site_compare(const void *va, const void *vb)
{
	const struct site_row *a = va, *b = vb;
	int r = down(a->total_ns, b->total_ns);

	if (!r)
		r = strcmp(a->at.file, b->at.file);
	if (!r)
		r = down(b->at.line, a->at.line);
	if (!r)
		r = strcmp(a->at.function, b->at.function);
	return r ? r : (int)a->cause - (int)b->cause;
}

static int victim_compare(const void *va, const void *vb)
{
	const struct victim_row *a = va, *b = vb;
	int r = down(a->starved_ns, b->starved_ns);

	return r ? r : strcmp(a->name, b->name);
}

static int rows_make(struct ledger *l)
{
	struct ledger_site *s, *next_s;
	struct ledger_victim *v, *next_v;
	struct site_row *sites;
	struct victim_row *victims;

	sites = reallocarray(l->site_rows, HASH_COUNT(l->sites) + 1, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	l->site_rows = sites;
	victims = reallocarray(l->victim_rows, HASH_COUNT(l->victims) + 1, sizeof(*victims));
	if (!victims)
		return -ENOMEM;
	l->victim_rows = victims;
	l->n_site_rows = l->n_victim_rows = 0;
	HASH_ITER(hh, l->sites, s, next_s)
		sites[l->n_site_rows++] = s->row;
	HASH_ITER(hh, l->victims, v, next_v)
		victims[l->n_victim_rows++] = v->row;
	qsort(sites, l->n_site_rows, sizeof(*sites), site_compare);
	qsort(victims, l->n_victim_rows, sizeof(*victims), victim_compare);
	return 0;
}

int ledger__rows(struct ledger *l, struct snapshot *ret_snapshot)
{
	int r;

	if (l->is_changed) {
		r = rows_make(l);
		if (r)
			return r;
		l->is_changed = false;
	}
	ret_snapshot->n_sites = l->n_site_rows;
	ret_snapshot->sites = l->site_rows;
	ret_snapshot->n_victims = l->n_victim_rows;
	ret_snapshot->victims = l->victim_rows;
	return 0;
}
