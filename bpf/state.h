/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side remembers of one loop thread. Lives in task storage, is made by the thread's first step
 * and goes with the thread.
 */
#ifndef LOOPSTALL_BPF_STATE_H
#define LOOPSTALL_BPF_STATE_H

#include <loopstall/abi.h>

/* A step, or the stretch of callbacks and loop work between two steps. */
struct span {
	__u64 number;
	__u8 unit; /* enum ls_unit */
	__u8 is_touched; /* it left the CPU or was sampled: the fields from cause_ns on are in use */
	__u8 is_python; /* step of a task written in Python: `task` is no C task */
	__u8 is_continued; /* the step was counted with the span before, which it goes on from */
	__u8 is_light; /* known from looks only (light.h): where it begins and ends is an estimate */
	__u8 pad[3];
	__u32 coroutine; /* index of its coroutine's aggregate, LS_MAX_COROUTINES: none */
	__u64 start_ns;
	__u64 nested_ns; /* spent in steps that ran inside this one: theirs, not ours */
	__u64 sp; /* stack pointer at the call of the step: its end has the same */
	__u64 task, coro, code;
	__u64 frame; /* is_python: the Python frame that resumes it. Stays while callbacks run: of trio it is the loop's own */
	/* valid only if is_touched */
	__u64 cause_ns[LS_CAUSE_MAX]; /* off-CPU time; LS_CAUSE_CPU stays 0 */
	__u64 off_ns; /* sum of cause_ns */
	__u64 sampled_ns; /* on-CPU time already charged to samples */
	__u64 gil_longest_ns, gil_holder_tstate, gil_holder_id;
	__u64 stolen_ns; /* of cause_ns[LS_CAUSE_RUNQUEUE]: taken by the hypervisor */
	__u64 ready_ns; /* when `ready` was read, 0: not yet */
	__u32 ready; /* handles in the loop's queue at the first look into it */
	__u32 samples;
};

/* Who resumes a coroutine from Python code. */
struct caller {
	__u64 coro; /* the task's own, which may be further out than the one that is resumed */
	__u64 frame, code; /* of the function that resumes it */
};

/* A place where the thread was blocked. Valid while `rec.span` is the number of an open span. */
struct site {
	__u64 position;
	struct ls_rec_stack rec;
};

#define MAX_WAITERS 32
#define KNOWN_BLOCKS 64 /* a power of two */

/* A task that waits while a span watched by looks goes on. */
struct waiter {
	__u64 task, coro;
	__u64 since_ns; /* it could have run; may lie ahead. ~0: not known */
	__u64 is_python; /* it is a task written in Python */
};

/* How long the thread was last blocked at one place. */
struct known_block {
	__u32 place; /* a hash */
	__u32 us;
};

/* Who waits behind the span that is watched by looks, as of all collections so far (waiters.bpf.c). */
struct waiters {
	__u64 span; /* number of the span that it is about */
	__u64 at_ns; /* when the last one was */
	__u64 guessed_at_ns; /* the last one that was made although the wait would likely be short */
	__u32 n;
	__u32 flags; /* LS_STALL_VICTIMS_... */
	__u32 place; /* where the thread is blocked now: a hash, 0 if it is not */
	__u32 pad;
	struct waiter list[MAX_WAITERS];
	struct known_block blocks[KNOWN_BLOCKS];
};

/* What the last look at a thread found that is watched by looks (light.h). */
struct look {
	__u64 at_ns;
	__u64 handles; /* begun by the loop, times two, from an unknown number on */
	__u64 waited; /* the same, when the loop last began to wait */
	__u64 ready; /* the deque that tells */
	__u64 turn; /* uvloop, outside steps: the time of its last poll */
	__u64 task; /* that runs, 0: none */
	__u64 task_type; /* of C tasks, as far as known */
	struct ls_pystr name; /* of the current span's task */
};

/* A coroutine's code object seen on this thread, with the index of its aggregate. */
struct known_code {
	__u64 code;
	__u32 index;
	__u32 is_coroutine; /* 0: some other awaitable, whose field only looks like this */
};

