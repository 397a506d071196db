/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines in, the newest of them out.
 */
#include "model/reading.h"

Test(log, newest_line_is_first_and_copied)
{
	struct script *s = script_new();
	const struct snapshot *snap;
	char text[] = "attached";

	cr_assert_eq(reading_snapshot(s)->n_log, 0);
	cr_assert_eq(model__log(s->model, 5 * SECOND, LOG_GRADE_INFO, PID, text), 0);
	strcpy(text, "gone");
	cr_assert_eq(model__log(s->model, 6 * SECOND, LOG_GRADE_ERROR, 0, text), 0);
	cr_assert_eq(model__log(s->model, 6 * SECOND, LOG_GRADE_ERROR, 0, text), 0);
	model__reset(s->model);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_log, 3, "each call is a line, and what happened has happened");
	cr_assert_eq(snap->log[0].number, 3);
	cr_assert_eq(snap->log[2].number, 1);
	cr_assert_eq(snap->log[2].at_ns, 5 * SECOND);
	cr_assert_eq(snap->log[2].grade, LOG_GRADE_INFO);
	cr_assert_eq(snap->log[2].pid, PID);
	cr_assert_str_eq(snap->log[2].text, "attached");
	cr_assert_eq(snap->log[0].grade, LOG_GRADE_ERROR);
	cr_assert_str_eq(snap->log[0].text, "gone");
	script_free(s);
}

Test(log, oldest_lines_are_forgotten_and_long_ones_cut)
{
	struct script *s = script_new();
	const struct snapshot *snap;
	static char text[100000];
	uint64_t i;

	memset(text, 'x', sizeof(text) - 1);
	for (i = 0; i < MODEL_MAX_LOG + 7; i++)
		cr_assert_eq(model__log(s->model, i, LOG_GRADE_WARNING, 0, text), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_log, MODEL_MAX_LOG);
	cr_assert_eq(snap->log[0].number, MODEL_MAX_LOG + 7);
	cr_assert_eq(snap->log[MODEL_MAX_LOG - 1].number, 8);
	cr_assert_lt(strlen(snap->log[0].text), 2000);
	script_free(s);
}
