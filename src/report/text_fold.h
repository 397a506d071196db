/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls that would give the same line again and again: the first one is written at once, those
 * that follow within seconds are counted and written as one line, the longest of them with how many
 * there were.
 */
#ifndef LOOPSTALL_REPORT_TEXT_FOLD_H
#define LOOPSTALL_REPORT_TEXT_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

#define TEXT_FOLD_BYTES 96

struct text_fold;

struct text_folds {
	struct text_fold *table;
};

/*
 * One line: `fold` is NULL for a single stall, else what stands in place of its victims: "×47 in 4
 * s, 19-31 ms". 0 or -errno.
 */
typedef int (*text_fold_fn)(void *ctx, const struct stall *stall, const char *fold);

/* Writes the stall, or keeps it for later. 0 or -errno. */
int text_folds__stall(struct text_folds *f, const struct stall *stall, text_fold_fn fn, void *ctx);
/* Writes what was kept for long enough by `now_ns`. 0 or -errno. */
int text_folds__tick(struct text_folds *f, uint64_t now_ns, text_fold_fn fn, void *ctx);
/* Writes all that was kept. 0 or -errno. */
int text_folds__flush(struct text_folds *f, text_fold_fn fn, void *ctx);
void text_folds__done(struct text_folds *f);

#endif
