/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outputs of a session together: what they need, their start and their end.
 */
#include "base/exit.h"
#include "session/parts.h"

/* In the order they were added. */
void session__add_sink(struct session *s, struct sink *sink)
{
	struct sink **last = &s->sinks;

	while (*last)
		last = &(*last)->next;
	sink->next = NULL;
	*last = sink;
}

struct sink session__sinks_needs(const struct session *s)
{
	struct sink all = { 0 };

	for (const struct sink *k = s->sinks; k; k = k->next) {
		all.needs_every_step |= k->needs_every_step;
		all.paces_reads |= k->paces_reads;
		all.lists_stalls |= k->lists_stalls;
		if (k->stalls_per_s > all.stalls_per_s)
			all.stalls_per_s = k->stalls_per_s;
	}
	return all;
}

int session__start_sinks(struct session *s)
{
	if (s->life.has_started)
		return 0;
	s->life.has_started = true;
	return SINKS_CALL(s, start);
}

/* The first code that is not EXIT_FINE, or -errno. */
static int call_ends(struct session *s, const struct snapshot *snapshot)
{
	const struct session_end end = {
		.duration_ns = session__now_ns(s) - s->life.started_ns,
		.own_cost = session__own_cost(s),
		.machine = machine__since(&s->life.started_machine),
		.no_steps_reason = session__silence(s, snapshot),
	};
	int code = EXIT_FINE;

	for (const struct sink *k = s->sinks; k; k = k->next) {
		int r = k->ops->end ? k->ops->end(k->ctx, snapshot, &end) : EXIT_FINE;

		if (r < 0)
			return r;
		code = code == EXIT_FINE ? r : code;
	}
	return code;
}

bool session__has_ending_sinks(const struct session *s)
{
	for (const struct sink *k = s->sinks; k; k = k->next)
		if (k->ops->end)
			return true;
	return false;
}

int session__end_sinks(struct session *s)
{
	const struct snapshot *snapshot;
	int r;

	r = session__start_sinks(s);
	if (r >= 0)
		r = session__report_shed(s, session__now_ns(s));
	if (r >= 0)
		r = model__snapshot(s->feed.model, &snapshot);
	return r < 0 ? r : call_ends(s, snapshot);
}
