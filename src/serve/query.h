/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads numbers from the query string of a request.
 */
#ifndef LOOPSTALL_SERVE_QUERY_H
#define LOOPSTALL_SERVE_QUERY_H

#include <stdint.h>

/*
 * The value of `name` in "a=1&b=2", if it is there: digits alone, at most `most`. 0, or -EINVAL
 * with *ret_value unchanged.
 */
int query_u64(const char *query, const char *name, uint64_t most, uint64_t *ret_value);

/* The same for a time of whole seconds or minutes: "60s", "5m". */
int query_time(const char *query, const char *name, uint64_t most_ns, uint64_t *ret_ns);

#endif
