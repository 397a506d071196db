/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the verdict: what the snapshot adds, what the baseline says, what the host is to blame for,
 * and the outcome.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loopstall/counters.h>

#include "base/array.h"
#include "check/checker_impl.h"
#include "model/attribution.h"
#include "model/hist.h"
#include "model/losses.h"

/* Losses that may hide a stall or a step. The others only lack detail. */
static const char *const hiding[] = {
#define _(name, json, effect, sentence) LOSS_##effect(json)
#define LOSS_HIDES(json) json,
#define LOSS_DETAIL(json)
	LS_LOSSES(_) MODEL_LOSSES(_)
#undef LOSS_DETAIL
#undef LOSS_HIDES
#undef _
};

static const struct place_of nowhere;

/* A rule broken by a sum, at no place of its own. `firm` is what the host cannot be blamed for. */
static int add_sum(struct checker *c, enum check_rule rule, enum check_measure measure,
		   uint64_t measured, uint64_t firm, uint64_t limit)
{
	struct entry *e;
	int r;

	if (measured <= limit)
		return 0;
	e = checker__entry(c, rule, "the loop", &nowhere, NULL, &r);
	if (!e)
		return r;
	e->finding.measure = measure;
	e->finding.measured = measured;
	e->finding.limit = limit;
	e->finding.is_doubtful = firm <= limit;
	return 0;
}

static unsigned int host_of(const struct check_noise *noise)
{
	return (noise->is_starved ? HOST_STARVED : 0) | (noise->is_stolen ? HOST_STOLE : 0) |
		(noise->is_pressed ? HOST_PRESSED : 0) |
		(noise->is_unknown ? HOST_STOLE | HOST_PRESSED : 0);
}

/*
 * Sums over many spans do not show which causes they consist of, so any interference may have
 * touched them. Except pressure: it only touches waits for other processes, which are few.
 */
static bool has_touched_all(unsigned int host)
{
	return host & (HOST_STARVED | HOST_STOLE);
}

static int judge_sums(struct checker *c, const struct snapshot *s, unsigned int host)
{
	const struct check_limits *l = c->opts.limits;
	const struct entry *e;
	bool has_turn = false;
	int r;

	r = add_sum(c, CHECK_RULE_MAX_STALLS, CHECK_COUNT, c->tally[0].stalls,
		    c->tally[host].stalls, l->max_stalls);
	if (r < 0)
		return r;
	if (c->tally[0].stalls <= l->max_stalls && c->clock_stalls > l->max_stalls)
		c->excused++;
	r = add_sum(c, CHECK_RULE_MAX_STARVED, CHECK_NS, c->tally[0].starved_ns,
		    c->tally[host].starved_ns, l->max_starved_ns);
	if (r < 0)
		return r;
	for (e = c->entries; e; e = e->hh.next)
		has_turn = has_turn || e->finding.rule == CHECK_RULE_MAX_TURN;
	if (s->turn_own_max_ns <= l->max_turn_ns && s->turn_max_ns > l->max_turn_ns)
		c->excused++;
	/*
	 * A turn of many steps and one stall has no record of its own; one whose stall is forgiven
	 * is not judged.
	 */
	if (has_turn || c->allowed)
		return 0;
	return add_sum(c, CHECK_RULE_MAX_TURN, CHECK_NS, s->turn_own_max_ns,
		       has_touched_all(host) ? 0 : s->turn_own_max_ns, l->max_turn_ns);
}

static int judge_row(struct checker *c, const struct coroutine_row *row, unsigned int host)
{
	const char *file = place__relative(c->opts.root, row->coroutine.file);
	const struct place_of place = { row->coroutine.name, file, row->coroutine.first_line,
					row->coroutine.first_line };
	const struct check_names names = {
		.coroutine = row->coroutine.name,
		.coroutine_file = file,
		.file = file,
		.line = row->coroutine.first_line,
	};
	const struct check_step_limit *limit;
	struct entry *e;
	uint64_t p99_ns;
	int r;

	limit = check_step_limits__find(&c->opts.limits->p99_step, &names);
	if (!limit || row->p99_ns <= limit->ns)
		return 0;
	p99_ns = hist__percentile_ns(row->own_hist, 99,
				     hist__max_since_ns(row->own_hist, row->max_ns, row->max_ns));
	if (p99_ns <= limit->ns) {
		c->excused++;
		return 0;
	}
	if (check_allow__fits(c->opts.allow, &names))
		return 0;
	e = checker__entry(c, CHECK_RULE_P99_STEP, row->coroutine.name, &place, limit->pattern, &r);
	if (!e)
		return r;
	e->finding.measure = CHECK_NS;
	e->finding.measured = p99_ns;
	e->finding.limit = limit->ns;
	e->finding.is_doubtful = has_touched_all(host);
	return 0;
}

