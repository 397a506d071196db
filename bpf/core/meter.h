/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * METER(NAME) as the first line of a program counts and times its run, wherever it returns.
 */
#ifndef LOOPSTALL_BPF_METER_H
#define LOOPSTALL_BPF_METER_H

#include "core/port.h"

/* A row for each CPU; maps.bpf.c defines it. */
extern struct ls_meter meters[LS_METER_CPUS * LS_METER_ROW];

/*
 * The state is in map memory, so that the verifier does not explore timed and untimed runs apart.
 */
LS_INLINE struct ls_meter *meter_begin(__u32 id)
{
	struct ls_meter *m =
		&meters[(bpf_get_smp_processor_id() & (LS_METER_CPUS - 1)) * LS_METER_ROW + id];
	__u64 first_ns, now_ns;

	if (m->runs++ & (LS_METER_EVERY - 1))
		return m;
	first_ns = bpf_ktime_get_ns();
	now_ns = bpf_ktime_get_ns();
	/* The reading at the end takes as long as this one. */
	m->since_ns = now_ns + (now_ns - first_ns);
	return m;
}

LS_INLINE void meter_end(struct ls_meter **meter)
{
	struct ls_meter *m = *meter;
	__s64 took_ns;

	if (!m->since_ns)
		return;
	took_ns = (__s64)(bpf_ktime_get_ns() - m->since_ns);
	m->since_ns = 0;
	m->timed++;
	m->timed_ns += took_ns < LS_METER_LONGEST_NS ? took_ns : LS_METER_LONGEST_NS;
}

#define METER(name)                                                                                \
	struct ls_meter *meter __attribute__((cleanup(meter_end), unused)) =                       \
		meter_begin(LS_METER_##name)

#endif
