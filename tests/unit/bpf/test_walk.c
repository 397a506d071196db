/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame walk of the kernel side on made-up memory: good chains, faults, cycles, wrong offsets.
 */
#include "fake_memory.h"

#include "../../../bpf/python/own_calls.bpf.c"
#include "../../../bpf/python/frames.bpf.c"

#include <criterion/criterion.h>

/* Layouts of two families: frame objects (3.8) and frames inside a C stack of their own (3.12). */
static struct ls_pyoffsets py38(void)
{
	return (struct ls_pyoffsets){
		.frame_bytes = 112,
		.frame_previous = 24,
		.frame_code = 32,
		.frame_position = 104,
		.frame_owner = LS_PY_NONE,
		.frame_owner_skip_min = 0xff,
		.frame_generator = 96,
		.frame_object = LS_PY_NONE,
		.gen_frame = 16,
		.gen_iframe = LS_PY_NONE,
		.tstate_frame = 24,
		.cframe_current = LS_PY_NONE,
		.position_is_lasti = 1,
	};
}

static struct ls_pyoffsets py312(void)
{
	return (struct ls_pyoffsets){
		.frame_bytes = 80,
		.frame_previous = 8,
		.frame_code = 0,
		.frame_position = 56,
		.frame_owner = 70,
		.frame_owner_skip_min = 3,
		.frame_generator = LS_PY_NONE,
		.frame_object = 48,
		.frame_is_entry = LS_PY_NONE,
		.gen_frame = LS_PY_NONE,
		.gen_iframe = 72,
		.tstate_frame = 56,
		.cframe_current = 0,
	};
}

static struct thread_state ts;
static struct ls_rec_stack rec;

#define FRAME(i) (FAKE_BASE + 0x1000 + (uint64_t)(i)*0x80)
#define CODE(i) (0xc0de0000ULL + (i))

static void put_frame(int i, uint64_t previous, unsigned owner)
{
	const struct ls_pyoffsets *py = &ts.proc.py.at;

	fake_put(FRAME(i) + py->frame_previous, previous);
	fake_put(FRAME(i) + py->frame_code, CODE(i));
	fake_put(FRAME(i) + py->frame_position, 100 + i);
	if (py->frame_owner != LS_PY_NONE)
		fake_bytes[FRAME(i) - FAKE_BASE + py->frame_owner] = owner;
}

static void setup_chain(struct ls_pyoffsets py, int n)
{
	fake_reset();
	memset(&ts, 0, sizeof(ts));
	memset(&rec, 0, sizeof(rec));
	ts.proc.py.at = py;
	ts.cur.unit = LS_UNIT_STEP;
	for (int i = 0; i < n; i++)
		put_frame(i, i + 1 < n ? FRAME(i + 1) : 0, 0);
}

static void check_frames(int n)
{
	cr_assert_eq(rec.n_frames, n, "%d frames", rec.n_frames);
	for (int i = 0; i < n; i++) {
		cr_assert_eq(rec.frames[i].code, CODE(i));
		cr_assert_eq(rec.frames[i].position, 100U + (unsigned int)i);
	}
}

Test(walk, whole_chain_of_both_families)
{
	setup_chain(py38(), 7);
	frames_walk(&ts, &rec, FRAME(0), 0);
	check_frames(7);
	cr_assert_eq(rec.flags, 0);

	setup_chain(py312(), 7);
	frames_walk(&ts, &rec, FRAME(0), 0);
	check_frames(7);
	cr_assert_eq(rec.flags, 0);
}

/* Its thread runs meanwhile, so a stack that breaks off is no loss of ours. */
Test(walk, of_another_thread)
{
	setup_chain(py312(), 7);
	frames_walk_other(&ts, &rec, FRAME(0));
	check_frames(7);
	cr_assert_eq(rec.flags, 0);
	put_frame(4, 0x10, 0);
	frames_walk_other(&ts, &rec, FRAME(0));
	cr_assert_eq(rec.flags, LS_STACK_UNREADABLE);
	cr_assert_eq(fake_losses[LS_LOSS_STACK_UNREADABLE], 0);
}

Test(walk, stops_at_the_tasks_coroutine)
{
	setup_chain(py312(), 9);
	frames_walk(&ts, &rec, FRAME(0), FRAME(3));
	check_frames(4);
	cr_assert_eq(rec.flags, LS_STACK_AT_CORO);
}

