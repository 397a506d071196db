/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy of --budget, driven by scripted loads: a loop of so many hits a second, asked four
 * times a second and when due.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "base/array.h"
#include "session/budget.h"

#define MS 1000000ULL
#define S 1000000000ULL
#define ASK_NS (250 * MS)
#define NS_PER_HIT 1000.0
#define SHARE 0.02 /* 20 000 hits of 1 us in a second */
#define BEGIN_NS (1000 * S)
#define WINDOWS_SHARE (SHARE * BUDGET_WINDOWS_SHARE)

struct run {
	struct budget budget;
	double hits_per_s;
	bool has_estimate; /* in light mode, too */
	uint64_t late_ns; /* how late it is asked */
	uint64_t now_ns, asked_ns;
	uint64_t exact_ns, window_ns; /* time in these modes */
	unsigned int n_changes, n_windows;
	uint64_t changed_ns, closest_ns; /* two changes between exact and light */
	double taken_ns; /* from the loop */
};

static void run_begin(struct run *r, double share, double hits_per_s)
{
	*r = (struct run){ .hits_per_s = hits_per_s,
			   .now_ns = BEGIN_NS,
			   .asked_ns = BEGIN_NS,
			   .closest_ns = UINT64_MAX };
	budget__init(&r->budget, share, BEGIN_NS);
}

static void ask(struct run *r)
{
	const enum budget_mode before = r->budget.mode;
	const bool is_seen = before != BUDGET_LIGHT || r->has_estimate;
	const struct budget_load load = { .hits_per_s = is_seen ? r->hits_per_s : NAN,
					  .ns_per_hit = NS_PER_HIT };
	const enum budget_mode after = budget__decide(&r->budget, &load, r->now_ns);

	r->n_windows += after == BUDGET_WINDOW && before != BUDGET_WINDOW;
	if ((before == BUDGET_EXACT) == (after == BUDGET_EXACT))
		return;
	if (r->n_changes++ && r->now_ns - r->changed_ns < r->closest_ns)
		r->closest_ns = r->now_ns - r->changed_ns;
	r->changed_ns = r->now_ns;
}

static void run_for(struct run *r, uint64_t ns)
{
	const uint64_t end_ns = r->now_ns + ns;

	while (r->now_ns < end_ns) {
		const uint64_t due_ns = budget__due_ns(&r->budget),
			       regular_ns = r->asked_ns + ASK_NS;
		const uint64_t next_ns = (due_ns < regular_ns ? due_ns : regular_ns) + r->late_ns;
		const uint64_t passed_ns = next_ns - r->now_ns;

		r->exact_ns += r->budget.mode == BUDGET_EXACT ? passed_ns : 0;
		r->window_ns += r->budget.mode == BUDGET_WINDOW ? passed_ns : 0;
		if (r->budget.mode != BUDGET_LIGHT)
			r->taken_ns += (double)passed_ns * r->hits_per_s * NS_PER_HIT / 1e9;
		r->now_ns = next_ns;
		if (next_ns >= regular_ns)
			r->asked_ns = next_ns;
		ask(r);
	}
}

Test(session_budget, what_fits_is_exact)
{
	struct run r;

	run_begin(&r, SHARE, 19000);
	run_for(&r, 20 * S);
	cr_expect_eq(r.budget.mode, BUDGET_EXACT);
	cr_expect_eq(r.n_changes, 0);
	cr_expect_eq(budget__due_ns(&r.budget), UINT64_MAX);
}

Test(session_budget, what_does_not_fit_is_light_at_the_first_look)
{
	struct run r;

	run_begin(&r, SHARE, 21000);
	run_for(&r, ASK_NS - 1);
	cr_expect_eq(r.exact_ns, ASK_NS);
	cr_expect_neq(r.budget.mode, BUDGET_EXACT);
	run_for(&r, 100 * S);
	cr_expect_eq(r.n_changes, 1, "it stays");
	cr_expect_eq(r.exact_ns, ASK_NS);
}

