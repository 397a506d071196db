/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The contract between the BPF programs and user space: configuration in, records and maps out.
 * Fixed-width types and explicit padding only. All times are CLOCK_MONOTONIC nanoseconds. `tgid` is the
 * process, `tid` the thread, both as the initial pid namespace numbers them.
 */
#ifndef LOOPSTALL_ABI_H
#define LOOPSTALL_ABI_H

#include <linux/types.h>

#include <loopstall/cause.h>
#include <loopstall/counters.h>
#include <loopstall/hist.h>
#include <loopstall/meters.h>
#include <loopstall/pyoffsets.h>

#define LS_MAX_FRAMES 64 /* of one stack, innermost first */
#define LS_MAX_SITES 8 /* different blocking calls with a stack of their own in one span */
#define LS_MAX_COROUTINES 4096 /* kinds of coroutines, each counted once for each thread */
#define LS_MAX_PROCS 1024 /* watched at a time */
#define LS_MAX_THREADS 4096 /* that run loops, at a time */
#define LS_MAX_TASKS 65536 /* tasks counted one by one; a power of two */
#define LS_MAX_NEST 4 /* steps open on one thread at a time */
#define LS_MAX_READY 128 /* ready handles looked at when a stall ends */
#define LS_MAX_TIMERS 128 /* entries of the timer heap looked at */
#define LS_MAX_SOCKETS 256 /* entries of the ready list of the loop's epoll looked at */
#define LS_MAX_VICTIM_NAMES 16 /* victims reported by name */
#define LS_NAME_BYTES 128
#define LS_CLOCKS 513 /* of the sampler: one for each CPU, and one to measure */
#define LS_CLOCK_TRIAL (LS_CLOCKS - 1)
#define LS_TRIAL_PERIOD_NS 50000
#define LS_NO_SYSCALL 0xffff
#define LS_SYSCALLS 512 /* size of the syscall -> cause table */

/* What a uprobe's spot means; each kind has a program of its own. */
enum ls_spot {
	LS_SPOT_STEP_ENTER, /* the call of task_step_impl; task in argument `task_arg` */
	LS_SPOT_STEP_EXIT, /* first emulable instruction behind that call */
	LS_SPOT_RESUME_FRAME, /* Python code resumes a coroutine: the call of the evaluation function; its frame in argument 1 */
	LS_SPOT_RESUME_CORO, /* the same, a call with the coroutine in argument 0 */
	LS_SPOT_RESUME_THROW, /* the same, of coroutine.throw() alone */
	LS_SPOT_RESUME_EXIT, /* first emulable instruction behind such a call */
	/* The same where no such call can be probed, for asyncio's own tasks alone: */
	LS_SPOT_TASK_ANNOUNCE, /* entry of _enter_task: a task written in Python is about to be resumed */
	LS_SPOT_TASK_RESUME, /* entry of coroutine.send() or .throw(); coroutine in argument 0 */
	LS_SPOT_TASK_LEAVE, /* entry of _leave_task: its step is over */
	LS_SPOT_POLL_RETURN, /* first emulable instruction behind the loop's epoll_wait */
	LS_SPOT_DNS_ENTER, /* entry of getaddrinfo and its kin */
	LS_SPOT_MAX
};

enum ls_unit { LS_UNIT_NONE, LS_UNIT_STEP, LS_UNIT_CALLBACK, LS_UNIT_TURN };

/* What user space may change at any time. A program reads a setting once for each decision it takes. */
struct ls_settings {
	__u64 threshold_ns; /* a span of at least this is a stall */
	__u64 sample_after_ns; /* a span shorter than this is not worth a sample */
	__u64 light_threshold_ns; /* the same as threshold_ns for spans seen by looks only (bpf/light.h) */
	__u64 sample_period_ns;
	__u64 light_since_ns; /* when `is_light` was last set */
	__u64 stall_price_ns, sample_price_ns; /* one in so long is told on the average (bpf/budget.h); 0: all are */
	__u32 is_counting_tasks;
	__u8 is_following; /* what a watched process forks is watched, too */
	__u8 tells_execs; /* every exec of the machine is told, not only those of watched processes */
	__u8 is_light; /* no uprobes: steps are told by looks into the process */
	__u8 is_trial; /* a thread of setup_tgid starts the clock of which user space measures what a tick costs */
	__u32 setup_tgid; /* user space while it sets up, else 0 */
	__u32 pad;
};

