/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread of a C library that takes the GIL for a while and runs no Python, for
 * programs/gil_holders.py: the interpreter's functions are found in the process.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

/* Times of one hold, and the kernel's id of the thread. */
struct hold {
	uint64_t for_ms, start_ns, end_ns, tid;
	uint64_t is_over;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void *run(void *arg)
{
	int (*ensure)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "PyGILState_Ensure");
	void (*release)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "PyGILState_Release");
	struct hold *h = arg;
	int state;

	pthread_setname_np(pthread_self(), "c-holder");
	h->tid = (uint64_t)gettid();
	state = ensure();
	h->start_ns = now_ns();
	while (now_ns() - h->start_ns < h->for_ms * NS_PER_MS)
		;
	h->end_ns = now_ns();
	release(state);
	__atomic_store_n(&h->is_over, 1, __ATOMIC_RELEASE);
	/* The tool looks up who held the GIL when the stall has ended. */
	sleep(1);
	return NULL;
}

/* Called without the GIL. 0 or an error number; returns when the GIL is free again. */
int hold(struct hold *h)
{
	pthread_t thread;
	int r;

	h->is_over = 0;
	r = pthread_create(&thread, NULL, run, h);
	if (r)
		return r;
	pthread_detach(thread);
	while (!__atomic_load_n(&h->is_over, __ATOMIC_ACQUIRE))
		usleep(1000);
	return 0;
}
