/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What measuring costs, from meters that are made up.
 */
#include <criterion/criterion.h>

#include "probe/cost.h"

#define N_CPUS 3

static struct ls_meter meters[N_CPUS * LS_METER_ROW];

static struct ls_meter *meter(unsigned int cpu, enum ls_meter_id id)
{
	return &meters[cpu * LS_METER_ROW + id];
}

static struct cost make(void)
{
	return (struct cost){ .meters = meters, .n_rows = N_CPUS };
}

Test(probe_cost, what_was_timed_stands_for_all)
{
	struct cost c = make();
	struct cost_sum sum;

	*meter(0, LS_METER_SWITCH) =
		(struct ls_meter){ .runs = 640, .timed = 10, .timed_ns = 1000 };
	*meter(2, LS_METER_SWITCH) = (struct ls_meter){ .runs = 64, .timed = 1, .timed_ns = 320 };
	sum = cost__sum(&c, LS_METER_SWITCH);
	cr_expect_eq(sum.runs, 704);
	cr_expect_float_eq(sum.ns, 704 * 1320.0 / 11, 1e-6);
	cr_expect_eq(cost__sum(&c, LS_METER_WAKEUP).runs, 0);
}

Test(probe_cost, less_than_nothing_is_nothing)
{
	struct cost c = make();

	*meter(1, LS_METER_EXIT) = (struct ls_meter){ .runs = 3, .timed = 1, .timed_ns = -5 };
	cr_expect_eq(cost__sum(&c, LS_METER_EXIT).runs, 3);
	cr_expect_float_eq(cost__sum(&c, LS_METER_EXIT).ns, 0, 0);
	/* Not one run was over when it was read. */
	*meter(1, LS_METER_EXEC) = (struct ls_meter){ .runs = 1, .since_ns = 77 };
	cr_expect_float_eq(cost__sum(&c, LS_METER_EXEC).ns, 0, 0);
}

Test(probe_cost, a_trap_costs_what_it_cost_then)
{
	struct cost c = make();
	struct probe_cost cost;

	c.costs.ns[LS_TRAP_CALL] = 1000;
	c.costs.ns[LS_TRAP_JUMP] = 500;
	meter(0, LS_METER_STEP_ENTER)->runs = 100;
	meter(1, LS_METER_STEP_EXIT)->runs = 100;
	cost__read(&c, &cost);
	cr_expect_eq(cost.hits, 200);
	cr_expect_eq(cost.traps_ns, 150000);
	c.costs.ns[LS_TRAP_CALL] = 2000;
	meter(0, LS_METER_STEP_ENTER)->runs = 101;
	cost__read(&c, &cost);
	cr_expect_eq(cost.hits, 201);
	cr_expect_eq(cost.traps_ns, 152000);
	cost__read(&c, &cost);
	cr_expect_eq(cost.traps_ns, 152000, "nothing came meanwhile");
}

Test(probe_cost, samples_are_traps_but_no_hits)
{
	struct cost c = make();
	struct probe_cost cost;

	c.costs.ns[LS_TRAP_SAMPLE] = 10000;
	c.costs.ns[LS_TRAP_CALL] = 1000;
	meter(0, LS_METER_SAMPLE)->runs = 7;
	meter(1, LS_METER_SWITCH)->runs = 500;
	meter(2, LS_METER_RESUME)->runs = 2;
	*meter(2, LS_METER_STEP_EXIT) =
		(struct ls_meter){ .runs = 128, .timed = 2, .timed_ns = 600 };
	*meter(0, LS_METER_WAKEUP) = (struct ls_meter){ .runs = 64, .timed = 1, .timed_ns = 50 };
	cost__read(&c, &cost);
	cr_expect_eq(cost.samples, 7);
	cr_expect_eq(cost.hits, 130);
	cr_expect_eq(cost.traps_ns, 70000 + 2000);
	cr_expect_eq(cost.hit_traps_ns, 2000);
	cr_expect_eq(cost.programs_ns, 128 * 300 + 64 * 50);
	cr_expect_eq(cost.hit_programs_ns, 128 * 300);
	cr_expect_not(cost.is_calibrated);
}

Test(probe_cost, the_median_is_the_middle_one)
{
	double odd[] = { 5, 1, 9 }, even[] = { 4, 1, 100, 2 };

	cr_expect_float_eq(calibrate_median(odd, 3), 5, 0);
	cr_expect_float_eq(calibrate_median(even, 4), 3, 0);
	cr_expect_float_eq(calibrate_median(odd, 0), 0, 0);
}
