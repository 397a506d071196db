/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table all list screens are made of: columns that go by priority as the width shrinks, a sort
 * order, a cursor and tags that follow rows by identity, search and filter. A screen says what its
 * rows and columns are (struct table_ops); everything else is here. Rows are read only while
 * drawing: between two draws a snapshot may be gone.
 */
#ifndef LOOPSTALL_VIEW_TABLE_H
#define LOOPSTALL_VIEW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/light.h"
#include "model/model.h"
#include "view/canvas.h"

#define TABLE_CELL_BYTES 512
#define TABLE_PATTERN_BYTES 128
#define TABLE_MAX_COLUMNS 20
#define TABLE_MAX_PARTS 6

struct since;
struct screen_group;
struct fold;

/* What a column may use while it renders. */
struct table_scene {
	const struct snapshot *snapshot;
	uint64_t now_ns; /* CLOCK_MONOTONIC */
	bool is_utf8;
	uint64_t started_ns; /* when measuring began */
	uint64_t clock_offset_ns; /* as in view_status */
	uint64_t threshold_ns;
	struct light light;
	/* Of rows of groups: what they are compared with; NULL: with nothing. */
	const struct since *since;
	enum group_key group; /* what they are rows of */
	const struct fold *fold; /* whose rows they are; NULL: none is folded */
	const struct screen_group *only; /* only rows that belong to it; NULL: all */
	double trend_most; /* the largest load of any of these rows: one scale for all */
};

/* Text, already escaped; or, with parts, one bar of coloured parts that fills the column. */
struct table_cell {
	char text[TABLE_CELL_BYTES];
	enum canvas_attr attr;
	size_t n_parts;
	struct table_part {
		double value;
		enum canvas_attr attr;
	} parts[TABLE_MAX_PARTS];
};

