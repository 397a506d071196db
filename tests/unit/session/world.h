/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scripted outside for whole sessions: a kernel side, processes, a clock and symbols, driven by a
 * list of moments. Time passes only while the session waits, so a test of a minute takes no time.
 * One world in each test process.
 */
#ifndef TESTS_SESSION_WORLD_H
#define TESTS_SESSION_WORLD_H

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/time.h"
#include "model/script.h"
#include "runtime/lifecycle.h"
#include "runtime/pools.h"
#include "runtime/runtime.h"
#include "session/parts.h"
#include "session/sink_report.h"

#define SECOND NS_PER_S
#define LOOP 0x7f00aa000000ULL
#define OPEN_CORO 0x7f00bb000000ULL /* whose step does not end */
#define PID_2 4300
#define PID_3 4400
#define MAX_PROCESSES 200
#define MAX_MOMENTS 64
#define MAX_RECORDS 256
/* No test needs more: a session that does not end fails instead of running on. */
#define END_OF_TIME (600 * SECOND)

struct process {
	pid_t pid, parent;
	int fd; /* an eventfd, written to at its end */
	const char *cmdline;
	bool is_python, is_alive, has_loop;
	bool is_changing; /* what was examined never stays true */
	int n_examined;
};

/* The scripted kernel side. */
struct probe {
	struct probe_opts opts;
	bool is_light;
	int n_switches;
	uint32_t stalls_per_s; /* as last set, and the lowest so far */
	uint32_t least_stalls_per_s;
	size_t n_records;
	union {
		struct ls_rec_hdr hdr;
		struct ls_rec_stall stall;
		struct ls_rec_stack stack;
		struct ls_rec_thread thread;
		struct ls_rec_fork fork;
		struct ls_rec_life life;
	} records[MAX_RECORDS];
	struct ls_thread_stats stats; /* of thread TID of process PID */
	struct probe_cost cost;
	uint64_t hits_per_s, handles_per_s;
	uint64_t losses[LS_LOSS_MAX];
	pid_t attached[MAX_PROCESSES], followed[MAX_PROCESSES], detached[MAX_PROCESSES];
	size_t n_attached, n_followed, n_detached, n_with_uprobes, n_loops, n_loop_threads;
	size_t n_made, n_inside;
	bool is_removed_early; /* uprobes, of threads that light mode did not know */
	struct probe_inside inside; /* the last one */
	bool has_open_span;
	uint64_t open_since_ns; /* of a step of thread TID that has not ended; 0: there is none */
	uint64_t open_loop; /* what the kernel side calls its loop; 0: LOOP */
	bool is_open_late; /* that began before its thread was found */
	/* called before the counters are read, and when a stall was reported as still running */
	void (*on_read)(void), (*on_cut)(void);
};

static struct {
	uint64_t now_ns, cpu_ns;
	double cpu_share; /* own CPU time for each time that passes */
	uint64_t examine_cpu_ns; /* and for each examination */
	size_t n_processes;
	struct process processes[MAX_PROCESSES];
	size_t n_moments;
	struct moment {
		uint64_t at_ns;
		void (*fn)(void);
	} moments[MAX_MOMENTS];
	struct probe probe;
	enum loop_state loop_state;
	struct target_stack stack; /* of thread TID */
	const char *thread_name; /* NULL: threads have none */
	const struct loop_kind *kind; /* of its loop; NULL: asyncio's */
	unsigned int n_thread_names; /* read */
	struct target_step step; /* that it is in; coro 0: in none */
	uint64_t thread_loop; /* of thread TID, if its tasks do not say; 0: LOOP */
	/* what the last look for who waits asked for */
	struct target_stuck stuck;
	struct ls_loop stuck_loop;
	int probe_fails; /* -errno of the kernel side's new() */
	int loops_fail; /* -errno of loop_threads() */
	int naming_fails; /* -errno of has_name() */
	int uprobes_fail; /* -errno of add_uprobes() */
	int attach_fails; /* -errno of attach() */
	size_t n_waits;
	struct session *session;
} world = { .now_ns = 1000 * SECOND };

static const struct loop_kind world_loop = { .word = "asyncio" };
static const struct loop_kind world_thread_loop = { .word = "trio", .is_by_thread = true };
static const struct loop_kind world_bare_loop = { .word = "poll",
						  .is_by_thread = true,
						  .is_bare = true };

/* Processes */

static inline struct process *process_of(pid_t pid)
{
	for (size_t i = world.n_processes; i-- > 0;)
		if (world.processes[i].pid == pid)
			return &world.processes[i];
	return NULL;
}

