/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scripted stalls of callbacks: which function it is, and what it runs in.
 */
#include "base/array.h"
#include "model/script.h"

/* `codes` ends with 0, innermost first; lines count from 100. */

static void send_callback(struct script *s, uint16_t flags, const uint64_t *codes)
{
	struct ls_rec_stack stack = script_stack(s, 3, LS_CAUSE_CPU, 9 * MS);
	struct ls_rec_stall stall = script_stall(s, 3, LS_UNIT_CALLBACK);
	uint64_t i;

	stack.flags = flags;
	for (i = 0; codes[i]; i++)
		script_frame(&stack, codes[i], 100 + i);
	script_send_stack(s, &stack);
	script_time(&stall, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &stall);
}

/* A wait in a selector that the user wrote is the loop's; one in a callback is not. */
Test(callback, a_selector_that_waits_is_none)
{
	static const uint64_t selector[] = { FETCH_ROW, TICK, RUN_ONCE, RUN_FOREVER, 0 };
	static const uint64_t handle[] = { FETCH_ROW, HANDLE_RUN, RUN_ONCE, RUN_FOREVER, 0 };
	const uint64_t *const stacks[] = { selector, handle };

	for (size_t i = 0; i < 2; i++) {
		struct script *s = script_new();
		struct ls_rec_stack stack = script_stack(s, 3, LS_CAUSE_SLEEP, 50 * MS);
		struct ls_rec_stall stall = script_stall(s, 3, LS_UNIT_CALLBACK);

		for (size_t k = 0; stacks[i][k]; k++)
			script_frame(&stack, stacks[i][k], 100 + k);
		script_send_stack(s, &stack);
		script_time(&stall, LS_CAUSE_SLEEP, 50 * MS);
		script_send_stall(s, &stall);
		cr_assert_eq(s->n_stalls, i, "%zu stalls", s->n_stalls);
		script_free(s);
	}
}

static void check_callback(uint16_t flags, const uint64_t *codes, const char *name,
			   uint32_t first_line, size_t n_frames, bool is_cut)
{
	struct script *s = script_new();

	send_callback(s, flags, codes);
	cr_assert_not_null(s->stall.coroutine.name);
	cr_assert_str_eq(s->stall.coroutine.name, name);
	cr_assert_eq(s->stall.coroutine.first_line, first_line);
	cr_assert_eq(s->stall.n_frames, n_frames, "%zu frames", s->stall.n_frames);
	cr_assert_eq(s->stall.is_stack_cut, is_cut);
	cr_assert_eq(s->stall.task, 0);
	cr_assert_str_eq(s->stall.task_name, "");
	cr_assert_eq(s->stall.call.line, 100);
	script_free(s);
}

#define CODES(...) ((const uint64_t[]){ __VA_ARGS__, 0 })

Test(callback, asyncio_calls_it_from_handle_run)
{
	check_callback(0, CODES(RENDER, TICK, HANDLE_RUN, RUN_ONCE, RUN_FOREVER, MAIN_MODULE),
		       "tick", 5, 2, false);
}

Test(callback, protocol_method_is_named_rather_than_the_transport)
{
	check_callback(0, CODES(RENDER, CONNECTION_LOST, READ_READY, HANDLE_RUN, RUN_ONCE),
		       "Proto.connection_lost", 50, 2, false);
}

Test(callback, transport_is_named_if_nothing_else_ran)
{
	check_callback(0, CODES(SELECT, READ_READY, HANDLE_RUN, RUN_ONCE),
		       "_SelectorSocketTransport._read_ready", 900, 2, false);
}

Test(callback, uvloop_has_only_the_runner)
{
	check_callback(0, CODES(RENDER, TICK, RUNNER_RUN, MAIN_MODULE), "tick", 5, 2, false);
	check_callback(0, CODES(TICK, RUN_UNTIL_COMPLETE, RUNNER_RUN, MAIN_MODULE), "tick", 5, 1,
		       false);
}

Test(callback, loop_machinery_alone_is_the_loops_own_frame)
{
	check_callback(0, CODES(SELECT, RUN_ONCE, RUN_FOREVER, RUN_UNTIL_COMPLETE, RUNNER_RUN),
		       "BaseEventLoop._run_once", 1845, 2, false);
	check_callback(0, CODES(RUN_ONCE, RUN_FOREVER), "BaseEventLoop._run_once", 1845, 1, false);
}

/* The function that calls it is innocent, and so is the program that runs a native loop. */
static void check_unseen(uint16_t flags, const uint64_t *codes)
{
	struct script *s = script_new();

	send_callback(s, flags, codes);
	cr_assert_eq(s->n_stalls, 1);
	cr_assert_null(s->stall.coroutine.name);
	cr_assert_null(s->stall.own.function);
	cr_assert_eq(s->stall.n_frames, 1);
	script_free(s);
}

