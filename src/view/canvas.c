/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cells hold one character and its combining marks. Widths come from a table in this file, not from
 * the locale, so that a text takes the same cells in every test and on every terminal.
 */
#include "view/canvas.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"

#define CELL_BYTES (3 * UTF8_MAX_BYTES + 1) /* a character and two that combine with it */
#define LINE_BYTES 2048 /* of canvas__printf() */
#define MAX_CELLS (1 << 22)

struct cell {
	char bytes[CELL_BYTES]; /* "" behind a wide one */
	uint8_t attr;
};

struct canvas {
	struct cell *cells;
	int rows, columns; /* that are drawn on */
	int first, stride; /* column that counts as 0, cells of a row */
	bool is_utf8;
};

struct range {
	uint32_t first, last;
};

/* Unicode: EastAsianWidth.txt, W and F; whole blocks where only holes are left out. */
static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x2329, 0x232a },	  { 0x23e9, 0x23ec },
	{ 0x23f0, 0x23f0 },   { 0x23f3, 0x23f3 },   { 0x25fd, 0x25fe },	  { 0x2614, 0x2615 },
	{ 0x2648, 0x2653 },   { 0x267f, 0x267f },   { 0x2693, 0x2693 },	  { 0x26a1, 0x26a1 },
	{ 0x26aa, 0x26ab },   { 0x26bd, 0x26be },   { 0x26c4, 0x26c5 },	  { 0x26ce, 0x26ce },
	{ 0x26d4, 0x26d4 },   { 0x26ea, 0x26ea },   { 0x26f2, 0x26f3 },	  { 0x26f5, 0x26f5 },
	{ 0x26fa, 0x26fa },   { 0x26fd, 0x26fd },   { 0x2705, 0x2705 },	  { 0x270a, 0x270b },
	{ 0x2728, 0x2728 },   { 0x274c, 0x274c },   { 0x274e, 0x274e },	  { 0x2753, 0x2755 },
	{ 0x2757, 0x2757 },   { 0x2795, 0x2797 },   { 0x27b0, 0x27b0 },	  { 0x27bf, 0x27bf },
	{ 0x2b1b, 0x2b1c },   { 0x2b50, 0x2b50 },   { 0x2b55, 0x2b55 },	  { 0x2e80, 0x303e },
	{ 0x3041, 0x33ff },   { 0x3400, 0x4dbf },   { 0x4e00, 0xa4cf },	  { 0xa960, 0xa97f },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe10, 0xfe19 },	  { 0xfe30, 0xfe6f },
	{ 0xff01, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x16fe0, 0x18cff }, { 0x1aff0, 0x1b2ff },
	{ 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf }, { 0x1f18e, 0x1f18e }, { 0x1f191, 0x1f19a },
	{ 0x1f200, 0x1f320 }, { 0x1f32d, 0x1f335 }, { 0x1f337, 0x1f37c }, { 0x1f37e, 0x1f393 },
	{ 0x1f3a0, 0x1f3ca }, { 0x1f3cf, 0x1f3d3 }, { 0x1f3e0, 0x1f3f0 }, { 0x1f3f4, 0x1f3f4 },
	{ 0x1f3f8, 0x1f43e }, { 0x1f440, 0x1f440 }, { 0x1f442, 0x1f4fc }, { 0x1f4ff, 0x1f53d },
	{ 0x1f54b, 0x1f567 }, { 0x1f57a, 0x1f57a }, { 0x1f595, 0x1f596 }, { 0x1f5a4, 0x1f5a4 },
	{ 0x1f5fb, 0x1f64f }, { 0x1f680, 0x1f6c5 }, { 0x1f6cc, 0x1f6d2 }, { 0x1f6d5, 0x1f6df },
	{ 0x1f6eb, 0x1f6fc }, { 0x1f7e0, 0x1f7f0 }, { 0x1f90c, 0x1f9ff }, { 0x1fa70, 0x1faff },
	{ 0x20000, 0x3fffd },
};

