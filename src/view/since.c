/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See since.h.
 */
#include "view/since.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/time.h"
#include "model/hist.h"
#include "view/table.h"
#include "view/words.h"

#define MAX_MARKS 16

static const struct window {
	uint64_t length_ns, pace_ns; /* a moment is kept every pace_ns */
} windows[] = {
	{ 0, 0 },
	{ 10 * NS_PER_S, NS_PER_S },
	{ 60 * NS_PER_S, 5 * NS_PER_S },
};

/* The counters of one row at one moment. */
struct values {
	uint64_t id;
	uint64_t steps, total_ns, suffered_ns, suffered, max_ns, stalls, starved_ns, stalled_ns;
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns;
	uint64_t p50_ns, p95_ns, p99_ns; /* of all time */
	size_t hist; /* index in the moment's list, SIZE_MAX: none */
};

/* One moment. Lists are sorted by id. */
struct moment {
	bool is_set;
	uint64_t at_ns;
	struct moment_list {
		size_t n;
		struct values *values;
	} lists[GROUP_MAX];
	size_t n_hists;
	uint32_t (*hists)[LS_HIST_BUCKETS]; /* in the order of the coroutines */
	struct hist_id *hist_ids; /* sorted */
};

struct base_list {
	size_t n;
	struct since_base *rows; /* sorted by id */
};

struct since {
	size_t window; /* index of windows[] */
	struct moment marks[MAX_MARKS]; /* of the window, oldest first */
	size_t n_marks;
	bool is_mark_wanted, is_foreign; /* foreign: the baseline is another run */
	struct moment mark; /* when the baseline ended */
	bool has_baseline;
	struct base_list base[GROUP_MAX];
	uint64_t counted_from_ns; /* 0: when measuring began */
	uint64_t duration_ns;
	struct group_row *rows[GROUP_MAX];
};

int since__new(struct since **ret_since)
{
	*ret_since = calloc(1, sizeof(**ret_since));
	return *ret_since ? 0 : -ENOMEM;
}

static void moment__done(struct moment *m)
{
	for (size_t i = 0; i < GROUP_MAX; i++)
		free(m->lists[i].values);
	free(m->hists);
	free(m->hist_ids);
	*m = (struct moment){};
}

static void drop_marks(struct since *s)
{
	while (s->n_marks > 0)
		moment__done(&s->marks[--s->n_marks]);
}

static void drop_baseline(struct since *s)
{
	moment__done(&s->mark);
	for (size_t i = 0; i < GROUP_MAX; i++) {
		free(s->base[i].rows);
		s->base[i] = (struct base_list){};
	}
	s->has_baseline = s->is_foreign = false;
}

void since__free(struct since *s)
{
	if (!s)
		return;
	drop_marks(s);
	drop_baseline(s);
	for (size_t i = 0; i < GROUP_MAX; i++)
		free(s->rows[i]);
	free(s);
}

void since__forget(struct since *s, uint64_t from_ns)
{
	drop_marks(s);
	/* Another run is compared with what is counted now. */
	if (!s->is_foreign)
		drop_baseline(s);
	s->counted_from_ns = from_ns;
}

void since__next_window(struct since *s)
{
	drop_marks(s);
	s->window = (s->window + 1) % N_OF(windows);
}

void since__mark(struct since *s)
{
	if (s->has_baseline)
		drop_baseline(s);
	else
		s->is_mark_wanted = true;
}

bool since__has_baseline(const struct since *s)
{
	return s->has_baseline;
}

uint64_t since__duration_ns(const struct since *s)
{
	return s->duration_ns;
}

static uint64_t kind_of(const struct group_row *row)
{
	return (row->unit == LS_UNIT_CALLBACK ? 2 : 0) | (row->has_percentiles ? 1 : 0);
}

/* Of two runs: lines move, and processes have other numbers. */
static uint64_t base_id_of(const struct group_row *row)
{
	return table__id(row->name, row->file, kind_of(row));
}

/* Within a run. */
static uint64_t id_of(const struct group_row *row)
{
	return table__id(row->name, row->file,
			 row->line ^ kind_of(row) << 32 ^
				 (row->file ? 0 : (uint64_t)row->pid << 40));
}

