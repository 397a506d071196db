/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of words, apart from that of the tables: a replay needs these only.
 */
#include "runtime/words.h"

#include <string.h>

#include "base/array.h"

static const struct runtime_words *const all[] = {
#define _(id, name) &words_##name,
	RUNTIMES(_)
#undef _
};

const struct runtime_words *runtime_words__find(const char *name)
{
	for (size_t i = 0; i < N_OF(all); i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

const struct runtime_words *runtime_words__default(void)
{
	return all[0];
}
