// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Finds the state of a thread. Sources: cpython Include/cpython/pystate.h.
 */
#include "python/threads.h"

#include "arch/regs.h"
#include "core/maps.h"
#include "python/objects.h"

#define MAX_THREADS 4096 /* thread states that are looked at */

struct thread_search {
	struct thread_state *ts;
	__u64 tstate, key;
	__u32 kind; /* enum thread_key */
	__u32 is_found;
};

/* bpf_loop() callback: one thread state further. */
static long thread_match(__u32 i, struct thread_search *search)
{
	const struct ls_pyoffsets *at = &search->ts->proc.py.at;
	__u64 id;

	(void)i;
	if (!search->tstate)
		return 1;
	id = read_ptr(search->tstate +
		      (search->kind == KEY_NATIVE ? at->tstate_native_id : at->tstate_thread_id));
	if (search->kind == KEY_OF_THREAD ? is_pthread_of(id, search->key) : id == search->key) {
		search->is_found = 1;
		return 1;
	}
	search->tstate = read_ptr(search->tstate + at->tstate_next);
	return 0;
}

LS_SUBPROG __u64 thread_find(struct thread_state *ts, __u64 key, __u32 kind)
{
	struct thread_search search = { .ts = ts, .key = key, .kind = kind };

	if (!ts || !ts->proc.py.threads)
		return 0;
	if (kind == KEY_OF_THREAD && is_key_native(ts))
		search.kind = KEY_NATIVE;
	search.tstate = read_ptr(ts->proc.py.threads);
	bpf_loop(MAX_THREADS, thread_match, &search, 0);
	return search.is_found ? search.tstate : 0;
}
