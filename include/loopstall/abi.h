/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The contract between the BPF programs and user space: configuration in, records and maps out.
 * Fixed-width types and explicit padding only. All times are CLOCK_MONOTONIC nanoseconds. `tgid` is
 * the process, `tid` the thread, both as the initial pid namespace numbers them.
 */
#ifndef LOOPSTALL_ABI_H
#define LOOPSTALL_ABI_H

#include <linux/types.h>

#include <loopstall/cause.h>
#include <loopstall/counters.h>
#include <loopstall/hist.h>
#include <loopstall/meters.h>
#include <loopstall/own_call.h>
#include <loopstall/python.h>
#include <loopstall/requests.h>
#include <loopstall/trace_context.h>

#define LS_MAX_FRAMES 64 /* of one stack, innermost first */
#define LS_MAX_SITES 8 /* different blocking calls with a stack of their own in one span */
#define LS_MAX_HOLDERS 8 /* threads seen to hold what one span waits for: the GIL, locks */
#define LS_MAX_COROUTINES 4096 /* kinds of coroutines, each counted once for each thread */
#define LS_MAX_PROCS 1024 /* watched at a time */
#define LS_MAX_THREADS 4096 /* that run loops, at a time */
#define LS_MAX_TASKS 65536 /* tasks counted one by one; a power of two */
#define LS_MAX_NEST 4 /* steps open on one thread at a time */
#define LS_MAX_READY 128 /* ready handles looked at when a stall ends */
#define LS_MAX_TIMERS 128 /* entries of the timer heap looked at */
#define LS_MAX_SOCKETS 256 /* entries of the ready list of the loop's epoll looked at */
#define LS_MAX_VICTIM_NAMES 16 /* victims reported by name */
#define LS_MAX_TURN_PARTS 8 /* coroutines of one turn that are named */
#define LS_NAME_BYTES 128
#define LS_MAX_CPUS 512 /* user space shrinks the maps by CPU to those of the machine */
/* Of the sampler: one to measure with, and one for each CPU. */
#define LS_CLOCKS (LS_MAX_CPUS + 1)
#define LS_CLOCK_TRIAL 0
#define LS_CLOCK_OF(cpu) ((cpu) + 1)
#define LS_TRIAL_PERIOD_NS 50000
/* Copies of user stacks (LS_REC_COPY). */
#define LS_COPY_CHUNK 1024
/* They begin this far below the stack pointer: leaf functions keep data there (red zone). */
#define LS_COPY_BELOW 128
#define LS_COPY_CHUNKS 16
#define LS_COPY_REGS 33 /* by their numbers in DWARF; an architecture may have fewer */
#define LS_MAX_NATIVE 32 /* native frames inside the innermost frame */
/* Copies of code objects (LS_REC_CODE). */
#define LS_CODE_PIECES 6
#define LS_CODE_BYTES 1744
#define LS_NO_SYSCALL 0xffff
#define LS_SYSCALLS 512 /* size of the syscall -> cause table */

/* What a uprobe's spot means; each kind has a program of its own. */
enum ls_spot {
	LS_SPOT_STEP_ENTER, /* the call of task_step_impl; task in argument `task_arg` */
	LS_SPOT_STEP_EXIT, /* first emulable instruction behind that call */
	/*
	 * Python code resumes a coroutine: the call of the evaluation function; its frame in
	 * argument 1
	 */
	LS_SPOT_RESUME_FRAME,
	LS_SPOT_RESUME_CORO, /* the same, a call with the coroutine in argument 0 */
	LS_SPOT_RESUME_THROW, /* the same, of coroutine.throw() alone */
	LS_SPOT_RESUME_EXIT, /* first emulable instruction behind such a call */
	/* The same where no such call can be probed, for asyncio's own tasks alone: */
	/* entry of _enter_task: a task written in Python is about to be resumed */
	LS_SPOT_TASK_ANNOUNCE,
	LS_SPOT_TASK_RESUME, /* entry of coroutine.send() or .throw(); coroutine in argument 0 */
	LS_SPOT_TASK_LEAVE, /* entry of _leave_task: its step is over */
	LS_SPOT_POLL_RETURN, /* first emulable instruction behind the loop's epoll_wait */
	LS_SPOT_PLAIN_POLL_RETURN, /* the same behind a poll or select, which may be any */
	LS_SPOT_DNS_ENTER, /* entry of getaddrinfo and its kin */
	LS_SPOT_MAX
};

