/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between which awaits a step ran. Suspended: the line of the innermost coroutine of the await
 * chain. Else the function of the task's own coroutine, and of one that began its first line; which
 * line it left is not known.
 */
#ifndef LOOPSTALL_MODEL_STEP_ENDS_H
#define LOOPSTALL_MODEL_STEP_ENDS_H

#include "model/naming.h"

void step_ends__fill(const struct naming *n, const struct ls_rec_stall *rec, struct stall *stall);
/* Asks for all names that step_ends__fill() needs. */
void step_ends__learn(const struct naming *n, const struct ls_rec_stall *rec);

#endif
