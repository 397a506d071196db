/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See finding_sums.h. Work that computes is kept by function, because each of its stalls may be
 * caught at another line; a call that blocks by its line, because two of them are two faults.
 */
#include "model/finding_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/attribution.h"
#include "model/finding_parts.h"
#include "model/group_identity.h"
#include "model/lint_loop_rules.h"
#include "model/lint_rules.h"
#include "model/naming.h"
#include "model/places.h"
#include "model/turn.h"

#define MAX_LINES 8 /* lines of one function that are counted apart */

struct finding_sum {
	char *key;
	struct finding_row row;
	uint64_t sign_ns[SIGN_MAX];
	size_t n_lines;
	struct {
		uint32_t line;
		uint64_t ns;
	} lines[MAX_LINES];
	UT_hash_handle hh;
};

static void sum_free(struct finding_sum *sum)
{
	free(sum->key);
	free(sum);
}

void finding_sums__done(struct finding_sums *f)
{
	table__free(f->table, sum_free);
	free(f->rows);
	memset(f, 0, sizeof(*f));
}

/*
 * Signs that lead to the same rule share a row, as do signs that only some stalls of a place show.
 */
static int key_make(const struct finding_part *part, char **ret_key, size_t *ret_n)
{
	const bool is_awaits = part->sign == SIGN_AWAITS;
	const uint32_t kind = finding_part__subject(part) == SUBJECT_LINE || !part->rule ?
		(uint32_t)part->cause :
		(uint32_t)part->rule->kind;
	const uint32_t more = kind << 8 | (uint32_t)finding_part__subject(part) << 1 | is_awaits;
	const bool has_name = finding_part__subject(part) == SUBJECT_HOLDER && !part->at.function;

	return place_key__make(has_name ? part->stall->gil_holder.name : part->at.function,
			       part->at.file, part->key_line, more, ret_key, ret_n);
}

/* *ret_sum is NULL if there is no room. */
static int sum_get(struct finding_sums *f, const struct finding_part *part,
		   struct finding_sum **ret_sum)
{
	_cleanup_free_ char *key = NULL;
	struct finding_sum *sum;
	size_t n;
	int r = key_make(part, &key, &n);

	if (r)
		return r;
	HASH_FIND(hh, f->table, key, n, *ret_sum);
	if (*ret_sum)
		return 0;
	if (HASH_COUNT(f->table) >= FINDING_SUMS_MAX) {
		f->refused++;
		return 0;
	}
	sum = calloc(1, sizeof(*sum));
	if (!sum)
		return -ENOMEM;
	sum->key = TAKE_PTR(key);
	if (table__add_bytes(f->table, sum, n) < 0) {
		sum_free(sum);
		return -ENOMEM;
	}
	*ret_sum = sum;
	return 0;
}

/* True if it was added or is there already; false if there is no room. */
static bool add_who(struct code_info *who, size_t *n, const struct code_info *one)
{
	if (!one->name)
		return true;
	for (size_t i = 0; i < *n; i++)
		if (!places__compare(&who[i], one))
			return true;
	if (*n == FINDING_MAX_WHO)
		return false;
	who[(*n)++] = *one;
	return true;
}

/* What the entry itself did is not what the function behind it did. */
static void add_entry(struct finding_row *row, const struct finding_part *part)
{
	const struct stall *stall = part->stall;
	const struct code_info entry = { stall->entry.function, stall->entry.file,
					 stall->entry_def_line };
	const struct group_identity called = group_identity__behind(stall, 0);
	struct code_info behind = entry;

	if (!entry.name)
		return;
	if (!frame_is_same_function(&part->at, &stall->entry))
		behind = (struct code_info){ called.name, called.file, called.line };
	for (size_t i = 0; i < row->n_entries; i++)
		if (!places__compare(&row->entries[i], &entry) &&
		    !places__compare(&row->behind[i], &behind))
			return;
	if (row->n_entries == FINDING_MAX_WHO) {
		row->has_more = true;
		return;
	}
	row->entries[row->n_entries] = entry;
	row->behind[row->n_entries++] = behind;
}

/*
 * Only for code that can be blamed: a task that waited for the host or for a lock is a victim
 * itself.
 */
