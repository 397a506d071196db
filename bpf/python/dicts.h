/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * CPython's dicts: where the entries are, and one of them. Sources: cpython Objects/dictobject.c,
 * Include/internal/pycore_dict.h, Objects/dict-common.h (3.8-3.10).
 */
#ifndef LOOPSTALL_BPF_DICTS_H
#define LOOPSTALL_BPF_DICTS_H

#include "core/port.h"
#include "core/state.h"
#include "python/objects.h"

#define MOST_ENTRIES 64 /* that are looked at */
#define MOST_KEYS (1U << 20) /* a table with more is none */
#define KEYS_HEAD_BYTES 64
#define NEW_ENTRY 16
#define GENERAL_ENTRY 24 /* a hash is in front of the key */

struct dict_entry {
	__u64 key, value;
};

/* Bytes of the index of a dict whose keys begin in ts->object. */
LS_INLINE __u64 index_bytes(const struct thread_state *ts)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 size;

	if (py->keys_log2_index_bytes != LS_PY_NONE)
		return 1ULL << (ts->object[py->keys_log2_index_bytes & 31] & 31);
	size = object_word(ts, OLD_KEYS_SIZE);
	return size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : 4);
}

/* Prepares a search in a table of keys; `values`: of an instance that shares them, or 0. */
LS_INLINE int keys_open(struct thread_state *ts, struct request_look *look, __u64 keys,
			__u64 values)
{
	const struct ls_pyoffsets *py;
	struct keys_place *place;
	__u64 n;

	if (!ts || !look)
		return -1;
	py = &ts->proc.py.at;
	place = &look->keys;
	place->n = 0;
	if (!keys || read_user(ts->object, KEYS_HEAD_BYTES, keys))
		return -1;
	n = object_word(ts, py->keys_nentries);
	place->n = n < MOST_KEYS ? n : 0;
	place->values = values;
	place->entry_bytes = GENERAL_ENTRY;
	if (py->keys_kind != LS_PY_NONE && ts->object[py->keys_kind & 31])
		place->entry_bytes = NEW_ENTRY;
	place->entries = keys + py->keys_indices + index_bytes(ts);
	return 0;
}

LS_INLINE int dict_open(struct thread_state *ts, struct request_look *look, __u64 dict)
{
	const struct ls_pyoffsets *py;
	__u64 values;

	if (!ts || !look)
		return -1;
	look->keys.n = 0;
	py = &ts->proc.py.at;
	if (!dict)
		return -1;
	values = read_ptr(dict + py->dict_values);
	return keys_open(ts, look, read_ptr(dict + py->dict_keys),
			 values ? values + py->dictvalues_data : 0);
}

/* Entry i of the keys that are open. 0 or not. */
LS_INLINE long dict_entry_read(const struct keys_place *place, __u32 i, struct dict_entry *entry)
{
	return read_user(entry, sizeof(*entry),
			 place->entries + i * place->entry_bytes + place->entry_bytes - NEW_ENTRY);
}

#endif