Test(walk, says_when_the_coroutine_was_not_met)
{
	setup_chain(py312(), 5);
	frames_walk(&ts, &rec, FRAME(0), FRAME(40));
	check_frames(5);
	cr_assert_eq(rec.flags, LS_STACK_OUTSIDE);
	cr_assert_eq(fake_losses[LS_LOSS_STACK_UNREADABLE], 0);
}

Test(walk, shims_get_no_code)
{
	setup_chain(py312(), 3);
	put_frame(1, FRAME(2), 3);
	frames_walk(&ts, &rec, FRAME(0), 0);
	cr_assert_eq(rec.n_frames, 3);
	cr_assert_eq(rec.frames[0].code, CODE(0));
	cr_assert_eq(rec.frames[1].code, 0);
	cr_assert_eq(rec.frames[2].code, CODE(2));
}

Test(walk, tag_bits_are_cleared)
{
	setup_chain(py312(), 1);
	ts.proc.py.at.tag_mask = 3;
	fake_put(FRAME(0) + ts.proc.py.at.frame_code, CODE(4) | 3);
	frames_walk(&ts, &rec, FRAME(0), 0);
	cr_assert_eq(rec.frames[0].code, CODE(4));
}

/*
 * Which frames may be signal handlers: up to 3.10 all, later those that C code entered. The number
 * and the frame are the arguments of frame 1.
 */
static void put_handler(void)
{
	struct ls_pyoffsets *py = &ts.proc.py.at;
	const uint64_t number = FRAME(20), type = FRAME(22), object = FRAME(24), code = FRAME(30);

	py->frame_locals = 0x40;
	py->frame_stack = LS_PY_NONE;
	py->int_tag = 16;
	py->int_digit = 24;
	py->ob_type = 8;
	py->tp_flags = 16;
	py->co_argcount = 0;
	py->co_flags = 64;
	fake_put(number + py->ob_type, type);
	fake_put(type + py->tp_flags, TP_FLAG_LONG);
	fake_put(number + py->int_tag, 1 << 3);
	fake_put(number + py->int_digit, 15);
	fake_put(code + py->co_argcount, 2);
	fake_put(FRAME(1) + py->frame_code, code);
	fake_put(FRAME(1) + py->frame_locals, number);
	fake_put(FRAME(1) + py->frame_locals + 8, object);
	fake_put(FRAME(2) + py->frame_object, object);
	fake_put(FRAME(3) + py->frame_object, object);
	fake_put(FRAME(2) + py->frame_code, FRAME(40));
	fake_put(FRAME(3) + py->frame_code, FRAME(40));
}

Test(walk, finds_what_the_interpreter_called)
{
	setup_chain(py312(), 5);
	put_handler();
	frames_walk(&ts, &rec, FRAME(0), 0);
	cr_assert_eq(rec.flags, 0, "called by the function around it");
	put_frame(2, FRAME(3), 3);
	frames_walk(&ts, &rec, FRAME(0), 0);
	cr_assert_eq(rec.flags, LS_CALL_SIGNAL << LS_STACK_CALL_SHIFT | 1 << LS_STACK_CALLED_SHIFT);
}

Test(walk, a_cycle_ends_at_the_limit)
{
	setup_chain(py312(), 3);
	put_frame(2, FRAME(0), 0);
	frames_walk(&ts, &rec, FRAME(0), 0);
	cr_assert_eq(rec.n_frames, LS_MAX_FRAMES);
	cr_assert_eq(rec.flags, LS_STACK_TRUNCATED);
	cr_assert_eq(fake_losses[LS_LOSS_STACK_TRUNCATED], 1);
	cr_assert_leq(fake_reads, 2048 + LS_MAX_FRAMES);
}

/* The first frames, and the last ones of a chain of n. */
static void check_both_ends(int n)
{
	cr_assert_eq(rec.n_frames, LS_MAX_FRAMES);
	for (int i = 0; i < LS_MAX_FRAMES; i++)
		cr_assert_eq(rec.frames[i].code,
			     CODE(i < LS_MAX_FRAMES / 2 ? i : n - LS_MAX_FRAMES + i), "frame %d",
			     i);
}