/* Unicode: characters of zero width that are drawn over the one before, as blocks. */
static const struct range combining[] = {
	{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x05bf, 0x05bf },
	{ 0x05c1, 0x05c2 }, { 0x05c4, 0x05c5 }, { 0x0610, 0x061a }, { 0x064b, 0x065f },
	{ 0x0670, 0x0670 }, { 0x06d6, 0x06dc }, { 0x06df, 0x06e4 }, { 0x0900, 0x0902 },
	{ 0x093c, 0x093c }, { 0x0941, 0x0948 }, { 0x094d, 0x094d }, { 0x0e31, 0x0e31 },
	{ 0x0e34, 0x0e3a }, { 0x0e47, 0x0e4e }, { 0x1160, 0x11ff }, { 0x1ab0, 0x1aff },
	{ 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0xfe20, 0xfe2f },
};

/*
 * What joins or changes the characters beside it, and has no cell of its own. Terminals disagree on
 * how wide the result is: without these, each character has its usual width. Joiners and other
 * format characters, selectors of a variant, skin tones, tags.
 */
static const struct range unseen[] = {
	{ 0x00ad, 0x00ad }, { 0x034f, 0x034f }, { 0x061c, 0x061c },   { 0x180b, 0x180f },
	{ 0x200b, 0x200f }, { 0x202a, 0x202e }, { 0x2060, 0x206f },   { 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0x1f3fb, 0x1f3ff }, { 0xe0000, 0xe0fff },
};

static int compare_range(const void *key, const void *item)
{
	const uint32_t *c = key;
	const struct range *r = item;

	return *c < r->first ? -1 : *c > r->last;
}

static bool is_unseen(uint32_t c)
{
	return bsearch(&c, unseen, N_OF(unseen), sizeof(unseen[0]), compare_range) != NULL;
}

static int char_columns(uint32_t c)
{
	if (c < 0xad)
		return 1;
	if (is_unseen(c) ||
	    bsearch(&c, combining, N_OF(combining), sizeof(combining[0]), compare_range))
		return 0;
	return bsearch(&c, wide, N_OF(wide), sizeof(wide[0]), compare_range) ? 2 : 1;
}

/* Bytes of the character at `text`, which is not empty; what is not UTF-8 becomes U+FFFD. */
static size_t next_char(const char *text, uint32_t *ret_char)
{
	size_t n = utf8__decode(text, strnlen(text, UTF8_MAX_BYTES), ret_char);

	/* A control character would move the cursor of the terminal. */
	if (n == 0 || *ret_char < 0x20 || (*ret_char >= 0x7f && *ret_char < 0xa0))
		*ret_char = UTF8_REPLACEMENT;
	return n ? n : 1;
}

int text_columns(const char *text)
{
	uint32_t c;
	int n = 0;

	while (*text) {
		text += next_char(text, &c);
		n += char_columns(c);
	}
	return n;
}

int canvas__new(struct canvas **ret_canvas, int rows, int columns, bool is_utf8)
{
	struct canvas *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->is_utf8 = is_utf8;
	r = canvas__resize(c, rows, columns);
	if (r) {
		free(c);
		return r;
	}
	*ret_canvas = c;
	return 0;
}

void canvas__free(struct canvas *c)
{
	if (!c)
		return;
	free(c->cells);
	free(c);
}

