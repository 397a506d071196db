/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A short list, searched from its beginning.
 */
#include "record/meta.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "record/format.h"

void meta__done(struct meta *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->pairs[i].key);
		free(m->pairs[i].value);
	}
	free(m->pairs);
	*m = (struct meta){};
}

static struct meta_pair *meta__find(const struct meta *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->pairs[i].key, key))
			return &m->pairs[i];
	return NULL;
}

int meta__set(struct meta *m, const char *key, const char *value)
{
	_cleanup_free_ char *own_key = strdup(key), *own_value = strdup(value);
	struct meta_pair *pair = meta__find(m, key), *pairs;

	if (!own_key || !own_value)
		return -ENOMEM;
	if (pair) {
		free(pair->value);
		pair->value = TAKE_PTR(own_value);
		return 0;
	}
	if (m->n == FORMAT_MAX_NOTES)
		return -E2BIG;
	pairs = reallocarray(m->pairs, m->n + 1, sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	m->pairs = pairs;
	m->pairs[m->n++] =
		(struct meta_pair){ .key = TAKE_PTR(own_key), .value = TAKE_PTR(own_value) };
	return 0;
}

int meta__set_u64(struct meta *m, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return meta__set(m, key, text);
}

void meta__remove(struct meta *m, const char *prefix)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct meta_pair pair = m->pairs[i];

		if (strncmp(pair.key, prefix, strlen(prefix)) != 0) {
			m->pairs[n++] = pair;
			continue;
		}
		free(pair.key);
		free(pair.value);
	}
	m->n = n;
}

int meta__copy(struct meta *m, const struct meta *from)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < from->n; i++)
		r = meta__set(m, from->pairs[i].key, from->pairs[i].value);
	return r;
}

const char *meta__get(const struct meta *m, const char *key)
{
	const struct meta_pair *pair = meta__find(m, key);

	return pair ? pair->value : NULL;
}

uint64_t meta__u64(const struct meta *m, const char *key, uint64_t otherwise)
{
	const char *text = meta__get(m, key);
	unsigned long long value;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return otherwise;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno || *end ? otherwise : value;
}
