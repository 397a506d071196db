/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One watched process: what is known of it so far, and when it is worth another look. A process
 * that starts up, imports asyncio late or executes another program is looked at again, often while
 * it is new and then ever more seldom, so that watching costs nothing once everything is known.
 */
#ifndef LOOPSTALL_APP_WATCH_H
#define LOOPSTALL_APP_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <loopstall/abi.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/err.h"
#include "target/target.h"

/*
 * Loops remembered per process, to notice when one moves its queues; the oldest is forgotten
 * first.
 */
#define WATCH_MAX_LOOPS 32

struct watch_loop {
	uint64_t loop; /* 0: a scheduler written in Python that is neither asyncio's nor trio's */
	pid_t tid;
	uint64_t scheduler; /* thread state, by which the kernel side calls it while its tasks are written in Python; 0: never so far */
	struct ls_pytasks tasks; /* asyncio's that are written in Python; 0: none so far */
	enum target_loop_kind kind;
	bool is_made; /* the kernel side has a state of its thread */
	struct ls_loop info;
	struct target_executor executor; /* as last read */
};

struct watch {
	pid_t pid;
	pid_t parent; /* whose child it is watched as; 0: for its own sake */
	int pidfd;
	struct target *target; /* NULL until it is known to be a CPython */
	uint64_t born_ns; /* when this program of the process was first looked at */
	uint64_t examined_ns;
	uint64_t examine_due_ns; /* UINT64_MAX: everything is known */
	size_t n_loops; /* ever seen; loops[] keeps the last of them */
	struct watch_loop loops[WATCH_MAX_LOOPS];
	size_t tasks_size;
	struct target_task *tasks; /* buffer of the last look at them */
	uint64_t steps; /* as last read from the kernel */
	uint64_t budget_steps, budget_mark; /* the same for the decision which mode the load allows, and before */
	size_t number; /* in the recording, from 1 on; 0: none yet */
	bool is_on_trial; /* nobody named it: a step has to be seen before it is worth a word */
	bool has_stepped; /* a loop of its own was seen to run; a fork inherits what looks like one */
	bool is_gone;
	bool is_dropped; /* of no interest: freed at the next sweep */
	bool is_held; /* stopped by us for the time of an examination */
	bool is_told; /* a notice said why nothing is seen */
	UT_hash_handle hh; /* by pid */
};

/* Opens the process. 0 or -errno with err filled. */
int watch__init(struct watch *w, pid_t pid, uint64_t now_ns, struct err *err);
void watch__done(struct watch *w);
/* Has the process ended (a zombie has)? */
bool watch__has_ended(const struct watch *w);

/*
 * Looks at the process again; `context`: see target__examine(). 1 if something new was found, 0 if not, or -errno (see
 * target__examine()). Sets when the next look is due.
 */
int watch__examine(struct watch *w, const struct target_context *context, uint64_t now_ns, struct err *err);
/* Asks for a look soon, at the pace its age allows. */
void watch__suspect(struct watch *w);
/* The process runs another program now: all that was known is void. */
void watch__reset(struct watch *w, uint64_t now_ns);

/* The place to remember a loop seen on a thread: its own if it is known, else a new one. */
struct watch_loop *watch__loop(struct watch *w, uint64_t loop, pid_t tid);
/* Does the kernel side have a state of the thread? */
bool watch__is_made(const struct watch *w, pid_t tid);
void watch__set_made(struct watch *w, pid_t tid, bool is_made);
size_t watch__known_loops(const struct watch *w);

/* Whether it is worth telling of. */
bool watch__is_shown(const struct watch *w);
/* "asyncio", "uvloop", "trio" or NULL while no loop is known. */
const char *watch__loop_word(const struct watch *w);
/* All that can be found in it is: an interpreter, its steps, a loop. */
bool watch__is_complete(const struct watch *w);
/* Why no step is seen: what follows "because". */
const char *watch__silence_reason(const struct watch *w);

/*
 * How long to wait between two looks at something that is `age_ns` old: 5 ms at first, 1 s at
 * last.
 */
uint64_t watch_pace_ns(uint64_t age_ns);

#endif
