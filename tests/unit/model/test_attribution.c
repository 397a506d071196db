/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scripted stalls: which cause, which line, which stack, which callback.
 */
#include "base/array.h"
#include "model/script.h"

static void check_frame(const struct model_frame *frame, const char *function, const char *file,
			uint32_t line)
{
	cr_assert_str_eq(frame->function, function);
	cr_assert_str_eq(frame->file, file);
	cr_assert_eq(frame->line, line, "line %u, not %u", frame->line, line);
}

Test(attribution, each_cause_is_named_and_split)
{
	enum ls_cause cause;

	for (cause = 0; cause < LS_CAUSE_MAX; cause++) {
		struct script *s = script_new();
		const struct stall *stall = &s->stall;
		const enum ls_class class = ls_cause_class(cause);

		script_end(s, 1, cause);
		cr_assert_eq(s->n_stalls, 1);
		cr_assert_eq(stall->cause, cause);
		cr_assert_eq(stall->cause_ns[cause], 50 * MS);
		cr_assert_eq(stall->cpu_ns, class == LS_CLASS_CPU ? 50 * MS : 0);
		cr_assert_eq(stall->blocked_ns, class == LS_CLASS_BLOCKED ? 50 * MS : 0);
		cr_assert_eq(stall->gil_ns, class == LS_CLASS_GIL ? 50 * MS : 0);
		cr_assert_eq(stall->runqueue_ns, class == LS_CLASS_RUNQUEUE ? 50 * MS : 0);
		cr_assert_eq(stall->cpu_ns + stall->blocked_ns + stall->gil_ns + stall->runqueue_ns,
			     stall->duration_ns);
		script_free(s);
	}
}

Test(attribution, largest_part_wins_and_ties_go_to_the_first_wait)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);

	script_time(&rec, LS_CAUSE_CPU, 30);
	script_time(&rec, LS_CAUSE_FILE, 20);
	script_time(&rec, LS_CAUSE_PIPE, 20);
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.cause, LS_CAUSE_CPU);
	script_time(&rec, LS_CAUSE_FILE, 10);
	script_time(&rec, LS_CAUSE_PIPE, 10);
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.cause, LS_CAUSE_FILE);
	script_time(&rec, LS_CAUSE_PIPE, 1);
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.cause, LS_CAUSE_PIPE);
	cr_assert_eq(s->stall.blocked_ns, 61);
	script_free(s);
}

Test(attribution, stall_without_any_time_is_no_wait)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);

	script_time(&rec, LS_CAUSE_CPU, 0);
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.cause, LS_CAUSE_CPU);
	script_free(s);
}

Test(attribution, most_sampled_line_beats_the_heaviest_sample)
{
	struct script *s = script_new();
	int i;

	script_at(s, 1, LS_CAUSE_CPU, 9 * MS, FETCH_ROW, 31);
	for (i = 0; i < 4; i++)
		script_at(s, 1, LS_CAUSE_CPU, 3 * MS, RENDER, 88);
	script_end(s, 1, LS_CAUSE_CPU);
	check_frame(&s->stall.call, "render", "/srv/app/views.py", 88);
	cr_assert_eq(s->stall.n_frames, 2);
	check_frame(&s->stall.stack[0], "render", "/srv/app/views.py", 88);
	check_frame(&s->stall.stack[1], "handler", "/srv/app/web.py", 14);
	cr_assert(!s->stall.is_stack_cut);
	cr_assert_null(s->stall.call_syscall);
	cr_assert_null(s->stall.call_native);
	script_free(s);
}

/* The same line reached in two ways, by two instructions of it, is one line. */
Test(attribution, a_line_is_summed_over_callers_and_shows_its_heaviest_stack)
{
	struct script *s = script_new();
	struct ls_rec_stack rec = script_stack(s, 1, LS_CAUSE_CPU, 4 * MS);

	script_at(s, 1, LS_CAUSE_CPU, 3 * MS, RENDER, 88);
	script_frame(&rec, RENDER, 88);
	script_frame(&rec, HANDLER, 19);
	script_send_stack(s, &rec);
	script_at(s, 1, LS_CAUSE_CPU, 6 * MS, FETCH_ROW, 31);
	script_end(s, 1, LS_CAUSE_CPU);
	check_frame(&s->stall.call, "render", "/srv/app/views.py", 88);
	check_frame(&s->stall.stack[1], "handler", "/srv/app/web.py", 19);
	script_free(s);
}

