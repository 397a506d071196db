// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Copies registers and user stack of the current thread (native.h).
 */
#include "stall/native.h"

#include "core/maps.h"
#include "stall/report_budget.h"

LS_SUBPROG int native_copy(struct thread_state *ts, const struct ls_rec_stack *stack, __u64 now_ns)
{
	const struct pt_regs *regs;
	struct ls_rec_copy *rec;
	__u32 i;

	if (!ts || !stack)
		return 0;
	if (!copy_is_sent(now_ns)) {
		count_loss(LS_LOSS_NATIVE_SHED);
		return 0;
	}
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_NATIVE);
		return 0;
	}
	record_header(&rec->hdr, LS_REC_COPY, sizeof(*rec), now_ns, ts);
	__builtin_memset(&rec->place, 0, sizeof(rec->place));
	rec->place.span = ts->cur.number;
	rec->place.frame = stack->frames[0];
	rec->place.cause = stack->cause;
	rec->pad = 0;
	__builtin_memset(rec->regs, 0, sizeof(rec->regs));
	regs = (const struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	regs_copy(regs, rec->regs);
	for (i = 0; i < LS_COPY_CHUNKS; i++)
		if (read_user(rec->bytes + i * LS_COPY_CHUNK, LS_COPY_CHUNK,
			      reg_sp(regs) - LS_COPY_BELOW + i * LS_COPY_CHUNK))
			break;
	rec->n_bytes = i * LS_COPY_CHUNK;
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
	return 0;
}