enum ls_unit { LS_UNIT_NONE, LS_UNIT_STEP, LS_UNIT_CALLBACK, LS_UNIT_TURN };

/*
 * What user space may change at any time. A program reads a setting once for each decision it
 * takes.
 */
struct ls_settings {
	__u64 threshold_ns; /* a span of at least this is a stall */
	__u64 sample_after_ns; /* shorter spans are not sampled */
	/* threshold_ns for spans of light mode (bpf/light/light.h) */
	__u64 light_threshold_ns;
	__u64 sample_period_ns;
	__u64 light_since_ns; /* when `is_light` was last set */
	/* average interval between records (bpf/stall/report_budget.h); 0: no limit */
	__u64 stall_price_ns, sample_price_ns;
	__u64 copy_price_ns; /* the same of copies of user stacks; LS_NO_COPIES: there are none */
	__u32 is_counting_tasks;
	__u8 is_following; /* children of watched processes are watched as well */
	/* every exec of the machine is reported, not only those of watched processes */
	__u8 tells_execs;
	__u8 is_light; /* no uprobes: steps are found by looks into the process */
	__u8 is_trial; /* the timer that user space measures the cost of a tick with runs on */
	__u32 trial_tgid; /* user space: ticks that interrupt it are counted */
	__u32 own_tgid; /* user space: it stops the command that it starts while it examines it */
	__u32 n_cpus; /* online when the measurement began */
	__u32 reads_traces; /* a watched process has published trace contexts */
};

#define LS_NO_COPIES (~0ULL)

/* Timers that the kernel did not give when user space last asked for them, and its -errno. */
struct ls_clock_status {
	__u32 n_missing;
	__s32 err;
};

/* State of the kernel side's budgets (bpf/stall/report_budget.h). */
struct ls_budgets {
	/* when each is full again */
	__u64 stalls_ns, firsts_ns, samples_ns, copies_ns, codes_ns;
	__u64 second_ns, longest_ns; /* the longest stall of the second that began then */
};

/* Runtimes: each has a folder of its own on both sides. */
enum ls_runtime { LS_RUNTIME_NONE, LS_RUNTIME_PYTHON };

/*
 * One watched process: value of the `procs` map, keyed by tgid; copied into the state of each loop
 * thread.
 */
struct ls_proc {
	__u8 runtime; /* enum ls_runtime; NONE: nothing is known of it yet */
	__u8 has_poll_spot; /* turns begin at LS_SPOT_POLL_RETURN, not only when poll sleeps */
	__u8 is_light; /* no place for uprobes was found */
	__u8 pad[5];
	struct ls_trace_variable trace;
	union { /* by `runtime` */
		struct ls_pyproc py;
	};
};

struct ls_frame {
	__u64 code; /* address of the code object, 0 for a C-stack shim (skip it) */
	__u64 position; /* f_lasti or instruction pointer, as the version has it */
};

/*
 * A C function that a loop runs as a callback has no frame. It is the innermost one of a stack,
 * with these bits in `code`: objects lie at multiples of eight.
 */
#define LS_CODE_C_FUNCTION 1 /* of its definition; `position`: name of its module, or its type */
#define LS_CODE_C_TYPE 2 /* of the type that is called, or whose instance is */
#define LS_CODE_IS_C (LS_CODE_C_FUNCTION | LS_CODE_C_TYPE)

/* Key of an event loop. */
struct ls_loop_key {
	__u64 loop;
	__u32 tgid;
	__u32 pad;
};

/* What user space found out about a loop; the runtime is that of its process. */
struct ls_loop {
	union {
		struct ls_pyloop py;
	};
};

/* How a blocking system call is classified: an ls_cause, or one of these by its arguments. */
enum ls_syscall_rule {
	LS_RULE_FD = LS_CAUSE_MAX, /* by what the first argument's descriptor is */
	LS_RULE_FUTEX, /* the GIL or a lock */
	LS_RULE_POLL, /* by the first descriptor polled; none: sleep */
	LS_RULE_SELECT, /* the same for select */
	/* the loop's own wait, or a poll in user code; with a timeout in ms, or in another unit */
	LS_RULE_EPOLL,
	LS_RULE_EPOLL_TIMESPEC,
};

