/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An unordered list: it holds the children of some 20 ms.
 */
#include "session/newborns.h"

struct newborn *newborns__find(struct newborns *all, pid_t pid)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].pid == pid)
			return &all->list[i];
	return NULL;
}

bool newborns__add(struct newborns *all, const struct newborn *new)
{
	struct newborn *place = newborns__find(all, new->pid);

	if (!place && all->n == MAX_NEWBORNS)
		return false;
	if (!place)
		place = &all->list[all->n++];
	*place = *new;
	return true;
}

bool newborns__take_due(struct newborns *all, uint64_t now_ns, struct newborn *ret_newborn)
{
	for (size_t i = 0; i < all->n; i++) {
		if (all->list[i].due_ns > now_ns)
			continue;
		*ret_newborn = all->list[i];
		all->list[i] = all->list[--all->n];
		return true;
	}
	return false;
}

uint64_t newborns__due_ns(const struct newborns *all)
{
	uint64_t due_ns = UINT64_MAX;

	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].due_ns < due_ns)
			due_ns = all->list[i].due_ns;
	return due_ns;
}
