/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A screen that is text and not a table: lines one below the other, of which some part is shown.
 */
#ifndef LOOPSTALL_VIEW_PAGE_H
#define LOOPSTALL_VIEW_PAGE_H

#include <stdbool.h>

#include "view/canvas.h"
#include "view/view.h"

#define PAGE_LABEL_COLUMNS 9
#define PAGE_ITEM_GAP 3

struct page {
	struct canvas *canvas;
	int top, rows;
	int end; /* column that nothing is written to or behind; 0: the end of the canvas */
	int scroll; /* lines above the first one shown; kept from draw to draw */
	int lines; /* written so far */
};

/* Keeps the scroll position, as far as there is text for it. */
void page__begin(struct page *p, struct canvas *canvas, int top, int rows);
/* The canvas row of the next line; one outside the canvas if the line is not shown. */
int page__line(struct page *p);
/* The next line with a label in its first columns; "" for one that continues. */
int page__labelled(struct page *p, const char *label);
/* Text of any origin, escaped here. Returns the column behind it. */
int page__print(struct page *p, int row, int column, enum canvas_attr attr, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/*
 * Text of ours, as it is, at the beginning of the line that comes next, which is not yet counted.
 */
void page__term(struct page *p, int column, enum canvas_attr attr, const char *text);
/* As many lines as the text takes, from `column` on, broken between words. */
void page__wrap(struct page *p, int column, enum canvas_attr attr, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Short texts side by side, in as many lines as they take, behind a label. */
struct page_flow {
	struct page *page;
	int row, column;
};

void page__flow(struct page_flow *flow, struct page *p, const char *label);
void page__item(struct page_flow *flow, enum canvas_attr attr, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* True if the key moved the page. */
bool page__input(struct page *p, const struct view_event *event);

#endif
