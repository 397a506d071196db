/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What modules have noted of warnings, laid out by hand.
 */
#include <errno.h>
#include <stdio.h>

#include "base/procmem.h"
#include "fake_objects.h"
#include "python/py_memory.h"
#include "python/py_warned.h"

#define FLAG_LONG (1U << 24)
#define FLAG_TUPLE (1U << 26)
#define FLAG_UNICODE (1U << 28)
#define MODULES_MAX 8
#define NAMES_MAX 8

static struct target target;
static uint64_t interp[1500], str_type, int_type, tuple_type;
static uint64_t modules[MODULES_MAX];
static size_t n_modules, n_found;
static char found_name[64];
static struct life_origin found_place;

static void begin_as(uint8_t minor)
{
	n_objects = n_modules = 0;
	memset(pool, 0, sizeof(pool));
	target = self_as(minor);
	str_type = make_type(&target, "str", FLAG_UNICODE);
	int_type = make_type(&target, "int", FLAG_LONG);
	tuple_type = make_type(&target, "tuple", FLAG_TUPLE);
	py_target(&target)->interp = address(interp);
}

static void begin(void)
{
	begin_as(12);
}

TestSuite(py_warned, .init = begin);

static uint64_t make_text(const char *text)
{
	const uint64_t str = make_str(&target, text);

	put((uint64_t *)(uintptr_t)str, target.proc.py.at.ob_type, str_type);
	return str;
}

static uint64_t make_number(uint64_t value)
{
	const struct ls_pyoffsets *py = &target.proc.py.at;
	uint64_t *o = object();

	put(o, py->ob_type, int_type);
	put(o, py->int_tag, 1 << 3);
	put(o, py->int_digit, value);
	return address(o);
}

/* A registry with one note, as a dict of any keys has it: with hashes. */
static uint64_t make_registry(const char *text, uint64_t line)
{
	const struct ls_pyoffsets *py = &target.proc.py.at;
	const uint64_t items[] = { make_text(text), 0, make_number(line) };
	uint64_t *key = object(), *keys = object(), *dict = object();
	uint64_t *entry = (uint64_t *)(void *)((uint8_t *)keys + py->keys_indices + 8);

	put(key, py->ob_type, tuple_type);
	memcpy((uint8_t *)key + py->tuple_items, items, sizeof(items));
	put(keys, py->keys_nentries, 1);
	((uint8_t *)keys)[py->keys_log2_index_bytes] = 3;
	entry[1] = address(key);
	entry[2] = address(key);
	put(dict, py->dict_used, 1);
	put(dict, py->dict_keys, address(keys));
	return address(dict);
}

/* With `n_behind` names that were added later than the registry. */
static void add_module(uint64_t registry, size_t n_behind)
{
	static const char *const all[NAMES_MAX] = { "__file__", "__warningregistry__",
						    "a",	"b",
						    "c",	"d" };
	uint64_t values[NAMES_MAX] = { make_text("/srv/app.py"), registry, 1, 1, 1, 1 };

	modules[n_modules++] = make_module(&target, all, values, 2 + n_behind);
}

static int note(void *ctx, uint64_t where, const char *coroutine, const struct life_origin *place)
{
	(void)ctx;
	cr_assert(where);
	snprintf(found_name, sizeof(found_name), "%s", coroutine);
	found_place = *place;
	n_found++;
	return 0;
}

static int refuse(void *ctx, uint64_t where, const char *coroutine, const struct life_origin *place)
{
	(void)ctx;
	(void)where;
	(void)coroutine;
	(void)place;
	return -EIO;
}

static int look(py_warned_fn *fn)
{
	static const char *const names[MODULES_MAX] = { "m1", "m2", "m3", "m4",
							"m5", "m6", "m7", "m8" };
	struct py_types types = { .t = &target };
	int r;

	n_found = 0;
	put(interp, target.proc.py.at.interp_modules,
	    make_dict(&target, names, modules, n_modules, true));
	cr_assert_eq(py_pages__new(&types.pages, &target), 0);
	r = py_warned__each(&types, fn, NULL);
	py_pages__free(types.pages);
	return r;
}

static size_t count(void)
{
	cr_assert_eq(look(note), 0);
	return n_found;
}

Test(py_warned, names_the_coroutine_and_its_place)
{
	for (uint8_t minor = 12; minor <= PY_MINOR_MAX; minor++) {
		begin_as(minor);
		add_module(0, 0);
		add_module(make_registry("coroutine 'Channel.send' was never awaited", 42), 0);
		cr_expect_eq(count(), 1, "3.%d", minor);
		cr_expect_str_eq(found_name, "Channel.send");
		cr_expect_str_eq(found_place.file, "/srv/app.py");
		cr_expect_eq(found_place.line, 42);
	}
	cr_expect_eq(look(refuse), -EIO);
}

/* asyncio's debug mode says where it was made as well. */
Test(py_warned, a_text_of_several_lines)
{
	add_module(make_registry("coroutine 'send' was never awaited\nCoroutine created at (most "
				 "recent call last)\n  File ...",
				 7),
		   0);
	cr_expect_eq(count(), 1);
	cr_expect_str_eq(found_name, "send");
}

Test(py_warned, other_warnings)
{
	add_module(make_registry("coroutine 'send' was deprecated", 1), 0);
	add_module(make_registry("unclosed transport", 1), 0);
	add_module(make_registry("", 1), 0);
	add_module(make_registry("coroutine '", 1), 0);
	add_module(16, 0);
	cr_expect_eq(count(), 0);
}

/* Names are looked for among the last few only: there may be thousands of modules. */
Test(py_warned, names_that_were_added_later)
{
	for (size_t behind = 0; behind <= 4; behind++) {
		begin();
		add_module(make_registry("coroutine 'send' was never awaited", 1), behind);
		cr_expect_eq(count(), behind < 4, "%zu names behind", behind);
	}
}

Test(py_warned, modules_that_cannot_be_read)
{
	add_module(make_registry("coroutine 'send' was never awaited", 1), 0);
	modules[n_modules++] = 8;
	modules[n_modules++] = UINT64_MAX - 64;
	cr_expect_eq(count(), 1);
}

/* Read in groups, of which the last is smaller. */
Test(py_warned, many_modules)
{
	const size_t n = 2 * PROCMEM_MANY + 3;
	static uint64_t large[1024];
	uint64_t *dict = object();
	uint64_t *entry =
		(uint64_t *)(void *)((uint8_t *)large + target.proc.py.at.keys_indices + 8);
	struct py_types types = { .t = &target };

	add_module(make_registry("coroutine 'send' was never awaited", 1), 0);
	put(large, target.proc.py.at.keys_nentries, n);
	((uint8_t *)large)[target.proc.py.at.keys_log2_index_bytes] = 3;
	((uint8_t *)large)[target.proc.py.at.keys_kind] = 1;
	for (size_t i = 0; i < n; i++) {
		*entry++ = address(dict);
		*entry++ = modules[0];
	}
	put(dict, target.proc.py.at.dict_keys, address(large));
	put(interp, target.proc.py.at.interp_modules, address(dict));
	n_found = 0;
	cr_assert_eq(py_pages__new(&types.pages, &target), 0);
	cr_expect_eq(py_warned__each(&types, note, NULL), 0);
	py_pages__free(types.pages);
	cr_expect_eq(n_found, n);
}
