/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side remembers of one loop thread, in three elements of task storage: the state
 * that each step touches, the stacks that only a blocked or sampled thread needs, and the holders
 * of what it waits for. They are created by the thread's first step, or when user space finds the
 * thread, and freed with it.
 */
#ifndef LOOPSTALL_BPF_STATE_H
#define LOOPSTALL_BPF_STATE_H

#include "off_state.h"

#include <loopstall/loop_thread.h>

#include "lock_holder.h" /* without a folder: src/probe has another root */

/* What the kernel booked the thread since the span's first sample (core/accounting.h). */
struct account {
	__u64 user_from_ns, kernel_from_ns, faults_from; /* valid if is_begun */
	__u64 user_ns, kernel_ns, faults;
	__u32 is_begun;
	__u32 pad;
};

/* Who held a lock for most of the time that a span waited for it, and how long that was. */
struct held {
	__u64 longest_ns, tstate, id;
};

/* A step, or the callbacks and loop work between two steps. */
struct span {
	__u64 number;
	__u8 unit; /* enum ls_unit */
	/* it left the CPU or was sampled: the fields from cause_ns on are valid */
	__u8 is_touched;
	__u8 is_python; /* step of a task written in Python: `task` is no C task */
	__u8 is_continued; /* continues the step of the span before, which was counted there */
	/* seen in light mode: its start and end are estimates */
	__u8 is_light;
	/*
	 * began before its thread was found, so `start_ns` is late. Its unit is LS_UNIT_CALLBACK;
	 * a step if `coro` is set
	 */
	__u8 is_late;
	__u8 is_wake; /* callbacks that began when the loop's wait ended */
	/* valid only if is_touched */
	__u8 is_collecting; /* at the last look for it (core/collection.h) */
	__u8 gc_generation; /* oldest one seen to be collected, plus 1 */
	__u8 stop; /* enum ls_stop of its last stop */
	/* callbacks that were seen to run another loop (python/outer_loop.h) */
	__u8 is_host;
	__u8 pad;
	__u32 coroutine; /* index of its coroutine's aggregate, LS_MAX_COROUTINES: none */
	__u64 start_ns;
	__u64 nested_ns; /* spent in steps nested in this one */
	__u64 sp; /* stack pointer at the call of the step; at its end it is the same */
	/*
	 * tasks and handles that had been put into the loop's queue when it began, or when that was
	 * first read in it (queue/arrivals.h)
	 */
	__u64 arrived;
	__u64 task, coro, code;
	/*
	 * is_python: the Python frame that resumes it. Kept while callbacks run: trio runs them in
	 * it
	 */
	__u64 frame;
	struct ls_await from; /* where it resumed */
	/* valid only if is_touched */
	__u64 cause_ns[LS_CAUSE_MAX]; /* LS_CAUSE_CPU stays 0: it is the rest */
	__u64 off_ns; /* sum of cause_ns without LS_CAUSE_GC: time off the CPU */
	__u64 looked_ns; /* its CPU time at the last look for the garbage collector */
	__u64 sampled_ns; /* on-CPU time already charged to samples */
	__u64 copied_ns; /* its age when its user stack was last copied, 0: not yet */
	struct held gil, lock; /* `lock`: any but the GIL */
	__u64 stolen_ns; /* of cause_ns[LS_CAUSE_RUNQUEUE]: taken by the hypervisor */
	__u32 samples;
	__u32 pad3;
	__u32 stop_id; /* signal or tracer of its last stop */
	__u32 lock_known; /* enum ls_lock_known, valid if there is a lock.longest_ns */
	__u64 quota_ns, period_ns; /* CPU quota that throttled it last */
	/* as in struct ls_rec_stall; of the holder only `ns` is valid if it is 0 */
	struct ls_cpu_holder cpu_holder;
	__u64 pinned_ns;
	/* is_wake: for how long the thread could not run the loop yet */
	__u64 late_ns;
	__u32 gil_looks, gil_free;
	struct account account;
};

