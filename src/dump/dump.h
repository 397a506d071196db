/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One look at a process: what each event loop, task and thread does right now. Everything is read
 * from memory and /proc, nothing is stopped or changed, and no kernel side is needed. A running
 * process changes while it is read: what did is marked, never guessed.
 */
#ifndef LOOPSTALL_DUMP_DUMP_H
#define LOOPSTALL_DUMP_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model/resolver.h"
#include "process/proc_thread.h"
#include "process/target.h"
#include "runtime/lifecycle.h"
#include "runtime/pools.h"

struct symbols;

#define DUMP_MAX_LOOPS 64
#define DUMP_MAX_THREADS 512
#define DUMP_MAX_TASKS 100000 /* read one by one */
#define DUMP_MAX_GROUPS 4096
#define DUMP_MAX_DEPTH 32 /* of the await tree */
#define DUMP_GROUP_NAMES 3

/* What a thread is doing: name, word, what is said of it. */
#define DUMP_DOINGS(_)                                                                             \
	_(CPU, "cpu", "on the CPU or ready for it")                                                \
	_(GIL, "gil", "waits for the GIL")                                                         \
	_(SYSCALL, "syscall", "in a system call")                                                  \
	_(BLOCKED, "blocked", "blocked in the kernel outside of a system call")                    \
	_(SLEEPING, "sleeping", "off the CPU; its system call cannot be read")                     \
	_(STOPPED, "stopped", "stopped by a signal")                                               \
	_(TRACED, "traced", "stopped by a debugger")                                               \
	_(UNKNOWN, "unknown", "its state cannot be read")

enum dump_doing {
#define _(name, word, sentence) DUMP_##name,
	DUMP_DOINGS(_)
#undef _
};

/* What a loop's thread is in. */
#define DUMP_UNITS(_)                                                                              \
	_(POLL, "poll", "waits in its poll")                                                       \
	_(STEP, "step", "in a step")                                                               \
	_(CALLBACK, "callback", "in a callback")                                                   \
	_(LOOP, "loop", "in its own code, between steps")                                          \
	_(OTHER, "unknown", "in no step or callback that could be recognized")

enum dump_unit {
#define _(name, word, sentence) DUMP_UNIT_##name,
	DUMP_UNITS(_)
#undef _
};

const char *dump_doing_word(enum dump_doing doing);
const char *dump_doing_sentence(enum dump_doing doing);
const char *dump_unit_word(enum dump_unit unit);
const char *dump_unit_sentence(enum dump_unit unit);

struct dump_frame {
	const char *function, *file; /* "?" if unreadable */
	uint32_t line; /* 0: unknown */
};

struct dump_thread {
	uint64_t tstate;
	pid_t tid; /* 0: unknown */
	char name[64]; /* raw */
	enum dump_doing doing;
	struct proc_thread kernel;
	const char *syscall, *native; /* NULL: in none, or unknown */
	bool holds_lock;
	bool is_changed; /* it did not keep still while it was read */
	bool is_loop; /* one of `loops` runs on it */
	size_t executor_of; /* number of the loop in whose executor it is, from 1 on; 0: in none */
	struct target_stack stack;
	struct dump_frame frames[TARGET_STACK_FRAMES]; /* of the stack */
};

struct dump_loop {
	const struct dump_thread *thread; /* NULL: its thread was not found */
	struct target_loop_thread info;
	enum dump_unit unit;
	size_t n_unit_frames; /* inner frames that belong to the step or callback */
	/* a function without a frame that the loop calls; name "": none, or unknown */
	struct target_callee callee;
	/* of a step; its task may have ended since, then 0, "" and { 0 } */
	uint64_t task;
	char task_name[128];
	struct code_info coroutine; /* of a step or callback; name NULL: unknown */
	int ready; /* handles in its queue; -errno: unknown */
	struct target_executor executor;
	size_t n_tasks, n_by_state[3]; /* enum target_task_state */
};

