/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A state machine of three states; the header says when it goes where.
 */
#include "session/budget.h"

#include <math.h>
#include <stdbool.h>

#include "base/time.h"

void budget__init(struct budget *b, double share, uint64_t now_ns)
{
	*b = (struct budget){
		.share = share,
		.mode = share > 0 ? BUDGET_EXACT : BUDGET_LIGHT,
		/* The first decision may come at once. */
		.changed_ns = now_ns > BUDGET_STAY_NS ? now_ns - BUDGET_STAY_NS : 0,
		.window_due_ns = UINT64_MAX,
		.window_load = INFINITY,
		.asked_ns = now_ns,
	};
}

static double clamp(double value, double least, double most)
{
	return value < least ? least : value > most ? most : value;
}

/* The share of the time that windows may be open. */
static double open_share(const struct budget *b)
{
	const double share = b->share * BUDGET_WINDOWS_SHARE;

	return b->load > share ? share / b->load : 1;
}

static uint64_t window_ns(const struct budget *b)
{
	return (uint64_t)clamp(open_share(b) * (double)BUDGET_PERIOD_NS,
			       (double)BUDGET_MIN_WINDOW_NS, (double)BUDGET_WINDOW_NS);
}

/* Time from the beginning of a window of this length to the next one. */
static uint64_t period_ns(const struct budget *b, uint64_t length_ns)
{
	return (uint64_t)clamp((double)length_ns / open_share(b), (double)BUDGET_PERIOD_NS,
			       (double)BUDGET_MAX_PERIOD_NS);
}

/* When the load is to be measured again. */
static void plan_window(struct budget *b, bool is_known_busy)
{
	const uint64_t ns = period_ns(b, b->window_end_ns - b->window_began_ns);

	if (b->share > 0)
		b->window_due_ns = b->window_began_ns +
			(is_known_busy && ns < BUDGET_BUSY_PERIOD_NS ? BUDGET_BUSY_PERIOD_NS : ns);
}

static void change(struct budget *b, enum budget_mode mode, uint64_t now_ns)
{
	b->mode = mode;
	b->changed_ns = now_ns;
	b->window_load = INFINITY;
	b->mean_ns = 0;
}

static void begin_window(struct budget *b, uint64_t now_ns)
{
	b->window_began_ns = now_ns;
	b->window_end_ns = now_ns + window_ns(b);
}

static void close_window(struct budget *b, uint64_t now_ns)
{
	const double mean = (b->window_load + b->load) / 2;

	b->window_load = b->load;
	b->mode = BUDGET_LIGHT;
	b->window_end_ns = now_ns;
	plan_window(b, false);
	if (mean <= b->share * BUDGET_RETURN && now_ns - b->changed_ns >= BUDGET_STAY_NS)
		change(b, BUDGET_EXACT, now_ns);
}

static void add_to_mean(struct budget *b, double load, uint64_t interval_ns)
{
	const double before = (double)b->mean_ns, added = (double)interval_ns;

	if (!interval_ns)
		return;
	b->mean = (b->mean * before + load * added) / (before + added);
	b->mean_ns += interval_ns;
	if (b->mean_ns > BUDGET_MEAN_NS)
		b->mean_ns = BUDGET_MEAN_NS;
}

/* Also when so much was taken in a short time that it does not fit into the mean any more. */
static bool is_too_much(const struct budget *b)
{
	if (b->mean * (double)b->mean_ns > b->share * (double)BUDGET_MEAN_NS)
		return true;
	return b->mean_ns >= BUDGET_LEAST_NS && b->mean > b->share;
}

enum budget_mode budget__decide(struct budget *b, const struct budget_load *load, uint64_t now_ns)
{
	const double share = load->hits_per_s * load->ns_per_hit / NS_PER_S;
	const uint64_t interval_ns = now_ns - b->asked_ns;

	b->asked_ns = now_ns;
	if (isfinite(share))
		b->load = share;
	switch (b->mode) {
	case BUDGET_EXACT:
		if (isfinite(share))
			add_to_mean(b, share, interval_ns);
		if (!is_too_much(b) || now_ns - b->changed_ns < BUDGET_STAY_NS)
			break;
		b->load = b->mean;
		change(b, BUDGET_LIGHT, now_ns);
		/* Plans the next window as if one began now. */
		begin_window(b, now_ns);
		plan_window(b, false);
		break;
	case BUDGET_LIGHT:
		/* Without an estimate the load is assumed to have fallen. */
		plan_window(b, share > b->share * BUDGET_RETURN);
		if (now_ns < b->window_due_ns)
			break;
		b->mode = BUDGET_WINDOW;
		begin_window(b, now_ns);
		break;
	case BUDGET_WINDOW:
		if (now_ns >= b->window_end_ns)
			close_window(b, now_ns);
		break;
	}
	return b->mode;
}

uint64_t budget__due_ns(const struct budget *b)
{
	return b->mode == BUDGET_LIGHT	 ? b->window_due_ns :
		b->mode == BUDGET_WINDOW ? b->window_end_ns :
					   UINT64_MAX;
}
