/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls that are open: their rows, those of their coroutines, that each is there once, and the
 * sums at the end of the measurement.
 */
#include "model/reading.h"

/* Read now, in a sleep of fetch_row that handler calls. */
static struct model_live live_of(const struct script *s, uint64_t span, enum ls_unit unit,
				 const struct ls_frame *frames, size_t n)
{
	struct model_live live = { .stall = script_stall(s, span, unit),
				   .cause = LS_CAUSE_SLEEP,
				   .syscall = 230,
				   .stack_flags = LS_STACK_AT_CORO,
				   .n_frames = n,
				   .frames = frames };

	script_time(&live.stall, LS_CAUSE_CPU, 100 * MS);
	script_time(&live.stall, LS_CAUSE_SLEEP, 50 * MS);
	return live;
}

Test(live, row_has_what_a_stall_has)
{
	const struct ls_frame frames[] = { { FETCH_ROW, 31 }, { HANDLER, 14 } };
	struct script *s = script_new();
	struct model_live live = live_of(s, 7, LS_UNIT_STEP, frames, 2);
	const struct snapshot *snap;
	const struct stall *row;

	live.stall.victims = 12;
	live.n_victim_names = 2;
	live.victim_names[0] = script_pystr("heartbeat");
	live.victim_names[1] = (struct ls_pystr){ .number = 5, .ascii = 1 };
	cr_assert_eq(model__live(s->model, &live, 1), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_live, 1);
	cr_assert_eq(snap->live_ns, s->now_ns);
	row = &snap->live[0];
	cr_assert_eq(row->end, LS_END_OPEN);
	cr_assert_eq(row->duration_ns, 150 * MS);
	cr_assert_eq(row->start_ns, s->now_ns - 150 * MS);
	cr_assert_eq(row->cpu_ns, 100 * MS);
	cr_assert_eq(row->blocked_ns, 50 * MS);
	cr_assert_eq(row->cause, LS_CAUSE_SLEEP, "it is asleep now");
	cr_assert_str_eq(row->task_name, "Task-7");
	cr_assert_str_eq(row->call.function, "fetch_row");
	cr_assert_str_eq(row->coroutine.name, "handler");
	cr_assert_eq(row->victims, 12);
	cr_assert_eq(row->victims_named, 2);
	cr_assert_str_eq(row->victim_names[0], "heartbeat");
	cr_assert_str_eq(row->victim_names[1], "Task-5");
	cr_assert_eq(snap->stalls, 0, "it is in no sum");
	script_free(s);
}

/* The copy of its user stack came when it began to sleep. */
Test(live, sleep_of_a_library_is_told_while_it_goes_on)
{
	const struct ls_frame frames[] = { { FETCH_ROW, 31 }, { HANDLER, 14 } };
	struct script *s = script_new();
	struct ls_rec_stack stack = script_stack(s, 7, LS_CAUSE_SLEEP, 0);
	const struct model_live live = live_of(s, 7, LS_UNIT_STEP, frames, 2);
	const struct snapshot *snap;
	struct ls_rec_native native;

	script_frame(&stack, FETCH_ROW, 31);
	native = script_native_stack(s, &stack);
	native.ips[0] = 0x7f00;
	native.ips[1] = 0x7f01;
	cr_assert_eq(script_send(s, &native, native.hdr.len), 0);
	cr_assert_eq(model__live(s->model, &live, 1), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_live, 1);
	cr_assert(snap->live[0].is_library_call);
	cr_assert_eq(snap->live[0].sign, SIGN_LIBRARY);
	script_free(s);
}

Test(live, its_end_takes_it_over)
{
	const struct ls_frame frames[] = { { FETCH_ROW, 31 }, { HANDLER, 14 } };
	struct script *s = script_new();
	struct model_live live[2];
	struct ls_rec_stall end;

	live[0] = live_of(s, 7, LS_UNIT_STEP, frames, 2);
	live[1] = live_of(s, 3, LS_UNIT_STEP, frames, 2);
	live[1].stall.hdr.tid++;
	cr_assert_eq(model__live(s->model, live, 2), 0);
	end = live[0].stall;
	end.end = LS_END_OPEN;
	cr_assert_eq(script_send(s, &end, sizeof(end)), 0);
	cr_assert_eq(reading_snapshot(s)->n_live, 2, "an interim record is no end");
	end.end = LS_END_RETURN;
	cr_assert_eq(script_send(s, &end, sizeof(end)), 0);
	cr_assert_eq(reading_snapshot(s)->n_live, 1);
	cr_assert_eq(reading_snapshot(s)->live[0].tid, TID + 1);
	cr_assert_eq(reading_snapshot(s)->n_stalls, 1);
	cr_assert_eq(reading_snapshot(s)->stall_list[0]->start_ns, live[0].stall.start_ns);
	script_free(s);
}

