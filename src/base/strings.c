/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of strings on uthash.
 */
#include "base/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/table.h"

struct string {
	UT_hash_handle hh;
	char text[];
};

struct strings {
	struct string *all;
	size_t used_bytes, max_bytes;
	bool is_short_of_memory;
};

int strings__new(struct strings **ret_strings, size_t max_bytes)
{
	struct strings *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->max_bytes = max_bytes;
	*ret_strings = s;
	return 0;
}

void strings__free(struct strings *s)
{
	if (!s)
		return;
	table__free(s->all, free);
	free(s);
}

static const char *no_memory(struct strings *s)
{
	s->is_short_of_memory = true;
	return "?";
}

bool strings__is_short_of_memory(const struct strings *s)
{
	return s->is_short_of_memory;
}

const char *strings__intern(struct strings *s, const char *text)
{
	size_t length = strlen(text), bytes = sizeof(struct string) + length + 1;
	_cleanup_free_ struct string *string = NULL;
	struct string *found;

	HASH_FIND(hh, s->all, text, length, found);
	if (found)
		return found->text;
	if (s->used_bytes + bytes > s->max_bytes) {
		log_debug("no room for the name %s", text);
		return "?";
	}
	string = calloc(1, bytes);
	if (!string)
		return no_memory(s);
	memcpy(string->text, text, length + 1);
	HASH_ADD(hh, s->all, text, length, string);
	/* uthash leaves hh.tbl NULL if it could not grow. */
	if (!string->hh.tbl)
		return no_memory(s);
	s->used_bytes += bytes;
	found = TAKE_PTR(string);
	return found->text;
}
