/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python objects laid out by hand in our own memory, as each version has them.
 */
#ifndef LOOPSTALL_TESTS_UNIT_PYTHON_FAKE_OBJECTS_H
#define LOOPSTALL_TESTS_UNIT_PYTHON_FAKE_OBJECTS_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/target.h"
#include "python/py_offsets.h"
#include "python/python.h"

#define WORDS 128
#define OBJECTS 512

/* Not from the heap: nothing has to be freed, and an object may be addressed from its middle. */
static uint64_t pool[OBJECTS][WORDS];
static size_t n_objects;

/* Used in turn: a test compares no more targets than this at a time. */
#define TARGETS 16
static struct py_target owns[TARGETS];
static size_t n_owns;

static inline struct target self_built(uint8_t minor, bool is_free_threaded)
{
	struct py_target *own = &owns[n_owns++ % TARGETS];
	struct target t = { .pid = getpid(), .ns_pid = getpid(), .runtime = &runtime_python };

	*own = (struct py_target){ 0 };
	own->version[0] = 3;
	own->version[1] = minor;
	t.own = own;
	cr_assert_eq(py_offsets__init(&t.proc.py.at, minor, is_free_threaded), 0);
	return t;
}

static inline struct target self_as(uint8_t minor)
{
	return self_built(minor, false);
}

static inline uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static inline uint64_t *object(void)
{
	cr_assert_lt(n_objects, OBJECTS);
	return pool[n_objects++];
}

static inline void put(uint64_t *o, uint16_t offset, uint64_t value)
{
	memcpy((uint8_t *)o + offset, &value, sizeof(value));
}

static inline uint64_t make_str(const struct target *t, const char *text)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t *o = object();

	put(o, py->str_length, strlen(text));
	put(o, py->str_state, (1U | 1U << 3 | 1U << 4) << py->str_state_shift);
	memcpy((uint8_t *)o + py->str_ascii_data, text, strlen(text));
	return address(o);
}

/* Keys object with room for 8 entries; `is_split`: {key, value} entries without a hash. */
static inline uint64_t make_keys(const struct target *t, const char *const *names,
				 const uint64_t *values, size_t n, bool is_split)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t *o = object();
	uint8_t *bytes = (uint8_t *)o;
	uint64_t *entries;

	put(o, py->keys_nentries, n);
	if (py->keys_kind == LS_PY_NONE) {
		put(o, 8, 8);
	} else {
		bytes[py->keys_log2_index_bytes] = 3;
		bytes[py->keys_kind] = is_split;
	}
	entries = (uint64_t *)(bytes + py->keys_indices + 8);
	for (size_t i = 0; i < n; i++) {
		if (py->keys_kind == LS_PY_NONE || !is_split)
			*entries++ = 0x1234; /* hash */
		*entries++ = make_str(t, names[i]);
		*entries++ = values ? values[i] : 0;
	}
	return address(o);
}

static inline uint64_t make_dict(const struct target *t, const char *const *names,
				 const uint64_t *values, size_t n, bool is_unicode)
{
	uint64_t *o = object();

	put(o, t->proc.py.at.dict_used, n);
	put(o, t->proc.py.at.dict_keys, make_keys(t, names, values, n, is_unicode));
	return address(o);
}

static inline uint64_t make_type(const struct target *t, const char *name, uint64_t flags)
{
	uint64_t *o = object();

	put(o, t->proc.py.at.tp_name, address(name));
	put(o, t->proc.py.at.tp_flags, flags);
	put(o, t->proc.py.at.tp_basicsize, 32);
	return address(o);
}

/* An instance whose attributes are in a dict of its own: 3.13 and later. */
static inline uint64_t make_instance(const struct target *t, const char *type_name,
				     const char *const *names, const uint64_t *values, size_t n)
{
	uint64_t *o = object() + 8, dict = make_dict(t, names, values, n, true);

	put(o, t->proc.py.at.ob_type, make_type(t, type_name, 1U << 4));
	memcpy((uint8_t *)o + t->proc.py.at.managed_dict, &dict, sizeof(dict));
	return address(o);
}

static inline uint64_t make_module(const struct target *t, const char *const *names,
				   const uint64_t *values, size_t n)
{
	uint64_t *o = object();

	put(o, t->proc.py.at.ob_head, make_dict(t, names, values, n, true));
	return address(o);
}

#endif
