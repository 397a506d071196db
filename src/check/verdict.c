/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of a verdict, shared by all outputs.
 */
#include "check/verdict.h"

#include <inttypes.h>
#include <stdio.h>

#include "model/vocabulary.h"
#include "report/format.h"

static const struct {
	const char *word;
	int code;
} outcomes[] = {
#define _(name, word, code) { word, code },
	CHECK_OUTCOMES(_)
#undef _
};

static const struct {
	const char *id, *sentence;
} rules[] = {
#define _(name, id, sentence) { id, sentence },
	CHECK_RULES(_)
#undef _
};

const char *check_outcome_word(enum check_outcome outcome)
{
	return outcomes[outcome].word;
}

int check_outcome_code(enum check_outcome outcome)
{
	return outcomes[outcome].code;
}

const char *check_rule_id(enum check_rule rule)
{
	return rules[rule].id;
}

const char *check_rule_sentence(enum check_rule rule)
{
	return rules[rule].sentence;
}

static const char *unit_words(const struct check_finding *f)
{
	return f->worst && f->worst->unit == LS_UNIT_CALLBACK ? "callbacks" : "a step";
}

#define TIMES_BYTES (FORMAT_NUMBER_BYTES + sizeof(",  times"))

/* ", 12 times", or nothing for what happened once. */
static void put_times(uint64_t count, char buf[TIMES_BYTES])
{
	char number[FORMAT_NUMBER_BYTES];

	buf[0] = '\0';
	if (count > 1)
		snprintf(buf, TIMES_BYTES, ", %s times", format__count(count, number));
}

/* A limit for all of a loop. */
static int put_loop_limit(enum check_rule rule, const char *measured, const char *limit,
			  const char *times, char *buf, size_t size)
{
	switch (rule) {
	case CHECK_RULE_MAX_TURN:
		return snprintf(buf, size, "a turn of the loop took %s, limit %s%s", measured,
				limit, times);
	case CHECK_RULE_MAX_STALLS:
		return snprintf(buf, size, "%s stalls, limit %s", measured, limit);
	case CHECK_RULE_MAX_STARVED:
		return snprintf(buf, size, "tasks were starved for %s, limit %s", measured, limit);
	default:
		return 0;
	}
}

size_t check_finding__sentence(const struct check_finding *f, char *buf, size_t size)
{
	char a[FORMAT_NUMBER_BYTES], b[FORMAT_NUMBER_BYTES], n[TIMES_BYTES];
	const bool is_time = f->measure == CHECK_NS;
	const struct comparison *c = f->comparison;
	const char *measured, *limit;
	int r = 0;

	measured = is_time ? format__duration(f->measured, a) : format__count(f->measured, a);
	limit = is_time ? format__duration(f->limit, b) : format__count(f->limit, b);
	put_times(f->count, n);
	switch (f->rule) {
	case CHECK_RULE_NEW_SITE:
		r = snprintf(buf, size,
			     "%s stalled the loop here for %s%s, and never in the baseline",
			     f->subject, measured, n);
		break;
	case CHECK_RULE_REGRESSION:
		r = snprintf(buf, size, "%s takes %.2f times as long (%.2f to %.2f): %s %s, was %s",
			     f->subject, c->ratio, c->low, c->high,
			     c->what == COMPARE_MEAN ? "mean" : "95th percentile", measured, limit);
		break;
	case CHECK_RULE_MAX_STEP:
		r = snprintf(buf, size, "%s took %s in %s, limit %s%s", unit_words(f), measured,
			     f->subject, limit, n);
		break;
	case CHECK_RULE_DENY:
		r = snprintf(buf, size, "%s spent %s on %s, which is denied from %s on%s",
			     f->subject, measured, vocabulary_cause(f->cause), limit, n);
		break;
	case CHECK_RULE_P99_STEP:
		r = snprintf(buf, size, "99 %% of the steps of %s take up to %s, limit %s",
			     f->subject, measured, limit);
		break;
	case CHECK_RULE_MAX_TURN:
	case CHECK_RULE_MAX_STALLS:
	case CHECK_RULE_MAX_STARVED:
		r = put_loop_limit(f->rule, measured, limit, n, buf, size);
		break;
	case CHECK_RULE_ALLOW_EXPIRED:
		r = snprintf(buf, size, "the entry '%s' of the allow list counted until %s%s%s",
			     f->subject, f->allowed->until, f->allowed->reason ? ": " : "",
			     f->allowed->reason ? f->allowed->reason : "");
		break;
	case CHECK_RULE_MAX:
		break;
	}
	return r < 0 ? 0 : (size_t)r;
}

size_t check_finding__split(const struct check_finding *f, char *buf, size_t size)
{
	const struct stall *s = f->worst;
	char number[FORMAT_NUMBER_BYTES];
	enum ls_cause cause;
	size_t used = 0;

	buf[0] = '\0';
	if (!s)
		return 0;
	for (cause = 0; cause < LS_CAUSE_MAX; cause++) {
		/* Under a hundredth it explains nothing. */
		if (ls_cause_host(cause) == LS_HOST_OWN ||
		    s->cause_ns[cause] < s->duration_ns / 100 || !s->cause_ns[cause] ||
		    used >= size)
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s %s", used ? ", " : "",
					 vocabulary_cause(cause),
					 format__duration(s->cause_ns[cause], number));
	}
	if (s->runqueue_ns && used < size)
		used += (size_t)snprintf(buf + used, size - used,
					 "; %s more in the host's run queue",
					 format__duration(s->runqueue_ns, number));
	if (s->cause_ns[LS_CAUSE_STOPPED] && used < size)
		used += (size_t)snprintf(buf + used, size - used, "; stopped for %s more",
					 format__duration(s->cause_ns[LS_CAUSE_STOPPED], number));
	if (*s->request.label && used < size)
		used += (size_t)snprintf(buf + used, size - used, "; request %s", s->request.label);
	if (*s->test && used < size)
		used += (size_t)snprintf(buf + used, size - used, "; test %s", s->test);
	return used;
}
