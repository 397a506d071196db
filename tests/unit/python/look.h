/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was read of a process's tasks at one moment.
 */
#ifndef LOOPSTALL_TESTS_LOOK_H
#define LOOPSTALL_TESTS_LOOK_H

#include <string.h>

#include "process/target.h"

struct look {
	struct target *t;
	struct target_tasks tasks;
	int n;
};

static void look__done(struct look *look)
{
	target__free(look->t);
	target_tasks__done(&look->tasks);
}

static const struct target_task *find(const struct look *look, const char *name)
{
	for (int i = 0; i < look->n; i++)
		if (!strcmp(look->tasks.list[i].name, name))
			return &look->tasks.list[i];
	return NULL;
}

#endif
