/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's event loops while one looks at them: found one after the other by a process in the
 * background, which may be stuck at one of them, and watched from /proc alone. Nothing is attached
 * to.
 */
#ifndef LOOPSTALL_APP_LOOP_LIST_H
#define LOOPSTALL_APP_LOOP_LIST_H

#include "base/err.h"
#include "view/chooser.h"

#define LOOP_LIST_PACE_NS (100 * NS_PER_MS) /* between two calls of loop_list__look() */

struct loop_list;

/* 0 or -errno with err filled. */
int loop_list__new(struct loop_list **ret_list, struct err *err);
void loop_list__free(struct loop_list *l);
static inline void loop_list__freep(struct loop_list **l)
{
	loop_list__free(*l);
}

/* Looks at what each loop's thread does now. */
void loop_list__look(struct loop_list *l, uint64_t now_ns);
/* As of the last look; valid until the next one. */
struct choices loop_list__choices(struct loop_list *l);

#endif
