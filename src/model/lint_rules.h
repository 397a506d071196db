/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of lint.h on stalls, as a table.
 */
#ifndef LOOPSTALL_MODEL_LINT_RULES_H
#define LOOPSTALL_MODEL_LINT_RULES_H

#include "model/lint.h"

/* What is to be changed. */
enum rule_subject {
	SUBJECT_LINE, /* the line of the user's code at which the time went */
	SUBJECT_HOLDER, /* the line of another thread that held what was waited for */
	SUBJECT_PROCESS, /* no line: the process as a whole */
	SUBJECT_HOST, /* nothing in the program */
};

/*
 * First match wins. The unit is a step or a callback if it is LS_UNIT_NONE. The words are those of
 * the runtime, if it has its own.
 */
struct rule {
	enum lint_id id;
	enum finding_kind kind;
	enum ls_cause cause; /* LS_CAUSE_MAX: any */
	enum ls_unit unit;
	uint64_t min_ns; /* of the longest stall */
	const struct finding_words words; /* neutral */
	enum sign sign; /* SIGN_NONE: any */
	enum rule_subject subject;
};

extern const struct rule lint_rules[];
extern const size_t lint_n_rules;

/* NULL: none. A cause without a rule of its own has that of its class. */
const struct rule *lint_rule__find(enum ls_unit unit, enum ls_cause cause, enum sign sign,
				   uint64_t longest_ns);

/* The advice of these words for code that runs in such a context. */
const char *lint_advice(const struct runtime_words *words, const struct rule *rule,
			struct code_context context);

/* The runtime's words for this kind of finding, or the neutral ones. */
const struct finding_words *lint_words(const struct runtime_words *words, enum finding_kind kind,
				       const struct finding_words *neutral);

#endif
