/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine lacked between two moments.
 */
#include <criterion/criterion.h>

#include "session/machine.h"

Test(session_machine, counts_from_the_first_reading)
{
	const struct machine_use zero = { .has_cpu = true, .has_pressure = true };
	const struct machine_use all = machine__since(&zero), begin = machine__read();
	const struct machine_use since = machine__since(&begin);

	cr_assert(all.has_cpu, "there is no /proc/stat");
	cr_expect_gt(all.wanted_ns, 0);
	cr_expect_leq(all.stolen_ns, all.wanted_ns);
	cr_expect(since.has_cpu);
	cr_expect_lt(since.wanted_ns, all.wanted_ns);
	cr_expect_leq(since.pressure_ns, all.pressure_ns);
}

Test(session_machine, what_goes_back_is_nothing)
{
	const struct machine_use later = { .has_cpu = true,
					   .has_pressure = true,
					   .stolen_ns = UINT64_MAX,
					   .wanted_ns = UINT64_MAX,
					   .pressure_ns = UINT64_MAX };
	const struct machine_use use = machine__since(&later);

	cr_expect_eq(use.stolen_ns, 0);
	cr_expect_eq(use.wanted_ns, 0);
	cr_expect_eq(use.pressure_ns, 0);
}

Test(session_machine, what_was_not_told_at_first_is_not_told)
{
	const struct machine_use before = {};
	const struct machine_use use = machine__since(&before);

	cr_expect_not(use.has_cpu);
	cr_expect_not(use.has_pressure);
}
