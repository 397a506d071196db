/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of the contract that stand for its numbers, for all who show a snapshot.
 */
#ifndef LOOPSTALL_MODEL_VOCABULARY_H
#define LOOPSTALL_MODEL_VOCABULARY_H

#include <loopstall/abi.h>

/* "step", "callback", "turn"; "?" for anything else. */
const char *vocabulary_unit(enum ls_unit unit);
/* "cpu", "sleep", ...; "?" for anything else. */
const char *vocabulary_cause(enum ls_cause cause);

/* A sentence has room for the long form, a column of a table for the short one. */
enum vocabulary_form { VOCABULARY_LONG, VOCABULARY_SHORT, VOCABULARY_FORMS };

/*
 * What a blocking call is called by who writes Python: "time.sleep", "wait for a child process" or "child process". `syscall`
 * may be NULL. NULL if there is no word for it: then the name of the system call says more.
 */
const char *vocabulary_call(enum ls_cause cause, const char *syscall, enum vocabulary_form form);

#endif
