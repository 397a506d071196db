/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events in, stalls out: fields, victims, order, life cycle, and the same answer for the same
 * events.
 */
#include "model/script.h"
#include "report/report.h"

static void send_victim(struct script *s, uint64_t span, const char *name)
{
	struct ls_rec_victim rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, LS_REC_VICTIM, sizeof(rec));
	rec.span = span;
	rec.task = 0x7f01;
	rec.name = script_pystr(name);
	cr_assert_eq(script_send(s, &rec, sizeof(rec)), 0);
}

static void send_life(struct script *s, enum ls_rec_kind kind)
{
	struct ls_rec_life rec;

	memset(&rec, 0, sizeof(rec));
	rec.hdr = script_header(s, (uint16_t)kind, sizeof(rec));
	cr_assert_eq(script_send(s, &rec, sizeof(rec)), 0);
}

Test(model, stall_carries_what_its_record_says)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);

	script_time(&rec, LS_CAUSE_GIL, 40 * MS);
	script_time(&rec, LS_CAUSE_CPU, 10 * MS);
	rec.gil_holder_tstate = 0x9000;
	rec.gil_holder_id = 777;
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.pid, PID);
	cr_assert_eq(s->stall.tid, TID);
	cr_assert_eq(s->stall.unit, LS_UNIT_STEP);
	cr_assert_eq(s->stall.start_ns, 950 * MS);
	cr_assert_eq(s->stall.duration_ns, 50 * MS);
	cr_assert_eq(s->stall.task, 0x7f0000001000);
	cr_assert_str_eq(s->stall.task_name, "Task-7");
	cr_assert_str_eq(s->stall.coroutine.file, "/srv/app/web.py");
	cr_assert_eq(s->stall.gil_holder.tid, 777);
	script_free(s);
}

static const struct snapshot *snapshot_of(struct script *s)
{
	const struct snapshot *snapshot;

	cr_assert_eq(model__snapshot(s->model, &snapshot), 0);
	return snapshot;
}

static void send_open_stall(struct script *s, uint64_t span, enum ls_unit unit, uint64_t ns)
{
	struct ls_rec_stall rec = script_stall(s, span, unit);

	script_time(&rec, LS_CAUSE_SLEEP, ns);
	rec.end = LS_END_OPEN;
	script_send_stall(s, &rec);
}

static void send_wait(struct script *s, uint64_t span, uint64_t ns, uint16_t flags)
{
	struct ls_rec_stack stack = script_stack(s, span, LS_CAUSE_SLEEP, ns);

	script_frame(&stack, FETCH_ROW, 31);
	script_frame(&stack, HANDLER, 14);
	stack.flags |= flags;
	script_send_stack(s, &stack);
}

/* It is handed over as far as it has come, and counts only once it ends. */
Test(model, open_stall_is_in_no_sum)
{
	struct script *s = script_new();
	struct ls_rec_stall end;

	send_wait(s, 1, 50 * MS, LS_STACK_SO_FAR);
	send_open_stall(s, 1, LS_UNIT_STEP, 50 * MS);
	cr_assert_eq(s->stall.end, LS_END_OPEN);
	cr_assert_str_eq(s->stall.call.function, "fetch_row");
	cr_assert_eq(snapshot_of(s)->stalls, 0);
	cr_assert_eq(snapshot_of(s)->n_stalls, 0);
	send_wait(s, 1, 70 * MS, 0);
	end = script_stall(s, 1, LS_UNIT_STEP);
	script_time(&end, LS_CAUSE_SLEEP, 70 * MS);
	end.end = LS_END_RUNNING;
	script_send_stall(s, &end);
	cr_assert_eq(s->stall.end, LS_END_RUNNING);
	cr_assert_eq(s->stall.duration_ns, 70 * MS);
	cr_assert_eq(snapshot_of(s)->stalls, 1);
	cr_assert_eq(snapshot_of(s)->sites[0].total_ns, 70 * MS);
	script_free(s);
}

/* Samples come once: an interim record must not use them up. */
Test(model, open_stall_leaves_the_samples_to_its_end)
{
	struct script *s = script_new();
	struct ls_rec_stack sample = script_stack(s, 1, LS_CAUSE_CPU, 40 * MS);
	struct ls_rec_stall end;

	script_frame(&sample, RENDER, 88);
	script_send_stack(s, &sample);
	send_open_stall(s, 1, LS_UNIT_STEP, 10 * MS);
	end = script_stall(s, 1, LS_UNIT_STEP);
	script_time(&end, LS_CAUSE_CPU, 50 * MS);
	script_send_stall(s, &end);
	cr_assert_str_eq(s->stall.call.function, "render");
	script_free(s);
}

