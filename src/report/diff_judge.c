/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What two runs' distributions say: the rows, and the verdict.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "compare/estimate.h"
#include "model/hist.h"
#include "report/diff_impl.h"
#include "report/format.h"

/* Above this share, the time of what computes is the hypervisor's as well: as `check` has it. */
#define MAX_STEAL_SHARE 0.05

static bool is_tested(const struct pair_row *row)
{
	for (size_t i = 0; i < PAIR_MEASURES; i++)
		if (row->tests[i].is_tested)
			return true;
	return false;
}

/* Marks the places whose steps are compared. */
static int mark_steps(struct diff *d)
{
	for (size_t i = 0; i < d->culprit_pairs.n; i++) {
		const struct pair_row *row = &d->culprit_pairs.rows[i];
		const struct series *s = pair_row__series(row);
		struct diff_place *place;
		int r;

		place = diff_places__find(&d->coroutines, LS_UNIT_STEP, series__name(s),
					  series__file(s), false, &r);
		if (r < 0)
			return r;
		if (place)
			place->has_steps = is_tested(row);
	}
	return 0;
}

/* Of a coroutine whose steps are compared, the stalls among them are not compared once more. */
static bool has_no_steps(void *ctx, const struct series *s)
{
	const struct diff_place *place;
	int r;

	place = diff_places__find(ctx, (enum ls_unit)series__line(s), series__name(s),
				  series__file(s), false, &r);
	return !place || !place->has_steps;
}

static int compare_all(struct diff *d)
{
	const struct diff_run *before = &d->runs[DIFF_BEFORE], *after = &d->runs[DIFF_AFTER];
	int r = 0;

	if (!before->is_light && !after->is_light)
		r = pair_list__add(&d->culprit_pairs, before->steps, after->steps, PAIR_STEPS, NULL,
				   NULL);
	if (r >= 0)
		r = mark_steps(d);
	if (r >= 0)
		r = pair_list__add(&d->culprit_pairs, before->stalls, after->stalls, PAIR_STALLS,
				   has_no_steps, &d->coroutines);
	if (r >= 0)
		r = pair_list__judge(&d->culprit_pairs);
	if (r >= 0)
		r = pair_list__add(&d->site_pairs, before->steps, after->steps, PAIR_STALLS, NULL,
				   NULL);
	return r < 0 ? r : pair_list__judge(&d->site_pairs);
}

/* A coroutine that changed is a row even if it never stalled. */
static int link_pairs(const struct pair_list *p, struct diff_places *places, bool is_site)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct pair_row *row = &p->rows[i];
		const struct series *s = pair_row__series(row);
		const enum ls_unit unit = is_site ? LS_UNIT_NONE :
			row->kind == PAIR_STEPS	  ? LS_UNIT_STEP :
						    (enum ls_unit)series__line(s);
		struct diff_place *place;
		int r;

		place = diff_places__find(places, unit, series__name(s), series__file(s),
					  row->is_changed, &r);
		if (r < 0)
			return r;
		if (place && (!place->pair || row->decisive))
			place->pair = row;
	}
	return 0;
}

static double per_second(uint64_t ns, uint64_t duration_ns)
{
	return duration_ns ? (double)ns * NS_PER_S / (double)duration_ns : 0;
}

static enum diff_change change_of(const struct diff_row *row, const struct pair_row *pair)
{
	const bool stalled = row->side[DIFF_BEFORE].own_stalls > 0;
	const bool stalls = row->side[DIFF_AFTER].own_stalls > 0;
	const struct pair_test *test = pair ? pair->decisive : NULL;

	if (!test)
		return stalled || stalls ? DIFF_UNCLEAR : DIFF_SAME;
	if (!pair->is_changed)
		return pair->measure == PAIR_RATE && (test->ratio <= 0 || isinf(test->ratio)) ?
			DIFF_UNCLEAR :
			DIFF_SAME;
	if (test->is_worse)
		return !stalled && stalls ? DIFF_NEW : DIFF_WORSE;
	return stalled && !stalls ? DIFF_GONE : DIFF_BETTER;
}

