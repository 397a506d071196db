/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of the modes, from the one list.
 */
#include "session/measure_mode.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"

static const char *const words[] = {
#define _(name, word) word,
	MEASURE_MODES(_)
#undef _
};

const char *measure_mode_word(enum measure_mode mode)
{
	return words[mode];
}

int measure_mode_parse(const char *word, enum measure_mode *ret_mode)
{
	for (size_t i = 0; i < N_OF(words); i++) {
		if (!strcmp(word, words[i])) {
			*ret_mode = (enum measure_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}