/* A thread whose loop has ended looks like a callback that never returns. */
Test(model, open_callback_without_a_stack_is_none)
{
	struct script *s = script_new();

	memset(&s->stall, 0, sizeof(s->stall));
	send_open_stall(s, 1, LS_UNIT_CALLBACK, 50 * MS);
	cr_assert_eq(s->stall.pid, 0, "it was reported");
	script_free(s);
}

Test(model, gil_holder_is_only_told_of_a_gil_wait)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);

	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	rec.gil_holder_tstate = 0x9000;
	rec.gil_holder_id = 777;
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.gil_holder.tid, 0);
	script_free(s);
}

Test(model, victims_are_named_in_the_order_they_waited)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 5, LS_UNIT_STEP);

	send_victim(s, 5, "Task-3");
	send_victim(s, 4, "of another span");
	send_victim(s, 5, "writer");
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	rec.victims = 14;
	rec.starved_ns = 600 * MS;
	rec.flags = LS_STALL_VICTIMS_CUT;
	script_send_stall(s, &rec);
	cr_assert_eq(s->stall.victims, 14);
	cr_assert_eq(s->stall.starved_ns, 600 * MS);
	cr_assert_eq(s->stall.victims_named, 2);
	cr_assert_str_eq(s->stall.victim_names[0], "Task-3");
	cr_assert_str_eq(s->stall.victim_names[1], "writer");
	cr_assert(s->stall.is_victims_cut);
	cr_assert(!s->stall.is_victims_unknown);
	script_free(s);
}

Test(model, victims_and_stacks_of_one_stall_do_not_reach_the_next)
{
	struct script *s = script_new();

	send_victim(s, 5, "Task-3");
	script_at(s, 5, LS_CAUSE_CPU, 9 * MS, RENDER, 88);
	script_end(s, 5, LS_CAUSE_CPU);
	cr_assert_eq(s->stall.victims_named, 1);
	cr_assert_eq(s->stall.victims, 1, "never fewer than are named");
	script_end(s, 6, LS_CAUSE_CPU);
	cr_assert_eq(s->stall.victims_named, 0);
	cr_assert_eq(s->stall.n_frames, 0);
	cr_assert_eq(s->n_stalls, 2);
	script_free(s);
}

Test(model, nested_step_ends_first_and_both_keep_their_stacks)
{
	struct script *s = script_new();

	script_at(s, 10, LS_CAUSE_CPU, 9 * MS, FETCH_ROW, 31);
	script_at(s, 11, LS_CAUSE_CPU, 9 * MS, RENDER, 88);
	script_end(s, 11, LS_CAUSE_CPU);
	cr_assert_str_eq(s->stall.call.function, "render");
	script_at(s, 10, LS_CAUSE_CPU, 9 * MS, FETCH_ROW, 31);
	script_end(s, 10, LS_CAUSE_CPU);
	cr_assert_str_eq(s->stall.call.function, "fetch_row");
	script_free(s);
}

Test(model, stack_that_comes_after_its_stall_harms_nobody)
{
	struct script *s = script_new();

	script_end(s, 5, LS_CAUSE_CPU);
	script_at(s, 5, LS_CAUSE_CPU, 9 * MS, RENDER, 88);
	script_at(s, 6, LS_CAUSE_CPU, 1 * MS, FETCH_ROW, 31);
	script_end(s, 6, LS_CAUSE_CPU);
	cr_assert_str_eq(s->stall.call.function, "fetch_row");
	script_free(s);
}

Test(model, exit_and_exec_forget_what_was_pending)
{
	struct script *s = script_new();

	script_at(s, 5, LS_CAUSE_CPU, 9 * MS, RENDER, 88);
	send_life(s, LS_REC_EXIT);
	script_end(s, 5, LS_CAUSE_CPU);
	cr_assert_eq(s->stall.n_frames, 0);
	script_at(s, 6, LS_CAUSE_CPU, 9 * MS, RENDER, 88);
	send_life(s, LS_REC_EXEC);
	script_end(s, 6, LS_CAUSE_CPU);
	cr_assert_eq(s->stall.n_frames, 0);
	script_free(s);
}

