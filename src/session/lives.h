/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Since when the tasks of one process are what a look at them says, by comparison with the look
 * before.
 */
#ifndef LOOPSTALL_SESSION_LIVES_H
#define LOOPSTALL_SESSION_LIVES_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/lifecycle.h"

/* Of 0 bytes at first. */
struct lives {
	size_t n;
	struct life_age *ages; /* of the last look */
	uint64_t looks;
};

void lives__done(struct lives *l);
/* What the next look is to find. The first ones are cheap, so that they come soon. */
static inline enum life_depth lives__depth(const struct lives *l)
{
	return l->looks % LIFE_RARE_LOOKS == 2 ? LIFE_FULL : LIFE_CHEAP;
}
/*
 * Fills in `since_ns` and `ended` of the groups of a look at `now_ns`, and remembers it. 0 or
 * -ENOMEM.
 */
int lives__look(struct lives *l, struct lifecycle *life, uint64_t now_ns);

/*
 * The groups that are worth to be passed on, those with a problem first, then the largest: their
 * number, at most `max`.
 */
size_t lives__choose(const struct lifecycle *life, struct life_group *ret_groups, size_t max);

#endif
