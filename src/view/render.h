/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What columns of several screens have in common: one number of a row, written in one way. Each
 * macro defines the column's `render` function for rows of `type`.
 */
#ifndef LOOPSTALL_VIEW_RENDER_H
#define LOOPSTALL_VIEW_RENDER_H

#include <inttypes.h>

#include "view/table.h"
#include "view/words.h"

#define RENDER_FIELD(function, type, write)                                                        \
	static void function(const void *row, const struct table_scene *scene,                     \
			     struct table_cell *cell)                                              \
	{                                                                                          \
		const type *r = row;                                                               \
                                                                                                   \
		(void)scene;                                                                       \
		write;                                                                             \
	}

#define RENDER_COUNT(function, type, field)                                                        \
	RENDER_FIELD(function, type, cell__count(cell, r->field))
#define RENDER_DURATION(function, type, field)                                                     \
	RENDER_FIELD(function, type, cell__duration(cell, r->field))
/* A share of 0 ... 1. */
#define RENDER_SHARE(function, type, field)                                                        \
	RENDER_FIELD(function, type, cell__share(cell, r->field))
#define RENDER_RATE(function, type, field) RENDER_FIELD(function, type, cell__rate(cell, r->field))
#define RENDER_NUMBER(function, type, field)                                                       \
	RENDER_FIELD(function, type, cell__printf(cell, "%" PRIu64, (uint64_t)r->field))
/* How long something takes: coloured when it is long. */
#define RENDER_STEP(function, type, field) RENDER_FIELD(function, type, cell__step(cell, r->field))
/* Stalls: none is the good case, and quiet. */
#define RENDER_STALLS(function, type, field)                                                       \
	RENDER_FIELD(function, type, cell__stalls(cell, r->field))
/* How long ago something was. */
#define RENDER_AGO(function, type, field)                                                          \
	static void function(const void *row, const struct table_scene *scene,                     \
			     struct table_cell *cell)                                              \
	{                                                                                          \
		cell__ago(cell, scene, ((const type *)row)->field);                                \
	}

void cell__share(struct table_cell *cell, double share);
void cell__rate(struct table_cell *cell, double per_s);
void cell__step(struct table_cell *cell, uint64_t ns);
void cell__stalls(struct table_cell *cell, uint64_t stalls);
void cell__ago(struct table_cell *cell, const struct table_scene *scene, uint64_t at_ns);

#define TREND_CELLS 10
#define TREND_COLUMNS (TREND_CELLS + 2) /* with the arrow */

/*
 * A share over the last ticks, oldest first, and an arrow where the last third is much above or
 * below the rest.
 */
void cell__trend(struct table_cell *cell, const struct table_scene *scene, const float *values,
		 size_t n);

/* Where `values` lead: 1 up, -1 down, 0 nowhere worth telling. */
int trend_direction(const float *values, size_t n);
/* The largest of them, at least what is worth drawing. */
double trend_most(const float *values, size_t n);
/*
 * The values as `cells` shares of `most`, the highest one of those that share a cell. Returns how
 * many cells are used.
 */
size_t trend_shares(const float *values, size_t n, double most, double *shares, size_t cells);

#endif
