/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Applies the limits to stalls and cuts snapshots into slices.
 */
#include "check/checker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "check/checker_impl.h"
#include "model/vocabulary.h"

#define MAX_ENTRIES (2 * CHECK_MAX_FINDINGS)

int checker__new(struct checker **ret_checker, const struct check_opts *opts)
{
	struct checker *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->opts = *opts;
	c->run = run__new();
	if (!c->run) {
		free(c);
		return -ENOMEM;
	}
	c->run->threshold_ns = opts->limits->threshold_ns;
	*ret_checker = c;
	return 0;
}

void checker__free(struct checker *c)
{
	if (!c)
		return;
	table__free(c->entries, table__free_keyed);
	comparisons__done(&c->comparisons);
	run__free(c->run);
	free(c->findings);
	free(c);
}

struct run *checker__take_run(struct checker *c)
{
	return TAKE_PTR(c->run);
}

int32_t site_line(const struct place_of *place)
{
	if (!place->line || !place->def_line || place->line < place->def_line)
		return SERIES_NO_LINE;
	return (int32_t)(place->line - place->def_line);
}

static int entry_key(enum check_rule rule, const char *subject, const struct place_of *place,
		     const char *pattern, char **ret_key)
{
	const char *function = place->function ? place->function : "";
	const char *file = place->file ? place->file : "";
	const bool is_site = rule == CHECK_RULE_NEW_SITE;

	/* A call site is shared by all its callers; any other entry belongs to its subject. */
	if (asprintf(ret_key, "%d\n%s\n%s\n%s\n%d\n%s", rule, is_site ? "" : subject, function,
		     file, is_site ? site_line(place) : (int32_t)place->line,
		     pattern ? pattern : "") >= 0)
		return 0;
	*ret_key = NULL;
	return -ENOMEM;
}

struct entry *checker__entry(struct checker *c, enum check_rule rule, const char *subject,
			     const struct place_of *place, const char *pattern, int *ret_r)
{
	_cleanup_free_ char *key = NULL;
	struct entry *e;

	*ret_r = entry_key(rule, subject, place, pattern, &key);
	if (*ret_r)
		return NULL;
	HASH_FIND_STR(c->entries, key, e);
	if (e)
		return e;
	if (HASH_COUNT(c->entries) >= MAX_ENTRIES) {
		c->left_out++;
		return NULL;
	}
	e = calloc(1, sizeof(*e));
	*ret_r = e ? 0 : -ENOMEM;
	if (!e)
		return NULL;
	e->key = TAKE_PTR(key);
	if (table__add_bytes(c->entries, e, strlen(e->key)) < 0) {
		free(e->key);
		free(e);
		*ret_r = -ENOMEM;
		return NULL;
	}
	e->finding = (struct check_finding){
		.rule = rule,
		.subject = subject,
		.function = place->function,
		.file = place->file,
		.line = place->line,
		.pattern = pattern,
	};
	return e;
}

/*
 * True if this host cannot have lengthened time of this cause. Sleep ends by the clock; if the
 * thread then waits for a CPU, that is run queue.
 */
static bool is_firm(enum ls_cause cause, unsigned int host)
{
	switch (ls_cause_host(cause)) {
	case LS_HOST_NONE:
		return true;
	case LS_HOST_STEAL:
		return !(host & HOST_STOLE);
	case LS_HOST_STARVE:
		return !(host & HOST_STARVED);
	case LS_HOST_PRESS:
		return !(host & (HOST_STARVED | HOST_PRESSED));
	case LS_HOST_OWN:
		break;
	}
	return false;
}

static uint64_t firm_ns(const struct stall *s, unsigned int host)
{
	enum ls_cause cause;
	uint64_t ns = 0;

	for (cause = 0; cause < LS_CAUSE_MAX; cause++)
		if (is_firm(cause, host))
			ns += s->cause_ns[cause];
	return ns;
}

static void entry_add(struct entry *e, const struct stall *s, uint64_t measured, uint64_t limit,
		      const uint64_t *firm)
{
	struct check_finding *f = &e->finding;
	unsigned int host;

	f->measure = CHECK_NS;
	f->limit = limit;
	f->count++;
	for (host = 0; host < HOST_MAX; host++)
		if (firm[host] > e->firm_ns[host])
			e->firm_ns[host] = firm[host];
	if (measured < f->measured || (f->worst && measured == f->measured))
		return;
	f->measured = measured;
	e->worst = *s;
	f->worst = &e->worst;
}

/* The parts that are tried with a stall against each rule. */
struct trial {
	const struct stall *stall;
	struct place_of place;
	struct check_names names;
	const char *subject;
	uint64_t own_ns;
	uint64_t firm_ns[HOST_MAX];
	struct series *site; /* NULL if its place is not known */
};

static int break_rule(struct checker *c, const struct trial *t, enum check_rule rule,
		      const char *pattern, uint64_t measured, uint64_t limit)
{
	struct entry *e;
	int r;

	e = checker__entry(c, rule, t->subject, &t->place, pattern, &r);
	if (e)
		entry_add(e, t->stall, measured, limit, t->firm_ns);
	return r;
}

