/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cause on the screens: its colour and the filter term "cause:sleep".
 */
#ifndef LOOPSTALL_VIEW_CAUSE_H
#define LOOPSTALL_VIEW_CAUSE_H

#include <string.h>

#include "view/canvas.h"
#include "view/words.h"

static inline enum canvas_attr cause_attr(enum ls_cause cause)
{
	static const enum canvas_attr attrs[LS_CLASS_MAX] = {
		[LS_CLASS_CPU] = ATTR_CPU,
		[LS_CLASS_BLOCKED] = ATTR_BLOCKED,
		[LS_CLASS_GIL] = ATTR_GIL,
		[LS_CLASS_RUNQUEUE] = ATTR_RUNQUEUE,
	};

	return attrs[ls_cause_class(cause)];
}

/* As table_ops.term: 1 or 0, and -1 if the word is not "cause". */
static inline int cause_term(enum ls_cause cause, const char *word, const char *value)
{
	return strcmp(word, "cause") ? -1 : !strcmp(value, vocabulary_cause(cause));
}

#endif
