/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See groups.h.
 */
#include "model/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/naming.h"
#include "model/places.h"

/* The key under which the next function behind an entry is kept. */
#define GROUP_BEHIND GROUP_MAX
/* What a function that only calls others has of all stalls that were entered, and what by itself.
 */
#define DISPATCH_SHARE 0.95
#define DIRECT_SHARE 0.1

struct group {
	char *key;
	char *name; /* of a task, which no resolver keeps; else NULL */
	enum group_key of;
	struct group_row row;
	/* Of an entry: its number, how many functions are behind it, and stalls in none of them. */
	uint32_t number, n_behind;
	uint64_t direct;
	const struct group *entry; /* of a function that is behind one */
	UT_hash_handle hh;
};

/* By what a stall is found in one list. */
struct identity {
	const char *name, *file;
	uint32_t line, more; /* more: tells apart what has the same name */
	bool is_name_copied;
};

static const struct {
	const char *word, *title;
} keys[] = {
#define _(name, word, title, ...) [GROUP_##name] = { word, title },
	GROUP_KEYS(_)
#undef _
};

const char *group_key_word(enum group_key key)
{
	return key < GROUP_MAX ? keys[key].word : "?";
}

const char *group_key_title(enum group_key key)
{
	return key < GROUP_MAX ? keys[key].title : "?";
}

const char *group_key_noun(enum group_key key)
{
	return group_key_word(key == GROUP_AUTO ? GROUP_COROUTINE : key);
}

enum group_key group_key__by_word(const char *word)
{
	enum group_key key;

	for (key = 0; key < GROUP_MAX && strcmp(keys[key].word, word); key++)
		;
	return key;
}

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

static bool is_entered(const struct stall *stall)
{
	const char *file = stall->coroutine.file;

	return stall->unit != LS_UNIT_TURN && stall->entry.function && stall->is_entry_users &&
		file && runtime_words__is_library(stall->words, file);
}

/* A turn without a coroutine of its own is many steps, of whatever coroutines. */
static struct identity identity_of_code(const struct stall *stall)
{
	const struct code_info *c = &stall->coroutine;
	const bool is_turn = stall->unit == LS_UNIT_TURN;

	return (struct identity){
		.name = c->name ? c->name :
			is_turn ? "(many short steps)" :
				  "(not known)",
		.file = c->file,
		.line = c->first_line,
		.more = (uint32_t)stall->unit,
	};
}

static struct identity identity_of_entry(const struct stall *stall)
{
	if (!stall->entry.function || stall->unit == LS_UNIT_TURN)
		return identity_of_code(stall);
	return (struct identity){ .name = stall->entry.function,
				  .file = stall->entry.file,
				  .line = stall->entry_def_line };
}

/* Index of the next function of the user's inside the entry; SIZE_MAX if there is none. */
static size_t find_behind(const struct stall *stall)
{
	size_t at = stall->n_frames;

	while (at > 0 && !frame_is_same_function(&stall->stack[at - 1], &stall->entry))
		at--;
	for (; at > 0; at--) {
		const struct model_frame *frame = &stall->stack[at - 1];

		if (frame_is_known(frame) && !frame_is_same_function(frame, &stall->entry) &&
		    !runtime_words__is_library(stall->words, frame->file) &&
		    !runtime_words__is_nameless(stall->words, frame->function))
			return at - 1;
	}
	return SIZE_MAX;
}

static struct identity identity_behind(const struct stall *stall, const struct group *entry)
{
	const size_t i = find_behind(stall);
	struct identity id = identity_of_entry(stall);

	if (i != SIZE_MAX)
		id = (struct identity){ .name = stall->stack[i].function,
					.file = stall->stack[i].file,
					.line = stall->def_lines[i] };
	id.more = entry->number;
	return id;
}

static struct identity identity_of_task(const struct stall *stall)
{
	const struct runtime_words *w = runtime_words__or_default(stall->words);
	const char *name = stall->task_name;

	if (stall->unit != LS_UNIT_STEP || stall->is_task_name_unknown || !*name ||
	    (w->is_given_name && w->is_given_name(name)))
		return identity_of_code(stall);
	return (struct identity){ .name = name, .is_name_copied = true };
}

static struct identity identity_of_file(const struct stall *stall)
{
	const char *own = stall->own.file, *file = own ? own : stall->coroutine.file;

	if (!file || stall->unit == LS_UNIT_TURN)
		return identity_of_code(stall);
	return (struct identity){ .name = file, .file = file };
}

/* False if the list has no row for such a stall, or one that the kernel counts. */
static bool identify(const struct stall *stall, enum group_key of, struct identity *ret)
{
	switch (of) {
	case GROUP_AUTO:
		*ret = is_entered(stall) ? identity_of_entry(stall) : identity_of_code(stall);
		return is_entered(stall) || stall->unit != LS_UNIT_STEP;
	case GROUP_COROUTINE:
		*ret = identity_of_code(stall);
		return stall->unit != LS_UNIT_STEP;
	case GROUP_ENTRY:
		*ret = identity_of_entry(stall);
		return true;
	case GROUP_FILE:
		*ret = identity_of_file(stall);
		return true;
	case GROUP_TASK:
		*ret = identity_of_task(stall);
		return true;
	case GROUP_PROCESS:
		*ret = (struct identity){ .name = "?", .more = stall->pid };
		return true;
	case GROUP_MAX:
		break;
	}
	return false;
}

