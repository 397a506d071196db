/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A runtime is a folder behind this table: src/NAME/ implements it, bpf/NAME/ is its part of the
 * kernel side, include/loopstall/NAME.h the layout both share. src/process, src/symbol, src/model
 * and everything above them reach a runtime only through the table and through its words (words.h);
 * tests/lint checks that.
 *
 * Life of a target, and who calls what:
 *
 *   1. src/process reads who the process is (/proc, maps, ELF class) and calls examine() of each
 *      registered runtime, in the order of RUNTIMES, until one does not return -ENOENT. That one
 *      owns the target: target->runtime points to its table, target->own to its private data.
 *   2. src/session attaches target->modules with src/probe, which copies target->proc into the
 *      kernel. proc.runtime (enum ls_runtime) tells the kernel side which member of the union is
 *      valid.
 *   3. While the target is watched, src/session calls loop_threads() about once a second and
 *      resolve_loop() for each loop, and hands the results to the kernel side. Task lists, queue
 *      lengths and executors are read on demand, at most a few times a second.
 *   4. src/session (or src/dump) adds the target to src/symbol, which copies target->proc. To name
 *      a frame or a thread, sent by the kernel side or read by thread_stack(), src/symbol calls
 *      code_stamp(), code_names(), code_qualname(), code_lines(), frame_line() and thread_tid(),
 *      and keeps what they return: names in one pool, line tables in a bounded cache. Recordings
 *      store what it answered, so a replay calls none of these.
 *   5. The model and the sinks ask `words` for everything they say about the runtime, also for what
 *      a frame is (frame_role, is_library); they never see this table.
 *   6. free() releases `own`. Frames are still resolved after that, from the copy of `proc`.
 *
 * Rules for all functions:
 *
 *   - They may read the target's memory, its files and /proc; they never stop, change or signal it.
 *     The target runs on and is untrusted: any value may be torn, stale or hostile. Bound every
 *     walk.
 *   - They return 0 (or a count) or -errno and leave ret_ arguments untouched on failure. -ESRCH:
 *     the process is gone. -ENOTSUP: the runtime cannot do that at all.
 *   - They keep no global state. What an examination learns goes to target->own; what can be
 *     derived from a file alone goes through known_files, so that no file is searched twice.
 *   - They are called from one thread.
 *
 * A runtime must have `id`, `words`, `has_traces`, `examine`, `free`, `loop_threads`,
 * `resolve_loop` and `has_queue`. Any other function may be NULL; the comment on each says what is
 * missing then.
 */
#ifndef LOOPSTALL_RUNTIME_RUNTIME_H
#define LOOPSTALL_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <loopstall/abi.h>

#include "runtime/frames.h"
#include "runtime/words.h"

struct examination;
struct lifecycle;
struct maps;
struct target;
struct target_callee;
struct target_description;
struct target_executor;
struct target_loop_thread;
struct pools;
struct target_threads;
struct target_stack;
struct target_step;
struct target_stuck;
struct target_tasks;
struct target_task_choice;
struct target_waiting;

/* A library whose loops are watched. A runtime has one constant object of each; NULL: unknown. */
struct loop_kind {
	const char *word; /* "asyncio": in output, recordings and JSON */
	enum loop_library library; /* for advice */
	/*
	 * The kernel side names such a loop by the thread that runs it; its queues never move, and
	 * resolve_loop() finds all there is to know about its tasks.
	 */
	bool is_by_thread;
	/*
	 * No task of it is known, so no step shows its thread to the kernel side: that one times
	 * what the thread does between two polls from the moment it is found.
	 */
	bool is_bare;
};

/* Native functions by which one tells where frames of the language are; NULL ends a list. */
struct native_bounds {
	const char *const *inside; /* each runs frames */
	const char *const *outside; /* each calls one of these, which may have lost its name */
};

struct runtime_ops {
	enum ls_runtime id;
	const struct runtime_words *words;

	/* Native frames inside the innermost frame end at one of these. NULL: they are not shown.
	 */
	const struct native_bounds *native_bounds;

