/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources of the layouts that are not in py_offsets.c: cpython Include/cpython/setobject.h,
 * Include/moduleobject.h, Include/structmember.h (descrobject.h from 3.12 on),
 * Include/longintrepr.h, Objects/dict-common.h (3.8-3.10), Include/cpython/object.h.
 */
#include "python/py_memory.h"

#include <errno.h>
#include <string.h>

#include "base/procmem.h"
#include "python/python.h"

#define MAX_DICT_ENTRIES 100000
#define MAX_BASES 32
#define BATCH 256
#define KEYS_HEAD_BYTES 48
#define DICT_HEAD_BYTES 64 /* also enough for the keys */
#define LAST_ITEMS 4

#define TYPE_FLAG_INLINE_VALUES (1U << 2)
#define TYPE_FLAG_MANAGED_DICT (1U << 4)
/* PyTypeObject: tp_members, tp_getset, tp_base, tp_dict */
#define TYPE_BASE_BEHIND_MEMBERS 16
#define TYPE_DICT_BEHIND_BASE 8
#define MEMBER_OBJECT 16 /* Py_T_OBJECT_EX */
#define MAX_SLOTS 64
#define VALUES_VALID 3 /* byte of PyDictValues in 3.13 */
#define OLD_KEYS_SIZE 8 /* dk_size, 3.8-3.10 */
/* behind the object's head */
#define MODULE_DICT 0
#define SET_MASK 16
#define SET_TABLE 24
#define OLD_INT_DIGIT 8
#define INT_DIGIT_BITS 30

int py_read_u64(const struct target *t, uint64_t addr, uint64_t *ret_value)
{
	return target__read(t, addr, ret_value, sizeof(*ret_value));
}

int py_read_u32(const struct target *t, uint64_t addr, uint32_t *ret_value)
{
	return target__read(t, addr, ret_value, sizeof(*ret_value));
}

int py_read_cstring(const struct target *t, uint64_t addr, char *buf, size_t size)
{
	size_t to_page_end = PROCMEM_PAGE_BYTES - addr % PROCMEM_PAGE_BYTES;
	size_t want = size - 1;
	int r = target__read(t, addr, buf, want);

	if (r == -EFAULT && to_page_end < want) {
		want = to_page_end;
		r = target__read(t, addr, buf, want);
	}
	if (r)
		return r;
	buf[want] = 0;
	return 0;
}

int py_type_of(const struct target *t, uint64_t object, uint64_t *ret_type)
{
	return py_read_u64(t, object + t->proc.py.at.ob_type, ret_type);
}

int py_type_name(const struct target *t, uint64_t type, char *buf, size_t size)
{
	uint64_t name;
	int r = py_read_u64(t, type + t->proc.py.at.tp_name, &name);

	return r ? r : py_read_cstring(t, name, buf, size);
}

bool py_is_instance(const struct target *t, uint64_t object, const char *part)
{
	uint64_t type;
	char name[96];

	if (py_type_of(t, object, &type))
		return false;
	for (int i = 0; i < MAX_BASES && type; i++) {
		if (py_type_name(t, type, name, sizeof(name)))
			return false;
		if (strstr(name, part))
			return true;
		if (py_read_u64(t, type + t->proc.py.at.tp_base, &type))
			return false;
	}
	return false;
}

#define STR_BYTES 160 /* longer names are not asked for */

/*
 * How much of a string object has to be read to compare it with a name of that length; 0 if the
 * name is too long.
 */
static size_t str_bytes(const struct ls_pyoffsets *py, size_t len)
{
	return py->str_ascii_data + len > STR_BYTES ? 0 : py->str_ascii_data + len;
}

/*
 * Only compact ASCII strings can equal a name of ours. `raw` is the beginning of the string object.
 */
static bool str_is(const struct ls_pyoffsets *py, const uint8_t *raw, const char *name, size_t len)
{
	uint64_t length;
	uint32_t state;

	memcpy(&length, raw + py->str_length, sizeof(length));
	memcpy(&state, raw + py->str_state, sizeof(state));
	return length == len && ls_str_is_compact(py, state) && ls_str_is_ascii(py, state) &&
		!memcmp(raw + py->str_ascii_data, name, len);
}

