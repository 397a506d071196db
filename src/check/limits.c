/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See limits.h.
 */
#include "check/limits.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/similar.h"
#include "base/time.h"
#include "model/vocabulary.h"

#define DEFAULT_THRESHOLD_NS (10 * NS_PER_MS)
/* What a session takes at least; below it every step would be a record. */
#define MIN_THRESHOLD_NS 100000ULL

void check_limits__init(struct check_limits *l)
{
	*l = (struct check_limits){
		.max_stalls = CHECK_NO_LIMIT,
		.max_starved_ns = CHECK_NO_LIMIT,
		.max_turn_ns = CHECK_NO_LIMIT,
		.threshold_ns = DEFAULT_THRESHOLD_NS,
		.min_steps = CHECK_MIN_STEPS,
		.max_regression = 0.2,
	};
}

static void step_limits_done(struct check_step_limits *s)
{
	while (s->n > 0)
		free(s->list[--s->n].pattern);
}

void check_limits__done(struct check_limits *l)
{
	step_limits_done(&l->max_step);
	step_limits_done(&l->p99_step);
}

int check_step_limits__add(struct check_step_limits *s, const char *pattern, size_t length,
			   uint64_t ns, struct err *err)
{
	struct check_step_limit limit = { .ns = ns };

	if (s->n == CHECK_MAX_STEP_LIMITS)
		return err__set(err, -E2BIG, "more than %d limits of one kind",
				CHECK_MAX_STEP_LIMITS);
	if (length > 0) {
		limit.pattern = strndup(pattern, length);
		if (!limit.pattern)
			return err__set(err, -ENOMEM, "out of memory");
	}
	s->list[s->n++] = limit;
	return 0;
}

static bool fits(const char *text, const char *pattern)
{
	/* The id of a test with parameters has brackets, which a glob takes for its own. */
	return text && *text && (!strcmp(pattern, text) || !fnmatch(pattern, text, 0));
}

bool check_names__fit(const struct check_names *names, const char *pattern)
{
	return fits(names->coroutine, pattern) || fits(names->task, pattern) ||
		fits(names->function, pattern) || fits(names->entry, pattern) ||
		fits(names->route, pattern) || fits(names->request, pattern) ||
		fits(names->test, pattern) || fits(names->coroutine_file, pattern) ||
		fits(names->file, pattern);
}

const struct check_step_limit *check_step_limits__find(const struct check_step_limits *s,
						       const struct check_names *names)
{
	const struct check_step_limit *general = NULL;

	for (size_t i = s->n; i > 0; i--) {
		const struct check_step_limit *limit = &s->list[i - 1];

		if (!limit->pattern)
			general = general ? general : limit;
		else if (check_names__fit(names, limit->pattern))
			return limit;
	}
	return general;
}

static int refuse_cause(const char *text, size_t length, struct err *err)
{
	char word[32], known[128] = "", hint[SIMILAR_BYTES];
	struct similar similar = SIMILAR_TO(word);

	snprintf(word, sizeof(word), "%.*s", (int)length, text);
	for (enum ls_cause cause = 0; cause < LS_CAUSE_MAX; cause++) {
		if (ls_cause_host(cause) == LS_HOST_OWN)
			continue;
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 *known ? ", " : "", vocabulary_cause(cause));
		similar__offer(&similar, vocabulary_cause(cause));
	}
	return err__set(err, -EINVAL, "'%s' is not a cause%s: there is %s", word,
			similar__hint(&similar, "", hint), known);
}

int check_limits__deny(struct check_limits *l, const char *text, struct err *err)
{
	while (*text) {
		size_t length = strcspn(text, ",");
		enum ls_cause cause;

		for (cause = 0; cause < LS_CAUSE_MAX; cause++) {
			const char *word = vocabulary_cause(cause);

			if (strlen(word) == length && !memcmp(word, text, length))
				break;
		}
		if (cause == LS_CAUSE_MAX)
			return refuse_cause(text, length, err);
		if (ls_cause_host(cause) == LS_HOST_OWN)
			return err__set(
				err, -EINVAL,
				"%s cannot be denied: it is the host's doing, not the program's",
				vocabulary_cause(cause));
		l->denied |= 1U << cause;
		text += length;
		text += *text == ',';
	}
	return l->denied ? 0 : err__set(err, -EINVAL, "no cause is given");
}

static uint64_t smallest(const struct check_step_limits *s, uint64_t ns)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].ns < ns)
			ns = s->list[i].ns;
	return ns;
}

uint64_t check_limits__threshold_ns(const struct check_limits *l)
{
	uint64_t ns = smallest(&l->max_step, l->threshold_ns);

	if (l->max_turn_ns < ns)
		ns = l->max_turn_ns;
	return ns < MIN_THRESHOLD_NS ? MIN_THRESHOLD_NS : ns;
}

bool check_limits__any(const struct check_limits *l)
{
	return l->max_step.n || l->p99_step.n || l->denied || l->max_stalls != CHECK_NO_LIMIT ||
		l->max_starved_ns != CHECK_NO_LIMIT || l->max_turn_ns != CHECK_NO_LIMIT;
}