/* What the kernel side keeps of its budgets (bpf/budget.h). */
struct ls_budgets {
	__u64 stalls_ns, firsts_ns, samples_ns; /* when each is whole again */
	__u64 second_ns, longest_ns; /* the longest stall of the second that began then */
};

/* One watched process: value of the `procs` map, keyed by tgid; copied into each loop thread's state. */
struct ls_proc {
	__u64 gil; /* address of the GIL structure, 0 if unknown */
	__u64 threads; /* address of the head of the interpreter's list of thread states, 0 if unknown */
	__u64 coro_type, gen_type; /* PyCoro_Type, PyGen_Type: what task_coro may be read as */
	__u64 step_call; /* tp_call of TaskStepMethWrapper, 0 if unknown */
	__u64 wakeup_call; /* C function of task_wakeup (3.10+) or tp_call of its wrapper type */
	__u64 current_tasks; /* up to 3.13: the dict loop -> task that a thread runs now; 0: not known, or the thread state says it */
	struct ls_pyoffsets py;
	__u8 has_poll_spot; /* turns are seen at LS_SPOT_POLL_RETURN, not only when poll sleeps */
	__u8 is_free_threaded; /* many threads run steps at once, and no GIL says who */
	__u8 is_light; /* no place for uprobes was found */
	__u8 pad[5];
};

/* A thread that runs a loop, as user space found it; keyed by tid. For `is_light`: nothing else tells of it. */
struct ls_loop_thread {
	__u64 loop;
	__u64 tstate;
	__u32 tgid;
	__u32 pad;
};

/* One event loop, keyed by {loop object, tgid}: what user space found out about it. */
struct ls_loop_key {
	__u64 loop;
	__u32 tgid;
	__u32 pad;
};

/*
 * Tasks written in Python: where they and their scheduler keep what is asked for. Locals are offsets in the scheduler's frame,
 * attributes offsets in their object or, with `by_index`, numbers among the values of an instance. All 0: not known.
 */
struct ls_pytasks {
	__u64 type; /* their class; of others nothing is read */
	__u64 step, wakeup; /* functions of the class: a method of one of them in the ready queue is a task's turn */
	__u64 owner; /* their loop or Runner: a thread may run another one by now */
	__u64 none; /* None */
	__u64 deadlines; /* trio: address of the pointer to its heap of deadlines, 0: unknown */
	__u64 clock_offset_ns; /* trio: what its clock is ahead of CLOCK_MONOTONIC */
	__u16 task_local; /* the task that is resumed; 0: unknown */
	__u16 batch_local; /* trio: list of those that left the queue and still wait for their turn */
	__u16 coro, name, owned_by; /* attributes of a task */
	__u16 next_send; /* trio: None while the task waits */
	__u16 scope_deadline, scope_status, status_tasks, status_children; /* trio: attributes of CancelScope and CancelStatus */
	__u8 by_index;
	__u8 is_queued_bare; /* the ready queue holds tasks, not handles */
	__u8 pad[2];
};

struct ls_loop {
	__u64 ready; /* address of the deque `_ready`, 0 if unknown */
	__u64 scheduled; /* address of the list `_scheduled` (asyncio's own loops), else 0 */
	__u64 uv_timers; /* address of libuv's timer heap (uvloop), else 0 */
	__u16 handle_callback; /* offset of the callback inside a handle of this loop */
	__u16 uv_timer_context; /* uvloop: offset of the TimerHandle inside a UVTimer */
	__u16 uv_timer_args; /* uvloop: offset of the arguments inside a TimerHandle */
	__u16 is_native; /* the loop itself has no Python frames */
	struct ls_pytasks tasks;
};

