/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See query.h.
 */
#include "serve/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int parse(const char *text, size_t size, uint64_t most, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!size)
		return -EINVAL;
	for (size_t i = 0; i < size; i++)
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return -EINVAL;
	if (value > most)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int query_u64(const char *query, const char *name, uint64_t most, uint64_t *ret_value)
{
	const size_t n = strlen(name);

	for (const char *p = query; *p;) {
		const size_t size = strcspn(p, "&");

		if (size > n && !memcmp(p, name, n) && p[n] == '=')
			return parse(p + n + 1, size - n - 1, most, ret_value);
		p += size + (p[size] == '&');
	}
	return 0;
}