static inline struct process *process_begins(pid_t pid, pid_t parent, const char *cmdline)
{
	struct process *p = &world.processes[world.n_processes++];

	cr_assert_leq(world.n_processes, MAX_PROCESSES);
	*p = (struct process){ .pid = pid, .parent = parent, .cmdline = cmdline };
	p->is_python = p->is_alive = p->has_loop = true;
	p->fd = eventfd(0, EFD_CLOEXEC);
	return p;
}

static inline void process_ends(pid_t pid)
{
	struct process *p = process_of(pid);

	p->is_alive = false;
	eventfd_write(p->fd, 1);
}

static inline int world_open(pid_t pid)
{
	const struct process *p = process_of(pid);

	return p && p->is_alive ? dup(p->fd) : -ESRCH;
}

/* Threads end with their processes here. */
static inline int world_open_thread(pid_t tid)
{
	(void)tid;
	return eventfd(0, EFD_CLOEXEC);
}

static inline int world_signal(pid_t pid, int signal)
{
	(void)signal;
	return process_of(pid) ? 0 : -ESRCH;
}

static inline int world_age_ns(pid_t pid, uint64_t *ret_ns)
{
	(void)pid;
	*ret_ns = 60 * SECOND;
	return 0;
}

static inline int world_has_name(pid_t pid, const char *name)
{
	const struct process *p = process_of(pid);

	if (world.naming_fails)
		return world.naming_fails;
	return p && p->is_alive && strstr(p->cmdline, name);
}

static inline int world_list(pid_t parent, const char *name, pid_t **ret_pids, size_t *ret_n)
{
	pid_t *pids = calloc(MAX_PROCESSES, sizeof(*pids));
	size_t n = 0;

	if (!pids)
		return -ENOMEM;
	for (size_t i = 0; i < world.n_processes; i++) {
		const struct process *p = &world.processes[i];

		if (p->is_alive && (name ? strstr(p->cmdline, name) != NULL : p->parent == parent))
			pids[n++] = p->pid;
	}
	*ret_pids = pids;
	*ret_n = n;
	return 0;
}

static inline int world_find_by_name(const char *name, pid_t **ret_pids, size_t *ret_n)
{
	return world_list(0, name, ret_pids, ret_n);
}

/* Those that have a runtime mapped. */
static inline int world_has_traces(pid_t pid)
{
	const struct process *p = process_of(pid);

	return p && p->is_alive && p->is_python;
}

static inline int world_find_all(pid_t **ret_pids, size_t *ret_n)
{
	pid_t *pids = calloc(MAX_PROCESSES, sizeof(*pids));
	size_t n = 0;

	if (!pids)
		return -ENOMEM;
	for (size_t i = 0; i < world.n_processes; i++)
		if (world_has_traces(world.processes[i].pid))
			pids[n++] = world.processes[i].pid;
	*ret_pids = pids;
	*ret_n = n;
	return 0;
}

static inline int world_find_descendants(pid_t pid, pid_t **ret_pids, size_t *ret_n)
{
	return world_list(pid, NULL, ret_pids, ret_n);
}

static inline int world_loop_threads(const struct target *t, struct target_loop_thread *threads,
				     size_t max)
{
	if (world.loops_fail)
		return world.loops_fail;
	if (max < 1 || !process_of(t->pid)->has_loop)
		return 0;
	threads[0] = (struct target_loop_thread){ .tid = t->pid == PID ? TID : t->pid,
						  .loop = LOOP,
						  .tstate = 0x5000,
						  .kind = world.kind ?: &world_loop };
	return 1;
}

static inline int world_find_running_task(struct target *t)
{
	(void)t;
	return -ENOENT;
}

static inline int world_scheduler_of_thread(const struct target *t, uint64_t tstate,
					    uint64_t *ret_loop, const struct loop_kind **ret_kind)
{
	(void)t;
	(void)tstate;
	*ret_loop = world.thread_loop ? world.thread_loop : LOOP;
	*ret_kind = &world_thread_loop;
	return 0;
}

static inline int world_resolve_loop(const struct target *t, uint64_t loop,
				     struct ls_loop *ret_loop, const struct loop_kind **ret_kind)
{
	(void)t;
	ret_loop->py.ready = loop + 0x10;
	if (!*ret_kind)
		*ret_kind = &world_loop;
	return 0;
}

static inline bool world_has_queue(const struct ls_loop *info)
{
	return info->py.ready;
}

static inline int world_resolve_tasks(const struct target *t, uint64_t loop, struct ls_loop *info)
{
	(void)t;
	(void)loop;
	(void)info;
	return 0;
}

static inline int world_task_of_coroutine(const struct target *t, uint64_t coro, uint64_t *ret_task,
					  struct ls_pystr *ret_name)
{
	(void)t;
	*ret_task = coro + 1;
	*ret_name = script_pystr("pythonic");
	return 0;
}

