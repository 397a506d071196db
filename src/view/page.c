/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines outside the visible part are counted but not drawn.
 */
#include "view/page.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

#define PAGE_TEXT_BYTES 1024
#define OUTSIDE (-1)

static int max_scroll(const struct page *p)
{
	return p->lines > p->rows ? p->lines - p->rows : 0;
}

void page__begin(struct page *p, struct canvas *canvas, int top, int rows)
{
	if (p->lines && p->scroll > max_scroll(p))
		p->scroll = max_scroll(p);
	p->canvas = canvas;
	p->top = top;
	p->rows = rows;
	p->lines = 0;
}

int page__line(struct page *p)
{
	int row = p->lines++ - p->scroll;

	return row >= 0 && row < p->rows ? p->top + row : OUTSIDE;
}

void page__term(struct page *p, int column, enum canvas_attr attr, const char *text)
{
	canvas__text(p->canvas, page__line(p), column, canvas__columns(p->canvas) - column, attr,
		     text);
	p->lines--;
}

int page__labelled(struct page *p, const char *label)
{
	int row = page__line(p);

	page__print(p, row, 1, ATTR_TITLE, "%s", label);
	return row;
}

int page__print(struct page *p, int row, int column, enum canvas_attr attr, const char *fmt, ...)
{
	int end = p->end ? p->end : canvas__columns(p->canvas);
	char raw[PAGE_TEXT_BYTES], text[PAGE_TEXT_BYTES];
	va_list args;

	if (row == OUTSIDE)
		return column;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text__escape(raw, text, sizeof(text));
	if (text_columns(text) <= end - column || end <= column)
		return column + canvas__text(p->canvas, row, column, end - column, attr, text);
	canvas__text(p->canvas, row, column, end - column - 1, attr, text);
	canvas__text(p->canvas, row, end - 1, 1, attr, canvas__is_utf8(p->canvas) ? "\u2026" : "~");
	return end;
}

/* Bytes of `text` up to the last word that ends within `columns`; at least one word. */
static size_t line_bytes(const char *text, int columns)
{
	size_t end = strcspn(text, " "), next;
	char head[PAGE_TEXT_BYTES];

	while (text[end]) {
		next = end + 1 + strcspn(text + end + 1, " ");
		snprintf(head, sizeof(head), "%.*s", (int)next, text);
		if (next >= sizeof(head) || text_columns(head) > columns)
			break;
		end = next;
	}
	return end;
}

void page__wrap(struct page *p, int column, enum canvas_attr attr, const char *fmt, ...)
{
	int columns = canvas__columns(p->canvas) - column - 1;
	char text[PAGE_TEXT_BYTES], *at;
	va_list args;
	size_t n;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (at = text; *at; at += n) {
		n = line_bytes(at, columns);
		page__print(p, page__line(p), column, attr, "%.*s", (int)n, at);
		if (at[n])
			n++;
	}
}

void page__flow(struct page_flow *flow, struct page *p, const char *label)
{
	flow->page = p;
	flow->row = page__labelled(p, label);
	flow->column = PAGE_LABEL_COLUMNS;
}

void page__item(struct page_flow *flow, enum canvas_attr attr, const char *fmt, ...)
{
	int end = canvas__columns(flow->page->canvas);
	char text[PAGE_TEXT_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (flow->column > PAGE_LABEL_COLUMNS && flow->column + text_columns(text) >= end) {
		flow->row = page__labelled(flow->page, "");
		flow->column = PAGE_LABEL_COLUMNS;
	}
	page__print(flow->page, flow->row, flow->column, attr, "%s", text);
	flow->column += text_columns(text) + PAGE_ITEM_GAP;
}

bool page__input(struct page *p, const struct view_event *event)
{
	int to = p->scroll;

	switch (event->key) {
	case VKEY_UP:
	case 'k':
		to--;
		break;
	case VKEY_DOWN:
	case 'j':
		to++;
		break;
	case VKEY_PAGE_UP:
		to -= p->rows;
		break;
	case VKEY_PAGE_DOWN:
	case ' ':
		to += p->rows;
		break;
	case VKEY_HOME:
	case 'g':
		to = 0;
		break;
	case VKEY_END:
	case 'G':
		to = INT_MAX;
		break;
	default:
		return false;
	}
	p->scroll = to < 0 ? 0 : to > max_scroll(p) ? max_scroll(p) : to;
	return true;
}
