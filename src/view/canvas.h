/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rectangle of character cells with attributes. Every screen draws on it and tests read it; it
 * does not depend on a terminal. Text from a target must be escaped first (base/escape.h).
 */
#ifndef LOOPSTALL_VIEW_CANVAS_H
#define LOOPSTALL_VIEW_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * What a cell means; the screen chooses colours. One letter each for the attribute dump of tests.
 */
#define CANVAS_ATTRS(_)                                                                            \
	_(NORMAL, '.')                                                                             \
	_(DIM, 'd')                                                                                \
	_(FAINT, 'f') /* bars that draw no eye; not for text */                                    \
	_(BOLD, 'b')                                                                               \
	_(TITLE, 't') /* names in the header */                                                    \
	_(COLUMN, 'h') /* column heads */                                                          \
	_(SORTED, 'H') /* the head of the column sorted by */                                      \
	_(SELECTED, 's') /* the row under the cursor */                                            \
	_(TAGGED, 'g')                                                                             \
	_(MATCH, 'm') /* what a search found */                                                    \
	_(KEY, 'k') /* key names in the bottom line */                                             \
	_(GOOD, 'o')                                                                               \
	_(WARN, 'w')                                                                               \
	_(BAD, 'x')                                                                                \
	_(ALARM, 'A') /* a loop that is stuck now */                                               \
	_(CPU, 'C')                                                                                \
	_(BLOCKED, 'B')                                                                            \
	_(GIL, 'G')                                                                                \
	_(RUNQUEUE, 'R')                                                                           \
	_(BOX_OWN, 'O') /* boxes of the flame graph: the user's code */                            \
	_(BOX_LIBRARY, 'L')                                                                        \
	_(BOX_RUNTIME, 'I') /* the interpreter and its standard library */

enum canvas_attr {
#define _(name, letter) ATTR_##name,
	CANVAS_ATTRS(_)
#undef _
		ATTR_MAX
};

struct canvas;

/*
 * 0 or -errno. `is_utf8`: whether non-ASCII cells may be drawn; else they become '?' (and bars use
 * ASCII).
 */
int canvas__new(struct canvas **ret_canvas, int rows, int columns, bool is_utf8);
void canvas__free(struct canvas *c);
static inline void canvas__freep(struct canvas **c)
{
	canvas__free(*c);
}

/* Also clears. 0 or -errno. */
int canvas__resize(struct canvas *c, int rows, int columns);
void canvas__clear(struct canvas *c);
/*
 * From now on only these columns are drawn on, and the first of them is column 0; to be undone by
 * the first and the number of all.
 */
void canvas__narrow(struct canvas *c, int first, int columns);
int canvas__rows(const struct canvas *c);
int canvas__columns(const struct canvas *c);
bool canvas__is_utf8(const struct canvas *c);

/*
 * Writes UTF-8 text into at most `width` columns from (row, column) on, clipped to the canvas; wide
 * characters take two cells and are never cut in half. Returns the columns used.
 */
int canvas__text(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		 const char *text);
/*
 * The same, and what does not fit is marked by an ellipsis: at the end, or in place of what stands
 * before the last third.
 */
int canvas__cut(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		const char *text, bool is_within);
int canvas__printf(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		   const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Right-aligned in the `width` columns. */
void canvas__right(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		   const char *text);
/* Changes the attribute of cells, not their text. */
void canvas__paint(struct canvas *c, int row, int column, int width, enum canvas_attr attr);
void canvas__hline(struct canvas *c, int row, int column, int width, enum canvas_attr attr);

/* Bar of `value` out of `max`, in eighths with UTF-8, else whole cells of '#'. */
void canvas__bar(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		 double value, double max);
/* One cell for each value, newest at the right end. UTF-8: eighth blocks; else " .:-=+*#". */
void canvas__sparkline(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		       const double *values, size_t n, double max);
/* One cell of a sparkline: `share` is 0 ... 1. Only 0 is drawn as a blank. */
const char *canvas_spark(double share, bool is_utf8);
/* Columns that `text` takes. */
int text_columns(const char *text);

/* A cell as the screen reads it: UTF-8 of one character ("" behind a wide one). */
const char *canvas__cell(const struct canvas *c, int row, int column, enum canvas_attr *ret_attr);

/*
 * Rows without trailing blanks; with `attrs` also a block of attribute letters behind. For tests
 * and for saving.
 */
int canvas__dump(const struct canvas *c, FILE *f, bool attrs);

#endif
