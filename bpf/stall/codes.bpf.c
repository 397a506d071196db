// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See codes.h.
 */
#include "stall/codes.h"

#include "python/code_pieces.h"
#include "stall/report_budget.h"

/* A call that blocks may lie so deep in libraries, below the function that is to blame. */
#define INNERMOST_FRAMES 16

/* Whether it was sent. `owner`: of a C function. */
static __always_inline int code_send(struct thread_state *ts, __u64 code, __u64 owner, __u64 now_ns)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	struct ls_rec_code *rec;
	__u64 type = 0;

	if (!(code & LS_CODE_IS_C))
		type = read_ptr(code + py->ob_type);
	if ((!type && !(code & LS_CODE_IS_C)) || !code_is_sent(now_ns))
		return 0;
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_CODE);
		return 0;
	}
	record_header(&rec->hdr, LS_REC_CODE, sizeof(*rec), now_ns, ts);
	rec->code = code;
	if (code & LS_CODE_IS_C)
		c_function_pieces_copy(py, rec, code, owner);
	else
		code_pieces_copy(py, rec, code, type);
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
	return 1;
}

LS_SUBPROG int frame_code_copy(struct thread_state *ts, __u64 code, __u64 owner, __u64 now_ns)
{
	struct code_key key = { .code = code };
	const __u8 is_copied = 1;

	if (!ts || !code)
		return 0;
	key.tgid = ts->tgid;
	if (!bpf_map_lookup_elem(&copied_codes, &key) && code_send(ts, code, owner, now_ns))
		bpf_map_update_elem(&copied_codes, &key, &is_copied, BPF_ANY);
	return 0;
}

LS_SUBPROG int code_copy(struct thread_state *ts, __u64 code, __u64 now_ns)
{
	return frame_code_copy(ts, code, 0, now_ns);
}

#define CO_OPTIMIZED 1 /* co_flags: of a function */

struct bodies {
	struct thread_state *ts;
	const struct ls_rec_stack *rec;
	__u64 now_ns;
};

/* bpf_loop() callback: one frame outwards. */
static long body_copy(__u32 i, struct bodies *bodies)
{
	const struct ls_rec_stack *rec = bodies->rec;
	struct thread_state *ts = bodies->ts;
	struct code_key key = { .tgid = ts->tgid };
	__u32 flags = CO_OPTIMIZED;

	if (i >= rec->n_frames)
		return 1;
	key.code = rec->frames[i & (LS_MAX_FRAMES - 1)].code;
	if (!key.code || (key.code & LS_CODE_IS_C))
		return 0;
	read_user(&flags, sizeof(flags), key.code + ts->proc.py.at.co_flags);
	if (!(flags & CO_OPTIMIZED)) {
		bpf_map_delete_elem(&copied_codes, &key);
		frame_code_copy(ts, key.code, 0, bodies->now_ns);
	}
	return 0;
}

LS_SUBPROG int bodies_copy(struct thread_state *ts, const struct ls_rec_stack *rec, __u64 now_ns)
{
	struct bodies bodies = { .ts = ts, .rec = rec, .now_ns = now_ns };

	if (ts && rec)
		bpf_loop(LS_MAX_FRAMES, body_copy, &bodies, 0);
	return 0;
}

LS_SUBPROG int stack_send(struct thread_state *ts, struct ls_rec_stack *rec, __u64 now_ns)
{
	__u32 i, n, len;

	if (!ts || !rec)
		return 0;
	for (i = 0; i < INNERMOST_FRAMES && i < rec->n_frames; i++)
		frame_code_copy(ts, rec->frames[i].code, rec->frames[i].position, now_ns);
	n = rec->n_frames;
	barrier_var(n);
	if (n > LS_MAX_FRAMES)
		n = LS_MAX_FRAMES;
	len = __builtin_offsetof(struct ls_rec_stack, frames) + n * sizeof(struct ls_frame);
	record_header(&rec->hdr, LS_REC_STACK, len, now_ns, ts);
	if (bpf_ringbuf_output(&ring, rec, len, BPF_RB_NO_WAKEUP))
		count_loss(LS_LOSS_RING_STACK);
	return 0;
}