/* What happened in a span that is touched, for its record: of its end, or of a moment before. */
static inline __attribute__((always_inline)) void span_describe(const struct span *span,
								struct ls_rec_stall *rec)
{
	__u32 i;

	for (i = 0; i < LS_CAUSE_MAX; i++)
		rec->cause_ns[i] = span->cause_ns[i];
	rec->gil_holder_tstate = span->gil.tstate;
	rec->gil_holder_id = span->gil.id;
	rec->lock_holder_tstate = span->lock.tstate;
	rec->lock_holder_id = span->lock.id;
	rec->lock_known = span->lock_known;
	rec->samples = span->samples;
	rec->stolen_ns = span->stolen_ns;
	rec->gc_generation = span->gc_generation;
	rec->stop = span->stop;
	rec->stop_id = span->stop_id;
	rec->quota_ns = span->quota_ns;
	rec->period_ns = span->period_ns;
	rec->pinned_ns = span->pinned_ns;
	rec->gil_looks = span->gil_looks;
	rec->gil_free = span->gil_free;
	rec->booked_user_ns = span->account.user_ns;
	rec->booked_kernel_ns = span->account.kernel_ns;
	rec->page_faults = span->account.faults;
	if (span->cpu_holder.ns)
		rec->cpu_holder = span->cpu_holder;
}

/* What a record calls a span that is counted as `unit`: one that is_late is counted as callback. */
static inline __attribute__((always_inline)) __u32 span_shown_unit(const struct span *span,
								   __u32 unit)
{
	return unit == LS_UNIT_CALLBACK && span->is_late && span->coro ? LS_UNIT_STEP : unit;
}

/* The Python code that resumes a coroutine. */
struct caller {
	__u64 coro; /* the task's own; the resumed one may be awaited by it */
	__u64 frame, code; /* of the function that resumes it */
};

/* A place where the thread was blocked. Valid while `rec.span` is the number of an open span. */
struct site {
	__u64 position;
	__u64 longest_ns; /* of its waits; rec.syscall and rec.native_ip are those of this one */
	__u64 copied_ips[2]; /* of waits whose user stack was copied: rec.native_ip, 0: none */
	struct ls_rec_stack rec;
};

#define MAX_WAITERS 32

/* A task that waits while a span of light mode goes on. */
struct waiter {
	__u64 task, coro;
	__u64 since_ns; /* when it became ready; may lie ahead. ~0: not known */
	__u64 is_python; /* it is a task written in Python */
};

/* Tasks that wait behind a span of light mode, as of all collections so far (light/waiters.h). */
struct waiters {
	__u64 span; /* number of the span; 0: they are those of turn `turn` */
	__u64 turn;
	__u64 at_ns; /* time of the last collection */
	/* last collection at a place where short blocks were seen before */
	__u64 guessed_at_ns;
	__u32 n;
	__u32 flags; /* LS_STALL_VICTIMS_... */
	__u32 sockets; /* with unread data, at the last count in span `sockets_span` */
	__u32 pad;
	__u64 sockets_span;
	struct waiter list[MAX_WAITERS];
};

#define KNOWN_BLOCKS 64 /* a power of two */

/* How long the thread was last blocked at one place. */
struct known_block {
	__u32 place; /* a hash */
	__u32 duration_1024ns;
};

/* How long blocks last, by place (core/block_memory.h). */
struct block_memory {
	__u32 place; /* hash of the place where the thread is blocked, 0 if it is not */
	__u32 pad;
	struct known_block blocks[KNOWN_BLOCKS];
};

/* Result of the last look at a thread in light mode (light/looks.h). */
struct look {
	__u64 at_ns;
	__u64 handles; /* handles begun by the loop, times two, counted from an unknown number */
	__u64 waited; /* the same when the loop last began to wait */
	__u64 ready; /* the deque that counts them */
	__u64 turn; /* uvloop, outside steps: the time of its last poll */
	__u64 task; /* the running one, 0: none */
	__u64 task_type; /* of C tasks, as far as known */
	/* the task of span `named_span` and its name (stall/step_name.h) */
	__u64 named_span, named_task;
	struct ls_pystr name;
};

