/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a turn consisted of, what made its tasks, and who waited for its end.
 */
#include "model/script.h"
#include "model/turn.h"

static struct ls_rec_turn turn_record(const struct script *s, uint64_t span)
{
	struct ls_rec_turn rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, LS_REC_TURN, sizeof(rec));
	rec.span = span;
	rec.n_parts = 2;
	rec.parts[0] =
		(struct ls_turn_part){ .code = HANDLER, .duration_ns = 18 * MS, .steps = 90 };
	rec.parts[1] = (struct ls_turn_part){ .code = 0xdead, .duration_ns = 5 * MS, .steps = 7 };
	rec.rest_ns = MS;
	rec.rest_steps = 3;
	rec.maker_code = TICK;
	rec.n_made = 90;
	rec.maker_origin = LS_MAKER_CREATED;
	return rec;
}

static void send_turn(struct script *s, uint64_t span)
{
	struct ls_rec_stall rec = script_stall(s, span, LS_UNIT_TURN);

	rec.steps = 100;
	rec.victims = 1;
	rec.starved_ns = 20 * MS;
	script_time(&rec, LS_CAUSE_CPU, 30 * MS);
	script_send(s, &rec, sizeof(rec));
}

static void send_maker(struct script *s, uint64_t span)
{
	struct ls_rec_stack stack = script_stack(s, span, LS_CAUSE_CPU, 0);

	stack.flags |= LS_STACK_MAKER;
	script_frame(&stack, RUN_ONCE, 1900);
	script_frame(&stack, TICK, 7);
	script_send_stack(s, &stack);
}

static void send_victim(struct script *s, uint64_t span)
{
	struct ls_rec_victim rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, LS_REC_VICTIM, sizeof(rec));
	rec.span = span;
	rec.code = RENDER;
	rec.starved_ns = 20 * MS;
	rec.name = script_pystr("heart");
	script_send(s, &rec, sizeof(rec));
}

Test(turn, parts_and_maker_are_named)
{
	struct script *s = script_new();
	const struct ls_rec_turn rec = turn_record(s, 9);
	const struct turn_parts *turn = &s->stall.turn;

	send_maker(s, 9);
	script_send(s, &rec, sizeof(rec));
	send_turn(s, 9);
	cr_assert(turn->is_known);
	cr_assert_eq(turn->n_parts, 2);
	cr_assert_str_eq(turn->parts[0].coroutine.name, "handler");
	cr_assert_eq(turn->parts[0].steps, 90);
	cr_assert_null(turn->parts[1].coroutine.name);
	cr_assert_eq(turn->rest_steps, 3);
	cr_assert_eq(turn__callbacks_ns(&s->stall), 6 * MS);
	cr_assert_str_eq(turn__coroutine(&s->stall)->name, "handler");
	cr_assert_str_eq(turn->maker.coroutine.name, "tick");
	cr_assert_str_eq(turn->maker.at.function, "tick", "the loop's frames are none of the user");
	cr_assert_eq(turn->maker.at.line, 7);
	cr_assert_eq(s->stall.n_frames, 0, "it is no place of the turn");
	cr_assert_null(s->stall.coroutine.name);
	script_free(s);
}

Test(turn, a_turn_without_a_record)
{
	struct script *s = script_new();
	const struct ls_rec_turn rec = turn_record(s, 8);

	script_send(s, &rec, sizeof(rec));
	send_turn(s, 9);
	cr_assert(!s->stall.turn.is_known, "that of another one");
	cr_assert_null(turn__coroutine(&s->stall));
	script_free(s);
}

/* The coroutine that ran most of the turn is the one behind which they waited. */
Test(turn, victims_of_a_turn)
{
	struct script *s = script_new();
	const struct ls_rec_turn rec = turn_record(s, 9);
	const struct snapshot *snapshot;

	send_victim(s, 9);
	script_send(s, &rec, sizeof(rec));
	send_turn(s, 9);
	cr_assert_eq(s->stall.victims_named, 1);
	cr_assert_str_eq(s->stall.victim_names[0], "heart");
	cr_assert_eq(model__snapshot(s->model, &snapshot), 0);
	cr_assert_eq(snapshot->starved_ns, 20 * MS);
	cr_assert_eq(snapshot->n_victims, 1);
	cr_assert_str_eq(snapshot->victims[0].culprit.name, "handler");
	script_free(s);
}

Test(turn, steps_have_no_parts)
{
	struct script *s = script_new();
	const struct ls_rec_turn rec = turn_record(s, 9);
	struct ls_rec_stall step = script_stall(s, 9, LS_UNIT_STEP);

	script_send(s, &rec, sizeof(rec));
	script_time(&step, LS_CAUSE_CPU, 30 * MS);
	script_send(s, &step, sizeof(step));
	cr_assert(!s->stall.turn.is_known);
	script_free(s);
}

Test(turn, records_out_of_range_are_refused)
{
	struct script *s = script_new();
	struct ls_rec_turn rec = turn_record(s, 9);
	struct event event;

	rec.n_parts = LS_MAX_TURN_PARTS + 1;
	cr_assert_eq(event__decode(&rec, sizeof(rec), &event), -EBADMSG);
	rec.n_parts = LS_MAX_TURN_PARTS;
	cr_assert_eq(event__decode(&rec, sizeof(rec), &event), 0);
	rec.maker_origin = LS_MAKER_MAX;
	cr_assert_eq(event__decode(&rec, sizeof(rec), &event), -EBADMSG);
	script_free(s);
}
