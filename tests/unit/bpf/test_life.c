/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes and threads come and go; what is lost is counted by name; the budget of a storm.
 */
#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

#include <signal.h>

TestSuite(bpf_life, .init = world__begin);

static int is_watched(uint32_t tgid)
{
	return !!bpf_map_lookup_elem(&procs, &tgid);
}

Test(bpf_life, a_child_is_watched_if_children_are_followed)
{
	struct task_struct child = { .tgid = 900, .pid = 900 };
	const struct ls_rec_fork *rec;

	prog_fork(NULL, &world.thread->task, &child);
	cr_assert_not(is_watched(900));
	settings.is_following = 1;
	child.tgid = TGID;
	prog_fork(NULL, &world.thread->task, &child);
	cr_assert_eq(machine.n_records, 0, "a thread is no child");
	child.tgid = 900;
	prog_fork(NULL, &world.thread->task, &child);
	cr_assert(is_watched(900));
	rec = &next_record(LS_REC_FORK)->fork;
	cr_assert_eq(rec->child, 900);
	cr_assert_eq(rec->hdr.tgid, TGID);
	cr_assert_eq(rec->is_vfork, 0);
	child.tgid = 901;
	child.mm = world.thread->task.mm;
	prog_fork(NULL, &world.thread->task, &child);
	cr_assert_eq(next_record(LS_REC_FORK)->fork.is_vfork, 1);
	prog_fork(NULL, &child, &(struct task_struct){ .tgid = 902, .mm = child.mm });
	cr_assert(is_watched(902), "grandchildren, too");
}

Test(bpf_life, an_exec_forgets_the_thread)
{
	struct host_thread *stranger = world__add_thread(42, 43);

	step_enter(world.task, 0x1000);
	pass(20 * MS);
	prog_exec(NULL, &world.thread->task);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 0, 20 * MS)->end, LS_END_EXEC);
	cr_assert_eq(next_record(LS_REC_EXEC)->hdr.tgid, TGID);
	cr_assert_null(world.thread->storage[0]);
	step_exit(0x1000);
	expect_no_stall();
	prog_exec(NULL, &stranger->task);
	cr_assert_null(next_record(LS_REC_EXEC));
	settings.tells_execs = 1;
	prog_exec(NULL, &stranger->task);
	cr_assert_eq(next_record(LS_REC_EXEC)->hdr.tgid, 42);
}

/* What killed the process is part of its last stall; its memory is gone by then. */
Test(bpf_life, a_stall_that_ends_with_its_process)
{
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, 15 * MS);
	pass(5 * MS);
	world.thread->task.exit_code = SIGABRT | 0x80; /* with a core dump */
	prog_exit(NULL, &world.thread->task);
	stall = expect_stall(LS_UNIT_STEP, 0, 20 * MS);
	cr_assert_eq(stall->end, LS_END_SIGNAL);
	cr_assert_eq(stall->signal, SIGABRT);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_FILE], 15 * MS);
	cr_assert_eq(stall->flags, LS_STALL_VICTIMS_UNKNOWN | LS_STALL_SOCKETS_UNKNOWN);
	cr_assert_not_null(next_record(LS_REC_EXIT), "behind the stall");
	expect_no_stall();
}

Test(bpf_life, nested_steps_that_end_with_their_thread)
{
	step_enter(world.task, 0x9000);
	pass(12 * MS);
	step_enter(world.task, 0x5000);
	pass(11 * MS);
	world.thread->task.exit_code = 3 << 8;
	prog_exit(NULL, &world.thread->task);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 12 * MS, 11 * MS)->end, LS_END_EXIT);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 0, 12 * MS)->end, LS_END_EXIT, "the outer one");
	expect_no_stall();
}

/* Which kills all threads but the one that calls it. */
Test(bpf_life, an_exec_by_another_thread)
{
	step_enter(world.task, 0x1000);
	pass(12 * MS);
	world.thread->signal.group_exec_task = &world__add_thread(TGID, TID + 1)->task;
	prog_exit(NULL, &world.thread->task);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 0, 12 * MS)->end, LS_END_EXEC);
}

