/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two runs' stalls, added up by place.
 */
#include "report/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "model/hist.h"
#include "report/intern.h"

#define SAME_SHARE 0.01

/* The cost of one place in one run. */
struct tally {
	struct diff_figures figures;
	uint32_t line;
	uint32_t hist[LS_HIST_BUCKETS]; /* of its stalls */
};

/*
 * Places of one kind. A key is a byte for the cause, then name, file and system call, each with its
 * NUL; "" where there is none.
 */
struct places {
	struct intern keys;
	struct tally (*tallies)[DIFF_SIDES]; /* by index of the key */
	size_t n_room;
	struct diff_row *rows;
};

struct diff {
	struct places coroutines, sites;
	struct tally total[DIFF_SIDES];
	struct diff_result result;
};

int diff__new(struct diff **ret_diff)
{
	*ret_diff = calloc(1, sizeof(**ret_diff));
	return *ret_diff ? 0 : -ENOMEM;
}

static void places_done(struct places *p)
{
	intern__done(&p->keys);
	free(p->tallies);
	free(p->rows);
}

void diff__free(struct diff *d)
{
	if (!d)
		return;
	places_done(&d->coroutines);
	places_done(&d->sites);
	free(d);
}

/*
 * The tallies of a place, added if `may_add`. NULL if there are none; *ret_error is then 0 or
 * -ENOMEM.
 */
static struct tally *find(struct places *p, enum ls_cause cause, const char *name, const char *file,
			  const char *syscall, bool may_add, int *ret_error)
{
	const char *parts[] = { name ? name : "", file ? file : "", syscall ? syscall : "" };
	_cleanup_free_ char *key = NULL;
	size_t size = 1, used = 1;
	uint32_t i;

	*ret_error = -ENOMEM;
	for (size_t k = 0; k < 3; k++)
		size += strlen(parts[k]) + 1;
	key = malloc(size);
	if (!key)
		return NULL;
	key[0] = (char)cause;
	for (size_t k = 0; k < 3; k++)
		used = (size_t)(stpcpy(key + used, parts[k]) + 1 - key);
	if (!may_add || p->keys.n >= DIFF_MAX_PLACES) {
		*ret_error = 0;
		return intern__find(&p->keys, key, size, &i) ? p->tallies[i] : NULL;
	}
	if (ARRAY_RESERVE(p->tallies, p->n_room, p->keys.n + 1) < 0)
		return NULL;
	switch (intern__add(&p->keys, key, size, &i)) {
	case 1:
		memset(p->tallies[i], 0, sizeof(p->tallies[i]));
		break;
	case 0:
		break;
	default:
		return NULL;
	}
	*ret_error = 0;
	return p->tallies[i];
}

static void count(struct tally *t, const struct stall *stall, uint32_t line)
{
	uint32_t *bucket = &t->hist[ls_hist_index(stall->duration_ns)];

	t->figures.stalls++;
	t->figures.stalled_ns += stall->duration_ns;
	t->figures.starved_ns += stall->starved_ns;
	if (stall->duration_ns > t->figures.max_ns)
		t->figures.max_ns = stall->duration_ns;
	if (*bucket < UINT32_MAX)
		++*bucket;
	t->line = line;
}

int diff__stall(struct diff *d, enum diff_side side, const struct stall *stall)
{
	const struct code_info *code = &stall->coroutine;
	struct tally *t;
	int r;

	count(&d->total[side], stall, 0);
	t = find(&d->coroutines, 0, code->name, code->file, NULL, true, &r);
	if (r < 0)
		return r;
	if (t)
		count(&t[side], stall, code->first_line);
	else
		d->result.left_out++;
	t = find(&d->sites, stall->cause, stall->call.function, stall->call.file,
		 stall->call_syscall, true, &r);
	if (t)
		count(&t[side], stall, stall->call.line);
	return r;
}

int diff__finish(struct diff *d, enum diff_side side, const struct snapshot *snapshot,
		 const struct report_run *run)
{
	int r = 0;

	d->result.duration_ns[side] = run->duration_ns;
	for (size_t i = 0; r >= 0 && i < snapshot->n_rows; i++) {
		const struct coroutine_row *row = &snapshot->rows[i];
		struct tally *t = find(&d->coroutines, 0, row->coroutine.name, row->coroutine.file,
				       NULL, false, &r);

		/* Two definitions with one name: the slower one counts. */
		if (t && row->p99_ns > t[side].figures.p99_ns)
			t[side].figures.p99_ns = row->p99_ns;
	}
	return r;
}

static double per_second(uint64_t ns, uint64_t duration_ns)
{
	return duration_ns ? (double)ns * NS_PER_S / (double)duration_ns : 0;
}

static enum diff_change judge(const struct diff_row *row, double before, double after)
{
	if (!row->side[DIFF_BEFORE].stalls)
		return DIFF_NEW;
	if (!row->side[DIFF_AFTER].stalls)
		return DIFF_GONE;
	if (fabs(after - before) <= SAME_SHARE * before)
		return DIFF_SAME;
	return after > before ? DIFF_WORSE : DIFF_BETTER;
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static void fill_row(const struct diff *d, const struct places *p, uint32_t i, bool is_site,
		     struct diff_row *row)
{
	const char *key = intern__key(&p->keys, i), *name = key + 1,
		   *file = name + strlen(name) + 1;
	const struct tally *t = p->tallies[i];
	double rate[DIFF_SIDES];

	*row = (struct diff_row){
		.name = *name ? name : "(not known)",
		.file = or_null(file),
		.syscall = or_null(file + strlen(file) + 1),
		.line = t[DIFF_AFTER].figures.stalls ? t[DIFF_AFTER].line : t[DIFF_BEFORE].line,
		.cause = (enum ls_cause)key[0],
	};
	for (size_t s = 0; s < DIFF_SIDES; s++) {
		row->side[s] = t[s].figures;
		if (is_site)
			row->side[s].p99_ns =
				hist__percentile_ns(t[s].hist, 99, t[s].figures.max_ns);
		rate[s] = per_second(t[s].figures.stalled_ns, d->result.duration_ns[s]);
	}
	row->change_ns_per_s = rate[DIFF_AFTER] - rate[DIFF_BEFORE];
	row->change = judge(row, rate[DIFF_BEFORE], rate[DIFF_AFTER]);
}

static int by_change(const void *a, const void *b)
{
	const struct diff_row *x = a, *y = b;

	if (x->change_ns_per_s != y->change_ns_per_s)
		return x->change_ns_per_s > y->change_ns_per_s ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int fill_rows(const struct diff *d, struct places *p, bool is_site,
		     const struct diff_row **ret_rows, size_t *ret_n)
{
	free(p->rows);
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

int diff__result(struct diff *d, const struct diff_result **ret_result)
{
	int r;

	for (size_t s = 0; s < DIFF_SIDES; s++) {
		d->result.side[s] = d->total[s].figures;
		d->result.side[s].p99_ns =
			hist__percentile_ns(d->total[s].hist, 99, d->total[s].figures.max_ns);
	}
	r = fill_rows(d, &d->coroutines, false, &d->result.coroutines, &d->result.n_coroutines);
	if (r >= 0)
		r = fill_rows(d, &d->sites, true, &d->result.sites, &d->result.n_sites);
	*ret_result = &d->result;
	return r;
}

const char *diff_change_word(enum diff_change change)
{
	static const char *const words[] = {
#define _(name, word) [DIFF_##name] = word,
		DIFF_CHANGES(_)
#undef _
	};

	return (size_t)change < N_OF(words) ? words[change] : "?";
}
