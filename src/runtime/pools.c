/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words of the kinds of pools.
 */
#include "runtime/pools.h"

static const struct {
	const char *word, *member, *waiter;
} words[] = {
#define _(name, word, member, waiter) { word, member, waiter },
	POOL_KINDS(_)
#undef _
};

const char *pool_kind__word(enum pool_kind kind)
{
	return words[kind].word;
}

const char *pool_kind__member(enum pool_kind kind)
{
	return words[kind].member;
}

const char *pool_kind__waiter(enum pool_kind kind)
{
	return words[kind].waiter;
}
