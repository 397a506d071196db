/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends the program where its event loop cannot: a signal waits to be read, and the loop waits in
 * the kernel for something of a target that does not answer (a file on a dead server, memory mapped
 * from one). Such a wait ends with the process only.
 */
#ifndef LOOPSTALL_SESSION_WATCHDOG_H
#define LOOPSTALL_SESSION_WATCHDOG_H

#include <stdbool.h>

/*
 * Watches the thread that calls it, for as long as the program runs. `signal_fd` becomes readable
 * with a signal, and is read by that thread. A longer `patience_ms` is for a thread that may have
 * to wait for a disk of ours. 0 or -errno.
 */
int watchdog_start(int signal_fd, unsigned int patience_ms);
/* Before the descriptor is closed. */
void watchdog_stop(void);
/* What has to be done before the program ends thus, such as giving back the terminal. */
void watchdog_on_end(void (*fn)(void));

/*
 * Around a call into the kernel that takes long and ends at no signal, such as the verifier's. A
 * signal calls `undo` in another thread and ends the program as one that could not attach.
 */
void watchdog_begin_call(void (*undo)(void *ctx), void *ctx);
/* Does not return if the program is about to end. */
void watchdog_end_call(void);

#endif
