/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a stall is charged to which finding, and who is named for it.
 */
#include "model/finding_bench.h"

static struct stall_share share_at(uint32_t line, enum ls_cause cause, double share)
{
	return (struct stall_share){ .cause = cause,
				     .at = { "fetch_row", "/srv/app/db.py", line },
				     .def_line = 30,
				     .share = share };
}

Test(finding_parts, two_lines_that_block_are_two_faults)
{
	struct stall s = step_at("fetch_row", 31, LS_CAUSE_SLEEP, 110);
	struct bench b = { 0 };

	s.threshold_ns = 10 * MS;
	s.n_shares = 2;
	s.shares[0] = share_at(31, LS_CAUSE_SLEEP, 60.0 / 110);
	s.shares[1] = share_at(32, LS_CAUSE_SLEEP, 50.0 / 110);
	add(&b, &s);
	add(&b, &s);
	rows(&b);
	cr_assert_eq(b.s.n_findings, 2);
	cr_expect_eq(b.s.findings[0].at.line, 31);
	cr_expect_eq(b.s.findings[1].at.line, 32);
	cr_expect_float_eq((double)b.s.findings[1].time_ns, 100.0 * MS, 10);
	cr_expect_eq(b.s.findings[0].time_ns + b.s.findings[1].time_ns, 220 * MS);
	cr_expect_eq(describe(&b, 1).sureness, FINDING_SURE, "each is seen all of its time");
	done(&b);
}

/* What was observed of the longer wait says nothing of the other one. */
Test(finding_parts, the_call_is_that_of_the_longest_wait)
{
	struct stall s = step_at("fetch_row", 31, LS_CAUSE_FILE, 110);
	struct bench b = { 0 };

	s.threshold_ns = 10 * MS;
	s.sign = SIGN_OPENS;
	s.call_syscall = "openat";
	s.n_shares = 2;
	s.shares[0] = share_at(31, LS_CAUSE_FILE, 60.0 / 110);
	s.shares[1] = share_at(32, LS_CAUSE_FILE, 50.0 / 110);
	add(&b, &s);
	rows(&b);
	cr_assert_eq(b.s.n_findings, 2);
	cr_expect_eq(b.s.findings[0].sign, SIGN_OPENS);
	cr_expect_str_eq(b.s.findings[0].syscall, "openat");
	cr_expect_eq(b.s.findings[1].at.line, 32);
	cr_expect_eq(b.s.findings[1].sign, SIGN_NONE);
	cr_expect_null(b.s.findings[1].syscall);
	done(&b);
}

Test(finding_parts, causes_that_alone_would_have_been_stalls)
{
	struct stall s = step_at("fetch_row", 31, LS_CAUSE_CPU, 30);
	struct bench b = { 0 };

	s.duration_ns = 60 * MS;
	s.cause_ns[LS_CAUSE_SLEEP] = 25 * MS;
	s.cause_ns[LS_CAUSE_FILE] = 5 * MS;
	s.threshold_ns = 10 * MS;
	s.n_shares = 3;
	s.shares[0] = share_at(31, LS_CAUSE_CPU, 0.8);
	s.shares[1] = share_at(40, LS_CAUSE_SLEEP, 1);
	s.shares[2] = share_at(50, LS_CAUSE_FILE, 1);
	add(&b, &s);
	rows(&b);
	cr_assert_eq(b.s.n_findings, 2, "5 ms are no stall");
	cr_expect_str_eq(describe(&b, 0).lint, "cpu-hog");
	cr_expect_eq(b.s.findings[0].time_ns, 35 * MS, "the rest is the main cause's");
	cr_expect_float_eq(b.s.findings[0].held_ns, 24.0 * MS, 10, "but was not seen there");
	cr_expect_str_eq(describe(&b, 1).lint, "blocking-call");
	cr_expect_eq(b.s.findings[1].at.line, 40);
	cr_expect_eq(b.s.findings[1].time_ns, 25 * MS);
	done(&b);
}