static inline int world_poll_fd(const struct target *t, uint64_t loop)
{
	(void)t;
	(void)loop;
	return 5;
}

static inline int world_thread_stack(const struct target *t, uint64_t tstate,
				     struct target_stack *ret_stack)
{
	(void)t;
	(void)tstate;
	*ret_stack = world.stack;
	return 0;
}

static inline int world_thread_name(const struct target *t, uint64_t tstate, uint64_t id, char *buf,
				    size_t size)
{
	(void)t;
	(void)tstate;
	if (!world.thread_name)
		return -ENOENT;
	snprintf(buf, size, "%s-%llu", world.thread_name, (unsigned long long)id);
	world.n_thread_names++;
	return 0;
}

static inline int world_step_of_stack(const struct target *t, const struct target_stack *stack,
				      struct target_step *ret_step)
{
	(void)t;
	(void)stack;
	*ret_step = world.step;
	return world.step.coro ? 0 : -ENOENT;
}

static inline int world_task_name(const struct target *t, uint64_t task, uint64_t coro,
				  struct ls_pystr *ret_name)
{
	(void)t;
	(void)task;
	(void)coro;
	*ret_name = script_pystr("stuck");
	return 0;
}

static inline int world_tasks(const struct target *t, size_t max,
			      const struct target_task_choice *choice, struct target_tasks *tasks)
{
	const struct target_task both[] = {
		{ .task = 0x100, .loop = LOOP, .counted_as = 0x100, .name = "", .waits_for = "" },
		{ .task = 0x200,
		  .loop = LOOP,
		  .counted_as = 0x200,
		  .state = TARGET_TASK_READY,
		  .name = "",
		  .waits_for = "" },
	};

	(void)t;
	cr_assert_geq(max, 2);
	cr_assert_eq(target_tasks__begin(tasks, 2), 0);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(target_tasks__add(tasks, &both[i]), 0);
	cr_expect_gt(choice->weight(choice->ctx, 0x100), choice->weight(choice->ctx, 0x200));
	tasks->total = 2;
	return 2;
}

static inline int world_count_tasks(const struct target *t)
{
	(void)t;
	return 7;
}

static inline int world_waiting(const struct target *t, const struct target_stuck *stuck,
				struct target_waiting *ret)
{
	(void)t;
	world.stuck = *stuck;
	world.stuck_loop = *stuck->loop;
	*ret = (struct target_waiting){ .n = 3, .n_names = 1, .names = { { .number = 5 } } };
	return 0;
}

static inline int world_count_ready(const struct target *t, const struct ls_loop *loop)
{
	(void)t;
	(void)loop;
	return 3;
}

static inline int world_executor(const struct target *t, uint64_t loop, struct target_executor *ret)
{
	(void)t;
	(void)loop;
	*ret = (struct target_executor){ .threads = 1, .max_workers = 4 };
	return 0;
}

/* A task that waits for itself, and one that nobody awaits. */
static inline void world_lives(struct lifecycle *life)
{
	struct life_group group = { .kind = LIFE_ALIVE, .code = 0x100, .type = "Future" };
	size_t at = lifecycle__group(life, &group);

	life->alive = 1;
	cr_assert_eq(lifecycle__add(life, at, 0x8000, 1), 0);
	life->groups[at].unawaited = 1;
	group.kind = LIFE_DEADLOCK;
	at = lifecycle__group(life, &group);
	cr_assert_eq(lifecycle__add(life, at, 0x8000, 1), 0);
}

/* A pool of which nothing is free. */
static inline int world_pools(const struct target *t, struct pools *ret, struct lifecycle *life)
{
	world_lives(life);
	(void)t;
	*ret = (struct pools){ .n = 1,
			       .list = { { .kind = POOL_EXECUTOR,
					   .object = 0x9000,
					   .name = "reports",
					   .size = 2,
					   .busy = 2,
					   .waiting = 4 } } };
	return 0;
}

static const struct runtime_ops world_runtime = {
	.id = LS_RUNTIME_PYTHON,
	.words = &words_python,
	.loop_threads = world_loop_threads,
	.find_running_task = world_find_running_task,
	.scheduler_of_thread = world_scheduler_of_thread,
	.resolve_loop = world_resolve_loop,
	.has_queue = world_has_queue,
	.resolve_tasks = world_resolve_tasks,
	.task_of_coroutine = world_task_of_coroutine,
	.task_name = world_task_name,
	.poll_fd = world_poll_fd,
	.thread_stack = world_thread_stack,
	.thread_name = world_thread_name,
	.step_of_stack = world_step_of_stack,
	.tasks = world_tasks,
	.count_tasks = world_count_tasks,
	.count_ready = world_count_ready,
	.waiting = world_waiting,
	.executor = world_executor,
	.pools = world_pools,
};

