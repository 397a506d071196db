/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was lost since the base: the counts that the model is given (model__loss()), and those of
 * its own (losses.h). Bounded; a kind without room is a loss itself.
 */
#ifndef LOOPSTALL_MODEL_LOSS_SUMS_H
#define LOOPSTALL_MODEL_LOSS_SUMS_H

#include "model/losses.h"
#include "model/snapshot.h"

#define LOSS_SUMS_MAX 64

struct loss_sums {
	size_t n;
	struct named_loss {
		struct loss loss;
		uint64_t base; /* at the last reset */
	} named[LOSS_SUMS_MAX];
	uint64_t own[MODEL_LOSS_MAX]; /* counted, or set before loss_sums__rows() */
	struct loss shown[LOSS_SUMS_MAX + MODEL_LOSS_MAX]; /* what the snapshot points to */
};

/* Sets the absolute count. `name` and `sentence` must outlive the sums. */
void loss_sums__set(struct loss_sums *l, const char *name, const char *sentence, uint64_t count);
/* Count of a loss of the kernel side since the base, 0 if there was none. */
uint64_t loss_sums__kernel(const struct loss_sums *l, enum ls_loss loss);
/* What was counted so far becomes the base. */
void loss_sums__reset(struct loss_sums *l);
/* Adds those above zero to a snapshot, which has its times already. */
void loss_sums__rows(struct loss_sums *l, struct snapshot *ret_snapshot);

#endif
