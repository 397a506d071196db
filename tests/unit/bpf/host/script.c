/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events of the script, as the programs of the kernel side get them.
 */
#include "script.h"
#include "programs.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/arch.h"
#include "arch_regs.h"

struct world world;

static void rules_set(void)
{
	static const struct {
		long syscall;
		uint8_t rule;
	} rules[] = {
		{ SYS_clock_nanosleep, LS_CAUSE_SLEEP },
		{ SYS_wait4, LS_CAUSE_PROCESS },
		{ SYS_fsync, LS_CAUSE_FILE },
		{ SYS_clone, LS_CAUSE_PROCESS },
		{ SYS_read, LS_RULE_FD },
		{ SYS_recvfrom, LS_RULE_FD },
		{ SYS_futex, LS_RULE_FUTEX },
		{ SYS_flock, LS_CAUSE_LOCK },
		{ SYS_semop, LS_CAUSE_LOCK },
		{ SYS_ppoll, LS_RULE_POLL },
		{ SYS_pselect6, LS_RULE_SELECT },
		{ SYS_epoll_pwait, LS_RULE_EPOLL },
	};
	uintptr_t page = (uintptr_t)syscall_rules & ~(HOST_PAGE - 1);
	uint8_t *table = (uint8_t *)(uintptr_t)syscall_rules;

	/* As the loader does: to the programs it is constant, and the compiler may put it among
	 * constants. */
	__asm__ volatile("" : "+r"(table));
	if (mprotect((void *)page, (uintptr_t)table + LS_SYSCALLS - page, PROT_READ | PROT_WRITE))
		abort();
	memset(table, LS_CAUSE_OTHER, LS_SYSCALLS);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		table[rules[i].syscall] = rules[i].rule;
}

void world__update_proc(void)
{
	const uint32_t tgid = TGID;

	bpf_map_update_elem(&procs, &tgid, &python.proc, 0);
}

struct host_thread *world__add_thread(uint32_t tgid, uint32_t tid)
{
	const uint64_t pthread = THREAD_POINTER + 0x10000ULL * (tid - TID);
	struct host_thread *t = machine__new_thread(tgid, tid);

	set_thread_pointer(&t->task.thread, pthread);
	memory__put(pthread + arch.pthread_tid_offset, tid);
	return t;
}

uint64_t world__add_task(const char *name, uint64_t code)
{
	return py__task(world.loop, name, py__coro(code));
}

void world__begin(void)
{
	machine__reset();
	rules_set();
	python__reset();
	memset(&world, 0, sizeof(world));
	world.thread = world__add_thread(TGID, TID);
	world.thread->task.on_cpu = 1;
	machine.current = world.thread;
	world.tstate = py__tstate(THREAD_POINTER, TID);
	memory__put(python.gil + python.proc.py.at.gil_last_holder, world.tstate);
	world.loop = py__object(python.other_type, 256);
	world.ready = py__deque();
	world.scheduled = py__list();
	world.coro = py__coro(CODE);
	world.task = py__task(world.loop, "Task-1", world.coro);
	world.loop_frame = py__frame(LOOP_CODE, 0x1000, 0);
	py__set_top(world.tstate, world.loop_frame);
	world.start_ns = machine.now_ns;
	world__update_proc();
}

void world__know_loop(void)
{
	const struct ls_loop_key key = { .loop = world.loop, .tgid = TGID };
	const struct ls_loop loop = {
		.py = { .ready = world.ready,
			.scheduled = world.scheduled,
			.handle_callback = PY_HANDLE_CALLBACK },
	};

	bpf_map_update_elem(&loops, &key, &loop, 0);
}

void at(uint64_t ns)
{
	machine.now_ns = world.start_ns + ns;
}

void pass(uint64_t ns)
{
	machine.now_ns += ns;
}

void step_enter(uint64_t task, uint64_t sp)
{
	struct pt_regs regs = regs_of_call(sp, task, 0, 0, 0);

	machine.cookie = LS_SPOT_STEP_ENTER;
	prog_spot(&regs);
}

void step_exit(uint64_t sp)
{
	struct pt_regs regs = regs_of_call(sp, 0, 0, 0, 0);

	machine.cookie = LS_SPOT_STEP_EXIT;
	prog_spot(&regs);
}

void step(uint64_t task, uint64_t duration_ns)
{
	step_enter(task, 0x1000);
	pass(duration_ns);
	step_exit(0x1000);
}