static void fill_test(struct diff_row *row, const struct pair_row *pair)
{
	static const enum diff_measure measures[] = {
		[PAIR_MEAN] = DIFF_MEASURE_MEAN,
		[PAIR_P95] = DIFF_MEASURE_P95,
		[PAIR_RATE] = DIFF_MEASURE_RATE,
	};
	const struct pair_test *test = pair ? pair->decisive : NULL;

	if (!test)
		return;
	row->measure = measures[pair->measure];
	row->ratio = test->ratio;
	row->low = test->low;
	row->high = test->high;
	row->p = test->p_holm;
}

/* Of a coroutine whose steps are counted. */
static void fill_steps(const struct diff *d, const struct pair_row *pair, enum diff_side side,
		       struct diff_figures *f)
{
	const struct series *s;
	struct sums sums;

	if (!pair || pair->kind != PAIR_STEPS)
		return;
	s = pair->series[side == DIFF_BEFORE ? PAIR_BEFORE : PAIR_AFTER];
	if (!s)
		return;
	sums__of(s, d->runs[side].steps->n_slices, SIZE_MAX, &sums);
	f->steps = sums.steps;
	f->own_mean_ns = sums.steps ? sums.own_ns / sums.steps : 0;
}

/* Of its own time; if there is none, of what the host did. */
static enum ls_cause main_cause(const struct diff_tally *t)
{
	const bool has_own = t->figures.own_stalls > 0;
	enum ls_cause cause = LS_CAUSE_CPU;

	for (enum ls_cause i = 0; i < LS_CAUSE_MAX; i++)
		if (t->cause_ns[i] > t->cause_ns[cause] &&
		    !(has_own && ls_cause_host(i) == LS_HOST_OWN))
			cause = i;
	return cause;
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

/* Without steps that are counted, the percentile is that of the stalls. */
static void fill_figures(const struct diff *d, const struct diff_place *place, bool is_site,
			 struct diff_row *row)
{
	double rate[DIFF_SIDES], own_rate[DIFF_SIDES];

	for (size_t s = 0; s < DIFF_SIDES; s++) {
		struct diff_figures *f = &row->side[s];
		const uint64_t duration_ns = d->result.duration_ns[s];

		*f = place->side[s].figures;
		if (is_site || (!f->has_p99 && f->stalls)) {
			f->p99_ns = hist__percentile_ns(place->side[s].hist, 99, f->max_ns);
			f->has_p99 = f->stalls > 0;
		}
		fill_steps(d, place->pair, (enum diff_side)s, f);
		rate[s] = per_second(f->stalled_ns, duration_ns);
		own_rate[s] = per_second(f->own_stalled_ns, duration_ns);
	}
	row->change_ns_per_s = rate[DIFF_AFTER] - rate[DIFF_BEFORE];
	row->own_change_ns_per_s = own_rate[DIFF_AFTER] - own_rate[DIFF_BEFORE];
}

static void fill_row(const struct diff *d, const struct diff_places *p, uint32_t i, bool is_site,
		     struct diff_row *row)
{
	const struct diff_place *place = &p->list[i];
	const char *key = intern__key(&p->keys, i), *name = key + 1,
		   *file = name + strlen(name) + 1;
	const struct diff_tally *newer = &place->side[DIFF_AFTER];