#define KNOWN_CODES 64 /* a power of two */

/* A look through the loop's queues at the end of a stall. */
struct victim_scan {
	__u64 end_ns;
	__u64 block, items; /* block of the deque; array, or root, of the timer heap */
	__u64 set, deadline_ns; /* trio: slots of those who wait in one scope, and its deadline */
	__u64 starved_ns;
	__u64 entering; /* a task (one written in Python: its coroutine) that has left the queue, because its step ends the stall; else 0 */
	__u64 current; /* the task whose step this is: no victim of itself */
	struct ls_pytasks tasks;
	__u32 index; /* in the block */
	__u32 victims, named, sockets;
	__u32 flags; /* LS_STALL_VICTIMS_... */
	__u16 handle_callback, uv_timer_context, uv_timer_args;
	__u8 is_collecting; /* for later: the victims go to `waiters`, not to user space */
	__u8 is_python; /* the task found last is written in Python */
};

enum off_kind { OFF_NONE, OFF_IDLE, OFF_NESTED /* the wait of a loop that runs inside a step */, OFF_BLOCKED };

struct thread_state {
	/* touched at every step */
	__u64 last_number;
	__u64 loop;
	__u64 tstate;
	__u64 off_at_ns; /* 0: on the CPU */
	__u64 turn_start_ns;
	__u32 turn_steps;
	__u32 depth; /* parents in `outer` */
	__u32 tgid, tid;
	__u8 is_busy; /* a program is changing this state: whoever interrupts it keeps off */
	__u8 turn_has_stall;
	__u8 turn_is_touched;
	__u8 pad;
	__u32 steal_cpu; /* where steal_ns was read */
	__u64 steal_ns; /* what the hypervisor had taken of that CPU */
	__u64 steal_at_ns; /* when it was read */
	struct ls_thread_stats stats;
	struct span cur;

	/* off the CPU */
	__u64 on_at_ns; /* when it last came back to one */
	__u64 woken_at_ns;
	__s64 clock_offset_ns; /* from the scheduler's clock to CLOCK_MONOTONIC */
	__u64 run_delay_ns; /* the kernel's sum of this thread's waits for a CPU, when it went off */
	__u32 off_kind; /* enum off_kind */
	__u32 off_cause; /* enum ls_cause */
	__u32 off_site; /* LS_MAX_SITES: none */
	__s32 epoll_fd; /* the loop's own, -1 until it was seen waiting */
	__u8 is_foreign_poll; /* the last wait outside a step was not the loop's own */
	__u8 is_announced; /* a task written in Python is about to be resumed */
	__u8 pad2[6];
	__u64 idle_at_ns;
	__u64 gil_tstate, gil_id; /* who held the GIL when we began to wait */

	__u64 turn_cause_ns[LS_CAUSE_MAX];
	__u64 turn_stolen_ns;

	/* tasks written in Python: who resumes them, as the last one was resumed */
	__u64 scheduler; /* code of the function that does */
	__u64 delegated; /* coroutine into which an exception is being thrown level by level, else 0 */
	struct caller caller;

	__u64 loop_frame; /* the Python frame that runs a native loop, 0: not known or not native */

	/* inside getaddrinfo: as long as the same Python call is on top and the stack is deeper */
	__u64 dns_span, dns_sp, dns_frame, dns_position;

	__u64 flushed_at_ns;
	__u64 told_at_ns; /* when user space was last woken for a stall */

	struct look look;
	struct waiters waiters;
	struct ls_proc proc;
	struct known_code known[KNOWN_CODES];
	struct victim_scan scan;
	struct span outer[LS_MAX_NEST];
	struct site sites[LS_MAX_SITES];
	struct ls_rec_stack sample;
	__u8 object[256]; /* where objects of the target are read to */
	__u8 frame[128]; /* where frames are read to */
};

/* With what the kernel puts before it: one page more, and Linux 6.1 often finds no memory for it where it may not wait. */
_Static_assert(sizeof(struct thread_state) <= 16384 - 256, "state of a thread");

#endif
