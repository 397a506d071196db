/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a row leads to: below the table the preview, with Enter the stalls of a group, and back.
 */
#include "view/stage.h"

#include <errno.h>
#include <string.h>

static int lines_read;

static int count_line(void *ctx, uint32_t pid, const char *file, uint32_t line, char *buf,
		      size_t size)
{
	(void)ctx;
	(void)pid;
	(void)file;
	lines_read++;
	snprintf(buf, size, "line %u of the file", line);
	return 0;
}

static void resize(struct stage *s, int rows, int columns)
{
	cr_assert_eq(canvas__resize(s->canvas, rows, columns), 0);
	stage__draw(s);
}

Test(view_rows, a_group_leads_to_its_stalls_and_back)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ .group = GROUP_FILE });
	/* One file, one row: the other one. */
	stage__type(&s, "j");
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "[Stalls]"));
	cr_expect(stage__shows(&s, "of 3"), "a part of all stalls");
	cr_expect(stage__shows(&s, "Esc Back"));
	/* A stall of it, and the same stalls again. */
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "[Detail]"));
	stage__key(&s, VKEY_BACKSPACE);
	cr_expect(stage__shows(&s, "[Stalls]"));
	cr_expect(stage__shows(&s, "of 3"));
	/* A filter goes first. */
	stage__type(&s, "\\pid:7");
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "No row passes"));
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__shows(&s, "[Stalls]"));
	stage__key(&s, VKEY_BACKSPACE);
	cr_expect(stage__shows(&s, "[Coroutines]"));
	cr_expect(stage__shows(&s, "by file"));
	/* Asked for by its number, the screen has all of them. */
	stage__key(&s, VKEY_ENTER);
	stage__type(&s, "3");
	cr_expect(stage__shows(&s, "[Stalls]"));
	cr_expect_not(stage__shows(&s, "of 3"));
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__shows(&s, "[Stalls]"));
}

Test(view_rows, a_loop_leads_to_its_stalls)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ .screen = "loops" });
	s.fixture->stalls[1].tid++;
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "[Stalls]"));
	cr_expect(stage__shows(&s, "2 of 3"), "those of its thread");
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__shows(&s, "[Loops]"));
}

Test(view_rows, a_group_may_be_forgotten_while_its_stalls_are_listed)
{
	_cleanup_(stage__done) struct stage s;
	char name[] = "a-task";

	stage__init(&s, &(struct view_opts){ .group = GROUP_TASK });
	for (int i = 0; i < VIEW_STALLS; i++)
		strcpy(s.fixture->stalls[i].task_name, name);
	fixture_sum(&s.fixture->snapshot);
	stage__draw(&s);
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "of a-task"));
	/* The copy of the name that the model had is freed (the sanitizers watch). */
	s.fixture->snapshot.n_stalls = 1;
	fixture_sum(&s.fixture->snapshot);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "of a-task"));
}

Test(view_rows, the_preview_is_there_where_there_is_room)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	cr_expect_not(stage__shows(&s, "worst stall"));
	resize(&s, 35, 120);
	cr_expect_not(stage__shows(&s, "worst stall"));
	resize(&s, 36, 120);
	cr_expect(stage__shows(&s, "time.sleep, of the worst stall"));
	stage__type(&s, "v");
	cr_expect_not(stage__shows(&s, "worst stall"));
	stage__type(&s, "v");
	stage__type(&s, "j");
	cr_expect(stage__shows(&s, "cpu, of the worst stall"), "it is about the row below");
	/* In one column it begins with the verdict. */
	resize(&s, 60, 60);
	cr_expect(stage__shows(&s, "v hides"));
	cr_expect(stage__shows(&s, "Computes on the loop's thread."));
}

Test(view_rows, the_preview_reads_a_source_line_once)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	s.fixture->status.source_line = count_line;
	resize(&s, 40, 120);
	cr_expect(stage__shows(&s, "line 31 of the file"));
	cr_expect_eq(lines_read, 5, "%d lines", lines_read);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "line 31 of the file"));
	cr_expect_eq(lines_read, 5, "%d lines after another drawing", lines_read);
	stage__type(&s, "j");
	cr_expect(stage__shows(&s, "line 88 of the file"));
	cr_expect_eq(lines_read, 10);
}

