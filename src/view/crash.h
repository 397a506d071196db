/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals that end the program without asking it.
 */
#ifndef LOOPSTALL_VIEW_CRASH_H
#define LOOPSTALL_VIEW_CRASH_H

/*
 * Calls it before such a signal does what it always does; NULL: nothing. It may call what signal
 * handlers may.
 */
void crash_call_first(void (*fn)(void));

#endif
