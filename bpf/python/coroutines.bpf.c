// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See coroutines.h. Each kind has an aggregate for each thread that runs it or has it waiting.
 */
#include "python/coroutines.h"
#include "python/objects.h"

/*
 * Index of the aggregate with this key, created if there is none; LS_MAX_COROUTINES if there is no
 * room.
 */
static __always_inline __u32 coroutine_place(const struct ls_coro_key *key, __u64 qualname)
{
	struct ls_coro_stats *stats;
	__u32 index, *place;

	place = bpf_map_lookup_elem(&coroutine_index, key);
	if (place)
		return *place;
	if (bpf_map_pop_elem(&coroutine_free, &index)) {
		/* Counting on would wrap round to indices in use. */
		if (n_coroutines >= LS_MAX_COROUTINES)
			return LS_MAX_COROUTINES;
		index = __sync_fetch_and_add(&n_coroutines, 1);
	}
	stats = bpf_map_lookup_elem(&coroutine_stats, &index);
	if (!stats)
		return LS_MAX_COROUTINES;
	if (bpf_map_update_elem(&coroutine_index, key, &index, BPF_NOEXIST)) {
		bpf_map_push_elem(&coroutine_free, &index, BPF_ANY);
		return LS_MAX_COROUTINES;
	}
	stats->key = *key;
	stats->qualname = qualname;
	return index;
}

LS_SUBPROG int coroutine_find(struct thread_state *ts, struct known_code *known, __u64 coro,
			      __u64 code)
{
	const struct ls_coro_stats *stats;
	struct ls_coro_key key = {};
	__u64 type, qualname = 0;
	__u32 size, index;

	if (!ts || !known)
		return 0;
	known->code = code;
	known->is_coroutine = 0;
	size = ts->proc.py.at.gen_bytes & 0x7f;
	barrier_var(size);
	if (read_user(ts->object, size & 0x7f, coro)) {
		count_loss(LS_LOSS_TASK_UNREADABLE);
	} else {
		type = object_word(ts, ts->proc.py.at.ob_type);
		known->is_coroutine =
			code && (type == ts->proc.py.coro_type || type == ts->proc.py.gen_type);
	}
	if (known->is_coroutine) {
		key.code = code;
		qualname = object_word(ts, ts->proc.py.at.gen_qualname);
	}
	key.tgid = ts->tgid;
	key.tid = ts->tid;
	known->index = coroutine_place(&key, qualname);
	index = known->index;
	stats = bpf_map_lookup_elem(&coroutine_stats, &index);
	known->has_stalled = known->is_coroutine && stats && stats->stalls;
	return 0;
}
