/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See thread.h.
 */
#include "base/thread.h"

#include <signal.h>

#define STACK_BYTES (256U << 10)

int thread_start(pthread_t *ret_thread, void *(*run)(void *ctx), void *ctx)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(ret_thread, &attr, run, ctx);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}
