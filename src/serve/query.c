/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See query.h.
 */
#include "serve/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

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

/* The value of `name`; NULL: it is not there. */
static const char *find(const char *query, const char *name, size_t *ret_size)
{
	const size_t n = strlen(name);

	for (const char *p = query; *p;) {
		const size_t size = strcspn(p, "&");

		if (size > n && !memcmp(p, name, n) && p[n] == '=') {
			*ret_size = size - n - 1;
			return p + n + 1;
		}
		p += size + (p[size] == '&');
	}
	return NULL;
}

int query_u64(const char *query, const char *name, uint64_t most, uint64_t *ret_value)
{
	size_t size;
	const char *text = find(query, name, &size);

	return text ? parse(text, size, most, ret_value) : 0;
}

int query_time(const char *query, const char *name, uint64_t most_ns, uint64_t *ret_ns)
{
	size_t size;
	const char *text = find(query, name, &size);
	uint64_t unit_ns, n;
	int r;

	if (!text)
		return 0;
	if (!size || (text[size - 1] != 's' && text[size - 1] != 'm'))
		return -EINVAL;
	unit_ns = text[size - 1] == 's' ? NS_PER_S : 60 * NS_PER_S;
	r = parse(text, size - 1, most_ns / unit_ns, &n);
	if (r >= 0)
		*ret_ns = n * unit_ns;
	return r;
}
