/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between which awaits a step ran: names and lines of its two ends.
 */
#include "model/script.h"

static const struct stall *send_step(struct script *s, uint32_t unit, const struct ls_await *from,
				     const struct ls_await *to)
{
	struct ls_rec_stall rec = script_stall(s, 1, unit);

	script_time(&rec, LS_CAUSE_CPU, 40 * MS);
	rec.code = HANDLER;
	rec.from = *from;
	rec.to = *to;
	script_send_stall(s, &rec);
	return &s->stall;
}

static void check_end(const struct step_end *end, enum ls_await_state state, const char *function,
		      uint32_t line)
{
	cr_assert_eq(end->state, state, "state %u", end->state);
	cr_assert_str_eq(end->at.function, function);
	cr_assert_eq(end->at.line, line, "line %u", end->at.line);
}

Test(step_ends, suspended_at_a_line)
{
	const struct ls_await from = { { FETCH_ROW, 31 }, LS_AWAIT_SUSPENDED, 0 },
			      to = { { RENDER, 88 }, LS_AWAIT_SUSPENDED, 0 };
	struct script *s = script_new();
	const struct stall *stall = send_step(s, LS_UNIT_STEP, &from, &to);

	check_end(&stall->from, LS_AWAIT_SUSPENDED, "fetch_row", 31);
	check_end(&stall->to, LS_AWAIT_SUSPENDED, "render", 88);
	cr_assert_str_eq(stall->to.at.file, "/srv/app/views.py");
	script_free(s);
}

Test(step_ends, of_the_coroutine_have_no_line_but_the_first)
{
	const struct ls_await began = { { HANDLER, 77 }, LS_AWAIT_BEGAN, 0 };

	for (enum ls_await_state i = LS_AWAIT_RETURNED; i < LS_AWAIT_MAX; i++) {
		const struct ls_await ended = { { HANDLER, 77 }, i, 0 };
		struct script *s = script_new();
		const struct stall *stall = send_step(s, LS_UNIT_STEP, &began, &ended);

		check_end(&stall->from, LS_AWAIT_BEGAN, "handler", 10);
		check_end(&stall->to, i, "handler", 0);
		script_free(s);
	}
}

Test(step_ends, unknown_ones_and_those_of_other_units)
{
	const struct ls_await none = { .frame = { FETCH_ROW, 31 } },
			      known = { { FETCH_ROW, 31 }, LS_AWAIT_SUSPENDED, 0 };
	struct script *s = script_new();
	const struct stall *stall = send_step(s, LS_UNIT_STEP, &none, &none);

	cr_assert_eq(stall->from.state, LS_AWAIT_UNKNOWN);
	cr_assert_null(stall->from.at.function);
	cr_assert_null(stall->to.at.function);
	stall = send_step(s, LS_UNIT_CALLBACK, &known, &known);
	cr_assert_eq(stall->from.state, LS_AWAIT_UNKNOWN);
	cr_assert_eq(stall->to.state, LS_AWAIT_UNKNOWN);
	script_free(s);
}
