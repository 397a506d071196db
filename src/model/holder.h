/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that held the interpreter's lock while a stall waited for it: its id, its name, what
 * it ran.
 */
#ifndef LOOPSTALL_MODEL_HOLDER_H
#define LOOPSTALL_MODEL_HOLDER_H

#include "model/model.h"
#include "model/pending.h"

/* Clears `holder` and fills in thread id and name. */
void holder__fill(struct model_holder *holder, const struct resolver *resolver,
		  const struct ls_rec_stall *rec);
/* Names a stack of the holder, if its thread is known. */
void holder__name_frames(struct model_holder *holder, const struct resolver *resolver, uint32_t pid,
			 const struct ls_frame *frames, size_t n);
/* The same for the stack of a holder that came with the span. */
void holder__name_stack(struct model_holder *holder, const struct resolver *resolver, uint32_t pid,
			const struct pending_span *span);

/*
 * The line of the holder to blame: the innermost one that is no library's, or else the innermost
 * one. NULL: its stack is not known.
 */
const struct model_frame *holder__own_frame(const struct model_holder *holder,
					    const struct runtime_words *words);

#endif
