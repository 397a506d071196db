/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which thread is it? From what an interpreter notes about a thread to the thread's id as we see
 * it.
 */
#ifndef LOOPSTALL_SYMBOL_THREADS_H
#define LOOPSTALL_SYMBOL_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "symbol/pycode.h"

/*
 * Thread id in our pid namespace for `id`, a native thread id as the target sees it (3.11 and
 * later) or its pthread pointer (before); 0 if it cannot be known. `is_pid_ns`: the target lives in
 * another pid namespace.
 */
uint32_t thread_tid(const struct pyimage *image, pid_t pid, bool is_pid_ns, uint64_t id);

#endif
