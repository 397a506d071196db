/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of services: processes come and go, and no counter falls; the number of series is
 * bounded.
 */
#include "page.h"

TestSuite(registry, .init = NULL, .fini = registry_ends);

#define STEPS_OF_SHOP "loopstall_loop_time_seconds_total{service=\"shop\",state=\"steps\"}"
#define IDLE_OF_SHOP "loopstall_loop_time_seconds_total{service=\"shop\",state=\"idle\"}"

static void pass(bool is_folding, const struct ls_thread_stats *stats, bool is_last)
{
	registry__begin_pass(registry, is_folding);
	if (stats)
		reads_thread(PID, is_last, stats);
	registry__end_pass(registry);
}

Test(registry, the_time_of_a_worker_stays_when_it_is_replaced)
{
	const struct ls_thread_stats first = thread_stats(3 * SECOND, 4 * SECOND),
				     second = thread_stats(SECOND, SECOND);

	registry_begins(0);
	knows(PID, "shop");
	pass(true, &first, false);
	cr_expect_str_eq(value_of(STEPS_OF_SHOP), "3.0");
	pass(true, &first, true);
	cr_expect_str_eq(value_of(STEPS_OF_SHOP), "3.0");
	pass(true, NULL, false);
	cr_expect_str_eq(value_of(STEPS_OF_SHOP), "3.0", "nothing is read of it any more");
	pass(true, &second, false);
	cr_expect_str_eq(value_of(STEPS_OF_SHOP), "4.0", "another one of the same service");
	cr_expect_str_eq(value_of(IDLE_OF_SHOP), "5.0");
}

Test(registry, a_pass_between_two_ticks_counts_nothing_twice)
{
	const struct ls_thread_stats stats = thread_stats(3 * SECOND, 4 * SECOND);

	registry_begins(0);
	knows(PID, "shop");
	pass(false, &stats, true);
	pass(false, &stats, true);
	pass(true, &stats, true);
	pass(false, NULL, false);
	cr_expect_str_eq(value_of(STEPS_OF_SHOP), "3.0");
}

Test(registry, a_reading_that_falls_does_not_lower_a_counter)
{
	const struct ls_thread_stats high = thread_stats(3 * SECOND, 0),
				     low = thread_stats(2 * SECOND, 0);

	registry_begins(0);
	knows(PID, "shop");
	pass(true, &high, false);
	pass(true, &low, false);
	cr_expect_str_eq(value_of(STEPS_OF_SHOP), "3.0");
	pass(true, &high, false);
	cr_expect_str_eq(value_of(STEPS_OF_SHOP), "3.0", "and is not counted twice");
}

#define DELAY "loopstall_ready_delay_seconds"
#define OF_SHOP "{service=\"shop\"}"

/* Each is an edge of the kernel side's histogram. */
Test(registry, each_wait_is_in_the_histogram)
{
	struct ls_thread_stats stats = thread_stats(3 * SECOND, 0);

	stats.waits_ns = 2 * MS + 2 * 60 * MS;
	stats.wait_hist[ls_hist_index(2 * MS)] = 1;
	stats.wait_hist[ls_hist_index(60 * MS)] = 2;
	registry_begins(0);
	knows(PID, "shop");
	pass(true, &stats, true);
	pass(true, &stats, false);
	cr_expect_str_eq(value_of(DELAY "_sum" OF_SHOP), "0.244", "of two threads");
	cr_expect_str_eq(value_of(DELAY "_count" OF_SHOP), "6");
	cr_expect_str_eq(value_of(DELAY "_bucket{service=\"shop\",le=\"0.00098304\"}"), "0");
	cr_expect_str_eq(value_of(DELAY "_bucket{service=\"shop\",le=\"0.01048576\"}"), "2");
	cr_expect_str_eq(value_of(DELAY "_bucket{service=\"shop\",le=\"+Inf\"}"), "6");
}

static bool is_never_alive(void *ctx, pid_t pid)
{
	(void)ctx;
	(void)pid;
	return false;
}

Test(registry, a_pid_that_is_used_again_belongs_to_its_new_service)
{
	const struct ls_thread_stats stats = thread_stats(3 * SECOND, 0);

	registry_begins(0);
	knows(PID, "shop");
	pass(true, &stats, true);
	registry__forget_ended(registry, is_never_alive, NULL);
	knows(PID, "cart");
	pass(true, NULL, false);
	registry__forget_ended(registry, is_never_alive, NULL);
	knows(PID, "cart");
	pass(true, &stats, false);
	cr_expect_str_eq(value_of(STEPS_OF_SHOP), "3.0");
	cr_expect_str_eq(
		value_of("loopstall_loop_time_seconds_total{service=\"cart\",state=\"steps\"}"),
		"3.0");
}

Test(registry, processes_without_a_loop_make_no_series)
{
	size_t before;

	registry_begins(0);
	before = count_series();
	knows(PID, "script");
	pass(true, NULL, false);
	cr_expect_eq(count_series(), before);
}