Test(view_rows, a_recording_has_the_lines_of_its_stalls)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	for (int i = 0; i < VIEW_STALLS; i++) {
		s.fixture->stalls[i].own = s.fixture->stalls[i].call;
		s.fixture->stalls[i].source = "first\nsecond\n\tslow()";
	}
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "    29  first"));
	cr_expect(stage__shows(&s, ">    31      slow()"));
}

Test(view_rows, a_filter_finds_every_cause_that_a_row_had)
{
	_cleanup_(stage__done) struct stage s;

	stage__init(&s, &(struct view_opts){ 0 });
	s.fixture->rows[0].causes = 1u << LS_CAUSE_SLEEP | 1u << LS_CAUSE_DNS;
	fixture_sum(&s.fixture->snapshot);
	stage__type(&s, "\\cause:dns");
	cr_expect(stage__shows(&s, "fetch_row"));
	cr_expect_not(stage__shows(&s, "render"));
}

/* Of names that differ in their number. */
static void add_victims(struct stage *s, struct victim_row *rows, char names[][16], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], 16, "beat-%zu", i);
		rows[i] = (struct victim_row){ .name = names[i],
					       .coroutine = { "beat", "/srv/app/web.py", 7 },
					       .culprit = s->fixture->rows[i == 0].coroutine,
					       .times = i,
					       .starved_ns = (n - i) * VIEW_MS,
					       .worst_ns = i * VIEW_MS,
					       .last_ns = VIEW_NOW_NS - i * VIEW_S };
	}
	/* The same name of another coroutine, and one without a number. */
	rows[n - 2].coroutine.name = "other";
	rows[n - 1].name = "main";
	s->fixture->snapshot.victims = rows;
	s->fixture->snapshot.n_victims = n;
	stage__draw(s);
}

Test(view_rows, a_family_of_victims_is_one_row)
{
	_cleanup_(stage__done) struct stage s;
	struct victim_row rows[12];
	char names[12][16];

	stage__init(&s, &(struct view_opts){ .screen = "victims" });
	add_victims(&s, rows, names, 12);
	cr_expect(stage__shows(&s, "beat-* (10)"));
	/* Sums: of 0 ... 9 times, of 12 ... 3 ms; the worst, and what the first one waited behind.
	 */
	cr_expect(stage__shows(&s, "    45     75ms"));
	cr_expect(stage__shows(&s, "9.0ms"));
	cr_expect(stage__shows(&s, "render"));
	cr_expect(stage__shows(&s, "beat-10 "));
	cr_expect_not(stage__shows(&s, "beat-3 "));
	cr_expect(stage__shows(&s, "Enter Unfold"));
	stage__key(&s, VKEY_ENTER);
	cr_expect_not(stage__shows(&s, "beat-*"));
	cr_expect(stage__shows(&s, "beat-3 "));
	cr_expect(stage__shows(&s, "Enter Detail"));
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "[Detail]"));
	stage__key(&s, VKEY_ESCAPE);
	stage__key(&s, VKEY_ESCAPE);
	cr_expect(stage__shows(&s, "beat-* (10)"));
	/* A name that is looked for has a row. */
	stage__type(&s, "\\beat-3");
	stage__key(&s, VKEY_ENTER);
	cr_expect(stage__shows(&s, "beat-3 "));
	cr_expect(stage__shows(&s, "1 of 12"));
}

Test(view_rows, two_are_no_family)
{
	_cleanup_(stage__done) struct stage s;
	struct victim_row rows[4];
	char names[4][16];

	stage__init(&s, &(struct view_opts){ .screen = "victims" });
	add_victims(&s, rows, names, 4);
	cr_expect(stage__shows(&s, "beat-0 "));
	cr_expect(stage__shows(&s, "beat-1 "));
	cr_expect(stage__shows(&s, "beat-2 "));
}

Test(view_rows, a_full_list_says_that_it_is_one)
{
	_cleanup_(stage__done) struct stage s;
	const struct stall *list[MODEL_MAX_STALLS];

	stage__init(&s, &(struct view_opts){ .screen = "stalls" });
	for (int i = 0; i < MODEL_MAX_STALLS; i++)
		list[i] = &s.fixture->stalls[i % VIEW_STALLS];
	s.fixture->snapshot.stall_list = list;
	s.fixture->snapshot.n_stalls = MODEL_MAX_STALLS - 1;
	stage__draw(&s);
	cr_expect_not(stage__shows(&s, "the last"));
	s.fixture->snapshot.n_stalls = MODEL_MAX_STALLS;
	stage__draw(&s);
	cr_expect(stage__shows(&s, "the last 512"));
}
