/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See profiles.h. The writer is that of the report format.
 */
#include "serve/profiles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "report/output.h"

#define MAX_LOSSES 96

struct profile {
	uint64_t request, begun_ns, due_ns;
	size_t n_losses; /* when it began */
	struct loss losses[MAX_LOSSES];
	struct output out;
	struct report *report;
	int r;
};

static void profile__free(struct profile *p)
{
	if (!p)
		return;
	report__free(p->report);
	output__done(&p->out);
	free(p);
}

static void profile__freep(struct profile **p)
{
	profile__free(*p);
}

static void keep_losses(struct profile *p, const struct snapshot *snapshot)
{
	p->n_losses = snapshot->n_losses < MAX_LOSSES ? snapshot->n_losses : MAX_LOSSES;
	memcpy(p->losses, snapshot->losses, p->n_losses * sizeof(p->losses[0]));
}

static int profile__new(struct profile **ret_profile, struct session *s, bool is_starved_first)
{
	const struct report_opts opts = { .mode = "auto", .is_starved_first = is_starved_first };
	_cleanup_(profile__freep) struct profile *p = calloc(1, sizeof(*p));
	const struct snapshot *snapshot;
	int r;

	if (!p)
		return -ENOMEM;
	r = output__init(&p->out);
	if (r >= 0)
		r = report__new(&p->report, report__by_name("pprof"), p->out.mem, &opts);
	if (r >= 0)
		r = session__write_start(s, p->report);
	if (r >= 0)
		r = model__snapshot(session__model(s), &snapshot);
	if (r < 0)
		return r;
	keep_losses(p, snapshot);
	*ret_profile = TAKE_PTR(p);
	return 0;
}

int profiles__begin(struct profiles *p, struct session *s, uint64_t request, uint64_t seconds,
		    bool is_starved_first)
{
	struct profile **place = p->list;
	int r;

	while (place < p->list + PROFILES_MOST && *place)
		place++;
	if (place == p->list + PROFILES_MOST)
		return -EBUSY;
	r = profile__new(place, s, is_starved_first);
	if (r < 0)
		return r;
	(*place)->request = request;
	(*place)->begun_ns = session__now_ns(s);
	(*place)->due_ns = (*place)->begun_ns + seconds * NS_PER_S;
	return 0;
}

void profiles__forget(struct profiles *p, bool (*is_waiting)(void *ctx, uint64_t request),
		      void *ctx)
{
	for (size_t i = 0; i < PROFILES_MOST; i++)
		if (p->list[i] && !is_waiting(ctx, p->list[i]->request))
			profile__free(TAKE_PTR(p->list[i]));
}

int profiles__add_stall(struct profiles *p, const struct stall *stall)
{
	for (size_t i = 0; i < PROFILES_MOST; i++)
		if (p->list[i] && p->list[i]->r >= 0)
			p->list[i]->r = report__stall(p->list[i]->report, stall);
	return 0;
}

uint64_t profiles__due_ns(const struct profiles *p)
{
	uint64_t due_ns = UINT64_MAX;

	for (size_t i = 0; i < PROFILES_MOST; i++)
		if (p->list[i] && p->list[i]->due_ns < due_ns)
			due_ns = p->list[i]->due_ns;
	return due_ns;
}

/*
 * The count at the start of the profile. A loss that was not in the list then had none.
 */
static uint64_t count_before(const struct profile *p, const char *name)
{
	for (size_t i = 0; i < p->n_losses; i++)
		if (!strcmp(p->losses[i].name, name))
			return p->losses[i].count;
	return 0;
}

static int write_profile(struct profile *p, uint64_t now_ns, const struct snapshot *snapshot)
{
	const struct report_run run = { .duration_ns = now_ns - p->begun_ns,
					.ended_unix_ns = time_now_ns(CLOCK_REALTIME) };
	struct loss losses[MAX_LOSSES];
	struct snapshot since = { .losses = losses };
	int r;

	for (size_t i = 0; i < snapshot->n_losses && i < MAX_LOSSES; i++) {
		const struct loss *loss = &snapshot->losses[i];
		const uint64_t before = count_before(p, loss->name);

		if (loss->count <= before)
			continue;
		losses[since.n_losses] = *loss;
		losses[since.n_losses++].count = loss->count - before;
	}
	r = report__finish(p->report, &since, &run);
	if (r >= 0 && fflush(p->out.mem))
		r = -ENOMEM;
	return r;
}

void profiles__finish_due(struct profiles *p, uint64_t now_ns, const struct snapshot *snapshot,
			  profile_fn fn, void *ctx)
{
	for (size_t i = 0; i < PROFILES_MOST; i++) {
		_cleanup_(profile__freep) struct profile *one = p->list[i];
		int r;

		if (!one || one->due_ns > now_ns) {
			one = NULL;
			continue;
		}
		p->list[i] = NULL;
		r = one->r < 0 ? one->r : write_profile(one, now_ns, snapshot);
		fn(ctx, one->request, r < 0 ? NULL : one->out.text, r < 0 ? 0 : one->out.size);
	}
}

void profiles__done(struct profiles *p)
{
	for (size_t i = 0; i < PROFILES_MOST; i++)
		profile__free(TAKE_PTR(p->list[i]));
}