/* A coroutine's code object seen on this thread, with the index of its aggregate. */
struct known_code {
	__u64 code;
	__u32 index;
	__u8 is_coroutine; /* another awaitable with something else in that field */
	__u8 has_stalled; /* where its steps resume is read from then on */
	__u8 pad[2];
};

#define KNOWN_CODES 64 /* a power of two */

#define MAX_ARRIVALS 16 /* an even number */

/* How many handles had been put into the loop's queue at one moment. */
struct arrival {
	__u64 at_ns, n;
};

/* What was seen of the loop's queue in this turn, oldest first (queue/arrivals.h). */
struct arrivals {
	__u64 queue; /* address of the deque, 0: not known */
	__u64 seen_ns; /* when `seen` was last stored in `list` */
	__u64 seen; /* handles put into it, as far as seen */
	__u32 n;
	__u32 pad;
	struct arrival list[MAX_ARRIVALS];
};

#define MAX_TURN_COROUTINES 64

/* A step that put many tasks into the loop's queue. */
struct maker {
	__u64 span, code, qualname;
	__u64 from, to; /* numbers of the handles: those above `from`, up to `to` */
	__u32 slot; /* its stack in struct thread_stacks */
	__u32 origin; /* enum ls_maker_origin */
};

/* The coroutines that ran in this turn. */
struct turn {
	__u64 number;
	__u64 step_ns; /* time of all steps before this turn */
	__u64 from; /* number of the handle of its first step, 0: not known */
	__u32 n;
	__u32 n_top;
	struct maker making, made; /* the largest one in this turn, and in the turn before */
	__u32 coroutines[MAX_TURN_COROUTINES]; /* indices of their aggregates */
	struct ls_turn_part top[LS_MAX_TURN_PARTS];
};

/* The tasks that wait behind a span, and where they are reported to (queue/victims.h). */
struct victims {
	__u64 start_ns, end_ns; /* waits are counted between these; `end_ns` may lie ahead */
	__u64 starved_ns; /* sum over all victims */
	__u64 current; /* the span's own task: no victim of itself */
	__u64 entering; /* the task whose step ends a callback span, 0: none */
	struct ls_pytasks tasks; /* of the loop */
	__u32 n;
	__u32 named;
	__u32 flags; /* LS_STALL_VICTIMS_... */
	__u32 is_collecting; /* they go to `waiters`, not to user space */
	__u32 is_turn; /* they wait behind a turn, not behind the current span */
	/* sockets that had unread data when the loop's wait ended, without a task so far */
	__u32 sockets;
};

/* By what the thread's loop is found on its stack (python/outer_loop.h). */
struct loop_mark {
	__u64 code; /* of a frame, 0: not known; is_native: address of the frame itself */
	__u64 owner; /* its first local; is_native: pthread_self() of the thread */
	__u64 owner_at; /* is_native: where the loop keeps that while it runs */
	__u64 learned_ns;
	__u64 poll_sp; /* stack pointer where its poll returns, 0: not known */
	__u64 step_sps[2]; /* where its steps began outside other steps, newest first */
	__u32 is_native;
	__u32 pad;
};

/* The loop inside which another one runs a step now. */
struct host_loop {
	__u64 loop; /* 0: none does */
	__u64 queue; /* of struct arrivals */
	__u64 announced; /* the last inner loop for which a record was emitted */
	__u32 depth; /* of the span that runs the inner loop */
	__u32 pad;
};

#define MAX_DUE_SCOPES 16

