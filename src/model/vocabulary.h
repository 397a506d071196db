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

#endif
