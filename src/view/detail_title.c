/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a detail is about, in one line.
 */
#include <inttypes.h>

#include "view/detail_draw.h"
#include "view/words.h"

static int draw_name(struct page *p, int row, int column, const struct screen_subject *subject,
		     const struct detail *d)
{
	if (subject->log)
		return page__print(p, row, column, ATTR_TITLE, "a line of the log");
	if (subject->task && d->has_task && d->task.name[0])
		return page__print(p, row, column, ATTR_TITLE, "task %s", d->task.name);
	if (subject->task)
		return page__print(p, row, column, ATTR_TITLE, "task 0x%" PRIx64, subject->task);
	if (subject->group.is_some)
		return page__print(p, row, column, ATTR_TITLE, "%s", subject->group.name);
	if (subject->coroutine.name)
		return page__print(p, row, column, ATTR_TITLE, "%s", subject->coroutine.name);
	if (!subject->at.file && subject->verdict.name)
		return page__print(p, row, column, ATTR_TITLE, "finding: %s",
				   subject->verdict.name);
	if (!subject->at.file)
		return page__print(p, row, column, ATTR_TITLE, "a turn of the loop");
	return page__print(p, row, column, ATTR_TITLE, "%s:%u", subject->at.file, subject->at.line);
}

/* The whole path where there is room for it. */
static int draw_place(struct page *p, int row, int column, const struct code_info *code)
{
	char line[WORDS_BYTES];
	int room = p->end - column - 2 - snprintf(line, sizeof(line), ":%u", code->first_line);
	const char *file = text_columns(code->file) > room ? words__file(code->file) : code->file;

	if (text_columns(file) > room)
		return column;
	return page__print(p, row, column, ATTR_NORMAL, "  %s%s", file, line);
}

int detail__draw_title(struct page *p, int row, int column, const struct screen_subject *subject,
		       const struct detail *d)
{
	const struct code_info *code = &subject->coroutine;

	column = draw_name(p, row, column, subject, d);
	if (code->name && subject->task)
		column = page__print(p, row, column, ATTR_NORMAL, "  %s", code->name);
	return code->name && code->file ? draw_place(p, row, column, code) : column;
}