static int try_step(struct checker *c, const struct trial *t)
{
	const struct check_limits *l = c->opts.limits;
	const struct check_step_limit *limit = check_step_limits__find(&l->max_step, &t->names);
	int r = 0;

	if (limit && t->own_ns > limit->ns)
		r = break_rule(c, t, CHECK_RULE_MAX_STEP, limit->pattern, t->own_ns, limit->ns);
	else if (limit && t->stall->duration_ns > limit->ns)
		c->excused++;
	if (!r && t->own_ns > l->max_turn_ns)
		r = break_rule(c, t, CHECK_RULE_MAX_TURN, NULL, t->own_ns, l->max_turn_ns);
	return r;
}

static int try_denied(struct checker *c, const struct trial *t)
{
	const struct check_limits *l = c->opts.limits;
	enum ls_cause cause;
	unsigned int host;
	struct entry *e;
	int r;

	for (cause = 0; cause < LS_CAUSE_MAX; cause++) {
		const uint64_t ns = t->stall->cause_ns[cause];
		uint64_t firm[HOST_MAX];

		if (!(l->denied & (1U << cause)) || ns < l->threshold_ns)
			continue;
		for (host = 0; host < HOST_MAX; host++)
			firm[host] = is_firm(cause, host) ? ns : 0;
		e = checker__entry(c, CHECK_RULE_DENY, t->subject, &t->place,
				   vocabulary_cause(cause), &r);
		if (r < 0)
			return r;
		if (!e)
			continue;
		e->finding.pattern = NULL;
		e->finding.cause = cause;
		entry_add(e, t->stall, ns, l->threshold_ns, firm);
	}
	return 0;
}

static int add_site(struct checker *c, struct trial *t)
{
	struct series *s;

	if (!t->place.function || !t->place.file)
		return 0;
	s = run__site(c->run, t->place.function, t->place.file, site_line(&t->place));
	if (!s)
		return c->run->n_sites >= RUN_MAX_SERIES ? 0 : -ENOMEM;
	series__show_at(s, t->place.line);
	series__add_one(s, t->own_ns);
	t->site = s;
	return 0;
}

/* Kept for every site; shown for those that the baseline does not have. */
static int keep_site(struct checker *c, const struct trial *t)
{
	struct entry *e;
	int r;

	e = checker__entry(c, CHECK_RULE_NEW_SITE, t->subject, &t->place, NULL, &r);
	if (!e)
		return r;
	e->site = t->site;
	entry_add(e, t->stall, t->own_ns, c->opts.limits->threshold_ns, t->firm_ns);
	return 0;
}

static uint64_t share_of(uint64_t ns, uint64_t part, uint64_t whole)
{
	return whole ? (uint64_t)((unsigned __int128)ns * part / whole) : 0;
}

/* Counts it by how the host may have lengthened it. */
static void count_stall(struct checker *c, const struct trial *t)
{
	const struct stall *s = t->stall;
	unsigned int host;

	for (host = 0; host < HOST_MAX; host++) {
		c->tally[host].stalls += t->firm_ns[host] >= c->opts.limits->threshold_ns;
		c->tally[host].starved_ns +=
			share_of(s->starved_ns, t->firm_ns[host], s->duration_ns);
	}
	c->unknown_waits += s->is_victims_unknown;
}

static const char *subject_of(const struct stall *s)
{
	if (s->coroutine.name)
		return s->coroutine.name;
	return s->unit == LS_UNIT_TURN ? "the loop" : "a callback";
}

int checker__stall(struct checker *c, const struct stall *stall)
{
	const struct check_limits *l = c->opts.limits;
	struct trial t = { .stall = stall, .subject = subject_of(stall) };
	bool is_stall, is_allowed;
	unsigned int host;
	int r = 0;

	/* Its end is judged, or the end of the run. */
	if (stall->end == LS_END_OPEN)
		return 0;
	t.place = place__of_stall(stall, c->opts.root);
	t.names = place__names(stall, &t.place, c->opts.root);
	t.own_ns = stall_own_ns(stall);
	for (host = 0; host < HOST_MAX; host++)
		t.firm_ns[host] = firm_ns(stall, host);
	is_stall = t.own_ns >= l->threshold_ns;
	is_allowed = check_allow__fits(c->opts.allow, &t.names);
	c->clock_stalls += stall->duration_ns >= l->threshold_ns;
	if (stall->unit != LS_UNIT_TURN && is_stall)
		r = add_site(c, &t);
	if (is_allowed) {
		c->allowed += is_stall;
		return r;
	}
	if (!r && stall->unit == LS_UNIT_TURN && t.own_ns > l->max_turn_ns)
		r = break_rule(c, &t, CHECK_RULE_MAX_TURN, NULL, t.own_ns, l->max_turn_ns);
	if (!r && stall->unit != LS_UNIT_TURN)
		r = try_step(c, &t);
	if (!r && stall->unit != LS_UNIT_TURN)
		r = try_denied(c, &t);
	if (!is_stall || r < 0)
		return r;
	count_stall(c, &t);
	return t.site ? keep_site(c, &t) : 0;
}

static int add_rows(struct checker *c, const struct snapshot *snapshot)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < snapshot->n_rows; i++) {
		const struct coroutine_row *row = &snapshot->rows[i];
		const char *file = row->coroutine.file;

		if (file)
			r = run__add_row(c->run, row, place__relative(c->opts.root, file));
	}
	return r;
}

int checker__slice(struct checker *c, const struct snapshot *snapshot, uint64_t now_ns)
{
	int r;

	if (!run__is_slice_over(c->run, now_ns))
		return 0;
	r = add_rows(c, snapshot);
	return r < 0 ? r : run__end_slice(c->run, now_ns);
}
