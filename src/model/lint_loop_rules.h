/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of lint.h on loops as a whole, on their pools and on the life of tasks.
 */
#ifndef LOOPSTALL_MODEL_LINT_LOOP_RULES_H
#define LOOPSTALL_MODEL_LINT_LOOP_RULES_H

#include "model/lint_rules.h"

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
/* The same of the rule on default executors, which loops have only while theirs is full. */
#define LINT_EXECUTOR_RULE (1 + LIFE_KIND_MAX)
/* Which of the two it is. */
size_t lint_pool__rule(const struct pool_row *pool);
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

/* Adds up the loops to which it applies, but for what is said of their pools. */
struct loop_sum lint_loop_rule__sum(const struct loop_rule *rule, const struct snapshot *s);

#endif
