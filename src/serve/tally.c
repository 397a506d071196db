/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See tally.h.
 */
#include "serve/tally.h"

#include "base/time.h"

static const uint64_t nominal_ns[TALLY_N_BOUNDS] = {
#define _(ns) ns##ULL,
	TALLY_BOUNDS(_)
#undef _
};

/*
 * The first bucket of the kernel side's histogram that begins at the bound, rounded to the nearest
 * edge.
 */
static uint32_t bound_index(size_t i)
{
	const uint32_t index = ls_hist_index(nominal_ns[i]);
	const uint64_t below_ns = nominal_ns[i] - ls_hist_floor_ns(index),
		       above_ns = ls_hist_floor_ns(index + 1) - nominal_ns[i];

	return below_ns <= above_ns ? index : index + 1;
}

uint64_t tally_bound_ns(size_t i)
{
	return ls_hist_floor_ns(bound_index(i));
}

size_t tally_bucket_of(uint64_t ns)
{
	size_t i = 0;

	while (i < TALLY_N_BOUNDS && ns >= tally_bound_ns(i))
		i++;
	return i;
}

void tally__add(struct tally *t, const struct tally *other)
{
	for (size_t i = 0; i < TALLY_FIELDS; i++)
		t->v[i] += other->v[i];
}

void tally__raise(struct tally *t, const struct tally *other)
{
	for (size_t i = 0; i < TALLY_FIELDS; i++)
		if (t->v[i] < other->v[i])
			t->v[i] = other->v[i];
}

static void add_hist(uint64_t *buckets, const uint32_t *hist)
{
	uint32_t i = 0;

	for (size_t to = 0; to < TALLY_N_BUCKETS; to++) {
		const uint32_t end = to < TALLY_N_BOUNDS ? bound_index(to) : LS_HIST_BUCKETS;

		for (; i < end; i++)
			buckets[to] += hist[i];
	}
}

void tally__add_thread(struct tally *t, const struct ls_thread_stats *stats)
{
	const uint64_t known_ns = stats->step_ns + stats->callbacks_ns + stats->idle_ns;
	const uint64_t watched_ns = stats->at_ns - stats->since_ns;

	t->v[TALLY_STEPS_NS] += stats->step_ns;
	t->v[TALLY_CALLBACKS_NS] += stats->callbacks_ns;
	t->v[TALLY_IDLE_NS] += stats->idle_ns;
	t->v[TALLY_OTHER_NS] += watched_ns > known_ns ? watched_ns - known_ns : 0;
	t->v[TALLY_GIL_NS] += stats->cause_ns[LS_CAUSE_GIL];
	t->v[TALLY_RUNQUEUE_NS] += stats->cause_ns[LS_CAUSE_RUNQUEUE];
	t->v[TALLY_THROTTLED_NS] += stats->cause_ns[LS_CAUSE_THROTTLED];
	t->v[TALLY_GC_NS] += stats->cause_ns[LS_CAUSE_GC];
	t->v[TALLY_STALLS] += stats->stalls;
	t->v[TALLY_STARVED_NS] += stats->callbacks_starved_ns;
	t->v[TALLY_WAIT_SUM_NS] += stats->waits_ns;
	add_hist(&t->v[TALLY_TURN_HIST], stats->turn_hist);
	add_hist(&t->v[TALLY_WAIT_HIST], stats->wait_hist);
}

void tally__add_coroutine(struct tally *t, const struct ls_coro_stats *stats)
{
	t->v[TALLY_STARVED_NS] += stats->starved_ns;
	t->v[TALLY_WAITS] += stats->suffered;
	t->v[TALLY_STEP_SUM_NS] += stats->total_ns;
	add_hist(&t->v[TALLY_STEP_HIST], stats->hist);
}

uint64_t tally__watched_ns(const struct tally *t)
{
	return t->v[TALLY_STEPS_NS] + t->v[TALLY_CALLBACKS_NS] + t->v[TALLY_IDLE_NS] +
		t->v[TALLY_OTHER_NS];
}