/* Steps that block are not too many. */
Test(finding_parts, a_turn_of_steps_that_block)
{
	struct stall s = step_at("fetch_row", 31, LS_CAUSE_SLEEP, 24);
	struct bench b = { 0 };

	s.unit = LS_UNIT_TURN;
	s.coroutine = (struct code_info){ NULL, NULL, 0 };
	s.own = s.call = s.entry = (struct model_frame){ NULL, NULL, 0 };
	s.turn.n_parts = 1;
	s.turn.parts[0] = (struct turn_part){ handler, 3, 20 * MS };
	add(&b, &s);
	add(&b, &s);
	cr_expect_str_eq(describe(&b, 0).what, "handler() sleeps on the loop");
	cr_expect_eq(rows(&b)[0].at.line, handler.first_line);
	cr_expect_eq(describe(&b, 0).sureness, FINDING_SURE, "%s", describe(&b, 0).why);
	done(&b);
	s.turn.parts[0].duration_ns = 10 * MS;
	add(&b, &s);
	cr_expect_null(rows(&b)[0].at.file, "it is of several coroutines");
	done(&b);
	s.cause = LS_CAUSE_CPU;
	s.cause_ns[LS_CAUSE_CPU] = s.duration_ns;
	s.cause_ns[LS_CAUSE_SLEEP] = 0;
	add(&b, &s);
	cr_expect_str_eq(describe(&b, 0).lint, "many-small-steps");
	done(&b);
}

static void add_through(struct bench *b, const char *entry, const char *called, uint32_t line)
{
	struct stall s = step_at(called, line, LS_CAUSE_SLEEP, 50);

	s.coroutine.file = "/usr/lib/python3/dist-packages/uvicorn/http.py";
	s.entry.function = entry;
	s.n_frames = 2;
	s.stack[0] = s.own;
	s.stack[1] = s.entry;
	s.def_lines[0] = 30;
	s.def_lines[1] = 10;
	add(b, &s);
	cr_assert_eq(groups__stall(&b->groups, &s, NULL), 0);
}

Test(finding_parts, a_middleware_is_not_accused)
{
	struct bench b = { 0 };

	for (int i = 0; i < 3; i++) {
		add_through(&b, "audit", "get_user", 31);
		add_through(&b, "audit", "list_orders", 70);
	}
	cr_expect_str_eq(describe(&b, 0).what, "get_user() sleeps on the loop");
	cr_expect_str_eq(describe(&b, 1).what, "list_orders() sleeps on the loop");
	groups__done(&b.groups);
	done(&b);
	/* An endpoint with one helper is named itself. */
	b = (struct bench){ 0 };
	add_through(&b, "show_user", "get_user", 31);
	add_through(&b, "show_user", "get_user", 31);
	cr_expect_str_eq(describe(&b, 0).what, "show_user() sleeps on the loop");
	groups__done(&b.groups);
	done(&b);
}

/* What the collector does is charged to a line only where that asks for it. */
Test(finding_parts, collections)
{
	struct stall s = step_at("clean_up", 31, LS_CAUSE_GC, 50);
	struct bench b = { 0 };

	add(&b, &s);
	cr_expect_str_eq(describe(&b, 0).what, "The loop is paused by the garbage collector");
	cr_expect_null(rows(&b)[0].at.file);
	done(&b);
	s.sign = SIGN_COLLECTS;
	add(&b, &s);
	cr_expect_str_eq(describe(&b, 0).what, "handler() calls gc.collect() on the loop");
	cr_expect_eq(rows(&b)[0].at.line, 31);
	done(&b);
	s = step_at("fetch_row", 31, LS_CAUSE_GIL, 50);
	s.sign = SIGN_HOLDER_COLLECTS;
	s.gil_holder = (struct model_holder){ .tid = 7, .is_collecting = true, .n_frames = 1 };
	s.gil_holder.stack[0] = (struct model_frame){ "parse_rows", "/srv/app/work.py", 18 };
	add(&b, &s);
	cr_expect_str_eq(describe(&b, 0).what,
			 "The loop waits while Python collects garbage in another thread");
	cr_expect_null(rows(&b)[0].at.file, "whoever allocated is innocent");
	cr_expect_eq(describe(&b, 0).sureness, FINDING_SURE);
	done(&b);
}