bool py_str_equals(const struct target *t, uint64_t object, const char *name)
{
	const size_t len = strlen(name), size = str_bytes(&t->proc.py.at, len);
	uint8_t raw[STR_BYTES];

	return size && !target__read(t, object, raw, size) &&
		str_is(&t->proc.py.at, raw, name, len);
}

bool py_str_ascii(const struct target *t, uint64_t object, char *buf, size_t size)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t length;
	uint32_t state;

	if (py_read_u64(t, object + py->str_length, &length) || length >= size ||
	    py_read_u32(t, object + py->str_state, &state) || !ls_str_is_compact(py, state) ||
	    !ls_str_is_ascii(py, state) ||
	    target__read(t, object + py->str_ascii_data, buf, length))
		return false;
	buf[length] = 0;
	return true;
}

/* Where the entries of a keys object are. */
struct keys {
	uint64_t entries, n;
	size_t entry_words, key_word; /* the value follows the key */
};

/* `head` is the beginning of the keys object, up to its index. */
static int decode_keys(const struct ls_pyoffsets *py, uint64_t keys, const uint8_t *head,
		       struct keys *ret_keys)
{
	uint64_t index_bytes;

	memcpy(&ret_keys->n, head + py->keys_nentries, sizeof(ret_keys->n));
	if (ret_keys->n > MAX_DICT_ENTRIES)
		return -EBADMSG;
	if (py->keys_kind == LS_PY_NONE) {
		uint64_t size;

		memcpy(&size, head + OLD_KEYS_SIZE, sizeof(size));
		if (size > 4 * MAX_DICT_ENTRIES)
			return -EBADMSG;
		index_bytes = size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : 4);
	} else {
		if (head[py->keys_log2_index_bytes] > 24)
			return -EBADMSG;
		index_bytes = 1ULL << head[py->keys_log2_index_bytes];
	}
	ret_keys->key_word = py->keys_kind == LS_PY_NONE || !head[py->keys_kind];
	ret_keys->entry_words = ret_keys->key_word + 2;
	ret_keys->entries = keys + py->keys_indices + index_bytes;
	return 0;
}

static int open_keys(const struct target *t, uint64_t keys, struct keys *ret_keys)
{
	uint8_t head[KEYS_HEAD_BYTES];
	int r = target__read(t, keys, head, t->proc.py.at.keys_indices);

	return r ? r : decode_keys(&t->proc.py.at, keys, head, ret_keys);
}

/* Some entries of a keys object, and their keys. */
struct chunk {
	uint64_t words[PROCMEM_MANY * 3];
	uint64_t strings[PROCMEM_MANY];
	uint8_t raw[PROCMEM_MANY * STR_BYTES];
};

/* Number of the string among those of the chunk, `n` if it is none of them. */
static int chunk_find(const struct target *t, struct chunk *c, size_t n, const char *name,
		      size_t *ret_number)
{
	const size_t len = strlen(name), size = str_bytes(&t->proc.py.at, len);
	int r = procmem__read_many(t->pid, c->strings, n, c->raw, size);

	*ret_number = 0;
	while (!r && *ret_number < n &&
	       !str_is(&t->proc.py.at, c->raw + *ret_number * size, name, len))
		(*ret_number)++;
	return r;
}

/* Number of the key and, of a table that is not split, its value. */
static int keys_find(const struct target *t, uint64_t keys_addr, const char *name,
		     uint64_t *ret_index, uint64_t *ret_value)
{
	struct chunk c;
	struct keys keys;
	int r = str_bytes(&t->proc.py.at, strlen(name)) ? open_keys(t, keys_addr, &keys) : -ENOENT;

	for (uint64_t i = 0; !r && i < keys.n;) {
		const size_t n = keys.n - i < PROCMEM_MANY ? keys.n - i : PROCMEM_MANY;
		size_t numbers[PROCMEM_MANY], n_strings = 0, found;

		r = target__read(t, keys.entries + i * keys.entry_words * 8, c.words,
				 n * keys.entry_words * 8);
		/* What was removed leaves a hole. */
		for (size_t k = 0; !r && k < n; k++) {
			c.strings[n_strings] = c.words[k * keys.entry_words + keys.key_word];
			numbers[n_strings] = k;
			n_strings += c.strings[n_strings] != 0;
		}
		if (!r)
			r = chunk_find(t, &c, n_strings, name, &found);
		if (!r && found < n_strings) {
			*ret_index = i + numbers[found];
			*ret_value = c.words[numbers[found] * keys.entry_words + keys.key_word + 1];
			return 0;
		}
		i += n;
	}
	return r ? r : -ENOENT;
}