Test(model, error_of_the_listener_comes_back)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 1, LS_UNIT_STEP);

	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	s->on_stall_returns = -EPIPE;
	cr_assert_eq(script_send(s, &rec, sizeof(rec)), -EPIPE);
	script_free(s);
}

Test(model, snapshot_counts_stalls_and_starving_callbacks)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = script_stall(s, 3, LS_UNIT_CALLBACK);
	const struct snapshot *snap;

	script_end(s, 2, LS_CAUSE_CPU);
	script_time(&rec, LS_CAUSE_CPU, 50 * MS);
	rec.starved_ns = 5 * MS;
	script_send_stall(s, &rec);
	cr_assert_eq(model__snapshot(s->model, &snap), 0);
	cr_assert_eq(snap->stalls, 2);
	cr_assert_eq(snap->starved_ns, 5 * MS);
	script_free(s);
}

Test(model, dropped_stacks_show_in_the_snapshot)
{
	struct script *s = script_new();
	const struct snapshot *snap;
	uint64_t line;

	for (line = 0; line < 5000; line++)
		script_at(s, 5, LS_CAUSE_CPU, MS, RENDER, line);
	cr_assert_eq(model__snapshot(s->model, &snap), 0);
	cr_assert_eq(snap->n_losses, 1);
	cr_assert_str_eq(snap->losses[0].name, "pending_stacks");
	cr_assert_eq(snap->losses[0].count, 5000 - 4096);
	script_free(s);
}

/* Extreme but well-formed: no overflow, no read out of bounds, every stall is told. */
Test(model, hostile_numbers)
{
	struct script *s = script_new();
	struct ls_rec_stack stack = script_stack(s, UINT64_MAX, LS_CAUSE_OTHER, UINT64_MAX);
	struct ls_rec_stall rec = script_stall(s, UINT64_MAX, LS_UNIT_STEP);
	int i;

	stack.syscall = LS_SYSCALLS - 1;
	stack.native_ip = UINT64_MAX;
	stack.flags = 0xffff & ~(LS_STACK_HOLDER | LS_STACK_MAKER);
	for (i = 0; i < LS_MAX_FRAMES; i++)
		script_frame(&stack, UINT64_MAX - (uint64_t)i, UINT64_MAX);
	script_send_stack(s, &stack);
	script_send_stack(s, &stack);
	rec.hdr.ts_ns = UINT64_MAX;
	rec.victims = UINT32_MAX;
	rec.starved_ns = UINT64_MAX;
	rec.flags = UINT32_MAX;
	rec.gil_holder_tstate = UINT64_MAX;
	script_time(&rec, LS_CAUSE_OTHER, UINT64_MAX);
	script_send_stall(s, &rec);
	cr_assert_eq(s->n_stalls, 1);
	cr_assert_eq(s->stall.n_frames, LS_MAX_FRAMES);
	cr_assert_str_eq(s->stall.stack[0].function, "?");
	cr_assert_null(s->stall.call.function);
	cr_assert_eq(s->stall.blocked_ns, UINT64_MAX);
	script_free(s);
}

/* Every field of it, as text: bytes between the fields do not count. */
static char *stall_text(const struct stall *stall)
{
	const struct report_opts opts = { .mode = "exact" };
	struct report *report;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	cr_assert_eq(report__new(&report, report__by_name("json"), out, &opts), 0);
	cr_assert_eq(report__stall(report, stall), 0);
	report__free(report);
	fclose(out);
	return text;
}

Test(model, same_events_same_stall)
{
	struct script *s[2];
	char *text[2];
	int i, k;

	for (i = 0; i < 2; i++) {
		s[i] = script_new();
		for (k = 0; k < 50; k++)
			script_at(s[i], 1, LS_CAUSE_CPU, MS, k % 3 ? RENDER : FETCH_ROW,
				  (uint64_t)(k % 7));
		send_victim(s[i], 1, "Task-3");
		script_end(s[i], 1, LS_CAUSE_CPU);
	}
	for (i = 0; i < 2; i++)
		text[i] = stall_text(&s[i]->stall);
	cr_assert_str_eq(text[0], text[1]);
	for (i = 0; i < 2; i++) {
		free(text[i]);
		script_free(s[i]);
	}
}

Test(model, nothing_to_free_is_fine)
{
	model__free(NULL);
}
