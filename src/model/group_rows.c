/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lists of a snapshot: the rows of the table (groups.c), of coroutines and of processes, with
 * the stalls that are open, in order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/group_impl.h"
#include "model/places.h"

/*
 * A function only passes calls on if it has at least this share of all stalls with an entry, and in
 * at most this share of them calls no other function of the user's.
 */
#define DISPATCH_SHARE 0.95
#define DIRECT_SHARE 0.1

/*
 * True for a function that hardly does more than call others and that nearly all stalls came
 * through.
 */
static bool is_dispatcher(const struct groups *g, const struct group *entry)
{
	const double stalls = (double)entry->row.stalls;

	return entry->n_behind > 1U + (entry->direct > 0) &&
		(double)entry->direct <= DIRECT_SHARE * stalls &&
		stalls >= DISPATCH_SHARE * (double)g->entered;
}

bool groups__is_dispatcher(const struct groups *g, const struct code_info *entry)
{
	const struct group_identity id = { .name = entry->name,
					   .file = entry->file,
					   .line = entry->first_line };
	_cleanup_free_ char *key = NULL;
	struct group *group;
	size_t n;

	return !groups__find(g, GROUP_AUTO, &id, &key, &n, &group) && group &&
		is_dispatcher(g, group);
}

static int down(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int row_compare(const void *va, const void *vb)
{
	const struct group_row *a = va, *b = vb;
	const struct code_info x = { a->name, a->file, a->line }, y = { b->name, b->file, b->line };
	int r = down(a->starved_ns, b->starved_ns);

	if (!r)
		r = down(a->max_ns, b->max_ns);
	if (!r)
		r = down(a->total_ns, b->total_ns);
	if (!r)
		r = places__compare(&x, &y);
	return r ? r : (int)a->unit - (int)b->unit;
}

static uint64_t rest(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

static struct group_row row_of_coroutine(const struct coroutine_row *c, enum group_key of)
{
	const bool is_auto = of == GROUP_AUTO;

	return (struct group_row){
		.name = c->coroutine.name,
		.file = c->coroutine.file,
		.line = c->coroutine.first_line,
		.unit = LS_UNIT_STEP,
		.pid = c->pid,
		.has_steps = true,
		.has_percentiles = true,
		.steps = c->steps,
		.total_ns = c->total_ns,
		.suffered_ns = c->suffered_ns,
		.suffered = c->suffered,
		.steps_per_s = c->steps_per_s,
		.busy = c->busy,
		.p50_ns = c->p50_ns,
		.p95_ns = c->p95_ns,
		.p99_ns = c->p99_ns,
		.max_ns = c->max_ns,
		.stalls = rest(c->stalls, is_auto ? c->entered_stalls : 0),
		.starved_ns = rest(c->starved_ns, is_auto ? c->entered_starved_ns : 0),
		.open = c->open,
		.open_since_ns = c->open_since_ns,
		.cpu_ns = c->cpu_ns,
		.blocked_ns = c->blocked_ns,
		.gil_ns = c->gil_ns,
		.runqueue_ns = c->runqueue_ns,
		.causes = c->causes,
		.where = c->where,
		.where_cause = c->where_cause,
		.where_sign = c->where_sign,
		.n_trend = c->n_trend,
		.trend = c->trend,
		.words = c->words,
	};
}

/* Room for every row of one list: those of the table, of coroutines or processes, of open stalls.
 */
static size_t max_rows(const struct groups *g, const struct snapshot *s, enum group_key of)
{
	const bool has_coroutines = of == GROUP_AUTO || of == GROUP_COROUTINE;
	const size_t n_groups = g->n_of[of] + (of == GROUP_AUTO ? g->n_of[GROUP_BEHIND] : 0);

	return n_groups + (has_coroutines ? s->n_rows : 0) +
		(of == GROUP_PROCESS ? s->n_loops : 0) + s->n_live + 1;
}

static struct group_row *find_row(struct group_row *rows, size_t n, const struct group_row *like)
{
	const struct code_info want = { like->name, like->file, like->line };

	for (size_t i = 0; i < n; i++) {
		const struct code_info have = { rows[i].name, rows[i].file, rows[i].line };

		if (rows[i].has_steps == like->has_steps && !places__compare(&have, &want))
			return &rows[i];
	}
	return NULL;
}

static struct group_row *find_process(struct group_row *rows, size_t n, uint32_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].pid == pid)
			return &rows[i];
	return NULL;
}

/* The steps of a process are those of its loops. */
static void add_processes(struct group_row *rows, size_t *n, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_loops; i++) {
		const struct loop_row *loop = &s->loops[i];
		struct group_row *row = find_process(rows, *n, loop->pid);

		if (!row) {
			row = &rows[(*n)++];
			*row = (struct group_row){ .pid = loop->pid, .words = loop->words };
		}
		row->name = loop->process && *loop->process ? loop->process : "?";
		row->has_steps = true;
		row->steps += loop->steps;
		row->total_ns += loop->step_ns;
		row->steps_per_s += loop->steps_per_s;
		row->busy = loop->busy > row->busy ? loop->busy : row->busy;
	}
}

/*
 * The key of the row that an open stall will be added to, as far as it is known by now. Returns 1,
 * 0 if the list has no such row, or -ENOMEM.
 */
static int identify_open(const struct groups *g, const struct stall *stall, enum group_key of,
			 struct group_identity *ret)
{
	_cleanup_free_ char *key = NULL;
	struct group *entry = NULL;
	size_t n;
	int r;