/* `values`: the array of a split table, or 0 when the values are in the entries. */
static int keys_get(const struct target *t, uint64_t keys, uint64_t values, const char *name,
		    uint64_t *ret_value)
{
	uint64_t index;
	int r = keys_find(t, keys, name, &index, ret_value);

	if (!r && values)
		r = py_read_u64(t, values + 8 * index, ret_value);
	return r ? r : *ret_value ? 0 : -ENOENT;
}

int py_value_index(const struct target *t, uint64_t type, const char *name, uint64_t *ret_index)
{
	uint64_t keys, value;
	int r = py_read_u64(t, type + t->proc.py.at.ht_cached_keys, &keys);

	return r ? r : keys_find(t, keys, name, ret_index, &value);
}

int py_dict_get(const struct target *t, uint64_t dict, const char *key, uint64_t *ret_value)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t keys, values;
	int r = py_read_u64(t, dict + py->dict_keys, &keys);

	if (!r)
		r = py_read_u64(t, dict + py->dict_values, &values);
	if (r)
		return r;
	return keys_get(t, keys, values ? values + py->dictvalues_data : 0, key, ret_value);
}

int py_dict_each(const struct target *t, uint64_t dict, py_item_fn fn, void *ctx)
{
	uint64_t addr, words[PROCMEM_MANY * 3];
	struct keys keys;
	int r = py_read_u64(t, dict + t->proc.py.at.dict_keys, &addr);

	if (!r)
		r = open_keys(t, addr, &keys);
	for (uint64_t i = 0; !r && i < keys.n;) {
		const size_t n = keys.n - i < PROCMEM_MANY ? keys.n - i : PROCMEM_MANY;

		r = target__read(t, keys.entries + i * keys.entry_words * 8, words,
				 n * keys.entry_words * 8);
		/* What was removed leaves a hole. */
		for (size_t k = 0; !r && k < n; k++) {
			const uint64_t *item = words + k * keys.entry_words + keys.key_word;

			if (item[0] && item[1])
				r = fn(ctx, item[0], item[1]);
		}
		i += n;
	}
	return r;
}

#define LAST_WORDS (LAST_ITEMS * 3)

/* The last entries of some dicts. */
struct tails {
	struct keys keys[PROCMEM_MANY];
	uint64_t words[PROCMEM_MANY][LAST_WORDS];
};

static int read_tails(const struct target *t, const uint64_t *dicts, size_t n, struct tails *tails)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint8_t heads[PROCMEM_MANY][DICT_HEAD_BYTES];
	uint64_t places[PROCMEM_MANY];
	int r = procmem__read_many(t->pid, dicts, n, heads, sizeof(*heads));

	for (size_t i = 0; !r && i < n; i++)
		memcpy(&places[i], heads[i] + py->dict_keys, sizeof(*places));
	if (!r)
		r = procmem__read_many(t->pid, places, n, heads, sizeof(*heads));
	for (size_t i = 0; !r && i < n; i++) {
		struct keys *keys = &tails->keys[i];

		if (decode_keys(py, places[i], heads[i], keys))
			*keys = (struct keys){ .entry_words = 2 };
		places[i] = keys->entries + 8 * keys->entry_words * keys->n - sizeof(*tails->words);
	}
	return r ? r : procmem__read_many(t->pid, places, n, tails->words, sizeof(*tails->words));
}

/* Number `k` of the last entries, counted from the end: its key and value. */
static const uint64_t *tails__item(const struct tails *tails, size_t i, size_t k)
{
	const struct keys *keys = &tails->keys[i];

	return &tails->words[i][LAST_WORDS - k * keys->entry_words + keys->key_word];
}

