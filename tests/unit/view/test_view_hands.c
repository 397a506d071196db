/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What hands do: prompts that work while one types, menus, the mouse, the keys of the bottom line.
 */
#include <errno.h>

#include "base/array.h"
#include "view/stage.h"
#include "view/view_impl.h"

static void stage__expect_typed(struct stage *s, const uint32_t *keys, const char *shown)
{
	for (; *keys; keys++)
		stage__key(s, *keys);
	cr_expect(stage__shows(s, shown), "no '%s'", shown);
}

#define TYPE(s, shown, ...) stage__expect_typed(s, (const uint32_t[]){ __VA_ARGS__, 0 }, shown)

/* `into`: column of the text. */
static enum view_request stage__click(struct stage *s, const char *text, int into)
{
	int row = 0, column = 0;

	cr_assert(stage__find(s, text, &row, &column), "no '%s'", text);
	return stage__mouse(s, VKEY_MOUSE, row, column + into);
}

static enum canvas_attr stage__attr(const struct stage *s, const char *text)
{
	enum canvas_attr attr = ATTR_MAX;
	int row, column;

	if (stage__find(s, text, &row, &column))
		canvas__cell(s->canvas, row, column, &attr);
	return attr;
}

Test(view_hands, filter_applies_while_typed)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ .filter = "e" });
	stage__type(&s, "\\");
	TYPE(&s, "1 of 5", CONTROL('U'), 'r', 'e', 'n');
	cr_expect_not(stage__shows(&s, "fetch_row"));
	/* No pattern: what was good stays, and it is to be seen. */
	TYPE(&s, "ren([_  not a regular expression", '(', '[');
	cr_expect(stage__shows(&s, "1 of 5"));
	cr_expect_eq(stage__attr(&s, "ren(["), ATTR_BAD);
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__shows(&s, "filter: e "));
	cr_expect(stage__shows(&s, "fetch_row"));
	stage__type(&s, "\\(");
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "regex(7)"));
	cr_expect(stage__shows(&s, "filter: e "));
}

Test(view_hands, search_moves_while_typed)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	stage__type(&s, "j/gate");
	cr_expect(stage__shows(&s, "\u25b8 Gateway"));
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__shows(&s, "\u25b8 render"));
	cr_expect_neq(stage__attr(&s, "Gate"), ATTR_MATCH);
	/* Each key begins where the search began, not at the last match. */
	stage__type(&s, "g/r");
	cr_expect(stage__shows(&s, "\u25b8 fetch_row"));
	stage__type(&s, "e");
	cr_expect(stage__shows(&s, "\u25b8 render"));
	stage__type(&s, "x");
	cr_expect(stage__shows(&s, "\u25b8 fetch_row"));
	cr_expect(stage__shows(&s, "rex_  The search found nothing."));
	stage__key(&s, VKEY_BACKSPACE);
	cr_expect(stage__shows(&s, "\u25b8 render"));
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "\u25b8 render"));
	cr_expect_eq(stage__attr(&s, "render"), ATTR_MATCH);
}

Test(view_hands, prompts_can_be_edited)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	stage__type(&s, "/one two");
	TYPE(&s, "/one _", CONTROL('W'));
	TYPE(&s, "/Xone ", VKEY_HOME, 'X');
	cr_expect_eq(stage__attr(&s, "one "), ATTR_SELECTED);
	TYPE(&s, "/Xoe ", VKEY_RIGHT, VKEY_DELETE);
	TYPE(&s, "/Xe ", VKEY_BACKSPACE);
	TYPE(&s, "/Xe z_", VKEY_END, VKEY_RIGHT, 'z');
	TYPE(&s, "/X\u7f51", VKEY_LEFT, VKEY_LEFT, VKEY_LEFT, 0x7f51);
	TYPE(&s, "/Xe z", VKEY_BACKSPACE);
	TYPE(&s, "/e z", CONTROL('U'));
	TYPE(&s, "/_", CONTROL('E'), CONTROL('U'), VKEY_BACKSPACE, VKEY_DELETE, VKEY_LEFT,
	     VKEY_RIGHT, CONTROL('W'));
	/* Longer than the line: the end is what one sees. */
	for (int i = 0; i < 300; i++)
		stage__key(&s, i % 2 ? 0x7f51 : 'a');
	cr_expect(stage__shows(&s, "\u7f51_") || stage__shows(&s, "a_"));
	stage__key(&s, VKEY_HOME);
	cr_expect(stage__shows(&s, "/a\u7f51a"));
}