/* Of anything that begins with its id. */
static int by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Where the histogram of a coroutine is in the moment's list. */
struct hist_id {
	uint64_t id;
	size_t i;
};

/* Index of the histogram of the coroutine of that id, SIZE_MAX if there is none. */
static size_t find_hist(const struct moment *m, uint64_t id)
{
	const struct hist_id *found = m->n_hists ?
		bsearch(&id, m->hist_ids, m->n_hists, sizeof(*m->hist_ids), by_id) :
		NULL;

	return found ? found->i : SIZE_MAX;
}

static int by_hist_id(const void *a, const void *b)
{
	const struct hist_id *x = a, *y = b;

	return x->id != y->id ? (x->id > y->id) - (x->id < y->id) : (x->i > y->i) - (x->i < y->i);
}

static int fill_hists(struct moment *m, const struct snapshot *s)
{
	m->hists = calloc(s->n_rows + 1, sizeof(*m->hists));
	m->hist_ids = calloc(s->n_rows + 1, sizeof(*m->hist_ids));
	if (!m->hists || !m->hist_ids)
		return -ENOMEM;
	m->n_hists = s->n_rows;
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct code_info *c = &s->rows[i].coroutine;

		memcpy(m->hists[i], s->rows[i].hist, sizeof(m->hists[i]));
		m->hist_ids[i] = (struct hist_id){ table__id(c->name, c->file, c->first_line), i };
	}
	qsort(m->hist_ids, s->n_rows, sizeof(*m->hist_ids), by_hist_id);
	return 0;
}

static struct values values_of(const struct moment *m, const struct group_row *r)
{
	return (struct values){
		.id = id_of(r),
		.steps = r->steps,
		.total_ns = r->total_ns,
		.suffered_ns = r->suffered_ns,
		.suffered = r->suffered,
		.max_ns = r->max_ns,
		.stalls = r->stalls,
		.starved_ns = r->starved_ns,
		.stalled_ns = r->stalled_ns,
		.cpu_ns = r->cpu_ns,
		.blocked_ns = r->blocked_ns,
		.gil_ns = r->gil_ns,
		.runqueue_ns = r->runqueue_ns,
		.p50_ns = r->p50_ns,
		.p95_ns = r->p95_ns,
		.p99_ns = r->p99_ns,
		.hist = r->has_percentiles ? find_hist(m, table__id(r->name, r->file, r->line)) :
					     SIZE_MAX,
	};
}

static int moment__fill(struct moment *m, const struct snapshot *s, uint64_t now_ns)
{
	int r;

	moment__done(m);
	r = fill_hists(m, s);
	for (size_t of = 0; r >= 0 && of < GROUP_MAX; of++) {
		struct moment_list *list = &m->lists[of];

		list->values = calloc(s->groups[of].n + 1, sizeof(*list->values));
		if (!list->values)
			r = -ENOMEM;
		for (size_t i = 0; r >= 0 && i < s->groups[of].n; i++)
			list->values[list->n++] = values_of(m, &s->groups[of].rows[i]);
		if (r >= 0)
			qsort(list->values, list->n, sizeof(*list->values), by_id);
	}
	if (r < 0) {
		moment__done(m);
		return r;
	}
	m->is_set = true;
	m->at_ns = now_ns;
	return 0;
}

static const struct values *find_values(const struct moment *m, enum group_key of, uint64_t id)
{
	const struct moment_list *list = &m->lists[of];

	return m->is_set && list->n ?
		bsearch(&id, list->values, list->n, sizeof(*list->values), by_id) :
		NULL;
}

/* Keeps a moment of the window if one is due; those before the window go. */
static int keep_mark(struct since *s, const struct snapshot *snapshot, uint64_t now_ns)
{
	const struct window *w = &windows[s->window];

	if (!w->length_ns ||
	    (s->n_marks > 0 && now_ns < s->marks[s->n_marks - 1].at_ns + w->pace_ns))
		return 0;
	while (s->n_marks == MAX_MARKS ||
	       (s->n_marks > 1 && s->marks[1].at_ns + w->length_ns <= now_ns)) {
		moment__done(&s->marks[0]);
		memmove(s->marks, s->marks + 1, --s->n_marks * sizeof(s->marks[0]));
		s->marks[s->n_marks] = (struct moment){};
	}
	return moment__fill(&s->marks[s->n_marks++], snapshot, now_ns);
}

