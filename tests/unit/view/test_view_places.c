/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stays in its place: marks of past seconds, the order of rows, the way back.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "view/stage.h"

/* The marks of the last minute, as drawn at 80 columns: two seconds each. */
static void read_strip(struct stage *s, char marks[256])
{
	enum canvas_attr attr;

	marks[0] = '\0';
	for (int i = 0; i < 30; i++)
		strcat(marks, canvas__cell(s->canvas, 2, 11 + i, &attr));
}

Test(view_places, marks_of_the_strip_keep_their_seconds)
{
	_cleanup_(stage__done) struct stage s;
	char now[256], next[256], after[256];
	struct second_row *seconds;

	stage__init(&s, &(struct view_opts){ 0 });
	seconds = s.fixture->seconds;
	s.fixture->status.now_ns = VIEW_NOW_NS / (2 * VIEW_S) * 2 * VIEW_S;
	stage__draw(&s);
	read_strip(&s, now);
	/* A second later there is one more, in the same mark as the one before it. */
	for (int k = 0; k < 2; k++) {
		memmove(seconds, seconds + 1, 60 * sizeof(*seconds));
		seconds[60] = (struct second_row){ .busy = 0 };
		s.fixture->status.now_ns += VIEW_S;
		stage__draw(&s);
		read_strip(&s, k ? after : next);
	}
	cr_expect_str_eq(next, now);
	/* Then all move on by one. */
	cr_expect(strstr(now, "\u25a0") || strstr(now, "\u25aa"));
	cr_expect_eq(strncmp(after, now + strlen("\u00b7"), strlen(now) - 8), 0, "%s\n%s", now,
		     after);
}

Test(view_places, stalls_are_in_the_order_of_their_ends)
{
	_cleanup_(stage__done) struct stage s;
	int long_row, short_row, column;

	stage__init(&s, &(struct view_opts){ .screen = "stalls" });
	/* It began first and ended last: another loop's. */
	s.fixture->stalls[1].start_ns = s.fixture->stalls[0].start_ns - VIEW_S;
	s.fixture->stalls[1].duration_ns = s.fixture->stalls[0].duration_ns + 2 * VIEW_S;
	s.fixture->status.now_ns += 10 * VIEW_S;
	stage__draw(&s);
	cr_assert(stage__find(&s, "2.0", &long_row, &column));
	cr_assert(stage__find(&s, "52ms", &short_row, &column));
	cr_expect_lt(long_row, short_row);
}

Test(view_places, backspace_leads_back_as_escape_does)
{
	_cleanup_(stage__done) struct stage s;
	int row, column;

	stage__init(&s, &(struct view_opts){ 0 });
	stage__key(&s, VKEY_ENTER);
	cr_expect_not(stage__find(&s, "[Coroutines]", &row, &column));
	stage__key(&s, VKEY_BACKSPACE);
	cr_expect(stage__find(&s, "[Coroutines]", &row, &column));
	stage__key(&s, VKEY_F1 + 1);
	stage__key(&s, VKEY_BACKSPACE);
	cr_expect_not(stage__shows(&s, "(x) theme"));
	/* Out of a zoomed flame graph first, then out of the screen. */
	stage__type(&s, "7jj");
	stage__key(&s, VKEY_ENTER);
	stage__key(&s, VKEY_ESCAPE);
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__find(&s, "[Flame]", &row, &column));
	for (int i = 0; i < 3; i++)
		stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__find(&s, "[Coroutines]", &row, &column));
}
