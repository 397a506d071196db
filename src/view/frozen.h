/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy of a snapshot that outlives it, for a paused view. Names of the target stay with the
 * model, which outlives the view.
 */
#ifndef LOOPSTALL_VIEW_FROZEN_H
#define LOOPSTALL_VIEW_FROZEN_H

#include "model/model.h"

struct frozen;

/* 0 or -ENOMEM. */
int frozen__new(struct frozen **ret_frozen, const struct snapshot *snapshot);
void frozen__free(struct frozen *f);
const struct snapshot *frozen__snapshot(const struct frozen *f);

#endif
