/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libbpf's header of the same name, for the kernel side compiled as ordinary C. machine.c and
 * maps.c define the helpers.
 */
#ifndef LOOPSTALL_TESTS_BPF_HELPERS_H
#define LOOPSTALL_TESTS_BPF_HELPERS_H

#include <linux/types.h>
#include <stddef.h>
#include <string.h>

#define SEC(name)
#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name

#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define barrier_var(v) __asm__ volatile("" : "+r"(v))

struct task_struct;

/* libbpf has functions of these names for the user side, and one test program has both sides. */
#define bpf_map_lookup_elem host_map_lookup_elem
#define bpf_map_update_elem host_map_update_elem
#define bpf_map_delete_elem host_map_delete_elem

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
long bpf_map_delete_elem(void *map, const void *key);
long bpf_map_pop_elem(void *map, void *value);
long bpf_map_push_elem(void *map, const void *value, __u64 flags);
void *bpf_task_storage_get(void *map, struct task_struct *task, void *value, __u64 flags);
long bpf_task_storage_delete(void *map, struct task_struct *task);

struct task_struct *bpf_get_current_task_btf(void);
__u64 bpf_get_current_pid_tgid(void);
__u32 bpf_get_smp_processor_id(void);
__u32 bpf_get_prandom_u32(void);
__u64 bpf_ktime_get_ns(void);
__u64 bpf_get_attach_cookie(void *ctx);
long bpf_task_pt_regs(struct task_struct *task);

long bpf_probe_read_user(void *dst, __u32 size, const void *src);
long bpf_copy_from_user_task(void *dst, __u32 size, const void *src, struct task_struct *task,
			     __u64 flags);
long bpf_probe_read_kernel(void *dst, __u32 size, const void *src);

void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *data, __u64 flags);
void bpf_ringbuf_discard(void *data, __u64 flags);
long bpf_ringbuf_output(void *ring, const void *data, __u64 size, __u64 flags);

long bpf_loop(__u32 n, void *callback, void *context, __u64 flags);

long bpf_timer_init(void *timer, void *map, __u64 flags);
long bpf_timer_set_callback(void *timer, void *callback);
long bpf_timer_start(void *timer, __u64 delay_ns, __u64 flags);
long bpf_timer_cancel(void *timer);

#endif