Test(attribution, many_short_waits_add_up)
{
	struct script *s = script_new();
	struct ls_rec_stack rec = script_stack(s, 1, LS_CAUSE_SLEEP, 1 * MS);
	int i;

	script_frame(&rec, FETCH_ROW, 31);
	script_frame(&rec, HANDLER, 14);
	rec.syscall = 230;
	rec.native_ip = 0x7f00;
	script_at(s, 1, LS_CAUSE_SLEEP, 5 * MS, RENDER, 88);
	for (i = 0; i < 10; i++)
		script_send_stack(s, &rec);
	script_at(s, 1, LS_CAUSE_CPU, 40 * MS, TICK, 6);
	script_end(s, 1, LS_CAUSE_SLEEP);
	check_frame(&s->stall.call, "fetch_row", "/srv/app/db.py", 31);
	cr_assert_str_eq(s->stall.call_syscall, "clock_nanosleep");
	cr_assert_str_eq(s->stall.call_native, "libc.so.6:clock_nanosleep");
	script_free(s);
}

Test(attribution, ties_between_lines_go_by_file_and_line)
{
	struct script *s = script_new();

	script_at(s, 1, LS_CAUSE_CPU, 3 * MS, RENDER, 88);
	script_at(s, 1, LS_CAUSE_CPU, 3 * MS, FETCH_ROW, 33);
	script_at(s, 1, LS_CAUSE_CPU, 3 * MS, FETCH_ROW, 31);
	script_end(s, 1, LS_CAUSE_CPU);
	check_frame(&s->stall.call, "fetch_row", "/srv/app/db.py", 31);
	script_free(s);
}

Test(attribution, run_queue_time_is_told_where_the_cpu_was_used)
{
	struct script *s = script_new();

	script_at(s, 1, LS_CAUSE_SLEEP, 9 * MS, FETCH_ROW, 31);
	script_at(s, 1, LS_CAUSE_CPU, 1 * MS, RENDER, 88);
	script_end(s, 1, LS_CAUSE_RUNQUEUE);
	check_frame(&s->stall.call, "render", "/srv/app/views.py", 88);
	script_at(s, 2, LS_CAUSE_SLEEP, 9 * MS, FETCH_ROW, 31);
	script_end(s, 2, LS_CAUSE_RUNQUEUE);
	check_frame(&s->stall.call, "fetch_row", "/srv/app/db.py", 31);
	cr_assert_null(s->stall.call_syscall);
	script_free(s);
}

Test(attribution, without_a_stack_of_the_cause_any_will_do_but_not_its_system_call)
{
	struct script *s = script_new();
	struct ls_rec_stack rec = script_stack(s, 1, LS_CAUSE_NETWORK, 1 * MS);

	script_frame(&rec, FETCH_ROW, 31);
	rec.syscall = 45;
	script_send_stack(s, &rec);
	script_end(s, 1, LS_CAUSE_LOCK);
	check_frame(&s->stall.call, "fetch_row", "/srv/app/db.py", 31);
	cr_assert_null(s->stall.call_syscall);
	script_free(s);
}

Test(attribution, unreadable_stack_still_tells_its_system_call)
{
	struct script *s = script_new();
	struct ls_rec_stack rec = script_stack(s, 1, LS_CAUSE_NETWORK, 9 * MS);

	rec.syscall = 45;
	rec.flags = LS_STACK_UNREADABLE;
	script_send_stack(s, &rec);
	script_end(s, 1, LS_CAUSE_NETWORK);
	cr_assert_null(s->stall.call.function);
	cr_assert_str_eq(s->stall.call_syscall, "recvfrom");
	cr_assert_eq(s->stall.n_frames, 0);
	cr_assert(s->stall.is_stack_cut);
	cr_assert_str_eq(s->stall.coroutine.name, "handler");
	script_free(s);
}

Test(attribution, stack_with_frames_is_preferred_to_a_heavier_one_without)
{
	struct script *s = script_new();
	struct ls_rec_stack rec = script_stack(s, 1, LS_CAUSE_CPU, 9 * MS);

	script_send_stack(s, &rec);
	script_at(s, 1, LS_CAUSE_CPU, 1 * MS, RENDER, 88);
	script_end(s, 1, LS_CAUSE_CPU);
	check_frame(&s->stall.call, "render", "/srv/app/views.py", 88);
	script_free(s);
}

