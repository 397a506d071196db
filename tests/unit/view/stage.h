/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A view of 80x24 over the snapshot of the tests, drawn after every key.
 */
#ifndef TESTS_VIEW_STAGE_H
#define TESTS_VIEW_STAGE_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "view/snapshot.h"

struct stage {
	struct view *view;
	struct canvas *canvas;
	struct view_fixture *fixture;
};

static inline void stage__done(struct stage *s)
{
	view__free(s->view);
	canvas__free(s->canvas);
	free(s->fixture);
}

static inline void stage__draw(struct stage *s)
{
	view__draw(s->view, &s->fixture->snapshot, &s->fixture->status, s->canvas);
}

static inline void stage__init(struct stage *s, const struct view_opts *opts)
{
	memset(s, 0, sizeof(*s));
	s->fixture = malloc(sizeof(*s->fixture));
	cr_assert_not_null(s->fixture);
	fixture_init(s->fixture, false);
	cr_assert_eq(canvas__new(&s->canvas, 24, 80, true), 0);
	cr_assert_eq(view__new(&s->view, opts), 0);
	stage__draw(s);
}

static inline enum view_request stage__key(struct stage *s, uint32_t key)
{
	enum view_request request = view__input(s->view, &(struct view_event){ .key = key });

	stage__draw(s);
	return request;
}

static inline enum view_request stage__mouse(struct stage *s, uint32_t key, int row, int column)
{
	enum view_request request =
		view__input(s->view, &(struct view_event){ key, row, column, false });

	stage__draw(s);
	return request;
}

static inline void stage__type(struct stage *s, const char *keys)
{
	for (; *keys; keys++)
		stage__key(s, (uint32_t)*keys);
}

static inline bool stage__shows(const struct stage *s, const char *what)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	canvas__dump(s->canvas, f, false);
	fclose(f);
	return strstr(text, what) != NULL;
}

/* Where a text is on the canvas; ASCII only. */
static inline bool stage__find(const struct stage *s, const char *text, int *ret_row,
			       int *ret_column)
{
	enum canvas_attr attr;
	int row, column;
	size_t n;

	*ret_row = *ret_column = 0;

	for (row = 0; row < canvas__rows(s->canvas); row++) {
		for (column = 0; column < canvas__columns(s->canvas); column++) {
			for (n = 0; text[n]; n++)
				if (canvas__cell(s->canvas, row, column + (int)n, &attr)[0] !=
				    text[n])
					break;
			if (!text[n]) {
				*ret_row = row;
				*ret_column = column;
				return true;
			}
		}
	}
	return false;
}

#endif
