/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps and callbacks as spans: what becomes a stall, nesting, abandoned steps, turns.
 */
#include "arch_regs.h"
#include "bpf/host/expect.h"

TestSuite(bpf_spans, .init = world__begin);

Test(bpf_spans, a_step_of_the_threshold_is_a_stall_and_a_shorter_one_is_not)
{
	const struct ls_rec_stall *stall;

	step(world.task, 10 * MS - 1);
	cr_assert_eq(count_records(LS_REC_STALL), 0);
	at(100 * MS);
	step_enter(world.task, 0x1000);
	at(110 * MS);
	step_exit(0x1000);
	/* The callbacks between the two steps stalled, too. */
	expect_stall(LS_UNIT_CALLBACK, 10 * MS - 1, 90 * MS + 1);
	stall = expect_stall(LS_UNIT_STEP, 100 * MS, 10 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 10 * MS);
	cr_assert_eq(stall->task, world.task);
	cr_assert_eq(stall->coro, world.coro);
	cr_assert_eq(stall->code, CODE);
	cr_assert_eq(stall->hdr.tgid, TGID);
	cr_assert_eq(stall->hdr.tid, TID);
	cr_assert_eq(stall->name.copied, 6);
	cr_assert_arr_eq(stall->name.data, "Task-1", 6);
	cr_assert_null(next_record(LS_REC_STALL));
	cr_assert_eq(totals().steps, 2);
	cr_assert_eq(totals().stalls, 2);
	cr_assert_eq(totals().step_ns, 20 * MS - 1);
	cr_assert_eq(stats_of(CODE)->steps, 2);
	cr_assert_eq(stats_of(CODE)->stalls, 1);
	cr_assert_eq(stats_of(CODE)->max_ns, 10 * MS);
	cr_assert_eq(stats_of(CODE)->hist[ls_hist_index(10 * MS)], 2);
}

Test(bpf_spans, a_loop_is_announced_once)
{
	const struct host_record *rec;

	step(world.task, MS);
	step(world.task, MS);
	rec = next_record(LS_REC_THREAD);
	cr_assert_not_null(rec);
	cr_assert_eq(rec->thread.loop, world.loop);
	cr_assert_eq(rec->thread.tstate, world.tstate);
	cr_assert(is_pthread_of(THREAD_POINTER, rec->thread.thread_pointer));
	cr_assert_null(next_record(LS_REC_THREAD));
}

/* Up to 3.10 a thread state has no id of the kernel's. The lock's holder may be another thread. */
Test(bpf_spans, a_thread_state_is_that_of_the_thread)
{
	for (int has_native_id = 0; has_native_id < 2; has_native_id++) {
		world__begin();
		if (!has_native_id)
			python.proc.py.at.tstate_native_id = LS_PY_NONE;
		world__update_proc();
		step(world.task, MS);
		cr_assert_eq(next_record(LS_REC_THREAD)->thread.tstate, world.tstate);
		cr_assert_eq(machine__loss(LS_LOSS_STACK_NO_THREAD), 0);
		machine.current = world__add_thread(TGID, TID + 1);
		step(world.task, MS);
		cr_assert_eq(next_record(LS_REC_THREAD)->thread.tstate, 0);
		cr_assert_eq(machine__loss(LS_LOSS_STACK_NO_THREAD), 1);
	}
}

Test(bpf_spans, an_unwatched_process_leaves_no_trace)
{
	machine.current = world__add_thread(42, 43);
	step(world.task, S);
	poll_return();
	resume(world.coro, 0x1000);
	resume_exit(0x1000);
	cr_assert_eq(machine.n_records, 0);
	cr_assert_null(machine.current->storage[0]);
}

/* The outer step's own time is that without the inner one. */
Test(bpf_spans, a_nested_step_is_not_its_parents_time)
{
	uint64_t inner = world__add_task("inner", CODE + 0x10);

	step_enter(world.task, 0x2000);
	at(20 * MS);
	step_enter(inner, 0x1000);
	at(50 * MS);
	step_exit(0x1000);
	at(55 * MS);
	step_exit(0x2000);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 20 * MS, 30 * MS)->code, CODE + 0x10);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 0, 25 * MS)->code, CODE);
	cr_assert_eq(totals().step_ns, 55 * MS);
	cr_assert_eq(stats_of(CODE)->total_ns, 25 * MS);
}

Test(bpf_spans, nesting_ends_at_its_limit)
{
	const uint64_t depth = LS_MAX_NEST + 3;

	for (uint64_t i = 0; i < depth; i++)
		step_enter(world.task, 0x9000 - 0x100 * i);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_TOO_DEEP), 2);
	at(30 * MS);
	for (uint64_t i = depth; i-- > 0;)
		step_exit(0x9000 - 0x100 * i);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_UNMATCHED), 2);
	cr_assert_eq(totals().steps, LS_MAX_NEST + 1);
	/* All time is the innermost one's. */
	cr_assert_eq(totals().step_ns, 30 * MS);
	expect_stall(LS_UNIT_STEP, 0, 30 * MS);
	cr_assert_null(next_record(LS_REC_STALL));
}

/* A greenlet's stack is switched away: the next step begins above, and the old one never ends. */
Test(bpf_spans, a_step_that_is_covered_by_another_was_abandoned)
{
	step_enter(world.task, 0x1000);
	at(30 * MS);
	step_enter(world.task, 0x1000);
	at(50 * MS);
	step_exit(0x1000);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_ABANDONED), 1);
	expect_stall(LS_UNIT_STEP, 30 * MS, 20 * MS);
	cr_assert_eq(totals().steps, 1);
}

