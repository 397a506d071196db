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
};

void lives__done(struct lives *l);
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
