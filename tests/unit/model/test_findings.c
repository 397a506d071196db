/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls in, ranked findings out: who is named, who is not, and what the shares add up to.
 */
#include "model/finding_bench.h"

/* So much of it was the host's doing. */
static void add_host(struct stall *s, enum ls_cause cause, uint64_t ms)
{
	s->duration_ns += ms * MS;
	s->cause_ns[cause] += ms * MS;
}

Test(findings, are_ranked_by_the_waiting_they_cause)
{
	struct bench b = { .s.watched_ns = 1000 * MS };
	struct stall s = step_at("render", 88, LS_CAUSE_CPU, 20);
	struct finding f;

	add(&b, &s);
	add(&b, &s);
	s = step_at("fetch_row", 31, LS_CAUSE_SLEEP, 50);
	s.start_ns = 2000 * MS;
	add(&b, &s);
	add(&b, &s);
	cr_expect_eq(rows(&b)[0].at.line, 31);
	cr_assert_eq(b.s.n_findings, 2);
	f = describe(&b, 0);
	cr_expect_str_eq(f.what, "handler() sleeps on the loop");
	cr_expect_str_eq(f.lint, "blocking-call");
	cr_expect_str_eq(f.subject, "line");
	cr_expect_not_null(strstr(f.advice, "asyncio.sleep"));
	cr_expect_eq(f.sureness, FINDING_SURE, "%s", f.why);
	cr_expect_float_eq(f.starved_share, 1000.0 / 1400, 1e-9);
	cr_expect_float_eq(f.loop_share, 0.1, 1e-9);
	cr_expect_eq(f.row->stalls, 2);
	cr_expect_eq(f.row->first_ns, 2000 * MS);
	cr_expect_eq(f.row->last_ns, 2050 * MS);
	cr_expect_str_eq(headline(&b),
			 "Fixing these 2 lines removes 90 % of the waiting: fetch_row db.py:31, "
			 "render db.py:88");
	done(&b);
}

Test(findings, one_place_and_cause_is_one_finding_whoever_runs_it)
{
	const struct code_info other = { "tick", "/srv/app/clock.py", 5 };
	struct stall s = step_at("fetch_row", 31, LS_CAUSE_DNS, 50);
	struct bench b = { 0 };

	add(&b, &s);
	s.coroutine = other;
	s.entry = (struct model_frame){ other.name, other.file, 6 };
	s.entry_def_line = other.first_line;
	s.unit = LS_UNIT_CALLBACK;
	add(&b, &s);
	cr_expect_eq(rows(&b)[0].n_coroutines, 2);
	cr_expect_eq(b.s.n_findings, 1);
	cr_expect_eq(rows(&b)[0].n_entries, 2);
	cr_expect_eq(rows(&b)[0].unit, LS_UNIT_NONE);
	cr_expect_str_eq(describe(&b, 0).what, "2 functions look up host names on the loop");
	done(&b);
}

Test(findings, work_is_told_by_function_and_blocking_calls_by_line)
{
	struct stall s = step_at("render", 88, LS_CAUSE_CPU, 20);
	struct bench b = { 0 };

	add(&b, &s);
	s.own.line = 90;
	add(&b, &s);
	add(&b, &s);
	cr_expect_eq(rows(&b)[0].at.line, 90, "the line with most time");
	cr_expect_eq(b.s.n_findings, 1);
	s = step_at("render", 88, LS_CAUSE_SLEEP, 20);
	add(&b, &s);
	s.own.line = 90;
	add(&b, &s);
	rows(&b);
	cr_expect_eq(b.s.n_findings, 3);
	done(&b);
}

Test(findings, a_comprehension_is_part_of_its_function)
{
	struct stall s = step_at("report.<locals>.<genexpr>", 40, LS_CAUSE_CPU, 20);
	struct bench b = { 0 };

	s.own_def_line = 40;
	s.n_frames = 2;
	s.stack[0] = s.own;
	s.stack[1] = (struct model_frame){ "report", "/srv/app/db.py", 40 };
	s.def_lines[1] = 30;
	add(&b, &s);
	s = step_at("report", 40, LS_CAUSE_CPU, 20);
	add(&b, &s);
	cr_expect_str_eq(rows(&b)[0].at.function, "report");
	cr_expect_eq(b.s.n_findings, 1);
	done(&b);
}