/* Tasks that wait, or run, at the same place, for tasks of one other group. */
struct dump_group {
	size_t count;
	size_t depth; /* in the await tree: 0 at its roots */
	size_t loop; /* number in `loops`, DUMP_NO_LOOP if that does not run */
	size_t parent; /* number of the group whose tasks wait for these, DUMP_NO_GROUP */
	enum target_task_state state;
	struct code_info coroutine;
	char waits_for[48]; /* as in struct target_task */
	size_t n_frames;
	bool is_cut;
	struct dump_frame frames[TARGET_TASK_FRAMES]; /* its await chain, innermost first */
	/* of some: those that come first in natural order, which are the oldest of unnamed ones */
	char names[DUMP_GROUP_NAMES][128];
};

/* Threads or connections that tasks share. */
struct dump_pool {
	const struct pool *pool;
	struct dump_frame places[POOL_PLACES]; /* of its places */
};

/* Tasks, or generators, whose life is not as it should be. */
struct dump_life {
	const struct life_group *group;
	struct code_info coroutine, other; /* of the group; NULLs: not known */
	struct dump_frame frames[LIFE_FRAMES];
};

#define DUMP_NO_LOOP SIZE_MAX
#define DUMP_NO_GROUP SIZE_MAX

struct dump {
	const struct target *target;
	struct symbols *symbols; /* NULL if the resolver is somebody else's */
	struct resolver resolver;
	size_t n_loops;
	struct dump_loop loops[DUMP_MAX_LOOPS];
	size_t n_threads;
	bool has_more_threads;
	struct dump_thread *threads;
	bool has_lock; /* the runtime has a global lock */
	const struct dump_thread *holder; /* NULL: none holds it */
	bool holder_changed; /* it passed from thread to thread meanwhile */
	size_t n_tasks, n_tasks_unread;
	int tasks_error; /* 0, or why the tasks could not be read: -errno */
	/* in order: a parent before its children, the largest first among those of one parent */
	size_t n_groups, n_ungrouped; /* tasks for whose group there was no room */
	struct dump_group *groups;
	int pools_error; /* 0, or why the pools could not be read: -errno */
	struct pools pools_read;
	struct dump_pool pools[POOLS_MAX]; /* of `pools_read` */
	struct lifecycle *life_read; /* with the pools */
	size_t n_lives; /* by kind, of one kind the largest first */
	bool lives_cut; /* there may be more: not all tasks were looked at */
	struct dump_life *lives;
	uint64_t wall_ns, took_ns; /* CLOCK_REALTIME at the start; how long it took */
};

/*
 * Looks at a process that was examined. `resolver` must know it; NULL: one of its own is made. 0 or
 * -errno.
 */
int dump__read(struct dump *d, const struct target *t, const struct resolver *resolver);
void dump__done(struct dump *d);

/* For people. */
void dump__write_text(const struct dump *d, FILE *out);
/* One object on one line. 0 or -errno. */
int dump__write_json(const struct dump *d, FILE *out);

/* Parts of dump__read(). */

/* Function, file and line of a frame. */
struct dump_frame dump__name_frame(const struct dump *d, const struct ls_frame *frame);

/* What the kernel says, in one word; `is_lock_wait`: the system call waits for the GIL. */
enum dump_doing dump_doing_of(const struct proc_thread *thread, bool is_lock_wait);
/* A loop that is known by its poll alone, if functions on the thread's stack run one. */
bool dump__shows_loop(const struct dump *d, const struct dump_thread *th,
		      struct target_loop_thread *ret_loop);
/* Sets `unit` and what belongs to it. `poll_fd` as target__poll_fd(). */
void dump__judge_loop(const struct dump *d, struct dump_loop *l, int poll_fd,
		      const struct target_tasks *tasks);
/* Fills in `lives` from `life_read`. 0 or -ENOMEM. */
int dump__name_lives(struct dump *d);
/* Fills in the groups and the counts of the loops. 0 or -ENOMEM. */
int dump__group_tasks(struct dump *d, const struct target_tasks *tasks);

#endif
