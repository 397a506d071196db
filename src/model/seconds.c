/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of seconds. A tick's interval is divided among the seconds it overlaps, because ticks do
 * not arrive at their borders.
 */
#include "model/seconds.h"

#include <string.h>

#include "base/time.h"

/* The entry of a second, or NULL if it is too old. A newer one advances the ring. */
static struct second *seconds_at(struct seconds *s, uint64_t number)
{
	if (!s->newest)
		s->first = s->newest = number;
	if (number + MODEL_SECONDS <= s->newest)
		return NULL;
	if (number > s->newest + MODEL_SECONDS) {
		memset(s->ring, 0, sizeof(s->ring));
		s->newest = number;
	}
	while (s->newest < number) {
		s->newest++;
		memset(&s->ring[s->newest % MODEL_SECONDS], 0, sizeof(s->ring[0]));
	}
	if (number < s->first)
		s->first = number;
	return &s->ring[number % MODEL_SECONDS];
}

/* Marks the seconds from the stall's start to its end as far as the ring has them. */
static void seconds_cover(struct seconds *s, const struct stall *stall, uint64_t last)
{
	const uint64_t start = stall->start_ns / NS_PER_S,
		       first = start > s->first ? start : s->first;

	for (uint64_t i = 0; i < MODEL_SECONDS && last >= first + i; i++) {
		struct second *second = seconds_at(s, last - i);

		if (second && second->row.covered_ns < stall->duration_ns)
			second->row.covered_ns = stall->duration_ns;
	}
}

void seconds__stall(struct seconds *s, const struct stall *stall)
{
	const uint64_t end_ns = stall->start_ns + stall->duration_ns;
	struct second *second = seconds_at(s, end_ns / NS_PER_S);

	if (!second)
		return;
	seconds_cover(s, stall, end_ns / NS_PER_S);
	second->row.stalls++;
	second->row.stall_ns += stall->duration_ns;
	if (stall->duration_ns < second->row.worst_ns)
		return;
	second->row.worst_ns = stall->duration_ns;
	second->row.worst_cause = stall->cause;
}

void seconds__shed(struct seconds *s, uint64_t now_ns, uint64_t stalls)
{
	struct second *second = stalls ? seconds_at(s, now_ns / NS_PER_S) : NULL;

	if (second) {
		second->row.stalls += stalls;
		second->row.shed += stalls;
	}
}

static void seconds_share(struct seconds *s, uint64_t number, double ns,
			  const struct activity *activity)
{
	struct second *second = seconds_at(s, number);

	if (!second)
		return;
	second->told_ns += ns;
	second->busy_ns += activity->busy * ns;
	second->steps += activity->steps_per_s * ns / 1e9;
	second->handles += activity->handles_per_s * ns / 1e9;
}

void seconds__tick(struct seconds *s, uint64_t from_ns, uint64_t to_ns,
		   const struct activity *activity)
{
	uint64_t from = from_ns, next;

	seconds_at(s, to_ns / NS_PER_S);
	if (!from_ns || from_ns >= to_ns)
		return;
	/* Older seconds are not in the ring. */
	if (to_ns - from > MODEL_SECONDS * NS_PER_S)
		from = to_ns - MODEL_SECONDS * NS_PER_S;
	for (; from < to_ns; from = next) {
		const uint64_t rest_ns = NS_PER_S - from % NS_PER_S;

		/* A damaged recording may hold a time for which from + rest_ns would overflow. */
		next = to_ns - from > rest_ns ? from + rest_ns : to_ns;
		seconds_share(s, from / NS_PER_S, (double)(next - from), activity);
	}
}

void seconds__rows(struct seconds *s, struct snapshot *ret_snapshot)
{
	uint64_t number = s->first;
	size_t n = 0;

	if (!s->newest)
		return;
	if (s->newest - number >= MODEL_SECONDS)
		number = s->newest - MODEL_SECONDS + 1;
	for (; number <= s->newest; number++) {
		const struct second *second = &s->ring[number % MODEL_SECONDS];
		struct second_row *row = &s->rows[n++];

		*row = second->row;
		if (second->told_ns > 0) {
			row->busy = second->busy_ns / second->told_ns;
			row->steps = second->steps * 1e9 / second->told_ns;
			row->handles = second->handles * 1e9 / second->told_ns;
		}
	}
	ret_snapshot->n_seconds = n;
	ret_snapshot->seconds = s->rows;
}
