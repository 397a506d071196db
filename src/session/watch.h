/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One watched process: what is known of it, and when it is examined again. A process that is
 * starting, loads its loops' library late or executes another program is examined again, often at
 * first and then less and less, until everything is known.
 */
#ifndef LOOPSTALL_SESSION_WATCH_H
#define LOOPSTALL_SESSION_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <loopstall/abi.h>

#include "base/err.h"
#include "base/table.h"
#include "process/target.h"
#include "session/env.h"
#include "session/lives.h"
#include "session/loop.h"

/*
 * Loops remembered per process, to notice when one moves its queues; the oldest is forgotten
 * first.
 */
#define WATCH_MAX_LOOPS 32

/* The step that a loop thread was in when it was found; coro 0: in none. */
struct watch_late {
	uint64_t coro, task;
	uint64_t qualname; /* of its coroutine */
	struct ls_pystr name; /* of the task */
};

struct watch_loop {
	uint64_t loop; /* 0: a scheduler that the runtime does not know */
	pid_t tid;
	/*
	 * thread state, by which the kernel side calls it until it knows the loop's address; 0:
	 * never so far
	 */
	uint64_t scheduler;
	struct ls_loop tasks; /* what target__resolve_tasks() found; all 0: nothing so far */
	const struct loop_kind *kind;
	bool has_kernel_state; /* the kernel side has a state of its thread */
	bool is_over; /* its thread has ended */
	bool is_unseen_noted; /* that light mode does not see it */
	struct ls_loop info;
	struct watch_late late;
	struct target_executor executor; /* as last read */
};

struct session;

struct watch {
	pid_t pid;
	pid_t parent; /* the process that forked it; 0: it was asked for itself */
	const struct process_ops *process;
	struct session *session; /* that it belongs to; set by the owner of `end` */
	struct loop_fd end; /* its pidfd, readable once it has ended */
	struct target *target; /* NULL until it is known to have a runtime */
	uint64_t born_ns; /* when this program of the process was first examined */
	uint64_t examined_ns;
	uint64_t examine_due_ns; /* UINT64_MAX: everything is known */
	size_t n_loops; /* number of loops ever seen; loops[] keeps the last of them */
	struct watch_loop loops[WATCH_MAX_LOOPS];
	int loops_error; /* 0, or why the last search for them failed: -errno */
	struct target_tasks tasks; /* as last read */
	struct lives lives;
	uint64_t requests_stamp; /* see target__requests() */
	uint64_t tasks_alive; /* at the last count */
	uint64_t listed_ns; /* when a look at its pools counted them; 0: never */
	uint64_t steps; /* as last read from the kernel */
	/* the same for the decision which mode the load allows, and the value before */
	uint64_t budget_steps, budget_mark;
	size_t number; /* in the recording, from 1 on; 0: none yet */
	bool is_unconfirmed; /* not asked for itself: reported only once it runs a step */
	/* a loop of its own was seen to run; a fork inherits what looks like one */
	bool has_stepped;
	bool is_examined; /* this program of it was, at least once */
	bool has_executed; /* another program than its parent's */
	bool is_gone;
	bool is_dropped; /* freed at the next sweep */
	bool is_held; /* stopped by us while it is examined */
	bool is_look_cut; /* its tasks take too long to read; that was noted */
	UT_hash_handle hh; /* by pid */
};

/* Opens the process. 0 or -errno with err filled. */
int watch__init(struct watch *w, const struct process_ops *process, pid_t pid, uint64_t now_ns,
		struct err *err);
void watch__done(struct watch *w);
/* Has the process ended (a zombie has)? */
bool watch__has_ended(const struct watch *w);

/*
 * Looks at the process again; `context`: see target__examine(). 1 if something new was found, 0 if
 * not, or -errno (see target__examine()). Sets when the next look is due.
 */
int watch__examine(struct watch *w, const struct target_context *context, uint64_t now_ns,
		   struct err *err);
/* Asks for a look soon, at the pace its age allows. */
void watch__examine_soon(struct watch *w);
/* The process runs another program now: all that was known is void. */
void watch__reset(struct watch *w, uint64_t now_ns);

/* The place to remember a loop seen on a thread: its own if it is known, else a new one. */
struct watch_loop *watch__loop(struct watch *w, uint64_t loop, pid_t tid);
/* Does the kernel side have a state of the thread? */
bool watch__has_kernel_state(const struct watch *w, pid_t tid);
void watch__set_kernel_state(struct watch *w, pid_t tid, bool has_state);
size_t watch__known_loops(const struct watch *w);
/* A thread may have run several: is this the first one of it? */
bool watch__is_first_of_thread(const struct watch *w, size_t index);
/* Threads that run one, as far as is known. */
size_t watch__loop_threads(const struct watch *w);

/* Whether reports name it. */
bool watch__is_shown(const struct watch *w);
/* Word of struct loop_kind, or NULL while no loop is known. */
const char *watch__loop_word(const struct watch *w);
/* Nothing more can be found in it: interpreter, steps and a loop are known. */
bool watch__is_complete(const struct watch *w);
/* Why no step is seen: what follows "because". */
const char *watch__silence_reason(const struct watch *w, bool is_light);

/*
 * How long to wait between two looks at something that is `age_ns` old: 5 ms at first, 1 s at
 * last.
 */
uint64_t watch_pace_ns(uint64_t age_ns);

#endif