int py_dicts_get_last(const struct target *t, const uint64_t *dicts, size_t n, const char *key,
		      uint64_t *ret_values)
{
	const size_t len = strlen(key), size = str_bytes(&t->proc.py.at, len);
	uint8_t raw[PROCMEM_MANY * STR_BYTES];
	struct tails tails;
	int r = read_tails(t, dicts, n, &tails);

	memset(ret_values, 0, n * sizeof(*ret_values));
	for (size_t k = 1; !r && k <= LAST_ITEMS; k++) {
		uint64_t strings[PROCMEM_MANY];

		for (size_t i = 0; i < n; i++) {
			strings[i] = k <= tails.keys[i].n ? *tails__item(&tails, i, k) : 0;
			/* Nothing, or what was removed. */
			strings[i] = strings[i] ?: dicts[i];
		}
		r = procmem__read_many(t->pid, strings, n, raw, size);
		for (size_t i = 0; !r && i < n; i++)
			if (str_is(&t->proc.py.at, raw + i * size, key, len))
				ret_values[i] = tails__item(&tails, i, k)[1];
	}
	return r;
}

/* 3.8-3.10: the type says where the instance's dict is. */
static int old_attribute(const struct target *t, uint64_t object, uint64_t type, const char *name,
			 uint64_t *ret_value)
{
	uint64_t offset, dict;
	int r = py_read_u64(t, type + t->proc.py.at.tp_dictoffset, &offset);

	if (r)
		return r;
	if (!offset || offset > UINT16_MAX)
		return -ENOENT;
	r = py_read_u64(t, object + offset, &dict);
	if (r)
		return r;
	return dict ? py_dict_get(t, dict, name, ret_value) : -ENOENT;
}

/* 3.13: without a dict the values lie behind the object, unless they were given up. */
static int inline_attribute(const struct target *t, uint64_t object, uint64_t type, uint64_t keys,
			    const char *name, uint64_t *ret_value)
{
	uint64_t basic_bytes, values;
	uint8_t is_valid;
	int r = py_read_u64(t, type + t->proc.py.at.tp_basicsize, &basic_bytes);

	if (r)
		return r;
	if (basic_bytes > UINT16_MAX)
		return -EBADMSG;
	values = object + basic_bytes;
	r = target__read(t, values + VALUES_VALID, &is_valid, 1);
	if (r)
		return r;
	return is_valid == 1 ?
		keys_get(t, keys, values + t->proc.py.at.dictvalues_data, name, ret_value) :
		-ENOENT;
}

static int instance_attribute(const struct target *t, uint64_t object, uint64_t type,
			      const char *name, uint64_t *ret_value)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t flags, keys, word, values = 0;
	int r = py_read_u64(t, type + py->tp_flags, &flags);

	if (r)
		return r;
	if (!py->managed_dict || !(flags & TYPE_FLAG_MANAGED_DICT))
		return old_attribute(t, object, type, name, ret_value);
	r = py_read_u64(t, type + py->ht_cached_keys, &keys);
	if (!r)
		r = py_read_u64(t, object + (uint64_t)(int64_t)py->managed_dict, &word);
	if (!r && py->managed_values)
		r = py_read_u64(t, object + (uint64_t)(int64_t)py->managed_values, &values);
	if (r)
		return r;
	if (!py->managed_values && (word & 1)) {
		values = word + 1;
		word = 0;
	}
	if (values)
		return keys_get(t, keys, values, name, ret_value);
	if (word)
		return py_dict_get(t, word, name, ret_value);
	if (py->minor >= 13 && (flags & TYPE_FLAG_INLINE_VALUES))
		return inline_attribute(t, object, type, keys, name, ret_value);
	return -ENOENT;
}

/* The C structure behind one entry of __slots__: PyMemberDef. */
struct member_def {
	uint64_t name;
	int32_t kind;
	uint32_t pad;
	uint64_t offset;
	uint64_t flags, doc;
};

