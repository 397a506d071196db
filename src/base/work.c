/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See work.h. Measured in CPU time, because a busy machine makes a look longer but not more
 * expensive.
 */
#include "base/work.h"

#include <errno.h>
#include <time.h>

#include "base/hash.h"
#include "base/interrupt.h"
#include "base/time.h"

/* The clock is read once in so many steps: about every 0.2 ms of a look that goes well. */
#define STEPS 64
#define QUICK_STEPS 4096

static struct {
	unsigned int depth;
	unsigned int n_steps, n_quick;
	uint64_t end_ns;
	int error;
} work;

#define PROBE_ROUNDS 20000
#define PROBE_NS (40 * NS_PER_US) /* what they take on a machine of 2026 */
#define SLOW 2 /* times slower: an emulated machine, a small board */

/* How many times the allowance a slow machine needs for the same work: 1 on any other. */
static uint64_t slowness(void)
{
	static uint64_t factor;
	uint64_t least_ns = UINT64_MAX;

	for (int try = 0; !factor && try < 3; try++) {
		const uint64_t before_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID);
		volatile uint64_t hash = HASH_SEED;
		uint64_t ns;

		for (uint64_t i = 0; i < PROBE_ROUNDS; i++)
			hash = hash_word(hash, i);
		ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns;
		least_ns = ns < least_ns ? ns : least_ns;
	}
	if (!factor)
		factor = least_ns / (SLOW * PROBE_NS) + 1;
	return factor;
}

uint64_t work_scaled_ns(uint64_t cpu_ns)
{
	return cpu_ns * slowness();
}

void work_begin(uint64_t cpu_ns)
{
	if (work.depth++)
		return;
	cpu_ns = work_scaled_ns(cpu_ns);
	work.end_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID) + cpu_ns;
	work.error = 0;
}

int work_end(void)
{
	work.depth--;
	return work.error;
}

int work_check(void)
{
	if (!work.depth || work.error)
		return work.depth ? work.error : 0;
	if (interrupt_is_pending())
		work.error = -EINTR;
	else if (time_now_ns(CLOCK_THREAD_CPUTIME_ID) > work.end_ns)
		work.error = -ETIME;
	return work.error;
}

int work_step(void)
{
	if (!work.depth || work.error)
		return work.depth ? work.error : 0;
	return ++work.n_steps % STEPS ? 0 : work_check();
}

int work_quick_step(void)
{
	if (!work.depth || work.error)
		return work.depth ? work.error : 0;
	return ++work.n_quick % QUICK_STEPS ? 0 : work_check();
}

void work_fail(int code)
{
	if (work.depth && !work.error)
		work.error = code;
}
