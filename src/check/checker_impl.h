/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a checker: checker.c collects, judge.c makes the verdict.
 */
#ifndef LOOPSTALL_CHECK_CHECKER_IMPL_H
#define LOOPSTALL_CHECK_CHECKER_IMPL_H

#include "base/table.h"
#include "check/checker.h"
#include "check/place.h"
#include "compare/series.h"

/* What the host may have done to a run. */
enum host { HOST_STARVED = 1, HOST_STOLE = 2, HOST_PRESSED = 4, HOST_MAX = 8 };

/* The violations of one rule at one place. */
struct entry {
	char *key;
	struct check_finding finding;
	/* the longest span after subtracting all that the host can have added */
	uint64_t firm_ns[HOST_MAX];
	struct stall worst;
	const struct series *site; /* CHECK_RULE_NEW_SITE */
	UT_hash_handle hh;
};

/* Sums over the stalls, by what the host is to blame for. */
struct tally {
	uint64_t stalls, starved_ns;
};

struct checker {
	struct check_opts opts;
	struct run *run;
	struct entry *entries; /* table, in the order they came */
	uint64_t left_out; /* spans over a limit for which there was no entry left */
	struct tally tally[HOST_MAX]; /* the first: what was measured */
	uint64_t clock_stalls; /* by the clock */
	uint64_t excused, allowed;
	uint64_t unknown_waits; /* stalls whose victims are not known */
	struct comparisons comparisons;
	struct check_finding *findings;
	struct verdict verdict;
};

/*
 * The entry of a rule at a place, made if need be; NULL with *ret_r 0 if there are too many,
 * -ENOMEM without memory. The strings must outlive the checker.
 */
struct entry *checker__entry(struct checker *c, enum check_rule rule, const char *subject,
			     const struct place_of *place, const char *pattern, int *ret_r);
/* The key of a call site: by its function and the line in it. */
int32_t site_line(const struct place_of *place);

#endif
