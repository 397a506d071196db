/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks in groups. A group is a node of the await tree: tasks that stand at the same place and are
 * waited for by tasks of one other group. So 10 000 workers of one gather() are two groups, and the
 * tree of the groups is the await tree. Who waits for whom is read while the process runs: it may
 * lead in circles, which are cut open, and groups, depth and names are bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/table.h"
#include "dump/dump.h"

/* Tasks with equal bytes, up to their last frame, are of one group. */
struct key {
	size_t parent, loop;
	uint64_t code;
	uint32_t state, n_frames;
	char waits_for[48];
	struct ls_frame frames[TARGET_TASK_FRAMES];
};

struct node {
	struct key own_key;
	const struct key *key; /* own_key */
	size_t number;
	UT_hash_handle hh;
};

struct by_address {
	uint64_t task;
	size_t at;
};

#define NOT_YET (SIZE_MAX - 1)

struct grouping {
	struct dump *d;
	const struct target_task *tasks;
	size_t n, size;
	struct by_address *sorted; /* all tasks */
	size_t *group_of; /* each task's group; NOT_YET, DUMP_NO_GROUP: there was no room for it */
	struct node *nodes;
	/* the one that joined a group before */
	const struct target_task *last;
	size_t last_parent, last_group;
};

static void grouping__done(struct grouping *g)
{
	table__free(g->nodes, free);
	free(g->sorted);
	free(g->group_of);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct by_address *x = a, *y = b;

	return (x->task > y->task) - (x->task < y->task);
}

static int grouping__init(struct grouping *g)
{
	g->sorted = calloc(g->n + 1, sizeof(*g->sorted));
	g->group_of = calloc(g->n + 1, sizeof(*g->group_of));
	if (!g->sorted || !g->group_of)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++) {
		g->sorted[i] = (struct by_address){ g->tasks[i].task, i };
		g->group_of[i] = NOT_YET;
	}
	array__sort(g->sorted, g->n, sizeof(*g->sorted), compare_addresses);
	return 0;
}

/* The task that waits for task `i`; SIZE_MAX if none does. */
static size_t waiter_of(const struct grouping *g, size_t i)
{
	const struct by_address wanted = { .task = g->tasks[i].awaited_by };
	const struct by_address *found = !wanted.task ?
		NULL :
		bsearch(&wanted, g->sorted, g->n, sizeof(wanted), compare_addresses);

	return found ? found->at : SIZE_MAX;
}

static size_t loop_of(const struct dump *d, uint64_t loop)
{
	for (size_t i = 0; i < d->n_loops; i++)
		if (d->loops[i].info.loop == loop)
			return i;
	return DUMP_NO_LOOP;
}

/* Keeps the first names in natural order: asyncio numbers the tasks without a name. */
static void add_name(struct dump_group *group, const char *name)
{
	const char *greatest = group->names[DUMP_GROUP_NAMES - 1];
	size_t i = 0;

	if (*greatest && strverscmp(greatest, name) <= 0)
		return;
	while (i < DUMP_GROUP_NAMES && group->names[i][0] && strverscmp(group->names[i], name) <= 0)
		i++;
	if (!*name || i == DUMP_GROUP_NAMES)
		return;
	memmove(group->names[i + 1], group->names[i],
		(DUMP_GROUP_NAMES - 1 - i) * sizeof(*group->names));
	snprintf(group->names[i], sizeof(*group->names), "%s", name);
}

static void describe(const struct dump *d, struct dump_group *group, const struct target_task *task)
{
	const uint32_t pid = (uint32_t)d->target->pid;
	const struct resolver *r = &d->resolver;

	if (task->code)
		r->ops->code(r->ctx, pid, task->code, task->qualname, &group->coroutine);
	for (size_t i = 0; i < task->n_frames; i++)
		group->frames[i] = dump__name_frame(d, &task->frames[i]);
	group->n_frames = task->n_frames;
	group->is_cut = task->is_cut;
	group->state = task->state;
	snprintf(group->waits_for, sizeof(group->waits_for), "%s", task->waits_for);
}

static size_t key_bytes(const struct key *key)
{
	return offsetof(struct key, frames) + key->n_frames * sizeof(*key->frames);
}

static int add_group(struct grouping *g, const struct key *key, const struct target_task *task,
		     size_t *ret_number)
{
	_cleanup_free_ struct node *node = calloc(1, sizeof(*node));
	struct dump *d = g->d;
	int r = ARRAY_RESERVE(d->groups, g->size, d->n_groups + 1);

	if (r || !node)
		return -ENOMEM;
	memcpy(&node->own_key, key, key_bytes(key));
	node->key = &node->own_key;
	node->number = d->n_groups;
	r = table__add_bytes(g->nodes, node, key_bytes(key));
	if (r)
		return r;
	TAKE_PTR(node);
	d->groups[d->n_groups] = (struct dump_group){
		.loop = key->loop,
		.parent = key->parent,
		.depth = key->parent == DUMP_NO_GROUP ? 0 : d->groups[key->parent].depth + 1,
	};
	describe(d, &d->groups[d->n_groups], task);
	*ret_number = d->n_groups++;
	return 0;
}

/*
 * Whether a task is surely at the place of the last one: tasks one behind the other share what they
 * point to, and most of them are.
 */