Test(live, coroutine_has_a_row_before_its_first_step_ends)
{
	const struct ls_frame frames[] = { { FETCH_ROW, 31 }, { HANDLER, 14 } };
	struct script *s = script_new();
	struct model_live live[3];
	const struct coroutine_row *row;

	for (uint32_t i = 0; i < 3; i++) {
		live[i] = live_of(s, 7 + i, LS_UNIT_STEP, frames, 2);
		live[i].stall.hdr.tid += i;
		live[i].stall.start_ns += i;
	}
	live[2].stall.code = RENDER;
	reading_coroutine(s, TID, HANDLER, 5, MS);
	reading_coroutine(s, TID, TICK, 5, MS);
	cr_assert_eq(model__live(s->model, live, 3), 0);
	cr_assert_eq(reading_snapshot(s)->n_rows, 3);
	row = reading_row(reading_snapshot(s), "handler");
	cr_assert_eq(row->open, 2);
	cr_assert_eq(row->open_since_ns, live[0].stall.start_ns);
	cr_assert_eq(row->steps, 5);
	cr_assert_str_eq(row->where.function, "fetch_row");
	cr_assert_eq(row->where_cause, LS_CAUSE_SLEEP);
	row = reading_row(reading_snapshot(s), "render");
	cr_assert_eq(row->open, 1);
	cr_assert_eq(row->steps, 0);
	cr_assert_eq(row->pid, PID);
	cr_assert_eq(reading_row(reading_snapshot(s), "tick")->open, 0);
	cr_assert_eq(model__live(s->model, NULL, 0), 0);
	cr_assert_eq(reading_snapshot(s)->n_rows, 2);
	cr_assert_eq(reading_row(reading_snapshot(s), "handler")->open, 0);
	script_free(s);
}

/* A thread whose loop has ended is in a callback's span until it exits. */
Test(live, callback_needs_a_stack_inside_the_loop)
{
	const struct ls_frame inside[] = { { RENDER, 81 }, { HANDLE_RUN, 80 }, { RUN_ONCE, 1900 } };
	const struct ls_frame outside[] = { { MAIN_MODULE, 3 } };
	struct script *s = script_new();
	struct model_live live[] = {
		live_of(s, 1, LS_UNIT_CALLBACK, inside, 3),
		live_of(s, 2, LS_UNIT_CALLBACK, outside, 1),
		live_of(s, 3, LS_UNIT_CALLBACK, NULL, 0),
	};

	live[1].stall.hdr.tid++;
	live[2].stall.hdr.tid += 2;
	cr_assert_eq(model__live(s->model, live, 3), 0);
	cr_assert_eq(reading_snapshot(s)->n_live, 1);
	cr_assert_str_eq(reading_snapshot(s)->live[0].coroutine.name, "render");
	cr_assert_eq(reading_snapshot(s)->n_rows, 0, "only steps have rows");
	script_free(s);
}

Test(live, what_is_open_at_the_end_is_in_all_sums)
{
	const struct snapshot *snap;
	const struct coroutine_row *row;
	struct script *s = script_new();
	struct ls_rec_stall end = script_stall(s, 1, LS_UNIT_STEP);

	script_time(&end, LS_CAUSE_CPU, 100 * MS);
	script_time(&end, LS_CAUSE_LOCK, 500 * MS);
	end.end = LS_END_RUNNING;
	reading_coroutine(s, TID, HANDLER, 5, MS);
	reading_thread(s, PID, TID, 5, 5 * MS);
	cr_assert_eq(script_send(s, &end, sizeof(end)), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->stalls, 1);
	cr_assert_eq(snap->steps, 6);
	cr_assert_eq(snap->step_ns, 605 * MS);
	row = reading_row(snap, "handler");
	cr_assert_eq(row->steps, 6);
	cr_assert_eq(row->stalls, 1);
	cr_assert_eq(row->max_ns, 600 * MS);
	cr_assert_eq(row->blocked_ns, 500 * MS);
	cr_assert_eq(row->cpu_ns, 105 * MS);
	model__reset(s->model);
	cr_assert_eq(reading_snapshot(s)->n_rows, 0);
	script_free(s);
}

Test(live, ended_stall_covers_its_seconds)
{
	struct script *s = script_new();
	struct ls_rec_stall end;
	const struct snapshot *snap;

	s->now_ns = 1000 * SECOND;
	cr_assert_eq(model__tick(s->model, s->now_ns - 5 * SECOND), 0);
	end = script_stall(s, 1, LS_UNIT_STEP);
	script_time(&end, LS_CAUSE_SLEEP, 5 * SECOND / 2);
	cr_assert_eq(script_send(s, &end, sizeof(end)), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_seconds, 6);
	for (size_t i = 0; i < 6; i++) {
		cr_assert_eq(snap->seconds[i].covered_ns, i < 2 ? 0 : 5 * SECOND / 2, "%zu", i);
		cr_assert_eq(snap->seconds[i].stalls, i == 5);
	}
	script_free(s);
}
