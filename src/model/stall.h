/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of one stall, and how it comes out of the numbers of its record. What stacks and
 * victims add to it is in attribution.h and model.c.
 */
#ifndef LOOPSTALL_MODEL_STALL_H
#define LOOPSTALL_MODEL_STALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

#include "base/time.h"
#include "model/frame.h"
#include "model/resolver.h"

/*
 * Size of a task's name in UTF-8. The worst case is Latin-1: LS_NAME_BYTES characters of two bytes.
 */
#define MODEL_NAME_BYTES (2 * LS_NAME_BYTES + 32)

#define MODEL_METHOD_BYTES 32
/* A route has up to two prefixes. */
#define MODEL_ROUTE_BYTES ((1 + LS_REQUEST_PREFIXES) * MODEL_NAME_BYTES)
#define MODEL_TEST_BYTES (LS_TEST_PARTS * LS_NAME_BYTES)

/* The HTTP request in whose step a stall happened, in UTF-8, raw; "": not known. */
struct model_request {
	char method[MODEL_METHOD_BYTES];
	char route[MODEL_ROUTE_BYTES]; /* template, or the first segment of the path */
	char label[MODEL_METHOD_BYTES + MODEL_ROUTE_BYTES]; /* "GET /orders/{id}" */
};

/* What was observed of a stall beyond its cause. It decides what to do about it. */
enum sign {
	SIGN_NONE,
	SIGN_PINNED, /* it waited for its CPUs while others were free that it must not use */
	SIGN_OWN_THREADS, /* other threads of its process had the CPU */
	SIGN_OTHER_PROCESS, /* another process had it */
	SIGN_GIL_HELD, /* it computed with the interpreter's lock */
	SIGN_AWAITS, /* it awaited again and again and never had to suspend */
	SIGN_GIL_RELEASED, /* it computed in native code that released the lock */
	SIGN_NESTED_LOOP, /* another loop waited that it ran inside its own */
	SIGN_FILE_LOCK, /* it waited for a lock of a file */
	SIGN_NOTIFIED, /* it waited for what another thread does, not for a lock that one holds */
	SIGN_OPENS, /* it opened a file, which may be a FIFO: that one waits for its other end */
	SIGN_LIBRARY, /* it slept in a native library, not in the runtime's own sleep */
	SIGN_COLLECTS, /* it asked the garbage collector to run */
	SIGN_HOLDER_COLLECTS, /* the holder of the interpreter's lock collected garbage */
	SIGN_PAGE_FAULTS, /* the kernel provided or copied memory that it touched */
	SIGN_MAX
};

/* The process whose threads ran longest on the CPU that a stall waited for. */
struct cpu_holder {
	uint64_t duration_ns; /* 0: nothing waited, or not known */
	uint32_t pid;
	bool is_own_process;
	char name[3 * LS_COMM_BYTES + 4]; /* UTF-8, "" if it has none */
};

/* A thread that held what a stall waited for. */
struct model_holder {
	uint32_t tid; /* 0: nothing waited for it, or not known who held it */
	/*
	 * only the process is known: `tid` and `name` are its own, `stack` is that of its only
	 * thread. It may be another process than the stall's
	 */
	bool is_process;
	/* it had the interpreter's lock because it collected garbage: its stack is innocent */
	bool is_collecting;
	/* `stack` is that of the moment when the wait began: it was not seen again */
	bool is_seen_once;
	char name[LS_NAME_BYTES]; /* UTF-8, raw; "" if not known */
	/* what it ran meanwhile, innermost first; 0: no code of the runtime, or not known */
	size_t n_frames;
	struct model_frame stack[LS_MAX_FRAMES];
};

#define STALL_MAX_SHARES 6

/* What the time of one cause went into: one of the user's lines. */
struct stall_share {
	enum ls_cause cause;
	struct model_frame at;
	uint32_t def_line; /* first line of that function, 0 if not known */
	double share; /* of the time of that cause that was seen there */
};