	/*
	 * Cheap test on mapped file names: can the process be one of this runtime? Used to list all
	 * processes of a machine; may be wrong in both directions.
	 */
	bool (*has_traces)(const struct maps *maps);

	/*
	 * Examines x->t: sets `own`, `proc`, `version`, `rung`, `is_up`, `has_loops` and adds the
	 * probe spots of each file. Must also work before the runtime is initialized; then is_up or
	 * has_loops is false and the function is called again later. -ENOENT: not a process of this
	 * runtime, err untouched. Any other error is final, with err set.
	 */
	int (*examine)(struct examination *x);
	void (*free)(void *own);

	/* Threads that run a loop now: their number (at most max) or -errno. */
	int (*loop_threads)(const struct target *t, struct target_loop_thread *threads, size_t max);

	/*
	 * Fills in what the kernel side needs to look into a loop's queues, except for what
	 * resolve_tasks() has filled in before. What cannot be found becomes 0.
	 */
	int (*resolve_loop)(const struct target *t, uint64_t loop, struct ls_loop *info,
			    const struct loop_kind **ret_kind);
	/* True if `info` has a queue: a loop that is closed has none. */
	bool (*has_queue)(const struct ls_loop *info);

	/*
	 * Adds to t->proc where the process keeps the task that runs now, once the library that
	 * runs loops is loaded. Needed in light mode. 1 if it was added, 0 if it was there already.
	 * NULL: `proc` is complete after examine().
	 */
	int (*find_running_task)(struct target *t);

	/*
	 * Where the process handles HTTP requests and which test it runs, as target__requests().
	 * NULL: not known.
	 */
	int (*requests)(const struct target *t, uint64_t *stamp, struct ls_requests *ret);

	/*
	 * The loop of a thread that the kernel side knows by its thread state only: 0 if it is of
	 * another scheduler. NULL: the kernel side always sends the loop's address.
	 */
	int (*scheduler_of_thread)(const struct target *t, uint64_t tstate, uint64_t *ret_loop,
				   const struct loop_kind **ret_kind);

	/*
	 * Adds to `info` how tasks are laid out that the runtime's own library does not manage in
	 * machine code. NULL: there are none.
	 */
	int (*resolve_tasks)(const struct target *t, uint64_t loop, struct ls_loop *info);

	/* The task that runs coroutine `coro`, as target__task_of_coroutine(). NULL: none does. */
	int (*task_of_coroutine)(const struct target *t, uint64_t coro, uint64_t *ret_task,
				 struct ls_pystr *ret_name);

	/*
	 * The step that a thread with this stack is in, as target__step_of_stack(). NULL: not
	 * known.
	 */
	int (*step_of_stack)(const struct target *t, const struct target_stack *stack,
			     struct target_step *ret);

	/* As target__task_name(). NULL: tasks have none. */
	int (*task_name)(const struct target *t, uint64_t task, uint64_t coro,
			 struct ls_pystr *ret_name);

	/* The tasks alive and their number, as target__tasks(). NULL: no list of tasks. */
	int (*tasks)(const struct target *t, size_t max, const struct target_task_choice *choice,
		     struct target_tasks *tasks);
	int (*count_tasks)(const struct target *t);

	/* Handles ready to run, one read. NULL: the length of the queue is not shown. */
	int (*count_ready)(const struct target *t, const struct ls_loop *loop);

	/* Tasks that wait for a loop that is stuck, as target__waiting(). NULL: not known. */
	int (*waiting)(const struct target *t, const struct target_stuck *stuck,
		       struct target_waiting *ret);

	/* The loop's default thread pool. NULL: loops have none. */
	int (*executor)(const struct target *t, uint64_t loop, struct target_executor *ret);

	/*
	 * Thread states of the threads of that pool: their number (at most max) or -errno. NULL:
	 * not known.
	 */
	int (*executor_threads)(const struct target *t, uint64_t loop, uint64_t *tstates,
				size_t max);

