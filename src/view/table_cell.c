/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What columns put into a cell.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "view/table.h"
#include "view/words.h"

void cell__printf(struct table_cell *cell, const char *fmt, ...)
{
	size_t used = strlen(cell->text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(cell->text + used, sizeof(cell->text) - used, fmt, args);
	va_end(args);
}

void cell__escape(struct table_cell *cell, const char *text)
{
	size_t used = strlen(cell->text);

	text__escape(text, cell->text + used, sizeof(cell->text) - used);
}

void cell__part(struct table_cell *cell, double value, enum canvas_attr attr)
{
	if (cell->n_parts < TABLE_MAX_PARTS)
		cell->parts[cell->n_parts++] = (struct table_part){ value, attr };
}

void cell__duration(struct table_cell *cell, uint64_t ns)
{
	char buf[WORDS_BYTES];

	cell__printf(cell, "%s", words__duration(ns, buf));
}

void cell__count(struct table_cell *cell, uint64_t count)
{
	char buf[WORDS_BYTES];

	cell__printf(cell, "%s", words__count(count, buf));
}

void cell__place(struct table_cell *cell, const char *file, uint32_t line)
{
	if (!file)
		return;
	cell__escape(cell, words__file(file));
	if (line > 0)
		cell__printf(cell, ":%u", line);
}

void cell__split(struct table_cell *cell, uint64_t cpu_ns, uint64_t blocked_ns, uint64_t gil_ns,
		 uint64_t runqueue_ns)
{
	cell__part(cell, (double)cpu_ns, ATTR_CPU);
	cell__part(cell, (double)blocked_ns, ATTR_BLOCKED);
	cell__part(cell, (double)gil_ns, ATTR_GIL);
	cell__part(cell, (double)runqueue_ns, ATTR_RUNQUEUE);
}