Test(bpf_spans, abandoned_steps_go_with_their_parents_end)
{
	step_enter(world.task, 0x3000);
	step_enter(world.task, 0x2000);
	step_enter(world.task, 0x1000);
	at(40 * MS);
	step_exit(0x3000);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_ABANDONED), 2);
	expect_stall(LS_UNIT_STEP, 0, 40 * MS);
	cr_assert_eq(totals().steps, 1);
	/* Nested ones are dropped when a step begins above them, down to their living parent. */
	step_enter(world.task, 0x3000);
	step_enter(world.task, 0x2000);
	step_enter(world.task, 0x1000);
	step_enter(world.task, 0x2800);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_ABANDONED), 4);
	pass(15 * MS);
	step_exit(0x2800);
	expect_stall(LS_UNIT_STEP, 40 * MS, 15 * MS);
	step_exit(0x3000);
	cr_assert_null(next_record(LS_REC_STALL), "all of it was the nested step's");
}

Test(bpf_spans, an_end_without_a_beginning_is_counted)
{
	step_exit(0x1000);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_UNMATCHED), 0,
		     "nothing is known of the thread yet");
	step(world.task, MS);
	step_exit(0x1000);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_UNMATCHED), 1);
	step_enter(world.task, 0x2000);
	step_exit(0x2008);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_UNMATCHED), 2);
	cr_assert_eq(totals().steps, 1);
}

Test(bpf_spans, callbacks_between_steps)
{
	step(world.task, MS);
	at(25 * MS);
	step(world.task, MS);
	cr_assert_eq(expect_stall(LS_UNIT_CALLBACK, MS, 24 * MS)->task, 0);
	cr_assert_eq(totals().callbacks_ns, 24 * MS);
}

/* Many short steps without a wait between: no step stalls, but the turn does. */
Test(bpf_spans, a_long_turn_of_short_steps)
{
	const struct ls_rec_stall *turn;

	step(world.task, MS);
	poll_return();
	for (int i = 0; i < 8; i++)
		step(world.task, 2 * MS);
	poll_return();
	turn = expect_stall(LS_UNIT_TURN, MS, 16 * MS);
	cr_assert_eq(turn->steps, 8);
	cr_assert_eq(turn->cause_ns[LS_CAUSE_CPU], 16 * MS);
	cr_assert_eq(totals().turns, 2);
	cr_assert_eq(totals().worst_turn_ns, 16 * MS);
}

Test(bpf_spans, a_turn_with_a_stall_in_it_is_none_itself)
{
	step(world.task, MS);
	poll_return();
	step(world.task, 30 * MS);
	poll_return();
	expect_stall(LS_UNIT_STEP, MS, 30 * MS);
	cr_assert_null(next_record(LS_REC_STALL));
	cr_assert_eq(totals().worst_turn_ns, 30 * MS);
}

Test(bpf_spans, polls_inside_a_step_end_nothing)
{
	step_enter(world.task, 0x1000);
	at(5 * MS);
	poll_return();
	at(15 * MS);
	step_exit(0x1000);
	expect_stall(LS_UNIT_STEP, 0, 15 * MS);
}

/* asyncio.run() a second time on the same thread. */
Test(bpf_spans, another_loop_on_the_same_thread)
{
	uint64_t loop = py__object(python.other_type, 64), task = py__task(loop, "2", world.coro);

	step(world.task, MS);
	poll_return();
	step(task, MS);
	cr_assert_eq(count_records(LS_REC_THREAD), 2);
	next_record(LS_REC_THREAD);
	cr_assert_eq(next_record(LS_REC_THREAD)->thread.loop, loop);
}

Test(bpf_spans, kinds_of_coroutines_have_aggregates_of_their_own)
{
	uint64_t other = world__add_task("other", CODE + 0x40);

	step(world.task, MS);
	step(other, 2 * MS);
	step(other, 3 * MS);
	cr_assert_eq(stats_of(CODE)->steps, 1);
	cr_assert_eq(stats_of(CODE + 0x40)->steps, 2);
	cr_assert_eq(stats_of(CODE + 0x40)->total_ns, 5 * MS);
}

/* Some other awaitable: its field is not taken for a code object. */
Test(bpf_spans, what_is_no_coroutine_has_no_code)
{
	uint64_t thing = py__object(python.other_type, 160);
	uint64_t task = py__task(world.loop, "thing", thing);

	memory__put(thing + python.proc.py.at.gen_code, 0xbad0);
	step(task, 20 * MS);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 0, 20 * MS)->code, 0);
	cr_assert_eq(stats_of(0)->steps, 1);
	cr_assert_null(stats_of(0xbad0));
}

Test(bpf_spans, steps_are_counted_task_by_task_on_request)
{
	settings.is_counting_tasks = 1;
	step(world.task, MS);
	step(world.task, 20 * MS);
	for (uint32_t i = 0; i < LS_MAX_TASKS; i++) {
		const struct ls_task *t = bpf_map_lookup_elem(&tasks, &i);

		if (!t->key.task)
			continue;
		cr_assert_eq(t->key.task, world.task);
		cr_assert_eq(t->stats.steps, 2);
		cr_assert_eq(t->stats.total_ns, 21 * MS);
		cr_assert_eq(t->stats.max_ns, 20 * MS);
		cr_assert_eq(t->stats.stalls, 1);
		return;
	}
	cr_assert(false, "the task is in no place");
}

/* asyncio was imported, or the interpreter was still starting, when the process was examined. */
Test(bpf_spans, a_process_that_is_known_better_later)
{
	python.proc.py.wakeup_call = 0;
	world__update_proc();
	step(world.task, MS);
	cr_assert_eq(count_records(LS_REC_THREAD), 1);
	python.proc.py.wakeup_call = 0x5200;
	world__update_proc();
	step(world.task, MS);
	cr_assert_eq(count_records(LS_REC_THREAD), 2, "its loop is entered anew");
}
