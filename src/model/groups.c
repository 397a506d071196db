/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See groups.h.
 */
#include "model/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/group_impl.h"
#include "model/places.h"

#define KEY_BITS 4 /* of a key */

_Static_assert(GROUP_BEHIND < 1 << KEY_BITS, "each key is told apart");
_Static_assert(LS_CAUSE_MAX <= 32, "each cause has a bit");

static void group_free(struct group *g)
{
	free(g->key);
	free(g->name);
	free(g);
}

void groups__done(struct groups *g)
{
	table__free(g->table, group_free);
	for (size_t i = 0; i < GROUP_MAX; i++)
		free((struct group_row *)g->lists[i].rows);
	memset(g, 0, sizeof(*g));
}

/* Takes ownership of `key`, also on failure. */
static int group_new(struct groups *g, char *key, size_t n_key, const struct group_identity *id,
		     struct group **ret_group)
{
	struct group *group = calloc(1, sizeof(*group));
	const bool is_copied = id->is_name_copied;

	if (!group) {
		free(key);
		return -ENOMEM;
	}
	group->key = key;
	group->name = is_copied ? strdup(id->name) : NULL;
	group->row = (struct group_row){ .name = is_copied ? group->name : id->name,
					 .file = id->file,
					 .line = id->line };
	if ((is_copied && !group->name) || table__add_bytes(g->table, group, n_key) < 0) {
		group_free(group);
		return -ENOMEM;
	}
	*ret_group = group;
	return 0;
}

int groups__find(const struct groups *g, enum group_key of, const struct group_identity *id,
		 char **ret_key, size_t *ret_n, struct group **ret_group)
{
	const uint32_t more = id->more << KEY_BITS | (uint32_t)of;
	int r = place_key__make(id->name, id->file, id->line, more, ret_key, ret_n);

	if (!r)
		HASH_FIND(hh, g->table, *ret_key, *ret_n, *ret_group);
	return r;
}

static bool has_room(const struct groups *g, enum group_key of)
{
	const bool is_made_up = of == GROUP_TASK || of == GROUP_ROUTE || of == GROUP_TEST;

	return HASH_COUNT(g->table) < GROUPS_MAX && (!is_made_up || g->n_of[of] < GROUPS_MAX_NAMES);
}

/* *ret_group is NULL if there is no room. */
static int group_get(struct groups *g, enum group_key of, const struct group_identity *id,
		     struct group **ret_group)
{
	_cleanup_free_ char *key = NULL;
	size_t n;
	int r = groups__find(g, of, id, &key, &n, ret_group);

	if (r || *ret_group)
		return r;
	if (!has_room(g, of)) {
		g->refused++;
		return 0;
	}
	r = group_new(g, TAKE_PTR(key), n, id, ret_group);
	if (r)
		return r;
	(*ret_group)->of = of;
	g->n_of[of]++;
	return 0;
}

void group_row__set_where(struct group_row *row, const struct stall *stall)
{
	row->where = stall->own.function ? stall->own : stall->call;
	row->where_cause = stall->cause;
	row->where_sign = stall->sign;
}

void group_row__add_who(struct group_row *row, const struct stall *stall, bool is_new)
{
	if (is_new) {
		row->unit = stall->unit;
		row->pid = stall->pid;
		row->words = stall->words;
	}
	if (row->unit != stall->unit)
		row->unit = LS_UNIT_NONE;
	row->causes |= 1u << stall->cause;
	if (row->pid != stall->pid)
		row->pid = 0;
}

static void row_add_stall(struct group_row *row, const struct stall *stall)
{
	group_row__add_who(row, stall, !row->stalls);
	row->stalls++;
	row->starved_ns += stall->starved_ns;
	row->stalled_ns += stall->duration_ns;
	row->cpu_ns += stall->cpu_ns;
	row->blocked_ns += stall->blocked_ns;
	row->gil_ns += stall->gil_ns;
	row->runqueue_ns += stall->runqueue_ns;
	if (stall->duration_ns <= row->max_ns)
		return;
	row->max_ns = stall->duration_ns;
	group_row__set_where(row, stall);
}

