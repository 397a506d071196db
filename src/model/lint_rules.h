/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of lint.h as tables: one of stalls, and one of loops as a whole.
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

/* What is said of a loop as a whole. */
struct loop_sum {
	size_t loops;
	uint64_t total_ns;
	uint64_t busy_ns; /* of these loops, runqueue */
	uint64_t threads, queued; /* of their executors */
};

struct loop_rule {
	enum lint_id id;
	/* time lost to the rule, 0 if it does not apply */
	uint64_t (*lost_ns)(const struct loop_row *loop);
	void (*say)(const struct loop_sum *sum, char *buf, size_t size);
	enum finding_kind kind; /* FINDING_MAX: the runtime has no say */
	const struct finding_words words; /* neutral; no `one` and `many`: see say() */
	enum rule_subject subject;
};

extern const struct loop_rule lint_loop_rules[];
extern const size_t lint_n_loop_rules;

uint64_t lint_busy_ns(const struct loop_row *loop);

/* The number in lint_loop_rules of the rule on pools, which no loop has: see the rows of pools. */
#define LINT_POOL_RULE 0
/* Nothing of it was free and something waited, at two looks in a row at least. */
bool lint_pool__is_exhausted(const struct pool_row *pool);
/* "All 4 threads of reports are busy, and up to 5 calls wait for one" */
void lint_pool__say(const struct pool_row *pool, char *buf, size_t size);
const struct finding_words *lint_pool__words(const struct pool_row *pool);

/* The same of the rule on tasks of that kind. */
#define LINT_LIFE_RULE(kind) (1 + (int)(kind))
/* "2 tasks of worker() were asked to cancel and have not ended" */
void lint_life__say(const struct life_row *life, char *buf, size_t size);
const struct finding_words *lint_life__words(const struct life_row *life);

/* Adds up the loops to which it applies. */
struct loop_sum lint_loop_rule__sum(const struct loop_rule *rule, const struct snapshot *s);

/* The advice of these words for code that runs in such a context. */
const char *lint_advice(const struct runtime_words *words, const struct rule *rule,
			enum call_context context);

/* The runtime's words for this kind of finding, or the neutral ones. */
const struct finding_words *lint_words(const struct runtime_words *words, enum finding_kind kind,
				       const struct finding_words *neutral);

#endif