Test(bpf_life, a_short_step_that_ends_with_its_process_is_no_stall)
{
	step_enter(world.task, 0x1000);
	pass(MS);
	prog_exit(NULL, &world.thread->task);
	expect_no_stall();
}

Test(bpf_life, an_exit_hands_over_the_totals)
{
	const uint64_t key = (uint64_t)TGID << 32 | TID;

	prog_exit(NULL, &world.thread->task);
	cr_assert_eq(machine.n_records, 0, "it ran no loop");
	step(world.task, MS);
	prog_exit(NULL, &world.thread->task);
	cr_assert_eq(next_record(LS_REC_EXIT)->hdr.tid, TID);
	cr_assert_eq(((struct ls_thread_stats *)bpf_map_lookup_elem(&thread_stats, &key))->steps,
		     1);
	cr_assert(is_watched(TGID));
	world.thread->signal.live.counter = 0;
	prog_exit(NULL, &world.thread->task);
	cr_assert_not(is_watched(TGID));
}

Test(bpf_life, a_full_ring)
{
	struct task_struct child = { .tgid = 900, .pid = 900 };

	world__know_loop();
	settings.is_following = 1;
	step(world.task, MS);
	machine.faults.ring_full = true;
	py__deque_append(world.ready, py__handle(py__step_callback(world__add_task("v", CODE))));
	step_enter(world.task, 0x1000);
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	step_exit(0x1000);
	cr_assert_eq(machine__loss(LS_LOSS_RING_STALL), 1);
	cr_assert_eq(machine__loss(LS_LOSS_RING_STACK), 1);
	cr_assert_eq(machine__loss(LS_LOSS_RING_VICTIM), 1);
	cr_assert_eq(totals().stalls, 1, "all sums have it");
	cr_assert_eq(stats_of(CODE)->stalls, 1);
	prog_fork(NULL, &world.thread->task, &child);
	prog_exit(NULL, &world.thread->task);
	cr_assert_eq(machine__loss(LS_LOSS_RING_OTHER), 2);
	step(py__task(0x1230, "other loop", world.coro), MS);
}

Test(bpf_life, no_memory_for_a_threads_state)
{
	machine.faults.storage_full = true;
	step(world.task, 20 * MS);
	cr_assert_eq(machine__loss(LS_LOSS_THREAD_STORAGE), 1);
	cr_assert_eq(machine.n_records, 0);
	machine.faults.storage_full = false;
	step(world.task, 20 * MS);
	take_stall();
}

/* Without room for stacks the stall is all there, but for its stacks. */
Test(bpf_life, no_memory_for_a_threads_stacks)
{
	machine.faults.empty_storage = &stacks;
	start_sampler();
	step_enter(world.task, 0x1000);
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	pass(5 * MS);
	tick();
	step_exit(0x1000);
	cr_assert_geq(machine__loss(LS_LOSS_THREAD_STORAGE), 1);
	cr_assert_eq(take_stall()->cause_ns[LS_CAUSE_SLEEP], 20 * MS);
	cr_assert_eq(count_records(LS_REC_STACK), 0);
	machine.faults.empty_storage = NULL;
	step_enter(world.task, 0x1000);
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	step_exit(0x1000);
	cr_assert_eq(count_records(LS_REC_STACK), 1, "tried again at a later step");
}

Test(bpf_life, full_maps)
{
	struct task_struct child = { .tgid = 900, .pid = 900 };

	settings.is_following = 1;
	machine.faults.full_map = &procs;
	prog_fork(NULL, &world.thread->task, &child);
	cr_assert_eq(machine__loss(LS_LOSS_PROC_MAP), 1);
	machine.faults.full_map = &thread_stats;
	step(world.task, MS);
	blocked(SYS_fsync, 0, MS);
	cr_assert_eq(machine__loss(LS_LOSS_THREAD_MAP), 1);
	machine.faults.full_map = &coroutine_index;
	step(world__add_task("no room", CODE + 0x10), 20 * MS);
	cr_assert_eq(machine__loss(LS_LOSS_COROUTINE_MAP), 1);
	cr_assert_eq(take_stall()->code, CODE + 0x10);
}