Test(findings, the_host_takes_what_is_its_own)
{
	struct stall s = step_at("render", 88, LS_CAUSE_CPU, 15);
	struct bench b = { 0 };
	struct finding f;

	/* 15 ms of its own behind 45 ms without a CPU. */
	add_host(&s, LS_CAUSE_RUNQUEUE, 45);
	s.cause = LS_CAUSE_RUNQUEUE;
	s.sign = SIGN_OTHER_PROCESS;
	strcpy(s.cpu_holder.name, "stress-ng");
	s.own_cause = LS_CAUSE_CPU;
	s.own_ns = 15 * MS;
	s.starved_ns = 120 * MS;
	add(&b, &s);
	add(&b, &s);
	f = describe(&b, 0);
	cr_assert_eq(b.s.n_findings, 2);
	cr_expect(f.is_host);
	cr_expect_null(f.row->at.file, "no line is accused of it");
	cr_expect_eq(f.row->n_coroutines, 0);
	cr_expect_str_eq(f.row->holder, "stress-ng");
	cr_expect_str_eq(f.what, "The loop was ready to run, but others had the CPU");
	cr_expect_eq(f.row->time_ns, 90 * MS);
	cr_expect_eq(f.row->starved_ns, 180 * MS);
	f = describe(&b, 1);
	cr_expect_not(f.is_host);
	cr_expect_eq(f.row->time_ns, 30 * MS);
	cr_expect_eq(f.row->starved_ns, 60 * MS);
	cr_expect_str_eq(headline(&b),
			 "Fixing this line removes 22 % of the waiting: render "
			 "db.py:88; the host causes 75 % of the waiting");
	done(&b);
}

Test(findings, the_hosts_part_of_other_stalls_is_nobodys)
{
	struct stall s = step_at("render", 88, LS_CAUSE_CPU, 30);
	struct bench b = { 0 };

	add_host(&s, LS_CAUSE_THROTTLED, 10);
	s.starved_ns = 400 * MS;
	add(&b, &s);
	cr_expect_eq(rows(&b)[0].time_ns, 30 * MS);
	cr_expect_eq(b.s.n_findings, 1);
	cr_expect_eq(rows(&b)[0].starved_ns, 300 * MS);
	cr_expect_eq(describe(&b, 0).sureness, FINDING_LIKELY, "it was seen once");
	done(&b);
}

Test(findings, who_waits_for_a_lock_or_the_collector_is_innocent)
{
	struct stall s = step_at("innocent", 5, LS_CAUSE_GIL, 40);
	struct bench b = { 0 };
	struct finding f;

	s.gil_holder = (struct model_holder){ .tid = 99, .name = "asyncio_0", .n_frames = 1 };
	s.gil_holder.stack[0] = (struct model_frame){ "scan", "/srv/app/work.py", 18 };
	add(&b, &s);
	add(&b, &s);
	/* A loop that computes is seen at any of its lines. */
	s.gil_holder.stack[0].line = 19;
	add(&b, &s);
	f = describe(&b, 0);
	cr_expect_eq(b.s.n_findings, 1);
	cr_expect_str_eq(f.subject, "holder");
	cr_expect_str_eq(f.row->at.function, "scan");
	cr_expect_eq(f.row->at.line, 18, "most of it");
	cr_expect_str_eq(f.row->holder, "asyncio_0");
	cr_expect_eq(f.row->n_coroutines + f.row->n_entries, 0);
	cr_expect_str_eq(f.what, "The loop waits for the GIL that other threads hold");
	done(&b);
	b = (struct bench){ 0 };
	s = step_at("innocent", 5, LS_CAUSE_GC, 40);
	add(&b, &s);
	f = describe(&b, 0);
	cr_expect_str_eq(f.lint, "gc-pause");
	cr_expect_null(f.row->at.file);
	cr_expect_eq(f.row->n_coroutines, 0);
	cr_expect_str_eq(headline(&b), "", "no line would help");
	done(&b);
}

Test(findings, never_suspending_is_told_where_it_awaits)
{
	struct stall s = step_at("Queue.get", 5, LS_CAUSE_CPU, 40);
	struct bench b = { 0 };

	s.sign = SIGN_AWAITS;
	s.repeated_await = (struct model_frame){ "drain", "/srv/app/jobs.py", 21 };
	add(&b, &s);
	cr_expect_str_eq(describe(&b, 0).lint, "never-suspends");
	cr_expect_str_eq(rows(&b)[0].at.function, "drain");
	done(&b);
}

