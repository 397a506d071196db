/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words, titles and nouns of what stalls can be grouped by: see groups.h.
 */
#include <string.h>

#include "model/groups.h"

static const struct {
	const char *word, *title;
} keys[] = {
#define _(name, word, title, ...) [GROUP_##name] = { word, title },
	GROUP_KEYS(_)
#undef _
};

const char *group_key_word(enum group_key key)
{
	return key < GROUP_MAX ? keys[key].word : "?";
}

const char *group_key_title(enum group_key key)
{
	return key < GROUP_MAX ? keys[key].title : "?";
}

const char *group_key_noun(enum group_key key)
{
	return group_key_word(key == GROUP_AUTO ? GROUP_COROUTINE : key);
}

enum group_key group_key__by_word(const char *word)
{
	enum group_key key;

	for (key = 0; key < GROUP_MAX && strcmp(keys[key].word, word); key++)
		;
	return key;
}
