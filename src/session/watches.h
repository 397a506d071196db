/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The set of watched processes: those that were asked for, in their order, then those that they
 * forked. A process stays in it after its end, because its numbers are part of the summary.
 */
#ifndef LOOPSTALL_SESSION_WATCHES_H
#define LOOPSTALL_SESSION_WATCHES_H

#include "session/watch.h"

struct watches {
	const struct process_ops *process;
	size_t n, size;
	struct watch **list;
	struct watch *by_pid; /* hash table: the newest of each pid */
	bool has_dropped; /* some wait for the sweep */
};

enum watch_filter {
	WATCH_ALL,
	WATCH_ALIVE,
	WATCH_EXAMINED, /* alive, and known to have a runtime */
	WATCH_SHOWN, /* see watch__is_shown() */
};

/* The next one that passes the filter from index *i on, which moves behind it; NULL at the end. */
struct watch *watches__next(const struct watches *ws, size_t *i, enum watch_filter filter);

/* for each one that passes; adding others meanwhile is allowed. `w` is declared by the caller. */
#define WATCHES_EACH(ws, filter, w)                                                                \
	for (size_t w##_i = 0; ((w) = watches__next((ws), &w##_i, (filter)));)

/* The newest process of that pid, NULL if there is none. */
struct watch *watches__find(const struct watches *ws, pid_t pid);
/* The first target. There is always one while a session runs. */
struct watch *watches__first(const struct watches *ws);
/*
 * The target of any that is known: others are likely to have the same files. NULL if there is none.
 */
const struct target *watches__relative(const struct watches *ws);

/* Opens a process and adds it; `parent` as in struct watch. 0 or -errno with err filled. */
int watches__add(struct watches *ws, pid_t pid, pid_t parent, uint64_t now_ns,
		 struct watch **ret_watch, struct err *err);
/* Removes one from the set. It stays valid until the next sweep. */
void watches__drop(struct watches *ws, struct watch *w);
void watches__sweep(struct watches *ws);
/* Call at the end of a process: too many that ended, and the oldest child among them is dropped. */
void watches__limit_dead(struct watches *ws);
void watches__done(struct watches *ws);

#endif