Test(attribution, no_stack_at_all_leaves_the_coroutine)
{
	struct script *s = script_new();

	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert_null(s->stall.call.function);
	cr_assert_null(s->stall.call.file);
	cr_assert_eq(s->stall.call.line, 0);
	cr_assert_str_eq(s->stall.coroutine.name, "handler");
	cr_assert_eq(s->stall.coroutine.first_line, 10);
	script_free(s);
}

Test(attribution, shims_are_skipped)
{
	struct script *s = script_new();
	struct ls_rec_stack rec = script_stack(s, 1, LS_CAUSE_CPU, 9 * MS);

	script_frame(&rec, 0, 5);
	script_frame(&rec, RENDER, 88);
	script_frame(&rec, 0, 5);
	script_frame(&rec, HANDLER, 14);
	script_send_stack(s, &rec);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert_eq(s->stall.n_frames, 2);
	check_frame(&s->stall.call, "render", "/srv/app/views.py", 88);
	check_frame(&s->stall.stack[1], "handler", "/srv/app/web.py", 14);
	script_free(s);
}

Test(attribution, frames_of_the_coroutine_carry_its_qualified_name)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);

	script_at(s, 1, LS_CAUSE_CPU, 9 * MS, RENDER, 88);
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	rec.qualname = 0x77;
	script_send_stall(s, &rec);
	cr_assert_str_eq(s->stall.coroutine.name, "Qualified.name");
	cr_assert_str_eq(s->stall.stack[1].function, "Qualified.name");
	cr_assert_str_eq(s->stall.stack[0].function, "render");
	script_free(s);
}

Test(attribution, code_that_cannot_be_read)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);

	script_at(s, 1, LS_CAUSE_CPU, 9 * MS, 0xdead, 3);
	rec.code = 0xbeef;
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	check_frame(&s->stall.stack[0], "?", "?", 3);
	check_frame(&s->stall.call, "handler", "/srv/app/web.py", 14);
	cr_assert_null(s->stall.coroutine.name);
	cr_assert_null(s->stall.coroutine.file);
	script_free(s);
}

Test(attribution, step_stack_that_does_not_reach_its_coroutine_is_cut)
{
	struct script *s = script_new();
	struct ls_rec_stack rec = script_stack(s, 1, LS_CAUSE_CPU, 9 * MS);

	rec.flags = 0;
	script_frame(&rec, RENDER, 88);
	script_send_stack(s, &rec);
	script_end(s, 1, LS_CAUSE_CPU);
	cr_assert(s->stall.is_stack_cut);
	script_free(s);
}

Test(attribution, steps_of_unknown_coroutine_have_none)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);

	rec.code = 0;
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	cr_assert_null(s->stall.coroutine.name);
	script_free(s);
}

Test(attribution, step_that_runs_another_loop)
{
	static const uint64_t codes[] = { SELECT, RUN_ONCE, RUN_FOREVER, FETCH_ROW, HANDLER };
	struct script *s = script_new();
	struct ls_rec_stack stack = script_stack(s, 3, LS_CAUSE_NETWORK, 50 * MS);
	struct ls_rec_stall stall = script_stall(s, 3, LS_UNIT_STEP);

	stack.flags = LS_STACK_AT_CORO;
	for (uint64_t i = 0; i < 5; i++)
		script_frame(&stack, codes[i], 100 + i);
	script_send_stack(s, &stack);
	script_time(&stall, LS_CAUSE_NETWORK, 50 * MS);
	script_send_stall(s, &stall);
	cr_assert_eq(s->stall.sign, SIGN_NESTED_LOOP);
	cr_assert_str_eq(s->stall.own.function, "fetch_row");
	script_free(s);
}

Test(turn, has_no_coroutine_and_takes_the_heaviest_stack_of_its_spans)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 9, LS_UNIT_TURN);

	script_at(s, 7, LS_CAUSE_CPU, 2 * MS, FETCH_ROW, 31);
	script_at(s, 8, LS_CAUSE_CPU, 3 * MS, RENDER, 88);
	rec.hdr.ts_ns += 60 * MS;
	script_time(&rec, LS_CAUSE_CPU, 65 * MS);
	rec.steps = 12;
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.unit, LS_UNIT_TURN);
	cr_assert_null(s->stall.coroutine.name);
	cr_assert_str_eq(s->stall.task_name, "");
	cr_assert_eq(s->stall.steps, 12);
	check_frame(&s->stall.call, "render", "/srv/app/views.py", 88);
	script_free(s);
}
