/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls with victims in, who waited and behind whom out.
 */
#include "model/reading.h"
#include "model/victims.h"

static void send_victim(struct script *s, uint64_t span, struct ls_pystr name, uint64_t code,
			uint64_t starved_ns)
{
	struct ls_rec_victim rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, LS_REC_VICTIM, sizeof(rec));
	rec.span = span;
	rec.task = 0x7f01;
	rec.code = code;
	rec.starved_ns = starved_ns;
	rec.name = name;
	cr_assert_eq(script_send(s, &rec, sizeof(rec)), 0);
}

static void stall_of(struct script *s, uint64_t span, uint64_t code)
{
	reading_stall(s, span, code, RENDER, 88, LS_CAUSE_CPU, 50 * MS);
}

Test(victims, know_behind_whom_they_waited_most)
{
	struct script *s = script_new();
	const struct snapshot *snap;

	reading_victim(s, 1, "reader", 40 * MS);
	reading_victim(s, 1, "writer", 90 * MS);
	stall_of(s, 1, TICK);
	reading_victim(s, 2, "reader", 30 * MS);
	stall_of(s, 2, HANDLER);
	s->now_ns += 100 * MS;
	reading_victim(s, 3, "reader", 25 * MS);
	stall_of(s, 3, HANDLER);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_victims, 2);
	cr_assert_str_eq(snap->victims[0].name, "reader");
	cr_assert_eq(snap->victims[0].times, 3);
	cr_assert_eq(snap->victims[0].starved_ns, 95 * MS);
	cr_assert_eq(snap->victims[0].worst_ns, 40 * MS);
	cr_assert_eq(snap->victims[0].last_ns, s->now_ns);
	cr_assert_str_eq(snap->victims[0].culprit.name, "handler", "55 ms, tick only 40 ms");
	cr_assert_str_eq(snap->victims[1].culprit.name, "tick");
	script_free(s);
}

Test(victims, without_a_name_of_their_own_are_told_apart_by_coroutine)
{
	const struct ls_pystr number = { .kind = 0, .number = 9 }, unreadable = { .kind = 0xff };
	struct script *s = script_new();
	const struct snapshot *snap;

	send_victim(s, 1, script_pystr("Task-17"), FETCH_ROW, 40 * MS);
	send_victim(s, 1, number, FETCH_ROW, 30 * MS);
	send_victim(s, 1, unreadable, FETCH_ROW, 20 * MS);
	send_victim(s, 1, script_pystr("Task-18"), TICK, 50 * MS);
	send_victim(s, 1, script_pystr("Task-19"), 0, 10 * MS);
	send_victim(s, 1, script_pystr("Task-20"), 0xbad, 5 * MS);
	send_victim(s, 1, script_pystr("Task-x"), FETCH_ROW, 4 * MS);
	send_victim(s, 1, script_pystr("Task-"), FETCH_ROW, 3 * MS);
	stall_of(s, 1, HANDLER);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_victims, 5);
	cr_assert_str_eq(snap->victims[0].name, "");
	cr_assert_str_eq(snap->victims[0].coroutine.name, "fetch_row");
	cr_assert_eq(snap->victims[0].times, 3);
	cr_assert_eq(snap->victims[0].starved_ns, 90 * MS);
	cr_assert_str_eq(snap->victims[1].coroutine.name, "tick");
	cr_assert_str_eq(snap->victims[2].name, "");
	cr_assert_null(snap->victims[2].coroutine.name, "it is not known");
	cr_assert_eq(snap->victims[2].times, 2);
	cr_assert_str_eq(snap->victims[3].name, "Task-x", "a name like any other");
	cr_assert_str_eq(snap->victims[3].coroutine.name, "fetch_row");
	cr_assert_str_eq(snap->victims[4].name, "Task-");
	cr_assert_str_eq(s->stall.victim_names[0], "Task-17", "a stall names them as they are");
	script_free(s);
}

