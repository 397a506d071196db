/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading Python objects, on objects laid out by hand in our own memory: all forms of dict and
 * instance, sets, loops, and what a torn or hostile process would show: cycles, absurd sizes, bad
 * pointers.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "python/fake_objects.h"
#include "python/py_memory.h"

static const char *const names[] = { "alpha", "_ready", "gamma" };
static const uint64_t values[] = { 0x10, 0x20, 0x30 };

Test(py_memory, general_dict_in_every_version)
{
	for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++) {
		struct target t = self_as(minor);
		uint64_t dict = make_dict(&t, names, values, 3, false), value = 0;

		cr_assert_eq(py_dict_get(&t, dict, "gamma", &value), 0, "3.%u", minor);
		cr_assert_eq(value, 0x30);
		cr_assert_eq(py_dict_get(&t, dict, "delta", &value), -ENOENT);
	}
}

#define MANY 150

/* More keys than are read at a time, among them removed ones and one whose memory is gone. */
Test(py_memory, large_dict)
{
	struct target t = self_as(12);
	static uint64_t keys[8 + 3 * MANY];
	uint64_t *dict = object(), value = 0, *entry;
	char name[8];

	put(keys, t.proc.py.at.keys_nentries, MANY);
	((uint8_t *)keys)[t.proc.py.at.keys_log2_index_bytes] = 3;
	entry = (uint64_t *)((uint8_t *)keys + t.proc.py.at.keys_indices + 8);
	for (uint64_t i = 0; i < MANY; i++, entry += 3) {
		snprintf(name, sizeof(name), "key%d", (int)i);
		entry[1] = i % 7 == 3 ? 0 : i == 70 ? 0x1000 : make_str(&t, name);
		entry[2] = 1000 + i;
	}
	put(dict, t.proc.py.at.dict_keys, address(keys));
	for (uint64_t i = 0; i < MANY; i++) {
		const bool is_there = i % 7 != 3 && i != 70;

		snprintf(name, sizeof(name), "key%d", (int)i);
		cr_expect_eq(py_dict_get(&t, address(dict), name, &value), is_there ? 0 : -ENOENT,
			     "%s", name);
		cr_expect(!is_there || value == 1000 + i, "%s: %d", name, (int)value);
	}
}

Test(py_memory, unicode_dict)
{
	struct target t = self_as(12);
	uint64_t dict = make_dict(&t, names, values, 3, true), value = 0;

	cr_assert_eq(py_dict_get(&t, dict, "_ready", &value), 0);
	cr_assert_eq(value, 0x20);
}

Test(py_memory, split_dict_takes_the_values_array)
{
	struct target t = self_as(9);
	uint64_t dict = make_dict(&t, names, NULL, 3, false), array[] = { 1, 2, 0 }, value = 0;

	put((uint64_t *)dict, t.proc.py.at.dict_values, address(array));
	cr_assert_eq(py_dict_get(&t, dict, "_ready", &value), 0);
	cr_assert_eq(value, 2);
	cr_assert_eq(py_dict_get(&t, dict, "gamma", &value), -ENOENT);
}

Test(py_memory, attribute_behind_dictoffset)
{
	struct target t = self_as(8);
	uint64_t type = make_type(&t, "Loop", 0), *o = object(), value = 0;

	put((uint64_t *)type, t.proc.py.at.tp_dictoffset, 16);
	put(o, t.proc.py.at.ob_type, type);
	put(o, 16, make_dict(&t, names, values, 3, false));
	cr_assert_eq(py_attribute(&t, address(o), "_ready", &value), 0);
	cr_assert_eq(value, 0x20);
	put(o, 16, 0);
	cr_assert_eq(py_attribute(&t, address(o), "_ready", &value), -ENOENT);
}