/* Position in a loop's queues (queue/). bpf_loop() callbacks keep what changes in map memory. */
struct queue_walk {
	__u64 block; /* of a deque */
	__u64 items; /* array of a list, or root of libuv's heap */
	__u64 slots, deadline_ns; /* trio: set of the tasks that wait in one scope, its deadline */
	__u64 scopes[MAX_DUE_SCOPES]; /* trio: those past their deadline so far */
	__u32 n_scopes;
	__u32 pad2;
	__u64 taken; /* handles taken out of the deque so far */
	__u32 index; /* in the deque's block */
	/* tasks that have left the queue before the walk: the one whose step ends the span */
	__u32 n_left;
	__u16 handle_callback, uv_timer_context, uv_timer_args;
	__u16 pad;
};

/* Position in the ready list of an epoll descriptor (stall/sockets.h). */
struct socket_walk {
	__u64 task; /* address of the thread's struct task_struct */
	__u64 node, head;
	__u32 n; /* sockets with unread data */
	__u32 is_known; /* `n` was counted */
};

/* Of a frame walk: the frame with code that was passed last. The kernel's stack is short. */
struct passed_frame {
	__u64 addr, code;
	__u32 index;
	__u32 is_entry; /* C code entered it, or may have (3.8-3.10) */
	__u32 call; /* what the interpreter called so far: as in the flags of a stack */
	__u32 n_operands;
	__u64 values[3]; /* its first local variables: self, and two arguments */
	__u64 operands; /* of the frame around it */
};

struct thread_state {
	/* touched at every step */
	__u64 last_number;
	__u64 loop;
	__u64 tstate;
	__u64 off_at_ns; /* 0: on the CPU */
	__u64 turn_start_ns;
	/* since when no Python code runs, and so no loop (sched/loop_end.h); 0: one may run */
	__u64 left_at_ns;
	__u64 turn_stalls_ns; /* of the turn, in steps and callbacks that were stalls themselves */
	__u32 turn_steps;
	__u32 turn_stall_steps; /* of them, those that were stalls */
	__u32 depth; /* parents in `outer` */
	__u32 tgid, tid;
	__u8 is_busy; /* a program is changing this state: an interrupt leaves it alone */
	__u8 turn_is_touched;
	__u8 has_stacks; /* its struct thread_stacks and struct thread_holders are allocated */
	__u32 steal_cpu; /* where steal_ns was read */
	__u64 steal_ns; /* steal time of that CPU */
	__u64 steal_at_ns; /* when it was read */
	__u64 steal_changed_ns; /* when it was first read with this value */
	struct ls_thread_stats stats;
	struct span cur;

	/* off the CPU */
	__u64 on_at_ns; /* time of its last switch-in */
	__u64 woken_at_ns;
	__u64 light_booked_ns; /* up to when its time on the CPU in light mode is counted */
	__u64 light_stolen_ns; /* of the time since then, taken by the hypervisor */
	__s64 clock_offset_ns; /* from the scheduler's clock to CLOCK_MONOTONIC */
	__s64 rq_offset_ns; /* from the run queue's clock to CLOCK_MONOTONIC; 0: not known */
	/* while it waits for a CPU: its run queue, and how long that was throttled before */
	__u64 cfs_rq, throttled_ns;
	__u32 cpu_wait; /* its account in `cpu_waits`, plus 1; 0: none (core/cpu_waits.h) */
	__u32 is_cpu_free; /* a CPU that it must not use is free */
	__u64 cpus_allowed; /* address of the mask of the CPUs that it may use */
	/* run delay of this thread when it was switched out */
	__u64 run_delay_ns;
	__u32 off_kind; /* enum off_kind */
	__u32 off_cause; /* enum ls_cause */
	__u32 off_site; /* LS_MAX_SITES: none */
	__s32 epoll_fd; /* the loop's own, -1 until it was seen waiting */
	__u8 is_foreign_poll; /* the last wait outside a step was not the loop's own */
	__u8 is_announced; /* a task written in Python is about to be resumed */
	__u8 is_silent_poll; /* the loop waits in poll or select, whose return no probe shows */
	__u8 is_owner_known; /* this thread runs the loop that was found on it: see owner_check() */
	__u8 is_own_poll; /* the wait that has just begun is the loop's own */
	__u8 is_late_wait; /* off the CPU before it could run the loop, which was woken */
	__u8 is_holder_collecting; /* the holder of the GIL collected garbage when it was looked at
				    */
	__u8 pad2;
	__u64 idle_at_ns;
	struct idle_wait wait;
	/*
	 * Holder of the GIL, or of another lock, when the thread began to wait for it; 0: not
	 * known. A thread without a thread state has an id alone, the kernel's.
	 */
	__u64 holder_tstate, holder_id;
	__u64 holder_looked_ns; /* when the stack of a holder was last looked at */
	__u32 holder_slot; /* the holder's in struct thread_holders, LS_MAX_HOLDERS: none */
	__u32 lock_known; /* enum ls_lock_known, of the current wait */
	/*
	 * Process that took the lock of a file which the last request of this thread has to wait
	 * for, 0: none, or not known; and the system call of that request.
	 */
	__u32 file_lock_pid, file_lock_syscall;
	/* the futex by which a lock object is waited for, 0: none is */
	__u64 lock_futex;
	__u64 lock_owner_at, lock_owner; /* address of the lock's owner field, 0: none; its value */
	__u32 lock_watch, pad4; /* that of its holder in `lock_watches`, plus 1; 0: none */