/* The moment that rows are counted from; NULL: from the beginning. */
static const struct moment *from(const struct since *s)
{
	if (s->n_marks > 0)
		return &s->marks[0];
	return s->mark.is_set ? &s->mark : NULL;
}

static uint64_t less(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void set_percentiles(struct group_row *row, const struct moment *m, const struct values *v,
			    const uint32_t *hist)
{
	static const unsigned int percents[] = { 50, 95, 99 };
	uint32_t since[LS_HIST_BUCKETS];
	uint64_t ns[3];

	hist__since(hist, m->hists[v->hist], since);
	row->max_ns = hist__max_since_ns(since, row->max_ns, v->max_ns);
	hist__percentiles_ns(since, percents, 3, row->max_ns, ns);
	row->p50_ns = ns[0];
	row->p95_ns = ns[1];
	row->p99_ns = ns[2];
}

/* Without a histogram the longest is known only if it is longer than all before. */
static void set_max(struct group_row *row, const struct values *v)
{
	if (row->max_ns <= v->max_ns)
		row->max_ns = 0;
}

static void subtract(struct group_row *row, const struct values *v)
{
	row->steps = less(row->steps, v->steps);
	row->total_ns = less(row->total_ns, v->total_ns);
	row->suffered_ns = less(row->suffered_ns, v->suffered_ns);
	row->suffered = less(row->suffered, v->suffered);
	row->stalls = less(row->stalls, v->stalls);
	row->starved_ns = less(row->starved_ns, v->starved_ns);
	row->stalled_ns = less(row->stalled_ns, v->stalled_ns);
	row->cpu_ns = less(row->cpu_ns, v->cpu_ns);
	row->blocked_ns = less(row->blocked_ns, v->blocked_ns);
	row->gil_ns = less(row->gil_ns, v->gil_ns);
	row->runqueue_ns = less(row->runqueue_ns, v->runqueue_ns);
}

static int by_starved(const void *va, const void *vb)
{
	const struct group_row *a = va, *b = vb;

	if (a->starved_ns != b->starved_ns)
		return a->starved_ns > b->starved_ns ? -1 : 1;
	return (a->total_ns < b->total_ns) - (a->total_ns > b->total_ns);
}

/* What did nothing in that time has no row, unless that is a change. */
static bool is_shown(const struct since *s, enum group_key of, const struct group_row *row)
{
	return row->steps || row->stalls || row->open || row->suffered ||
		(s->has_baseline && since__base(s, of, row));
}

/* The rows of one key, counted from a moment. The current histograms are those of `now`. */
static int make_list(struct since *s, enum group_key of, const struct snapshot *snapshot,
		     const struct moment *m, const struct moment *now, struct group_list *ret)
{
	const struct group_list *all = &snapshot->groups[of];
	struct group_row *rows = reallocarray(s->rows[of], all->n + 1, sizeof(*rows));
	const double seconds = (double)s->duration_ns / NS_PER_S;
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	s->rows[of] = rows;
	for (size_t i = 0; i < all->n; i++) {
		struct group_row *row = &rows[n];
		const struct values *v;

		*row = all->rows[i];
		v = find_values(m, of, id_of(row));
		if (v) {
			const size_t hist = row->has_percentiles ?
				find_hist(now, table__id(row->name, row->file, row->line)) :
				SIZE_MAX;

			subtract(row, v);
			if (v->hist != SIZE_MAX && hist != SIZE_MAX)
				set_percentiles(row, m, v, now->hists[hist]);
			else
				set_max(row, v);
		}
		row->steps_per_s = seconds > 0 ? (double)row->steps / seconds : 0;
		row->busy = seconds > 0 ? (double)row->total_ns / NS_PER_S / seconds : 0;
		n += is_shown(s, of, row);
	}
	qsort(rows, n, sizeof(*rows), by_starved);
	*ret = (struct group_list){ n, rows };
	return 0;
}

static struct since_base base_of(const struct group_row *r, uint64_t duration_ns)
{
	const double seconds = duration_ns ? (double)duration_ns / NS_PER_S : 1;

	return (struct since_base){
		.id = base_id_of(r),
		.steps_per_s = (double)r->steps / seconds,
		.busy = (double)r->total_ns / NS_PER_S / seconds,
		.stalls_per_s = (double)r->stalls / seconds,
		.starved_per_s = (double)r->starved_ns / seconds,
		.suffered_per_s = (double)r->suffered_ns / seconds,
		.steps = r->steps,
		.stalls = r->stalls,
		.p50_ns = r->p50_ns,
		.p95_ns = r->p95_ns,
		.p99_ns = r->p99_ns,
		.max_ns = r->max_ns,
	};
}

int since__set_baseline(struct since *s, const struct snapshot *snapshot, uint64_t duration_ns)
{
	drop_baseline(s);
	for (size_t of = 0; of < GROUP_MAX; of++) {
		const struct group_list *list = &snapshot->groups[of];

		s->base[of].rows = calloc(list->n + 1, sizeof(*s->base[of].rows));
		if (!s->base[of].rows) {
			drop_baseline(s);
			return -ENOMEM;
		}
		for (size_t i = 0; i < list->n; i++)
			s->base[of].rows[s->base[of].n++] = base_of(&list->rows[i], duration_ns);
		qsort(s->base[of].rows, s->base[of].n, sizeof(*s->base[of].rows), by_id);
	}
	s->has_baseline = s->is_foreign = true;
	return 0;
}

/* What was counted so far is the baseline from now on. */
static int mark_now(struct since *s, const struct snapshot *snapshot, uint64_t now_ns,
		    uint64_t started_ns)
{
	int r = since__set_baseline(s, snapshot, less(now_ns, started_ns));

	if (r < 0)
		return r;
	s->is_foreign = false;
	r = moment__fill(&s->mark, snapshot, now_ns);
	if (r < 0)
		drop_baseline(s);
	return r;
}

int since__apply(struct since *s, const struct snapshot *snapshot, uint64_t now_ns,
		 uint64_t started_ns, struct snapshot *ret_snapshot)
{
	const uint64_t from_ns = s->counted_from_ns ?: started_ns;
	struct moment now = {};
	const struct moment *m;
	int r = 0;

	*ret_snapshot = *snapshot;
	if (s->is_mark_wanted) {
		s->is_mark_wanted = false;
		r = mark_now(s, snapshot, now_ns, from_ns);
	}
	if (r >= 0)
		r = keep_mark(s, snapshot, now_ns);
	m = from(s);
	s->duration_ns = less(now_ns, m ? m->at_ns : from_ns);
	if (r < 0 || !m)
		return r;
	r = fill_hists(&now, snapshot);
	for (enum group_key of = 0; r >= 0 && of < GROUP_MAX; of++)
		r = make_list(s, of, snapshot, m, &now, &ret_snapshot->groups[of]);
	moment__done(&now);
	return r;
}

void since__text(const struct since *s, uint64_t now_ns, char text[SINCE_TEXT_BYTES])
{
	const uint64_t length_ns = windows[s->window].length_ns;
	char number[WORDS_BYTES];
	size_t used = 0;

	text[0] = '\0';
	if (length_ns)
		used = (size_t)snprintf(text, SINCE_TEXT_BYTES, "last %s",
					words__duration(length_ns, number));
	if (s->is_foreign)
		snprintf(text + used, SINCE_TEXT_BYTES - used, "%schange to baseline",
			 used ? ", " : "");
	else if (s->has_baseline)
		snprintf(text + used, SINCE_TEXT_BYTES - used, "%schange since %s ago",
			 used ? ", " : "",
			 words__duration(less(now_ns, s->mark.at_ns) / NS_PER_S * NS_PER_S,
					 number));
}

const struct since_base *since__base(const struct since *s, enum group_key of,
				     const struct group_row *row)
{
	const struct base_list *list = &s->base[of];
	const uint64_t id = base_id_of(row);

	return list->n ? bsearch(&id, list->rows, list->n, sizeof(*list->rows), by_id) : NULL;
}
