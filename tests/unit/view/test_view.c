/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The view's own duties: what it asks of its owner, pause, prompts, mouse, options.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/array.h"
#include "view/stage.h"
#include "view/words.h"

Test(view, asks_its_owner)
{
	static const struct {
		uint32_t key;
		enum view_request request;
	} requests[] = {
		{ 'q', VIEW_QUIT },	      { VKEY_F1 + 9, VIEW_QUIT },
		{ 'r', VIEW_RESET },	      { '+', VIEW_FASTER },
		{ '-', VIEW_SLOWER },	      { 'T', VIEW_THRESHOLD_UP },
		{ ']', VIEW_THRESHOLD_UP },   { '[', VIEW_THRESHOLD_DOWN },
		{ 't', VIEW_REDRAW },	      { 'y', VIEW_COPY },
		{ 'S', VIEW_SAVE },	      { 'e', VIEW_EDIT },
		{ 'Z' & 0x1f, VIEW_SUSPEND }, { 'j', VIEW_REDRAW },
		{ KEY_NONE, VIEW_NOTHING },   { 0x4e00, VIEW_NOTHING },
	};
	_cleanup_(stage__done) struct stage s;
	const char *file;
	uint32_t line;
	size_t i;

	stage__init(&s, &(struct view_opts){ 0 });
	for (i = 0; i < N_OF(requests); i++)
		cr_expect_eq(stage__key(&s, requests[i].key), requests[i].request, "key %x",
			     requests[i].key);
	stage__key(&s, 'g');
	cr_expect_eq(view__edit(s.view, &file, &line), 0);
	cr_expect_str_eq(file, "/srv/app/db.py");
	cr_expect_eq(line, 31);
	cr_expect_str_eq(
		view__copied(s.view),
		"fetch_row  412  2.0  10.4  50ms  51ms  52ms  52ms  28  8.1s  0  db.py:31 sleep\n");
	/* "(other)" is nowhere. */
	stage__key(&s, 'G');
	cr_expect_eq(view__edit(s.view, &file, &line), -ENOENT);
	cr_expect_eq(stage__key(&s, 'e'), VIEW_REDRAW);
	cr_expect(stage__shows(&s, "no source line"));
}

Test(view, pause_outlives_the_snapshot)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	stage__key(&s, 'p');
	cr_expect(view__is_paused(s.view));
	cr_expect(stage__shows(&s, "PAUSED"));
	s.fixture->rows[0].coroutine.name = "changed";
	s.fixture->snapshot.n_rows = 1;
	s.fixture->snapshot.n_live = 1;
	memset(s.fixture->stalls, 0, sizeof(s.fixture->stalls));
	fixture_sum(&s.fixture->snapshot);
	stage__key(&s, 'j');
	cr_expect(stage__shows(&s, "\u25b8 render"));
	/* An alarm is never hidden. */
	cr_expect(stage__shows(&s, "STUCK 1.42 s"));
	stage__key(&s, '3');
	cr_expect(stage__shows(&s, "views.py:88"));
	stage__key(&s, '1');
	stage__key(&s, 'p');
	cr_expect_not(stage__shows(&s, "PAUSED"));
	cr_expect(stage__shows(&s, "changed"));
	stage__key(&s, 'p');
	cr_expect_eq(stage__key(&s, 'r'), VIEW_RESET);
	cr_expect_not(view__is_paused(s.view));
}

Test(view, prompts_take_all_keys)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	stage__type(&s, "\\renq");
	cr_expect(stage__shows(&s, "Filter: renq_"));
	stage__key(&s, VKEY_BACKSPACE);
	stage__key(&s, 0x7f51);
	cr_expect(stage__shows(&s, "Filter: ren\u7f51_"));
	stage__key(&s, VKEY_BACKSPACE);
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "filter: ren"));
	cr_expect(stage__shows(&s, "1 of 5"));
	stage__key(&s, '\\');
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__shows(&s, "filter: ren"));
	stage__key(&s, VKEY_ESCAPE);
	cr_expect_not(stage__shows(&s, "filter: ren"));
	stage__type(&s, "/nowhere");
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "found nothing"));
}

static void paste(struct stage *s, const char *text)
{
	for (; *text; text++)
		view__input(s->view,
			    &(struct view_event){ .key = (uint8_t)*text, .is_pasted = true });
	stage__draw(s);
}

/* Its letters would quit, open an editor and move the threshold. */
Test(view, pasted_text_is_no_command)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	for (const char *at = "[qeT]x"; *at; at++)
		cr_expect_eq(
			view__input(s.view,
				    &(struct view_event){ .key = (uint8_t)*at, .is_pasted = true }),
			VIEW_NOTHING);
	stage__key(&s, '\\');
	paste(&s, "render q");
	cr_expect(stage__shows(&s, "Filter: render q_"));
}