Test(findings, the_sign_with_most_time_decides_the_advice)
{
	struct stall s = step_at("zip_page", 5, LS_CAUSE_CPU, 40);
	struct bench b = { 0 };

	s.sign = SIGN_GIL_HELD;
	add(&b, &s);
	s.sign = SIGN_GIL_RELEASED;
	add(&b, &s);
	add(&b, &s);
	cr_expect_not_null(strstr(describe(&b, 0).advice, "the loop runs meanwhile"));
	cr_expect_eq(b.s.n_findings, 1);
	done(&b);
}

Test(findings, an_open_stall_counts_as_far_as_it_has_come)
{
	struct stall s = step_at("fetch_row", 31, LS_CAUSE_SLEEP, 50);
	struct stall live[2] = { s, s };
	struct bench b = { 0 };

	add(&b, &s);
	live[0].duration_ns = live[0].cause_ns[LS_CAUSE_SLEEP] = 900 * MS;
	live[0].end = LS_END_OPEN;
	live[1] = live[0];
	live[1].own.line = 70;
	/* At this moment it waits for a CPU, but that is not what it is stuck in. */
	live[1].cause = LS_CAUSE_RUNQUEUE;
	b.s.n_live = 2;
	b.s.live = live;
	cr_expect_eq(rows(&b)[0].open, 1);
	cr_assert_eq(b.s.n_findings, 2);
	cr_expect_eq(rows(&b)[0].stalls + rows(&b)[1].stalls, 1);
	cr_expect_eq(rows(&b)[0].time_ns + rows(&b)[1].time_ns, 1850 * MS);
	cr_expect_str_eq(describe(&b, 0).lint, "blocking-call");
	cr_expect_str_eq(describe(&b, 1).lint, "blocking-call");
	b.s.n_live = 0;
	cr_expect_eq(rows(&b)[0].time_ns, 50 * MS);
	cr_expect_eq(b.s.n_findings, 1);
	done(&b);
}

Test(findings, loops_as_a_whole_have_theirs)
{
	struct loop_row loop = {
		.pid = PID, .executor_threads = 8, .executor_queued = 5, .executor_full_ticks = 4
	};
	struct bench b = { .s.n_loops = 1, .s.loops = &loop };
	struct finding f = describe(&b, 0);

	cr_expect_str_eq(f.lint, "executor-saturated");
	cr_expect_str_eq(f.what,
			 "1 loop has all 8 threads of its default executor busy and 5 "
			 "calls waiting");
	cr_expect_eq(f.row->stalls, 0);
	cr_expect_str_eq(headline(&b), "");
	loop.executor_full_ticks = 0;
	rows(&b);
	cr_expect_eq(b.s.n_findings, 0);
	done(&b);
}

Test(findings, a_lint_that_is_off_is_not_told)
{
	struct stall s = step_at("fetch_row", 31, LS_CAUSE_SLEEP, 50);
	char text[FINDINGS_HEADLINE_BYTES];
	struct bench b = { 0 };
	struct finding f;

	add(&b, &s);
	cr_expect_not(finding__describe(&f, &b.s, rows(&b), 1u << LINT_BLOCKING_CALL));
	findings_headline(&b.s, 1u << LINT_BLOCKING_CALL, text);
	cr_expect_str_eq(text, "");
	done(&b);
}

Test(findings, what_is_not_known_is_said)
{
	struct stall s = step_at("fetch_row", 31, LS_CAUSE_CPU, 50);
	struct bench b = { 0 };
	struct finding f;

	s.own = s.call = s.entry = (struct model_frame){ NULL, NULL, 0 };
	s.coroutine = (struct code_info){ NULL, NULL, 0 };
	s.starved_ns = 0;
	add(&b, &s);
	add(&b, &s);
	f = describe(&b, 0);
	cr_expect_eq(f.sureness, FINDING_UNSURE);
	cr_expect_str_eq(f.what, "Code without a name computes too long on the loop");
	cr_expect(f.starved_share < 0 && f.loop_share < 0);
	cr_expect_str_eq(headline(&b), "");
	done(&b);
}