Test(view_hands, prompts_remember)
{
	_cleanup_(stage__done) struct stage s;
	char text[16];
	int i;

	stage__init(&s, &(struct view_opts){ 0 });
	for (i = 0; i < 12; i++) {
		snprintf(text, sizeof(text), "/line%d", i);
		stage__type(&s, text);
		stage__key(&s, VKEY_ENTER);
	}
	stage__type(&s, "/dra");
	TYPE(&s, "/line11_", VKEY_UP);
	TYPE(&s, "/line10_", VKEY_UP);
	TYPE(&s, "/dra_", VKEY_DOWN, VKEY_DOWN, VKEY_DOWN);
	for (i = 0; i < 20; i++)
		stage__key(&s, VKEY_UP);
	cr_expect(stage__shows(&s, "/line2_"));
	/* One that is used again is not there twice. */
	stage__key(&s, VKEY_ENTER);
	stage__type(&s, "/");
	TYPE(&s, "/line2_", VKEY_UP);
	TYPE(&s, "/line11_", VKEY_UP);
	for (i = 0; i < 20; i++)
		stage__key(&s, VKEY_UP);
	cr_expect(stage__shows(&s, "/line3_"));
	stage__key(&s, VKEY_ESCAPE);
	/* Filters are other lines. */
	stage__type(&s, "\\");
	TYPE(&s, "Filter: _", VKEY_UP);
}

Test(view_hands, sort_menu)
{
	_cleanup_(stage__done) struct stage s;
	int row, column;

	stage__init(&s, &(struct view_opts){ 0 });
	TYPE(&s, "Sort by", VKEY_F1 + 5);
	cr_expect(stage__shows(&s, "Enter Sort  Esc Back"));
	cr_expect_eq(stage__attr(&s, " *  STARVED"), ATTR_SELECTED);
	TYPE(&s, " *  STARVED", 'k');
	cr_expect_neq(stage__attr(&s, " *  STARVED"), ATTR_SELECTED);
	stage__key(&s, VKEY_ESCAPE);
	cr_expect_not(stage__shows(&s, "Sort by"));
	cr_expect(stage__shows(&s, "STARVED\u25bc"));
	TYPE(&s, "COROUTINE\u25b2", VKEY_F1 + 5, VKEY_HOME, VKEY_ENTER);
	/* The same again turns the order round. */
	TYPE(&s, "COROUTINE\u25bc", VKEY_F1 + 5, ' ');
	stage__key(&s, VKEY_F1 + 5);
	/* The fourth that can be sorted by. */
	cr_assert(stage__find(&s, "Sort by", &row, &column));
	stage__mouse(&s, VKEY_MOUSE, row + 4, column);
	cr_expect(stage__shows(&s, "BUSY%\u25bc"));
	cr_expect_not(stage__shows(&s, "Sort by"));
	/* A screen that is no table has none. */
	stage__key(&s, '?');
	cr_expect_eq(stage__key(&s, VKEY_F1 + 5), VIEW_NOTHING);
	cr_expect_eq(stage__key(&s, VKEY_F1 + 8), VIEW_NOTHING);
}

Test(view_hands, column_menu)
{
	_cleanup_(stage__done) struct stage s;
	int i;

	stage__init(&s, &(struct view_opts){ 0 });
	/* It says what a row stands for. */
	TYPE(&s, "[x] COROUTINE  (always)", VKEY_F1 + 1);
	TYPE(&s, "[x] COROUTINE  (always)", VKEY_ENTER);
	cr_expect(stage__shows(&s, "[x] STEPS  (no room)"));
	cr_expect(stage__shows(&s, "[x] MAX "));
	/* What is left drops by priority, as ever; the last one stays. */
	for (i = 0; i < 20; i++) {
		stage__key(&s, VKEY_DOWN);
		stage__key(&s, ' ');
	}
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__shows(&s, "COROUTINE"));
	cr_expect_not(stage__shows(&s, "MAX"));
	TYPE(&s, "STEPS", VKEY_F1 + 1, VKEY_DOWN, ' ', 'q');
	cr_expect_not(stage__shows(&s, "[x]"));
}

Test(view_hands, keys_stand_behind_a_message)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	s.fixture->status.message = "refreshed every 0.25 s";
	stage__draw(&s);
	cr_expect(stage__shows(&s, " refreshed every 0.25 s   F1 Help  Enter Detail"));
	cr_expect(stage__shows(&s, "q Quit"));
}