static void row_add_who(struct finding_row *row, const struct finding_part *part)
{
	const struct stall *stall = part->stall;
	const struct code_info *turn = turn__coroutine(stall);

	if (finding_part__subject(part) == SUBJECT_HOST ||
	    finding_part__subject(part) == SUBJECT_HOLDER ||
	    (part->cause == LS_CAUSE_GC && part->sign != SIGN_COLLECTS))
		return;
	if (!add_who(row->coroutines, &row->n_coroutines, turn ?: &stall->coroutine))
		row->has_more = true;
	if (stall->unit != LS_UNIT_TURN)
		add_entry(row, part);
}

/* Of an entry that only passes calls on, a middleware, the function that it called is named. */
static void name_entries(struct finding_row *row, const struct groups *groups)
{
	struct code_info named[FINDING_MAX_WHO];
	size_t n = 0;

	for (size_t i = 0; i < row->n_entries; i++) {
		const bool is_dispatcher = groups__is_dispatcher(groups, &row->entries[i]);

		add_who(named, &n, is_dispatcher ? &row->behind[i] : &row->entries[i]);
	}
	memcpy(row->entries, named, n * sizeof(named[0]));
	row->n_entries = n;
}

static void row_begin(struct finding_row *row, const struct finding_part *part)
{
	row->unit = part->stall->unit;
	row->cause = part->cause;
	row->sign = part->sign;
	row->at = part->at;
	row->pid = part->stall->pid;
	row->words = part->stall->words;
	row->first_ns = part->stall->start_ns;
}

static void row_add_names(struct finding_row *row, const struct finding_part *part)
{
	const struct stall *stall = part->stall;

	if (finding_part__subject(part) == SUBJECT_HOLDER)
		memcpy(row->holder, stall->gil_holder.name, sizeof(row->holder));
	else if (finding_part__subject(part) == SUBJECT_HOST && part->sign == SIGN_OTHER_PROCESS)
		memcpy(row->holder, stall->cpu_holder.name, sizeof(stall->cpu_holder.name));
	if (stall->call_syscall && stall->cause == part->cause && part->is_longest_wait)
		row->syscall = stall->call_syscall;
}

_Static_assert(sizeof(((struct cpu_holder *)0)->name) <= LS_NAME_BYTES,
	       "a finding has room for either name");

static void row_add(struct finding_row *row, const struct finding_part *part)
{
	const struct stall *stall = part->stall;
	const uint64_t end_ns = stall->start_ns + stall->duration_ns;

	if (!row->stalls && !row->open)
		row_begin(row, part);
	if (row->unit != stall->unit)
		row->unit = LS_UNIT_NONE;
	if (row->pid != stall->pid)
		row->pid = 0;
	row_add_who(row, part);
	row_add_names(row, part);
	row->time_ns += part->ns;
	row->starved_ns += part->starved_ns;
	row->held_ns += part->seen_ns;
	if (stall->start_ns < row->first_ns)
		row->first_ns = stall->start_ns;
	if (end_ns > row->last_ns)
		row->last_ns = end_ns;
	if (part->ns <= row->max_ns)
		return;
	row->max_ns = part->ns;
	row->context = stall->context;
	row->worst_pid = stall->pid;
	row->worst_tid = stall->tid;
	row->worst_start_ns = stall->start_ns;
}

/* The line with most time. Time of lines beyond the limit belongs to none. */
static void sum_add_line(struct finding_sum *sum, const struct finding_part *part)
{
	size_t i, most = 0;

	for (i = 0; i < sum->n_lines && sum->lines[i].line != part->at.line; i++)
		;
	if (i == MAX_LINES)
		return;
	sum->n_lines += i == sum->n_lines;
	sum->lines[i].line = part->at.line;
	sum->lines[i].ns += part->ns;
	for (i = 0; i < sum->n_lines; i++)
		if (sum->lines[i].ns > sum->lines[most].ns)
			most = i;
	sum->row.at.line = sum->lines[most].line;
}

static void sum_add(struct finding_sum *sum, const struct finding_part *part)
{
	row_add(&sum->row, part);
	sum->row.stalls++;
	sum->row.light_stalls += part->stall->is_light;
	sum->sign_ns[part->sign] += part->ns;
	for (enum sign i = 0; i < SIGN_MAX; i++)
		if (sum->sign_ns[i] > sum->sign_ns[sum->row.sign])
			sum->row.sign = i;
	sum_add_line(sum, part);
}