static int add_behind(struct groups *g, const struct stall *stall, struct group *entry)
{
	const struct group_identity id = group_identity__behind(stall, entry->number);
	struct group *behind;
	int r = group_get(g, GROUP_BEHIND, &id, &behind);

	if (r)
		return r;
	/* If there is no room for another row, the stall stays in the row of its entry. */
	entry->direct += behind ? group_find_behind(stall) == SIZE_MAX : entry->row.stalls;
	if (!behind)
		return 0;
	entry->n_behind += !behind->row.stalls;
	behind->entry = entry;
	behind->row.is_entry = true;
	row_add_stall(&behind->row, stall);
	return 0;
}

/* Adds a stall of a library's coroutine to the row of its entry. */
static int add_entered(struct groups *g, const struct stall *stall, struct place *place,
		       struct group *entry)
{
	g->entered++;
	if (!entry->number)
		entry->number = ++g->n_entries;
	entry->row.is_entry = true;
	if (place && stall->unit == LS_UNIT_STEP) {
		place->entered_stalls++;
		place->entered_starved_ns += stall->starved_ns;
	}
	return add_behind(g, stall, entry);
}

int groups__stall(struct groups *g, const struct stall *stall, struct place *place)
{
	g->is_changed = true;
	if (place)
		place->causes |= 1u << stall->cause;
	for (enum group_key of = 0; of < GROUP_MAX; of++) {
		struct group *group;
		struct group_identity id;
		int r;

		if (!group_identity__of(stall, of, &id))
			continue;
		r = group_get(g, of, &id, &group);
		if (r)
			return r;
		if (!group)
			continue;
		row_add_stall(&group->row, stall);
		if (of == GROUP_AUTO && group_is_entered(stall))
			r = add_entered(g, stall, place, group);
		if (r)
			return r;
	}
	return 0;
}

static int pid_compare(const void *va, const void *vb)
{
	const uint32_t a = *(const uint32_t *)va, b = *(const uint32_t *)vb;

	return (a > b) - (a < b);
}

static void row_add(struct group_row *sum, const struct group_row *row)
{
	if (!sum->stalls) {
		sum->unit = row->unit;
		sum->words = row->words;
	}
	if (sum->unit != row->unit)
		sum->unit = LS_UNIT_NONE;
	sum->causes |= row->causes;
	sum->stalls += row->stalls;
	sum->starved_ns += row->starved_ns;
	sum->stalled_ns += row->stalled_ns;
	sum->cpu_ns += row->cpu_ns;
	sum->blocked_ns += row->blocked_ns;
	sum->gil_ns += row->gil_ns;
	sum->runqueue_ns += row->runqueue_ns;
	if (row->max_ns <= sum->max_ns)
		return;
	sum->max_ns = row->max_ns;
	sum->where = row->where;
	sum->where_cause = row->where_cause;
	sum->where_sign = row->where_sign;
}

/* There is room for the sum, because this row goes. */
static int end_process(struct groups *g, struct group *process)
{
	static const struct group_identity ended = { .name = "(ended)" };
	const struct group_row row = process->row;
	struct group *sum;
	int r;

	HASH_DEL(g->table, process);
	group_free(process);
	g->n_of[GROUP_PROCESS]--;
	g->is_changed = true;
	r = group_get(g, GROUP_PROCESS, &ended, &sum);
	if (!r && sum)
		row_add(&sum->row, &row);
	return r;
}

int groups__end_processes(struct groups *g, uint32_t *pids, size_t n)
{
	struct group *group, *next;
	int r = 0;

	qsort(pids, n, sizeof(*pids), pid_compare);
	HASH_ITER (hh, g->table, group, next) {
		if (r || group->of != GROUP_PROCESS || !group->row.pid)
			continue;
		if (bsearch(&group->row.pid, pids, n, sizeof(*pids), pid_compare))
			group->is_process = true;
		else if (group->is_process)
			r = end_process(g, group);
	}
	return r;
}