Test(view_hands, tabs_stay_beside_a_filter)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	cr_assert_eq(canvas__resize(s.canvas, 24, 100), 0);
	stage__type(&s, "\\cause:sleep");
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "[Coroutines] Tasks "));
	cr_expect(stage__shows(&s, "filter: cause:sleep  "));
	stage__type(&s, "\\ nothing|here|to|be|found");
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "[Coroutines] Tasks "));
	cr_expect(stage__shows(&s, "filtered  0 of"));
}

Test(view_hands, themes_are_in_the_setup_of_every_screen)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ .theme = THEME_LIGHT });
	TYPE(&s, "(x) theme light: for a light background", VKEY_F1 + 1, VKEY_END, VKEY_UP);
	cr_expect_eq(stage__attr(&s, "( ) theme mono"), ATTR_SELECTED);
	cr_expect_eq(stage__key(&s, VKEY_ENTER), VIEW_THEME);
	cr_expect_eq(view__theme(s.view), THEME_MONO);
	/* It stays open: one tries several. */
	cr_expect(stage__shows(&s, "(x) theme mono"));
	cr_expect(stage__shows(&s, "( ) theme light"));
	TYPE(&s, "F1 Help", VKEY_F1 + 1);
	stage__key(&s, '?');
	TYPE(&s, "( ) theme auto", VKEY_F1 + 1);
	cr_expect_not(stage__shows(&s, "[x]"));
	cr_expect_eq(stage__key(&s, ' '), VIEW_THEME);
	cr_expect_eq(view__theme(s.view), THEME_AUTO);
}

Test(view_hands, settings_are_saved_from_the_setup)
{
	_cleanup_(stage__done) struct stage s;
	struct view_settings settings;

	stage__init(&s, &(struct view_opts){ .theme = THEME_16, .group = GROUP_FILE });
	view__settings(s.view, &settings);
	cr_expect_str_eq(settings.screen, "coroutines");
	cr_expect_str_eq(settings.sort, "starved");
	cr_expect_str_eq(settings.columns, "");
	cr_expect_eq(settings.group, GROUP_FILE);
	cr_expect_eq(settings.theme, THEME_16);
	stage__type(&s, "3W");
	TYPE(&s, "[ ] AGO", VKEY_F1 + 1, ' ');
	stage__key(&s, VKEY_END);
	cr_expect_eq(stage__key(&s, VKEY_ENTER), VIEW_SAVE_SETTINGS);
	cr_expect(stage__shows(&s, "F1 Help"));
	/* The help stands in for the screen below it. */
	stage__key(&s, '?');
	view__settings(s.view, &settings);
	cr_expect_str_eq(settings.screen, "stalls");
	cr_expect_str_eq(settings.sort, "starved");
	cr_expect_str_eq(settings.columns,
			 "duration,name,task,cause,where,split,victims,starved,pid,began");
}

Test(view_hands, save_menu)
{
	static const struct view_format formats[] = {
		{ "text", "lines for people" },
		{ "json", "an object a line" },
		{ "html", "one page to send around" },
	};
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ .n_formats = 3, .formats = formats });
	cr_expect_eq(stage__key(&s, 'S'), VIEW_REDRAW);
	cr_expect(stage__shows(&s, "Save as"));
	cr_expect(stage__shows(&s, "html        one page to send around"));
	cr_expect_eq(stage__key(&s, 'j'), VIEW_REDRAW);
	cr_expect_eq(stage__key(&s, VKEY_ENTER), VIEW_SAVE);
	cr_expect_eq(view__format(s.view), 1);
	cr_expect_not(stage__shows(&s, "Save as"));
	/* It comes back on what was chosen, on screens of text as well. */
	stage__key(&s, '?');
	TYPE(&s, " *  json", 'S');
	cr_expect_eq(stage__key(&s, VKEY_ESCAPE), VIEW_REDRAW);
	cr_expect_eq(stage__key(&s, 'S'), VIEW_REDRAW);
	cr_expect_eq(stage__key(&s, ' '), VIEW_SAVE);
	cr_expect_eq(view__format(s.view), 1);
}

