/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls in, their list and the table by call site out.
 */
#include "model/ledger.h"
#include "model/reading.h"

Test(ledger, newest_stall_is_first_and_kept_whole)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	reading_victim(s, 1, "Task-3", 40 * MS);
	reading_stall(s, 1, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	s->now_ns += 100 * MS;
	reading_stall(s, 2, HANDLER, RENDER, 88, LS_CAUSE_CPU, 20 * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_stalls, 2);
	cr_assert_eq(snap->stall_list[0]->duration_ns, 20 * MS);
	cr_assert_str_eq(snap->stall_list[0]->call.function, "render");
	cr_assert_eq(snap->stall_list[1]->duration_ns, 50 * MS);
	cr_assert_str_eq(snap->stall_list[1]->victim_names[0], "Task-3");
	cr_assert_eq(snap->stall_list[1]->n_frames, 2);
	script_free(s);
}

Test(ledger, list_of_stalls_forgets_the_oldest)
{
	struct script *s = script_new();
	const struct snapshot *snap;
	uint64_t span;

	for (span = 1; span <= MODEL_MAX_STALLS + 10; span++) {
		s->now_ns += MS;
		reading_stall(s, span, HANDLER, RENDER, 88, LS_CAUSE_CPU, span * 1000);
	}
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_stalls, MODEL_MAX_STALLS);
	cr_assert_eq(snap->stall_list[0]->duration_ns, (MODEL_MAX_STALLS + 10) * 1000);
	cr_assert_eq(snap->stall_list[MODEL_MAX_STALLS - 1]->duration_ns, 11 * 1000);
	script_free(s);
}

Test(ledger, list_of_stalls_is_as_long_as_wanted)
{
	struct script *s = script_new();
	const struct snapshot *snap;
	uint64_t span;

	model__keep_stalls(s->model, 0);
	reading_stall(s, 1, HANDLER, RENDER, 88, LS_CAUSE_CPU, MS);
	cr_assert_eq(s->n_stalls, 1, "told all the same");
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_stalls, 0);
	cr_assert_eq(snap->n_sites, 1);
	model__keep_stalls(s->model, 2);
	for (span = 2; span < 6; span++)
		reading_stall(s, span, HANDLER, RENDER, 88, LS_CAUSE_CPU, span * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_stalls, 2);
	cr_assert_eq(snap->stall_list[0]->duration_ns, 5 * MS);
	cr_assert_eq(snap->stall_list[1]->duration_ns, 4 * MS);
	script_free(s);
}

/* The longest name that the kernel side sends has room. */
Test(ledger, name_of_a_task_is_never_cut)
{
	struct ls_pystr name = { .kind = 1, .length = LS_NAME_BYTES, .copied = LS_NAME_BYTES };
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);

	memset(name.data, 0xe9, sizeof(name.data));
	rec.name = name;
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	cr_assert_eq(strlen(s->stall.task_name), 2 * LS_NAME_BYTES);
	script_free(s);
}

Test(ledger, site_is_a_line_with_its_cause)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	reading_stall(s, 1, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	s->now_ns += 100 * MS;
	reading_stall(s, 2, TICK, FETCH_ROW, 31, LS_CAUSE_SLEEP, 30 * MS);
	reading_stall(s, 3, HANDLER, FETCH_ROW, 31, LS_CAUSE_CPU, 20 * MS);
	reading_stall(s, 4, HANDLER, FETCH_ROW, 32, LS_CAUSE_SLEEP, 10 * MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_sites, 3);
	cr_assert_str_eq(snap->sites[0].at.file, "/srv/app/db.py");
	cr_assert_eq(snap->sites[0].at.line, 31);
	cr_assert_eq(snap->sites[0].cause, LS_CAUSE_SLEEP);
	cr_assert_eq(snap->sites[0].stalls, 2);
	cr_assert_eq(snap->sites[0].total_ns, 80 * MS);
	cr_assert_eq(snap->sites[0].max_ns, 50 * MS);
	cr_assert_eq(snap->sites[0].last_ns, s->now_ns);
	cr_assert_str_eq(snap->sites[0].coroutine.name, "tick", "of the newest stall");
	cr_assert_eq(snap->sites[1].cause, LS_CAUSE_CPU);
	cr_assert_eq(snap->sites[2].at.line, 32);
	script_free(s);
}

Test(ledger, turns_and_stalls_without_a_stack_have_no_site)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 2, LS_UNIT_TURN);
	const struct snapshot *snap;

	script_end(s, 1, LS_CAUSE_SLEEP);
	script_at(s, 2, LS_CAUSE_CPU, 9 * MS, RENDER, 88);
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_stalls, 2);
	cr_assert_eq(snap->n_sites, 0);
	script_free(s);
}

Test(ledger, sites_beyond_the_limit_are_a_loss)
{
	struct script *s = script_new();
	const struct snapshot *snap;
	uint64_t span;

	for (span = 1; span <= LEDGER_MAX_SITES + 3; span++)
		reading_stall(s, span, HANDLER, RENDER, span, LS_CAUSE_CPU, MS);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_sites, LEDGER_MAX_SITES);
	cr_assert_eq(reading_loss(snap, "site_rows"), 3);
	script_free(s);
}

Test(ledger, row_names_the_line_that_cost_its_coroutine_most)
{
	struct script *s = script_new();
	const struct coroutine_row *row;

	reading_coroutine(s, TID, HANDLER, 10, MS);
	reading_coroutine(s, TID, TICK, 10, MS);
	reading_stall(s, 1, HANDLER, RENDER, 88, LS_CAUSE_CPU, 40 * MS);
	reading_stall(s, 2, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 30 * MS);
	reading_stall(s, 3, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 30 * MS);
	row = reading_row(reading_snapshot(s), "handler");
	cr_assert_str_eq(row->where.function, "fetch_row");
	cr_assert_eq(row->where.line, 31);
	cr_assert_eq(row->where_cause, LS_CAUSE_SLEEP);
	row = reading_row(reading_snapshot(s), "tick");
	cr_assert_null(row->where.function, "it never stalled");
	script_free(s);
}

Test(ledger, rows_follow_what_is_booked_after_a_snapshot)
{
	struct script *s = script_new();

	reading_stall(s, 1, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	cr_assert_eq(reading_snapshot(s)->sites[0].stalls, 1);
	reading_stall(s, 2, HANDLER, FETCH_ROW, 31, LS_CAUSE_SLEEP, 50 * MS);
	cr_assert_eq(reading_snapshot(s)->sites[0].stalls, 2);
	cr_assert_eq(reading_snapshot(s)->sites[0].stalls, 2);
	script_free(s);
}
