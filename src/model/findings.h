/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What to fix first: the rows of the snapshot that say what stalls cost, ranked, with the sentence,
 * the share, how sure it is, and the advice. Pure: reads a snapshot, knows no numbers but those in
 * it.
 *
 * Only code that held up the loop itself is named. What waited for the host, for the interpreter's
 * lock or for the garbage collector is innocent: such a finding names what held it.
 */
#ifndef LOOPSTALL_MODEL_FINDINGS_H
#define LOOPSTALL_MODEL_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/lint.h"

/* FINDING_SURENESS(_) : _(NAME, "word") */
#define FINDING_SURENESS(_)                                                                        \
	_(SURE, "sure")                                                                            \
	_(LIKELY, "likely")                                                                        \
	_(UNSURE, "unsure")

enum finding_sureness {
#define _(name, ...) FINDING_##name,
	FINDING_SURENESS(_)
#undef _
		FINDING_SURENESS_MAX
};

#define FINDING_WHAT_BYTES 256
#define FINDING_WHY_BYTES 128

struct finding {
	const struct finding_row *row;
	const char *lint; /* the name it can be switched off by */
	const char *subject; /* "line", "holder", "process", "host" */
	bool is_host; /* nothing in the program is to blame */
	char what[FINDING_WHAT_BYTES]; /* "get_user() sleeps on the loop"; raw */
	const char *verdict, *advice; /* sentences without a stop */
	/* 0 ... 1; of the time that tasks starved, and of all time of the loops; -1: not known */
	double starved_share, loop_share;
	enum finding_sureness sureness;
	char why[FINDING_WHY_BYTES]; /* it is so sure */
};

/* False if its lint is switched off. */
bool finding__describe(struct finding *f, const struct snapshot *s, const struct finding_row *row,
		       lint_mask off);

const char *finding_sureness_word(enum finding_sureness sureness);

#define FINDINGS_HEADLINE_BYTES 512

/*
 * "Fixing these 2 lines removes 71 % of the waiting: get_user fa.py:3, list_orders fa.py:4"; raw.
 * "" if nothing stalled.
 */
void findings_headline(const struct snapshot *s, lint_mask off, char buf[FINDINGS_HEADLINE_BYTES]);

/* Nothing stalled, and that was seen: then the longest turn is the news. */
bool findings_is_calm(const struct snapshot *s);

#endif
