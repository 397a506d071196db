/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the view, for view.c (what is drawn) and view_input.c (what keys do).
 */
#ifndef LOOPSTALL_VIEW_VIEW_IMPL_H
#define LOOPSTALL_VIEW_VIEW_IMPL_H

#include "view/frozen.h"
#include "view/screens.h"
#include "view/view.h"

enum view_prompt {
	PROMPT_NONE,
	PROMPT_SEARCH,
	PROMPT_FILTER,
};

struct view_slot {
	void *state; /* of the screen, if it has one */
	struct table *table; /* if the screen is one */
};

struct view {
	struct view_slot slots[SCREEN_MAX];
	int current, back; /* where Escape leads */

	enum view_prompt prompt;
	char typed[TABLE_PATTERN_BYTES];
	const char *message; /* until the next key */

	bool is_paused;
	struct frozen *frozen; /* made by the first drawing of a pause */
	uint64_t frozen_ns;

	/* Of the current row, as drawn last. */
	struct screen_subject subject;
	bool has_subject;

	int tabs_row; /* as drawn last */
	struct view_tab {
		int at, width;
	} tabs[SCREEN_MAX];
};

const struct screen_ops *view__ops(int screen);
/* -ENOENT if there is none of that name. */
int view__find_screen(const char *name);
void view__show(struct view *v, int screen);
struct table *view__table(const struct view *v);

#endif
