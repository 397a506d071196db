/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the view, for view.c (what is drawn), view_input.c (what keys do), and what lies
 * over or below the screen: view_prompt.c, view_menu.c, view_bottom.c.
 */
#ifndef LOOPSTALL_VIEW_VIEW_IMPL_H
#define LOOPSTALL_VIEW_VIEW_IMPL_H

#include "view/fold.h"
#include "view/frozen.h"
#include "view/preview.h"
#include "view/screens.h"
#include "view/since.h"
#include "view/view.h"

#define CONTROL(letter) ((letter)&0x1f)
#define FUNCTION(n) (VKEY_F1 + (n)-1)

#define PROMPT_LINES 10 /* that are remembered */
#define VIEW_MAX_HITS 64

enum prompt_kind {
	PROMPT_NONE,
	PROMPT_SEARCH,
	PROMPT_FILTER,
	PROMPT_MAX,
};

/* A line being typed, which takes effect with every key. */
struct view_prompt {
	enum prompt_kind kind;
	char typed[TABLE_PATTERN_BYTES];
	size_t at; /* where the next character goes, in bytes */
	bool is_bad; /* the typed text is no valid pattern: the last valid one is in effect */
	struct table_mark before; /* what Escape goes back to */
	size_t recalled; /* lines back, 0: what was typed itself */
	char draft[TABLE_PATTERN_BYTES];
	struct prompt_history {
		char lines[PROMPT_LINES][TABLE_PATTERN_BYTES]; /* newest first */
		size_t n;
	} history[PROMPT_MAX];
};

enum menu_kind {
	MENU_NONE,
	MENU_SORT,
	MENU_SETUP,
	MENU_FORMATS,
};

/* A list over the screen: of the table's columns, of formats, of settings. */
struct view_menu {
	enum menu_kind kind;
	size_t at, top; /* items */
	int row, width, n_drawn; /* of the first item, as drawn last */
};

struct view_slot {
	void *state; /* of the screen, if it has one */
	struct table *table; /* if the screen is one */
};

struct view {
	struct view_slot slots[SCREEN_MAX];
	int current, back; /* where Escape leads */

	struct view_prompt prompt;
	struct view_menu menu;
	bool is_replay;
	size_t n_formats, format; /* format: chosen last */
	const struct view_format *formats;
	enum theme theme;
	const char *message; /* until the next key */
	uint64_t clicked; /* identity of the row, if a click on one was the last event */

	struct since *since; /* of the screens whose rows can be grouped */
	bool is_recount; /* counting began anew, or jumped, since the last drawing */

	bool is_paused;
	struct frozen *frozen; /* made by the first drawing of a pause */
	uint64_t frozen_ns;

	/* Of the current row, as drawn last. */
	struct screen_subject subject;
	bool has_subject;
	struct preview *preview;
	struct fold *fold;
	uint64_t family; /* that the row stands for, 0: none */

	/* Whose stalls are listed, and where that began; all are listed if it is none. */
	struct screen_group only;
	int only_from;

	int tabs_row; /* as drawn last */
	struct view_tab {
		int at, width;
	} tabs[SCREEN_MAX];
	int bottom_row; /* as drawn last */
	struct view_hit { /* what a click does */
		int at, width;
		uint32_t key;
	} hits[VIEW_MAX_HITS];
	size_t n_hits;
};

const struct screen_ops *view__ops(int screen);
/* -ENOENT if there is none of that name. */
int view__find_screen(const char *name);
void view__show(struct view *v, int screen);
/* The stalls of the group under the cursor, and back from there: false if that is not shown. */
void view__show_group(struct view *v);
bool view__leave_group(struct view *v);
bool view__is_listing_group(const struct view *v);
struct table *view__table(const struct view *v);

/* Prompt: only where there is a table. */
void prompt__open(struct view *v, enum prompt_kind kind);
void prompt__key(struct view *v, uint32_t key);
void prompt__draw(const struct view *v, struct canvas *c, int row);

/* Menu: those of columns likewise. */
void menu__open(struct view *v, enum menu_kind kind);
enum view_request menu__input(struct view *v, const struct view_event *event);
/* Over the `rows` canvas rows from `row` on. */
void menu__draw(struct view *v, struct canvas *c, int row, int rows);
const char *menu__keys(const struct view *v); /* for the bottom line */

void bottom__draw(struct view *v, const struct view_status *status, struct canvas *c);
/* The key that is written there, KEY_NONE if none is. */
uint32_t bottom__key(const struct view *v, int row, int column);

#endif
