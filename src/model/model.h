/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: a pure state machine. Events and aggregates go in, one snapshot comes out. No I/O, no
 * clock, no globals: the same inputs give the same snapshot.
 */
#ifndef LOOPSTALL_MODEL_MODEL_H
#define LOOPSTALL_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

#include "model/resolver.h"
#include "model/snapshot.h"
#include "model/stall.h"
#include "runtime/pools.h"
#include "stream/event.h"

/* A task as read from the process, not resolved. */
struct model_task {
	uint32_t pid, tid;
	/* addresses in the process; awaited_by is 0 if not known */
	uint64_t task, awaited_by;
	uint64_t code, qualname;
	enum model_task_state state;
	const char *name, *waits_for; /* UTF-8; copied */
	bool is_cut;
	size_t n_frames;
	const struct ls_frame *frames; /* copied */
	struct ls_task_stats stats; /* zero while tasks are not counted */
};

#define MODEL_LIVE_VICTIMS 8 /* victims of an open stall that are named */

/* A stall that is open, as read from the thread's kernel state, not resolved. */
struct model_live {
	/*
	 * As far as it has come at hdr.ts_ns. Recordings of older versions hold neither that time
	 * nor what the time went into.
	 */
	struct ls_rec_stall stall;
	enum ls_cause cause; /* of its current wait; CPU while it computes */
	uint16_t syscall; /* or LS_NO_SYSCALL */
	uint16_t stack_flags;
	size_t n_frames; /* of where it is now */
	const struct ls_frame *frames;
	/* of the lock's holder if it waits for one now, else of the interpreter's lock's */
	uint32_t n_holder_frames;
	const struct ls_frame *holder_frames;
	uint32_t n_victim_names;
	struct ls_pystr victim_names[MODEL_LIVE_VICTIMS];
};

/* Called for each stall when it ends. Returns 0 or -errno, which model__event() passes on. */
typedef int (*stall_fn)(void *ctx, const struct stall *stall);

struct model;

/* What counts as the user's code in addition. The texts must outlive the model. */
struct own_rules {
	size_t n_paths, n_packages;
	const char *const *paths; /* files and folders */
	const char *const *packages; /* names of installed packages */
};

int model__new(struct model **ret_model, const struct resolver *resolver, stall_fn on_stall,
	       void *ctx);
void model__free(struct model *m);
static inline void model__freep(struct model **m)
{
	model__free(*m);
}

/*
 * Asks the resolver for the names in a stack, or in a stall and the stacks before it, so that it
 * knows them when the process does not exist any more. Changes nothing else.
 */
void model__learn_names(struct model *m, const struct event *event);
/* Processes one event. 0 or -errno (-ENOMEM, or what on_stall returned). */
int model__event(struct model *m, const struct event *event);

/* Replaces the absolute reading of one coroutine on one thread, or of one thread. 0 or -ENOMEM. */
int model__coroutine(struct model *m, const struct ls_coro_key *key,
		     const struct ls_coro_stats *stats);
int model__thread(struct model *m, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats);
/* Sets the absolute count of a loss. `name` and `sentence` must outlive the model. 0. */
int model__loss(struct model *m, const char *name, const char *sentence, uint64_t count);

/*
 * Describes a loop; valid until the next call or the end of its thread. Also makes the row of a
 * thread that has no reading yet. 0 or -errno.
 */
struct model_loop_info {
	const char *process; /* copied, at most 63 bytes of it */
	uint32_t tasks_ready;
	uint32_t executor_threads, executor_max, executor_queued;
	uint32_t container_pid; /* pid inside its container, 0: it is in none */
};
int model__loop(struct model *m, uint32_t pid, uint32_t tid, const struct model_loop_info *info);

/*
 * Replaces all tasks; `alive` may exceed n. With `tasks` NULL only the count changes. Duplicates
 * count once; a cycle of tasks that await each other is cut at one link, so that `awaited_by`
 * always leads to an end. A task that is missing in one reading loses its rate and the time it was
 * first seen. 0 or -errno, which leaves the rows unchanged.
 */
int model__tasks(struct model *m, uint64_t now_ns, const struct model_task *tasks, size_t n,
		 uint64_t alive);
/* Replaces the numbers of the pools of one process by those of a look at `now_ns`. 0 or -ENOMEM. */
int model__pools(struct model *m, uint64_t now_ns, uint32_t pid, const struct pool *list, size_t n);
/* The same for its groups of tasks. */
int model__lives(struct model *m, uint64_t now_ns, uint32_t pid, const struct life_group *list,
		 size_t n);
/* Appends a line to the log. 0 or -errno. */
int model__log(struct model *m, uint64_t now_ns, enum log_grade grade, uint32_t pid,
	       const char *text);

/*
 * What one loop thread, or one coroutine on it, has counted since the base. `is_last`: the thread
 * has ended, and these numbers are final; the next tick adds them to sums that know no process.
 */
struct thread_sum {
	uint32_t pid, tid;
	bool is_last;
	const struct ls_thread_stats *stats;
	const struct model_loop_info *info;
};
struct coroutine_sum {
	uint32_t pid, tid;
	bool is_last;
	const struct code_info *coroutine;
	const struct ls_coro_stats *stats;
};
struct sum_ops {
	int (*thread)(void *ctx, const struct thread_sum *sum);
	int (*coroutine)(void *ctx, const struct coroutine_sum *sum);
};
/*
 * Hands out the sums that a process can be named for, until one call fails. Just before a tick no
 * thread is missing whose end is known. 0 or -errno.
 */
int model__each_sum(const struct model *m, const struct sum_ops *ops, void *ctx);

/*
 * Advances the time, about once a second; rates and the last two minutes are computed from these
 * calls. 0 or -errno.
 */
int model__tick(struct model *m, uint64_t now_ns);
/* Replaces the open stalls. 0 or -errno. */
int model__live(struct model *m, const struct model_live *live, size_t n);
/* For the stalls that end, or are looked at, from now on. */
void model__set_own(struct model *m, const struct own_rules *rules);
/*
 * Sets how many of the newest stalls the snapshot lists: at most MODEL_MAX_STALLS, the default.
 * Empties the list.
 */
void model__keep_stalls(struct model *m, size_t n);
/*
 * Clears the counts: the current readings become the base, rows and lists start empty. Tasks, open
 * stalls, descriptions of loops and the log stay.
 */
void model__reset(struct model *m);

/* Returns the current state; valid until the next call on the model. 0 or -errno. */
int model__snapshot(struct model *m, const struct snapshot **ret_snapshot);

#endif