	/*
	 * Threads and connections that tasks share, and the life of the tasks, as target__pools().
	 * NULL: none are known.
	 */
	int (*pools)(const struct target *t, struct pools *ret, struct lifecycle *life);

	/*
	 * What threads do right now, read from memory. All NULL: `loopstall dump` shows loops and
	 * tasks, but no stacks. See target__threads(), target__thread_stack(),
	 * target__lock_holder(), target__is_lock_wait(), target__poll_fd().
	 */
	int (*threads)(const struct target *t, struct target_threads *list);
	int (*thread_stack)(const struct target *t, uint64_t tstate, struct target_stack *ret);
	int (*lock_holder)(const struct target *t, uint64_t *ret_tstate);
	/* As target__thread_name(). NULL: threads have no names. */
	int (*thread_name)(const struct target *t, uint64_t tstate, uint64_t id, char *buf,
			   size_t size);
	bool (*is_lock_wait)(const struct target *t, uint64_t addr);
	int (*poll_fd)(const struct target *t, uint64_t loop);
	/* As target__callee(). NULL: not known. */
	int (*callee)(const struct target *t, uint64_t tstate, struct target_callee *ret);
	/* Kind of the loops that their functions alone show (runs_loop in words.h). NULL: none. */
	const struct loop_kind *shown_loop;
	/* As target__is_greenlet(). NULL: there are none. */
	bool (*is_greenlet)(const struct target *t, const struct target_stack *stack);

	/*
	 * Reads what distinguishes the code object at address `code` from another one. src/symbol
	 * calls it before it reads anything else of the object, again after that, and every 50 ms
	 * while the object's names are in use, so it should cost one read. -EFAULT: there is no
	 * code object at that address. NULL: frames have no names; the other functions about code
	 * objects are not called. The source of all of them may also hold only what the kernel side
	 * copied of the object (struct ls_rec_code): its process may have ended.
	 */
	int (*code_stamp)(struct frame_source *s, uint64_t code, struct code_stamp *ret_stamp);
	/* Names of the code object that has this stamp; what cannot be read becomes NULL. */
	void (*code_names)(const struct frame_source *s, const struct code_stamp *stamp,
			   struct code_names *ret_names);
	/*
	 * A name that is not qualified can be learned later from a coroutine that runs the code:
	 * `qualname` is the address that the kernel side sent with it, `name` and `name_kind` are
	 * from code_names(). -ENOENT: it is not the qualified form of `name`. NULL: there is no
	 * such address.
	 */
	int (*code_qualname)(const struct frame_source *s, const char *name, uint64_t name_kind,
			     uint64_t qualname, char **ret_name);

	/* Reads what maps positions in the code to lines. NULL: frames have no lines. */
	int (*code_lines)(const struct frame_source *s, const struct code_stamp *stamp,
			  uint8_t **ret_table, size_t *ret_size);
	/*
	 * Line of a frame whose code object has this stamp and this table; 0: unknown. Required if
	 * there is code_lines().
	 */
	uint32_t (*frame_line)(const struct frame_source *s, const struct code_stamp *stamp,
			       const uint8_t *table, size_t size, const struct ls_frame *frame);

	/*
	 * The kernel's id of a thread that the kernel side identifies by thread state and `id`, as
	 * the target sees it (in its own pid namespace). 1: the runtime keeps that id, so it is
	 * right even if the thread has ended. 0: found by other means, counts only if the process
	 * has such a thread. -ENOENT: not known. NULL: threads are not named.
	 */
	int (*thread_tid)(const struct frame_source *s, uint64_t tstate, uint64_t id,
			  uint32_t *ret_tid);

	/* What `loopstall doctor` shows. NULL: nothing beside the version. */
	void (*describe)(const struct target *t, struct target_description *ret);
};

#define _(id, name) extern const struct runtime_ops runtime_##name;
RUNTIMES(_)
#undef _

/* All of them; ends with NULL. */
extern const struct runtime_ops *const runtimes[];

#endif