Test(registry, what_is_not_known_is_counted_as_other)
{
	const struct ls_thread_stats stats = thread_stats(3 * SECOND, 0);

	registry_begins(0);
	cr_expect_str_eq(value_of("loopstall_loops{service=\"other\"}"), "", "nothing so far");
	pass(true, &stats, false);
	cr_expect_str_eq(
		value_of("loopstall_loop_time_seconds_total{service=\"other\",state=\"steps\"}"),
		"3.0");
}

Test(registry, gauges_are_of_the_last_pass)
{
	const struct ls_thread_stats stats = thread_stats(3 * SECOND, 0);

	registry_begins(0);
	knows(PID, "shop");
	registry__begin_pass(registry, true);
	reads_thread(PID, false, &stats);
	reads_thread(PID, false, &stats);
	registry__end_pass(registry);
	cr_assert_eq(
		registry__describe_process(registry, PID, &(struct process_now){ 2, true, 17 }), 0);
	registry__set_running(registry, &(struct stall){ .pid = PID, .duration_ns = 1500 * MS });
	registry__set_running(registry, &(struct stall){ .pid = PID, .duration_ns = 500 * MS });
	cr_expect_str_eq(value_of("loopstall_loops{service=\"shop\"}"), "2");
	cr_expect_str_eq(value_of("loopstall_executor_queued_calls{service=\"shop\"}"), "10");
	cr_expect_str_eq(value_of("loopstall_processes{service=\"shop\",mode=\"light\"}"), "1");
	cr_expect_str_eq(value_of("loopstall_tasks{service=\"shop\"}"), "17");
	cr_expect_str_eq(value_of("loopstall_stall_running_seconds{service=\"shop\"}"), "1.5");
	pass(true, NULL, false);
	cr_expect_str_eq(value_of("loopstall_loops{service=\"shop\"}"), "0");
	cr_expect_str_eq(value_of("loopstall_stall_running_seconds{service=\"shop\"}"), "0.0");
}

Test(registry, pools_are_added_up_by_kind)
{
	const struct ls_thread_stats stats = thread_stats(3 * SECOND, 0);
	const struct pool_row full = { .pid = PID,
				       .kind = POOL_LIMITER,
				       .size = 40,
				       .busy = 40,
				       .waiting = 22,
				       .full_since_ns = 1 };
	const struct pool_row free = { .pid = PID, .kind = POOL_LIMITER, .size = 4, .busy = 1 };
	const struct pool_row own = { .pid = PID, .kind = POOL_EXECUTOR, .is_default = true };

	registry_begins(0);
	knows(PID, "shop");
	pass(true, &stats, false);
	cr_expect_str_eq(value_of("loopstall_pools_full{service=\"shop\",kind=\"limiter\"}"), "",
			 "none so far");
	registry__add_pool(registry, &full);
	registry__add_pool(registry, &free);
	registry__add_pool(registry, &own);
	cr_expect_str_eq(value_of("loopstall_pool_size{service=\"shop\",kind=\"limiter\"}"), "44");
	cr_expect_str_eq(value_of("loopstall_pool_busy{service=\"shop\",kind=\"limiter\"}"), "41");
	cr_expect_str_eq(value_of("loopstall_pool_waiting{service=\"shop\",kind=\"limiter\"}"),
			 "22");
	cr_expect_str_eq(value_of("loopstall_pools_full{service=\"shop\",kind=\"limiter\"}"), "1");
	cr_expect_str_eq(value_of("loopstall_pool_size{service=\"shop\",kind=\"executor\"}"), "",
			 "default executors have metrics of their own");
	pass(true, &stats, false);
	cr_expect_str_eq(value_of("loopstall_pools_full{service=\"shop\",kind=\"limiter\"}"), "0",
			 "a series that was there stays");
}

Test(registry, stalls_are_counted_by_unit_and_cause)
{
	struct stall open = { .pid = PID, .unit = LS_UNIT_STEP, .end = LS_END_OPEN };

	registry_begins(0);
	knows(PID, "shop");
	stalls(PID, "fetch", 50, LS_CAUSE_SLEEP);
	stalls(PID, "fetch", 30, LS_CAUSE_SLEEP);
	stalls(PID, "render", 12, LS_CAUSE_CPU);
	cr_assert_eq(registry__add_stall(registry, &open), 0);
	cr_expect_str_eq(
		value_of("loopstall_stalls_total{service=\"shop\",unit=\"step\",cause=\"sleep\"}"),
		"2");
	cr_expect_str_eq(
		value_of("loopstall_stall_seconds_total{service=\"shop\",cause=\"sleep\"}"),
		"0.08");
	cr_expect_str_eq(value_of("loopstall_stall_seconds_total{service=\"shop\",cause=\"cpu\"}"),
			 "0.012");
}