Test(session_budget, windows_are_regular_and_fit)
{
	static const double loads[] = { 21000, 100000, 300000, 1000000 };

	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		struct run r;
		double share;

		run_begin(&r, SHARE, loads[i]);
		run_for(&r, 2 * S);
		r.taken_ns = 0;
		r.n_windows = 0;
		run_for(&r, 100 * S);
		share = r.taken_ns / (double)(100 * S);
		cr_expect(r.n_windows >= 99 && r.n_windows <= 101, "%g hits/s: %u windows",
			  loads[i], r.n_windows);
		cr_expect(share <= 1.02 * WINDOWS_SHARE, "%g hits/s: %g of a core", loads[i],
			  share);
		cr_expect(share >= 0.98 * WINDOWS_SHARE || r.window_ns >= 99 * BUDGET_WINDOW_NS,
			  "%g hits/s: only %g of a core", loads[i], share);
		cr_expect_eq(r.exact_ns, ASK_NS);
	}
}

Test(session_budget, where_the_shortest_window_is_too_dear_they_come_less_often)
{
	struct run r;

	run_begin(&r, 0.001, 500000);
	run_for(&r, 2 * S);
	r.taken_ns = 0;
	r.n_windows = 0;
	r.window_ns = 0;
	run_for(&r, 100 * S);
	cr_expect(r.n_windows >= 19 && r.n_windows <= 21, "%u windows", r.n_windows);
	cr_expect_eq(r.window_ns, r.n_windows * BUDGET_MIN_WINDOW_NS);
	cr_expect(r.taken_ns / (double)(100 * S) <= 0.0006);
}

Test(session_budget, there_is_always_a_next_window)
{
	struct run r;

	run_begin(&r, 1e-9, 500000);
	run_for(&r, 300 * S);
	cr_expect(r.n_windows >= 4, "%u windows", r.n_windows);
}

Test(session_budget, a_window_that_is_closed_late_delays_the_next)
{
	struct run r;

	run_begin(&r, SHARE, 500000);
	r.late_ns = 100 * MS;
	run_for(&r, 2 * S);
	r.taken_ns = 0;
	run_for(&r, 200 * S);
	cr_expect(r.taken_ns / (double)(200 * S) <= 1.02 * WINDOWS_SHARE, "%g of a core",
		  r.taken_ns / (double)(200 * S));
}

/* The load falls, and it takes no more than three seconds to be exact again. */
static void expect_return(struct run *r)
{
	cr_assert_neq(r->budget.mode, BUDGET_EXACT);
	r->hits_per_s = 1000;
	r->exact_ns = 0;
	run_for(r, 10 * S);
	cr_expect_eq(r->budget.mode, BUDGET_EXACT);
	cr_expect_eq(r->n_changes, 2);
	cr_expect(r->exact_ns >= 7 * S, "back within three seconds: %g s",
		  (double)r->exact_ns / 1e9);
}

/* So long that the next one would be seven seconds away. */
Test(session_budget, a_window_that_is_closed_late_does_not_delay_the_return)
{
	struct run r;

	run_begin(&r, SHARE, 500000);
	r.has_estimate = true;
	r.late_ns = 150 * MS;
	run_for(&r, 10 * S);
	while (r.budget.mode != BUDGET_LIGHT)
		run_for(&r, 1);
	r.late_ns = 0;
	expect_return(&r);
}

Test(session_budget, back_when_the_load_falls)
{
	struct run r;

	run_begin(&r, SHARE, 100000);
	run_for(&r, 10 * S);
	expect_return(&r);
}

Test(session_budget, not_back_for_a_load_just_below_the_limit)
{
	struct run r;

	run_begin(&r, SHARE, 21000);
	run_for(&r, 10 * S);
	r.hits_per_s = 19000;
	run_for(&r, 100 * S);
	cr_expect_eq(r.n_changes, 1);
	r.hits_per_s = 13000;
	run_for(&r, 10 * S);
	cr_expect_eq(r.budget.mode, BUDGET_EXACT);
}

Test(session_budget, a_load_that_jumps_does_not_flap)
{
	struct run r;

	run_begin(&r, SHARE, 0);
	for (unsigned int i = 0; i < 2000; i++) {
		r.hits_per_s = i % 3 ? 100 : 200000;
		run_for(&r, 137 * MS + i % 7 * 100 * MS);
	}
	cr_expect(r.n_changes > 10, "%u changes: the load is no test of it", r.n_changes);
	cr_expect(r.closest_ns >= BUDGET_STAY_NS, "%g s between two changes",
		  (double)r.closest_ns / 1e9);
}

Test(session_budget, one_calm_window_is_not_enough)
{
	struct run r;

	run_begin(&r, SHARE, 100000);
	run_for(&r, 5 * S);
	for (int i = 0; i < 50; i++) {
		/* Windows are a second apart: every other one sees a quiet loop. */
		r.hits_per_s = i % 2 ? 100 : 100000;
		run_for(&r, BUDGET_PERIOD_NS);
	}
	cr_expect_eq(r.n_changes, 1);
}