Test(callback, written_in_c_and_not_known)
{
	check_unseen(0, CODES(HANDLE_RUN, RUN_ONCE, RUN_FOREVER));
	check_unseen(LS_STACK_AT_LOOP, CODES(RUNNER_RUN));
	check_unseen(LS_STACK_AT_LOOP, CODES(MAIN_MODULE));
}

Test(callback, written_in_c_has_a_name)
{
	check_callback(0, CODES(TIME_SLEEP, HANDLE_RUN, RUN_ONCE, RUN_FOREVER), "time.sleep", 0, 1,
		       false);
	check_callback(LS_STACK_AT_LOOP, CODES(TIME_SLEEP, MAIN_MODULE), "time.sleep", 0, 1, false);
}

/* The callback is around the other loop, and so is its own code. */
Test(callback, that_runs_another_loop)
{
	struct script *s = script_new();

	send_callback(s, 0,
		      CODES(SELECT, RUN_ONCE, RUN_FOREVER, FETCH_ROW, TICK, HANDLE_RUN, RUN_ONCE,
			    RUN_FOREVER, MAIN_MODULE));
	cr_assert(s->stall.is_nested_loop);
	cr_assert_str_eq(s->stall.coroutine.name, "tick");
	cr_assert_str_eq(s->stall.own.function, "fetch_row");
	cr_assert_eq(s->stall.n_frames, 5);
	send_callback(s, 0, CODES(SELECT, RUN_ONCE, RUN_FOREVER, MAIN_MODULE));
	cr_assert_not(s->stall.is_nested_loop, "the program runs the only loop");
	send_callback(s, 0, CODES(FETCH_ROW, HANDLE_RUN, RUN_FOREVER, TICK, HANDLE_RUN, RUN_ONCE));
	cr_assert_not(s->stall.is_nested_loop, "code that the other loop runs");
	cr_assert_str_eq(s->stall.coroutine.name, "fetch_row");
	script_free(s);
}

/* That loop has no frames: the stack ends with the frame that runs it. */
Test(callback, of_a_native_loop_that_runs_another_one)
{
	struct script *s = script_new();

	send_callback(s, LS_STACK_AT_LOOP,
		      CODES(SELECT, RUN_ONCE, RUN_FOREVER, FETCH_ROW, TICK, MAIN_MODULE));
	cr_assert(s->stall.is_nested_loop);
	cr_assert_str_eq(s->stall.coroutine.name, "tick");
	cr_assert_str_eq(s->stall.own.function, "fetch_row");
	script_free(s);
}

/* What can be done about a stall depends on what it runs in. */
Test(callback, has_a_context)
{
	struct script *s = script_new();

	send_callback(s, 0, CODES(TIME_SLEEP, HANDLE_RUN, RUN_FOREVER));
	cr_assert_eq(s->stall.context.call, CONTEXT_CALLBACK);
	send_callback(s, 0, CODES(FETCH_ROW, SESSION_DEL, TICK, HANDLE_RUN, RUN_FOREVER));
	cr_assert_eq(s->stall.context.call, CONTEXT_FINALIZER);
	cr_assert_str_eq(s->stall.own_call.function, "Session.__del__");
	cr_assert_str_eq(s->stall.interrupted.function, "tick");
	script_free(s);
}

/* Machinery of tornado names no callback; what it resumes can await. */
Test(callback, of_tornado)
{
	struct script *s = script_new();

	send_callback(s, 0, CODES(TIME_SLEEP, TICK, RUN_CALLBACK, HANDLE_RUN, RUN_FOREVER));
	cr_assert_str_eq(s->stall.coroutine.name, "tick");
	cr_assert_eq(s->stall.context.call, CONTEXT_CALLBACK);
	send_callback(s, 0,
		      CODES(TIME_SLEEP, RENDER, GENERATOR_RUN, RUN_CALLBACK, HANDLE_RUN,
			    RUN_FOREVER));
	cr_assert_str_eq(s->stall.coroutine.name, "render");
	cr_assert_eq(s->stall.context.call, CONTEXT_TASK);
	/* What the generator calls is of it; what is called back beside it is not. */
	send_callback(s, 0, CODES(GENERATOR_RUN, TICK, RUN_CALLBACK, HANDLE_RUN, RUN_FOREVER));
	cr_assert_str_eq(s->stall.coroutine.name, "tick");
	cr_assert_eq(s->stall.context.call, CONTEXT_CALLBACK);
	script_free(s);
}

