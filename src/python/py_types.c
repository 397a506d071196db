/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and flags of types. Sources: cpython Include/object.h (tp_flags), and the tp_name of each
 * type in Objects/{genobject,funcobject,cellobject,classobject,methodobject,iterobject}.c,
 * Modules/_functoolsmodule.c, Modules/_asynciomodule.c, Lib/asyncio/{tasks,taskgroups,queues}.py.
 */
#include "python/py_types.h"

#include <string.h>

#include "base/array.h"
#include "base/utf8.h"
#include "python/py_memory.h"

#define MAX_BASES 16
#define FLAG_LONG (1U << 24)
#define FLAG_LIST (1U << 25)
#define FLAG_TUPLE (1U << 26)
#define FLAG_UNICODE (1U << 28)
#define HEAD_BYTES 280 /* of a type: up to its base */

static const struct {
	const char *name; /* as tp_name has it */
	enum py_kind kind;
} named[] = {
	{ "cell", PY_CELL },
	{ "function", PY_FUNCTION },
	{ "method", PY_METHOD },
	{ "builtin_function_or_method", PY_BUILTIN },
	{ "functools.partial", PY_PARTIAL },
	{ "coroutine", PY_COROUTINE },
	{ "generator", PY_GENERATOR },
	{ "async_generator", PY_GENERATOR },
	{ "coroutine_wrapper", PY_AWAIT_WRAPPER },
	{ "async_generator_asend", PY_AWAIT_WRAPPER },
	{ "async_generator_athrow", PY_AWAIT_WRAPPER },
	{ "anext_awaitable", PY_AWAIT_WRAPPER },
	{ "TaskWakeupMethWrapper", PY_WAKEUP },
	{ "TaskGroup", PY_TASK_GROUP },
	{ "_AsCompletedIterator", PY_AS_COMPLETED },
	{ "Queue", PY_QUEUE },
};

/* By the names of the type and its bases; `basic_bytes` is how large its objects are at least. */
static enum py_kind kind_by_bases(const struct py_types *types, uint64_t type, uint64_t basic_bytes)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint8_t head[HEAD_BYTES];

	for (int i = 0; i < MAX_BASES && type; i++) {
		char name[64];

		if (py_pages__read(types->pages, type, head, sizeof(head)) ||
		    py_pages__read_head(types->pages, py_word(head, py->tp_name), name,
					sizeof(name) - 1))
			return PY_OTHER;
		name[sizeof(name) - 1] = 0;
		for (size_t k = 0; i == 0 && k < N_OF(named); k++)
			if (!strcmp(name, named[k].name))
				return named[k].kind;
		if (!strcmp(name, "_asyncio.Task"))
			return basic_bytes >= py->task_bytes ? PY_TASK : PY_OTHER;
		if (!strcmp(name, "_asyncio.Future"))
			return basic_bytes > py->task_state ? PY_FUTURE : PY_OTHER;
		if (!strcmp(name, "Task"))
			return PY_PYTASK;
		type = py_word(head, py->tp_base);
	}
	return PY_OTHER;
}

static enum py_kind kind_of(const struct py_types *types, uint64_t type, const uint8_t *head)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint32_t flags = py_half(head, py->tp_flags);

	if (flags & FLAG_UNICODE)
		return PY_STR;
	if (flags & FLAG_LONG)
		return PY_INT;
	if (flags & FLAG_TUPLE)
		return PY_TUPLE;
	if (flags & FLAG_LIST)
		return PY_LIST;
	return kind_by_bases(types, type, py_word(head, py->tp_basicsize));
}

static void describe(const struct py_types *types, uint64_t addr, struct py_type *type)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint8_t head[HEAD_BYTES];
	char name[128];
	const char *last;

	*type = (struct py_type){ .addr = addr };
	if (py_pages__read(types->pages, addr, head, sizeof(head)) ||
	    py_pages__read_head(types->pages, py_word(head, py->tp_name), name, sizeof(name) - 1))
		return;
	name[sizeof(name) - 1] = 0;
	last = strrchr(name, '.');
	utf8__sanitize(last ? last + 1 : name, type->name, sizeof(type->name));
	type->kind = kind_of(types, addr, head);
}

const struct py_type *py_types__at(struct py_types *types, uint64_t addr)
{
	struct py_type *type;

	if (!addr)
		return NULL;
	for (size_t i = 0; i < PY_TYPES_MAX && types->types[i].addr; i++)
		if (types->types[i].addr == addr)
			return &types->types[i];
	type = &types->types[types->next++ % PY_TYPES_MAX];
	describe(types, addr, type);
	return type;
}

const struct py_type *py_types__of(struct py_types *types, uint64_t object)
{
	uint64_t type;

	if (!object ||
	    py_pages__read(types->pages, object + types->t->proc.py.at.ob_type, &type,
			   sizeof(type)))
		return NULL;
	return py_types__at(types, type);
}

enum py_kind py_types__kind(struct py_types *types, uint64_t object)
{
	const struct py_type *type = py_types__of(types, object);

	return type ? type->kind : PY_OTHER;
}
