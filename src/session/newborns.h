/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forked children that are not watched yet, because most of them end at once when there are many.
 */
#ifndef LOOPSTALL_SESSION_NEWBORNS_H
#define LOOPSTALL_SESSION_NEWBORNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_NEWBORNS 1024

struct newborn {
	pid_t pid, parent;
	uint64_t born_ns;
	uint64_t due_ns; /* when it is watched, if it still lives */
	bool has_executed; /* another program */
};

struct newborns {
	size_t n;
	struct newborn list[MAX_NEWBORNS];
};

/* Replaces one of the same pid. False: there is no room. */
bool newborns__add(struct newborns *all, const struct newborn *new);
/* NULL: there is none. Valid until one is added or taken. */
struct newborn *newborns__find(struct newborns *all, pid_t pid);
/* Removes one that is due. False: there is none. */
bool newborns__take_due(struct newborns *all, uint64_t now_ns, struct newborn *ret_newborn);
/* When the next one is due; UINT64_MAX: there is none. */
uint64_t newborns__due_ns(const struct newborns *all);

#endif