/* What a greenlet may do, its hub may not. */
Test(callback, runs_in_a_library)
{
	static const struct {
		uint16_t flags;
		uint32_t library;
		struct code_context context;
	} cases[] = {
		{ LS_STACK_AT_LOOP, LIBRARY_GEVENT, { CONTEXT_CALLBACK, LIBRARY_GEVENT } },
		{ LS_STACK_GREENLET, LIBRARY_GEVENT, { CONTEXT_TASK, LIBRARY_GEVENT } },
		{ LS_STACK_GREENLET, LIBRARY_EVENTLET, { CONTEXT_TASK, LIBRARY_EVENTLET } },
		{ LS_STACK_GREENLET, LIBRARY_DEFAULT, { CONTEXT_CALLBACK, LIBRARY_DEFAULT } },
		{ LS_STACK_GREENLET, LIBRARY_OWN, { CONTEXT_CALLBACK, LIBRARY_OWN } },
		/* a recording of a later version */
		{ LS_STACK_GREENLET, LIBRARY_MAX, { CONTEXT_CALLBACK, LIBRARY_DEFAULT } },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct script *s = script_new();
		struct ls_rec_stack stack = script_stack(s, 3, LS_CAUSE_SLEEP, 9 * MS);
		struct ls_rec_stall stall = script_stall(s, 3, LS_UNIT_CALLBACK);

		stack.flags = cases[i].flags;
		script_frame(&stack, FETCH_ROW, 100);
		script_send_stack(s, &stack);
		script_time(&stall, LS_CAUSE_SLEEP, 50 * MS);
		stall.library = cases[i].library;
		script_send_stall(s, &stall);
		cr_expect_eq(s->stall.context.call, cases[i].context.call, "call of %zu", i);
		cr_expect_eq(s->stall.context.library, cases[i].context.library, "%zu", i);
		script_free(s);
	}
}

#define CALL(what, at) ((what) << LS_STACK_CALL_SHIFT | (at) << LS_STACK_CALLED_SHIFT)

/* As the kernel side saw it. */
Test(callback, is_interrupted)
{
	static const enum call_context contexts[] = { CONTEXT_CALLBACK, CONTEXT_SIGNAL,
						      CONTEXT_DEATH, CONTEXT_CALLBACK };

	for (enum ls_own_call what = LS_CALL_NONE; what <= LS_CALL_MAYBE_DEATH; what++) {
		struct script *s = script_new();

		send_callback(s, (uint16_t)CALL(what, 1),
			      CODES(TIME_SLEEP, RENDER, TICK, HANDLE_RUN, RUN_FOREVER));
		cr_assert_eq(s->stall.context.call, contexts[what]);
		cr_assert_str_eq(s->stall.coroutine.name, "tick");
		if (what == LS_CALL_SIGNAL || what == LS_CALL_DEATH) {
			cr_assert_str_eq(s->stall.own_call.function, "render");
			cr_assert_str_eq(s->stall.interrupted.function, "tick");
		} else {
			cr_assert_null(s->stall.own_call.function);
		}
		script_free(s);
	}
}

/* A selector that waits is no stall; a handler that runs meanwhile is. */
Test(callback, interrupts_the_wait_of_the_loop)
{
	struct script *s = script_new();

	send_callback(s, CALL(LS_CALL_SIGNAL, 1),
		      CODES(TIME_SLEEP, TICK, SELECT, RUN_ONCE, RUN_FOREVER));
	cr_assert_eq(s->stall.context.call, CONTEXT_SIGNAL);
	cr_assert_str_eq(s->stall.own_call.function, "tick");
	script_free(s);
}

Test(callback, folder_that_only_ends_like_asyncio_is_the_users)
{
	check_callback(0, CODES(LOOKALIKE_RUN, TICK, HANDLE_RUN), "tick", 5, 2, false);
}

Test(callback, of_a_native_loop_ends_with_the_frame_that_runs_it)
{
	check_callback(LS_STACK_AT_LOOP, CODES(RENDER, TICK, MAIN_MODULE), "tick", 5, 2, false);
	check_callback(LS_STACK_AT_LOOP, CODES(TICK, RUNNER_RUN), "tick", 5, 1, false);
}

Test(callback, behind_the_end_of_the_loop_is_no_stall)
{
	struct script *s = script_new();

	send_callback(s, 0, CODES(TICK, HANDLER, MAIN_MODULE));
	cr_assert_eq(s->n_stalls, 0);
	send_callback(s, LS_STACK_OUTSIDE, CODES(MAIN_MODULE));
	cr_assert_eq(s->n_stalls, 0);
	script_free(s);
}

Test(callback, of_a_cut_stack_is_the_frame_closest_to_the_loop)
{
	check_callback(LS_STACK_TRUNCATED, CODES(RENDER, TICK), "tick", 5, 2, true);
	check_callback(LS_STACK_TRUNCATED, CODES(SELECT), "EpollSelector.select", 450, 1, true);
}

Test(callback, truncation_beyond_the_callback_does_not_matter)
{
	check_callback(LS_STACK_TRUNCATED, CODES(TICK, HANDLE_RUN, RUN_ONCE), "tick", 5, 1, false);
}

Test(callback, without_stack_nothing_is_known)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 3, LS_UNIT_CALLBACK);

	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &rec);
	cr_assert_null(s->stall.coroutine.name);
	cr_assert_null(s->stall.call.function);
	script_free(s);
}