int finding_sums__stall(struct finding_sums *f, const struct stall *stall)
{
	struct finding_part parts[FINDING_MAX_PARTS];
	const size_t n = finding_parts__of(stall, stall->cause, parts);

	f->is_changed = true;
	for (size_t i = 0; i < n; i++) {
		struct finding_sum *sum;
		int r = sum_get(f, &parts[i], &sum);

		if (r)
			return r;
		if (sum)
			sum_add(sum, &parts[i]);
	}
	return 0;
}

static int down(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int row_compare(const void *va, const void *vb)
{
	const struct finding_row *a = va, *b = vb;
	const struct code_info x = { a->at.function, a->at.file, a->at.line },
			       y = { b->at.function, b->at.file, b->at.line };
	int r = down(a->starved_ns, b->starved_ns);

	if (!r)
		r = down(a->time_ns, b->time_ns);
	if (!r)
		r = places__compare(&x, &y);
	return r ? r : (int)a->cause - (int)b->cause;
}

static bool is_same(const struct finding_row *row, const struct finding_part *part)
{
	const struct code_info a = { row->at.function, row->at.file, row->at.line },
			       b = { part->at.function, part->at.file, part->at.line };

	return row->cause == part->cause && !places__compare(&a, &b);
}

/*
 * The row of an open stall: that of its sum, which is where the sum is in the table, or one for
 * open stalls alone, behind those.
 */
static int row_of_part(struct finding_sums *f, const struct finding_part *part,
		       struct finding_row **ret)
{
	_cleanup_free_ char *key = NULL;
	struct finding_sum *sum, *at;
	size_t n, i = 0;
	int r = key_make(part, &key, &n);

	if (r)
		return r;
	HASH_FIND(hh, f->table, key, n, sum);
	for (at = f->table; at && at != sum; at = at->hh.next)
		i++;
	for (; !sum && i < f->n_rows && !is_same(&f->rows[i], part); i++)
		;
	*ret = &f->rows[i];
	if (i == f->n_rows)
		f->rows[f->n_rows++] = (struct finding_row){ .unit = LS_UNIT_NONE };
	return 0;
}

/* Decided by the causes so far, not by the current one, which may be the host. */
static enum ls_cause cause_so_far(const struct stall *stall)
{
	__u64 cause_ns[LS_CAUSE_MAX];
	uint64_t known_ns = 0;

	for (enum ls_cause i = 0; i < LS_CAUSE_MAX; i++)
		known_ns += cause_ns[i] = stall->cause_ns[i];
	return known_ns ? attribution__cause(cause_ns) : stall->cause;
}

static int add_open(struct finding_sums *f, const struct stall *stall)
{
	struct finding_part parts[FINDING_MAX_PARTS];
	const size_t n = finding_parts__of(stall, cause_so_far(stall), parts);

	for (size_t i = 0; i < n; i++) {
		struct finding_row *row;
		int r = row_of_part(f, &parts[i], &row);

		if (r)
			return r;
		row_add(row, &parts[i]);
		if (!row->open++)
			row->open_since_ns = stall->start_ns;
	}
	return 0;
}

static bool has_host_row(const struct finding_sums *f)
{
	for (size_t i = 0; i < f->n_rows; i++)
		if (f->rows[i].cause == LS_CAUSE_RUNQUEUE && !f->rows[i].loop_rule)
			return true;
	return false;
}

/* Findings from the totals of a loop. One about the host is added only if no stall has the same. */
static void add_loop_rules(struct finding_sums *f, const struct snapshot *s)
{
	f->n_loop_rules = 0;
	for (size_t i = 0; i < lint_n_loop_rules; i++) {
		const struct loop_rule *rule = &lint_loop_rules[i];
		const struct loop_sum sum = lint_loop_rule__sum(rule, s);

		if (!sum.loops || (rule->subject == SUBJECT_HOST && has_host_row(f)))
			continue;
		f->rows[f->n_rows++] =
			(struct finding_row){ .unit = LS_UNIT_NONE,
					      .cause = LS_CAUSE_OTHER,
					      .loop_rule = (uint8_t)(i + 1),
					      .pid = s->n_loops == 1 ? s->loops[0].pid : 0,
					      .time_ns = sum.total_ns,
					      .max_ns = sum.total_ns,
					      .words = s->loops[0].words };
		f->n_loop_rules++;
	}
}

static void add_pools(struct finding_sums *f, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *pool = &s->pools[i];

		if (!lint_pool__is_exhausted(pool))
			continue;
		f->rows[f->n_rows++] =
			(struct finding_row){ .unit = LS_UNIT_NONE,
					      .cause = LS_CAUSE_OTHER,
					      .loop_rule = (uint8_t)(lint_pool__rule(pool) + 1),
					      .pool = pool,
					      .at = pool->n_places ? pool->places[0].at :
								     (struct model_frame){ 0 },
					      .pid = pool->pid,
					      .time_ns = pool->full_ns,
					      .max_ns = pool->full_ns,
					      .words = pool->words };
		f->n_loop_rules++;
	}
}