Test(view, mouse_and_tabs)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	/* Head of MAX, then the second row, then the tab of Tasks. */
	cr_expect_eq(view__input(s.view, &(struct view_event){ VKEY_MOUSE, 6, 41, false }),
		     VIEW_REDRAW);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "MAX\u25bc"));
	view__input(s.view, &(struct view_event){ VKEY_MOUSE, 8, 10, false });
	stage__draw(&s);
	cr_expect(stage__shows(&s, "\u25b8 fetch_row"));
	view__input(s.view, &(struct view_event){ VKEY_MOUSE, 5, 15, false });
	stage__draw(&s);
	cr_expect(stage__shows(&s, "[Tasks]"));
	cr_expect_eq(view__input(s.view, &(struct view_event){ VKEY_MOUSE, 22, 70, false }),
		     VIEW_NOTHING);
	stage__key(&s, VKEY_BACKTAB);
	cr_expect(stage__shows(&s, "[Coroutines]"));
	stage__key(&s, VKEY_TAB);
	cr_expect(stage__shows(&s, "[Tasks]"));
	stage__key(&s, VKEY_ENTER);
	stage__key(&s, '?');
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__shows(&s, "[Tasks]"));
}

Test(view, options)
{
	struct view *v;
	_cleanup_(stage__done) struct stage s;

	stage__init(&s,
		    &(struct view_opts){ .screen = "stalls",
					 .sort = "duration",
					 .columns = "duration,name",
					 .filter = "cause:cpu" });
	cr_expect(stage__shows(&s, "LASTED\u25bc COROUTINE"));
	cr_expect(stage__shows(&s, "1 of 3"));
	cr_expect_not(stage__shows(&s, "WHERE"));
	cr_expect_eq(view__new(&v, &(struct view_opts){ .screen = "none" }), -ENOENT);
	cr_expect_eq(view__new(&v, &(struct view_opts){ .sort = "none" }), -ENOENT);
	cr_expect_eq(view__new(&v, &(struct view_opts){ .columns = "name,none" }), -ENOENT);
	cr_expect_eq(view__new(&v, &(struct view_opts){ .filter = "(" }), -EINVAL);
	cr_expect_eq(view__new(&v, &(struct view_opts){ .screen = "help", .sort = "name" }),
		     -EINVAL);
}

Test(view, times_of_day)
{
	char buf[WORDS_BYTES];

	setenv("TZ", "UTC", 1);
	tzset();
	/* 2023-11-14 22:13:20 */
	cr_expect_str_eq(words__time_of_day(7 * VIEW_MS, 1700000000 * VIEW_S, buf), "22:13:20.007");
	cr_expect_str_eq(words__time_of_day(3600 * VIEW_S, 1700000000 * VIEW_S, buf),
			 "23:13:20.000");
	cr_expect_str_eq(words__time_of_day(7 * VIEW_MS, 0, buf), "");
}

Test(view, words)
{
	static const struct {
		uint64_t ns;
		const char *words;
	} durations[] = {
		{ 0, "0" },
		{ 999, "999ns" },
		{ 1000, "1.0us" },
		{ 9949, "9.9us" },
		{ 9950, "10us" },
		{ 999499, "999us" },
		{ 999500, "1.0ms" },
		{ 50300000, "50ms" },
		{ 999500000, "1.0s" },
		{ 59 * VIEW_S, "59s" },
		{ 123 * VIEW_S, "2m03s" },
		{ 3723 * VIEW_S, "1h02m" },
		{ UINT64_MAX, "213503d" },
	};
	char buf[WORDS_BYTES];
	size_t i;

	for (i = 0; i < N_OF(durations); i++)
		cr_expect_str_eq(words__duration(durations[i].ns, buf), durations[i].words, "%s",
				 buf);
	cr_expect_str_eq(words__count(9999, buf), "9999");
	cr_expect_str_eq(words__count(18204, buf), "18.2k");
	cr_expect_str_eq(words__count(1234567, buf), "1.2M");
	cr_expect_str_eq(words__rate(0.0, buf), "0");
	cr_expect_str_eq(words__rate(4210.4, buf), "4210");
	cr_expect_str_eq(words__percent(0.104, buf), "10.4");
	cr_expect_str_eq(words__call(NULL, LS_CAUSE_SLEEP, SIGN_NONE, "clock_nanosleep"),
			 "time.sleep");
	cr_expect_str_eq(words__call(NULL, LS_CAUSE_OTHER, SIGN_NONE, "ioctl"), "ioctl");
	cr_expect_str_eq(words__call(NULL, LS_CAUSE_CPU, SIGN_NONE, NULL), "cpu");
	cr_expect_str_eq(words__file("/a/b.py"), "b.py");
	cr_expect_str_eq(words__file("/a/"), "/a/");
}