static inline int world_examine(struct target **ret_target, pid_t pid,
				const struct target_context *context, struct err *err)
{
	struct process *p = process_of(pid);
	struct target *t;

	if (!p || !p->is_alive)
		return err__set(err, -ESRCH, "there is no process %d", pid);
	p->n_examined++;
	world.cpu_ns += world.examine_cpu_ns;
	context->on_search(context->ctx);
	if (!p->is_python)
		return err__set(err, -ENOEXEC, "process %d is not a CPython", pid);
	t = calloc(1, sizeof(*t));
	if (!t)
		return err__set(err, -ENOMEM, "out of memory");
	t->pid = pid;
	t->runtime = &world_runtime;
	snprintf(t->comm, sizeof(t->comm), "%.*s", 15, p->cmdline);
	strcpy(t->version, "3.11.2");
	t->is_up = true;
	t->has_loops = true;
	t->rung = TARGET_RUNG_SYMBOL;
	*ret_target = t;
	return 0;
}

static inline bool world_is_current(struct target *t)
{
	const struct process *p = process_of(t->pid);

	return p && p->is_alive && !p->is_changing;
}

static inline void world_free(struct target *t)
{
	free(t);
}

static inline enum loop_state world_loop_state(const struct target *t, pid_t tid, uint64_t loop)
{
	(void)t;
	(void)tid;
	(void)loop;
	return world.loop_state;
}

static const struct process_ops world_process = {
	.open = world_open,
	.open_thread = world_open_thread,
	.signal = world_signal,
	.age_ns = world_age_ns,
	.has_name = world_has_name,
	.find_by_name = world_find_by_name,
	.find_all = world_find_all,
	.has_traces = world_has_traces,
	.find_descendants = world_find_descendants,
	.examine = world_examine,
	.is_current = world_is_current,
	.free = world_free,
	.loop_state = world_loop_state,
};

/* The machine */

static inline uint64_t world_now_ns(void)
{
	return world.now_ns;
}

static inline uint64_t world_own_cpu_ns(void)
{
	return world.cpu_ns;
}

static inline void world_pass(uint64_t until_ns)
{
	struct probe *p = &world.probe;
	const uint64_t ns = until_ns - world.now_ns;

	world.now_ns = until_ns;
	world.cpu_ns += (uint64_t)((double)ns * world.cpu_share);
	if (p->is_light)
		p->stats.handles += ns / NS_PER_MS * p->handles_per_s / 1000;
	else
		p->cost.hits += ns / NS_PER_MS * p->hits_per_s / 1000;
	p->cost.hit_programs_ns = p->cost.hits * 500;
	p->cost.hit_traps_ns = p->cost.hits * 1000;
}

/* Time passes to the next moment, or as far as it may. */
static inline void world_go_on(uint64_t until_ns)
{
	struct moment *next = NULL;
	void (*fn)(void);

	for (size_t i = 0; i < world.n_moments; i++)
		if (world.moments[i].fn && (!next || world.moments[i].at_ns < next->at_ns))
			next = &world.moments[i];
	if (next && next->at_ns <= until_ns) {
		fn = next->fn;
		next->fn = NULL;
		world_pass(next->at_ns);
		fn();
	} else if (until_ns > world.now_ns) {
		world_pass(until_ns);
	}
	cr_assert_lt(world.now_ns, 1000 * SECOND + END_OF_TIME, "the session does not end");
}

/* Files that are ready come first. */
static inline int world_wait(int epoll_fd, struct epoll_event *events, int max, uint64_t until_ns)
{
	int n = epoll_wait(epoll_fd, events, max, 0);

	world.n_waits++;
	if (n > 0)
		return n;
	world_go_on(until_ns);
	return epoll_wait(epoll_fd, events, max, 0);
}

static inline void world_sleep(uint64_t ns)
{
	world_go_on(world.now_ns + ns);
}

static const struct machine_ops world_machine = {
	.now_ns = world_now_ns,
	.own_cpu_ns = world_own_cpu_ns,
	.wait = world_wait,
	.sleep = world_sleep,
};

/* `fn` is called this long after the world's beginning. */
static inline void at_ms(uint64_t ms, void (*fn)(void))
{
	cr_assert_lt(world.n_moments, MAX_MOMENTS);
	world.moments[world.n_moments++] =
		(struct moment){ .at_ns = 1000 * SECOND + ms * NS_PER_MS, .fn = fn };
}

#endif
