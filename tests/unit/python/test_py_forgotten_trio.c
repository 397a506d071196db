/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks of trio that wait for what only such tasks refer to, and those that resemble them, on
 * objects laid out by hand.
 */
#include "fake_waits.h"

#define TRAPS "/lib/trio/_core/_traps.py"
#define SYNC "/lib/trio/_sync.py"
#define CHANNEL "/lib/trio/_channel.py"
#define LOT "/lib/trio/_core/_parking_lot.py"
#define OF_CELL 2

enum { OWNER = 16, CORO = 24, NAME = 32, NEXT_SEND = 40, NURSERY = 48, SLEEP = 56, ABORT = 64 };

static uint64_t cell_type, parent;

static uint64_t *words(uint64_t object)
{
	return (uint64_t *)(uintptr_t)object;
}

static uint64_t make_nursery(uint64_t of_task)
{
	static const char *const names[] = { "_parent_task" };

	return make_instance(&target, "Nursery", names, &of_task, 1);
}

static uint64_t make_task(uint64_t coro, uint64_t nursery)
{
	const uint64_t task = make_instance_of(trio.task_type, 1);

	put(words(task), CORO, coro);
	put(words(task), NEXT_SEND, target.proc.py.none);
	put(words(task), NURSERY, nursery);
	return task;
}

static void begin_built_trio(uint8_t minor, bool is_free_threaded)
{
	const struct coroutine coro = { .name = "main", .file = "/srv/app.py" };
	uint64_t init;

	begin_built(minor, is_free_threaded);
	target.proc.py.none = address(object());
	cell_type = make_type(&target, "cell", 0);
	trio = (struct py_trio){ .task_type = make_type(&target, "Task", 0),
				 .owner = OWNER,
				 .coro = CORO,
				 .name = NAME,
				 .next_send = NEXT_SEND,
				 .parent_nursery = NURSERY,
				 .sleep_data = SLEEP,
				 .abort = ABORT };
	init = make_task(make_coroutine(&coro), target.proc.py.none);
	parent = make_task(make_coroutine(&coro), make_nursery(init));
}

static void begin(void)
{
	begin_built_trio(13, false);
}

TestSuite(py_forgotten_trio, .init = begin);

static uint64_t make_function(const char *name, const char *file)
{
	const uint64_t function = make_instance_of(function_type, 1);

	put(words(function), (uint16_t)(target.proc.py.at.ob_head + 32), make_code(name, file));
	return function;
}

static uint64_t cell_of(uint64_t content)
{
	const uint64_t cell = make_instance_of(cell_type, OF_CELL);

	put(words(cell), target.proc.py.at.ob_head, content);
	return cell;
}

/* What trio's function has as its `self`, what the function around it has in its variables. */
struct wait {
	const char *function, *file;
	uint64_t self;
	const char *outer, *outer_file;
	uint64_t outer_self, other;
	uint64_t sleeps_for;
};

static void waits(size_t i, const struct wait *w)
{
	const struct coroutine trap = { .name = "wait_task_rescheduled", .file = TRAPS };
	const struct coroutine inner = { .name = w->function,
					 .file = w->file,
					 .self = w->self,
					 .awaits = make_coroutine(&trap) };
	const struct coroutine outer = { .name = w->outer ? w->outer : "handler",
					 .file = w->outer_file ? w->outer_file : "/srv/app.py",
					 .self = w->outer_self,
					 .other = w->other,
					 .awaits = make_coroutine(&inner) };
	const uint64_t nursery = make_nursery(parent);
	const uint64_t task = make_task(make_coroutine(&outer), nursery);

	put(words(task), SLEEP, w->sleeps_for);
	put(words(task), ABORT, make_function("abort_fn", w->file));
	tasks[i] = (struct py_raw_task){
		.task = task,
		.coro = words(task)[CORO / 8],
		.nursery = nursery,
		.is_trio = true,
		.is_python = true,
	};
}

static uint64_t waits_for_event(size_t i, uint64_t references)
{
	const uint64_t event = make_owner("Event", references);

	waits(i, &(struct wait){ .function = "wait", .file = SYNC, .self = cell_of(event) });
	return event;
}

Test(py_forgotten_trio, an_event)
{
	for (uint8_t minor = 13; minor <= PY_MINOR_MAX; minor++)
		for (uint64_t more = 0; more < 3; more++) {
			uint64_t event;

			begin_built_trio(minor, false);
			event = waits_for_event(0, 1 + more);
			cr_expect_eq(count_found(1), !more, "3.%d + %zu", minor, (size_t)more);
			cr_expect_eq(owners[0], more ? 0 : event);
		}
	begin_built_trio(14, true);
	waits_for_event(0, 1);
	cr_expect_eq(count_found(1), 0, "its counts have two parts");
}