static int judge_rows(struct checker *c, const struct snapshot *s, unsigned int host)
{
	int r;

	for (size_t i = 0; i < s->n_rows; i++) {
		if (!s->rows[i].coroutine.file)
			continue;
		r = judge_row(c, &s->rows[i], host);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The entry that was kept of a call site's stalls; NULL if they are all allowed. */
static struct entry *site_entry(struct checker *c, const struct series *s)
{
	struct entry *e;

	for (e = c->entries; e; e = e->hh.next)
		if (e->site == s)
			return e;
	return NULL;
}

static int judge_comparison(struct checker *c, const struct comparison *comparison,
			    unsigned int host)
{
	const struct series *s = comparison->series;
	const struct place_of place = { series__name(s), series__file(s), series__shown_at(s), 0 };
	struct entry *site = comparison->is_site ? site_entry(c, s) : NULL, *e;
	const struct check_names names = {
		.coroutine = place.function,
		.coroutine_file = place.file,
		.file = place.file,
		.line = place.line,
	};
	int r;

	if (comparison->is_site ? !site : check_allow__fits(c->opts.allow, &names))
		return 0;
	if (comparison->what == COMPARE_NEW_SITE) {
		site->finding.comparison = comparison;
		return 0;
	}
	e = checker__entry(c, CHECK_RULE_REGRESSION, place.function, &place,
			   comparison->what == COMPARE_MEAN ? "mean" : "p95", &r);
	if (!e)
		return r;
	e->finding.pattern = NULL;
	e->finding.measure = CHECK_NS;
	e->finding.measured = (uint64_t)comparison->after_ns;
	e->finding.limit = (uint64_t)comparison->before_ns;
	e->finding.comparison = comparison;
	e->finding.is_doubtful = has_touched_all(host);
	if (site) {
		e->worst = site->worst;
		e->finding.worst = &e->worst;
	}
	return 0;
}

static int judge_baseline(struct checker *c, const struct baseline *baseline, unsigned int host)
{
	int r;

	r = compare__run(baseline, c->run, c->opts.limits->max_regression, &c->comparisons);
	for (size_t i = 0; i < c->comparisons.n && r >= 0; i++)
		if (c->comparisons.list[i].is_worse)
			r = judge_comparison(c, &c->comparisons.list[i], host);
	return r;
}

static int judge_allow(struct checker *c)
{
	const struct check_allow *a = c->opts.allow;
	struct entry *e;
	int r;

	for (size_t i = 0; i < a->n; i++) {
		if (!a->list[i].is_expired)
			continue;
		e = checker__entry(c, CHECK_RULE_ALLOW_EXPIRED, a->list[i].pattern, &nowhere, NULL,
				   &r);
		if (r < 0)
			return r;
		if (!e)
			continue;
		e->finding.measure = CHECK_DATE;
		e->finding.allowed = &a->list[i];
	}
	return 0;
}

static void look_at_host(struct checker *c, const struct snapshot *s,
			 const struct check_facts *facts)
{
	struct check_noise *noise = &c->verdict.noise;

	for (size_t i = 0; i < s->n_loops; i++)
		noise->runqueue_ns += CLASS_NS(s->loops[i].cause_ns, LS_CLASS_RUNQUEUE);
	noise->busy_ns = s->step_ns + s->callbacks_ns;
	if (s->watched_ns)
		noise->unaccounted_share = (double)s->unaccounted_ns / (double)s->watched_ns;
	if (noise->busy_ns)
		noise->runqueue_share = (double)noise->runqueue_ns / (double)noise->busy_ns;
	noise->steal_share = facts->steal_share;
	noise->is_starved = noise->runqueue_share > CHECK_MAX_RUNQUEUE_SHARE;
	noise->pressure_share = facts->pressure_share;
	noise->is_pressed = noise->pressure_share > CHECK_MAX_PRESSURE_SHARE;
	noise->is_stolen = noise->steal_share > CHECK_MAX_STEAL_SHARE;
	noise->is_unknown = facts->is_host_unknown;
	for (size_t i = 0; i < s->n_losses; i++)
		for (size_t k = 0; k < N_OF(hiding); k++)
			if (!strcmp(s->losses[i].name, hiding[k]))
				noise->losses += s->losses[i].count;
}

static bool is_shown(const struct entry *e)
{
	return e->finding.rule != CHECK_RULE_NEW_SITE || e->finding.comparison;
}

static double excess(const struct check_finding *f)
{
	return f->limit ? (double)f->measured / (double)f->limit : (double)f->measured;
}

static int by_weight(const void *va, const void *vb)
{
	const struct check_finding *a = va, *b = vb;
	const double x = excess(a), y = excess(b);
	int r;

	if (a->is_doubtful != b->is_doubtful)
		return a->is_doubtful - b->is_doubtful;
	if (a->rule != b->rule)
		return (int)a->rule - (int)b->rule;
	if (x != y)
		return x < y ? 1 : -1;
	r = strcmp(a->file ? a->file : "", b->file ? b->file : "");
	return r ? r : strcmp(a->subject, b->subject);
}

/* The longest span after subtracting all that the host can have added. */
static uint64_t firm_of(const struct entry *e, unsigned int host, uint64_t stolen_ns)
{
	uint64_t ns = e->firm_ns[host], with_cpu_ns = e->firm_ns[host & ~HOST_STOLE];

	if ((host & HOST_STOLE) && e->finding.rule != CHECK_RULE_DENY && with_cpu_ns > stolen_ns &&
	    with_cpu_ns - stolen_ns > ns)
		ns = with_cpu_ns - stolen_ns;
	return ns;
}

static int collect(struct checker *c, unsigned int host, uint64_t stolen_ns)
{
	struct verdict *v = &c->verdict;
	struct entry *e;
	size_t n = 0;

	c->findings = calloc(HASH_COUNT(c->entries) + 1, sizeof(*c->findings));
	if (!c->findings)
		return -ENOMEM;
	for (e = c->entries; e; e = e->hh.next) {
		if (!is_shown(e))
			continue;
		/* Findings about single spans are doubted by the firm part of the longest one. */
		if (e->finding.worst && e->finding.rule != CHECK_RULE_REGRESSION)
			e->finding.is_doubtful = firm_of(e, host, stolen_ns) < e->finding.limit;
		c->findings[n++] = e->finding;
	}
	qsort(c->findings, n, sizeof(*c->findings), by_weight);
	v->findings_left_out = c->left_out;
	if (n > CHECK_MAX_FINDINGS) {
		v->findings_left_out += n - CHECK_MAX_FINDINGS;
		n = CHECK_MAX_FINDINGS;
	}
	v->findings = c->findings;
	v->n_findings = n;
	return 0;
}

static void __attribute__((format(printf, 2, 3)))
add_reason(struct verdict *v, const char *fmt, ...)
{
	va_list args;

	if (v->n_reasons == CHECK_MAX_REASONS)
		return;
	va_start(args, fmt);
	vsnprintf(v->reasons[v->n_reasons++], CHECK_REASON_BYTES, fmt, args);
	va_end(args);
}

/* The host, as far as it can have lengthened what was measured. */
static void find_reasons_of_host(struct verdict *v, size_t n_doubtful)
{
	const struct check_noise *noise = &v->noise;

	if (noise->is_starved && (n_doubtful || noise->excused))
		add_reason(v,
			   "the host starved the loop: %.0f %% of its busy time was in the run "
			   "queue",
			   noise->runqueue_share * 100);
	if (noise->is_stolen && n_doubtful)
		add_reason(v, "the hypervisor took %.0f %% of the machine's CPU time",
			   noise->steal_share * 100);
	if (noise->is_pressed && n_doubtful)
		add_reason(v,
			   "other processes had no CPU either: some thread waited for one %.0f %% "
			   "of the time",
			   noise->pressure_share * 100);
	if (noise->is_unknown && n_doubtful)
		add_reason(v,
			   "the recording does not tell how far the machine was short of CPU time");
}

/* Why a run without a broken limit need not be a good one. */
static void find_reasons(struct checker *c, const struct check_facts *facts, size_t n_doubtful)
{
	const struct check_noise *noise = &c->verdict.noise;
	struct verdict *v = &c->verdict;

	if (facts->damage)
		add_reason(v, "the recording is not whole: %s", facts->damage);
	if (!v->steps) {
		add_reason(v, "no step was seen: %s",
			   facts->no_steps_reason ? facts->no_steps_reason :
						    "none ended in that time");
		return;
	}
	if (v->steps < c->opts.limits->min_steps)
		add_reason(v,
			   "only %" PRIu64 " steps were seen, at least %" PRIu64
			   " are wanted (--min-steps)",
			   v->steps, c->opts.limits->min_steps);
	find_reasons_of_host(v, n_doubtful);
	if (c->unknown_waits && c->opts.limits->max_starved_ns != CHECK_NO_LIMIT)
		add_reason(v,
			   "the starved time of %" PRIu64 " stall%s is not known (--max-starved)",
			   c->unknown_waits, c->unknown_waits == 1 ? "" : "s");
	if (v->has_baseline && !v->comparisons->n)
		add_reason(v, "nothing that was seen can be compared with the baseline");
	if (noise->unaccounted_share > MODEL_MAX_UNACCOUNTED_SHARE)
		add_reason(v,
			   "%.0f %% of the loops' time is not accounted for, behind which stalls "
			   "may hide",
			   noise->unaccounted_share * 100);
	if (noise->losses)
		add_reason(v, "%" PRIu64 " events were lost, behind which stalls may hide",
			   noise->losses);
}

static void decide(struct checker *c, const struct check_facts *facts)
{
	struct verdict *v = &c->verdict;
	size_t n_doubtful = 0;

	for (size_t i = 0; i < v->n_findings; i++)
		n_doubtful += v->findings[i].is_doubtful;
	if (n_doubtful < v->n_findings) {
		v->outcome = CHECK_FAIL;
		return;
	}
	find_reasons(c, facts, n_doubtful);
	v->outcome = v->n_reasons ? CHECK_INCONCLUSIVE : CHECK_PASS;
}

static uint32_t rules_in_force(const struct checker *c, bool has_baseline)
{
	const struct check_limits *l = c->opts.limits;
	const bool in_force[CHECK_RULE_MAX] = {
		[CHECK_RULE_NEW_SITE] = has_baseline,
		[CHECK_RULE_REGRESSION] = has_baseline,
		[CHECK_RULE_MAX_STEP] = l->max_step.n > 0,
		[CHECK_RULE_DENY] = l->denied,
		[CHECK_RULE_P99_STEP] = l->p99_step.n > 0,
		[CHECK_RULE_MAX_TURN] = l->max_turn_ns != CHECK_NO_LIMIT,
		[CHECK_RULE_MAX_STALLS] = l->max_stalls != CHECK_NO_LIMIT,
		[CHECK_RULE_MAX_STARVED] = l->max_starved_ns != CHECK_NO_LIMIT,
		[CHECK_RULE_ALLOW_EXPIRED] = c->opts.allow->n > 0,
	};
	enum check_rule rule;
	uint32_t rules = 0;

	for (rule = 0; rule < CHECK_RULE_MAX; rule++)
		if (in_force[rule])
			rules |= 1U << rule;
	return rules;
}

static void fill_run(struct checker *c, const struct snapshot *s, const struct check_facts *facts)
{
	c->run->steps = s->steps;
	c->run->duration_ns = facts->duration_ns;
	for (size_t i = 0; i < s->n_rows; i++)
		c->run->own_ns += row_own_ns(&s->rows[i]);
}

static int judge_all(struct checker *c, const struct snapshot *s, const struct check_facts *facts,
		     const struct baseline *baseline)
{
	const unsigned int host = host_of(&c->verdict.noise);
	int r = judge_sums(c, s, host);

	if (r >= 0)
		r = judge_rows(c, s, host);
	if (r >= 0 && baseline && baseline->n)
		r = judge_baseline(c, baseline, host);
	if (r >= 0)
		r = judge_allow(c);
	if (r >= 0)
		r = collect(c, host, facts->is_host_unknown ? UINT64_MAX : facts->stolen_ns);
	return r;
}

int checker__finish(struct checker *c, const struct snapshot *s, const struct check_facts *facts,
		    const struct baseline *baseline, const struct verdict **ret_verdict)
{
	struct verdict *v = &c->verdict;
	int r;

	/* The remainder since the last slice is one more slice, however short. */
	c->run->next_cut_ns = 0;
	r = checker__slice(c, s, 0);
	if (r < 0)
		return r;
	fill_run(c, s, facts);
	look_at_host(c, s, facts);
	r = judge_all(c, s, facts, baseline);
	if (r < 0)
		return r;
	v->has_baseline = baseline && baseline->n;
	v->baseline_runs = baseline ? baseline->n : 0;
	v->comparisons = &c->comparisons;
	v->rules = rules_in_force(c, v->has_baseline);
	v->steps = s->steps;
	v->stalls = c->tally[0].stalls;
	v->starved_ns = c->tally[0].starved_ns;
	v->duration_ns = facts->duration_ns;
	v->own_cost = facts->own_cost;
	v->allowed = c->allowed;
	v->allow = c->opts.allow;
	v->noise.excused = c->excused;
	v->n_losses = s->n_losses;
	v->losses = s->losses;
	v->snapshot = s;
	decide(c, facts);
	*ret_verdict = v;
	return 0;
}
