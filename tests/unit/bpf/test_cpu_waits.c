/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has the CPU while the loop thread waits for it, whether its affinity keeps it from a free
 * one, and whether what computes holds the GIL.
 */
#include <string.h>

#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

TestSuite(bpf_cpu_waits, .init = world__begin);

static struct host_thread idle_thread;

static struct host_thread *other(uint32_t tgid, uint32_t tid, const char *comm)
{
	struct host_thread *t = world__add_thread(tgid, tid);

	strncpy(t->task.comm, comm, sizeof(t->task.comm));
	return t;
}

/* As in the kernel the current thread is still the one that leaves. */
static void switch_to(struct host_thread *to)
{
	struct host_thread *from = machine.current;

	from->task.__state = 0;
	prog_switch(NULL, true, &from->task, &to->task);
	from->task.on_cpu = 0;
	to->task.on_cpu = 1;
	machine.current = to;
}

static void expect_holder(const struct ls_rec_stall *stall, uint32_t tgid, uint64_t ns,
			  const char *comm)
{
	cr_assert_eq(stall->cpu_holder.tgid, tgid, "pid %u", stall->cpu_holder.tgid);
	cr_assert_eq(stall->cpu_holder.ns, ns, "%llu ns", stall->cpu_holder.ns);
	cr_assert_str_eq((const char *)stall->cpu_holder.comm, comm);
}

/* Preempted twice: what counts is who ran longest in all. */
Test(bpf_cpu_waits, the_heaviest_holder)
{
	struct host_thread *hog = other(900, 901, "hog"), *cc = other(910, 910, "cc1");
	const struct ls_rec_stall *stall;

	hog->task.group_leader = &cc->task; /* another name than its own */
	step_enter(world.task, 0x1000);
	pass(2 * MS);
	for (int i = 0; i < 2; i++) {
		switch_to(cc);
		pass(5 * MS);
		switch_to(hog);
		pass(4 * MS + (uint64_t)i * 4 * MS);
		switch_to(world.thread);
		pass(MS);
	}
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 22 * MS);
	expect_holder(stall, 900, 12 * MS, "cc1");
	cr_assert_eq(stall->pinned_ns, 0);
}

Test(bpf_cpu_waits, own_threads)
{
	struct host_thread *own = other(TGID, 720, "app"), *cc = other(910, 910, "cc1");
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	switch_to(own);
	pass(10 * MS);
	switch_to(cc);
	pass(3 * MS);
	switch_to(world.thread);
	step_exit(0x1000);
	stall = take_stall();
	expect_holder(stall, TGID, 10 * MS, "app");
}

/* A wake-up from a blocking call on a CPU that another thread has. The time before is no wait. */
Test(bpf_cpu_waits, after_a_wake_up)
{
	struct host_thread *hog = other(900, 900, "hog");
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	block(SYS_clock_nanosleep, 0, 0, 0);
	machine.current = hog;
	pass(20 * MS);
	wake();
	pass(7 * MS);
	switch_to(world.thread);
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 20 * MS);
	expect_holder(stall, 900, 7 * MS, "hog");
}

/* It is moved away from a CPU on which nothing was switched meanwhile. */
Test(bpf_cpu_waits, moved_to_another_cpu)
{
	struct host_thread *hog = other(900, 900, "hog");
	const struct ls_rec_stall *stall;

	machine.cpu = 1;
	step_enter(world.task, 0x1000);
	world.thread->rq.curr = &hog->task;
	switch_to(hog);
	pass(15 * MS);
	machine.cpu = 2;
	machine.current = &idle_thread;
	switch_to(world.thread);
	step_exit(0x1000);
	stall = take_stall();
	expect_holder(stall, 900, 15 * MS, "hog");
}

Test(bpf_cpu_waits, an_idle_cpu_has_no_holder)
{
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	pass(12 * MS);
	switch_to(&idle_thread);
	pass(MS);
	switch_to(world.thread);
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->cpu_holder.ns, 0);
	cr_assert_eq(stall->cpu_holder.tgid, 0);
}

/* More processes than there is room for: those that ran longest stay. */
Test(bpf_cpu_waits, many_holders)
{
	struct host_thread *hogs[12];
	const struct ls_rec_stall *stall;

	for (uint32_t i = 0; i < 12; i++)
		hogs[i] = other(900 + i, 900 + i, "hog");
	step_enter(world.task, 0x1000);
	for (uint32_t i = 0; i < 12; i++) {
		switch_to(hogs[i]);
		pass(i == 3 ? 9 * MS : MS + i);
	}
	switch_to(world.thread);
	step_exit(0x1000);
	stall = take_stall();
	expect_holder(stall, 903, 9 * MS, "hog");
}