int canvas__resize(struct canvas *c, int rows, int columns)
{
	struct cell *cells;

	if (rows < 1 || columns < 1 || rows > MAX_CELLS / columns)
		return -EINVAL;
	cells = calloc((size_t)rows * (size_t)columns, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	free(c->cells);
	c->cells = cells;
	c->rows = rows;
	c->stride = columns;
	canvas__narrow(c, 0, columns);
	canvas__clear(c);
	return 0;
}

void canvas__narrow(struct canvas *c, int first, int columns)
{
	c->first = first;
	c->columns = columns;
}

int canvas__rows(const struct canvas *c)
{
	return c->rows;
}

int canvas__columns(const struct canvas *c)
{
	return c->columns;
}

bool canvas__is_utf8(const struct canvas *c)
{
	return c->is_utf8;
}

static struct cell *cell_at(const struct canvas *c, int row, int column)
{
	return &c->cells[(size_t)row * (size_t)c->stride + (size_t)(c->first + column)];
}

static void cell__blank(struct cell *cell, enum canvas_attr attr)
{
	strcpy(cell->bytes, " ");
	cell->attr = (uint8_t)attr;
}

void canvas__clear(struct canvas *c)
{
	size_t i, n = (size_t)c->rows * (size_t)c->stride;

	for (i = 0; i < n; i++)
		cell__blank(&c->cells[i], ATTR_NORMAL);
}

/* Replaces the remaining half of an overwritten wide character by a blank. */
static void split_wide(struct canvas *c, int row, int column, int columns)
{
	int end = column + columns;

	if (column > 0 && !cell_at(c, row, column)->bytes[0])
		cell__blank(cell_at(c, row, column - 1), cell_at(c, row, column - 1)->attr);
	if (end < c->columns && !cell_at(c, row, end)->bytes[0])
		cell__blank(cell_at(c, row, end), cell_at(c, row, end)->attr);
}

static void put_char(struct canvas *c, int row, int column, enum canvas_attr attr, uint32_t ch,
		     int columns)
{
	struct cell *cell = cell_at(c, row, column);

	split_wide(c, row, column, columns);
	for (int i = 0; i < columns; i++) {
		cell[i].attr = (uint8_t)attr;
		cell[i].bytes[0] = '\0';
		if (!c->is_utf8 && ch >= 0x80)
			strcpy(cell[i].bytes, "?");
	}
	if (c->is_utf8 || ch < 0x80)
		cell->bytes[utf8__encode(ch, cell->bytes)] = '\0';
}

/* Adds a combining mark to the previous character; marks beyond the cell's room are dropped. */
static void combine(struct canvas *c, int row, int column, uint32_t ch)
{
	struct cell *cell = cell_at(c, row, column);
	size_t used = strlen(cell->bytes);

	if (c->is_utf8 && used > 0 && used + UTF8_MAX_BYTES < sizeof(cell->bytes))
		cell->bytes[used + utf8__encode(ch, cell->bytes + used)] = '\0';
}

/* Cuts a width to the canvas; 0 if nothing is left. */
static int clip(const struct canvas *c, int row, int column, int width)
{
	if (row < 0 || row >= c->rows || column < 0 || column >= c->columns || width <= 0)
		return 0;
	return width < c->columns - column ? width : c->columns - column;
}

int canvas__text(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		 const char *text)
{
	int used = 0, n, last = -1;
	uint32_t ch;

	width = clip(c, row, column, width);
	while (width > 0 && *text) {
		text += next_char(text, &ch);
		n = char_columns(ch);
		if (used + n > width)
			break;
		if (n == 0 && last >= 0 && !is_unseen(ch))
			combine(c, row, last, ch);
		if (n > 0) {
			put_char(c, row, column + used, attr, ch, n);
			last = column + used;
		}
		used += n;
	}
	return used;
}

/* Its end that takes at most so many columns. */
static const char *end_of(const char *text, int columns)
{
	int left = text_columns(text);
	uint32_t ch;

	while (left > columns) {
		text += next_char(text, &ch);
		left -= char_columns(ch);
	}
	return text;
}

int canvas__cut(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		const char *text, bool is_within)
{
	const char *mark = c->is_utf8 ? "\u2026" : "~";
	const int tail = is_within ? width / 3 : 0;
	int used;

	if (text_columns(text) <= width || width < 1)
		return canvas__text(c, row, column, width, attr, text);
	used = canvas__text(c, row, column, width - 1 - tail, attr, text);
	used += canvas__text(c, row, column + used, 1, attr, mark);
	return used + canvas__text(c, row, column + used, width - used, attr, end_of(text, tail));
}

int canvas__printf(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		   const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	return canvas__text(c, row, column, width, attr, line);
}

void canvas__right(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		   const char *text)
{
	int columns = text_columns(text);

	if (columns < width) {
		column += width - columns;
		width = columns;
	}
	canvas__text(c, row, column, width, attr, text);
}

void canvas__paint(struct canvas *c, int row, int column, int width, enum canvas_attr attr)
{
	width = clip(c, row, column, width);
	for (int i = 0; i < width; i++)
		cell_at(c, row, column + i)->attr = (uint8_t)attr;
}

/* The same character in every cell. */
static void fill(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		 const char *ch)
{
	width = clip(c, row, column, width);
	for (int i = 0; i < width; i++)
		canvas__text(c, row, column + i, 1, attr, ch);
}

void canvas__hline(struct canvas *c, int row, int column, int width, enum canvas_attr attr)
{
	fill(c, row, column, width, attr, c->is_utf8 ? "\u2500" : "-");
}

/* Share of `max`, clamped to 0 ... 1; 0 for NaN. */
static double share_of(double value, double max)
{
	double share = max > 0 ? value / max : 0;

	return share >= 1 ? 1 : share > 0 ? share : 0;
}

void canvas__bar(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		 double value, double max)
{
	static const char *const eighths[] = { "",	 "\u258f", "\u258e", "\u258d",
					       "\u258c", "\u258b", "\u258a", "\u2589" };
	int n;

	if (width <= 0)
		return;
	if (!c->is_utf8) {
		fill(c, row, column, (int)(share_of(value, max) * width + 0.5), attr, "#");
		return;
	}
	n = (int)(share_of(value, max) * width * 8 + 0.5);
	fill(c, row, column, n / 8, attr, "\u2588");
	if (n / 8 < width)
		canvas__text(c, row, column + n / 8, 1, attr, eighths[n % 8]);
}

const char *canvas_spark(double share, bool is_utf8)
{
	static const char *const blocks[] = { " ",	"\u2581", "\u2582", "\u2583", "\u2584",
					      "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const ascii[] = { " ", ".", ":", "-", "=", "+", "*", "#" };
	int level;

	share = share_of(share, 1);
	level = (int)(share * (is_utf8 ? 8 : 7) + 0.5);
	if (level == 0 && share > 0)
		level = 1;
	return is_utf8 ? blocks[level] : ascii[level];
}

void canvas__sparkline(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		       const double *values, size_t n, double max)
{
	int i, shown = width < 0 || (size_t)width < n ? width : (int)n;

	for (i = 0; i < shown; i++)
		canvas__text(c, row, column + width - shown + i, 1, attr,
			     canvas_spark(share_of(values[n - (size_t)shown + (size_t)i], max),
					  c->is_utf8));
}

const char *canvas__cell(const struct canvas *c, int row, int column, enum canvas_attr *ret_attr)
{
	const struct cell *cell;

	if (clip(c, row, column, 1) == 0) {
		*ret_attr = ATTR_NORMAL;
		return "";
	}
	cell = cell_at(c, row, column);
	*ret_attr = (enum canvas_attr)cell->attr;
	return cell->bytes;
}

static char attr_letter(int attr)
{
	static const char letters[] = {
#define _(name, letter) [ATTR_##name] = letter,
		CANVAS_ATTRS(_)
#undef _
	};

	return letters[attr];
}

static int row_end(const struct canvas *c, int row, bool attrs)
{
	int end;

	for (end = c->columns; end > 0; end--) {
		const struct cell *cell = cell_at(c, row, end - 1);

		if (attrs ? cell->attr != ATTR_NORMAL : strcmp(cell->bytes, " ") != 0)
			break;
	}
	return end;
}

int canvas__dump(const struct canvas *c, FILE *f, bool attrs)
{
	int row, column, end;

	for (row = 0; row < c->rows; row++) {
		end = row_end(c, row, false);
		for (column = 0; column < end; column++)
			fputs(cell_at(c, row, column)->bytes, f);
		fputc('\n', f);
	}
	for (row = 0; attrs && row < c->rows; row++) {
		end = row_end(c, row, true);
		for (column = 0; column < end; column++)
			fputc(attr_letter(cell_at(c, row, column)->attr), f);
		fputc('\n', f);
	}
	return ferror(f) ? -EIO : 0;
}