/* How a system call that blocks is judged: an ls_cause, or one of these by its arguments. */
enum ls_syscall_rule {
	LS_RULE_FD = LS_CAUSE_MAX, /* by what the first argument's descriptor is */
	LS_RULE_FUTEX, /* the GIL or a lock */
	LS_RULE_POLL, /* by the first descriptor polled; none: sleep */
	LS_RULE_SELECT, /* the same for select */
	LS_RULE_EPOLL, /* the loop's own wait, or a poll in user code */
};

enum ls_rec_kind {
	LS_REC_NONE,
	LS_REC_THREAD, /* a thread runs steps of a loop not seen on it before */
	LS_REC_STACK, /* a stack inside a span, with its weight; precedes the span's stall record */
	LS_REC_VICTIM, /* a named victim; precedes the span's stall record */
	LS_REC_STALL, /* a span of at least the threshold has ended */
	LS_REC_EXEC, /* a watched process, or with `tells_execs` any, executed another program */
	LS_REC_EXIT, /* a watched thread ended */
	LS_REC_FORK, /* a watched process has a new child, which is watched from here on */
	LS_REC_MAX
};

/* First member of every record. */
struct ls_rec_hdr {
	__u16 kind; /* enum ls_rec_kind */
	__u16 len; /* bytes of the whole record */
	__u32 cpu;
	__u64 ts_ns;
	__u32 tgid, tid;
};

/* A str or int object of the target, copied raw; src/symbol decodes it. */
struct ls_pystr {
	__u64 number; /* value if kind is 0: an int, shown as "Task-<number>" */
	__u32 length; /* characters in the target */
	__u16 copied; /* bytes of data that were copied */
	__u8 kind; /* bytes per character: 1, 2, 4; 0: int; 0xff: nothing could be read */
	__u8 ascii;
	__u8 data[LS_NAME_BYTES];
};

struct ls_frame {
	__u64 code; /* address of the code object, 0 for a C-stack shim (skip it) */
	__u64 position; /* f_lasti or instruction pointer, as the version has it */
};

/* Stack flags */
#define LS_STACK_TRUNCATED 1
#define LS_STACK_UNREADABLE 2
#define LS_STACK_AT_CORO 4 /* ends with the frame of the task's own coroutine: nothing missing */
#define LS_STACK_OUTSIDE 8 /* the frame it should end with is not on it: taken before or behind the coroutine, or the loop */
#define LS_STACK_AT_LOOP 16 /* ends with the frame that runs a native loop */

struct ls_rec_thread {
	struct ls_rec_hdr hdr;
	__u64 loop;
	__u64 tstate; /* 0 if it was not found */
	__u64 thread_pointer;
};

struct ls_rec_stack {
	struct ls_rec_hdr hdr;
	__u64 span; /* number of the span on this thread */
	__u64 weight_ns; /* time spent at this place */
	__u64 native_ip; /* user instruction pointer of a blocked thread, else 0 */
	__u32 count; /* waits, or samples, that weight_ns sums up */
	__u16 cause; /* enum ls_cause; LS_CAUSE_CPU for a sample */
	__u16 syscall; /* number, or LS_NO_SYSCALL */
	__u16 flags;
	__u16 n_frames;
	__u32 pad;
	struct ls_frame frames[LS_MAX_FRAMES]; /* only n_frames of them are sent */
};

struct ls_rec_victim {
	struct ls_rec_hdr hdr;
	__u64 span;
	__u64 task;
	__u64 code, qualname; /* of its coroutine; 0 if unknown */
	__u64 starved_ns;
	struct ls_pystr name;
};

struct ls_rec_stall {
	struct ls_rec_hdr hdr; /* ts_ns is the end */
	__u64 span;
	__u64 start_ns;
	__u64 duration_ns; /* its own: steps nested in it are not in, so start + duration <= end */
	__u64 cause_ns[LS_CAUSE_MAX]; /* adds up to duration_ns */
	__u64 loop;
	__u64 task, coro, code; /* 0 for callbacks and turns; code: of the task's coroutine */
	__u64 qualname; /* address of the coroutine's qualified name (str), 0 if unknown */
	__u64 gil_holder_tstate; /* who held the GIL at the longest GIL wait, 0 if unknown */
	__u64 gil_holder_id; /* native thread id (3.11+) or pthread pointer (before) of it */
	__u64 starved_ns; /* of all victims, named or not */
	__u64 stolen_ns; /* of cause_ns[LS_CAUSE_RUNQUEUE]: on a CPU, but the hypervisor ran something else */
	__u32 victims;
	__u32 sockets; /* with something unread that the loop has not looked at, at most LS_MAX_SOCKETS */
	__u32 samples; /* CPU samples taken in this span */
	__u32 unit; /* enum ls_unit */
	__u32 steps; /* turn: steps in it */
	__u32 flags;
	struct ls_pystr name; /* of the task */
};

