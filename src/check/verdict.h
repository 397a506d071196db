/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a check found, as data: every output (check/report.h) is made from this alone.
 */
#ifndef LOOPSTALL_CHECK_VERDICT_H
#define LOOPSTALL_CHECK_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check/allow.h"
#include "compare/compare.h"
#include "model/model.h"
#include "report/own_cost.h"

/* CHECK_OUTCOMES(_) : _(NAME, "word", exit code) */
#define CHECK_OUTCOMES(_)                                                                          \
	_(PASS, "pass", 0)                                                                         \
	_(FAIL, "fail", 1)                                                                         \
	_(INCONCLUSIVE, "inconclusive", 4)

enum check_outcome {
#define _(name, word, code) CHECK_##name,
	CHECK_OUTCOMES(_)
#undef _
};

/* First what is shown first. CHECK_RULES(_) : _(NAME, "id", "sentence") */
#define CHECK_RULES(_)                                                                             \
	_(NEW_SITE, "new-site", "a call site stalls the loop that never did in the baseline")      \
	_(REGRESSION, "max-regression", "steps take longer than in the baseline")                  \
	_(MAX_STEP, "max-step", "a step or a stretch of callbacks takes longer than its limit")    \
	_(DENY, "deny", "a step or a stretch of callbacks is blocked by a denied cause")           \
	_(P99_STEP, "p99-step", "the 99th percentile of a coroutine's steps is over its limit")    \
	_(MAX_TURN, "max-turn", "a turn of the loop takes longer than its limit")                  \
	_(MAX_STALLS, "max-stalls", "the loop stalls more often than its limit")                   \
	_(MAX_STARVED, "max-starved", "tasks are starved for longer than their limit")             \
	_(ALLOW_EXPIRED, "allow-expired", "an entry of the allow list has expired")

enum check_rule {
#define _(name, id, sentence) CHECK_RULE_##name,
	CHECK_RULES(_)
#undef _
		CHECK_RULE_MAX
};

enum check_measure { CHECK_NS, CHECK_COUNT, CHECK_DATE };

/* One broken rule at one place. Strings may come from the target. */
struct check_finding {
	enum check_rule rule;
	bool is_doubtful; /* the host may have made it so: it does not count against the program */
	const char *subject; /* coroutine, callback, pattern; never NULL */
	const char *function; /* NULL if no place is known */
	const char *file; /* relative to the root if it is below; NULL if no place is known */
	uint32_t line; /* 0: not known */
	enum check_measure measure;
	uint64_t measured,
		/* without the run queue; a regression: means or percentiles now and before */
		limit;
	uint64_t count; /* spans that broke it */
	enum ls_cause cause; /* CHECK_RULE_DENY: the denied one */
	const char *pattern; /* of the limit, NULL if it is the general one */
	const struct stall *worst; /* NULL if it is about no single stall */
	const struct comparison *comparison; /* of a regression or a new site, else NULL */
	const struct check_allowed *allowed; /* CHECK_RULE_ALLOW_EXPIRED */
};

/* How far the host let us see. */
struct check_noise {
	uint64_t busy_ns; /* the loops' time in steps and callbacks */
	uint64_t runqueue_ns; /* of it, ready to run without a CPU */
	/* 0 ... 1; the latter two NAN: not known */
	double runqueue_share, steal_share, pressure_share;
	bool is_starved, is_stolen, is_pressed; /* the shares are over their bounds */
	bool is_unknown; /* stolen or pressed as well, for all that is known */
	uint64_t excused; /* spans over a limit by the clock, but not in their own time */
	uint64_t losses; /* that may hide stalls */
	double unaccounted_share; /* of the loops' time, 0 ... 1 */
};

#define CHECK_MAX_REASONS 8
#define CHECK_REASON_BYTES 256

struct verdict {
	enum check_outcome outcome;
	size_t n_findings;
	/* new offenders, then the worst first within a rule */
	const struct check_finding *findings;
	uint64_t findings_left_out; /* there were too many places */
	size_t n_reasons; /* why it is inconclusive */
	char reasons[CHECK_MAX_REASONS][CHECK_REASON_BYTES];
	uint32_t rules; /* bit by enum check_rule: those that were in force */
	uint64_t steps, stalls, starved_ns, duration_ns; /* stalls: in own time, not allowed */
	uint64_t allowed; /* stalls that were forgiven */
	const struct check_allow *allow;
	struct check_noise noise;
	struct own_cost own_cost;
	bool has_baseline;
	uint64_t baseline_runs;
	const struct comparisons *comparisons;
	size_t n_losses;
	const struct loss *losses;
	const struct snapshot *snapshot; /* of the end: what to fix first */
};

const char *check_outcome_word(enum check_outcome outcome);
int check_outcome_code(enum check_outcome outcome);
const char *check_rule_id(enum check_rule rule);
const char *check_rule_sentence(enum check_rule rule);

/*
 * One sentence, raw: "step of 83.2 ms in fetch_row, limit 50 ms". Its length as snprintf() has it.
 */
size_t check_finding__sentence(const struct check_finding *f, char *buf, size_t size);
/*
 * What to know of its worst stall: "cpu 80.1 ms, network 3.1 ms; 12 ms more in the host's run
 * queue; stopped for 150 ms more; request GET /orders/{id}; test tests/a.py::test_one". "" if it
 * has none.
 */
size_t check_finding__split(const struct check_finding *f, char *buf, size_t size);

#endif
