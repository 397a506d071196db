/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help: first what one is looking at, then the keys. All of it is the one table below.
 */
#include <errno.h>
#include <stdlib.h>

#include "view/page.h"
#include "view/screens.h"

#define WORD_COLUMN 3
#define TEXT_COLUMN 18

/* A row without a word is a paragraph, one without a text a heading. */
static const struct help_row {
	const char *word, *text;
	enum canvas_attr attr; /* of the word */
} help_rows[] = {
	{ "WHAT YOU SEE", NULL, ATTR_TITLE },
	{ NULL,
	  "An event loop runs one thing at a time: a step of a coroutine, up to its next await, or a callback. While a step runs, "
	  "everybody else waits. A step that takes longer than the threshold is a stall, and the tasks that were ready "
	  "meanwhile are its victims: they starved.",
	  ATTR_NORMAL },
	{ NULL,
	  "Look for the coroutine with the most starved time, press Enter, and read the first two lines.",
	  ATTR_NORMAL },
	{ NULL, "STUCK in the header means that a loop is inside a stall at this moment.",
	  ATTR_NORMAL },
	{ "WHERE TIME GOES", NULL, ATTR_TITLE },
	{ "cpu", "the step computed", ATTR_CPU },
	{ "blocked",
	  "it waited in a call that stops the thread: sleep, socket, file, lock, process, DNS",
	  ATTR_BLOCKED },
	{ "gil", "another thread of the process held Python's global interpreter lock", ATTR_GIL },
	{ "run queue", "it was ready to run, but the machine had no CPU for it", ATTR_RUNQUEUE },
	{ "busy", "share of the time that a loop was not waiting for something to do", ATTR_COLUMN },
	{ "p50 p95 p99", "half, 95 % and 99 % of the steps took no longer than this", ATTR_COLUMN },
	{ "starved", "time that ready tasks waited, added up over all of them", ATTR_COLUMN },
	{ "SCREENS", NULL, ATTR_TITLE },
	{ "1 Coroutines", "all steps of each coroutine, stalled or not", ATTR_BOLD },
	{ "2 Stalls", "each stall by itself, newest or worst (w) first", ATTR_BOLD },
	{ "3 Victims", "who had to wait, and behind whom most", ATTR_BOLD },
	{ "4 Call sites", "the source lines in which stalls spent their time", ATTR_BOLD },
	{ "5 Loops", "the threads that run event loops, and whether one is stuck now", ATTR_BOLD },
	{ "6 Flame",
	  "stall time by stack: callers above, width is time; Enter zooms, m: blocked or cpu time only",
	  ATTR_BOLD },
	{ "KEYS", NULL, ATTR_TITLE },
	{ "Tab", "next screen; or its number, as above", ATTR_KEY },
	{ "arrows h j k l", "move; PgUp and PgDn by a page, g and G to the ends", ATTR_KEY },
	{ "Enter  Esc", "detail of the row, frozen until l lets it follow; back", ATTR_KEY },
	{ "/  n  N", "search for a pattern; next and previous match", ATTR_KEY },
	{ "\\  F4", "show only rows that match: a pattern, cause:sleep, pid:123; Esc shows all",
	  ATTR_KEY },
	{ "<  >  I", "sort by the column to the left or right; turn the order round", ATTR_KEY },
	{ "Space  U", "tag the row; remove all tags", ATTR_KEY },
	{ "F", "keep the cursor on its row, or at its place", ATTR_KEY },
	{ "p", "pause: the screen stands still, measuring goes on", ATTR_KEY },
	{ "r", "forget what was counted so far", ATTR_KEY },
	{ "+  -", "draw more or less often", ATTR_KEY },
	{ "T  t", "raise or lower what counts as a stall", ATTR_KEY },
	{ "y", "copy the row, or the verdict and stack of the detail", ATTR_KEY },
	{ "S", "save a report", ATTR_KEY },
	{ "e", "open file and line in the editor", ATTR_KEY },
	{ "q", "quit; the target never notices", ATTR_KEY },
};

static int help_new(void **ret_state)
{
	*ret_state = calloc(1, sizeof(struct page));
	return *ret_state ? 0 : -ENOMEM;
}

static void draw_row(struct page *p, const struct help_row *help)
{
	if (!help->text) {
		if (p->lines)
			page__line(p);
		page__print(p, page__line(p), 1, help->attr, "%s", help->word);
	} else if (!help->word) {
		page__wrap(p, WORD_COLUMN, ATTR_NORMAL, "%s", help->text);
	} else {
		page__term(p, WORD_COLUMN, help->attr, help->word);
		page__wrap(p, TEXT_COLUMN, ATTR_NORMAL, "%s", help->text);
	}
}

static void help_draw(void *state, const struct screen_area *area)
{
	struct page *p = state;
	size_t i;

	page__begin(p, area->canvas, area->row, area->rows);
	for (i = 0; i < sizeof(help_rows) / sizeof(help_rows[0]); i++)
		draw_row(p, &help_rows[i]);
}

static void help_enter(void *state, const struct screen_subject *subject)
{
	struct page *p = state;

	(void)subject;
	p->scroll = 0;
}

static bool help_input(void *state, struct table *table, const struct view_event *event,
		       enum view_request *ret_request)
{
	(void)table;
	(void)ret_request;
	return page__input(state, event);
}

const struct screen_ops screen_help = {
	.name = SCREEN_OF_HELP,
	.title = "Help",
	.keys = "j Down  k Up  Esc Back",
	.new = help_new,
	.free = free,
	.draw = help_draw,
	.enter = help_enter,
	.input = help_input,
};