/* Where a step resumed or suspended. `at` is valid as `state` says: see step_ends.h. */
struct step_end {
	enum ls_await_state state; /* LS_AWAIT_UNKNOWN: not known, or no step */
	struct model_frame at;
};

/* The steps of one coroutine in a turn. */
struct turn_part {
	struct code_info coroutine; /* NULLs if not known */
	uint32_t steps;
	uint64_t duration_ns;
};

/* The one step that made most of a turn's tasks ready. */
struct turn_maker {
	uint32_t n_made; /* steps of the turn; 0: there is no such step, or it was not seen */
	enum ls_maker_origin origin;
	struct code_info coroutine; /* NULLs if not known */
	struct model_frame at; /* where it was while it did so; NULLs if not known */
};

struct turn_parts {
	bool is_known;
	size_t n_parts;
	struct turn_part parts[LS_MAX_TURN_PARTS]; /* most time first */
	uint32_t rest_steps; /* steps of other coroutines */
	uint64_t rest_ns;
	struct turn_maker maker;
};

/*
 * One stall with all names resolved. Strings live as long as the model and its resolver.
 */
struct stall {
	uint32_t pid, tid;
	enum ls_unit unit;
	enum ls_cause cause;
	uint64_t start_ns, duration_ns;
	uint64_t threshold_ns; /* that it reached; 0: not known */
	uint64_t cause_ns[LS_CAUSE_MAX]; /* adds up to duration_ns */
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns; /* the split: adds up to duration_ns */
	/* part of runqueue_ns during which the hypervisor ran another guest */
	uint64_t stolen_ns;
	uint64_t task; /* address, 0 for callbacks and turns */
	/* UTF-8; "" for callbacks and turns, "?" if it is not known */
	char task_name[MODEL_NAME_BYTES];
	bool is_task_name_unknown;
	/* callback: its function; all NULL: a turn, or not known */
	struct code_info coroutine;
	/*
	 * Where most time was spent; NULL/0 if not known. The system call and the native function
	 * may be known without a frame.
	 */
	struct model_frame call; /* the innermost frame that has a name */
	/*
	 * The user's innermost function that holds most of the stall, its line, and the share of
	 * all samples and waits that it holds (0 ... 1); `entry`: his outermost function, through
	 * which the stall came to it. See own.h. NULLs if not known.
	 */
	struct model_frame own, entry;
	uint32_t own_def_line; /* first line of that function, 0 if not known */
	uint32_t entry_def_line; /* of `entry`, likewise */
	bool is_entry_users; /* `entry` is the user's code, not a library's */
	double own_share;
	/* by cause, of each the largest first */
	size_t n_shares;
	struct stall_share shares[STALL_MAX_SHARES];
	/* lines around own.line, see struct resolver_ops; NULL if not known */
	const char *source;
	const char *call_syscall;
	const char *call_native;
	size_t n_frames;
	struct model_frame stack[LS_MAX_FRAMES]; /* innermost first; of the place in `call` */
	/* first lines of the functions in `stack`, 0 if not known */
	uint32_t def_lines[LS_MAX_FRAMES];
	bool is_stack_cut;
	bool collects; /* its innermost line asks the garbage collector to run */
	struct model_holder gil_holder; /* the one that it waited for longest */
	/* the same of the locks that it waited for */
	struct model_holder lock_holder;
	enum ls_lock_known lock_known;
	/*
	 * Native frames inside stack[0], innermost first; `is_native_cut`: there may be more.
	 * Without `has_native_stack` it is not known whether there are any.
	 */
	bool has_native_stack, is_native_cut;
	bool is_nested_loop; /* its innermost code is a loop that it runs */
	bool is_library_call; /* it slept in a native library (library_calls.h) */
	size_t n_native;
	struct model_native native_stack[LS_MAX_NATIVE];
	uint32_t steps; /* of a turn */
	struct turn_parts turn;
	uint32_t victims;
	uint32_t victims_named;
	char victim_names[LS_MAX_VICTIM_NAMES][MODEL_NAME_BYTES];
	uint64_t starved_ns;
	uint32_t sockets; /* with unread data that the loop had not polled */
	bool is_victims_cut, is_victims_unknown, is_sockets_unknown;
	/* `start_ns` is when its thread was found, `duration_ns` a lower bound */
	bool began_before;
	/* measured in light mode: its start and end are exact to two sampling periods */
	bool is_light;
	/*
	 * LS_END_OPEN: as far as it has come. It is in no sum; another one with the same pid, tid
	 * and start follows when it ends, or when the measurement does.
	 */
	enum ls_end end;
	unsigned int end_signal; /* LS_END_SIGNAL: its number */
	/* oldest generation that the garbage collector worked on, plus 1; 0: none or not known */
	unsigned int gc_generation;
	enum ls_stop stop; /* what stopped it last */
	uint32_t stop_id; /* the signal's number or the tracer's process; 0: not known */
	uint64_t quota_ns, period_ns; /* CPU quota that throttled it; 0: none or not known */
	struct cpu_holder cpu_holder;
	/* part of runqueue_ns: a CPU was free that the thread must not use */
	uint64_t pinned_ns;
	/* samples on a CPU at which the interpreter's lock was looked at, and was not the thread's
	 */
	uint32_t gil_looks, gil_free;
	/*
	 * Part of cpu_ns in kernel mode, estimated from the ticks of the kernel; without
	 * `has_kernel_ns` they were too few.
	 */
	bool has_kernel_ns;
	uint64_t kernel_ns;
	uint64_t page_faults; /* since its first sample */
	/* where it awaited again and again without suspending; NULLs if it was not seen to */
	struct model_frame repeated_await;
	struct step_end from, to;
	struct model_request request;
	char test[MODEL_TEST_BYTES]; /* that ran: its id, UTF-8; "": none, or not known */
	struct ls_trace_context trace; /* all 0: none, or not known */
	enum sign sign;
	struct code_context context;
	/*
	 * CONTEXT_FINALIZER, _DEATH, _SIGNAL: the function that the interpreter called by itself,
	 * and what it was run in; NULLs if not known
	 */
	struct model_frame own_call, interrupted;
	/*
	 * `cause` is the host's doing, and the rest alone reached the threshold: its cause and
	 * time. Else `own_ns` is 0.
	 */
	enum ls_cause own_cause;
	enum sign own_sign;
	uint64_t own_ns;
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

/* Fewer ticks of the kernel say too little: four of 4 ms. */
#define STALL_BOOKED_MIN_NS (16 * NS_PER_MS)
/* More than a page fault takes, with the copy of a page. */
#define STALL_FAULT_NS (20 * NS_PER_US)

#define STALL_ID_BYTES 32

/* What all outputs call it: thread and start, "4243:123456789012345". */
void stall__id(const struct stall *stall, char *text, size_t size);

/* A trace context as the W3C writes it: hexadecimal digits. */
struct trace_text {
	char trace_id[2 * sizeof(((struct ls_trace_context *)0)->trace_id) + 1];
	char span_id[2 * sizeof(((struct ls_trace_context *)0)->span_id) + 1];
};

/* Both texts are "" if it has none. */
void stall__trace_text(const struct stall *stall, struct trace_text *ret_text);

/* Overwrites *stall. */
void stall__fill(struct stall *stall, const struct resolver *r, const struct ls_rec_stall *rec);
/* Of the time that tasks starved behind it, the share of `part_ns` of its duration. */
uint64_t stall__starved_share_ns(const struct stall *stall, uint64_t part_ns);
/* What was observed of the part of its time that is of this cause. */
enum sign stall__sign_of(const struct stall *stall, enum ls_cause cause);
/* Again, after more of it has become known. */
void stall__set_signs(struct stall *stall);
/* Most of its time on the CPU was in kernel mode. */
bool stall__is_in_kernel(const struct stall *stall);

#endif