/* Aggregates that user space gives back are used again. */
Test(bpf_life, more_kinds_of_coroutines_than_there_is_room_for)
{
	uint32_t given_back;

	for (uint64_t i = 0; i < LS_MAX_COROUTINES + 2; i++) {
		memory__put(world.coro + python.proc.py.at.gen_code, CODE + 0x10 * i);
		step(world.task, US);
	}
	cr_assert_eq(machine__loss(LS_LOSS_COROUTINE_MAP), 2);
	cr_assert_eq(totals().steps, LS_MAX_COROUTINES + 2);
	given_back = 7;
	bpf_map_delete_elem(&coroutine_index,
			    &(struct ls_coro_key){ .code = CODE + 0x70, .tgid = TGID, .tid = TID });
	bpf_map_push_elem(&coroutine_free, &given_back, 0);
	memory__put(world.coro + python.proc.py.at.gen_code, 0xabcde0);
	step(world.task, US);
	cr_assert_eq(stats_of(0xabcde0), bpf_map_lookup_elem(&coroutine_stats, &given_back));
	cr_assert_eq(machine__loss(LS_LOSS_COROUTINE_MAP), 2);
}

/* A storm of stalls of one coroutine: only so many get a record, but all are counted. */
Test(bpf_life, a_storm_of_stalls_has_a_budget)
{
	settings.stall_price_ns = S;
	for (int i = 0; i < 60; i++) {
		step(world.task, 11 * MS);
		poll_return();
	}
	cr_assert_eq(totals().stalls, 60);
	cr_assert_eq(stats_of(CODE)->stalls, 60);
	cr_assert_geq(machine__loss(LS_LOSS_STALL_SHED), 50);
	cr_assert_eq(count_records(LS_REC_STALL) + machine__loss(LS_LOSS_STALL_SHED), 60);
	/* One that is far longer than the others is told. */
	machine.n_records = 0;
	step(world.task, 500 * MS);
	cr_assert_eq(count_records(LS_REC_STALL), 1);
}

Test(bpf_life, what_the_programs_cost_is_measured)
{
	uint64_t runs = 0, timed = 0;

	machine.step_ns = 100;
	for (int i = 0; i < 2 * LS_METER_EVERY; i++)
		step(world.task, US);
	for (size_t i = 0; i < LS_METER_MAX; i++) {
		extern struct ls_meter meters[];

		runs += meters[i].runs;
		timed += meters[i].timed;
	}
	cr_assert_eq(runs, 4 * LS_METER_EVERY);
	cr_assert_eq(timed, 4);
}

/* Threads of a free-threaded interpreter are found in its list. */
Test(bpf_life, a_free_threaded_interpreter)
{
	uint64_t head = py__alloc(16), first = py__tstate(0x5555, 1);

	memory__put(head, first);
	memory__put(first + python.proc.py.at.tstate_next, world.tstate);
	python.proc.py.is_free_threaded = 1;
	python.proc.py.threads = head;
	world__update_proc();
	step(world.task, MS);
	cr_assert_eq(next_record(LS_REC_THREAD)->thread.tstate, world.tstate);
}

Test(bpf_life, a_thread_state_that_is_anothers)
{
	memory__put(python.gil + python.proc.py.at.gil_last_holder, py__tstate(0x5555, 1));
	step(world.task, MS);
	cr_assert_eq(next_record(LS_REC_THREAD)->thread.tstate, 0);
	cr_assert_eq(machine__loss(LS_LOSS_STACK_NO_THREAD), 1);
}

Test(bpf_life, a_task_that_cannot_be_read)
{
	step(0x10, 20 * MS);
	cr_assert_geq(machine__loss(LS_LOSS_TASK_UNREADABLE), 1);
}