/* A recording that is played has other keys, and stands still by itself. */
Test(view_hands, replay)
{
	static const struct {
		uint32_t key;
		enum view_request request;
	} requests[] = {
		{ 'p', VIEW_PLAY },
		{ ',', VIEW_SEEK_BACK },
		{ '.', VIEW_SEEK_FORWARD },
		{ '{', VIEW_SEEK_FAR_BACK },
		{ '}', VIEW_SEEK_FAR_FORWARD },
		{ 'r', VIEW_REWIND },
		{ '+', VIEW_FASTER },
		{ '-', VIEW_SLOWER },
	};
	struct view_replay replay = { 12000000000ULL, 90000000000ULL, 2, false };
	_cleanup_(stage__done) struct stage s;
	size_t i;

	stage__init(&s, &(struct view_opts){ .is_replay = true });
	s.fixture->status.replay = &replay;
	for (i = 0; i < N_OF(requests); i++)
		cr_expect_eq(stage__key(&s, requests[i].key), requests[i].request, "key %c",
			     (int)requests[i].key);
	cr_expect_not(view__is_paused(s.view));
	cr_expect(stage__shows(&s, "x2  00:00:12 of 00:01:30"));
	cr_expect(stage__shows(&s, "recorded at 0.4% cpu"));
	s.fixture->status.cost = (struct view_cost){ 0 };
	stage__draw(&s);
	cr_expect(stage__shows(&s, "recorded"));
	cr_expect_not(stage__shows(&s, "recorded at"));
	cr_expect(stage__shows(&s, "p Stop/play"));
	cr_expect_not(stage__shows(&s, "Refresh"));
	replay.is_stopped = true;
	stage__draw(&s);
	cr_expect(stage__shows(&s, "STOPPED"));
}

/* The smallest terminal scrolls both. */
Test(view_hands, menus_fit_the_smallest_terminal)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	cr_assert_eq(canvas__resize(s.canvas, 16, 60), 0);
	stage__draw(&s);
	TYPE(&s, "[x] COROUTINE", VKEY_F1 + 1);
	cr_expect_not(stage__shows(&s, "[x] WHERE"));
	TYPE(&s, "[x] WHERE", VKEY_END);
	cr_expect_not(stage__shows(&s, "[x] COROUTINE"));
	cr_expect(stage__shows(&s, "Space Choose  Esc Back"));
	TYPE(&s, "[x] COROUTINE", VKEY_WHEEL_UP, 'g');
	cr_assert_eq(canvas__resize(s.canvas, 15, 60), 0);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "needs 60x16, has 60x15"));
	cr_expect_eq(stage__mouse(&s, VKEY_MOUSE, 14, 2), VIEW_REDRAW);
	cr_assert_eq(canvas__resize(s.canvas, 1, 1), 0);
	stage__draw(&s);
	cr_assert_eq(canvas__resize(s.canvas, 24, 80), 0);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "F1 Help"));
}

Test(view_hands, bottom_line_is_clicked)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	cr_assert_eq(canvas__resize(s.canvas, 24, 200), 0);
	stage__draw(&s);
	cr_expect_eq(stage__click(&s, "q Quit", 3), VIEW_QUIT);
	cr_expect_eq(stage__click(&s, "S Save", 0), VIEW_SAVE);
	cr_expect_eq(stage__click(&s, "+- Refresh", 0), VIEW_FASTER);
	cr_expect_eq(stage__click(&s, "+- Refresh", 1), VIEW_SLOWER);
	cr_expect_eq(stage__click(&s, "[] Threshold", 1), VIEW_THRESHOLD_UP);
	cr_expect_eq(stage__click(&s, "[] Threshold", 0), VIEW_THRESHOLD_DOWN);
	cr_expect_eq(stage__click(&s, "S Save  r Reset", 6), VIEW_NOTHING);
	stage__click(&s, "p Pause", 4);
	cr_expect(view__is_paused(s.view));
	stage__click(&s, "p Continue", 4);
	cr_expect_not(view__is_paused(s.view));
	stage__click(&s, "Space Tag", 2);
	cr_expect(stage__shows(&s, "1 tagged"));
	stage__click(&s, "U Untag", 2);
	cr_expect_not(stage__shows(&s, "tagged"));
	stage__click(&s, "F6 Sort", 4);
	cr_expect(stage__shows(&s, "Sort by"));
	stage__click(&s, "Esc Back", 1);
	cr_expect_not(stage__shows(&s, "Sort by"));
	stage__click(&s, "F1 Help", 1);
	cr_expect(stage__shows(&s, "WHAT YOU SEE"));
}