/* Takes `key`, also when it fails. */
static int group_new(struct groups *g, char *key, size_t n_key, const struct identity *id,
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

static int group_find(const struct groups *g, enum group_key of, const struct identity *id,
		      char **ret_key, size_t *ret_n, struct group **ret_group)
{
	const uint32_t more = id->more << 3 | (uint32_t)of;
	int r = place_key__make(id->name, id->file, id->line, more, ret_key, ret_n);

	if (!r)
		HASH_FIND(hh, g->table, *ret_key, *ret_n, *ret_group);
	return r;
}

/* *ret_group is NULL if there is no room. */
static int group_get(struct groups *g, enum group_key of, const struct identity *id,
		     struct group **ret_group)
{
	_cleanup_free_ char *key = NULL;
	size_t n;
	int r = group_find(g, of, id, &key, &n, ret_group);

	if (r || *ret_group)
		return r;
	if (HASH_COUNT(g->table) >= GROUPS_MAX) {
		g->refused++;
		return 0;
	}
	r = group_new(g, TAKE_PTR(key), n, id, ret_group);
	if (!r)
		(*ret_group)->of = of;
	return r;
}

static void set_where(struct group_row *row, const struct stall *stall)
{
	row->where = stall->own.function ? stall->own : stall->call;
	row->where_cause = stall->cause;
	row->where_sign = stall->sign;
}

/* `is_new`: the first stall of the row decides what further ones are compared with. */
static void row_add_who(struct group_row *row, const struct stall *stall, bool is_new)
{
	if (is_new) {
		row->unit = stall->unit;
		row->pid = stall->pid;
		row->words = stall->words;
	}
	if (row->unit != stall->unit)
		row->unit = LS_UNIT_NONE;
	if (row->pid != stall->pid)
		row->pid = 0;
}

static void row_add_stall(struct group_row *row, const struct stall *stall)
{
	row_add_who(row, stall, !row->stalls);
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
	set_where(row, stall);
}

static int add_behind(struct groups *g, const struct stall *stall, struct group *entry)
{
	const struct identity id = identity_behind(stall, entry);
	struct group *behind;
	int r = group_get(g, GROUP_BEHIND, &id, &behind);

	if (r)
		return r;
	/* Without room for one, the entry keeps its row. */
	entry->direct += behind ? find_behind(stall) == SIZE_MAX : entry->row.stalls;
	if (!behind)
		return 0;
	entry->n_behind += !behind->row.stalls;
	behind->entry = entry;
	behind->row.is_entry = true;
	row_add_stall(&behind->row, stall);
	return 0;
}

/* A stall of a library's coroutine, in the row of its entry. */
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

/* It hardly does more than call others, and nearly all stalls came through it. */
static bool is_dispatcher(const struct groups *g, const struct group *entry)
{
	const double stalls = (double)entry->row.stalls;

	return entry->n_behind > 1U + (entry->direct > 0) &&
		(double)entry->direct <= DIRECT_SHARE * stalls &&
		stalls >= DISPATCH_SHARE * (double)g->entered;
}

int groups__stall(struct groups *g, const struct stall *stall, struct place *place)
{
	g->is_changed = true;
	for (enum group_key of = 0; of < GROUP_MAX; of++) {
		struct group *group;
		struct identity id;
		int r;

		if (!identify(stall, of, &id))
			continue;
		r = group_get(g, of, &id, &group);
		if (r)
			return r;
		if (!group)
			continue;
		row_add_stall(&group->row, stall);
		if (of == GROUP_AUTO && is_entered(stall))
			r = add_entered(g, stall, place, group);
		if (r)
			return r;
	}
	return 0;
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

	return HASH_COUNT(g->table) + (has_coroutines ? s->n_rows : 0) +
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
 * Of an open stall: that of the row it will be in, as far as that is known by now. 1; 0 if the list
 * has none for it; or -ENOMEM.
 */
static int identify_open(const struct groups *g, const struct stall *stall, enum group_key of,
			 struct identity *ret)
{
	_cleanup_free_ char *key = NULL;
	struct group *entry = NULL;
	size_t n;
	int r;

	if (!identify(stall, of, ret))
		return 0;
	if (of != GROUP_AUTO || !is_entered(stall))
		return 1;
	r = group_find(g, of, ret, &key, &n, &entry);
	if (!r && entry && is_dispatcher(g, entry))
		*ret = identity_behind(stall, entry);
	return r ? r : 1;
}

static int add_open(const struct groups *g, struct group_row *rows, size_t *n, enum group_key of,
		    const struct stall *stall)
{
	struct group_row like, *row;
	struct identity id;
	const int r = identify_open(g, stall, of, &id);

	if (r <= 0)
		return r;
	like = (struct group_row){ .name = id.name, .file = id.file, .line = id.line };
	row = of == GROUP_PROCESS ? find_process(rows, *n, stall->pid) : find_row(rows, *n, &like);
	if (!row) {
		row = &rows[(*n)++];
		*row = like;
	}
	row_add_who(row, stall, !row->stalls && !row->open && !row->has_steps);
	if (!row->open++)
		row->open_since_ns = stall->start_ns;
	row->is_entry |= of == GROUP_AUTO && is_entered(stall);
	if (stall->call.file)
		set_where(row, stall);
	return 0;
}

/* An open stall is shown at the row that will get it. */
static void clear_entered(struct group_row *rows, size_t n, const struct stall *stall)
{
	const struct code_info *c = &stall->coroutine;
	const struct group_row like = {
		.name = c->name, .file = c->file, .line = c->first_line, .has_steps = true
	};
	struct group_row *row =
		is_entered(stall) && stall->unit == LS_UNIT_STEP ? find_row(rows, n, &like) : NULL;

	if (row && row->open)
		row->open--;
}

/*
 * The coroutines come in order, and there may be thousands of them, so that only the others are
 * sorted, and merged from the end. `n_sorted` first rows are in order.
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

/* Whether its rows change without a stall. */
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