int py_slot(const struct target *t, uint64_t type, const char *name, uint64_t *ret_offset)
{
	const size_t len = strlen(name) + 1;
	struct member_def member = { .name = 1 };
	uint64_t members;
	char text[64];
	int r = 0;

	for (int i = 0; !r && type && i < MAX_BASES; i++) {
		r = py_read_u64(t, type + t->proc.py.at.tp_base - TYPE_BASE_BEHIND_MEMBERS,
				&members);
		for (int k = 0; !r && members && k < MAX_SLOTS; k++) {
			r = target__read(t, members + k * sizeof(member), &member, sizeof(member));
			if (r || !member.name)
				break;
			if (member.kind != MEMBER_OBJECT || len > sizeof(text) ||
			    py_read_cstring(t, member.name, text, sizeof(text)) ||
			    memcmp(text, name, len))
				continue;
			if (member.offset > UINT16_MAX)
				return -EBADMSG;
			*ret_offset = member.offset;
			return 0;
		}
		if (!r)
			r = py_read_u64(t, type + t->proc.py.at.tp_base, &type);
	}
	return r ? r : -ENOENT;
}

int py_type_attribute(const struct target *t, uint64_t type, const char *name, uint64_t *ret_value)
{
	uint64_t dict;
	int r = py_read_u64(t, type + t->proc.py.at.tp_base + TYPE_DICT_BEHIND_BASE, &dict);

	return r ? r : dict ? py_dict_get(t, dict, name, ret_value) : -ENOENT;
}

int py_attribute(const struct target *t, uint64_t object, const char *name, uint64_t *ret_value)
{
	uint64_t type, offset;
	int r = py_type_of(t, object, &type);

	if (r)
		return r;
	r = instance_attribute(t, object, type, name, ret_value);
	if (r != -ENOENT)
		return r;
	r = py_slot(t, type, name, &offset);
	if (!r)
		r = py_read_u64(t, object + offset, ret_value);
	return r ? r : *ret_value ? 0 : -ENOENT;
}

int py_object_dict(const struct target *t, uint64_t module, uint64_t *ret_dict)
{
	return py_read_u64(t, module + t->proc.py.at.ob_head + MODULE_DICT, ret_dict);
}

int py_module_dict(const struct target *t, const char *module, uint64_t *ret_dict)
{
	uint64_t modules, object;
	int r;

	if (!py_target(t)->interp)
		return -EAGAIN;
	r = py_read_u64(t, py_target(t)->interp + t->proc.py.at.interp_modules, &modules);
	if (!r)
		r = py_dict_get(t, modules, module, &object);
	return r ? r : py_object_dict(t, object, ret_dict);
}

int py_module_attribute(const struct target *t, const char *module, const char *name,
			uint64_t *ret_value)
{
	uint64_t dict;
	int r = py_module_dict(t, module, &dict);

	return r ? r : py_dict_get(t, dict, name, ret_value);
}

int py_int_value(const struct target *t, uint64_t object, uint64_t *ret_value)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	bool is_tagged = py->int_tag != LS_PY_NONE;
	uint64_t size, digit = object + (is_tagged ? py->int_digit : py->ob_head + OLD_INT_DIGIT);
	uint32_t digits[2];
	int r = py_read_u64(t, object + (is_tagged ? py->int_tag : py->ob_size), &size);

	if (r)
		return r;
	if (is_tagged)
		size >>= 3;
	if (size > 2)
		return -ERANGE;
	*ret_value = 0;
	if (!size)
		return 0;
	r = target__read(t, digit, digits, size * sizeof(*digits));
	if (r)
		return r;
	*ret_value = digits[0] | (size == 2 ? (uint64_t)digits[1] << INT_DIGIT_BITS : 0);
	return 0;
}

int py_set_each(const struct target *t, uint64_t set, size_t max_slots, py_member_fn fn, void *ctx)
{
	uint64_t mask, table;
	int r = py_read_u64(t, set + t->proc.py.at.ob_head + SET_MASK, &mask);

	if (!r)
		r = py_read_u64(t, set + t->proc.py.at.ob_head + SET_TABLE, &table);
	if (r)
		return r;
	if (mask >= max_slots)
		return -E2BIG;
	for (uint64_t i = 0; !r && i <= mask;) {
		struct {
			uint64_t member, hash;
		} slots[BATCH];
		size_t n = mask + 1 - i < BATCH ? mask + 1 - i : BATCH;

		r = target__read(t, table + i * sizeof(*slots), slots, n * sizeof(*slots));
		/* A removed member leaves a marker with hash -1. */
		for (size_t k = 0; !r && k < n; k++, i++)
			if (slots[k].member && slots[k].hash != UINT64_MAX)
				r = fn(ctx, slots[k].member);
	}
	return r;
}
