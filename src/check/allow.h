/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known and forgiven: entries given by option or read from a file that lives in a
 * repository, each with a reason and, if its author was wise, a date on which the forgiveness ends.
 *
 * One entry a line, empty lines and those that begin with # are skipped:
 *
 *   app/db.py:31      until=2026-12-31  # moves to the pool in the next release
 *   Exporter.*        # nobody waits for it
 *
 * FILE:LINE stands for a line of source; FILE may be the end of a path and may have wildcards.
 * Anything else is a glob on the function, the coroutine, the task's name, the entry, the route,
 * the test or the file.
 */
#ifndef LOOPSTALL_CHECK_ALLOW_H
#define LOOPSTALL_CHECK_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "check/limits.h"

#define CHECK_DATE_BYTES sizeof("2026-12-31")
#define CHECK_MAX_ALLOWED 4096

struct check_allowed {
	char *pattern;
	char *reason; /* NULL if none is given */
	char until[CHECK_DATE_BYTES]; /* the last day on which it counts; "": for ever */
	uint32_t line; /* of the file; 0: given by option */
	bool is_expired;
	uint64_t times; /* stalls that matched it, even if it is expired */
};

struct check_allow {
	size_t n;
	struct check_allowed *list;
	char today[CHECK_DATE_BYTES];
};

/* `today` as in "2026-12-31". */
void check_allow__init(struct check_allow *a, const char *today);
void check_allow__done(struct check_allow *a);

/* One entry as a line of the file has it. 0, -EINVAL, -E2BIG or -ENOMEM with err filled. */
int check_allow__add(struct check_allow *a, const char *entry, uint32_t line, struct err *err);
/* A whole file's text. `source` names it in messages. */
int check_allow__parse(struct check_allow *a, const char *text, const char *source,
		       struct err *err);

/* True if an entry allows it; marks that entry as used. */
bool check_allow__fits(struct check_allow *a, const struct check_names *names);

#endif