Test(registry, a_stall_without_a_record_is_counted_once_its_record_would_be_there)
{
	struct ls_thread_stats stats = thread_stats(3 * SECOND, 0);

#define WITHOUT "loopstall_stalls_without_record_total{service=\"shop\"}"
	registry_begins(0);
	knows(PID, "shop");
	stats.stalls = 2;
	pass(true, &stats, false);
	cr_expect_str_eq(value_of(WITHOUT), "0", "they may be on their way");
	stalls(PID, "fetch", 50, LS_CAUSE_SLEEP);
	pass(true, &stats, false);
	cr_expect_str_eq(value_of(WITHOUT), "1");
	pass(true, &stats, false);
	cr_expect_str_eq(value_of(WITHOUT), "1");
}

#define SITE "site=\"app/db.py:31\",function=\"fetch\",cause=\"sleep\"}"

Test(registry, a_site_gets_its_series_when_it_stalls_again_and_again)
{
	registry_begins(0);
	knows(PID, "shop");
	for (int i = 0; i < 2; i++)
		stalls(PID, "fetch", 50, LS_CAUSE_SLEEP);
	cr_expect_str_eq(value_of("loopstall_site_stalls_total{service=\"shop\"," SITE), "");
	cr_expect_str_eq(value_of("loopstall_site_stalls_total{service=\"shop\",site=\"other\"}"),
			 "2");
	for (int i = 0; i < 3; i++)
		stalls(PID, "fetch", 50, LS_CAUSE_SLEEP);
	cr_expect_str_eq(value_of("loopstall_site_stalls_total{service=\"shop\"," SITE), "3");
	cr_expect_str_eq(value_of("loopstall_site_stalls_total{service=\"shop\",site=\"other\"}"),
			 "2", "what was counted there stays there");
	cr_expect_str_eq(value_of("loopstall_site_stall_seconds_total{service=\"shop\"," SITE),
			 "0.15");
	cr_expect_str_eq(value_of("loopstall_entry_starved_seconds_total{service=\"shop\","
				  "entry=\"handler\",place=\"app/web.py:14\"}"),
			 "0.021");
}

static void coroutine_pass(uint64_t hot_steps, uint64_t cold_steps)
{
	const struct ls_thread_stats stats = thread_stats(hot_steps * MS, 20 * SECOND);

	registry__begin_pass(registry, true);
	reads_thread(PID, false, &stats);
	reads_coroutine(PID, "hot", hot_steps, MS, 0);
	reads_coroutine(PID, "cold", cold_steps, MS, 0);
	registry__end_pass(registry);
}

#define COROUTINE(name)                                                                            \
	"loopstall_coroutine_steps_total{service=\"shop\",coroutine=\"" name                       \
	"\",place=\"app/web.py:10\"}"

Test(registry, a_coroutine_gets_its_series_when_it_takes_time)
{
	registry_begins(0);
	knows(PID, "shop");
	coroutine_pass(1000, 10);
	coroutine_pass(1200, 12);
	coroutine_pass(1500, 15);
	cr_expect_str_eq(value_of(COROUTINE("hot")), "1500");
	cr_expect_str_eq(value_of(COROUTINE("cold")), "");
	cr_expect_str_eq(
		value_of("loopstall_coroutine_steps_total{service=\"shop\",coroutine=\"other\"}"),
		"15");
}

Test(registry, names_that_never_end_keep_the_number_of_series_bounded)
{
	const struct ls_thread_stats stats = thread_stats(3 * SECOND, 0);
	char name[64];

	registry_begins(1000);
	for (int service = 0; service < 200; service++) {
		snprintf(name, sizeof(name), "service-%d", service);
		knows(PID + service, name);
		registry__begin_pass(registry, true);
		reads_thread(PID + service, false, &stats);
		registry__end_pass(registry);
		for (int i = 0; i < 100; i++) {
			snprintf(name, sizeof(name), "f%d", i);
			for (int k = 0; k < 4; k++)
				stalls(PID + service, name, 50, i % LS_CAUSE_MAX);
		}
	}
	cr_expect_leq(count_series(), 1000);
	cr_expect_gt(registry->refused_services, 0);
	cr_expect_gt(registry->refused_causes, 0);
	cr_expect_gt(registry->refused_tops[TOP_LIST_SITE], 0);
	cr_expect_str_neq(value_of("loopstall_stalls_total{service=\"other\",unit=\"step\","
				   "cause=\"other\"}"),
			  "0");
}

Test(registry, no_stall_is_missing_from_the_sums)
{
	uint64_t n = 0;
	char name[64];

	registry_begins(1000);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "service-%d", i % 40);
		knows(PID + i % 40, name);
		snprintf(name, sizeof(name), "f%d", i % 900);
		stalls(PID + i % 40, name, 50, i % LS_CAUSE_MAX);
	}
	for (const struct service *s = registry->services; s; s = s->next) {
		const struct top_list *sites = &s->tops[TOP_LIST_SITE];

		n += sites->other[0];
		for (const struct top_row *row = sites->rows; row; row = row->hh.next)
			n += row->shown[0];
	}
	cr_expect_eq(n, 3000);
}

Test(registry, losses_never_fall)
{
	registry_begins(0);
	registry__set_loss(registry, "ring_full", 5);
	registry__set_loss(registry, "ring_full", 3);
	cr_expect_str_eq(value_of("loopstall_lost_total{reason=\"ring_full\"}"), "5");
}
