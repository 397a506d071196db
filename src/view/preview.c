/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * It follows the target and the cursor, so it is made anew at each drawing. Source lines are kept
 * meanwhile, because reading them costs more than all of the rest.
 */
#include "view/preview.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "view/detail.h"
#include "view/detail_draw.h"

#define MIN_ROWS 36 /* of the whole canvas */
#define SHARE 0.4 /* of the rows that a screen has */
#define MAX_ROWS 24
#define WIDE_COLUMNS 110 /* from here on it has two columns */

struct preview {
	bool is_hidden;
	struct detail detail;
	struct kept_line {
		uint64_t place;
		int result;
		char text[DETAIL_SOURCE_BYTES];
	} lines[DETAIL_SOURCE_LINES];
	const struct view_status *status; /* while it is drawn */
};

int preview__new(struct preview **ret_preview)
{
	*ret_preview = calloc(1, sizeof(**ret_preview));
	return *ret_preview ? 0 : -ENOMEM;
}

void preview__free(struct preview *p)
{
	free(p);
}

void preview__toggle(struct preview *p)
{
	p->is_hidden = !p->is_hidden;
}

int preview__rows(const struct preview *p, const struct canvas *c, int rows)
{
	const int share = (int)(rows * SHARE);

	if (p->is_hidden || canvas__rows(c) < MIN_ROWS)
		return 0;
	return share < MAX_ROWS ? share : MAX_ROWS;
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
	for (size_t i = 0; i < sizeof(number); i++)
		hash = hash_byte(hash, (unsigned char)(number >> 8 * i));
	return hash;
}

/* As view_status.source_line: lines next to one another have different places in `lines`. */
static int source_line(void *ctx, uint32_t pid, const char *file, uint32_t line, char *buf,
		       size_t size)
{
	struct preview *p = ctx;
	struct kept_line *kept = &p->lines[line % DETAIL_SOURCE_LINES];
	const uint64_t place =
		hash_number(hash_string(HASH_SEED, file), (uint64_t)pid << 32 | line);

	if (kept->place != place) {
		kept->place = place;
		kept->result = p->status->source_line(p->status->source_ctx, pid, file, line,
						      kept->text, sizeof(kept->text));
	}
	snprintf(buf, size, "%s", kept->result ? "" : kept->text);
	return kept->result;
}

static void draw_rule(struct preview *p, const struct screen_area *area,
		      const struct screen_subject *subject)
{
	static const char key[] = " v hides ";
	const int columns = canvas__columns(area->canvas);
	struct page title = { .canvas = area->canvas, .end = columns - (int)sizeof(key) - 2 };
	int end;

	canvas__hline(area->canvas, area->row, 0, columns, ATTR_DIM);
	end = detail__draw_title(&title, area->row, 3, subject, &p->detail);
	canvas__text(area->canvas, area->row, 2, 1, ATTR_DIM, " ");
	canvas__text(area->canvas, area->row, end, 1, ATTR_DIM, " ");
	canvas__text(area->canvas, area->row, title.end, (int)sizeof(key), ATTR_DIM, key);
}

/*
 * The source line first, because little room may be left for what to do about it. A part begins
 * with a blank line, which is not wanted at the top.
 */
static void draw_what(struct page *page, const struct screen_area *area, const struct detail *d)
{
	const bool is_line = d->at.file && !d->has_task && !d->is_task_gone && !d->log[0];

	*page = (struct page){ .scroll = is_line };
	page__begin(page, area->canvas, area->row, area->rows);
	if (!is_line) {
		detail__draw_what(page, d);
		return;
	}
	detail__draw_source(page, d);
	page__line(page);
	detail__draw_about(page, d);
}

/* One below the other, or side by side where there is room. */
static void draw_parts(struct preview *p, const struct screen_area *area)
{
	const int columns = canvas__columns(area->canvas), half = columns / 2;
	struct canvas *c = area->canvas;
	struct page page;

	if (columns < WIDE_COLUMNS) {
		draw_what(&page, area, &p->detail);
		detail__draw_evidence(&page, &p->detail);
		return;
	}
	canvas__narrow(c, 0, half - 1);
	draw_what(&page, area, &p->detail);
	page = (struct page){ .scroll = 1 };
	canvas__narrow(c, half, columns - half);
	page__begin(&page, c, area->row, area->rows);
	detail__draw_evidence(&page, &p->detail);
	canvas__narrow(c, 0, columns);
}

void preview__draw(struct preview *p, const struct screen_area *area,
		   const struct screen_subject *subject)
{
	struct view_status status = *area->status;
	struct screen_area parts = *area;

	p->status = area->status;
	status.source_line = area->status->source_line ? source_line : NULL;
	status.source_ctx = p;
	detail__take(&p->detail, area->snapshot, &status, subject);
	p->status = NULL;
	draw_rule(p, area, subject);
	parts.row++;
	parts.rows--;
	draw_parts(p, &parts);
}
