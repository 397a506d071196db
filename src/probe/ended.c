/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An element is found by its key until that is deleted, is all zero before it is offered as free,
 * and only the thread of its key ever wrote to it (bpf/python/coroutines.bpf.c).
 */
#include "probe/ended.h"

#include <errno.h>
#include <stdbool.h>

#include <bpf/bpf.h>

static bool is_of(const struct ls_coro_key *key, const struct probe_thread *threads, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (key->tid == threads[i].tid && key->tgid == threads[i].pid)
			return true;
	return false;
}

static int give_back(const struct ended_maps *maps, uint32_t index)
{
	static const struct ls_coro_stats nothing;

	/* Without an index it was never found, nor will be. */
	if (bpf_map_delete_elem(maps->coroutine_index, &maps->stats[index].key) && errno != ENOENT)
		return -errno;
	if (bpf_map_update_elem(maps->coroutine_stats, &index, &nothing, BPF_ANY) ||
	    bpf_map_update_elem(maps->coroutine_free, NULL, &index, BPF_ANY))
		return -errno;
	return 0;
}

int ended__give_back(const struct ended_maps *maps, const struct probe_thread *threads, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		const uint64_t key = (uint64_t)threads[i].pid << 32 | threads[i].tid;

		bpf_map_delete_elem(maps->threads, &key);
	}
	for (uint32_t i = 0; n && i < maps->n; i++)
		if (is_of(&maps->stats[i].key, threads, n) && give_back(maps, i))
			r = -EIO;
	return r;
}
