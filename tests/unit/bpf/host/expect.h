/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expectations on records that the scripts share.
 */
#ifndef LOOPSTALL_TESTS_HOST_EXPECT_H
#define LOOPSTALL_TESTS_HOST_EXPECT_H

#include <criterion/criterion.h>

#include "bpf/host/script.h"

/* The next stall record; its split adds up. */
static inline const struct ls_rec_stall *take_stall(void)
{
	const struct host_record *rec = next_record(LS_REC_STALL);
	uint64_t sum = 0;

	cr_assert_not_null(rec, "no stall record");
	cr_assert(rec->is_submitted);
	for (size_t i = 0; i < LS_CAUSE_MAX; i++)
		sum += rec->stall.cause_ns[i];
	cr_assert_eq(sum, rec->stall.duration_ns, "the split adds up");
	return &rec->stall;
}

static inline const struct ls_rec_stall *expect_stall(uint32_t unit, uint64_t start_ns,
						      uint64_t duration_ns)
{
	const struct ls_rec_stall *stall = take_stall();

	cr_assert_eq(stall->unit, unit, "unit %u", stall->unit);
	cr_assert_eq(stall->start_ns, world.start_ns + start_ns, "begins at %llu ns",
		     stall->start_ns - world.start_ns);
	cr_assert_eq(stall->duration_ns, duration_ns, "%llu ns", stall->duration_ns);
	return stall;
}

/* The next victim: its task and how long it waited. */
static inline const struct ls_rec_victim *expect_victim(uint64_t task, uint64_t starved_ns)
{
	const struct host_record *rec = next_record(LS_REC_VICTIM);

	cr_assert_not_null(rec, "no victim record");
	cr_assert_eq(rec->victim.task, task);
	cr_assert_eq(rec->victim.starved_ns, starved_ns, "%llu ns", rec->victim.starved_ns);
	return &rec->victim;
}

static inline void expect_no_stall(void)
{
	cr_assert_null(next_record(LS_REC_STALL));
}

#endif
