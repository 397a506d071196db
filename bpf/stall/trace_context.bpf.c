// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See trace_context.h. Sources: OTEP 4947 (the record), glibc elf/dl-tls.c and
 * sysdeps/generic/dl-dtv.h (a thread's vector of blocks).
 */
#include "stall/trace_context.h"

#include "core/kernel.h"

/* An element of the vector: the block, and what is freed with it. The one in front is its length.
 */
#define BLOCK_BYTES 16
#define BLOCK_NONE (~0ULL) /* the thread has not used the module's variables yet */

/* Address of the variable in the current thread; 0: it has none. */
static __always_inline int variable_find(const struct ls_trace_variable *variable, __u64 *ret_at)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	__u64 pointer = thread_pointer(&task->thread), blocks, length, block;

	*ret_at = 0;
	if (!pointer)
		return -1;
	if (variable->place == LS_TRACE_STATIC) {
		*ret_at = pointer + variable->offset;
		return 0;
	}
	if (read_user(&blocks, sizeof(blocks), pointer + TLS_BLOCKS_AT) ||
	    read_user(&length, sizeof(length), blocks - BLOCK_BYTES))
		return -1;
	/* The module was loaded after the thread had last looked. */
	if (variable->module > length)
		return 0;
	if (read_user(&block, sizeof(block), blocks + variable->module * BLOCK_BYTES))
		return -1;
	if (block && block != BLOCK_NONE)
		*ret_at = block + variable->offset;
	return 0;
}

/* All 0: none is attached. Nonzero if it is not known. */
static __always_inline int context_read(const struct ls_trace_variable *variable,
					struct ls_trace_context *ret)
{
	struct ls_trace_record rec = {};
	__u64 at, record;

	*ret = (struct ls_trace_context){};
	if (variable_find(variable, &at))
		return -1;
	if (!at)
		return 0;
	if (read_user(&record, sizeof(record), at))
		return -1;
	/* Records lie at even addresses. */
	if (!record || record & 1)
		return 0;
	if (read_user(&rec, LS_TRACE_RECORD_BYTES, record))
		return -1;
	if (rec.is_valid == 1 && (rec.context.trace_id[0] | rec.context.trace_id[1]) &&
	    rec.context.span_id)
		*ret = rec.context;
	return 0;
}

/* Is it the first look in a span, or the first one since a step that was nested in it? */
static __always_inline int look_begin(const struct thread_state *ts, struct trace_look *look,
				      __u64 cpu_ns)
{
	if (look->span == ts->cur.number)
		return 0;
	look->span = ts->cur.number;
	look->n = 0;
	/* What was seen before the nested step is lost. */
	look->cpu_ns = ts->cur.nested_ns ? cpu_ns : 0;
	look->off_ns = ts->cur.nested_ns ? ts->cur.off_ns : 0;
	return 1;
}

static __always_inline void look_add(struct trace_look *look, __u32 i, __u64 ns)
{
	barrier_var(i);
	if (i < MAX_TRACE_CONTEXTS)
		look->seen[i & (MAX_TRACE_CONTEXTS - 1)].ns += ns;
}

static __always_inline int is_same(const struct ls_trace_context *a,
				   const struct ls_trace_context *b)
{
	return a->trace_id[0] == b->trace_id[0] && a->trace_id[1] == b->trace_id[1] &&
		a->span_id == b->span_id;
}

/* Where this one is counted; MAX_TRACE_CONTEXTS: nowhere, there are too many. */
static __always_inline __u32 look_place(struct trace_look *look,
					const struct ls_trace_context *context)
{
	__u32 i;

	for (i = 0; i < MAX_TRACE_CONTEXTS; i++) {
		if (i >= look->n) {
			look->n = i + 1;
			look->seen[i].context = *context;
			look->seen[i].ns = 0;
			return i;
		}
		if (is_same(&look->seen[i].context, context))
			return i;
	}
	return MAX_TRACE_CONTEXTS;
}

LS_SUBPROG int trace_look(struct thread_state *ts, __u64 now_ns)
{
	__u64 off_ns, cpu_ns;
	struct ls_trace_context context;
	struct thread_stacks *stacks;
	struct trace_look *look;
	struct ls_proc *proc;
	__u32 tgid, is_first, place = MAX_TRACE_CONTEXTS;

	if (!ts || !ts->has_stacks)
		return 0;
	tgid = ts->tgid;
	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (!proc || proc->trace.place == LS_TRACE_NONE)
		return 0;
	stacks = stacks_of(bpf_get_current_task_btf());
	if (!stacks)
		return 0;
	look = &stacks->trace;
	off_ns = ts->cur.is_touched ? ts->cur.off_ns : 0;
	cpu_ns = now_ns - ts->cur.start_ns - ts->cur.nested_ns - off_ns;
	is_first = look_begin(ts, look, cpu_ns);
	if (!context_read(&proc->trace, &context))
		place = look_place(look, &context);
	else
		count_loss(LS_LOSS_TRACE_UNREADABLE);
	if (off_ns > look->off_ns)
		look_add(look, is_first ? place : look->last, off_ns - look->off_ns);
	if (cpu_ns > look->cpu_ns)
		look_add(look, place, cpu_ns - look->cpu_ns);
	look->off_ns = off_ns;
	look->cpu_ns = cpu_ns;
	look->last = place;
	return 0;
}

LS_SUBPROG int trace_describe(struct thread_state *ts, struct thread_stacks *stacks,
			      struct ls_rec_stall *rec)
{
	if (!ts || !rec)
		return 0;
	rec->trace = (struct ls_trace_context){};
	if (stacks && rec->unit != LS_UNIT_TURN && stacks->trace.span == rec->span)
		trace_choose(&stacks->trace, ts->cur.is_touched ? ts->cur.off_ns : 0,
			     rec->duration_ns, &rec->trace);
	return 0;
}
