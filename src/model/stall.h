/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stall out of the numbers of its record. What stacks and victims add to it is in attribution.h
 * and model.c.
 */
#ifndef LOOPSTALL_MODEL_STALL_H
#define LOOPSTALL_MODEL_STALL_H

#include "base/time.h"
#include "model/model.h"

/* Fewer ticks of the kernel say too little: four of 4 ms. */
#define STALL_BOOKED_MIN_NS (16 * NS_PER_MS)
/* More than a page fault takes, with the copy of a page. */
#define STALL_FAULT_NS (20 * NS_PER_US)

/* Overwrites *stall. */
void stall__fill(struct stall *stall, const struct resolver *r, const struct ls_rec_stall *rec);
/* Again, after more of it has become known. */
void stall__set_signs(struct stall *stall);
/* Most of its time on the CPU was in kernel mode. */
bool stall__is_in_kernel(const struct stall *stall);

#endif
