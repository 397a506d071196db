/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translates thread ids by /proc/PID/task.
 */
#ifndef LOOPSTALL_SYMBOL_THREADS_H
#define LOOPSTALL_SYMBOL_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

bool thread_exists(pid_t pid, uint32_t tid);
/*
 * The id in our pid namespace of the thread that has the id `tid` in the one of the process; 0 if
 * there is none.
 */
uint32_t thread_find_in_namespace(pid_t pid, uint32_t tid);

#endif
