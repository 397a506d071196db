/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sleep is a library's if the innermost frame outside the C library, through which all sleep, is
 * of a shared object that is not the runtime's own. Libraries around the runtime only called it. A
 * wait for sockets is that of another loop if that frame is of the module in which such a loop
 * polls.
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

/* The innermost frame outside the C library; NULL if there is none. */
static const struct model_native *caller_of_system(const struct stall *stall)
{
	for (size_t i = 0; i < stall->n_native; i++) {
		const char *name = stall->native_stack[i].name;

		if (name && !is_c_library(name))
			return &stall->native_stack[i];
	}
	return NULL;
}

static bool is_call(const struct stall *stall)
{
	const struct runtime_words *words = runtime_words__or_default(stall->words);
	const struct model_native *frame = caller_of_system(stall);

	if (!frame)
		return false;
	if (stall->cause == LS_CAUSE_SLEEP)
		return is_library_frame(words, frame);
	return words->is_loop_module && words->is_loop_module(frame->name);
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

/* Whether it is such a call, by its own frames or those that were seen at its place. */
static int judge(struct library_calls *l, const struct stall *stall, bool *ret_is_call)
{
	const struct model_frame *at = &stall->call;
	_cleanup_free_ char *key = NULL;
	struct library_call *call;
	size_t n;
	int r;

	*ret_is_call = is_call(stall);
	if (!at->function)
		return 0;
	r = place_key__make(at->function, at->file, at->line, stall->cause, &key, &n);
	if (r)
		return r;
	HASH_FIND(hh, l->table, key, n, call);
	if (call && !stall->n_native)
		*ret_is_call = call->is_library;
	else if (call)
		call->is_library = *ret_is_call;
	else if (stall->n_native)
		return remember(l, &key, n, *ret_is_call);
	return 0;
}

int library_calls__judge(struct library_calls *l, struct stall *stall)
{
	bool is_loop;
	int r;

	if (stall->cause == LS_CAUSE_SLEEP)
		return judge(l, stall, &stall->is_library_call);
	if (stall->cause != LS_CAUSE_NETWORK || stall->is_nested_loop)
		return 0;
	r = judge(l, stall, &is_loop);
	if (!r)
		stall->is_nested_loop = is_loop;
	return r;
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