/* Only what does something here. */
Test(view_hands, bottom_line_knows_the_screen)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	cr_assert_eq(canvas__resize(s.canvas, 24, 200), 0);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "e Edit"));
	cr_expect_not(stage__shows(&s, "t Tree"));
	stage__key(&s, 'G'); /* "(other)" */
	cr_expect_not(stage__shows(&s, "e Edit"));
	stage__key(&s, '?');
	cr_expect_not(stage__shows(&s, "Sort"));
	cr_expect_not(stage__shows(&s, "Space Tag"));
	cr_expect_not(stage__shows(&s, "e Edit"));
	cr_expect_not(stage__shows(&s, "y Copy"));
	cr_expect(stage__shows(&s, "q Quit"));
	stage__key(&s, VKEY_ESCAPE);
	TYPE(&s, "This screen has no tree.", 't');
	TYPE(&s, "This screen has no tree.", VKEY_F1 + 4);
	cr_expect_eq(stage__key(&s, 'c'), VIEW_NOTHING);
}

Test(view_hands, double_click_is_enter)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	/* The cursor is on the row, but nobody has clicked. */
	stage__click(&s, "fetch_row", 2);
	cr_expect(stage__shows(&s, "[Coroutines]"));
	stage__click(&s, "render", 2);
	cr_expect(stage__shows(&s, "\u25b8 render"));
	stage__key(&s, 'x');
	stage__click(&s, "render", 2);
	cr_expect(stage__shows(&s, "[Coroutines]"));
	stage__click(&s, "render", 3);
	cr_expect_not(stage__shows(&s, "[Coroutines]"));
	cr_expect(stage__shows(&s, "render"));
}

Test(view_hands, wheel)
{
	_cleanup_(stage__done) struct stage s;
	struct coroutine_row rows[40];
	char names[40][8];
	int i;

	stage__init(&s, &(struct view_opts){ 0 });
	memset(rows, 0, sizeof(rows));
	for (i = 0; i < 40; i++) {
		snprintf(names[i], sizeof(names[i]), "co%02d", i);
		rows[i] = (struct coroutine_row){ .coroutine = { names[i], "f.py", 1 },
						  .starved_ns = (uint64_t)(100 - i) };
	}
	s.fixture->snapshot.rows = rows;
	s.fixture->snapshot.n_rows = 40;
	fixture_sum(&s.fixture->snapshot);
	stage__draw(&s);
	stage__mouse(&s, VKEY_WHEEL_DOWN, 9, 9);
	cr_expect(stage__shows(&s, "\u25b8 co03"));
	cr_expect_not(stage__shows(&s, "co02"));
	stage__mouse(&s, VKEY_WHEEL_UP, 9, 9);
	cr_expect(stage__shows(&s, "\u25b8 co03"));
	cr_expect(stage__shows(&s, "co00"));
	/* Half a page, and back. */
	TYPE(&s, "\u25b8 co10", CONTROL('D'));
	TYPE(&s, "\u25b8 co03", CONTROL('U'));
	for (i = 0; i < 30; i++)
		stage__mouse(&s, VKEY_WHEEL_DOWN, 9, 9);
	cr_expect(stage__shows(&s, "co39"));
	/* Text scrolls as well. */
	stage__key(&s, '?');
	stage__mouse(&s, VKEY_WHEEL_DOWN, 9, 9);
	cr_expect_not(stage__shows(&s, "WHAT YOU SEE"));
	stage__mouse(&s, VKEY_WHEEL_UP, 9, 9);
	cr_expect(stage__shows(&s, "WHAT YOU SEE"));
	stage__key(&s, CONTROL('F'));
	cr_expect_not(stage__shows(&s, "WHAT YOU SEE"));
}

Test(view_hands, wants_tasks_where_they_are_shown)
{
	_cleanup_(stage__done) struct stage s;
	int i;

	stage__init(&s, &(struct view_opts){ 0 });
	for (i = 0; i < SCREEN_MAX; i++) {
		if (!view__ops(i)->is_in_tabs)
			continue;
		view__show(s.view, i);
		cr_expect_eq(view__wants_tasks(s.view), view__ops(i)->wants_tasks);
		view__show(s.view, view__find_screen(SCREEN_OF_SUBJECT));
		cr_expect_eq(view__wants_tasks(s.view), view__ops(i)->wants_tasks);
		view__show(s.view, view__find_screen(SCREEN_OF_HELP));
		cr_expect_eq(view__wants_tasks(s.view), view__ops(i)->wants_tasks);
	}
}
