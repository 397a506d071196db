/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads beside the one that measures: small, and no signal is delivered to them, so that those of
 * the program reach the descriptors that read them.
 */
#ifndef LOOPSTALL_BASE_THREAD_H
#define LOOPSTALL_BASE_THREAD_H

#include <pthread.h>

/* 0 or -errno. To be joined. */
int thread_start(pthread_t *ret_thread, void *(*run)(void *ctx), void *ctx);

#endif