Test(findings, without_waiting_the_stalls_are_added_up)
{
	struct stall s = step_at("fetch_row", 31, LS_CAUSE_SLEEP, 50);
	struct bench b = { 0 };

	s.starved_ns = 0;
	add(&b, &s);
	add(&b, &s);
	cr_expect_str_eq(headline(&b),
			 "Fixing this line removes 90 % of the stalled time: fetch_row db.py:31");
	done(&b);
}

Test(findings, calm_is_told_only_where_it_was_seen)
{
	struct snapshot s = { .turns = 9, .turn_max_ns = 148000, .watched_ns = 100 * MS };

	cr_expect(findings_is_calm(&s));
	s.unaccounted_ns = 40 * MS;
	cr_expect_not(findings_is_calm(&s), "stalls may hide there");
	s.unaccounted_ns = 0;
	s.n_live = 1;
	cr_expect_not(findings_is_calm(&s));
	s.n_live = 0;
	s.turns = 0;
	cr_expect_not(findings_is_calm(&s), "nothing was measured");
}

Test(findings, stalls_without_room_are_counted)
{
	struct stall s = step_at("fetch_row", 0, LS_CAUSE_SLEEP, 50);
	struct bench b = { 0 };

	for (uint32_t i = 0; i < FINDING_SUMS_MAX + 3; i++) {
		s.own.line = i + 1;
		add(&b, &s);
	}
	rows(&b);
	cr_expect_eq(b.s.n_findings, FINDING_SUMS_MAX);
	cr_expect_eq(b.sums.refused, 3);
	done(&b);
}

/* Nobody can await in a callback, and even less in a finalizer. */
Test(findings, advice_for_where_it_runs)
{
	static const struct {
		struct code_context context;
		const char *advice;
	} cases[] = {
		{ { CONTEXT_TASK, LIBRARY_DEFAULT }, "await asyncio.sleep" },
		{ { CONTEXT_CALLBACK, LIBRARY_DEFAULT }, "loop.call_later" },
		{ { CONTEXT_FINALIZER, LIBRARY_DEFAULT }, "finalizer" },
		{ { CONTEXT_DEATH, LIBRARY_DEFAULT }, "weak reference" },
		{ { CONTEXT_SIGNAL, LIBRARY_DEFAULT }, "loop.add_signal_handler" },
		{ { CONTEXT_TASK, LIBRARY_TRIO }, "await trio.sleep" },
		{ { CONTEXT_SIGNAL, LIBRARY_TRIO }, "trio.open_signal_receiver" },
		{ { CONTEXT_CALLBACK, LIBRARY_TWISTED }, "reactor.callLater" },
		{ { CONTEXT_TASK, LIBRARY_GEVENT }, "gevent.sleep" },
		{ { CONTEXT_CALLBACK, LIBRARY_GEVENT }, "gevent.spawn" },
		{ { CONTEXT_TASK, LIBRARY_EVENTLET }, "eventlet.sleep" },
		{ { CONTEXT_CALLBACK, LIBRARY_SERVER }, "ThreadingHTTPServer" },
		{ { CONTEXT_CALLBACK, LIBRARY_OWN }, "timeout" },
		{ { CONTEXT_SIGNAL, LIBRARY_OWN }, "set_wakeup_fd" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench b = { 0 };
		struct stall s = step_at("fetch_row", 31, LS_CAUSE_SLEEP, 50);
		struct lint_verdict verdict;

		s.context = cases[i].context;
		add(&b, &s);
		rows(&b);
		cr_assert_not_null(strstr(describe(&b, 0).advice, cases[i].advice), "%s",
				   describe(&b, 0).advice);
		cr_assert(lint__stall(&s, 0, &verdict));
		cr_assert_str_eq(verdict.advice, describe(&b, 0).advice);
		finding_sums__done(&b.sums);
	}
}

/* The function of the loop that calls it is innocent. */
Test(findings, a_callback_that_is_not_known_has_no_line)
{
	struct bench b = { 0 };
	struct stall s = step_at("Handle._run", 80, LS_CAUSE_SLEEP, 50);

	s.unit = LS_UNIT_CALLBACK;
	s.coroutine = (struct code_info){ 0 };
	s.own = (struct model_frame){ 0 };
	add(&b, &s);
	cr_assert_null(rows(&b)[0].at.function);
	finding_sums__done(&b.sums);
}
