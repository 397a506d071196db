// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See codes.h. The pieces of memory are those that src/python/py_code.c and py_lines.c read.
 */
#include "stall/codes.h"

#include "stall/report_budget.h"

/* A call that blocks may lie so deep in libraries, below the function that is to blame. */
#define INNERMOST_FRAMES 16

/*
 * The object itself, its type's name, its file and name (str), its line table (bytes). What does
 * not fit stays without a name or line.
 */
#define PIECES(_)                                                                                  \
	_(object, 192)                                                                             \
	_(type, 8)                                                                                 \
	_(type_name, 8)                                                                            \
	_(file, 320)                                                                               \
	_(name, 192)                                                                               \
	_(lines, 1024)

struct layout {
#define _(name, size) __u8 name[size];
	PIECES(_)
#undef _
};

enum {
#define _(name, size) PIECE_##name,
	PIECES(_)
#undef _
		N_PIECES
};

_Static_assert(sizeof(struct layout) == LS_CODE_BYTES, "bytes of a code record");
_Static_assert(N_PIECES == LS_CODE_PIECES, "pieces of a code record");

static __always_inline void piece_copy(struct ls_rec_code *rec, __u32 i, __u32 at, __u32 size,
				       __u64 addr)
{
	rec->pieces[i].addr = addr;
	rec->pieces[i].at = at;
	rec->pieces[i].n_bytes = addr && !read_user(rec->bytes + at, size, addr) ? size : 0;
}

#define PIECE_COPY(rec, name, addr)                                                                \
	piece_copy((rec), PIECE_##name, __builtin_offsetof(struct layout, name),                   \
		   sizeof(((struct layout *)0)->name), (addr))

/* Whether it was sent. */
static __always_inline int code_send(struct thread_state *ts, __u64 code, __u64 now_ns)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	struct ls_rec_code *rec;
	__u64 type, type_name;

	type = read_ptr(code + py->ob_type);
	if (!type || !code_is_sent(now_ns))
		return 0;
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_CODE);
		return 0;
	}
	record_header(&rec->hdr, LS_REC_CODE, sizeof(*rec), now_ns, ts);
	rec->code = code;
	type_name = read_ptr(type + py->tp_name);
	PIECE_COPY(rec, object, code);
	PIECE_COPY(rec, type, type + py->tp_name);
	PIECE_COPY(rec, type_name, type_name);
	PIECE_COPY(rec, file, read_ptr(code + py->co_filename));
	PIECE_COPY(
		rec, name,
		read_ptr(code + (py->co_qualname == LS_PY_NONE ? py->co_name : py->co_qualname)));
	PIECE_COPY(rec, lines, read_ptr(code + py->co_linetable));
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
	return 1;
}

LS_SUBPROG int code_copy(struct thread_state *ts, __u64 code, __u64 now_ns)
{
	struct code_key key = { .code = code };
	const __u8 is_copied = 1;

	if (!ts || !code)
		return 0;
	key.tgid = ts->tgid;
	if (!bpf_map_lookup_elem(&copied_codes, &key) && code_send(ts, code, now_ns))
		bpf_map_update_elem(&copied_codes, &key, &is_copied, BPF_ANY);
	return 0;
}

LS_SUBPROG int codes_copy(struct thread_state *ts, const struct ls_rec_stack *rec, __u64 now_ns)
{
	__u32 i;

	if (!ts || !rec)
		return 0;
	for (i = 0; i < INNERMOST_FRAMES && i < rec->n_frames; i++)
		code_copy(ts, rec->frames[i].code, now_ns);
	return 0;
}
