/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words of the text report: units, causes, and names of blocking calls as the author of the code
 * knows them.
 */
#ifndef LOOPSTALL_REPORT_WORDING_H
#define LOOPSTALL_REPORT_WORDING_H

#include "model/model.h"
#include "model/vocabulary.h"

/* "time.sleep", "socket recv", the name of the system call; NULL if there is nothing to say. */
const char *wording_call(const struct stall *stall);

#define WORDING_STOP_BYTES 48
/* "SIGSTOP", "tracer 4242", "the freezer of its cgroup"; "" for a stall that was not stopped. */
void wording_stop(const struct stall *stall, char buf[WORDING_STOP_BYTES]);

/* "lock held" by a thread, which "held the lock". */
struct wording_held {
	const char *by, *it;
};

/* Of a stall whose cause it is; NULLs if no holder is known. */
const struct wording_held *wording_held(const struct stall *stall);
/* The holder of what the stall waited for, if that is its cause and its holder is known; or NULL.
 */
const struct model_holder *wording_cause_holder(const struct stall *stall);
#define WORDING_HOLDER_BYTES (LS_NAME_BYTES + 72)
/* "thread worker", "thread 4711", "process 4711 nginx", of a stall with such a holder; fills and
 * returns `buf`. */
const char *wording_holder(const struct stall *stall, char buf[WORDING_HOLDER_BYTES]);

#define WORDING_END_BYTES 96
/*
 * "still open", "killed by SIGKILL", "began before attach, at least 2.0 s"; "" for a stall that was
 * seen from its beginning and ended by itself.
 */
void wording_end(const struct stall *stall, char buf[WORDING_END_BYTES]);
/* "7 tasks wait", of a stall that has ended "7 tasks waited"; "" for none. */
void wording_waiters(const struct stall *stall, char buf[WORDING_END_BYTES]);

#define WORDING_DEATH_BYTES 512
/*
 * Of a stall that its process did not survive: "killed by SIGABRT 2.00 s into a stall: time.sleep
 * in handler app.py:12, 7 tasks waited"; "" for others. Not escaped.
 */
void wording_death(const struct stall *stall, char buf[WORDING_DEATH_BYTES]);

/* Where it is placed: the user's frame (`own`), the call if that is not known. */
const struct model_frame *wording_place(const struct stall *stall);
/* The user's frame, if the call is in another function. NULL if not, or if one is not known. */
const struct model_frame *wording_own_frame(const struct stall *stall);

#endif