#define LS_STALL_VICTIMS_CUT 1 /* more handles were ready than were looked at */
#define LS_STALL_VICTIMS_UNKNOWN 2 /* the loop's queue was not known yet */
#define LS_STALL_LIGHT 4 /* seen by looks: its ends are estimates */

struct ls_rec_life {
	struct ls_rec_hdr hdr;
};

struct ls_rec_fork {
	struct ls_rec_hdr hdr; /* of the parent */
	__u32 child; /* tgid */
	__u32 is_vfork; /* it has its parent's memory until it executes another program */
};

/* Names the aggregate of one coroutine on one thread: only that thread writes it. */
struct ls_coro_key {
	__u64 code; /* 0: steps whose coroutine could not be told */
	__u32 tgid, tid;
};

/* Element of the `coroutine_stats` array. */
struct ls_coro_stats {
	struct ls_coro_key key;
	__u64 steps, total_ns, max_ns, stalls;
	__u64 cause_ns[LS_CAUSE_MAX];
	__u64 starved_ns; /* that its stalls cost others */
	__u64 suffered_ns, suffered; /* that its own tasks waited behind stalls of others, and how many times */
	__u64 qualname;
	__u64 told_at_ns; /* when a stall of it was told last */
	__u32 hist[LS_HIST_BUCKETS];
	__s32 own_shift[LS_HIST_BUCKETS]; /* `hist` and this are the histogram of times without the run queue */
};

/* One task, counted while user space asks for it (`is_counting_tasks`), gone when it is done. Only its thread writes it. */
struct ls_task_key {
	__u64 task;
	__u32 tgid, tid;
};

struct ls_task_stats {
	__u64 coro; /* another one than before: the address was given to another task, and all begins anew */
	__u64 steps, total_ns, max_ns, stalls;
	__u64 last_end_ns; /* of its last step */
};

/* Element of the `tasks` array. */
struct ls_task {
	struct ls_task_key key; /* task 0: free, and all of it zero */
	struct ls_task_stats stats;
};

/* Aggregate of one loop thread, keyed by tid. */
struct ls_thread_stats {
	__u64 steps, step_ns; /* all of them, whatever their coroutine */
	__u64 callbacks_ns; /* time of the loop thread outside steps and outside its wait */
	__u64 idle_ns; /* in the loop's own wait */
	__u64 turns;
	__u64 stalls;
	__u64 cause_ns[LS_CAUSE_MAX]; /* of its steps and callbacks, off the CPU; LS_CAUSE_CPU stays 0 */
	__u64 worst_turn_ns;
	__u64 worst_turn_own_ns; /* of the turns' times without the run queue */
	__u32 turn_hist[LS_HIST_BUCKETS];
	__u64 handles; /* begun by the loop while it was watched by looks, which count no steps */
	__u64 callbacks_starved_ns; /* that stalls of its callbacks cost others */
};

_Static_assert(sizeof(struct ls_rec_hdr) == 24, "record header");
_Static_assert(sizeof(struct ls_pystr) == 16 + LS_NAME_BYTES, "string");
_Static_assert(sizeof(struct ls_rec_stack) == 24 + 24 + 16 + 16 * LS_MAX_FRAMES, "stack record");
_Static_assert(sizeof(struct ls_rec_victim) == 24 + 40 + sizeof(struct ls_pystr), "victim record");
_Static_assert(sizeof(struct ls_pytasks) == 80, "tasks written in Python");
_Static_assert(sizeof(struct ls_task) == 64, "a task is one cache line");
_Static_assert(sizeof(struct ls_proc) % 8 == 0, "process configuration");

#endif