Test(session_budget, an_estimate_in_light_mode_plans_the_next_window)
{
	struct run r;
	struct budget_load much = { .hits_per_s = 500000, .ns_per_hit = NS_PER_HIT };

	run_begin(&r, SHARE, 21000);
	run_for(&r, 5 * S);
	while (r.budget.mode != BUDGET_LIGHT)
		run_for(&r, 1);
	budget__decide(&r.budget, &much, r.now_ns);
	cr_assert_eq(budget__decide(&r.budget, &much, budget__due_ns(&r.budget)), BUDGET_WINDOW);
	cr_expect_eq(r.budget.window_end_ns - r.budget.window_began_ns, 20 * MS);
}

Test(session_budget, windows_are_rare_while_the_loop_is_known_to_be_busy)
{
	struct run r;

	run_begin(&r, SHARE, 300000);
	r.has_estimate = true;
	run_for(&r, 2 * S);
	r.taken_ns = 0;
	r.n_windows = 0;
	run_for(&r, 100 * S);
	cr_expect(r.n_windows >= 24 && r.n_windows <= 26, "%u windows", r.n_windows);
	cr_expect(r.taken_ns / (double)(100 * S) <= 0.26 * WINDOWS_SHARE, "%g of a core",
		  r.taken_ns / (double)(100 * S));
}

Test(session_budget, a_load_that_seems_to_fall_is_measured_at_once)
{
	for (uint64_t after_ns = 0; after_ns < 4 * S; after_ns += 300 * MS) {
		struct run r;

		run_begin(&r, SHARE, 100000);
		r.has_estimate = true;
		run_for(&r, 10 * S + after_ns);
		expect_return(&r);
	}
}

/* The estimate says quiet, each window says busy: they come as often as without one. */
Test(session_budget, a_wrong_estimate_does_no_harm)
{
	double seconds;
	struct run r;

	run_begin(&r, SHARE, 300000);
	for (int i = 0; i < 1000; i++) {
		const struct budget_load quiet = { .hits_per_s = 10, .ns_per_hit = NS_PER_HIT };

		if (r.budget.mode == BUDGET_LIGHT && r.now_ns < budget__due_ns(&r.budget))
			budget__decide(&r.budget, &quiet, r.now_ns);
		run_for(&r, 100 * MS);
	}
	cr_expect_eq(r.n_changes, 1);
	seconds = (double)(r.now_ns - BEGIN_NS) / 1e9;
	cr_expect(r.n_windows >= seconds * 0.6 && r.n_windows <= seconds + 1, "%u windows in %g s",
		  r.n_windows, seconds);
}

/* A loop makes up for time without a CPU: its load is even in half a second, not in 50 ms. */
Test(session_budget, a_steady_load_in_bursts_is_exact)
{
	static const double factors[] = { 0, 0, 4.5, 0.5, 1, 1.5, 0, 0.5 };
	struct run r;

	for (size_t first = 0; first < N_OF(factors); first++) {
		run_begin(&r, SHARE, 0);
		for (size_t i = first; i < 1000; i++) {
			r.hits_per_s = 10000 * factors[i % N_OF(factors)];
			r.now_ns += 50 * MS;
			ask(&r);
		}
		cr_expect_eq(r.n_changes, 0, "from %zu on", first);
	}
}

/* Windows of 50 ms see more or less of it. */
Test(session_budget, a_steady_load_is_exact_again_after_a_burst)
{
	struct run r;

	run_begin(&r, SHARE, 200000);
	run_for(&r, 2 * S);
	for (int i = 0; i < 4; i++) {
		r.hits_per_s = i % 2 ? 15000 : 5000;
		run_for(&r, BUDGET_PERIOD_NS);
	}
	cr_expect_eq(r.budget.mode, BUDGET_EXACT);
	cr_expect_eq(r.n_changes, 2);
}

Test(session_budget, without_a_budget_all_is_light)
{
	struct run r;

	run_begin(&r, 0, 100);
	run_for(&r, 100 * S);
	cr_expect_eq(r.budget.mode, BUDGET_LIGHT);
	cr_expect_eq(r.n_windows, 0);
	cr_expect_eq(r.exact_ns, 0);
}
