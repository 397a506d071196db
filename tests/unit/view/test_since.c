/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows counted since a moment: windows, a baseline that was marked, the baseline of another run.
 */
#include "view/stage.h"
#include "view/since.h"

#define SECOND VIEW_S

/* Coroutine 0 makes so many more steps of that time, with so many stalls among them. */
static void go_on(struct stage *s, uint64_t seconds, uint64_t steps, uint64_t step_ns,
		  uint64_t stalls)
{
	struct coroutine_row *row = &s->fixture->rows[0];

	row->steps += steps;
	row->total_ns += steps * step_ns;
	row->hist[ls_hist_index(step_ns)] += (uint32_t)steps;
	row->stalls += stalls;
	row->starved_ns += stalls * VIEW_S;
	if (step_ns > row->max_ns)
		row->max_ns = step_ns;
	s->fixture->status.now_ns += seconds * SECOND;
	s->fixture->snapshot.live_ns += seconds * SECOND;
	fixture_sum(&s->fixture->snapshot);
	stage__draw(s);
}

/* The text of the row of coroutine 0. */
static void row_text(const struct stage *s, char *buf, size_t size)
{
	_cleanup_free_ char *text = NULL;
	char *line, *end;
	size_t length;
	FILE *f = open_memstream(&text, &length);

	canvas__dump(s->canvas, f, false);
	fclose(f);
	line = strstr(text, s->fixture->rows[0].coroutine.name);
	cr_assert_not_null(line, "%s", text);
	end = strchr(line, '\n');
	snprintf(buf, size, "%.*s", (int)(end - line), line);
}

static bool row_shows(const struct stage *s, const char *what)
{
	char text[512];

	row_text(s, text, sizeof(text));
	return strstr(text, what) != NULL;
}

/* A stage whose first coroutine has a histogram that fits its sums. */
static void begin(struct stage *s)
{
	const struct view_opts opts = { .columns = "name,steps,p99,max,stalls,starved" };

	stage__init(s, &opts);
	s->fixture->rows[0].total_ns = s->fixture->rows[0].steps * VIEW_US;
	s->fixture->rows[0].p99_ns = s->fixture->rows[0].max_ns = VIEW_US;
	s->fixture->rows[0].hist[ls_hist_index(VIEW_US)] = (uint32_t)s->fixture->rows[0].steps;
	go_on(s, 0, 0, VIEW_US, 0);
}

Test(since, a_window_counts_its_own_time)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	stage__key(&s, 'w');
	cr_expect(stage__shows(&s, "last 10s"));
	go_on(&s, 5, 40, 20 * VIEW_MS, 4);
	cr_expect(row_shows(&s, " 40 "));
	cr_expect(row_shows(&s, " 4 "));
	cr_expect(row_shows(&s, "4.0s"));
	/* Its p99 is that of the 40 steps, not of a million others. */
	cr_expect(row_shows(&s, "20ms   20ms"));
	/* What did nothing in that time has no row. */
	cr_expect_not(stage__shows(&s, s.fixture->rows[1].coroutine.name));
}

Test(since, what_is_before_the_window_is_dropped)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	stage__key(&s, 'w');
	go_on(&s, 2, 40, 20 * VIEW_MS, 4);
	for (int second = 0; second < 11; second++)
		go_on(&s, 1, 1, VIEW_MS, 0);
	cr_expect(row_shows(&s, " 10 ") || row_shows(&s, " 11 "));
	cr_expect_not(row_shows(&s, "4.0s"));
	stage__key(&s, 'w');
	cr_expect(stage__shows(&s, "last 1m"));
	stage__key(&s, 'w');
	cr_expect_not(stage__shows(&s, "last"));
}

Test(since, columns_show_the_change_since_a_mark)
{
	_cleanup_(stage__done) struct stage s;
	const uint64_t steps = 1000;

	begin(&s);
	/* The baseline: 161 s, of which the fixture counts. */
	stage__key(&s, 'b');
	cr_expect(stage__shows(&s, "change since"));
	go_on(&s, 161, steps, 2 * VIEW_US, 84);
	/* Three times as many stalls in the same time. */
	cr_expect(row_shows(&s, "x3"));
	stage__key(&s, 'b');
	cr_expect_not(stage__shows(&s, "change since"));
	cr_expect_not(row_shows(&s, "x3"));
}

Test(since, without_a_change_it_says_so)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	stage__key(&s, 'b');
	go_on(&s, 161, s.fixture->rows[0].steps, VIEW_US, 28);
	cr_expect(row_shows(&s, "="));
	cr_expect_not(row_shows(&s, "%"));
	cr_expect_not(row_shows(&s, "new"));
}

Test(since, another_run_is_a_baseline_wherever_its_lines_are)
{
	_cleanup_(stage__done) struct stage s;
	struct view_fixture *other = malloc(sizeof(*other));

	cr_assert_not_null(other);
	begin(&s);
	fixture_init(other, false);
	other->rows[0].coroutine.first_line += 7;
	other->rows[0].stalls = 7;
	fixture_sum(&other->snapshot);
	cr_assert_eq(view__set_baseline(s.view, &other->snapshot, 161 * SECOND), 0);
	free(other);
	fixture_sum(&s.fixture->snapshot);
	stage__draw(&s);
	cr_expect(stage__shows(&s, "change to baseline"));
	cr_expect(row_shows(&s, "x4"));
}

Test(since, clearing_the_counts_gives_the_mark_up)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	stage__key(&s, 'b');
	cr_expect_eq(stage__key(&s, 'r'), VIEW_RESET);
	cr_expect_not(stage__shows(&s, "change"));
	stage__key(&s, 'w');
	cr_expect_eq(stage__key(&s, 'r'), VIEW_RESET);
	cr_expect(stage__shows(&s, "last 10s"));
}

/* A snapshot of a part of a recording may hold less than the one before. */
Test(since, counts_that_went_back_are_no_negative_ones)
{
	_cleanup_(stage__done) struct stage s;

	begin(&s);
	stage__key(&s, 'w');
	s.fixture->rows[0].steps = 3;
	s.fixture->rows[0].stalls = 1;
	go_on(&s, 1, 0, VIEW_US, 0);
	cr_expect_not(stage__shows(&s, "18446744073709551"));
}

Test(since, other_screens_keep_their_keys)
{
	_cleanup_(stage__done) struct stage s;
	const struct view_opts opts = { .screen = "stalls" };

	stage__init(&s, &opts);
	stage__key(&s, 'w');
	stage__key(&s, 'b');
	stage__key(&s, '1');
	cr_expect_not(stage__shows(&s, "last 10s"));
	cr_expect_not(stage__shows(&s, "change since"));
}
