/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table over the BPF implementation.
 */
#include "probe/kernel_side.h"

const struct kernel_side_ops bpf_kernel_side = {
	.new = probe__new,
	.free = probe__free,
	.attach = probe__attach,
	.follow = probe__follow,
	.detach = probe__detach,
	.nudge_thread = probe_nudge_thread,
	.forget_thread = probe__forget_thread,
	.set_light = probe__set_light,
	.is_light = probe__is_light,
	.add_uprobes = probe__add_uprobes,
	.remove_uprobes = probe__remove_uprobes,
	.set_loop_thread = probe__set_loop_thread,
	.make_threads = probe__make_threads,
	.set_requests = probe__set_requests,
	.set_loop = probe__set_loop,
	.fd = probe__fd,
	.drain = probe__drain,
	.each_coroutine = probe__each_coroutine,
	.each_thread = probe__each_thread,
	.thread_now = probe__thread_now,
	.forget_threads = probe__forget_threads,
	.losses = probe__losses,
	.set_threshold = probe__set_threshold,
	.set_detail = probe__set_detail,
	.count_tasks = probe__count_tasks,
	.each_task = probe__each_task,
	.live = probe__live,
	.open_stall = probe__open_stall,
	.transport = probe__transport,
	.is_multi = probe__is_multi,
	.sample_period_ns = probe__sample_period_ns,
	.run_time_ns = probe__run_time_ns,
	.calibrate = probe_cost__calibrate,
	.read_cost = probe_cost__read,
};