	if (!newer->figures.stalls)
		newer = &place->side[DIFF_BEFORE];
	*row = (struct diff_row){
		.name = *name ? name : "(not known)",
		.file = or_null(file),
		.syscall = newer->syscall,
		.line = newer->line,
		.unit = is_site ? LS_UNIT_NONE : (enum ls_unit)key[0],
		.cause = main_cause(newer),
	};
	if (!row->line && place->pair)
		row->line = series__shown_at(pair_row__series(place->pair));
	fill_figures(d, place, is_site, row);
	fill_test(row, place->pair);
	row->change = change_of(row, place->pair);
}

bool diff_row__is_hosts(const struct diff_row *row)
{
	return row->change == DIFF_SAME && row->measure == DIFF_MEASURE_NONE &&
		!row->side[DIFF_BEFORE].own_stalls && !row->side[DIFF_AFTER].own_stalls;
}

/* What news it is: bad, good, none, not known, and last what only the host did. */
static int rank(const struct diff_row *row)
{
	switch (row->change) {
	case DIFF_WORSE:
	case DIFF_NEW:
		return 0;
	case DIFF_BETTER:
	case DIFF_GONE:
		return 1;
	case DIFF_SAME:
		return diff_row__is_hosts(row) ? 4 : 2;
	default:
		return 3;
	}
}

static int by_change(const void *a, const void *b)
{
	const struct diff_row *x = a, *y = b;
	const double x_ns = fabs(x->own_change_ns_per_s), y_ns = fabs(y->own_change_ns_per_s);

	if (rank(x) != rank(y))
		return rank(x) - rank(y);
	if (x_ns != y_ns)
		return x_ns > y_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int fill_rows(const struct diff *d, struct diff_places *p, bool is_site,
		     const struct diff_row **ret_rows, size_t *ret_n)
{
	p->rows = calloc(p->keys.n + 1, sizeof(*p->rows));
	if (!p->rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->keys.n; i++)
		fill_row(d, p, i, is_site, &p->rows[i]);
	qsort(p->rows, p->keys.n, sizeof(*p->rows), by_change);
	*ret_rows = p->rows;
	*ret_n = p->keys.n;
	return 0;
}

static enum diff_change judge(const struct diff_verdict *v)
{
	const size_t worse = v->n[DIFF_WORSE] + v->n[DIFF_NEW],
		     better = v->n[DIFF_BETTER] + v->n[DIFF_GONE];

	if (worse && better)
		return DIFF_MIXED;
	if (worse || better)
		return worse ? DIFF_WORSE : DIFF_BETTER;
	return v->n_compared ? DIFF_SAME : DIFF_UNCLEAR;
}

static void put_name(FILE *out, const struct diff_row *row)
{
	fprintf(out, "%s%s%s", row->unit == LS_UNIT_CALLBACK ? "callback " : "", row->name,
		row->file ? "()" : "");
	if (row->file)
		fprintf(out, " %s", format__path_tail(row->file, 2));
	if (row->file && row->line)
		fprintf(out, ":%u", row->line);
}

/* "orders_page() app/web.py:25 takes 1.52 times as long (1.31 to 1.76)" */
static void put_row(FILE *out, const struct diff_row *row)
{
	put_name(out, row);
	if (row->change == DIFF_GONE && row->measure == DIFF_MEASURE_RATE) {
		fputs(" stalls no more", out);
		return;
	}
	if (row->ratio <= 0) {
		fputs(" stalls, and never did before", out);
		return;
	}
	fprintf(out, " %s %.2f times as %s", row->measure == DIFF_MEASURE_RATE ? "stalls" : "takes",
		row->ratio, row->measure == DIFF_MEASURE_RATE ? "often" : "long");
	if (row->measure == DIFF_MEASURE_P95)
		fputs(" in its slowest 5 %", out);
	if (row->low > 0)
		fprintf(out, " (%.2f to %.2f)", row->low, row->high);
	if (row->change == DIFF_NEW)
		fputs(" and now stalls", out);
	else if (row->change == DIFF_GONE)
		fputs(" and stalls no more", out);
}

static void put_more(FILE *out, size_t n, const char *word)
{
	if (n)
		fprintf(out, "; %zu more %s %s", n, n == 1 ? "is" : "are", word);
}

/* The first row that is bad news, or good news; NULL if there is none. */
static const struct diff_row *first_of(const struct diff_result *result, int news)
{
	for (size_t i = 0; i < result->n_coroutines; i++)
		if (rank(&result->coroutines[i]) == news)
			return &result->coroutines[i];
	return NULL;
}

static void put_changes(FILE *out, const struct diff_result *result)
{
	const struct diff_verdict *v = &result->verdict;
	const size_t worse = v->n[DIFF_WORSE] + v->n[DIFF_NEW],
		     better = v->n[DIFF_BETTER] + v->n[DIFF_GONE];
	const struct diff_row *bad = first_of(result, 0), *good = first_of(result, 1);

	if (bad) {
		put_row(out, bad);
		put_more(out, worse - 1, "worse");
	}
	if (good) {
		fputs(bad ? "; " : "", out);
		put_row(out, good);
		put_more(out, better - 1, "better");
	}
}

static void put_same(FILE *out, const struct diff_verdict *v)
{
	fputs("no change beyond chance in ", out);
	if (v->n_compared == 1)
		fputs("the one coroutine or callback that ran often enough to compare", out);
	else
		fprintf(out, "the %zu coroutines and callbacks that ran often enough to compare",
			v->n_compared);
}

static void put_doubts(FILE *out, const struct diff *d)
{
	double steal = 0;
	bool is_light = false;

	for (size_t s = 0; s < DIFF_SIDES; s++) {
		is_light = is_light || d->runs[s].is_light;
		if (d->runs[s].steal_share > steal)
			steal = d->runs[s].steal_share;
	}
	if (is_light)
		fputs("; light mode counts no steps, so stalls alone were compared", out);
	if (steal > MAX_STEAL_SHARE)
		fprintf(out,
			"; the hypervisor took %.0f %% of the CPU time of a run, which makes what "
			"computes look slower",
			steal * 100);
}

static int fill_sentence(struct diff *d)
{
	struct diff_verdict *v = &d->result.verdict;
	_cleanup_(file_close) FILE *out = NULL;
	size_t size;

	out = open_memstream(&v->sentence, &size);
	if (!out)
		return -ENOMEM;
	fprintf(out, "%c%s: ", diff_change_word(v->change)[0] - 'a' + 'A',
		diff_change_word(v->change) + 1);
	if (v->change == DIFF_SAME)
		put_same(out, v);
	else if (v->change == DIFF_UNCLEAR)
		fputs("nothing ran often enough in both runs to compare", out);
	else
		put_changes(out, &d->result);
	put_doubts(out, d);
	return fclose(TAKE_PTR(out)) ? -ENOMEM : 0;
}

static int fill_verdict(struct diff *d)
{
	struct diff_verdict *v = &d->result.verdict;

	for (size_t i = 0; i < d->culprit_pairs.n; i++)
		v->n_compared += d->culprit_pairs.rows[i].decisive != NULL;
	for (size_t i = 0; i < d->result.n_coroutines; i++)
		v->n[d->result.coroutines[i].change]++;
	v->change = judge(v);
	return fill_sentence(d);
}

int diff__result(struct diff *d, const struct diff_result **ret_result)
{
	int r;

	for (size_t s = 0; s < DIFF_SIDES; s++) {
		struct diff_figures *f = &d->result.side[s];

		*f = d->total[s].figures;
		f->p99_ns = hist__percentile_ns(d->total[s].hist, 99, f->max_ns);
	}
	r = compare_all(d);
	if (r >= 0)
		r = link_pairs(&d->culprit_pairs, &d->coroutines, false);
	if (r >= 0)
		r = link_pairs(&d->site_pairs, &d->sites, true);
	if (r >= 0)
		r = fill_rows(d, &d->coroutines, false, &d->result.coroutines,
			      &d->result.n_coroutines);
	if (r >= 0)
		r = fill_rows(d, &d->sites, true, &d->result.sites, &d->result.n_sites);
	if (r >= 0)
		r = fill_verdict(d);
	*ret_result = &d->result;
	return r;
}
