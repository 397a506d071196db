/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of call sites. The pairs hold what each site cost each place, so that a coroutine's row
 * can name its worst site.
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

void ledger__done(struct ledger *l)
{
	table__free(l->sites, table__free_keyed);
	pairs__done(&l->pairs);
	free(l->rows);
	free(l->costs);
	memset(l, 0, sizeof(*l));
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
		l->refused++;
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->key = key;
	s->row.at = stall->call;
	s->row.cause = stall->cause;
	if (table__add_bytes(l->sites, s, n) < 0) {
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
	const struct pair *pair;
	int r;

	r = site_get(l, stall, &s);
	if (r || !s)
		return r;
	s->row.coroutine = stall->coroutine;
	s->row.words = stall->words;
	if (stall->call_syscall)
		s->row.syscall = stall->call_syscall;
	s->row.stalls++;
	s->row.total_ns += stall->duration_ns;
	s->row.starved_ns += stall->starved_ns;
	if (stall->duration_ns > s->row.max_ns) {
		s->row.max_ns = stall->duration_ns;
		s->row.sign = stall->sign;
		s->row.context = stall->context;
	}
	s->row.last_ns = stall->start_ns + stall->duration_ns;
	if (!place)
		return 0;
	r = pairs__add(&l->pairs, place, s, stall->duration_ns, &pair);
	if (r || !pair || pair->total_ns <= place->worst_ns)
		return r;
	place->worst_ns = pair->total_ns;
	place->worst = stall->own.function ? stall->own : stall->call;
	place->worst_cause = stall->cause;
	place->worst_sign = s->row.sign;
	place->worst_context = s->row.context;
	return 0;
}

int ledger__stall(struct ledger *l, const struct stall *stall, struct place *place)
{
	l->is_changed = true;
	/* A turn's time belongs to many steps, not to one line. */
	return stall->unit != LS_UNIT_TURN && stall->call.function ? book_site(l, stall, place) : 0;
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

static int rows_make(struct ledger *l)
{
	struct site_row *rows = reallocarray(l->rows, HASH_COUNT(l->sites) + 1, sizeof(*rows));
	struct ledger_site *s, *next;

	if (!rows)
		return -ENOMEM;
	l->rows = rows;
	l->n_rows = 0;
	HASH_ITER (hh, l->sites, s, next)
		rows[l->n_rows++] = s->row;
	qsort(rows, l->n_rows, sizeof(*rows), site_compare);
	return 0;
}

static int cost_compare(const void *va, const void *vb)
{
	const struct site_cost_row *a = va, *b = vb;
	int r = down(a->total_ns, b->total_ns);

	if (!r)
		r = places__compare(&a->coroutine, &b->coroutine);
	if (!r)
		r = strcmp(a->at.file, b->at.file);
	if (!r)
		r = down(b->at.line, a->at.line);
	return r ? r : (int)a->cause - (int)b->cause;
}

static struct site_cost_row cost_row(const struct pair *pair)
{
	const struct place *place = pair->key.payer;
	const struct ledger_site *site = pair->key.cause;

	return (struct site_cost_row){ .coroutine = place->info,
				       .at = site->row.at,
				       .cause = site->row.cause,
				       .syscall = site->row.syscall,
				       .sign = site->row.sign,
				       .stalls = pair->times,
				       .total_ns = pair->total_ns,
				       .words = site->row.words };
}

static int costs_make(struct ledger *l)
{
	struct site_cost_row *costs =
		reallocarray(l->costs, HASH_COUNT(l->pairs.table) + 1, sizeof(*costs));
	struct pair *pair, *next;

	if (!costs)
		return -ENOMEM;
	l->costs = costs;
	l->n_costs = 0;
	HASH_ITER (hh, l->pairs.table, pair, next)
		costs[l->n_costs++] = cost_row(pair);
	qsort(costs, l->n_costs, sizeof(*costs), cost_compare);
	return 0;
}

int ledger__rows(struct ledger *l, struct snapshot *ret_snapshot)
{
	int r;

	if (l->is_changed) {
		r = rows_make(l);
		if (!r)
			r = costs_make(l);
		if (r)
			return r;
		l->is_changed = false;
	}
	ret_snapshot->n_sites = l->n_rows;
	ret_snapshot->sites = l->rows;
	ret_snapshot->n_site_costs = l->n_costs;
	ret_snapshot->site_costs = l->costs;
	return 0;
}
