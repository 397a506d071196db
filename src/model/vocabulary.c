/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of causes is the contract's own (loopstall/cause.h).
 */
#include "model/vocabulary.h"

const char *vocabulary_unit(enum ls_unit unit)
{
	switch (unit) {
	case LS_UNIT_STEP:
		return "step";
	case LS_UNIT_CALLBACK:
		return "callback";
	case LS_UNIT_TURN:
		return "turn";
	case LS_UNIT_NONE:
		break;
	}
	return "?";
}

const char *vocabulary_cause(enum ls_cause cause)
{
	static const char *const words[] = {
#define _(name, word, sentence) [LS_CAUSE_##name] = word,
		LS_CAUSES(_)
#undef _
	};

	return cause < LS_CAUSE_MAX ? words[cause] : "?";
}
