/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that held the interpreter's lock, or another lock, while a stall waited for it: its
 * id, its name, what it ran.
 */
#ifndef LOOPSTALL_MODEL_HOLDER_H
#define LOOPSTALL_MODEL_HOLDER_H

#include "model/model.h"
#include "model/pending.h"

/* Clears `holder` and fills in thread id and name: of the interpreter's lock, of other locks. */
void holder__fill_gil(struct model_holder *holder, const struct resolver *resolver,
		      const struct ls_rec_stall *rec);
void holder__fill_lock(struct model_holder *holder, const struct resolver *resolver,
		       const struct ls_rec_stall *rec);
/*
 * What releases a lock to notify the thread that waits for it has not held it: clears such a
 * holder. To be called when all frames have names.
 */
void holder__check_lock(struct stall *stall);
/* Names a stack of the holder of a stall of process `pid`, if its thread is known. */
void holder__name_frames(struct model_holder *holder, const struct resolver *resolver, uint32_t pid,
			 const struct ls_frame *frames, size_t n);
/* The same for the stack of a holder that came with the span. */
void holder__name_stack(struct model_holder *holder, const struct resolver *resolver, uint32_t pid,
			const struct pending_span *span, enum holder_kind kind);

/*
 * The line of the holder to blame: the innermost one that is no library's, or else the innermost
 * one. NULL: its stack is not known, or innocent.
 */
const struct model_frame *holder__own_frame(const struct model_holder *holder,
					    const struct runtime_words *words);

#endif
