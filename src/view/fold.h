/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Victims whose names differ in a number only ("heartbeat-0" ... "heartbeat-9") as one row,
 * "heartbeat-*", until it is unfolded.
 */
#ifndef LOOPSTALL_VIEW_FOLD_H
#define LOOPSTALL_VIEW_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

struct fold;

int fold__new(struct fold **ret_fold);
void fold__free(struct fold *f);
/*
 * The snapshot with other victims, valid until the next call. 0, or -ENOMEM with the snapshot
 * itself.
 */
int fold__apply(struct fold *f, const struct snapshot *snapshot, struct snapshot *ret_snapshot);
/* How many rows a row of fold__apply() stands for, and the family that they are; 1 and 0: itself.
 */
size_t fold__members(const struct fold *f, const struct victim_row *row);
uint64_t fold__family(const struct fold *f, const struct victim_row *row);
/* Shows its rows from now on. */
void fold__open(struct fold *f, uint64_t family);
/* Folds all again; false if none was unfolded. */
bool fold__close(struct fold *f);

/*
 * Bytes of a name before the number that it ends with; all of it if there is none. "Task-17": 5.
 */
size_t fold_stem(const char *name);

#endif
