/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trace contexts that a program attaches to its thread: at which looks they are read, for how much
 * of a span each counts, and records that are none.
 */
#include "bpf/host/expect.h"

#define SP 0x1000
#define OFFSET 0x40
#define MODULE 3

static uint64_t variable, record;

static void begin(void)
{
	world__begin();
	variable = THREAD_POINTER - OFFSET;
	record = py__alloc(32);
	memory__put(variable, 0);
	settings.reads_traces = 1;
	python.proc.trace =
		(struct ls_trace_variable){ .place = LS_TRACE_STATIC, .offset = 0ULL - OFFSET };
	world__update_proc();
	start_sampler();
	poll_return();
	step_enter(world.task, SP);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	/* Starts the clock. */
	preempt();
	on_cpu();
}

TestSuite(bpf_trace_context, .init = begin);

/* Of a trace with this span. */
static void attach(uint64_t span)
{
	memory__put(record, 0x1111);
	memory__put(record + 8, 0x2222);
	memory__put(record + 16, span);
	memory__put(record + 24, 1);
	memory__put(variable, record);
}

static void tick_at(uint64_t ns)
{
	at(ns);
	tick();
}

static void expect_at(uint64_t end_ns, uint64_t span)
{
	const struct ls_rec_stall *stall;

	at(end_ns);
	step_exit(SP);
	stall = take_stall();
	cr_expect_eq(stall->trace.span_id, span, "span %llx", stall->trace.span_id);
	cr_expect_eq(stall->trace.trace_id[0], span ? 0x1111 : 0);
	cr_expect_eq(stall->trace.trace_id[1], span ? 0x2222 : 0);
}

Test(bpf_trace_context, of_a_block_for_its_time)
{
	at(MS);
	attach(7);
	blocked(SYS_fsync, 0, 20 * MS);
	memory__put(variable, 0);
	expect_at(30 * MS, 7);
	cr_expect_eq(machine__loss(LS_LOSS_TRACE_UNREADABLE), 0);
}

Test(bpf_trace_context, of_samples_for_the_time_since_the_last_one)
{
	attach(7);
	tick_at(10 * MS);
	attach(8);
	tick_at(20 * MS);
	tick_at(30 * MS);
	attach(7);
	expect_at(32 * MS, 8);
}

Test(bpf_trace_context, of_the_end_where_nothing_was_seen_before)
{
	attach(7);
	expect_at(30 * MS, 7);
}

Test(bpf_trace_context, none_that_lasted_for_less_than_half)
{
	attach(7);
	tick_at(10 * MS);
	attach(8);
	tick_at(20 * MS);
	attach(9);
	expect_at(30 * MS, 0);
}

Test(bpf_trace_context, more_than_are_told_apart)
{
	for (uint64_t i = 1; i <= 6; i++) {
		attach(i);
		tick_at(i * 4 * MS);
	}
	attach(7);
	blocked(SYS_fsync, 0, 60 * MS);
	/* Its time is nobody's, not that of the next one that has a place. */
	attach(1);
	expect_at(90 * MS, 0);
}

Test(bpf_trace_context, none_for_most_of_it)
{
	tick_at(10 * MS);
	tick_at(20 * MS);
	attach(7);
	expect_at(30 * MS, 0);
}

Test(bpf_trace_context, the_time_before_a_nested_step_is_unknown)
{
	const struct ls_rec_stall *stall;

	attach(7);
	tick_at(20 * MS);
	step_enter(world__add_task("inner", CODE), SP - 0x100);
	attach(8);
	tick_at(32 * MS);
	at(40 * MS);
	step_exit(SP - 0x100);
	stall = take_stall();
	cr_expect_eq(stall->duration_ns, 20 * MS);
	cr_expect_eq(stall->trace.span_id, 8);
	attach(9);
	tick_at(44 * MS);
	at(45 * MS);
	step_exit(SP);
	stall = take_stall();
	cr_expect_eq(stall->duration_ns, 25 * MS);
	cr_expect_eq(stall->trace.span_id, 0);
}

Test(bpf_trace_context, records_that_are_none)
{
	static const struct {
		uint64_t trace_id, span_id, head;
	} records[] = {
		{ 0x1111, 7, 0 },
		{ 0x1111, 7, 2 },
		{ 0x1111, 0, 1 },
		{ 0, 7, 1 },
	};

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		memory__put(record, records[i].trace_id);
		memory__put(record + 8, 0);
		memory__put(record + 16, records[i].span_id);
		memory__put(record + 24, records[i].head);
		memory__put(variable, record);
		tick_at((10 + 2 * i) * MS);
	}
	memory__put(variable, record + 1);
	expect_at(30 * MS, 0);
	cr_expect_eq(machine__loss(LS_LOSS_TRACE_UNREADABLE), 0);
}

Test(bpf_trace_context, what_cannot_be_read_is_counted)
{
	memory__put(variable, 0x123450);
	tick_at(10 * MS);
	memory__unmap(variable);
	tick_at(20 * MS);
	expect_at(22 * MS, 0);
	cr_expect_eq(machine__loss(LS_LOSS_TRACE_UNREADABLE), 3);
}

Test(bpf_trace_context, in_a_block_of_its_module)
{
	const uint64_t blocks = py__alloc((2 + MODULE) * 16) + 16, block = py__alloc(256);

	python.proc.trace = (struct ls_trace_variable){ .place = LS_TRACE_DYNAMIC,
							.module = MODULE,
							.offset = OFFSET };
	world__update_proc();
	memory__put(THREAD_POINTER + TLS_BLOCKS_AT, blocks);
	/* Older than the module, then without a block of it. */
	memory__put(blocks - 16, MODULE - 1);
	tick_at(2 * MS);
	memory__put(blocks - 16, MODULE);
	memory__put(blocks + MODULE * 16, ~0ULL);
	tick_at(4 * MS);
	memory__put(blocks + MODULE * 16, block);
	variable = block + OFFSET;
	attach(7);
	blocked(SYS_fsync, 0, 20 * MS);
	expect_at(30 * MS, 7);
	cr_expect_eq(machine__loss(LS_LOSS_TRACE_UNREADABLE), 0);
}

Test(bpf_trace_context, of_a_turn_there_is_none)
{
	const struct ls_rec_stall *stall;

	attach(7);
	at(5 * MS);
	step_exit(SP);
	for (uint64_t i = 0; i < 4; i++) {
		step(world.task, 4 * MS);
		pass(MS);
	}
	idle(MS);
	stall = take_stall();
	cr_expect_eq(stall->unit, LS_UNIT_TURN);
	cr_expect_eq(stall->trace.span_id, 0);
}

Test(bpf_trace_context, nothing_is_read_where_there_is_none)
{
	attach(7);
	python.proc.trace.place = LS_TRACE_NONE;
	world__update_proc();
	expect_at(30 * MS, 0);
}
