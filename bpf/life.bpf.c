// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Processes and threads come and go. A forked child is what its parent is, at the same addresses, so it is watched from its first
 * moment with what is known of the parent. What a thread's state held is of no use behind an exec: it goes, and user space
 * examines the process anew.
 */
#include "maps.h"
#include "meter.h"
#include "spans.h"
#include "threads.h"

#include <bpf/bpf_tracing.h>

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

/*
 * User space walks over all threads when it has found one that runs a loop, and of which no step will tell: it gets its state here, where
 * memory can be waited for. Not where steps are seen: the first one makes it, and neither may be in the other's way.
 */
SEC("iter.s/task")
int on_each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	const struct ls_loop_thread *found;
	__u32 tid, tgid;

	if (!task)
		return 0;
	tid = task->pid;
	tgid = task->tgid;
	found = bpf_map_lookup_elem(&loop_threads, &tid);
	if (found && found->tgid == tgid && !thread_of(task))
		thread_make(task, tgid, tid);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	METER(FORK);
	__u32 tgid = parent->tgid, child_tgid = child->tgid;
	struct ls_rec_fork *rec;
	struct ls_proc *proc;

	/* A new thread is not a new process. */
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
	/* Its first step may be near. */
	bpf_ringbuf_submit(rec, BPF_RB_FORCE_WAKEUP);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	METER(EXIT);
	struct thread_state *ts = thread_of(task);
	__u32 tgid = task->tgid;
	__u64 now_ns;

	if (ts) {
		now_ns = bpf_ktime_get_ns();
		thread_flush(ts, now_ns);
		send_life(LS_REC_EXIT, now_ns, ts->tgid, ts->tid);
	}
	/* Its number may soon be another's. */
	if (!task->signal->live.counter)
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
		thread_flush(ts, now_ns);
		bpf_task_storage_delete(&threads, task);
	}
	send_life(LS_REC_EXEC, now_ns, tgid, task->pid);
	return 0;
}
