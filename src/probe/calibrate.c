/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trap costs more than its own instructions: it drives out what the caches and the branch
 * predictor know of the code around it, and is itself driven out by that. In a tight loop a hit
 * costs a third less than in an interpreter. So between two hits there is work that touches much
 * code and some data, and what it loses is part of the difference. How much work makes up for an
 * interpreter was found by comparing (docs/overhead.md).
 */
#include "probe/calibrate.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "probe/uprobes.h"

#define LINE_BYTES 64
#define PAGE_BYTES 4096 /* or a part of a larger page */
/* Data of the work between two hits: so many lines in each of so many pages. */
#define WORK_PAGES 16
#define WORK_LINES 8

#define PROBE_ROUNDS 7
#define HITS_PER_ROUND 12
#define SAMPLE_ROUNDS 5
#define SAMPLE_TRIES 10
#define PIECES_PER_WORK 250

enum { CALL, JUMP, N_SPOTS };

static const struct {
	enum ls_trap trap;
	const struct arch_own_spot *code;
} spots[N_SPOTS] = {
	[CALL] = { LS_TRAP_CALL, &arch_own_call },
	[JUMP] = { LS_TRAP_JUMP, &arch_own_jump },
};

struct calibrator {
	int spot_fds[N_SPOTS];
	struct tick_clock *clock;
	uint8_t *work; /* WORK_PAGES of them */
};

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double calibrate_median(double *values, size_t n)
{
	if (!n)
		return 0;
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Where in our file an instruction of ours is: 0 and -ENOENT, or its offset. */
static int file_offset_of(const char *instruction, uint64_t *ret_offset)
{
	const uintptr_t head = getauxval(AT_PHDR), address = (uintptr_t)instruction;
	const size_t n = getauxval(AT_PHNUM);
	const Elf64_Phdr *headers = (const Elf64_Phdr *)head;
	uintptr_t base = 0;

	for (size_t i = 0; i < n; i++)
		if (headers[i].p_type == PT_PHDR)
			base = head - headers[i].p_vaddr;
	for (size_t i = 0; i < n; i++) {
		const Elf64_Phdr *h = &headers[i];

		if (h->p_type == PT_LOAD && address - base - h->p_vaddr < h->p_filesz) {
			*ret_offset = address - base - h->p_vaddr + h->p_offset;
			return 0;
		}
	}
	return -ENOENT;
}

static int put_probes(struct calibrator *c, bool use_multi)
{
	uint64_t offsets[N_SPOTS];
	int r = 0;

	for (size_t i = 0; !r && i < N_SPOTS; i++)
		r = file_offset_of(spots[i].code->instruction, &offsets[i]);
	return r ? r : uprobes__attach_own(use_multi, offsets, N_SPOTS, c->spot_fds);
}

int calibrator__new(struct calibrator **ret_calibrator, bool use_multi, struct tick_clock *clock)
{
	_cleanup_(calibrator__freep) struct calibrator *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < N_SPOTS; i++)
		c->spot_fds[i] = -1;
	c->clock = clock;
	c->work = calloc(WORK_PAGES, PAGE_BYTES);
	if (!c->work)
		return -ENOMEM;
	r = put_probes(c, use_multi);
	if (r)
		return r;
	*ret_calibrator = TAKE_PTR(c);
	return 0;
}

void calibrator__free(struct calibrator *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < N_SPOTS; i++)
		fd_close(&c->spot_fds[i]);
	free(c->work);
	free(c);
}

static void work(struct calibrator *c)
{
	volatile uint8_t *bytes = c->work;

	arch_run_much_code();
	for (size_t page = 0; page < WORK_PAGES; page++)
		for (size_t line = 0; line < WORK_LINES; line++)
			bytes[page * PAGE_BYTES + (page + line) * LINE_BYTES % PAGE_BYTES]++;
}

/* Where something else ran all the time, what was known holds. */
static void set_cost(struct trap_costs *costs, enum ls_trap trap, double *added_ns, size_t n)
{
	const double ns = calibrate_median(added_ns, n);

	if (ns > 0)
		costs->ns[trap] = ns;
}

static uint64_t hits_cpu_ns(struct calibrator *c, void (*spot)(void))
{
	const uint64_t begin_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID);

	for (int i = 0; i < HITS_PER_ROUND; i++) {
		work(c);
		spot();
	}
	return time_now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
}

static void measure_probes(struct calibrator *c, struct trap_costs *costs)
{
	double added_ns[PROBE_ROUNDS];

	for (size_t i = 0; i < N_SPOTS; i++) {
		for (int round = 0; round < PROBE_ROUNDS; round++) {
			const uint64_t without_ns = hits_cpu_ns(c, spots[i].code->twin);

			added_ns[round] = ((double)hits_cpu_ns(c, spots[i].code->probed) -
					   (double)without_ns) /
				HITS_PER_ROUND;
		}
		set_cost(costs, spots[i].trap, added_ns, PROBE_ROUNDS);
	}
}

static uint64_t work_ns(struct calibrator *c)
{
	const uint64_t begin_ns = time_now_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < PIECES_PER_WORK; i++)
		work(c);
	return time_now_ns(CLOCK_MONOTONIC) - begin_ns;
}

/* How many times this thread had to leave its CPU to another. */
static long count_preemptions(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? 0 : usage.ru_nivcsw;
}

/*
 * What a tick adds to the time of our work. False if there was none, because we were moved to
 * another CPU.
 */
static bool tick_cost(struct calibrator *c, double *ret_ns)
{
	const uint64_t without_ns = work_ns(c);
	uint64_t with_ns, ticks;

	if (tick_clock__begin_trial(c->clock))
		return false;
	with_ns = work_ns(c);
	ticks = tick_clock__end_trial(c->clock);
	if (ticks)
		*ret_ns = ((double)with_ns - (double)without_ns) / (double)ticks;
	return ticks;
}

/*
 * By the wall clock: a kernel that accounts for interrupts leaves their time out of a thread's own.
 * So others' turns on our CPU must not be in it.
 */
static void measure_tick(struct calibrator *c, struct trap_costs *costs)
{
	double added_ns[SAMPLE_ROUNDS];
	size_t n = 0;

	for (int i = 0; i < SAMPLE_TRIES && n < SAMPLE_ROUNDS; i++) {
		const long preemptions = count_preemptions();

		n += tick_cost(c, &added_ns[n]) && count_preemptions() == preemptions;
	}
	set_cost(costs, LS_TRAP_SAMPLE, added_ns, n);
}

void calibrator__measure(struct calibrator *c, struct trap_costs *costs)
{
	measure_probes(c, costs);
	if (costs->ns[LS_TRAP_SAMPLE] <= 0)
		measure_tick(c, costs);
}
