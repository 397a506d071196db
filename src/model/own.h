/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's function that a stall is placed at. Each frame of each stack has a rank: the nearer
 * its text is to the author of the program, the higher. Only functions of the highest rank count
 * that a quarter of the stall's time went through, so that a stall without any code of the user, or
 * with a moment of it, is placed in the library that it was in.
 *
 *   own    among those through which more than half of the stall's time went, the innermost: work
 *          spread over many leaves is placed at their common caller. Without one, the function
 *          with the most time.
 *   entry  the outermost function in the stacks that hold `own`, of the highest rank of all.
 *   shares the same as `own` for each cause by itself; of what blocked, the innermost lines.
 */
#ifndef LOOPSTALL_MODEL_OWN_H
#define LOOPSTALL_MODEL_OWN_H

#include "model/model.h"
#include "model/naming.h"
#include "model/pending.h"

/*
 * Fills own, own_def_line, own_share, entry and shares of `stall`, whose unit, words, causes and
 * coroutine are set. 0 or -ENOMEM.
 */
int own__fill(const struct own_rules *rules, const struct naming *naming,
	      const struct pending_span *span, struct stall *stall);

#endif
