/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts are exact. Times are those of some runs, and of some traps of our own, times the counts.
 */
#include "probe/cost.h"

static const enum ls_trap traps[LS_METER_MAX] = {
#define _(name, trap) [LS_METER_##name] = LS_TRAP_##trap,
	LS_METERS(_)
#undef _
};

static bool is_hit(enum ls_trap trap)
{
	return trap == LS_TRAP_CALL || trap == LS_TRAP_JUMP;
}

static struct ls_meter read_meter(const struct ls_meter *m)
{
	const volatile struct ls_meter *live = m;

	return (struct ls_meter){ .runs = live->runs,
				  .timed = live->timed,
				  .timed_ns = live->timed_ns };
}

struct cost_sum cost__sum(const struct cost *c, enum ls_meter_id id)
{
	struct ls_meter all = { 0 };

	for (unsigned int row = 0; row < c->n_rows; row++) {
		const struct ls_meter m = read_meter(&c->meters[row * LS_METER_ROW + id]);

		all.runs += m.runs;
		all.timed += m.timed;
		all.timed_ns += m.timed_ns;
	}
	/* The clock's own time is taken off, of a very short run perhaps a little too much. */
	if (!all.timed || all.timed_ns <= 0)
		return (struct cost_sum){ .runs = all.runs };
	return (struct cost_sum){
		.runs = all.runs,
		.ns = (double)all.runs * (double)all.timed_ns / (double)all.timed,
	};
}

void cost__charge(struct cost *c)
{
	uint64_t counts[LS_TRAP_MAX] = { 0 };

	for (int id = 0; id < LS_METER_MAX; id++)
		counts[traps[id]] += cost__sum(c, id).runs;
	for (int trap = LS_TRAP_NONE + 1; trap < LS_TRAP_MAX; trap++) {
		c->traps_ns[trap] += (double)(counts[trap] - c->charged[trap]) * c->costs.ns[trap];
		c->charged[trap] = counts[trap];
	}
}

void cost__read(struct cost *c, struct probe_cost *ret)
{
	double programs_ns = 0, hit_programs_ns = 0, hit_traps_ns = 0, traps_ns = 0;

	cost__charge(c);
	for (int id = 0; id < LS_METER_MAX; id++) {
		const double ns = cost__sum(c, id).ns;

		programs_ns += ns;
		hit_programs_ns += is_hit(traps[id]) ? ns : 0;
	}
	for (int trap = 0; trap < LS_TRAP_MAX; trap++) {
		traps_ns += c->traps_ns[trap];
		hit_traps_ns += is_hit(trap) ? c->traps_ns[trap] : 0;
	}
	*ret = (struct probe_cost){
		.is_calibrated = c->calibrator != NULL,
		.programs_ns = (uint64_t)programs_ns,
		.traps_ns = (uint64_t)traps_ns,
		.hits = c->charged[LS_TRAP_CALL] + c->charged[LS_TRAP_JUMP],
		.hit_programs_ns = (uint64_t)hit_programs_ns,
		.hit_traps_ns = (uint64_t)hit_traps_ns,
		.samples = c->charged[LS_TRAP_SAMPLE],
		.costs = c->costs,
	};
}