enum ls_rec_kind {
	LS_REC_NONE,
	LS_REC_THREAD, /* a thread runs steps of a loop not seen on it before */
	LS_REC_STACK, /* a stack inside a span, with its weight; precedes the span's stall record */
	LS_REC_VICTIM, /* a named victim; precedes the span's stall record */
	LS_REC_STALL, /* a span of at least the threshold has ended */
	/* a watched process (with `tells_execs` any process) executed another program */
	LS_REC_EXEC,
	LS_REC_EXIT, /* a watched thread ended */
	LS_REC_FORK, /* a watched process has a new child, which is watched from now on */
	LS_REC_COPY, /* registers and user stack at a place of a span; precedes its stall record */
	LS_REC_NATIVE, /* what user space makes of a copy: return addresses */
	LS_REC_CODE, /* a code object of a stack, before the first record that names it */
	LS_REC_TURN, /* what a turn consisted of; precedes its stall record */
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

#define LS_NO_NAME 0xff

/* A str or int object of the target, copied raw; src/symbol decodes it. */
struct ls_pystr {
	__u64 number; /* value if kind is 0: an int, shown as "Task-<number>" */
	__u32 length; /* characters in the target */
	__u16 copied; /* bytes of data that were copied */
	__u8 kind; /* bytes per character: 1, 2, 4; 0: int; LS_NO_NAME: nothing could be read */
	__u8 ascii;
	__u8 data[LS_NAME_BYTES];
};

/* The request in whose step a stall happened, raw. Only with LS_REQUEST_KNOWN is the rest valid. */
struct ls_request {
	__u32 state; /* enum ls_request_state */
	__u8 is_path; /* `route` is no template but the path */
	__u8 n_prefixes;
	__u8 is_partial; /* it may be mounted below a prefix that is not known */
	__u8 pad;
	struct ls_pystr method, route; /* of kind LS_NO_NAME: not known */
	struct ls_pystr prefixes[LS_REQUEST_PREFIXES]; /* innermost first */
};

/* Stack flags */
#define LS_STACK_TRUNCATED 1
#define LS_STACK_UNREADABLE 2
#define LS_STACK_AT_CORO 4 /* ends with the frame of the task's own coroutine: complete */
/*
 * does not contain the frame it should end with: taken before or after the coroutine, or the loop
 */
#define LS_STACK_OUTSIDE 8
#define LS_STACK_AT_LOOP 16 /* ends with the frame that runs a native loop */
/* read while its span is open: the end of the span will send it again, with its whole weight */
#define LS_STACK_SO_FAR 32
/*
 * of the thread that held the GIL, or with LS_CAUSE_LOCK the locks, for most of the time that the
 * span waited for them: no place of the span's own thread. weight_ns is that time. LS_CAUSE_GC: it
 * held the GIL, and for most of that time its collector ran. Without frames: it ran no Python, or
 * its stack changed while it was read
 */
#define LS_STACK_HOLDER 64
/*
 * of the step that made most tasks of the turn ready, while it did so. It is no place of the turn,
 * whose stall record follows
 */
#define LS_STACK_MAKER 128
/* With LS_STACK_HOLDER, of a lock: it was seen there when the wait began, and not again. */
#define LS_STACK_AT_BEGIN LS_STACK_MAKER
/* of a greenlet, which the loop switched to: complete, though without the loop's frame */
#define LS_STACK_GREENLET 32768

struct ls_rec_thread {
	struct ls_rec_hdr hdr;
	__u64 loop;
	__u64 tstate; /* 0 if it was not found */
	__u64 thread_pointer; /* or its id, where the kernel does not know its thread pointer */
};

struct ls_rec_stack {
	struct ls_rec_hdr hdr;
	__u64 span; /* number of the span on this thread */
	__u64 weight_ns; /* time spent at this place */
	__u64 native_ip; /* user instruction pointer of a blocked thread, else 0 */
	__u32 count; /* waits, or samples, that weight_ns sums up */
	__u16 cause; /* enum ls_cause; LS_CAUSE_CPU or LS_CAUSE_GC for a sample */
	__u16 syscall; /* number, or LS_NO_SYSCALL */
	__u16 flags;
	__u16 n_frames;
	__u32 pad;
	struct ls_frame frames[LS_MAX_FRAMES]; /* only n_frames of them are sent */
};

/* What a copy of a user stack belongs to: the innermost frame when it was taken. */
struct ls_place {
	__u64 span;
	struct ls_frame frame;
	__u16 cause; /* enum ls_cause, as in struct ls_rec_stack */
	__u16 pad[3];
};

struct ls_rec_copy {
	struct ls_rec_hdr hdr;
	struct ls_place place;
	__u32 n_bytes; /* that were readable, from LS_COPY_BELOW on */
	__u32 pad;
	__u64 regs[LS_COPY_REGS];
	__u8 bytes[LS_COPY_CHUNKS * LS_COPY_CHUNK];
};

/* A part of the target's memory. */
struct ls_piece {
	__u64 addr;
	__u32 at, n_bytes; /* in the record's bytes; 0 bytes: it could not be read */
};

/*
 * What a runtime reads to name a code object and its lines, as far as it fits. The process may be
 * gone when user space learns of its stall.
 */
struct ls_rec_code {
	struct ls_rec_hdr hdr;
	__u64 code;
	struct ls_piece pieces[LS_CODE_PIECES];
	__u8 bytes[LS_CODE_BYTES];
};

#define LS_NATIVE_CUT 1 /* frames between these and the innermost frame are not known */

struct ls_rec_native {
	struct ls_rec_hdr hdr;
	struct ls_place place;
	__u16 flags;
	__u16 n_ips;
	__u32 pad;
	__u64 ips[LS_MAX_NATIVE]; /* innermost first; only n_ips of them are sent */
};

/* The steps of one coroutine in a turn. */
struct ls_turn_part {
	__u64 code, qualname; /* 0 if unknown */
	__u64 duration_ns;
	__u32 steps;
	__u32 pad;
};

struct ls_rec_turn {
	struct ls_rec_hdr hdr;
	__u64 span; /* of the stall record */
	__u64 rest_ns; /* steps of coroutines that are not in `parts` */
	__u32 rest_steps;
	__u32 n_parts;
	/* coroutine of the one step that made at least half of the tasks ready; 0: none, unknown */
	__u64 maker_code, maker_qualname;
	__u32 n_made; /* tasks of the turn that it made ready */
	__u32 maker_origin; /* enum ls_maker_origin */
	struct ls_turn_part parts[LS_MAX_TURN_PARTS]; /* longest first */
};

/* Did it create these tasks, or wake tasks that had run before? */
enum ls_maker_origin { LS_MAKER_UNKNOWN, LS_MAKER_CREATED, LS_MAKER_WOKE, LS_MAKER_MAX };

struct ls_rec_victim {
	struct ls_rec_hdr hdr;
	__u64 span;
	__u64 task;
	__u64 code, qualname; /* of its coroutine; 0 if unknown */
	__u64 starved_ns;
	struct ls_pystr name;
};

#define LS_COMM_BYTES 16

/* A process, and how long its threads ran on the CPU that a loop thread waited for. */
struct ls_cpu_holder {
	__u64 ns; /* 0: not known */
	__u32 tgid;
	__u32 pad;
	__u64 comm[LS_COMM_BYTES / 8]; /* name of its first thread, raw */
};

/* Where a step resumed or suspended. Recordings hold these numbers. */
enum ls_await_state {
	LS_AWAIT_UNKNOWN,
	LS_AWAIT_SUSPENDED, /* at an await: the only state that has a position */
	LS_AWAIT_BEGAN, /* before the first line of the task's coroutine */
	/* the task is done */
	LS_AWAIT_RETURNED,
	LS_AWAIT_RAISED,
	LS_AWAIT_CANCELLED,
	LS_AWAIT_MAX
};

struct ls_await {
	/* of the innermost coroutine or generator of the await chain; at its ends, of the task's */
	struct ls_frame frame;
	__u32 state; /* enum ls_await_state; 0: the rest is not valid */
	__u32 pad;
};

struct ls_rec_stall {
	struct ls_rec_hdr hdr; /* ts_ns is the end */
	__u64 span;
	__u64 start_ns;
	__u64 duration_ns; /* without nested steps, so start + duration <= end */
	__u64 cause_ns[LS_CAUSE_MAX]; /* adds up to duration_ns */
	__u64 loop;
	__u64 task, coro, code; /* 0 for callbacks and turns; code: of the task's coroutine */
	__u64 qualname; /* address of the coroutine's qualified name (str), 0 if unknown */
	/* thread that held the GIL for most of the time waited for it, 0 if unknown */
	__u64 gil_holder_tstate;
	__u64 gil_holder_id; /* native thread id (3.11+) or pthread pointer (before) of it */
	__u64 starved_ns; /* of all victims, named or not */
	/* part of cause_ns[LS_CAUSE_RUNQUEUE]: steal time */
	__u64 stolen_ns;
	__u32 victims;
	/* with unread data that the loop has not looked at, at most LS_MAX_SOCKETS */
	__u32 sockets;
	__u32 samples; /* CPU samples taken in this span */
	__u32 unit; /* enum ls_unit */
	__u32 steps; /* turn: steps in it */
	__u32 flags;
	__u32 end; /* enum ls_end */
	__u32 signal; /* LS_END_SIGNAL: its number */
	/* oldest generation that the garbage collector worked on, plus 1; 0: none or not known */
	__u32 gc_generation;
	__u32 stop; /* enum ls_stop: who stopped it last */
	__u32 stop_id; /* the signal's number, or the tracer's process; 0: not known */
	/* added by user space: enum loop_library; 0: not known. Recordings hold these numbers */
	__u32 library;
	__u64 quota_ns, period_ns; /* CPU quota that throttled it; 0: not known */
	__u64 threshold_ns; /* when it ended; 0: not known */
	struct ls_cpu_holder cpu_holder; /* the heaviest one while it was ready to run */
	/* waits for a CPU while another one was free that the thread must not use */
	__u64 pinned_ns;
	/* samples on the CPU at which the GIL was looked at; those at which the thread had it not
	 */
	__u32 gil_looks, gil_free;
	/*
	 * since its first sample: what the kernel booked as time in user and in kernel mode, by its
	 * tick, and page faults; 0 without samples
	 */
	__u64 booked_user_ns, booked_kernel_ns, page_faults;
	struct ls_pystr name; /* of the task */
	/* added by user space: name of the GIL's holder, UTF-8, raw; "": not known */
	char gil_holder_name[LS_NAME_BYTES];
	/*
	 * The same of the locks that it waited for. Without a thread state the id is the kernel's;
	 * with LS_LOCK_PROCESS that of a process, perhaps of another one.
	 * Both 0: not known, and `lock_known` says why.
	 */
	__u64 lock_holder_tstate, lock_holder_id;
	__u32 lock_known; /* enum ls_lock_known */
	__u32 pad2;
	char lock_holder_name[LS_NAME_BYTES];
	struct ls_await from, to; /* of a step: where it resumed, and where it suspended next */
	struct ls_request request; /* of a step */
	/* the test that ran, one text that ends with a NUL; "": none, or not known */
	char test[LS_TEST_PARTS][LS_NAME_BYTES];
	/* attached to the thread for at least half of a step or of callbacks */
	struct ls_trace_context trace;
};

/* How the holder of a lock is known, or why it is not. Recordings hold these numbers. */
enum ls_lock_known {
	LS_LOCK_NOT_SEEN, /* no wait for a lock, or its beginning was not seen */
	LS_LOCK_OWNER, /* the lock names its owner */
	LS_LOCK_RELEASED, /* it does not; this thread was seen to release it */
	/* it had several owners during the wait: this one released it to the thread that waited */
	LS_LOCK_RELEASED_LAST,
	LS_LOCK_NO_OWNER, /* the lock has no owner field, and no release of it was seen */
	LS_LOCK_OWNER_GONE, /* the owner is no thread of the interpreter (any more) */
	LS_LOCK_FREE, /* it had no owner when the wait began */
	LS_LOCK_NO_OBJECT, /* neither a lock object of the runtime nor a mutex of the C library */
	/* a semaphore of System V, or a lock of a file whose request was not seen to wait */
	LS_LOCK_NO_FUTEX,
	/* set by user space: it waited for a notification, for which a lock was made */
	LS_LOCK_NOTIFIED,
	/* a lock of a file: `lock_holder_id` is the process that took it, its first thread's id */
	LS_LOCK_PROCESS,
	LS_LOCK_MAX
};

/* How the span of a stall ended. Recordings hold these numbers. */
enum ls_end {
	LS_END_RETURN, /* it suspended, returned or raised */
	LS_END_OPEN, /* it has not ended: an interim record, another one follows */
	LS_END_RUNNING, /* it had not ended when the measurement did */
	LS_END_EXIT, /* its thread exited */
	LS_END_EXEC, /* its process executed another program */
	LS_END_SIGNAL, /* a signal killed its process */
	LS_END_MAX
};

#define LS_GC_GENERATIONS 3

/* What stopped a thread. Recordings hold these numbers. */
enum ls_stop { LS_STOP_NONE, LS_STOP_SIGNAL, LS_STOP_TRACER, LS_STOP_FREEZER, LS_STOP_MAX };

#define LS_STALL_VICTIMS_CUT 1 /* more handles were ready than were looked at */
#define LS_STALL_VICTIMS_UNKNOWN 2 /* the loop's queue was not known yet */
#define LS_STALL_LIGHT 4 /* seen in light mode: start and end are estimates */
/* it began before its thread was found: `start_ns` is that time, `duration_ns` a lower bound */
#define LS_STALL_BEGAN_BEFORE 8
#define LS_STALL_SOCKETS_UNKNOWN 16 /* the loop's epoll was not known: `sockets` has no meaning */

struct ls_rec_life {
	struct ls_rec_hdr hdr;
};

struct ls_rec_fork {
	struct ls_rec_hdr hdr; /* of the parent */
	__u32 child; /* tgid */
	__u32 is_vfork; /* it shares its parent's memory until it executes another program */
};

/* Names the aggregate of one coroutine on one thread: only that thread writes it. */
struct ls_coro_key {
	__u64 code; /* 0: steps with an unknown coroutine */
	__u32 tgid, tid;
};

/* Element of the `coroutine_stats` array. */
struct ls_coro_stats {
	struct ls_coro_key key;
	__u64 steps, total_ns, max_ns, stalls;
	__u64 cause_ns[LS_CAUSE_MAX];
	__u64 starved_ns; /* waiting time of others behind its stalls */
	/* waiting time of its own tasks behind stalls of others, and number of waits */
	__u64 suffered_ns, suffered;
	__u64 qualname;
	__u64 reported_at_ns; /* when a stall of it was last reported */
	/* last turn in which it ran; of earlier turns are so many steps and so much time */
	__u64 turn, turn_steps, turn_ns;
	__u32 hist[LS_HIST_BUCKETS];
	/* added to `hist`: the histogram of times without the run queue */
	__s32 own_shift[LS_HIST_BUCKETS];
};

/*
 * One task, counted while `is_counting_tasks` is set, removed when it is done. Only its thread
 * writes it.
 */
struct ls_task_key {
	__u64 task;
	__u32 tgid, tid;
};

struct ls_task_stats {
	/* changes if the address is reused by another task: all counts start again */
	__u64 coro;
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
	/* of its steps and callbacks; LS_CAUSE_CPU stays 0: it is the rest */
	__u64 cause_ns[LS_CAUSE_MAX];
	__u64 worst_turn_ns;
	__u64 worst_turn_own_ns; /* of the turns' times without the run queue */
	__u32 turn_hist[LS_HIST_BUCKETS];
	__u64 handles; /* begun by the loop in light mode, which counts no steps */
	__u64 callbacks_starved_ns; /* waiting time of others behind stalls of callbacks, turns */
	/* counting began; this is the state at `at_ns`, 0: no reading of a thread */
	__u64 since_ns, at_ns;
	__u64 open_ns; /* of spans that had not ended then: in no sum */
	/*
	 * Time on the CPU in light mode, which is in no sum above, and how much of it the samples
	 * found in steps and in callbacks.
	 */
	__u64 light_cpu_ns, light_step_ns, light_callbacks_ns;
	/* waits of its ready tasks behind stalls: their sum, and each */
	__u64 waits_ns;
	__u32 wait_hist[LS_HIST_BUCKETS];
};

_Static_assert(sizeof(struct ls_rec_hdr) == 24, "record header");
_Static_assert(sizeof(struct ls_pystr) == 16 + LS_NAME_BYTES, "string");
_Static_assert(sizeof(struct ls_rec_stack) == 24 + 24 + 16 + 16 * LS_MAX_FRAMES, "stack record");
_Static_assert(sizeof(struct ls_rec_copy) ==
		       24 + 32 + 8 + 8 * LS_COPY_REGS + LS_COPY_CHUNKS * LS_COPY_CHUNK,
	       "copy record");
_Static_assert(sizeof(struct ls_rec_code) == 24 + 8 + 16 * LS_CODE_PIECES + LS_CODE_BYTES,
	       "code record");
_Static_assert(sizeof(struct ls_rec_native) == 24 + 32 + 8 + 8 * LS_MAX_NATIVE, "native record");
_Static_assert(sizeof(struct ls_rec_victim) == 24 + 40 + sizeof(struct ls_pystr), "victim record");
_Static_assert(sizeof(struct ls_rec_turn) == 24 + 48 + 32 * LS_MAX_TURN_PARTS, "turn record");
_Static_assert(sizeof(struct ls_task) == 64, "a task is one cache line");
_Static_assert(sizeof(struct ls_proc) % 8 == 0, "process configuration");

#endif