Test(walk, a_long_chain_keeps_both_ends_and_is_counted)
{
	static const int lengths[] = { 1, 2, LS_MAX_FRAMES / 2, 3 * LS_MAX_FRAMES };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const int n = LS_MAX_FRAMES + lengths[i];

		setup_chain(py312(), n);
		frames_walk(&ts, &rec, FRAME(0), 0);
		check_both_ends(n);
		cr_assert_eq(rec.flags, LS_STACK_TRUNCATED);
		cr_assert_eq(fake_losses[LS_LOSS_STACK_TRUNCATED], 1);
		frames_walk(&ts, &rec, FRAME(0), FRAME(n - 1));
		check_both_ends(n);
		cr_assert_eq(rec.flags, LS_STACK_TRUNCATED | LS_STACK_AT_CORO);
		/* What is around the coroutine is not of the step. */
		frames_walk(&ts, &rec, FRAME(0), FRAME(LS_MAX_FRAMES));
		check_both_ends(LS_MAX_FRAMES + 1);
	}
}

Test(walk, a_long_chain_without_an_end_keeps_the_coroutine)
{
	setup_chain(py312(), 300);
	put_frame(299, FRAME(0), 0);
	put_frame(301, 0, 0);
	frames_walk(&ts, &rec, FRAME(0), FRAME(301));
	cr_assert_eq(rec.n_frames, LS_MAX_FRAMES);
	cr_assert_eq(rec.frames[LS_MAX_FRAMES - 1].code, CODE(301));
	cr_assert_eq(rec.flags, LS_STACK_TRUNCATED | LS_STACK_AT_CORO);
}

Test(walk, a_greenlet_is_inside_the_coroutine_that_runs)
{
	const uint64_t coro = FRAME(9);

	setup_chain(py312(), 3);
	ts.proc.py.at.gen_code = 72;
	ts.proc.py.at.gen_state = 67;
	ts.cur.coro = coro;
	ts.cur.code = CODE(7);
	fake_put(coro + 72, CODE(7));
	frames_walk(&ts, &rec, FRAME(0), coro + 72);
	cr_assert_eq(rec.n_frames, 4);
	cr_assert_eq(rec.frames[3].code, CODE(7));
	cr_assert_eq(rec.flags, LS_STACK_AT_CORO);

	/* A coroutine that is suspended: the step has ended. */
	fake_bytes[coro + 67 - FAKE_BASE] = 0xff;
	frames_walk(&ts, &rec, FRAME(0), coro + 72);
	cr_assert_eq(rec.n_frames, 3);
	cr_assert_eq(rec.flags, LS_STACK_OUTSIDE);

	/* Another coroutine by now. */
	fake_bytes[coro + 67 - FAKE_BASE] = 0;
	fake_put(coro + 72, CODE(8));
	frames_walk(&ts, &rec, FRAME(0), coro + 72);
	cr_assert_eq(rec.flags, LS_STACK_OUTSIDE);
}

Test(walk, the_limit_is_met_exactly)
{
	setup_chain(py312(), LS_MAX_FRAMES);
	frames_walk(&ts, &rec, FRAME(0), FRAME(LS_MAX_FRAMES - 1));
	cr_assert_eq(rec.flags, LS_STACK_AT_CORO);
}

Test(walk, a_page_that_faults_cuts_the_stack)
{
	setup_chain(py312(), 4);
	put_frame(2, 0xdead0000, 0);
	frames_walk(&ts, &rec, FRAME(0), 0);
	check_frames(3);
	cr_assert_eq(rec.flags, LS_STACK_UNREADABLE);

	/* The last byte of a frame lies behind the end of memory. */
	setup_chain(py312(), 1);
	put_frame(0, FAKE_BASE + FAKE_BYTES - 79, 0);
	frames_walk(&ts, &rec, FRAME(0), 0);
	cr_assert_eq(rec.n_frames, 1);
	cr_assert_eq(rec.flags, LS_STACK_UNREADABLE);
}

Test(walk, wrong_offsets_stay_inside_the_buffer)
{
	/* Every offset out of any range: garbage is fine, an access outside (ASan) is not. */
	for (unsigned offset = 0; offset < 0x10000; offset += 37) {
		setup_chain(py312(), 3);
		ts.proc.py.at.frame_bytes = offset;
		ts.proc.py.at.frame_previous = offset;
		ts.proc.py.at.frame_code = offset + 1;
		ts.proc.py.at.frame_position = offset + 2;
		ts.proc.py.at.frame_owner = offset == LS_PY_NONE ? 0 : offset;
		frames_walk(&ts, &rec, FRAME(0), 0);
		cr_assert_leq(rec.n_frames, LS_MAX_FRAMES);
	}
}