Test(victims, culprit_is_known_though_nobody_knows_for_how_long_they_waited)
{
	struct script *s = script_new();

	reading_victim(s, 1, "reader", 0);
	stall_of(s, 1, TICK);
	cr_assert_str_eq(reading_snapshot(s)->victims[0].culprit.name, "tick");
	reading_victim(s, 2, "reader", MS);
	stall_of(s, 2, HANDLER);
	cr_assert_str_eq(reading_snapshot(s)->victims[0].culprit.name, "handler");
	script_free(s);
}

Test(victims, payers_add_up_to_what_was_starved)
{
	struct script *s = script_new();
	struct ls_rec_stall turn = script_stall(s, 4, LS_UNIT_TURN);
	const struct snapshot *snap;

	reading_victim(s, 1, "reader", 40 * MS);
	reading_victim(s, 1, "writer", 90 * MS);
	stall_of(s, 1, TICK);
	reading_victim(s, 2, "reader", 30 * MS);
	stall_of(s, 2, HANDLER);
	reading_victim(s, 3, "reader", 25 * MS);
	stall_of(s, 3, HANDLER);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_payers, 3);
	cr_assert_str_eq(snap->payers[0].culprit.name, "tick");
	cr_assert_str_eq(snap->victims[snap->payers[0].victim].name, "writer");
	cr_assert_eq(snap->payers[0].starved_ns, 90 * MS);
	cr_assert_str_eq(snap->payers[1].culprit.name, "handler");
	cr_assert_str_eq(snap->victims[snap->payers[1].victim].name, "reader");
	cr_assert_eq(snap->payers[1].times, 2);
	cr_assert_eq(snap->payers[1].starved_ns, 55 * MS);
	cr_assert_eq(snap->payers[2].starved_ns, 40 * MS);
	script_time(&turn, LS_CAUSE_CPU, 50 * MS);
	turn.victims = 1;
	script_send_stall(s, &turn);
	model__reset(s->model);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_victims + snap->n_payers, 0);
	reading_victim(s, 5, "reader", 7 * MS);
	stall_of(s, 5, TICK);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_payers, 1);
	cr_assert_eq(snap->payers[0].starved_ns, 7 * MS);
	script_free(s);
}

Test(victims, callback_of_no_known_function_is_a_culprit_without_a_name)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_CALLBACK);
	const struct snapshot *snap;

	reading_victim(s, 1, "reader", 40 * MS);
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_payers, 1);
	cr_assert_null(snap->payers[0].culprit.name);
	cr_assert_null(snap->victims[0].culprit.name);
	script_free(s);
}

Test(victims, beyond_the_limit_are_a_loss)
{
	struct script *s = script_new();
	const struct snapshot *snap;
	char name[32];
	uint64_t i;

	for (i = 0; i < VICTIMS_MAX + 2; i++) {
		snprintf(name, sizeof(name), "worker-%llu", (unsigned long long)i);
		reading_victim(s, i + 1, name, MS);
		script_end(s, i + 1, LS_CAUSE_CPU);
	}
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_victims, VICTIMS_MAX);
	cr_assert_eq(reading_loss(snap, "victim_rows"), 2);
	script_free(s);
}

/* Each of the victims waits behind each of five coroutines. */
Test(victims, pairs_beyond_the_limit_are_a_loss)
{
	static const uint64_t codes[] = { HANDLER, FETCH_ROW, RENDER, TICK, CONNECTION_LOST };
	const size_t n = VICTIMS_MAX / LS_MAX_VICTIM_NAMES;
	struct script *s = script_new();
	const struct snapshot *snap;
	uint64_t span = 0;
	char name[32];
	size_t c, i, k;

	for (c = 0; c < 5; c++) {
		for (i = 0; i < n; i++) {
			span++;
			for (k = 0; k < LS_MAX_VICTIM_NAMES; k++) {
				snprintf(name, sizeof(name), "worker-%zu",
					 i * LS_MAX_VICTIM_NAMES + k);
				reading_victim(s, span, name, MS);
			}
			stall_of(s, span, codes[c]);
		}
	}
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_payers, PAIRS_MAX);
	cr_assert_eq(reading_loss(snap, "culprit_rows"), 5 * VICTIMS_MAX - PAIRS_MAX);
	cr_assert_eq(snap->victims[0].times, 5, "the victims are booked all the same");
	script_free(s);
}
