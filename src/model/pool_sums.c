/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of pools, by process and address.
 */
#include "model/pool_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/naming.h"

struct pool_sum {
	struct {
		uint64_t pid, object;
	} key;
	struct pool_row row;
	uint64_t looked_ns; /* of the last look that had it */
	UT_hash_handle hh;
};

void pool_sums__done(struct pool_sums *p)
{
	table__free(p->table, free);
	free(p->rows);
	memset(p, 0, sizeof(*p));
}

/* Drops the pool that nobody uses and that was last seen the longest time ago. */
static void make_room(struct pool_sums *p)
{
	struct pool_sum *sum, *next, *oldest = NULL;

	HASH_ITER (hh, p->table, sum, next)
		if (!sum->row.busy && (!oldest || sum->looked_ns < oldest->looked_ns))
			oldest = sum;
	if (!oldest)
		return;
	p->refused += oldest->row.full_ns > 0;
	HASH_DEL(p->table, oldest);
	free(oldest);
}

/* NULL in *ret_sum if there is no room. */
static int sum_get(struct pool_sums *p, uint32_t pid, const struct pool *pool,
		   struct pool_sum **ret_sum)
{
	const struct {
		uint64_t pid, object;
	} key = { pid, pool->object };
	struct pool_sum *sum;

	HASH_FIND(hh, p->table, &key, sizeof(key), sum);
	*ret_sum = sum;
	if (sum)
		return 0;
	if (HASH_COUNT(p->table) == POOL_SUMS_MAX)
		make_room(p);
	if (HASH_COUNT(p->table) == POOL_SUMS_MAX) {
		p->refused++;
		return 0;
	}
	sum = calloc(1, sizeof(*sum));
	if (!sum)
		return -ENOMEM;
	memcpy(&sum->key, &key, sizeof(key));
	if (table__add(p->table, sum) < 0) {
		free(sum);
		return -ENOMEM;
	}
	*ret_sum = sum;
	return 0;
}

static void take_places(struct pool_row *row, const struct resolver *resolver,
			const struct pool *pool)
{
	const struct naming naming = { .resolver = resolver, .pid = row->pid };

	row->n_places = pool->n_places < POOL_PLACES ? pool->n_places : POOL_PLACES;
	for (size_t i = 0; i < row->n_places; i++)
		row->places[i] = (struct pool_row_place){
			.at = naming__frame(&naming, &pool->places[i].frame),
			.threads = pool->places[i].threads,
		};
}

/* The time since the last look counts if it was full then, too. */
static void sum_look(struct pool_sum *sum, const struct resolver *resolver, uint64_t now_ns,
		     const struct pool *pool)
{
	struct pool_row *row = &sum->row;
	const bool was_full = row->full_since_ns != 0, is_full = pool__is_full(pool);

	if (was_full && is_full && now_ns > sum->looked_ns)
		row->full_ns += now_ns - sum->looked_ns;
	row->full_since_ns = !is_full ? 0 : was_full ? row->full_since_ns : now_ns;
	row->is_default |= pool->is_default;
	row->size = pool->size;
	row->busy = pool->busy;
	row->waiting = pool->waiting;
	if (!row->n_places || pool->waiting >= row->waiting_max)
		take_places(row, resolver, pool);
	if (pool->waiting > row->waiting_max)
		row->waiting_max = pool->waiting;
	sum->looked_ns = now_ns;
}

/* The object of another pool may have come to lie there. */
static void sum_begin(struct pool_sum *sum, const struct resolver *resolver, uint32_t pid,
		      const struct pool *pool)
{
	struct pool_row *row = &sum->row;

	if (row->pid && row->kind == pool->kind && !strcmp(row->name, pool->name))
		return;
	*row = (struct pool_row){ .pid = pid,
				  .kind = pool->kind,
				  .words = resolver__words(resolver, pid) };
	memcpy(row->name, pool->name, sizeof(row->name));
	row->name[sizeof(row->name) - 1] = '\0';
}

/* What no longer has users that could be seen has nothing that waits. */
static void end_unseen(struct pool_sums *p, uint32_t pid, uint64_t now_ns, bool has_any)
{
	struct pool_sum *sum, *next;

	HASH_ITER (hh, p->table, sum, next) {
		if (sum->key.pid != pid || (has_any && sum->looked_ns == now_ns))
			continue;
		sum->row.busy = sum->row.waiting = 0;
		sum->row.full_since_ns = 0;
	}
}

int pool_sums__look(struct pool_sums *p, const struct resolver *resolver, uint64_t now_ns,
		    uint32_t pid, const struct pool *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pool_sum *sum;
		const int r = sum_get(p, pid, &list[i], &sum);

		if (r)
			return r;
		if (!sum)
			continue;
		sum_begin(sum, resolver, pid, &list[i]);
		sum_look(sum, resolver, now_ns, &list[i]);
	}
	end_unseen(p, pid, now_ns, n > 0);
	return 0;
}

static int row_compare(const void *va, const void *vb)
{
	const struct pool_row *a = va, *b = vb;

	if (a->full_ns != b->full_ns)
		return a->full_ns < b->full_ns ? 1 : -1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return strcmp(a->name, b->name);
}

int pool_sums__rows(struct pool_sums *p, struct snapshot *ret_snapshot)
{
	struct pool_row *rows = reallocarray(p->rows, HASH_COUNT(p->table) + 1, sizeof(*p->rows));
	struct pool_sum *sum, *next;
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	p->rows = rows;
	HASH_ITER (hh, p->table, sum, next)
		rows[n++] = sum->row;
	qsort(rows, n, sizeof(*rows), row_compare);
	ret_snapshot->n_pools = n;
	ret_snapshot->pools = rows;
	return 0;
}
