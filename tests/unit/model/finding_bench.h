/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A step as a test of findings wants it, and what a bench of them gives out.
 */
#ifndef LOOPSTALL_TESTS_MODEL_FINDING_BENCH_H
#define LOOPSTALL_TESTS_MODEL_FINDING_BENCH_H

#include "model/finding_sums.h"
#include "model/findings.h"
#include "model/reading.h"

static const struct code_info handler = { "handler", "/srv/app/web.py", 10 };

/* A step of one cause, placed at a line of a function. */
static inline struct stall step_at(const char *function, uint32_t line, enum ls_cause cause,
				   uint64_t ms)
{
	struct stall s = { .pid = PID,
			   .tid = TID,
			   .unit = LS_UNIT_STEP,
			   .cause = cause,
			   .start_ns = 1000 * MS,
			   .duration_ns = ms * MS,
			   .starved_ns = 10 * ms * MS,
			   .coroutine = handler,
			   .own = { function, "/srv/app/db.py", line },
			   .own_def_line = 30,
			   .own_share = 0.9,
			   .entry = { "handler", "/srv/app/web.py", 14 },
			   .entry_def_line = 10,
			   .is_entry_users = true };

	s.cause_ns[cause] = s.duration_ns;
	s.call = s.own;
	return s;
}

struct bench {
	struct finding_sums sums;
	struct groups groups;
	struct snapshot s;
	uint64_t starved_ns;
};

static inline void add(struct bench *b, const struct stall *stall)
{
	cr_assert_eq(finding_sums__stall(&b->sums, stall), 0);
	b->s.stalls++;
	b->s.starved_ns += stall->starved_ns;
}

static inline const struct finding_row *rows(struct bench *b)
{
	cr_assert_eq(finding_sums__rows(&b->sums, &b->groups, &b->s), 0);
	return b->s.findings;
}

static inline struct finding describe(struct bench *b, size_t i)
{
	struct finding f;

	cr_assert(finding__describe(&f, &b->s, &rows(b)[i], 0));
	return f;
}

static inline const char *headline(struct bench *b)
{
	static char text[FINDINGS_HEADLINE_BYTES];

	rows(b);
	findings_headline(&b->s, 0, text);
	return text;
}

static inline void done(struct bench *b)
{
	finding_sums__done(&b->sums);
}

#endif
