/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a table, for its own files: table.c (what keys change), table_tags.c, table_rows.c
 * (which rows, in which order), table_tree.c (the same as a tree), table_draw.c.
 */
#ifndef LOOPSTALL_VIEW_TABLE_IMPL_H
#define LOOPSTALL_VIEW_TABLE_IMPL_H

#include <regex.h>

#include "view/table.h"

#define TABLE_MAX_TERMS 8
#define TABLE_MAX_TAGS 65536
#define TABLE_NO_LINE SIZE_MAX
#define TABLE_MARGIN 2 /* marks of cursor and tag */

struct table_line {
	const void *row; /* while drawing only */
	uint64_t id;
	size_t index; /* in the snapshot */
	bool is_first; /* in a list only */
	/* In a tree: */
	size_t depth;
	size_t parent; /* its line, TABLE_NO_LINE: none */
	bool is_last; /* of its siblings */
	bool is_context; /* does not pass the filter; something below it does */
};

struct table_node; /* of table_tree.c */

struct table_term {
	char text[TABLE_PATTERN_BYTES];
	const char *value; /* behind the colon, or NULL */
	char word[TABLE_PATTERN_BYTES];
	bool is_literal;
	regex_t regex;
};

struct table_filter {
	char text[TABLE_PATTERN_BYTES];
	size_t n_terms;
	struct table_term terms[TABLE_MAX_TERMS];
};

struct table_place { /* of a column as drawn last */
	int at, width; /* width 0: not drawn */
};

struct table {
	const struct table_ops *ops;
	bool is_hidden[TABLE_MAX_COLUMNS];
	size_t sort;
	bool is_inverted;

	uint64_t cursor_id;
	bool is_placed; /* the cursor belongs to cursor_id; else it is at the top */
	bool is_following;
	size_t cursor, top;
	size_t skip; /* columns scrolled away */
	uint64_t *tags; /* sorted */
	size_t n_tags, tags_size;

	struct table_line *lines;
	size_t n_lines, lines_size, n_total, n_matches;
	/*
	 * Rows as they were ordered last, those that are not shown behind: mostly that is the order
	 * of the next draw, too.
	 */
	size_t *order;
	size_t n_order, n_left_out;

	bool is_tree;
	struct table_node *nodes; /* one for each row of the snapshot */
	struct table_line *sorted;
	size_t nodes_size;

	struct table_filter *filter; /* NULL: none */
	char search[TABLE_PATTERN_BYTES];
	regex_t search_regex; /* if `search` is not empty */
	bool is_search_literal;
	int seek; /* direction of a search to be done with the next draw, 0: none */
	bool is_seek_here; /* the row under the cursor counts, too */
	bool is_missed;

	int head_row, n_drawn; /* as drawn last */
	struct table_place places[TABLE_MAX_COLUMNS];
	char *text; /* what there is to copy */
};

/* Fills `lines` and finds the cursor. 0 or -ENOMEM. */
int table__collect(struct table *t, const struct table_scene *scene);
/* The rows that pass the filter, and their ancestors, as a tree. 0 or -ENOMEM. */
int table__collect_tree(struct table *t, const struct table_scene *scene);
bool table__is_shown(const struct table *t, const void *row, const struct table_scene *scene);
/*
 * Of all `n_total` rows, in table.order, some are left out, in that order; the others are made
 * lines, and then put in order.
 */
void table__leave_out(struct table *t, size_t index);
void table__order(struct table *t, struct table_line *lines, size_t n);
/* The branch lines in front of a line's text, in at most `columns`. */
#define TABLE_BRANCH_BYTES 256
void table__branch(const struct table *t, const struct table_line *line, bool is_utf8, int columns,
		   char text[TABLE_BRANCH_BYTES]);

bool table__is_tagged(const struct table *t, uint64_t id);
void table__cell(const struct table *t, size_t column, const void *row,
		 const struct table_scene *scene, struct table_cell *ret_cell);

/* A word that means what it says: much faster to look for than a regular expression. */
bool pattern_is_literal(const char *pattern);

int table_filter__new(struct table_filter **ret_filter, const char *pattern);
void table_filter__free(struct table_filter *f);

#endif
