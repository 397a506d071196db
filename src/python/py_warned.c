/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * There is no note if the program ignores such warnings or has each of them shown.
 *
 * Sources: cpython Lib/warnings.py (_warn_unawaited_coroutine), Python/_warnings.c (warn_explicit:
 * `__warningregistry__` has a key of text, category and line), Python/pylifecycle.c.
 */
#include "python/py_warned.h"

#include <string.h>

#include "base/procmem.h"
#include "python/py_memory.h"
#include "python/py_names.h"
#include "python/python.h"

#define TEXT_BYTES 160
#define ITEMS 3
#define MODULE_DICT 0 /* behind the head */
#define HEAD "coroutine '"
#define TAIL "' was never awaited"

struct walk {
	struct py_types *types;
	py_warned_fn *fn;
	void *ctx;
	size_t n;
	uint64_t modules[PROCMEM_MANY]; /* that are to be looked at */
	uint64_t dict; /* of the module looked at */
	int code;
};

static void read_file(struct walk *w, struct life_origin *place)
{
	uint64_t file;

	if (!py_dict_get(w->types->t, w->dict, "__file__", &file))
		py_name__read(w->types, file, place->file, sizeof(place->file));
}

/* In asyncio's debug mode more lines follow, which say where the coroutine was made. */
static bool read_coroutine(struct walk *w, uint64_t text, char buf[TEXT_BYTES])
{
	size_t n;

	buf[0] = 0;
	py_name__read(w->types, text, buf, TEXT_BYTES);
	if (strncmp(buf, HEAD, strlen(HEAD)) != 0)
		return false;
	memmove(buf, buf + strlen(HEAD), strlen(buf + strlen(HEAD)) + 1);
	n = strcspn(buf, "'");
	if (strncmp(buf + n, TAIL, strlen(TAIL)) != 0)
		return false;
	buf[n] = 0;
	return true;
}

static int on_note(void *ctx, uint64_t key, uint64_t value)
{
	struct walk *w = ctx;
	const struct ls_pyoffsets *py = &w->types->t->proc.py.at;
	struct life_origin place = { 0 };
	uint64_t items[ITEMS], line;
	char coroutine[TEXT_BYTES];

	(void)value;
	if (py_types__kind(w->types, key) != PY_TUPLE ||
	    py_pages__read(w->types->pages, key + py->tuple_items, items, sizeof(items)) ||
	    !read_coroutine(w, items[0], coroutine) || py_int_value(w->types->t, items[2], &line) ||
	    line > INT32_MAX)
		return 0;
	place.line = (uint32_t)line;
	read_file(w, &place);
	w->code = w->fn(w->ctx, key, coroutine, &place);
	return w->code;
}

/* It is added to a module when something in it warns, which is when all has its names. */
static void look_at_modules(struct walk *w)
{
	const struct target *t = w->types->t;
	uint64_t registries[PROCMEM_MANY], dicts[PROCMEM_MANY];

	for (size_t i = 0; i < w->n; i++)
		w->modules[i] += t->proc.py.at.ob_head + MODULE_DICT;
	w->code = procmem__read_many(t->pid, w->modules, w->n, dicts, sizeof(*dicts));
	if (!w->code)
		w->code = py_dicts_get_last(t, dicts, w->n, "__warningregistry__", registries);
	for (size_t i = 0; !w->code && i < w->n; i++) {
		w->dict = dicts[i];
		if (registries[i])
			py_dict_each(t, registries[i], on_note, w);
	}
	w->n = 0;
}

static int on_module(void *ctx, uint64_t name, uint64_t module)
{
	struct walk *w = ctx;

	(void)name;
	w->modules[w->n++] = module;
	if (w->n == PROCMEM_MANY)
		look_at_modules(w);
	return w->code;
}

int py_warned__each(struct py_types *types, py_warned_fn *fn, void *ctx)
{
	struct walk w = { .types = types, .fn = fn, .ctx = ctx };
	uint64_t modules;

	if (py_pages__read(types->pages,
			   py_target(types->t)->interp + types->t->proc.py.at.interp_modules,
			   &modules, sizeof(modules)))
		return 0;
	py_dict_each(types->t, modules, on_module, &w);
	if (!w.code)
		look_at_modules(&w);
	return w.code;
}
