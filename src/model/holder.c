/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The holder ran while its stack was read, so the stack may be torn. It is used only if each of its
 * frames has a code object. On versions that keep frames in one block of memory the innermost ones
 * may not be written yet: these are left out.
 */
#include "model/holder.h"

#include <string.h>

#include "model/naming.h"

#define MAX_UNWRITTEN 2 /* frames */

void holder__fill_gil(struct model_holder *holder, const struct resolver *resolver,
		      const struct ls_rec_stall *rec)
{
	memset(holder, 0, sizeof(*holder));
	if (!rec->cause_ns[LS_CAUSE_GIL] || (!rec->gil_holder_tstate && !rec->gil_holder_id))
		return;
	holder->tid = resolver->ops->thread(resolver->ctx, rec->hdr.tgid, rec->gil_holder_tstate,
					    rec->gil_holder_id);
	if (holder->tid)
		memcpy(holder->name, rec->gil_holder_name, sizeof(holder->name));
}

void holder__fill_lock(struct model_holder *holder, const struct resolver *resolver,
		       const struct ls_rec_stall *rec)
{
	memset(holder, 0, sizeof(*holder));
	if (!rec->cause_ns[LS_CAUSE_LOCK] || !rec->lock_holder_id)
		return;
	holder->is_process = rec->lock_known == LS_LOCK_PROCESS;
	holder->tid = holder->is_process ?
		(uint32_t)rec->lock_holder_id :
		resolver->ops->thread(resolver->ctx, rec->hdr.tgid, rec->lock_holder_tstate,
				      rec->lock_holder_id);
	if (holder->tid)
		memcpy(holder->name, rec->lock_holder_name, sizeof(holder->name));
}

static bool is_notification(const struct stall *stall, const struct model_frame *frame)
{
	const struct runtime_words *w = runtime_words__or_default(stall->words);

	return frame->function && frame->file && w->is_notification &&
		w->is_notification(frame->file, frame->function);
}

void holder__check_lock(struct stall *stall)
{
	struct model_holder *holder = &stall->lock_holder;
	const enum ls_lock_known known = stall->lock_known;

	if (!stall->cause_ns[LS_CAUSE_LOCK] ||
	    (known != LS_LOCK_RELEASED && known != LS_LOCK_NO_OWNER && known != LS_LOCK_NOT_SEEN &&
	     known != LS_LOCK_NO_OBJECT))
		return;
	if (!is_notification(stall, &stall->call) &&
	    !(holder->n_frames && is_notification(stall, &holder->stack[0])))
		return;
	memset(holder, 0, sizeof(*holder));
	stall->lock_known = LS_LOCK_NOTIFIED;
}

static bool is_known(const struct naming *n, const struct ls_frame *frame)
{
	const struct code_info info = naming__code(n, frame->code);

	return code_info_is_known(&info);
}

void holder__name_frames(struct model_holder *holder, const struct resolver *resolver, uint32_t pid,
			 const struct ls_frame *frames, size_t n)
{
	const struct naming naming = { .resolver = resolver,
				       .pid = holder->is_process ? holder->tid : pid };
	size_t n_unwritten = 0;

	holder->n_frames = 0;
	if (!holder->tid)
		return;
	for (size_t i = 0; i < n && i < LS_MAX_FRAMES; i++) {
		if (!frames[i].code)
			continue;
		if (is_known(&naming, &frames[i])) {
			holder->stack[holder->n_frames++] = naming__frame(&naming, &frames[i]);
		} else if (holder->n_frames || ++n_unwritten > MAX_UNWRITTEN) {
			holder->n_frames = 0;
			return;
		}
	}
}

void holder__name_stack(struct model_holder *holder, const struct resolver *resolver, uint32_t pid,
			const struct pending_span *span, enum holder_kind kind)
{
	const struct pending_stack *stack = span->holders[kind];
	const struct naming naming = { .resolver = resolver, .pid = pid };
	bool is_asked_for;

	if (!stack)
		return;
	holder__name_frames(holder, resolver, pid, stack->frames, stack->n_frames);
	is_asked_for = holder->n_frames && stack->frames[0].code &&
		naming__collects(&naming, stack->frames[0].code, holder->stack[0].line);
	holder->is_collecting = kind == HOLDER_GIL && stack->cause == LS_CAUSE_GC && !is_asked_for;
	holder->is_seen_once = holder->n_frames && (stack->flags & LS_STACK_AT_BEGIN);
}

const struct model_frame *holder__own_frame(const struct model_holder *holder,
					    const struct runtime_words *words)
{
	if (holder->is_collecting)
		return NULL;
	for (size_t i = 0; i < holder->n_frames; i++)
		if (!runtime_words__is_library(words, holder->stack[i].file))
			return &holder->stack[i];
	return holder->n_frames ? &holder->stack[0] : NULL;
}