Test(py_memory, attribute_in_managed_forms)
{
	uint64_t array[] = { 1, 2, 3 }, inlined[] = { 0, 1, 2, 3 };

	for (uint8_t minor = 11; minor <= PY_MINOR_MAX; minor++) {
		struct target t = self_as(minor);
		uint64_t type = make_type(&t, "Loop", 1U << 4 | 1U << 2), *o = object() + 8,
			 value = 0;

		put((uint64_t *)type, t.proc.py.at.ht_cached_keys, 0);
		cr_assert_lt(t.proc.py.at.ht_cached_keys, WORDS * 8);
		put((uint64_t *)type, t.proc.py.at.ht_cached_keys,
		    make_keys(&t, names, NULL, 3, true));
		put(o, t.proc.py.at.ob_type, type);
		if (minor == 11) {
			o[-4] = address(array);
		} else if (minor == 12) {
			o[-3] = address(array) - 1;
			cr_assert(o[-3] & 1);
		} else {
			memcpy((uint8_t *)o + 32, inlined, sizeof(inlined));
			((uint8_t *)o)[32 + 3] = 1;
		}
		cr_assert_eq(py_attribute(&t, address(o), "_ready", &value), 0, "3.%u", minor);
		cr_assert_eq(value, 2, "3.%u", minor);
		/* Then the instance gets a dict. */
		if (minor == 11)
			o[-4] = 0;
		o[-3] = make_dict(&t, names, values, 3, true);
		cr_assert_eq(py_attribute(&t, address(o), "_ready", &value), 0, "3.%u", minor);
		cr_assert_eq(value, 0x20, "3.%u", minor);
	}
}

/* Everything lies behind a longer head, and the instance's dict nearer to it. */
Test(py_memory, free_threaded)
{
	for (uint8_t minor = PY_MINOR_FREE_THREADED; minor <= PY_MINOR_MAX; minor++) {
		struct target t = self_built(minor, true);
		uint64_t object = make_instance(&t, "Loop", names, values, 3), value = 0;

		cr_assert_eq(t.proc.py.at.ob_type, 24);
		cr_assert_eq(py_attribute(&t, object, "_ready", &value), 0, "3.%ut", minor);
		cr_assert_eq(value, 0x20);
		cr_assert(py_is_instance(&t, object, "Loop"));
	}
}

Test(py_memory, hostile_dicts)
{
	static const uint64_t sizes[] = { 1ULL << 62, UINT64_MAX, 100001, 5000 };

	for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++) {
		struct target t = self_as(minor);
		uint64_t dict = make_dict(&t, names, values, 3, false), keys, value;

		memcpy(&keys, (uint8_t *)dict + t.proc.py.at.dict_keys, sizeof(keys));
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			put((uint64_t *)keys, t.proc.py.at.keys_nentries, sizes[i]);
			cr_assert_lt(py_dict_get(&t, dict, "nowhere", &value), 0);
		}
		put((uint64_t *)dict, t.proc.py.at.dict_keys, 0x10);
		cr_assert_eq(py_dict_get(&t, dict, "alpha", &value), -EFAULT);
		cr_assert_eq(py_dict_get(&t, 0, "alpha", &value), -EFAULT);
		cr_assert_eq(py_dict_get(&t, UINT64_MAX - 20, "alpha", &value), -EFAULT);
	}
}

Test(py_memory, type_chain_may_be_a_circle)
{
	struct target t = self_as(11);
	uint64_t type = make_type(&t, "Loop", 0), *o = object();

	put((uint64_t *)type, 256, type);
	put(o, t.proc.py.at.ob_type, type);
	cr_assert(py_is_instance(&t, address(o), "Loop"));
	cr_assert(!py_is_instance(&t, address(o), "uvloop."));
	put((uint64_t *)type, t.proc.py.at.tp_name, 0x10);
	cr_assert(!py_is_instance(&t, address(o), "Loop"));
}

Test(py_memory, small_ints)
{
	for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++) {
		struct target t = self_as(minor);
		uint64_t *o = object(), value = 1;
		uint32_t digits[] = { 0x0d00f0, 3 };

		put(o, 16, minor >= 12 ? 2 << 3 : 2);
		memcpy(o + 3, digits, sizeof(digits));
		cr_assert_eq(py_int_value(&t, address(o), &value), 0);
		cr_assert_eq(value, 0x0d00f0 | 3ULL << 30);
		put(o, 16, 0);
		cr_assert_eq(py_int_value(&t, address(o), &value), 0);
		cr_assert_eq(value, 0);
		put(o, 16, UINT64_MAX);
		cr_assert_eq(py_int_value(&t, address(o), &value), -ERANGE);
	}
}

