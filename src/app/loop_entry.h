/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lists of the machine's event loops say of a process.
 */
#ifndef LOOPSTALL_APP_LOOP_ENTRY_H
#define LOOPSTALL_APP_LOOP_ENTRY_H

#include "process/target.h"

#define LOOP_ENTRY_MAX_LOOPS 64

struct loop_entry {
	const struct target *target;
	char user[32]; /* raw */
	char kinds[48]; /* "asyncio", or "asyncio+uvloop": each kind once */
	int n_loops; /* -errno if not known; the others are set if there are any */
	struct target_loop_thread loops[LOOP_ENTRY_MAX_LOOPS];
	int n_tasks; /* -errno if not known */
};

/* Of a process that was examined, and must outlive the row. */
void loop_entry__read(struct loop_entry *ret_row, const struct target *t);

#endif
