/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of the contract that stand for its numbers, for all who show a snapshot.
 */
#ifndef LOOPSTALL_MODEL_VOCABULARY_H
#define LOOPSTALL_MODEL_VOCABULARY_H

#include "model/model.h"

/* "step", "callback", "turn"; "?" for anything else. */
const char *vocabulary_unit(enum ls_unit unit);
/* "return", "running", "exit", "exec", "signal"; "?" for anything else. */
const char *vocabulary_end(enum ls_end end);
/* "suspended", "began", "returned", "raised", "cancelled"; NULL if it is not known. */
const char *vocabulary_await(enum ls_await_state state);
/* "cpu", "sleep", ...; "?" for anything else. */
const char *vocabulary_cause(enum ls_cause cause);

/* A sentence has room for the long form, a column of a table for the short one. */
enum vocabulary_form { VOCABULARY_LONG, VOCABULARY_SHORT, VOCABULARY_FORMS };

/*
 * What a user of the runtime calls a blocking call: "time.sleep", "wait for a child process" or
 * "child process". `sign` is the stall's. `words` NULL: the default runtime. `syscall` may be NULL.
 * NULL if there is no word for it: then the name of the system call says more.
 */
const char *vocabulary_call(const struct runtime_words *words, enum ls_cause cause, enum sign sign,
			    const char *syscall, enum vocabulary_form form);

/*
 * How a lock's holder is known: "owner", "release", "last_release"; NULL if it is not known. Why it
 * is not, as a part of a sentence: "a Lock does not name its owner"; NULL if there is no reason.
 */
const char *vocabulary_lock_known(enum ls_lock_known known);
const char *vocabulary_lock_unknown(enum ls_lock_known known);
/*
 * The reason why no holder of a stall's lock is known, to be printed. NULL also if the stall waited
 * for another thread to notify it: nobody held that lock.
 */
const char *vocabulary_no_lock_holder(const struct stall *stall);

#define VOCABULARY_HOLDER_BYTES 160

/*
 * Who had the CPU that a stall waited for: "stress-ng (4711) had the CPU"; "" if it waited for none
 * or that is not known.
 */
void vocabulary_cpu_holder(const struct stall *stall, char buf[VOCABULARY_HOLDER_BYTES]);

/* What `own_call` of a stall is: "a signal handler". */
const char *vocabulary_own_call(const struct stall *stall);

#define VOCABULARY_KERNEL_BYTES 64

/* "in the kernel, 51200 page faults" of a stall on the CPU, "" if most of it was not. */
void vocabulary_kernel(const struct stall *stall, char buf[VOCABULARY_KERNEL_BYTES]);

#endif