static bool is_with_last(const struct grouping *g, const struct target_task *task, size_t parent)
{
	const struct target_task *last = g->last;

	return last && g->last_parent == parent && last->loop == task->loop &&
		last->code == task->code && last->state == task->state &&
		last->n_frames == task->n_frames && last->frames == task->frames &&
		last->waits_for == task->waits_for;
}

/* The task's group, which is new if it is the first one there; DUMP_NO_GROUP without room. */
static int find_group(struct grouping *g, const struct target_task *task, size_t parent,
		      size_t *ret_number)
{
	struct node *node;
	struct key key;

	memset(&key, 0, offsetof(struct key, frames));
	key.parent = parent;
	key.loop = loop_of(g->d, task->loop);
	key.code = task->code;
	key.state = task->state;
	key.n_frames = task->n_frames;
	memcpy(key.frames, task->frames, task->n_frames * sizeof(*key.frames));
	snprintf(key.waits_for, sizeof(key.waits_for), "%s", task->waits_for);
	HASH_FIND(hh, g->nodes, &key, key_bytes(&key), node);
	*ret_number = node ? node->number : DUMP_NO_GROUP;
	return node || g->d->n_groups >= DUMP_MAX_GROUPS ? 0 : add_group(g, &key, task, ret_number);
}

/* Puts task `i` into its group. */
static int join_group(struct grouping *g, size_t i, size_t parent)
{
	const struct target_task *task = &g->tasks[i];
	size_t number = g->last_group;
	int r = 0;

	if (parent != DUMP_NO_GROUP && g->d->groups[parent].depth + 1 >= DUMP_MAX_DEPTH)
		parent = DUMP_NO_GROUP;
	if (!is_with_last(g, task, parent))
		r = find_group(g, task, parent, &number);
	if (r)
		return r;
	g->group_of[i] = number;
	g->last = task;
	g->last_parent = parent;
	g->last_group = number;
	if (number == DUMP_NO_GROUP) {
		g->d->n_ungrouped++;
		return 0;
	}
	g->d->groups[number].count++;
	add_name(&g->d->groups[number], task->name);
	return 0;
}

static bool is_on_path(const size_t *path, size_t n, size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (path[k] == i)
			return true;
	return false;
}

/* First the tasks that wait for it, which its group depends on. */
static int place_task(struct grouping *g, size_t i)
{
	size_t path[DUMP_MAX_DEPTH], n = 0, parent;
	int r = 0;

	while (i != SIZE_MAX && g->group_of[i] == NOT_YET && n < DUMP_MAX_DEPTH &&
	       !is_on_path(path, n, i)) {
		path[n++] = i;
		i = waiter_of(g, i);
	}
	parent = i == SIZE_MAX || g->group_of[i] == NOT_YET ? DUMP_NO_GROUP : g->group_of[i];
	while (!r && n) {
		r = join_group(g, path[--n], parent);
		parent = g->group_of[path[n]];
	}
	return r;
}

static void count_task(struct dump *d, const struct target_task *task)
{
	size_t loop = loop_of(d, task->loop);

	if (loop == DUMP_NO_LOOP)
		return;
	d->loops[loop].n_tasks++;
	d->loops[loop].n_by_state[task->state]++;
}

/* A group and its old number, to be sorted. */
struct placed {
	const struct dump_group *group;
	size_t number;
};

static int compare_siblings(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	const bool x_runs = x->group->state == TARGET_TASK_RUNNING,
		   y_runs = y->group->state == TARGET_TASK_RUNNING;

	if (x->group->parent != y->group->parent)
		return x->group->parent < y->group->parent ? -1 : 1;
	if (x_runs != y_runs)
		return x_runs ? -1 : 1;
	if (x->group->count != y->group->count)
		return x->group->count > y->group->count ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static size_t first_child(const struct placed *placed, size_t n, size_t parent)
{
	size_t low = 0, high = n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (placed[middle].group->parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Copies the children of a group behind it, each with its own behind it. */
static void copy_children(const struct placed *placed, size_t n, size_t old_parent,
			  size_t new_parent, struct dump_group *to, size_t *n_copied)
{
	for (size_t i = first_child(placed, n, old_parent);
	     i < n && placed[i].group->parent == old_parent; i++) {
		const size_t number = *n_copied;

		to[number] = *placed[i].group;
		to[number].parent = new_parent;
		(*n_copied)++;
		copy_children(placed, n, placed[i].number, number, to, n_copied);
	}
}

static int sort_groups(struct dump *d)
{
	_cleanup_free_ struct placed *placed = calloc(d->n_groups + 1, sizeof(*placed));
	struct dump_group *sorted = calloc(d->n_groups + 1, sizeof(*sorted));
	size_t n = 0;

	if (!placed || !sorted) {
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < d->n_groups; i++)
		placed[i] = (struct placed){ &d->groups[i], i };
	qsort(placed, d->n_groups, sizeof(*placed), compare_siblings);
	copy_children(placed, d->n_groups, DUMP_NO_GROUP, DUMP_NO_GROUP, sorted, &n);
	free(d->groups);
	d->groups = sorted;
	return 0;
}

int dump__group_tasks(struct dump *d, const struct target_tasks *tasks)
{
	_cleanup_(
		grouping__done) struct grouping g = { .d = d, .tasks = tasks->list, .n = tasks->n };
	int r = grouping__init(&g);

	for (size_t i = 0; !r && i < g.n; i++) {
		count_task(d, &g.tasks[i]);
		if (g.group_of[i] == NOT_YET)
			r = place_task(&g, i);
	}
	return r ? r : sort_groups(d);
}
