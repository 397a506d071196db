/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the screens say about a cause with more than words: its colour, and the filter term "cause:sleep".
 */
#ifndef LOOPSTALL_VIEW_CAUSE_H
#define LOOPSTALL_VIEW_CAUSE_H

#include <string.h>

#include "view/canvas.h"
#include "view/words.h"

static inline enum canvas_attr cause_attr(enum ls_cause cause)
{
	switch (cause) {
	case LS_CAUSE_CPU:
		return ATTR_CPU;
	case LS_CAUSE_GIL:
		return ATTR_GIL;
	case LS_CAUSE_RUNQUEUE:
		return ATTR_RUNQUEUE;
	default:
		return ATTR_BLOCKED;
	}
}

/* As table_ops.term: 1 or 0, and -1 if the word is not "cause". */
static inline int cause_term(enum ls_cause cause, const char *word, const char *value)
{
	return strcmp(word, "cause") ? -1 : !strcmp(value, vocabulary_cause(cause));
}

#endif
