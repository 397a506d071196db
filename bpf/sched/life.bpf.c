// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Life cycle of processes and threads. A forked child has the same memory layout as its parent, so
 * it is watched at once with the parent's configuration. An exec makes the thread's state invalid:
 * it is freed, and user space examines the process again.
 */
#include "core/maps.h"
#include "core/meter.h"
#include "core/off_cpu.h"
#include "light/light.h"
#include "stall/stall.h"

#include <bpf/bpf_tracing.h>

/* A thread ends by the exec of another one, too: that kills all others (linux fs/exec.c). */
static __always_inline __u32 end_of(struct task_struct *task, __u32 signal)
{
	if (BPF_CORE_READ(task, signal, group_exec_task))
		return LS_END_EXEC;
	return signal ? LS_END_SIGNAL : LS_END_EXIT;
}

static __always_inline void send_life(__u32 kind, __u64 now_ns, __u32 tgid, __u32 tid)
{
	struct ls_rec_life *rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);

	if (!rec) {
		count_loss(LS_LOSS_RING_OTHER);
		return;
	}
	rec->hdr.kind = kind;
	rec->hdr.len = sizeof(*rec);
	rec->hdr.cpu = bpf_get_smp_processor_id();
	rec->hdr.ts_ns = now_ns;
	rec->hdr.tgid = tgid;
	rec->hdr.tid = tid;
	bpf_ringbuf_submit(rec, kind == LS_REC_EXEC ? BPF_RB_FORCE_WAKEUP : 0);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	METER(FORK);
	__u32 tgid = parent->tgid, child_tgid = child->tgid;
	struct ls_rec_fork *rec;
	struct ls_proc *proc;

	/* A new thread, not a process. */
	if (!settings.is_following || child_tgid == tgid)
		return 0;
	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (!proc)
		return 0;
	if (bpf_map_update_elem(&procs, &child_tgid, proc, BPF_ANY)) {
		count_loss(LS_LOSS_PROC_MAP);
		return 0;
	}
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_OTHER);
		return 0;
	}
	rec->hdr.kind = LS_REC_FORK;
	rec->hdr.len = sizeof(*rec);
	rec->hdr.cpu = bpf_get_smp_processor_id();
	rec->hdr.ts_ns = bpf_ktime_get_ns();
	rec->hdr.tgid = tgid;
	rec->hdr.tid = parent->pid;
	rec->child = child_tgid;
	rec->is_vfork = child->mm == parent->mm;
	/* The child may run its first step soon. */
	bpf_ringbuf_submit(rec, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* Reports the spans in which the thread ends, innermost first. */
static __always_inline void spans_cut_off(struct thread_state *ts, __u64 now_ns, __u32 end,
					  __u32 signal)
{
	__u64 inner_ns;
	__u32 i;

	thread_settle(ts, now_ns);
	if (ts->idle_at_ns)
		ts->stats.idle_ns += now_ns - ts->idle_at_ns;
	left_book(ts, now_ns);
	for (i = 0; i <= LS_MAX_NEST; i++) {
		stall_cut_off(ts, now_ns, end, signal);
		if (!ts->depth)
			break;
		inner_ns = now_ns - ts->cur.start_ns;
		span_pop(ts);
		ts->cur.nested_ns += inner_ns;
	}
	if (is_light(ts))
		light_book(ts, now_ns);
	ts->cur.unit = LS_UNIT_NONE;
}

#define SIGNAL_BITS 0x7f /* of an exit code: wait(2) */

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	METER(EXIT);
	struct thread_state *ts = thread_of(task);
	__u32 tgid = task->tgid, signal;
	__u64 now_ns;

	if (ts) {
		signal = task->exit_code & SIGNAL_BITS;
		now_ns = bpf_ktime_get_ns();
		spans_cut_off(ts, now_ns, end_of(task, signal), signal);
		thread_flush(ts, now_ns);
		send_life(LS_REC_EXIT, now_ns, ts->tgid, ts->tid);
	}
	/* The pid may be reused soon. */
	if (!BPF_CORE_READ(task, signal, live.counter))
		bpf_map_delete_elem(&procs, &tgid);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	METER(EXEC);
	__u64 now_ns = bpf_ktime_get_ns();
	__u32 tgid = task->tgid;
	struct thread_state *ts;

	if (!settings.tells_execs && !bpf_map_lookup_elem(&procs, &tgid))
		return 0;
	ts = thread_of(task);
	if (ts) {
		spans_cut_off(ts, now_ns, LS_END_EXEC, 0);
		thread_flush(ts, now_ns);
		bpf_task_storage_delete(&threads, task);
		bpf_task_storage_delete(&stacks, task);
		bpf_task_storage_delete(&holders, task);
	}
	send_life(LS_REC_EXEC, now_ns, tgid, task->pid);
	return 0;
}