	__u64 turn_cause_ns[LS_CAUSE_MAX];
	/* valid only if turn_stalls_ns */
	__u64 turn_stall_cause_ns[LS_CAUSE_MAX];
	__u64 turn_stolen_ns;
	__u32 turn_gc_generation;
	__u32 pad3;

	/* tasks written in Python: what resumed the last one */
	__u64 scheduler; /* code of the function that resumes them */
	/* coroutine into which an exception is being thrown level by level, else 0 */
	__u64 delegated;
	struct caller caller;

	__u64 loop_frame; /* the Python frame that runs a native loop, 0: not known or not native */
	struct loop_mark mark;
	struct host_loop host;
	struct ls_bare_loop bare;
	__u64 bare_left_ns; /* when it was seen to have been left; 0: it was not */
	struct ls_frame callee; /* result of callee_find() (queue/callee.h); code 0: none */

	/* inside getaddrinfo while the same Python call is on top and the stack is deeper */
	__u64 dns_span, dns_sp, dns_frame, dns_position;

	struct ls_await await; /* result of awaits_read() (python/awaits.h) */
	__u64 await_end_type; /* of objects that were last seen to end an await chain */
	__u64 walks_ns; /* budget of reads of where steps resume: when it is full again */
	struct ls_await to; /* where the step of span `to_span` suspended */
	__u64 to_span;

	__u32 end, end_signal; /* how the span ends that is being reported: as in struct
				  ls_rec_stall */
	__u64 flushed_at_ns;
	__u64 user_woken_at_ns; /* when user space was last woken for a stall */

	/*
	 * Of the switch-out under way. In map memory, so that the verifier does not follow each
	 * cause through all that comes after.
	 */
	struct blocking why;

	struct look look;
	struct waiters waiters;
	struct block_memory block_memory;
	struct arrivals arrivals;
	struct turn turn;
	struct ls_proc proc;
	struct known_code known[KNOWN_CODES];
	struct victims victims;
	struct queue_walk queue;
	struct socket_walk sockets;
	struct span outer[LS_MAX_NEST];
	struct passed_frame passed;
	__u8 object[256]; /* buffer for objects of the target */
	__u8 frame[128]; /* buffer for frames */
};

/*
 * A free site, or the lightest one, as far as a search has come. In map memory, so that the
 * verifier does not follow each value through the loop.
 */
struct site_choice {
	__u64 lightest_ns;
	__u32 index;
	__u32 pad;
};

#define MAX_CPU_HOLDERS 8

/* Processes that had a CPU, without those that had it for the shortest time. */
struct cpu_holders {
	struct ls_cpu_holder list[MAX_CPU_HOLDERS]; /* ns 0: free */
};