static int sum(void *ctx, uint64_t member)
{
	*(uint64_t *)ctx += member;
	return 0;
}

Test(py_memory, set_members)
{
	struct target t = self_as(11);
	uint64_t table[16] = { 5, 1, 0, 0, 7, UINT64_MAX, 9, 2 }, *o = object(), total = 0;

	put(o, 32, 7);
	put(o, 40, address(table));
	cr_assert_eq(py_set_each(&t, address(o), 100, sum, &total), 0);
	cr_assert_eq(total, 14);
	put(o, 32, UINT64_MAX);
	cr_assert_eq(py_set_each(&t, address(o), 100, sum, &total), -E2BIG);
	put(o, 32, 99);
	put(o, 40, 0x20);
	cr_assert_eq(py_set_each(&t, address(o), 100, sum, &total), -EFAULT);
}

/* A thread list that leads back to itself, with a loop on its thread. */
Test(py_memory, thread_list_may_be_a_circle)
{
	static uint64_t interp[1024];
	struct target t = self_as(13);
	uint64_t *tstate = object(), *loop = object() + 8;
	uint64_t base = make_type(&t, "BaseEventLoop", 0), type = make_type(&t, "MyLoop", 0);
	struct target_loop_thread threads[4];

	put((uint64_t *)type, 256, base);
	put(loop, t.proc.py.at.ob_type, type);
	py_target(&t)->interp = address(interp);
	put(interp, t.proc.py.at.interp_threads_head, address(tstate));
	put(tstate, t.proc.py.at.tstate_next, address(tstate));
	put(tstate, t.proc.py.at.tstate_interp, py_target(&t)->interp);
	put(tstate, t.proc.py.at.tstate_native_id, (uint64_t)gettid());
	put(tstate, t.proc.py.at.tstate_running_loop, address(loop));
	cr_assert_eq(target__loop_threads(&t, threads, 4), 4);
	cr_assert_eq(threads[0].tid, gettid());
	cr_assert_eq(threads[0].loop, address(loop));
	cr_assert_eq(threads[0].kind, &py_loop_asyncio);
	cr_assert_str_eq(threads[0].type_name, "MyLoop");
	put(tstate, t.proc.py.at.tstate_interp, 0);
	cr_assert_eq(target__loop_threads(&t, threads, 4), -EAGAIN);
	put(tstate, t.proc.py.at.tstate_interp, py_target(&t)->interp);
	put(tstate, t.proc.py.at.tstate_running_loop, 0);
	put(tstate, t.proc.py.at.tstate_next, 0x18);
	cr_assert_eq(target__loop_threads(&t, threads, 4), -EAGAIN);
}

Test(py_memory, loop_queues)
{
	struct target t = self_as(8);
	uint64_t deque_type = make_type(&t, "collections.deque", 0),
		 list_type = make_type(&t, "list", 0);
	uint64_t type = make_type(&t, "BaseEventLoop", 0), *loop = object(), *deque = object(),
		 *list = object();
	static const char *const attributes[] = { "_ready", "_scheduled" };
	uint64_t queues[] = { address(deque), address(list) };
	const struct loop_kind *kind;
	struct ls_loop info;

	put((uint64_t *)type, t.proc.py.at.tp_dictoffset, 16);
	put(loop, t.proc.py.at.ob_type, type);
	put(deque, t.proc.py.at.ob_type, deque_type);
	put(list, t.proc.py.at.ob_type, list_type);
	put(loop, 16, make_dict(&t, attributes, queues, 2, false));
	cr_assert_eq(target__resolve_loop(&t, address(loop), &info, &kind), 0);
	cr_assert_eq(info.py.ready, address(deque));
	cr_assert_eq(info.py.scheduled, address(list));
	cr_assert_eq(info.py.handle_callback, t.proc.py.at.handle_callback);
	cr_assert_eq(kind, &py_loop_asyncio);
	/* What is no deque is not taken for one. */
	put(deque, t.proc.py.at.ob_type, list_type);
	cr_assert_eq(target__resolve_loop(&t, address(loop), &info, &kind), 0);
	cr_assert_eq(info.py.ready, 0);
	cr_assert_eq(target__resolve_loop(&t, 0x18, &info, &kind), -EFAULT);
}
