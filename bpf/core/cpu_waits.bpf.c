// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See cpu_waits.h. Global functions, so that the verifier checks them once.
 */
#include "core/cpu_waits.h"

#include <bpf/bpf_core_read.h>

/* An account that old was not ended: its switch-in was not seen. */
#define STALE_NS 60000000000ULL

/*
 * Adds time of a process, in place of the shortest entry if there is no other; returns the sum of
 * its entry.
 */
LS_SUBPROG __u64 holder_add(struct cpu_holders *holders, const struct ls_cpu_holder *more)
{
	struct ls_cpu_holder *entry, *shortest;
	__u32 i;

	if (!holders || !more)
		return 0;
	shortest = &holders->list[0];
	for (i = 0; i < MAX_CPU_HOLDERS; i++) {
		entry = &holders->list[i];
		if (entry->ns && entry->tgid == more->tgid) {
			entry->ns += more->ns;
			return entry->ns;
		}
		if (entry->ns < shortest->ns)
			shortest = entry;
	}
	if (shortest->ns >= more->ns)
		return 0;
	*shortest = *more;
	return more->ns;
}

LS_INLINE void holder_of(struct task_struct *task, struct ls_cpu_holder *ret)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	ret->tgid = BPF_CORE_READ(task, tgid);
	ret->pad = 0;
	if (leader)
		bpf_probe_read_kernel(ret->comm, sizeof(ret->comm), &leader->comm);
}

/* The idle task of a CPU is no holder. */
LS_INLINE void wait_book(struct cpu_wait *wait, struct ls_cpu_holder *ran, __u64 now_ns)
{
	ran->ns = now_ns > wait->booked_ns ? now_ns - wait->booked_ns : 0;
	wait->booked_ns = now_ns;
	if (ran->tgid && ran->ns)
		holder_add(&wait->holders, ran);
}

LS_SUBPROG int cpu_waits_book(__u64 now_ns)
{
	struct cpu_waits *waits = cpu_waits_here();
	struct ls_cpu_holder ran = {};
	__u32 i;

	if (!waits)
		return 0;
	holder_of(bpf_get_current_task_btf(), &ran);
	for (i = 0; i < MAX_CPU_WAITS; i++)
		if (waits->used & 1u << i)
			wait_book(&waits->list[i], &ran, now_ns);
	return 0;
}

/* Address of the run queue that the thread is in, 0: not known. */
LS_INLINE __u64 awaited_rq(const struct thread_state *ts)
{
	struct cfs_rq *cfs_rq = (struct cfs_rq *)ts->cfs_rq;

	if (!cfs_rq || !bpf_core_field_exists(struct cfs_rq, rq))
		return 0;
	return (__u64)BPF_CORE_READ(cfs_rq, rq);
}

LS_SUBPROG int cpu_wait_begin(struct thread_state *ts, __u32 cpu, __u64 now_ns)
{
	struct cpu_waits *waits = bpf_map_lookup_elem(&cpu_waits, &cpu);
	__u32 i;

	if (!waits || !ts)
		return 0;
	ts->cpu_wait = 0;
	for (i = 0; i < MAX_CPU_WAITS; i++) {
		struct cpu_wait *wait = &waits->list[i];

		if (waits->used & 1u << i && now_ns - wait->began_ns < STALE_NS)
			continue;
		__builtin_memset(&wait->holders, 0, sizeof(wait->holders));
		wait->tid = ts->tid;
		wait->rq = awaited_rq(ts);
		wait->began_ns = now_ns;
		wait->booked_ns = now_ns;
		__sync_fetch_and_or(&waits->used, 1u << i);
		ts->cpu_wait = cpu * MAX_CPU_WAITS + i + 1;
		return 0;
	}
	return 0;
}

/* It was moved to another CPU: who runs on the one that it waited for until now? */
LS_INLINE void wait_book_rest(struct cpu_wait *wait, __u32 cpu, __u64 now_ns)
{
	struct rq *rq = (struct rq *)wait->rq;
	struct ls_cpu_holder ran = {};

	if (cpu == bpf_get_smp_processor_id() || !rq)
		return;
	holder_of(BPF_CORE_READ(rq, curr), &ran);
	wait_book(wait, &ran, now_ns);
}

LS_INLINE void holders_merge(struct thread_state *ts, struct thread_holders *holders,
			     const struct cpu_wait *wait)
{
	__u32 i;

	if (holders->cpu_span != ts->cur.number) {
		__builtin_memset(&holders->cpu, 0, sizeof(holders->cpu));
		holders->cpu_span = ts->cur.number;
	}
	for (i = 0; i < MAX_CPU_HOLDERS; i++) {
		const struct ls_cpu_holder *holder = &wait->holders.list[i];
		__u64 sum_ns;

		if (!holder->ns)
			break;
		sum_ns = holder_add(&holders->cpu, holder);
		if (sum_ns <= ts->cur.cpu_holder.ns)
			continue;
		ts->cur.cpu_holder = *holder;
		ts->cur.cpu_holder.ns = sum_ns;
	}
}

LS_SUBPROG int cpu_wait_end(struct thread_state *ts, struct thread_holders *holders, __u64 now_ns)
{
	struct cpu_waits *waits;
	struct cpu_wait *wait;
	__u32 cpu, i;

	if (!ts || !ts->cpu_wait)
		return 0;
	cpu = (ts->cpu_wait - 1) / MAX_CPU_WAITS;
	i = (ts->cpu_wait - 1) & (MAX_CPU_WAITS - 1);
	ts->cpu_wait = 0;
	waits = bpf_map_lookup_elem(&cpu_waits, &cpu);
	if (!waits)
		return 0;
	wait = &waits->list[i];
	if (wait->tid != ts->tid)
		return 0;
	if (holders) {
		wait_book_rest(wait, cpu, now_ns);
		holders_merge(ts, holders, wait);
	}
	__sync_fetch_and_and(&waits->used, ~(1u << i));
	return 0;
}

LS_INLINE int is_cpu_allowed(const struct thread_state *ts, __u32 cpu)
{
	__u64 word = ~0ULL;

	bpf_probe_read_kernel(&word, sizeof(word), (const void *)(ts->cpus_allowed + cpu / 64 * 8));
	return word >> cpu % 64 & 1;
}

struct free_cpu_context {
	struct thread_state *ts;
};

/* bpf_loop() callback: is this CPU free, and may the thread not use it? */
static long look_at_cpu(__u32 cpu, struct free_cpu_context *context)
{
	const struct cpu_waits *waits = bpf_map_lookup_elem(&cpu_waits, &cpu);

	if (!waits)
		return 1;
	if (!waits->is_free || is_cpu_allowed(context->ts, cpu))
		return 0;
	context->ts->is_cpu_free = 1;
	return 1;
}

LS_SUBPROG int free_cpu_find(struct thread_state *ts)
{
	struct free_cpu_context context = { .ts = ts };

	if (!ts)
		return 0;
	ts->is_cpu_free = 0;
	if (ts->cpus_allowed)
		bpf_loop(LS_MAX_CPUS, look_at_cpu, &context, 0);
	return 0;
}
