/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of user stacks: when they are made, what they hold, and their limits.
 */
#include "arch/arch.h"
#include "arch_regs.h"
#include "bpf/host/expect.h"

#define STACK_AT 0x7f0000010000ULL

static void init(void)
{
	uint8_t bytes[2048];

	world__begin();
	settings.copy_price_ns = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i / 8);
	/* To the end of a page: what follows cannot be read. */
	memory__write(STACK_AT + 2048, bytes, sizeof(bytes));
}

TestSuite(bpf_native, .init = init);

static void run(uint64_t ns)
{
	regs_set_place(&world.thread->user, 0x401234, STACK_AT + 2048 + LS_COPY_BELOW);
	for (uint64_t i = 0; i < ns / (2 * MS); i++) {
		pass(2 * MS);
		tick();
	}
}

/* A step whose coroutine is on top; a block of 1 ms starts the clock. */
static void begin_step(void)
{
	start_sampler();
	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	blocked(SYS_fsync, 0, MS);
}

Test(bpf_native, copied_halfway_to_a_stall_and_at_each_doubling)
{
	const struct host_record *rec;

	begin_step();
	cr_assert_eq(count_records(LS_REC_COPY), 1, "where it blocks");
	cr_assert_eq(next_record(LS_REC_COPY)->copy.place.cause, LS_CAUSE_FILE);
	run(2 * MS);
	cr_assert_eq(count_records(LS_REC_COPY), 1, "a short step");
	run(62 * MS);
	step_exit(0x1000);
	/* At 5, 11, 23 and 47 ms. */
	cr_assert_eq(count_records(LS_REC_COPY), 5, "%zu", count_records(LS_REC_COPY));
	rec = next_record(LS_REC_COPY);
	cr_assert(rec->is_submitted);
	cr_assert_eq(rec->copy.hdr.len, sizeof(rec->copy));
	cr_assert_eq(rec->copy.n_bytes, 2048);
	cr_assert_eq(rec->copy.bytes[2047], (uint8_t)(2047 / 8));
	cr_assert_eq(rec->copy.place.cause, LS_CAUSE_CPU);
	cr_assert_eq(rec->copy.place.frame.code, CODE);
}

/* A database's driver sleeps longer each time: the first waits there are short. */
Test(bpf_native, copied_where_it_blocks_again_and_the_step_is_long)
{
	settings.copy_price_ns = 20 * MS;
	begin_step();
	cr_assert_eq(count_records(LS_REC_COPY), 1);
	step_exit(0x1000);
	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, MS);
	cr_assert_eq(count_records(LS_REC_COPY), 1, "not so soon, as it was short before");
	pass(10 * MS);
	blocked(SYS_fsync, 0, MS);
	cr_assert_eq(count_records(LS_REC_COPY), 2, "%zu", count_records(LS_REC_COPY));
	blocked(SYS_fsync, 0, MS);
	cr_assert_eq(count_records(LS_REC_COPY), 2, "once is enough");
	step_exit(0x1000);
}

/* One call waits in two system calls: the stack of the first one is not that of the second. */
Test(bpf_native, copied_where_it_blocks_in_another_call)
{
	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	for (int i = 0; i < 3; i++) {
		world.syscall_ip = 0x401234;
		blocked(SYS_fsync, 0, 6 * MS);
		world.syscall_ip = 0x405678;
		blocked(SYS_fsync, 0, 6 * MS);
	}
	step_exit(0x1000);
	cr_assert_eq(count_records(LS_REC_COPY), 2, "%zu", count_records(LS_REC_COPY));
}

/* Both sides of an architecture number the registers in the same way. */
Test(bpf_native, registers_are_where_user_space_looks)
{
	__u64 regs[LS_COPY_REGS];

	regs_set_place(&world.thread->user, 0x401234, STACK_AT);
	memset(regs, 0xee, sizeof(regs));
	regs_copy(&world.thread->user, regs);
	cr_assert_eq(regs[arch.copy_ip], 0x401234);
	cr_assert_eq(regs[arch.copy_sp], STACK_AT);
	for (size_t i = 0; i < LS_COPY_REGS; i++)
		cr_assert_eq(i < arch.copy_regs, regs[i] != 0xeeeeeeeeeeeeeeee, "%zu", i);
}

static void blocked_step(uint64_t duration_ns)
{
	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	blocked(SYS_clock_nanosleep, 0, duration_ns);
	step_exit(0x1000);
}

Test(bpf_native, copied_where_it_blocks)
{
	blocked_step(20 * MS);
	cr_assert_eq(count_records(LS_REC_COPY), 1);
	cr_assert_eq(next_record(LS_REC_COPY)->copy.place.cause, LS_CAUSE_SLEEP);
}

/* A place of short blocks is looked at only while nothing else asks for copies. */
Test(bpf_native, not_where_blocks_are_short)
{
	settings.copy_price_ns = S / 60;
	for (int i = 0; i < 100; i++)
		blocked_step(MS);
	cr_assert_leq(count_records(LS_REC_COPY), 8, "%zu", count_records(LS_REC_COPY));
	cr_assert_eq(machine__loss(LS_LOSS_NATIVE_SHED), 0);
}

/* Up to 3.10 a position is an offset in its function: others have the same. */
Test(bpf_native, where_another_function_has_short_blocks_at_the_same_offset)
{
	size_t n;

	settings.copy_price_ns = S / 60;
	for (int i = 0; i < 100; i++)
		blocked_step(MS);
	n = count_records(LS_REC_COPY);
	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, py__frame(CODE + 0x1000, 0x30, world.loop_frame));
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	step_exit(0x1000);
	cr_assert_eq(count_records(LS_REC_COPY), n + 1);
}

Test(bpf_native, no_more_than_the_limit)
{
	settings.copy_price_ns = S / 60;
	for (int i = 0; i < 100; i++)
		blocked_step(8 * MS);
	cr_assert_leq(count_records(LS_REC_COPY), 80, "%zu", count_records(LS_REC_COPY));
	cr_assert_gt(machine__loss(LS_LOSS_NATIVE_SHED), 0);
}

Test(bpf_native, none_if_they_are_off)
{
	settings.copy_price_ns = LS_NO_COPIES;
	blocked_step(20 * MS);
	cr_assert_eq(count_records(LS_REC_COPY), 0);
	cr_assert_eq(machine__loss(LS_LOSS_NATIVE_SHED), 0);
}

Test(bpf_native, a_full_ring_is_counted)
{
	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, py__coro_frame(world.coro, 0x30, world.loop_frame));
	machine.faults.ring_full = true;
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	machine.faults.ring_full = false;
	step_exit(0x1000);
	cr_assert_eq(count_records(LS_REC_COPY), 0);
	cr_assert_eq(machine__loss(LS_LOSS_RING_NATIVE), 1);
}
