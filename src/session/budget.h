/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which way of measuring a loop can afford (--budget). Pure: told the load, says the mode; no
 * clock, no probes.
 *
 * What exact timing takes from a loop thread is its load: hits of probes in a second, times what a
 * hit costs (trap and program). The budget is the share of a core that this may take of the busiest
 * loop thread.
 *
 * EXACT: while the load fits the budget, on average over BUDGET_MEAN_NS. A loop that was kept from
 * running makes up for it afterwards, and no load is steady in 50 ms. Once it does not fit: LIGHT.
 *
 * LIGHT: no probes. So that the numbers of steps and their percentiles go on, exact timing is on
 * for a short WINDOW in each period, such that all windows together take half of the budget: the
 * other half is for putting the probes on and taking them off. A window lasts BUDGET_WINDOW_NS in
 * each BUDGET_PERIOD_NS, or less as the load demands. Where even BUDGET_MIN_WINDOW_NS were too much
 * the period grows instead, up to BUDGET_MAX_PERIOD_NS. One that was closed late delays the next,
 * unless an estimate says that it would cost little now. As long as an estimate says that the loop
 * is as busy as before, a window would measure nothing new: the period is BUDGET_BUSY_PERIOD_NS at
 * least then.
 *
 * WINDOW: such a window is open.
 *
 * Back to EXACT when two windows in a row saw, on average, a load below BUDGET_RETURN of the
 * budget. From a change between EXACT and LIGHT to the next at least BUDGET_STAY_NS pass, but the
 * first may come at once. So a load near the limit does not flap, and a busy loop that gets quiet
 * is timed exactly again after two or three seconds.
 */
#ifndef LOOPSTALL_SESSION_BUDGET_H
#define LOOPSTALL_SESSION_BUDGET_H

#include <stdint.h>

#include "base/time.h"

#define BUDGET_STAY_NS NS_PER_S
#define BUDGET_MEAN_NS (500 * NS_PER_MS)
#define BUDGET_LEAST_NS (200 * NS_PER_MS) /* of a mean that is believed */
#define BUDGET_PERIOD_NS NS_PER_S /* from the beginning of a window to that of the next */
#define BUDGET_BUSY_PERIOD_NS (4 * BUDGET_PERIOD_NS)
#define BUDGET_MAX_PERIOD_NS (60 * BUDGET_PERIOD_NS)
#define BUDGET_WINDOW_NS (50 * NS_PER_MS)
/* a shorter window has too few steps to be worth attaching the probes */
#define BUDGET_MIN_WINDOW_NS (5 * NS_PER_MS)
#define BUDGET_WINDOWS_SHARE 0.5 /* of the budget */
#define BUDGET_RETURN 0.7

enum budget_mode { BUDGET_EXACT, BUDGET_LIGHT, BUDGET_WINDOW };

/* What was seen since the last decision. */
struct budget_load {
	/*
	 * Of the busiest loop thread while probes were on. In LIGHT an estimate, used to plan
	 * windows, or NAN.
	 */
	double hits_per_s;
	double ns_per_hit; /* trap and program */
};

struct budget {
	double share; /* of a core */
	enum budget_mode mode;
	double load; /* share of a core, as last known */
	uint64_t changed_ns; /* between exact and light */
	/* LIGHT: when the next one opens, as far as is known; UINT64_MAX: none does */
	uint64_t window_due_ns;
	uint64_t window_began_ns, window_end_ns; /* of the one that is open, or was last */
	double window_load; /* of the window before the last one; INFINITY: there was none */
	uint64_t asked_ns;
	/* EXACT: the mean load of about the last `mean_ns` */
	double mean;
	uint64_t mean_ns;
};

/* Begins in exact mode. `share` is 0.02 for 2 %; 0 or less: always light, without windows. */
void budget__init(struct budget *b, double share, uint64_t now_ns);

/*
 * The mode from now on. To be asked some twenty times a second, and when budget__due_ns() has come.
 */
enum budget_mode budget__decide(struct budget *b, const struct budget_load *load, uint64_t now_ns);

/*
 * When a window opens or closes: the mode changes then whatever the load. UINT64_MAX: not by
 * itself.
 */
uint64_t budget__due_ns(const struct budget *b);

#endif