	if (!group_identity__of(stall, of, ret))
		return 0;
	if (of != GROUP_AUTO || !group_is_entered(stall))
		return 1;
	r = groups__find(g, of, ret, &key, &n, &entry);
	if (!r && entry && is_dispatcher(g, entry))
		*ret = group_identity__behind(stall, entry->number);
	return r ? r : 1;
}

static int add_open(const struct groups *g, struct group_row *rows, size_t *n, enum group_key of,
		    const struct stall *stall)
{
	struct group_row like, *row;
	struct group_identity id;
	const int r = identify_open(g, stall, of, &id);

	if (r <= 0)
		return r;
	like = (struct group_row){ .name = id.name, .file = id.file, .line = id.line };
	row = of == GROUP_PROCESS ? find_process(rows, *n, stall->pid) : find_row(rows, *n, &like);
	if (!row) {
		row = &rows[(*n)++];
		*row = like;
	}
	group_row__add_who(row, stall, !row->stalls && !row->open && !row->has_steps);
	if (!row->open++)
		row->open_since_ns = stall->start_ns;
	row->is_entry |= of == GROUP_AUTO && group_is_entered(stall);
	if (stall->call.file)
		group_row__set_where(row, stall);
	return 0;
}

/* Adds an open stall to the row that it will be added to at its end. */
static void clear_entered(struct group_row *rows, size_t n, const struct stall *stall)
{
	const struct code_info *c = &stall->coroutine;
	const struct group_row like = {
		.name = c->name, .file = c->file, .line = c->first_line, .has_steps = true
	};
	struct group_row *row = group_is_entered(stall) && stall->unit == LS_UNIT_STEP ?
		find_row(rows, n, &like) :
		NULL;

	if (row && row->open)
		row->open--;
}

/*
 * The first `n_sorted` rows, the coroutines, are in order already, and there may be thousands of
 * them: only the others are sorted, and then merged from the end.
 */
static int sort_rows(struct group_row *rows, size_t n, size_t n_sorted)
{
	const size_t n_others = n - n_sorted, size = n_others * sizeof(*rows);
	_cleanup_free_ struct group_row *others = malloc(size + 1);
	size_t a = n_sorted, b = n_others;

	if (!others)
		return -ENOMEM;
	memcpy(others, rows + n_sorted, size);
	qsort(others, n_others, sizeof(*rows), row_compare);
	while (b > 0)
		if (a > 0 && row_compare(&rows[a - 1], &others[b - 1]) > 0) {
			rows[a + b - 1] = rows[a - 1];
			a--;
		} else {
			rows[a + b - 1] = others[b - 1];
			b--;
		}
	return 0;
}

static bool has_entered(const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (s->rows[i].entered_stalls)
			return true;
	return false;
}

static size_t add_coroutines(struct group_row *rows, const struct snapshot *s, enum group_key of)
{
	const bool has_coroutines = of == GROUP_AUTO || of == GROUP_COROUTINE;

	for (size_t i = 0; has_coroutines && i < s->n_rows; i++)
		rows[i] = row_of_coroutine(&s->rows[i], of);
	return has_coroutines ? s->n_rows : 0;
}

static int add_all_open(const struct groups *g, struct group_row *rows, size_t *n,
			const struct snapshot *s, enum group_key of)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->n_live; i++) {
		if (of == GROUP_AUTO)
			clear_entered(rows, *n, &s->live[i]);
		r = add_open(g, rows, n, of, &s->live[i]);
	}
	return r;
}

static bool is_in_list(const struct groups *g, const struct group *group, enum group_key of)
{
	if (group->of == GROUP_BEHIND)
		return of == GROUP_AUTO && is_dispatcher(g, group->entry);
	return group->of == of && !(of == GROUP_AUTO && is_dispatcher(g, group));
}

static int list_make(struct groups *g, const struct snapshot *s, enum group_key of)
{
	struct group_list *list = &g->lists[of];
	struct group_row *rows =
		reallocarray((struct group_row *)list->rows, max_rows(g, s, of), sizeof(*rows));
	struct group *group, *next;
	size_t n_sorted;
	int r;

	if (!rows)
		return -ENOMEM;
	list->rows = rows;
	n_sorted = list->n = add_coroutines(rows, s, of);
	HASH_ITER (hh, g->table, group, next)
		if (is_in_list(g, group, of))
			rows[list->n++] = group->row;
	if (of == GROUP_PROCESS)
		add_processes(rows, &list->n, s);
	r = add_all_open(g, rows, &list->n, s, of);
	return r ? r : sort_rows(rows, list->n, of == GROUP_AUTO && has_entered(s) ? 0 : n_sorted);
}

/* True if the rows of this key change also without a stall. */
static bool is_counted(enum group_key of)
{
	return of == GROUP_AUTO || of == GROUP_COROUTINE || of == GROUP_PROCESS;
}

int groups__rows(struct groups *g, struct snapshot *ret_snapshot)
{
	const bool is_changed = g->is_changed || g->n_open || ret_snapshot->n_live;

	for (enum group_key of = 0; of < GROUP_MAX; of++) {
		const int r = is_changed || is_counted(of) ? list_make(g, ret_snapshot, of) : 0;

		if (r)
			return r;
		ret_snapshot->groups[of] = g->lists[of];
	}
	g->is_changed = false;
	g->n_open = ret_snapshot->n_live;
	return 0;
}
