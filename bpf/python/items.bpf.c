// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See items.h. With LOOPSTALL_HOSTED this file is ordinary C, which the unit tests include.
 */
#include "python/items.h"

#include "python/dicts.h"

#define FLAG_INLINE_VALUES (1ULL << 2)
#define FLAG_MANAGED_DICT (1ULL << 4)
#define ARE_VALID 3 /* byte of PyDictValues, 3.13 and later */

struct keys_walk {
	struct thread_state *ts;
	struct request_look *look;
	struct ls_request_name *name;
	__u32 is_by_text;
};

/* 3.13 and later: without a dict the values follow the instance, unless they were given up. */
static __always_inline __u64 inline_values(const struct ls_pyoffsets *py, __u64 object, __u64 type)
{
	__u64 values = object + (read_ptr(type + py->tp_basicsize) & 0xffff);
	__u8 is_valid = 0;

	if (read_user(&is_valid, 1, values + ARE_VALID) || is_valid != 1)
		return 0;
	return values + py->dictvalues_data;
}

/* Prepares a search among the attributes of an instance. */
static __always_inline int instance_open(struct thread_state *ts, struct request_look *look,
					 __u64 object, __u64 type)
{
	const struct ls_pyoffsets *py;
	__u64 flags, word, values = 0;

	if (!ts || !look)
		return -1;
	look->keys.n = 0;
	py = &ts->proc.py.at;
	flags = read_ptr(type + py->tp_flags);
	if (!py->managed_dict || !(flags & FLAG_MANAGED_DICT)) {
		word = read_ptr(type + py->tp_dictoffset);
		return word && word < 0x10000 ? dict_open(ts, look, read_ptr(object + word)) : -1;
	}
	word = read_ptr(object + (__u64)(__s64)py->managed_dict);
	if (py->managed_values) {
		values = read_ptr(object + (__u64)(__s64)py->managed_values);
	} else if (word & 1) {
		values = word + 1;
		word = 0;
	}
	if (!values && word)
		return dict_open(ts, look, word);
	if (!values && py->minor >= 13 && (flags & FLAG_INLINE_VALUES))
		values = inline_values(py, object, type);
	return values ? keys_open(ts, look, read_ptr(type + py->ht_cached_keys), values) : -1;
}

/* Is the str at `key` the name? */
static __always_inline int is_text(struct thread_state *ts, const struct ls_request_name *name,
				   __u64 key)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u32 data = py->str_ascii_data, size = (data + name->length) & 0x7f, state;

	__builtin_memset(ts->object, 0, 128);
	barrier_var(size);
	if (read_user(ts->object, size & 0x7f, key))
		return 0;
	state = (__u32)(object_word(ts, py->str_state) >> (8 * (py->str_state & 7)));
	return object_word(ts, py->str_length) == name->length && ls_str_is_compact(py, state) &&
		ls_str_is_ascii(py, state) && object_word(ts, data) == name->words[0] &&
		object_word(ts, data + 8) == name->words[1] &&
		object_word(ts, data + 16) == name->words[2];
}

static __always_inline void entry_take(struct keys_walk *walk, __u32 i,
				       const struct dict_entry *entry)
{
	struct keys_place *place = &walk->look->keys;

	walk->name->index = i;
	walk->name->known = entry->key;
	place->found = place->values ? read_ptr(place->values + 8ULL * i) : entry->value;
}

/* bpf_loop() callback: is entry i the one? */
static long entry_match(__u32 i, struct keys_walk *walk)
{
	struct dict_entry entry;

	if (!walk->ts || !walk->look || !walk->name)
		return 1;
	if (dict_entry_read(&walk->look->keys, i, &entry))
		return 1;
	if (!entry.key)
		return 0;
	if (walk->is_by_text ? !is_text(walk->ts, walk->name, entry.key) :
			       entry.key != walk->name->known)
		return 0;
	entry_take(walk, i, &entry);
	return 1;
}

/*
 * What is found under `name` in the keys that are open, 0: nothing. Names are nearly always one
 * object in a process, so the address that was right last decides; the text, if that is not there.
 */
static __always_inline __u64 name_find(struct thread_state *ts, struct request_look *look,
				       struct ls_request_name *name)
{
	struct keys_walk walk = { .ts = ts, .look = look, .name = name };
	struct dict_entry entry;
	__u32 n;

	if (!ts || !look || !name || !look->keys.n)
		return 0;
	n = look->keys.n < MOST_ENTRIES ? look->keys.n : MOST_ENTRIES;
	look->keys.found = 0;
	if (name->known && name->index < n && !dict_entry_read(&look->keys, name->index, &entry) &&
	    entry.key == name->known) {
		entry_take(&walk, name->index, &entry);
		return look->keys.found;
	}
	if (name->known)
		bpf_loop(n, entry_match, &walk, 0);
	if (look->keys.found)
		return look->keys.found;
	walk.is_by_text = 1;
	bpf_loop(n, entry_match, &walk, 0);
	return look->keys.found;
}

LS_SUBPROG __u64 item_read(struct thread_state *ts, struct request_look *look, __u64 object,
			   struct ls_request_name *name, __u32 is_dict)
{
	__u64 type;

	if (!ts || !look || !name || !object)
		return 0;
	if (is_dict)
		return dict_open(ts, look, object) ? 0 : name_find(ts, look, name);
	type = read_ptr(object + ts->proc.py.at.ob_type);
	if (!type)
		return 0;
	if (name->slot && name->slot_type == type)
		return read_ptr(object + name->slot);
	return instance_open(ts, look, object, type) ? 0 : name_find(ts, look, name);
}