#define MAX_REQUEST_NOTES 8 /* a power of two */

/* A frame whose function handles a request, and what it has in its locals. */
struct request_note {
	__u64 object, request;
	__u32 code; /* index in struct ls_requests */
	__u32 pad;
};

/* What was read of a dict or an instance that is searched. */
struct keys_place {
	__u64 entries, values; /* addresses; `values` 0: they are in the entries */
	__u32 n, entry_bytes;
	__u64 found; /* value */
};

/* The request and the test that the current span belongs to (python/request.h). */
struct request_look {
	__u64 span; /* number of the span that the rest is about */
	__u64 whole_ns; /* budget of looks: when it is full again */
	__u32 n_notes, pad; /* innermost first */
	struct request_note notes[MAX_REQUEST_NOTES];
	struct keys_place keys;
	struct ls_request found;
	char test[LS_TEST_PARTS * LS_NAME_BYTES];
};

#define MAX_TRACE_CONTEXTS 4 /* of one span that are counted apart; a power of two */

/* The trace contexts that were attached to the thread in a span (stall/trace_context.h). */
struct trace_look {
	__u64 span; /* number of the span that the rest is about */
	__u64 cpu_ns, off_ns; /* of the span so far, on and off the CPU, that are counted in `ns` */
	__u32 n;
	__u32 last; /* at the last look; MAX_TRACE_CONTEXTS: one that found no room, or not known */
	struct {
		struct ls_trace_context context; /* all 0: none was attached */
		__u64 ns;
	} seen[MAX_TRACE_CONTEXTS];
};

/*
 * The one that was attached for at least half of the span's own duration. The thread was off the
 * CPU for `off_ns` of it: since the last look with the context that was attached there.
 */
static inline __attribute__((always_inline)) void trace_choose(const struct trace_look *look,
							       __u64 off_ns, __u64 duration_ns,
							       struct ls_trace_context *ret)
{
	__u64 most_ns = 0, ns;
	__u32 i;

	for (i = 0; i < MAX_TRACE_CONTEXTS; i++) {
		if (i >= look->n)
			break;
		ns = look->seen[i].ns;
		if (i == look->last && off_ns > look->off_ns)
			ns += off_ns - look->off_ns;
		if (ns <= most_ns)
			continue;
		most_ns = ns;
		*ret = look->seen[i].context;
	}
	if (most_ns < duration_ns / 2)
		*ret = (struct ls_trace_context){};
}

/* Stacks of the current span. */
struct thread_stacks {
	struct site_choice choice;
	struct site sites[LS_MAX_SITES];
	struct ls_rec_stack sample;
	struct request_look request;
	struct trace_look trace;
	struct ls_rec_stack makers[2]; /* of turn.making and turn.made */
};

/* Who had what the current span waited for. */
struct thread_holders {
	struct site_choice choice; /* of `locks` */
	struct lock_holder locks[LS_MAX_HOLDERS];
	__u64 cpu_span; /* number of the span that `cpu` is about */
	struct cpu_holders cpu; /* while it was ready to run */
};

/*
 * A larger element, with the header that the kernel puts in front, takes more than four pages.
 * Linux 6.1 often fails to allocate that in atomic context.
 */
#define MAX_STORAGE_BYTES (16384 - 256)

_Static_assert(
	sizeof(struct thread_state) <= MAX_STORAGE_BYTES,
	"struct thread_state is too large for one allocation: move what a step does not touch "
	"to a task storage map of its own, as struct thread_stacks is");
_Static_assert(sizeof(struct thread_stacks) <= MAX_STORAGE_BYTES,
	       "struct thread_stacks is too large for one allocation: lower LS_MAX_SITES or "
	       "LS_MAX_FRAMES, or move the sample to a task storage map of its own");
_Static_assert(sizeof(struct thread_holders) <= MAX_STORAGE_BYTES,
	       "struct thread_holders is too large for one allocation: lower LS_MAX_HOLDERS");

#endif
