/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stall out of the numbers of its record. What stacks and victims add to it is in attribution.h
 * and model.c.
 */
#ifndef LOOPSTALL_MODEL_STALL_H
#define LOOPSTALL_MODEL_STALL_H

#include "model/model.h"

/* Overwrites *stall. */
void stall__fill(struct stall *stall, const struct resolver *r, const struct ls_rec_stall *rec);
/* Again, after more of it has become known. */
void stall__set_signs(struct stall *stall);

#endif
