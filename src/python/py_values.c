/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `with` leaves the exit of its manager on the stack: up to 3.13 as a bound method, since then as a
 * function with its `self` behind it. Sources: cpython Python/compile.c and Python/codegen.c
 * (compiler_with, compiler_async_with), Include/internal/pycore_stackref.h (a value with
 * tag bits is no counted reference).
 */
#include "python/py_values.h"

#include "base/hash.h"
#include "python/py_frames.h"
#include "python/py_memory.h"

/* of a bound method and of a function, behind their heads */
#define METHOD_FUNCTION 0
#define METHOD_SELF 8
#define FUNCTION_NAME 16
#define OLD_FUNCTION_NAME 48
/* in front of co_filename: names of all that is in front of the stack, from 3.11 on */
#define FILENAME_BEHIND_NAMES 16

/* Where its variables begin, its stack begins, and that ends. */
struct range {
	uint64_t locals, stack, end;
};

static const char *const variables[] = {
	[PY_SELF] = "self",
	[PY_TIMEOUT] = "timeout",
	[PY_FS] = "fs",
};

/* Code objects are further apart, so code and variable make one key. */
_Static_assert(PY_VARIABLE_MAX <= 8, "keys of variables");

void py_values__done(struct py_values *v)
{
	addr_map__done(&v->offsets);
	addr_map__done(&v->exits);
}

static uint64_t word_at(struct py_types *types, uint64_t addr)
{
	uint64_t value;

	return py_pages__read(types->pages, addr, &value, sizeof(value)) ? 0 : value;
}

static bool find_range(struct py_types *types, const struct py_await_link *link,
		       struct range *ret_range)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	struct range range = { .locals = link->addr + py->frame_locals, .end = link->end };

	if (py->frame_stack != LS_PY_NONE)
		range.stack = word_at(types, link->addr + py->frame_stack);
	else
		range.stack = range.locals +
			8 *
				word_at(types,
					word_at(types,
						link->frame.code + py->co_filename -
							FILENAME_BEHIND_NAMES) +
						py->ob_size);
	*ret_range = range;
	return range.end && range.locals <= range.stack && range.stack <= range.end &&
		range.end - range.locals <= 8 * PY_VALUES_MAX;
}

/* The str object that a function is called, 0 if the object is no function. */
static uint64_t function_name(struct py_types *types, uint64_t object)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	const uint16_t offset = py->minor < 10 ? OLD_FUNCTION_NAME : FUNCTION_NAME;

	return py_types__kind(types, object) == PY_FUNCTION ?
		word_at(types, object + py->ob_head + offset) :
		0;
}

bool py_values__is_function(struct py_types *types, uint64_t object, const char *name)
{
	const uint64_t found = function_name(types, object);

	return found && py_str_equals(types->t, found, name);
}

static bool find_exit(struct py_types *types, uint64_t function)
{
	const uint64_t name = function_name(types, function);

	return name &&
		(py_str_equals(types->t, name, "__aexit__") ||
		 py_str_equals(types->t, name, "__exit__"));
}

static bool is_exit(struct py_values *v, uint64_t function)
{
	uint64_t known;

	if (addr_map__get(&v->exits, function, &known))
		return known == 2;
	known = find_exit(v->types, function) ? 2 : 1;
	/* Without memory it is looked up again. */
	addr_map__add(&v->exits, function, known);
	return known == 2;
}

/* The manager whose exit the value is; `next` is the value behind it. */
static uint64_t manager_of(struct py_values *v, uint64_t value, uint64_t next)
{
	struct py_types *types = v->types;
	const uint16_t head = types->t->proc.py.at.ob_head;

	if (py_types__kind(types, value) == PY_METHOD)
		return is_exit(v, word_at(types, value + head + METHOD_FUNCTION)) ?
			word_at(types, value + head + METHOD_SELF) :
			0;
	if (types->t->proc.py.at.minor < PY_MINOR_WITH_PAIRS)
		return 0;
	return py_types__kind(types, value) == PY_FUNCTION && is_exit(v, value) ? next : 0;
}

void py_values__managers(struct py_values *v, const struct py_await_link *link, py_manager_fn *fn,
			 void *ctx)
{
	struct py_types *types = v->types;
	const uint64_t tags = types->t->proc.py.at.tag_mask;
	uint64_t values[PY_VALUES_MAX + 1] = { 0 };
	struct range range;
	size_t n;

	if (!find_range(types, link, &range) || range.stack == range.end)
		return;
	n = (size_t)(range.end - range.stack) / 8;
	if (py_pages__read(types->pages, range.stack, values, 8 * n))
		return;
	for (size_t i = 0; i < n; i++) {
		const uint64_t manager = manager_of(v, values[i] & ~tags, values[i + 1] & ~tags);

		if (manager)
			fn(ctx, manager);
	}
}

size_t py_values__read(struct py_types *types, const struct py_await_link *link,
		       uint64_t ret_values[PY_VALUES_MAX])
{
	struct range range;
	size_t n;

	if (!find_range(types, link, &range))
		return 0;
	n = (size_t)(range.end - range.locals) / 8;
	return n && py_pages__read(types->pages, range.locals, ret_values, 8 * n) ? 0 : n;
}

size_t py_values__references(struct py_types *types, const struct py_await_link *link,
			     uint64_t object)
{
	uint64_t values[PY_VALUES_MAX];
	const size_t n = py_values__read(types, link, values);
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += values[i] == object;
	return found;
}

uint64_t py_values__hash(struct py_types *types, const struct py_await_link *link)
{
	uint64_t values[PY_VALUES_MAX], hash = HASH_SEED;
	const size_t n = py_values__read(types, link, values);

	for (size_t i = 0; i < n; i++)
		hash = hash_word(hash, values[i]);
	return hash_word(hash, link->frame.code);
}

/* Plus 1: 0 stands for none. */
static uint64_t offset_of(struct py_values *v, uint64_t code, enum py_variable variable)
{
	uint64_t known = 0;
	uint16_t offset;

	if (addr_map__get(&v->offsets, code + variable, &known))
		return known;
	if (!py_code_local(v->types->t, code, variables[variable], &offset))
		known = offset + 1U;
	addr_map__add(&v->offsets, code + variable, known);
	return known;
}

uint64_t py_values__local(struct py_values *v, const struct py_await_link *link,
			  enum py_variable variable)
{
	const uint64_t offset = offset_of(v, link->frame.code, variable);

	return offset ? word_at(v->types, link->addr + offset - 1) &
			~(uint64_t)v->types->t->proc.py.at.tag_mask :
			0;
}
