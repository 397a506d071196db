/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sleep is a library's if the innermost frame outside the C library, through which all sleep, is
 * of a shared object that is not the runtime's own. Libraries around the runtime only called it.
 */
#include "model/library_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/table.h"
#include "model/places.h"

struct library_call {
	char *key;
	bool is_library;
	UT_hash_handle hh;
};

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool is_c_library(const char *module)
{
	static const char *const prefixes[] = { "libc.", "libc-", "libpthread", "ld-",
						"linux-vdso" };

	for (size_t i = 0; i < N_OF(prefixes); i++)
		if (begins(module, prefixes[i]))
			return true;
	return false;
}

static bool is_library_frame(const struct runtime_words *words, const struct model_native *frame)
{
	const char *ending = frame->name ? strstr(frame->name, ".so") : NULL;
	const char *function = frame->name ? strchr(frame->name, ':') : NULL;

	return ending && (!function || ending < function) &&
		!(words->is_own_module && words->is_own_module(frame->name));
}

static bool has_library_frame(const struct stall *stall)
{
	const struct runtime_words *words = runtime_words__or_default(stall->words);

	for (size_t i = 0; i < stall->n_native; i++) {
		const char *name = stall->native_stack[i].name;

		if (name && !is_c_library(name))
			return is_library_frame(words, &stall->native_stack[i]);
	}
	return false;
}

static int remember(struct library_calls *l, char **key, size_t n, bool is_library)
{
	struct library_call *call;

	if (HASH_COUNT(l->table) >= LIBRARY_CALLS_MAX)
		return 0;
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->key = *key;
	call->is_library = is_library;
	if (table__add_bytes(l->table, call, n) < 0) {
		free(call);
		return -ENOMEM;
	}
	TAKE_PTR(*key);
	return 0;
}

int library_calls__judge(struct library_calls *l, struct stall *stall)
{
	const struct model_frame *at = &stall->call;
	_cleanup_free_ char *key = NULL;
	struct library_call *call;
	size_t n;
	int r;

	if (stall->cause != LS_CAUSE_SLEEP)
		return 0;
	stall->is_library_call = has_library_frame(stall);
	if (!at->function)
		return 0;
	r = place_key__make(at->function, at->file, at->line, 0, &key, &n);
	if (r)
		return r;
	HASH_FIND(hh, l->table, key, n, call);
	if (call && !stall->n_native)
		stall->is_library_call = call->is_library;
	else if (call)
		call->is_library = stall->is_library_call;
	else if (stall->n_native)
		return remember(l, &key, n, stall->is_library_call);
	return 0;
}

void library_calls__done(struct library_calls *l)
{
	struct library_call *call, *next;

	HASH_ITER (hh, l->table, call, next) {
		HASH_DEL(l->table, call);
		free(call->key);
		free(call);
	}
}
