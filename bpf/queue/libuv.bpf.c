// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See libuv.h. A node leads to its timer, to uvloop's TimerHandle and to its arguments.
 */
#include "queue/libuv.h"

#include "queue/asyncio.h"
#include "queue/containers.h"
#include "queue/victims.h"

#define HEAP_LEVELS 7 /* enough for LS_MAX_TIMERS nodes */
#define NS_PER_MS 1000000ULL

/*
 * bpf_loop() callback: the i-th node of the heap, a complete binary tree: the bits of i + 1 behind
 * the highest one are the way from the root.
 */
static long visit_node(__u32 i, struct queue_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 node, when_ns, timer, handle, task;
	__u32 is_python;
	__s32 bit;

	if (!ts)
		return 1;
	node = ts->queue.items;
	i++;
	for (bit = HEAP_LEVELS - 1; bit >= 0; bit--)
		if (i >> (bit + 1))
			node = read_ptr(node +
					((i >> bit) & 1 ? LS_UV_NODE_RIGHT : LS_UV_NODE_LEFT));
	timer = node - LS_UV_TIMER_NODE;
	when_ns = read_ptr(timer + LS_UV_TIMER_TIMEOUT) * NS_PER_MS;
	if (!node || !when_ns || when_ns >= ts->victims.end_ns)
		return 0;
	timer = read_ptr(timer + LS_UV_TIMER_DATA);
	handle = timer ? read_ptr(timer + ts->queue.uv_timer_context) : 0;
	if (!handle)
		return 0;
	task = asyncio_sleeper(ts, read_ptr(handle + ts->queue.uv_timer_args), &is_python);
	victim_add_sleeper(ts, task, is_python, when_ns);
	return 0;
}

LS_SUBPROG int libuv_visit_timers(struct thread_state *ts, __u64 heap)
{
	struct queue_context context = { .ts = ts };
	__u64 length;

	if (!ts)
		return 0;
	length = length_limit(ts, (__u32)read_ptr(heap + LS_UV_HEAP_NODES), LS_MAX_TIMERS);
	ts->queue.items = read_ptr(heap);
	bpf_loop(length, visit_node, &context, 0);
	return 0;
}
