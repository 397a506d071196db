/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at pools are few and short, so they are written whole.
 */
#include "record/recorder_impl.h"

static void put_pool(struct recorder *rec, const struct pool *pool)
{
	struct buffer *out = &rec->out.raw;
	struct ls_frame frames[POOL_PLACES];
	const size_t n = pool->n_places < POOL_PLACES ? pool->n_places : POOL_PLACES;

	buffer__varint(out, pool->kind);
	buffer__varint(out, pool->object);
	buffer__varint(out, pool->is_default);
	buffer__varint(out, pool->size);
	buffer__varint(out, pool->busy);
	buffer__varint(out, pool->waiting);
	recorder__put_name(rec, strings__intern(rec->pool, pool->name));
	for (size_t i = 0; i < n; i++)
		frames[i] = pool->places[i].frame;
	recorder__put_frames(rec, frames, n);
	for (size_t i = 0; i < n; i++)
		buffer__varint(out, pool->places[i].threads);
}

int recorder__pools(struct recorder *rec, uint64_t now_ns, uint32_t pid, const struct pool *list,
		    size_t n)
{
	if (n > POOLS_MAX)
		n = POOLS_MAX;
	if (rec->error < 0)
		return rec->error;
	if (!n && !rec->has_pools)
		return recorder__end_input(rec);
	rec->has_pools = true;
	recorder__begin_input(rec, FORMAT_POOLS, now_ns);
	buffer__varint(&rec->out.raw, pid);
	buffer__varint(&rec->out.raw, n);
	for (size_t i = 0; i < n; i++)
		put_pool(rec, &list[i]);
	return recorder__end_input(rec);
}