/* All accounts of a CPU are in use: the next wait has none, and all are free again. */
Test(bpf_cpu_waits, many_waits)
{
	struct host_thread *hog = other(900, 900, "hog");
	const struct ls_rec_stall *stall;
	const uint32_t cpu = 0;
	struct cpu_waits *waits = bpf_map_lookup_elem(&cpu_waits, &cpu);

	waits->used = (1u << MAX_CPU_WAITS) - 1;
	for (int i = 0; i < MAX_CPU_WAITS; i++)
		waits->list[i].began_ns = machine.now_ns;
	step_enter(world.task, 0x1000);
	switch_to(hog);
	pass(15 * MS);
	switch_to(world.thread);
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->cpu_holder.ns, 0);
	/* Nobody ended them. */
	pass(61 * S);
	step_enter(world.task, 0x1000);
	take_stall(); /* the callbacks before it */
	switch_to(hog);
	pass(15 * MS);
	switch_to(world.thread);
	step_exit(0x1000);
	stall = take_stall();
	expect_holder(stall, 900, 15 * MS, "hog");
	cr_assert_eq(waits->used, (1u << MAX_CPU_WAITS) - 2);
}

/* A throttled thread waits for its quota: the threads that run meanwhile are not its holders. */
Test(bpf_cpu_waits, throttled)
{
	struct host_thread *hog = other(900, 900, "hog");
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	switch_to(hog);
	pass(50 * MS);
	world.thread->cfs_rq.throttled_clock_self_time += 50 * MS;
	switch_to(world.thread);
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->cause_ns[LS_CAUSE_THROTTLED], 50 * MS);
	cr_assert_eq(stall->cpu_holder.ns, 0);
}

/* CPU 1 is free, and the thread may use CPU 0 alone, or both. */
Test(bpf_cpu_waits, bound_while_another_cpu_is_free)
{
	struct host_thread *hog = other(900, 900, "hog");
	const uint64_t masks[] = { 1, 3 };

	settings.n_cpus = 2;
	machine.cpu = 1;
	machine.current = hog;
	prog_switch(NULL, false, &hog->task, &idle_thread.task);
	for (size_t i = 0; i < 2; i++) {
		const struct ls_rec_stall *stall;

		machine.cpu = 0;
		machine.current = world.thread;
		world.thread->task.cpus_ptr = (const struct cpumask *)&masks[i];
		world.thread->task.nr_cpus_allowed = (int)i + 1;
		step_enter(world.task, 0x1000);
		switch_to(hog);
		pass(15 * MS);
		switch_to(world.thread);
		step_exit(0x1000);
		stall = take_stall();
		cr_assert_eq(stall->pinned_ns, i ? 0 : 15 * MS, "%llu ns", stall->pinned_ns);
		expect_holder(stall, 900, 15 * MS, "hog");
	}
}

static const struct ls_rec_stall *sampled_step(int ticks)
{
	start_sampler();
	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, MS / 10); /* the switch-in starts the clock */
	for (int i = 0; i < ticks; i++) {
		pass(5 * MS);
		tick();
	}
	step_exit(0x1000);
	return take_stall();
}

/* The kernel books while the thread is sampled; what was booked before is not the step's. */
Test(bpf_cpu_waits, what_the_kernel_booked)
{
	const struct ls_rec_stall *stall;

	world.thread->task.utime = 500 * MS;
	world.thread->task.stime = 400 * MS;
	world.thread->task.min_flt = 7000;
	start_sampler();
	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, MS / 10);
	for (int i = 0; i < 5; i++) {
		pass(5 * MS);
		tick();
		world.thread->task.utime += MS;
		world.thread->task.stime += 4 * MS;
		world.thread->task.min_flt += 900;
		world.thread->task.maj_flt += 100;
	}
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->booked_user_ns, 5 * MS, "%llu", stall->booked_user_ns);
	cr_assert_eq(stall->booked_kernel_ns, 20 * MS);
	cr_assert_eq(stall->page_faults, 5000);
	/* Without samples there is no account, whatever was in the span before. */
	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, 20 * MS);
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->booked_user_ns + stall->booked_kernel_ns + stall->page_faults, 0);
}

Test(bpf_cpu_waits, who_holds_the_gil_at_samples)
{
	const uint64_t locked = python.gil + python.proc.py.at.gil_locked;
	const uint64_t last = python.gil + python.proc.py.at.gil_last_holder;
	const struct ls_rec_stall *stall;

	memory__put(locked, 1);
	stall = sampled_step(4);
	cr_assert_eq(stall->gil_looks, 4, "%u", stall->gil_looks);
	cr_assert_eq(stall->gil_free, 0);
	/* Nobody has it. */
	memory__put(locked, 0);
	stall = sampled_step(4);
	cr_assert_eq(stall->gil_looks, 4);
	cr_assert_eq(stall->gil_free, 4);
	/* Another thread has it. */
	memory__put(locked, 1);
	memory__put(last, py__tstate(0x77, 4711));
	stall = sampled_step(4);
	cr_assert_eq(stall->gil_free, 4);
}