/* Both append to the text; what does not fit is cut. escape: text of the target. */
void cell__printf(struct table_cell *cell, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void cell__escape(struct table_cell *cell, const char *text);
void cell__part(struct table_cell *cell, double value, enum canvas_attr attr);
/*
 * Common contents, in the words of view/words.h. A place is "db.py:31", escaped; nothing if `file`
 * is NULL.
 */
void cell__duration(struct table_cell *cell, uint64_t ns);
void cell__count(struct table_cell *cell, uint64_t count);
void cell__place(struct table_cell *cell, const char *file, uint32_t line);
/* The four parts cpu, blocked, gil, run queue. */
void cell__split(struct table_cell *cell, uint64_t cpu_ns, uint64_t blocked_ns, uint64_t gil_ns,
		 uint64_t runqueue_ns);

/* The parts as one bar. */
void cell__draw_parts(const struct table_cell *cell, struct canvas *c, int row, int column,
		      int width);

enum table_align {
	/* text: search and filter look at these columns only, numbers change all the time */
	TABLE_LEFT,
	TABLE_NAME, /* likewise, and cut before its last third, where those of a family differ */
	TABLE_RIGHT,
};

struct table_column {
	const char *name; /* for --sort and --columns: "p99" */
	const char *title;
	char key; /* letter that sorts by it, 0: none */
	unsigned int priority; /* 0: always there; the highest goes first */
	int min_width, max_width; /* what is left over is shared by the columns that can take it */
	enum table_align align;
	bool is_ascending; /* sorted from small to large at first; else the largest first */
	/* `cell` comes empty and ATTR_NORMAL. */
	void (*render)(const void *row, const struct table_scene *scene, struct table_cell *cell);
	/* rows; ascending. NULL: not to be sorted by */
	int (*compare)(const void *a, const void *b);
};

/* Comparison of rows of `type` by the member `field`, any arithmetic type. */
#define TABLE_COMPARE(function, type, field)                                                       \
	static int function(const void *a, const void *b)                                          \
	{                                                                                          \
		const type *x = a, *y = b;                                                         \
                                                                                                   \
		return (x->field > y->field) - (x->field < y->field);                              \
	}

struct table_ops {
	const struct table_column *columns;
	size_t n_columns; /* at most TABLE_MAX_COLUMNS; the first stays when scrolled to the side */
	const char *first_title; /* of the first column, NULL: as it is there */
	const char *by; /* what the rows are grouped by, NULL: nothing to tell */
	const char *sort; /* name of the column sorted by at first */
	size_t keeps; /* so many rows at most, the newest; 0: there is no such limit */
	const char *empty; /* what is said when there is no row: "No stall so far." */
	size_t (*n_rows)(const struct snapshot *snapshot);
	const void *(*row)(const struct snapshot *snapshot, size_t i);
	uint64_t (*id)(const void *row); /* the same in all snapshots: table__id() */
	/* Whether it comes before the others in every order. NULL: none does. */
	bool (*is_first)(const void *row, const struct table_scene *scene);
	/* Whether the row belongs to a group (scene.only). NULL: rows belong to none. */
	bool (*is_in)(const void *row, const struct screen_group *group);
	/*
	 * Filter terms "cause:sleep": 1 matches, 0 does not, -1: the screen has no such word. May
	 * be NULL.
	 */
	int (*term)(const void *row, const char *word, const char *value);
	const char *terms; /* those words, separated by blanks; NULL: none */
	/*
	 * Index of the parent row, SIZE_MAX: none. NULL: no tree. May form cycles, which are cut.
	 */
	size_t (*parent)(const struct snapshot *snapshot, size_t i);
	const char *tree; /* what the tree is: "await tree" */
};

struct table;

int table__new(struct table **ret_table, const struct table_ops *ops);
void table__free(struct table *t);
static inline void table__freep(struct table **t)
{
	table__free(*t);
}

/* From now on it shows other rows, in the same columns: the cursor goes to the top. */
void table__use(struct table *t, const struct table_ops *ops);

/* A row's identity out of what does not change of it. NULL strings are fine. */
uint64_t table__id(const char *a, const char *b, uint64_t number);

/*
 * Draws column heads and rows into `rows` canvas rows from `row` on, over the full width. 0 or
 * -ENOMEM. The row under the cursor is handed out for the screen to take what it needs of it, NULL
 * if there is none.
 */
int table__draw(struct table *t, const struct table_scene *scene, struct canvas *c, int row,
		int rows, const void **ret_current);

/*
 * Depth-first, siblings in the order; a filter keeps the ancestors of what matches. Nothing without
 * ops->parent.
 */
void table__show_tree(struct table *t, bool is_tree);
bool table__is_tree(const struct table *t);
const struct table_ops *table__ops(const struct table *t);

/*
 * Moves of the cursor take effect at once, what needs rows (search) with the next draw. Until it is
 * moved, and after table__first(), the cursor stays at the top, whatever row is there.
 */
void table__move(struct table *t, long by);
/* By a part of what is shown: 1 is a page, 2 half of one. */
void table__page(struct table *t, int direction, int parts);
/* The rows move, and the cursor only as far as it must. */
void table__wheel(struct table *t, int direction);
void table__first(struct table *t);
void table__last(struct table *t);
/* One column to the left (-1) or right (1). */
void table__scroll(struct table *t, int direction);
void table__tag(struct table *t); /* the current row, or no longer */
void table__tag_branch(struct table *t); /* the current row and what is below it in the tree */
void table__untag(struct table *t);
size_t table__tagged(const struct table *t);
/* The cursor stays at its row (the default) or at its place. */
void table__follow(struct table *t, bool is_following);
bool table__is_following(const struct table *t);

/*
 * -ENOENT if no column has that name or letter or it cannot be sorted by. The same column again
 * inverts.
 */
int table__sort(struct table *t, const char *name);
int table__sort_key(struct table *t, char key);
void table__sort_next(struct table *t, int direction);
void table__invert(struct table *t);
const char *table__sorted_by(const struct table *t); /* name of the column */
/*
 * Only the named columns, separated by commas, in the table's order. -ENOENT if one is not known.
 */
int table__columns(struct table *t, const char *names);
bool table__is_hidden(const struct table *t, size_t column);
/* As drawn last: false for one that the width left out. */
bool table__has_room(const struct table *t, size_t column);
/* The column that says what a row is. */
size_t table__name_column(const struct table *t);
/* Shows or hides it; the name, and the last one that is shown, stay. */
void table__toggle_column(struct table *t, size_t column);

/*
 * Both take an extended regular expression, case does not matter; "" ends it. A filter is
 * blank-separated terms that all must match; a term may be "word:value", see ops->term. -EINVAL if
 * it is not well-formed; then nothing changes.
 */
int table__filter(struct table *t, const char *pattern);
const char *table__filter_text(const struct table *t);
/*
 * What is odd about the filter: a term that the screen does not have, or a cause that there is not.
 * "" if nothing is. Returns `buf`.
 */
#define TABLE_HINT_BYTES 192
const char *table__filter_hint(const struct table *t, char buf[TABLE_HINT_BYTES]);
const char *table__search_text(const struct table *t);
int table__search(struct table *t,
		  const char *pattern); /* and go to the first match from the cursor on */
void table__search_next(struct table *t, int direction);
bool table__search_missed(const struct table *t); /* one that the last draw did found nothing */

/* Where the cursor is and what is looked for, to be gone back to. */
struct table_mark {
	uint64_t cursor_id;
	size_t cursor, top;
	bool is_placed;
	char filter[TABLE_PATTERN_BYTES], search[TABLE_PATTERN_BYTES];
};

void table__mark(const struct table *t, struct table_mark *ret);
void table__return(struct table *t, const struct table_mark *mark); /* the cursor only */
void table__restore(struct table *t, const struct table_mark *mark);

/* A click: on a head sorts, on a row moves the cursor there. */
enum table_hit { TABLE_MISSED, TABLE_HIT_HEAD, TABLE_HIT_ROW };
enum table_hit table__click(struct table *t, int row, int column);
/* identity of the row under the cursor, 0 if none */
uint64_t table__current(const struct table *t);

/* Text of the tagged rows, else of the current one, as drawn last; "" if none. */
const char *table__text(const struct table *t);
size_t table__shown(const struct table *t); /* rows that pass the filter */
size_t table__total(const struct table *t);

#endif