Test(walk, top_frame_through_a_cframe_and_without)
{
	uint64_t tstate = FAKE_BASE + 0x100, cframe = FAKE_BASE + 0x200;

	setup_chain(py312(), 1);
	ts.tstate = tstate;
	fake_put(tstate + 56, cframe);
	fake_put(cframe, FRAME(0));
	cr_assert_eq(frame_top(&ts), FRAME(0));

	setup_chain(py38(), 1);
	ts.tstate = tstate;
	fake_put(tstate + 24, FRAME(0));
	cr_assert_eq(frame_top(&ts), FRAME(0));

	ts.tstate = 0;
	cr_assert_eq(frame_top(&ts), 0);
	ts.tstate = 0xdead0000;
	cr_assert_eq(frame_top(&ts), 0);
}

Test(walk, the_frame_of_a_code)
{
	uint64_t tstate = FAKE_BASE + 0x100;

	setup_chain(py38(), 5);
	ts.tstate = tstate;
	fake_put(tstate + 24, FRAME(0));
	cr_assert_eq(frame_of_code(&ts, CODE(3)), FRAME(3));
	cr_assert_eq(frame_of_code(&ts, 0xbad), 0);
	setup_chain(py38(), MOST_MACHINERY + 1);
	ts.tstate = tstate;
	fake_put(tstate + 24, FRAME(0));
	cr_assert_eq(frame_of_code(&ts, CODE(MOST_MACHINERY - 1)), FRAME(MOST_MACHINERY - 1));
	cr_assert_eq(frame_of_code(&ts, CODE(MOST_MACHINERY)), 0, "too far out");
	fake_put(tstate + 24, 0xdead0000);
	cr_assert_eq(frame_of_code(&ts, CODE(0)), 0, "it cannot be read");
}

Test(walk, a_thread_that_runs_no_python)
{
	uint64_t tstate = FAKE_BASE + 0x100, cframe = FAKE_BASE + 0x200;

	setup_chain(py312(), 1);
	cr_assert_not(python_is_left(&ts), "no thread state is known");
	ts.tstate = tstate;
	fake_put(tstate + 56, cframe);
	fake_put(cframe, FRAME(0));
	cr_assert_not(python_is_left(&ts));
	fake_put(cframe, 0);
	cr_assert(python_is_left(&ts));
	fake_put(tstate + 56, 0xdead0000);
	cr_assert_not(python_is_left(&ts), "not known");
	ts.tstate = 0xdead0000;
	cr_assert_not(python_is_left(&ts), "not known");

	/* From 3.15 on a frame without code lies below all others; others may lie in between. */
	setup_chain(py312(), 2);
	ts.proc.py.at.cframe_current = LS_PY_NONE;
	ts.tstate = tstate;
	fake_put(tstate + 56, FRAME(1));
	cr_assert_not(python_is_left(&ts), "it is a frame of Python's");
	fake_put(FRAME(1) + 64, 0x030000ULL << 32);
	cr_assert(python_is_left(&ts));
	fake_put(FRAME(0) + 64, 0x030000ULL << 32);
	fake_put(tstate + 56, FRAME(0));
	cr_assert_not(python_is_left(&ts), "Python code called what runs now");
	fake_put(tstate + 56, 0xdead0000);
	cr_assert_not(python_is_left(&ts), "not known");
}

Test(walk, callbacks_stop_at_the_frame_that_runs_the_loop)
{
	setup_chain(py312(), 5);
	ts.cur.unit = LS_UNIT_CALLBACK;
	ts.loop_frame = FRAME(2);
	frames_walk(&ts, &rec, FRAME(0), frame_last(&ts));
	check_frames(3);
	cr_assert_eq(rec.flags, LS_STACK_AT_LOOP);

	setup_chain(py312(), 2);
	ts.cur.unit = LS_UNIT_CALLBACK;
	ts.loop_frame = FRAME(2);
	frames_walk(&ts, &rec, FRAME(0), frame_last(&ts));
	cr_assert_eq(rec.flags, LS_STACK_OUTSIDE, "the loop has ended");
}

Test(walk, frame_of_the_coroutine)
{
	setup_chain(py312(), 1);
	cr_assert_eq(frame_last(&ts), 0, "a callback has none");
	ts.cur.coro = FAKE_BASE + 0x400;
	ts.cur.code = CODE(0);
	cr_assert_eq(frame_last(&ts), FAKE_BASE + 0x400 + 72);

	setup_chain(py38(), 1);
	ts.cur.coro = FAKE_BASE + 0x400;
	ts.cur.code = CODE(0);
	fake_put(FAKE_BASE + 0x400 + 16, FRAME(0));
	cr_assert_eq(frame_last(&ts), FRAME(0));
}