void poll_return(void)
{
	struct pt_regs regs = {};

	machine.cookie = LS_SPOT_POLL_RETURN;
	prog_spot(&regs);
}

void resume(uint64_t coro, uint64_t sp)
{
	struct pt_regs regs = regs_of_call(sp, coro, 0, 0, 0);

	machine.cookie = LS_SPOT_RESUME_CORO;
	prog_spot(&regs);
}

void resume_exit(uint64_t sp)
{
	struct pt_regs regs = regs_of_call(sp, 0, 0, 0, 0);

	machine.cookie = LS_SPOT_RESUME_EXIT;
	prog_spot(&regs);
}

static void leave(bool is_preempted)
{
	static struct host_thread other;

	other.task.pid = 1;
	world.thread->task.se.exec_start = machine.now_ns - SCHED_CLOCK;
	world.thread->rq.clock = machine.now_ns - RQ_CLOCK;
	prog_switch(NULL, is_preempted, &world.thread->task, &other.task);
	world.thread->task.on_cpu = 0;
}

static void enter_syscall(long syscall, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	struct pt_regs *user = &world.thread->user;

	regs_set_syscall(user, syscall);
	regs_set_syscall_args(user, arg0, arg1, arg2);
	regs_set_place(user, world.syscall_ip ?: 0x401000, 0x800);
}

void block(long syscall, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	enter_syscall(syscall, arg0, arg1, arg2);
	world.thread->task.__state = 1;
	leave(false);
}

void block_in_state(unsigned int state, long syscall)
{
	enter_syscall(syscall, LOOP_EPOLL, 0, 0);
	world.thread->task.__state = state;
	leave(false);
}

void preempt(void)
{
	world.thread->task.__state = 0;
	leave(true);
}

void wake(void)
{
	world.thread->task.__state = 0;
	prog_wakeup(NULL, &world.thread->task);
}

void on_cpu(void)
{
	static struct host_thread other;

	other.task.pid = 1;
	world.thread->task.on_cpu = 1;
	prog_switch(NULL, false, &other.task, &world.thread->task);
}

void blocked(long syscall, uint64_t arg0, uint64_t duration_ns)
{
	block(syscall, arg0, 0, 0);
	pass(duration_ns);
	wake();
	on_cpu();
}

void idle(uint64_t duration_ns)
{
	blocked(SYS_epoll_pwait, LOOP_EPOLL, duration_ns);
	poll_return();
}

void stop_in_poll(int timeout_ms)
{
	regs_set_syscall_arg3(&world.thread->user, (uint64_t)timeout_ms);
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	pass(5 * MS);
	wake();
	on_cpu();
	world.thread->task.jobctl = SIGSTOP;
	block_in_state(0x4, SYS_epoll_pwait);
	pass(150 * MS);
	wake();
	pass(2 * MS);
	on_cpu();
}

void visit_clock(uint32_t index)
{
	prog_each_clock(&(struct bpf_iter__bpf_map_elem){ .key = &index });
}

void start_sampler(void)
{
	for (uint32_t i = 0; i < LS_CLOCKS; i++)
		visit_clock(i);
	prog_each_clock(&(struct bpf_iter__bpf_map_elem){ .key = NULL });
}

void tick(void)
{
	machine__fire(LS_CLOCK_OF(machine.cpu));
}

struct ls_thread_stats totals(void)
{
	const struct thread_state *ts =
		bpf_task_storage_get(&threads, &world.thread->task, NULL, 0);

	return ts ? ts->stats : (struct ls_thread_stats){};
}

const struct ls_coro_stats *stats_of(uint64_t code)
{
	const struct ls_coro_key key = { .code = code, .tgid = TGID, .tid = TID };
	const uint32_t *index = bpf_map_lookup_elem(&coroutine_index, &key);

	return index ? bpf_map_lookup_elem(&coroutine_stats, index) : NULL;
}

int64_t cause_total(uint32_t cause)
{
	return (int64_t)totals().cause_ns[cause];
}

const struct host_record *next_record(uint32_t kind)
{
	while (world.next_record < machine.n_records) {
		const struct host_record *rec = &machine.records[world.next_record++];

		if (rec->hdr.kind == kind)
			return rec;
	}
	return NULL;
}

size_t count_records(uint32_t kind)
{
	size_t n = 0;

	for (size_t i = 0; i < machine.n_records; i++)
		n += machine.records[i].hdr.kind == kind;
	return n;
}
