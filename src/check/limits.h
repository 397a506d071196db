/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run may take: the limits of `loopstall check`, as given by options and by a configuration
 * file.
 *
 * A limit on steps may be tied to a pattern (fnmatch) on the coroutine's qualified name, the task's
 * name, the entry, the route, the test or the file. The last one given whose pattern fits a step
 * counts for it; one without a pattern counts for what no pattern fits.
 */
#ifndef LOOPSTALL_CHECK_LIMITS_H
#define LOOPSTALL_CHECK_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/model.h"

#define CHECK_MAX_STEP_LIMITS 64
#define CHECK_NO_LIMIT UINT64_MAX
#define CHECK_MIN_STEPS 100 /* default: fewer steps are too few to judge a service */

struct check_step_limit {
	char *pattern; /* NULL: all that no pattern fits */
	uint64_t ns;
};

struct check_step_limits {
	size_t n;
	struct check_step_limit list[CHECK_MAX_STEP_LIMITS];
};

struct check_limits {
	/* of the own time of a step, or of a stretch of callbacks */
	struct check_step_limits max_step;
	struct check_step_limits p99_step; /* of the own time of a coroutine's steps */
	uint64_t max_stalls, max_starved_ns, max_turn_ns; /* or CHECK_NO_LIMIT */
	uint32_t denied; /* bit by enum ls_cause */
	uint64_t threshold_ns; /* own time that makes a stall */
	uint64_t min_steps;
	double max_regression; /* 0.2: 20 %; only with a baseline */
};

/* The names that a pattern is matched against; NULL or "" if there is none. */
struct check_names {
	const char *coroutine, *task, *function;
	const char *entry; /* outermost function of the user's */
	/* of the HTTP request: "/orders/{id}", "GET /orders/{id}" */
	const char *route, *request;
	const char *test;
	const char *coroutine_file; /* both files are relative to the root */
	const char *file; /* of the line where the time went */
	uint32_t line;
};

/* No limit at all, a threshold of 10 ms. */
void check_limits__init(struct check_limits *l);
void check_limits__done(struct check_limits *l);

/* `pattern` of `length` bytes, 0: none. 0, -ENOMEM or -E2BIG with err filled. */
int check_step_limits__add(struct check_step_limits *s, const char *pattern, size_t length,
			   uint64_t ns, struct err *err);
/* The one that counts, or NULL. */
const struct check_step_limit *check_step_limits__find(const struct check_step_limits *s,
						       const struct check_names *names);

/* Adds "sleep,network" to the denied causes. 0 or -EINVAL with err filled. */
int check_limits__deny(struct check_limits *l, const char *text, struct err *err);

/* The threshold a session needs so that no step above any of these limits goes by unseen. */
uint64_t check_limits__threshold_ns(const struct check_limits *l);

/* True if there is any limit besides a baseline. */
bool check_limits__any(const struct check_limits *l);

/* Does a glob fit any of the names? */
bool check_names__fit(const struct check_names *names, const char *pattern);

#endif