/* As a closure of the program's does: its function may be called. */
Test(py_forgotten_trio, a_cell_that_others_have)
{
	const uint64_t event = make_owner("Event", 1), cell = cell_of(event);

	waits(0, &(struct wait){ .function = "wait", .file = SYNC, .self = cell });
	cr_expect_eq(count_found(1), 1);
	put(words(cell), 0, OF_CELL + 1);
	cr_expect_eq(count_found(1), 0);
}

Test(py_forgotten_trio, one_that_somebody_may_reach)
{
	const uint64_t event = waits_for_event(0, 1);

	cr_expect_eq(count_found(1), 1);
	refer_weakly(event);
	cr_expect_eq(count_found(1), 0);
}

/* It was set between two reads. */
Test(py_forgotten_trio, a_task_that_goes_on)
{
	waits_for_event(0, 1);
	put(words(tasks[0].task), NEXT_SEND, address(object()));
	cr_expect_eq(count_found(1), 0);
	tasks[0].is_scheduled = true;
	cr_expect_eq(count_found(1), 0);
}

Test(py_forgotten_trio, something_else_is_waited_for)
{
	waits_for_event(0, 1);
	put(words(tasks[0].task), ABORT, make_function("abort", "/srv/app.py"));
	cr_expect_eq(count_found(1), 0);
	put(words(tasks[0].task), ABORT, target.proc.py.none);
	cr_expect_eq(count_found(1), 0);
}

Test(py_forgotten_trio, the_main_task_may_wait_for_ever)
{
	waits_for_event(0, 1);
	put(words(parent), NURSERY, target.proc.py.none);
	cr_expect_eq(count_found(1), 0);
}

/* The task that opened the nursery may be about to cancel it. */
Test(py_forgotten_trio, inside_a_scope_of_a_parent)
{
	const struct coroutine coro = { .name = "main",
					.file = "/srv/app.py",
					.stack = { make_exit(make_owner("CancelScope", 1)) } };

	waits_for_event(0, 1);
	put(words(parent), CORO, make_coroutine(&coro));
	cr_expect_eq(count_found(1), 0);
}

Test(py_forgotten_trio, several_that_share_one)
{
	const uint64_t event = make_owner("Event", 3);

	for (size_t i = 0; i < 3; i++)
		waits(i,
		      &(struct wait){ .function = "wait", .file = SYNC, .self = cell_of(event) });
	cr_expect_eq(count_found(3), 3);
	cr_expect_eq(count_found(2), 0, "the third one may set it");
}

/* `self` of park(), and what the task says it sleeps for. */
#define OF_LOT 2

Test(py_forgotten_trio, a_lot)
{
	for (uint64_t more = 0; more < 2; more++) {
		const uint64_t lot = make_owner("ParkingLot", OF_LOT + more);

		waits(0,
		      &(struct wait){
			      .function = "park", .file = LOT, .self = lot, .sleeps_for = lot });
		cr_expect_eq(count_found(1), !more);
	}
}

static uint64_t make_holder(const char *type, const char *attribute, uint64_t value,
			    uint64_t references)
{
	const uint64_t holder = make_instance(&target, type, &attribute, &value, 1);

	put(words(holder), 0, references);
	return holder;
}

Test(py_forgotten_trio, a_condition)
{
	for (uint64_t more = 0; more < 2; more++)
		for (uint64_t of_lot = 0; of_lot < 2; of_lot++) {
			const uint64_t lot = make_owner("ParkingLot", OF_LOT + 1 + of_lot);
			const uint64_t condition = make_holder("Condition", "_lot", lot, 1 + more);

			waits(0,
			      &(struct wait){ .function = "park",
					      .file = LOT,
					      .self = lot,
					      .outer = "wait",
					      .outer_file = SYNC,
					      .outer_self = condition,
					      .sleeps_for = lot });
			cr_expect_eq(count_found(1), !more && !of_lot);
		}
}

/* By the cell, and by what the task says it sleeps for. */
#define OF_HALF 2

static void receives(uint64_t state, uint64_t references, uint64_t sender)
{
	const uint64_t channel = make_holder("MemoryReceiveChannel", "_state", state, references);

	waits(0,
	      &(struct wait){ .function = "receive",
			      .file = CHANNEL,
			      .self = cell_of(channel),
			      .other = sender,
			      .sleeps_for = channel });
}

Test(py_forgotten_trio, a_channel)
{
	for (uint64_t more = 0; more < 2; more++)
		for (uint64_t others = 0; others < 2; others++) {
			receives(make_owner("MemoryChannelState", 1 + others), OF_HALF + more, 0);
			cr_expect_eq(count_found(1), !more && !others, "%zu, %zu", (size_t)more,
				     (size_t)others);
		}
}

/* Whoever else has the sender may use it. */
Test(py_forgotten_trio, a_channel_that_would_send_to_itself)
{
	for (uint64_t more = 0; more < 2; more++) {
		const uint64_t state = make_owner("MemoryChannelState", 2);

		receives(state, OF_HALF,
			 make_holder("MemorySendChannel", "_state", state, 1 + more));
		cr_expect_eq(count_found(1), !more);
	}
}