static void add_lives(struct finding_sums *f, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_lives; i++) {
		const struct life_row *life = &s->lives[i];
		struct finding_row *row = &f->rows[f->n_rows];

		if (!life->found_ns)
			continue;
		*row = (struct finding_row){ .unit = LS_UNIT_NONE,
					     .cause = LS_CAUSE_OTHER,
					     .loop_rule = (uint8_t)(LINT_LIFE_RULE(life->kind) + 1),
					     .life = life,
					     .at = life->at,
					     .pid = life->pid,
					     .time_ns = life->found_ns,
					     .max_ns = life->found_ns,
					     .words = life->words };
		if (life->coroutine.name)
			row->coroutines[row->n_coroutines++] = life->coroutine;
		f->n_rows++;
		f->n_loop_rules++;
	}
}

static bool has_lives(const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_lives; i++)
		if (s->lives[i].found_ns)
			return true;
	return false;
}

static bool has_pools(const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_pools; i++)
		if (lint_pool__is_exhausted(&s->pools[i]))
			return true;
	return false;
}

static bool has_loop_rules(const struct snapshot *s)
{
	for (size_t i = 0; i < lint_n_loop_rules; i++)
		if (lint_loop_rule__sum(&lint_loop_rules[i], s).loops)
			return true;
	return false;
}

static int rows_make(struct finding_sums *f, const struct groups *groups, const struct snapshot *s)
{
	const size_t n_room = HASH_COUNT(f->table) + FINDING_MAX_PARTS * s->n_live +
		lint_n_loop_rules + s->n_pools + s->n_lives + 1;
	struct finding_row *rows = reallocarray(f->rows, n_room, sizeof(*rows));
	struct finding_sum *sum, *next;
	int r = 0;

	if (!rows)
		return -ENOMEM;
	f->rows = rows;
	f->n_rows = 0;
	HASH_ITER (hh, f->table, sum, next)
		rows[f->n_rows++] = sum->row;
	for (size_t i = 0; !r && i < s->n_live; i++)
		r = add_open(f, &s->live[i]);
	for (size_t i = 0; i < f->n_rows; i++)
		name_entries(&rows[i], groups);
	add_loop_rules(f, s);
	add_pools(f, s);
	add_lives(f, s);
	qsort(rows, f->n_rows, sizeof(*rows), row_compare);
	f->starved_ns = 0;
	for (size_t i = 0; i < f->n_rows; i++)
		f->starved_ns += rows[i].starved_ns;
	return r;
}

int finding_sums__rows(struct finding_sums *f, const struct groups *groups,
		       struct snapshot *ret_snapshot)
{
	const bool is_changed = f->is_changed || f->n_open || ret_snapshot->n_live ||
		f->n_loop_rules || has_loop_rules(ret_snapshot) || has_pools(ret_snapshot) ||
		has_lives(ret_snapshot);
	const int r = is_changed ? rows_make(f, groups, ret_snapshot) : 0;

	if (r)
		return r;
	f->is_changed = false;
	f->n_open = ret_snapshot->n_live;
	ret_snapshot->n_findings = f->n_rows;
	ret_snapshot->findings = f->rows;
	ret_snapshot->findings_starved_ns = f->starved_ns;
	return 0;
}
