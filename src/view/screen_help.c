/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help: first what one is looking at, then the keys. All of it is the one table below.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "view/page.h"
#include "view/screens.h"
#include "view/words.h"

#define WORD_COLUMN 3
#define TEXT_COLUMN 18

/* The parts of it, as they are now, follow. */
static const char self_word[] = "self";

/* A row without a word is a paragraph, one without a text a heading. */
static const struct help_row {
	const char *word, *text;
	enum canvas_attr attr; /* of the word */
} help_rows[] = {
	{ "WHAT YOU SEE", NULL, ATTR_TITLE },
	{ NULL,
	  "An event loop runs one thing at a time: a step of a coroutine, up to its next await, or "
	  "a callback. While a step runs, everybody else waits. A step that takes longer than the "
	  "threshold is a stall, and the tasks that were ready meanwhile are its victims: they "
	  "starved.",
	  ATTR_NORMAL },
	{ NULL,
	  "Press 0 for what to fix first: Enter shows the evidence. Or look for the coroutine with "
	  "the most starved time, press Enter, and read the first two lines.",
	  ATTR_NORMAL },
	{ NULL,
	  "STUCK in the header means that a loop is inside a stall at this moment: who, in what "
	  "call, on which line, and how many "
	  "tasks wait for it to end.",
	  ATTR_NORMAL },
	{ "THE HEADER", NULL, ATTR_TITLE },
	{ "loop busy", "the last minute of the busiest loop; then its share of the last second",
	  ATTR_BOLD },
	{ "turn p99",
	  "99 % of the turns of the loop took no longer: how long a ready task may have to wait",
	  ATTR_BOLD },
	{ "stalls", "one mark for one or more seconds: none, some, or one ten times the threshold",
	  ATTR_BOLD },
	{ "tasks, ready", "alive when last looked at; those that want to run", ATTR_BOLD },
	{ self_word,
	  "what loopstall costs of one core: its programs in the kernel, at steps and at each "
	  "context switch of the machine; the traps "
	  "that lead to them, which the loops pay; loopstall itself. Then what it could not see",
	  ATTR_BOLD },
	{ "SCREENS", NULL, ATTR_TITLE },
	{ "1 Coroutines",
	  "who holds up the loop: all steps of each coroutine. STARVED is what it cost others, "
	  "SUFFERED what others cost it. TREND is "
	  "its load of the last ticks, with an arrow where it changes much. g: by entry (your "
	  "outermost function), file, task or process",
	  ATTR_BOLD },
	{ "2 Tasks",
	  "what is alive now, and where each task stands: the innermost await. READY ones wait for "
	  "the loop, the others for what "
	  "WAITS FOR says, IDLE since their last step. t: who awaits whom, as a tree",
	  ATTR_BOLD },
	{ "3 Stalls", "each stall by itself, newest or worst (w) first", ATTR_BOLD },
	{ "4 Victims",
	  "who had to wait, how often and how long, and behind whom most; name-* (10): ten tasks "
	  "whose names differ in a number, Enter unfolds them",
	  ATTR_BOLD },
	{ "5 Sites", "call sites: the source lines in which stalls spent their time, and on what",
	  ATTR_BOLD },
	{ "6 Loops",
	  "the threads that run loops: how busy, what they wait for and should not (GIL, a free "
	  "CPU), what is ready, and the "
	  "executor: threads/limit +calls that wait. t: processes and their threads, as a tree",
	  ATTR_BOLD },
	{ "7 Flame",
	  "stall time by stack: callers above, width is time, colour is whose code it is; Enter "
	  "zooms, m: blocked or cpu time only",
	  ATTR_BOLD },
	{ "8 Log", "what happened besides: processes that came and went, settings, losses",
	  ATTR_BOLD },
	{ "0 Fix",
	  "findings, what to fix first: which code holds up the loop, its share of all waiting, "
	  "how sure that is and what helps",
	  ATTR_BOLD },
	{ "Detail",
	  "Enter on a row: the verdict and what to do, the source line, the split, all steps as a "
	  "histogram, the stack of the worst "
	  "stall, who paid for it, and behind whom it waited itself. Of a task: its await chain "
	  "and who awaits it",
	  ATTR_BOLD },
	{ "WHERE TIME GOES", NULL, ATTR_TITLE },
	{ "cpu", "the step computed", ATTR_CPU },
	{ "blocked",
	  "it waited in a call that stops the thread: sleep, socket, file, lock, process, DNS",
	  ATTR_BLOCKED },
	{ "gil", "another thread of the process held Python's global interpreter lock", ATTR_GIL },
	{ "run queue",
	  "it was ready to run, but others had its CPU: the cause runqueue, RUNQ% of Loops, \"CPU "
	  "taken\" as a call",
	  ATTR_RUNQUEUE },
	{ "busy", "share of the time that a loop was not waiting for something to do", ATTR_BOLD },
	{ "p50 p95 p99", "half, 95 % and 99 % of the steps took no longer than this", ATTR_BOLD },
	{ "starved", "time that ready tasks waited, added up over all of them", ATTR_BOLD },
	{ "KEYS: MOVE", NULL, ATTR_TITLE },
	{ "Tab  0 ... 8", "next screen; the screen of that number", ATTR_KEY },
	{ "arrows h j k l", "move; PgUp and PgDn by a page, g and G to the ends", ATTR_KEY },
	{ "Enter  Esc",
	  "detail of the row, frozen until l lets it follow; of a row that stands for many, its "
	  "stalls; back",
	  ATTR_KEY },
	{ "v", "on tall terminals: hide the preview of the row, and show it again", ATTR_KEY },
	{ "F", "keep the cursor on its row, or at its place", ATTR_KEY },
	{ "mouse",
	  "a click on a tab, a head, a row or a word of the bottom line does what it says; the "
	  "wheel scrolls",
	  ATTR_KEY },
	{ "KEYS: FIND AND ORDER", NULL, ATTR_TITLE },
	{ "/  n  N", "search for a pattern; next and previous match", ATTR_KEY },
	{ "\\  F4",
	  "show only rows that match: a pattern, or cause:sleep pid:123 state:ready waits:Future "
	  "coroutine:main; Esc shows all",
	  ATTR_KEY },
	{ "<  >  I", "sort by the column to the left or right; turn the order round", ATTR_KEY },
	{ "F2  F6", "choose columns and theme; choose the column to sort by", ATTR_KEY },
	{ "t", "tree of tasks or of loops, and back", ATTR_KEY },
	{ "g",
	  "on Coroutines: what a row is; on Tasks: tasks by where they wait, and back; elsewhere: "
	  "to the first row",
	  ATTR_KEY },
	{ "w",
	  "on Coroutines: count the last 10 seconds, the last minute, or all; on Stalls: worst "
	  "first",
	  ATTR_KEY },
	{ "b",
	  "on Coroutines: what was counted so far is the baseline, and columns show the change "
	  "since: +38%, x2.4, = (less than 10 %), dim if too few steps or stalls; again: give it "
	  "up",
	  ATTR_KEY },
	{ "Space  U", "tag the row; remove all tags", ATTR_KEY },
	{ "KEYS: MEASURE", NULL, ATTR_TITLE },
	{ "p", "pause: the screen stands still, measuring goes on", ATTR_KEY },
	{ "r", "forget what was counted so far", ATTR_KEY },
	{ "+  -", "draw more or less often", ATTR_KEY },
	{ "]  [", "raise or lower the threshold, from which on a step is a stall (T: raise)",
	  ATTR_KEY },
	{ "KEYS: OF A RECORDING", NULL, ATTR_TITLE },
	{ "p", "stop, and play on", ATTR_KEY },
	{ ",  .", "ten seconds back or forward; {  } a minute", ATTR_KEY },
	{ "+  -", "play faster or slower", ATTR_KEY },
	{ "r", "play from the beginning", ATTR_KEY },
	{ "KEYS: TAKE AWAY", NULL, ATTR_TITLE },
	{ "y", "copy the row, or the verdict and stack of the detail", ATTR_KEY },
	{ "S", "save a report: a menu of formats", ATTR_KEY },
	{ "e", "open file and line in the editor", ATTR_KEY },
	{ "q", "quit; the target never notices", ATTR_KEY },
};

static int help_new(void **ret_state)
{
	*ret_state = calloc(1, sizeof(struct page));
	return *ret_state ? 0 : -ENOMEM;
}

static void draw_cost(struct page *p, const struct view_cost *cost)
{
	char a[WORDS_BYTES], b[WORDS_BYTES], c[WORDS_BYTES];

	page__wrap(p, TEXT_COLUMN, ATTR_NORMAL, "Now: programs %s%%, traps %s%%, loopstall %s%%",
		   words__percent(cost->programs, a), words__percent(cost->traps, b),
		   words__percent(cost->self, c));
}

static void draw_row(struct page *p, const struct help_row *help, const struct view_cost *cost)
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
		if (help->word == self_word && cost->is_known)
			draw_cost(p, cost);
	}
}

static void help_draw(void *state, const struct screen_area *area)
{
	struct page *p = state;

	page__begin(p, area->canvas, area->row, area->rows);
	for (size_t i = 0; i < N_OF(help_rows); i++)
		draw_row(p, &help_rows[i], &area->status->cost);
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
