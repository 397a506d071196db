/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A probe on the kernel side that runs on the host: what it writes into the maps is what the
 * programs find there, and what they count is what it reads.
 */
#include "host_probe.h"

#include "probe/ended.h"
#include "probe/kernel_side.h"
#include "probe/syscall_rules.h"
#include "probe/task_counts.h"

TestSuite(probe, .init = host_probe_begin);

#define PID 4711

static struct ls_proc *proc_of(uint32_t pid)
{
	return bpf_map_lookup_elem(&procs, &pid);
}

Test(probe, a_process_is_watched_and_forgotten)
{
	struct target t = { .pid = PID, .proc = { .runtime = LS_RUNTIME_PYTHON } };
	struct err err = {};

	probe__set_light(&host_probe, true);
	cr_assert_eq(probe__follow(&host_probe, PID), 0);
	cr_expect_eq(proc_of(PID)->runtime, LS_RUNTIME_NONE);
	cr_assert_eq(probe__attach(&host_probe, &t, &err), 0);
	cr_expect_eq(proc_of(PID)->runtime, LS_RUNTIME_PYTHON);
	cr_assert_eq(probe__follow(&host_probe, PID), 0);
	cr_expect_eq(proc_of(PID)->runtime, LS_RUNTIME_PYTHON, "it stays as it is");
	probe__detach(&host_probe, PID);
	cr_expect_null(proc_of(PID));
}

/* Everybody pays for the look at each span, so it ends with the last process that has something. */
Test(probe, trace_contexts_are_read_while_a_process_has_them)
{
	const struct target plain = { .pid = PID },
			    traced = { .pid = PID, .proc.trace.place = LS_TRACE_STATIC },
			    other = { .pid = PID + 1, .proc.trace.place = LS_TRACE_DYNAMIC };
	struct err err = {};

	probe__set_light(&host_probe, true);
	cr_assert_eq(probe__attach(&host_probe, &plain, &err), 0);
	cr_expect_eq(settings.reads_traces, 0);
	cr_assert_eq(probe__attach(&host_probe, &traced, &err), 0);
	cr_assert_eq(probe__attach(&host_probe, &traced, &err), 0);
	cr_assert_eq(probe__attach(&host_probe, &other, &err), 0);
	cr_expect_eq(settings.reads_traces, 1);
	probe__detach(&host_probe, PID);
	probe__detach(&host_probe, PID);
	cr_expect_eq(settings.reads_traces, 1, "the other one still has it");
	probe__detach(&host_probe, PID + 1);
	cr_expect_eq(settings.reads_traces, 0);
	cr_assert_eq(probe__attach(&host_probe, &traced, &err), 0);
	cr_expect_eq(settings.reads_traces, 1);
	/* Another program runs in the process now. */
	cr_assert_eq(probe__attach(&host_probe, &plain, &err), 0);
	cr_expect_eq(settings.reads_traces, 0);
	free(host_probe.traced);
}

Test(probe, a_process_for_which_there_is_no_room)
{
	const struct target t = { .pid = PID };
	struct err err = {};

	machine.faults.full_map = &procs;
	cr_expect_eq(probe__attach(&host_probe, &t, &err), -E2BIG);
	cr_expect_str_eq(err.what, "cannot watch process 4711: too many processes are watched");
	cr_expect_eq(probe__follow(&host_probe, PID), -E2BIG);
}

/* In exact mode a target without places for uprobes gets none. */
Test(probe, uprobes_only_where_they_are_possible)
{
	const struct target t = { .pid = PID, .proc.is_light = true, .n_modules = 1 };
	struct err err = {};

	probe__set_light(&host_probe, false);
	cr_expect_eq(probe__attach(&host_probe, &t, &err), 0);
	cr_expect_eq(host_probe.n_attached, 0);
	probe__remove_uprobes(&host_probe, PID);
}

/* A file that several processes map, or one maps twice, is one of each process. */
Test(probe, a_file_gets_its_uprobes_once)
{
	struct target_module modules[] = { { .dev = 8, .ino = 5 }, { .dev = 8, .ino = 5 } };
	struct target t = { .pid = PID, .modules = modules, .n_modules = 2 };
	struct err err = {};

	probe__set_light(&host_probe, false);
	cr_assert_eq(probe__attach(&host_probe, &t, &err), 0);
	cr_expect_eq(host_probe.n_attached, 1);
	modules[1].ino = 6;
	cr_assert_eq(probe__add_uprobes(&host_probe, &t, &err), 0);
	cr_expect_eq(host_probe.n_attached, 2, "the first one has them");
	t.pid = PID + 1;
	cr_assert_eq(probe__attach(&host_probe, &t, &err), 0);
	cr_expect_eq(host_probe.n_attached, 4);
	probe__detach(&host_probe, PID);
	cr_assert_eq(host_probe.n_attached, 2);
	cr_expect_eq(host_probe.attached[0].pid, PID + 1);
	cr_expect_eq(host_probe.attached[1].pid, PID + 1);
	probe__detach(&host_probe, PID + 1);
	cr_expect_eq(host_probe.n_attached, 0);
	free(host_probe.attached);
}

/* No program can be attached here, so this is also what follows when a kernel refuses. */
Test(probe, uprobes_that_are_refused)
{
	char path[] = "/app/_asyncio.so", host_path[] = "/no/such";
	struct target_spot spot = { .kind = LS_SPOT_STEP_ENTER, .is_emulable = true };
	struct target_module module = {
		.path = path, .host_path = host_path, .spots = &spot, .n_spots = 1
	};
	const struct target t = { .pid = PID, .modules = &module, .n_modules = 1 };
	struct err err = {};

	host_probe.use_multi = true;
	cr_assert_lt(probe__add_uprobes(&host_probe, &t, &err), 0);
	cr_expect_eq(strstr(err.what, "cannot put probes on /app/_asyncio.so of process 4711: "),
		     err.what, "%s", err.what);
	cr_expect_str_empty(err.hint, "uprobe_multi needs no CAP_SYS_ADMIN");
	cr_expect_eq(host_probe.n_attached, 0);
	spot.is_emulable = false;
	cr_expect_eq(probe__add_uprobes(&host_probe, &t, &err), 0, "nothing to attach");
	cr_expect_eq(host_probe.n_attached, 1);
	probe__remove_uprobes(&host_probe, PID);
	free(host_probe.attached);
}

Test(probe, causes_of_system_calls)
{
	uint8_t rules[LS_SYSCALLS];

	syscall_rules__fill(rules);
	cr_expect_eq(rules[SYS_clock_nanosleep], LS_CAUSE_SLEEP);
	cr_expect_eq(rules[SYS_futex], LS_RULE_FUTEX);
	cr_expect_eq(rules[SYS_epoll_pwait], LS_RULE_EPOLL);
	cr_expect_eq(rules[SYS_renameat2], LS_CAUSE_FILE);
	cr_expect_eq(rules[SYS_getpid], LS_CAUSE_OTHER);
	cr_expect_eq(rules[LS_SYSCALLS - 1], LS_CAUSE_OTHER);
}

Test(probe, loops_and_their_threads)
{
	const struct target_loop_thread thread = { .loop = 0x1000, .tstate = 0x2000, .tid = 77 };
	const struct probe_inside inside = { .poll_fd = 6,
					     .task = 0x3000,
					     .coro = 0x4000,
					     .code = 0x5000,
					     .flags = LS_STACK_AT_CORO,
					     .n_frames = 1,
					     .frames = { { 0x5000, 3 } } };
	const struct ls_loop info = { .py.ready = 0x6000 };
	const struct ls_loop_key key = { .loop = 0x1000, .tgid = PID };
	const uint32_t tid = 77;
	const struct ls_loop_thread *found;

	cr_assert_eq(probe__set_loop_thread(&host_probe, PID, &thread, NULL), 0);
	found = bpf_map_lookup_elem(&loop_threads, &tid);
	cr_assert_not_null(found);
	cr_expect_eq(found->loop, 0x1000);
	cr_expect_eq(found->tgid, PID);
	cr_expect_eq(found->epoll_fd, -1);
	cr_expect_not(found->is_inside);
	cr_assert_eq(probe__set_loop_thread(&host_probe, PID, &thread, &inside), 0);
	cr_expect(found->is_inside);
	cr_expect_eq(found->epoll_fd, 6);
	cr_expect_eq(found->frames[0].code, 0x5000);
	probe__forget_thread(&host_probe, 77);
	cr_expect_null(bpf_map_lookup_elem(&loop_threads, &tid));
	cr_assert_eq(probe__set_loop(&host_probe, PID, 0x1000, &info), 0);
	cr_expect_eq(((struct ls_loop *)bpf_map_lookup_elem(&loops, &key))->py.ready, 0x6000);
	machine.faults.full_map = &loops;
	cr_expect_eq(probe__set_loop(&host_probe, PID, 0x9000, &info), -E2BIG);
	machine.faults.full_map = &loop_threads;
	cr_expect_eq(probe__set_loop_thread(&host_probe, PID, &thread, NULL), -E2BIG);
}

Test(probe, the_threshold_and_what_follows_from_it)
{
	cr_expect_eq(probe__set_threshold(&host_probe, 0), -EINVAL);
	cr_assert_eq(probe__set_threshold(&host_probe, 100 * MS), 0);
	cr_expect_eq(settings.threshold_ns, 100 * MS);
	cr_expect_eq(probe__light_threshold_ns(&host_probe), 100 * MS);
	cr_expect_eq(probe__sample_period_ns(&host_probe), 2 * MS, "five would do");
	cr_expect_eq(settings.sample_after_ns, 2 * MS);
	cr_assert_eq(probe__set_threshold(&host_probe, 7 * MS), 0);
	cr_expect_eq(probe__sample_period_ns(&host_probe), 1400 * US);
	cr_assert_eq(probe__set_threshold(&host_probe, MS), 0);
	cr_expect_eq(probe__light_threshold_ns(&host_probe), PROBE_LIGHT_SHORTEST_NS);
	cr_expect_eq(probe__sample_period_ns(&host_probe), MS);
	cr_expect_eq(settings.sample_after_ns, MS / 4);
	host_probe.fixed_period_ns = 3 * MS;
	cr_assert_eq(probe__set_threshold(&host_probe, 100 * MS), 0);
	cr_expect_eq(probe__sample_period_ns(&host_probe), 3 * MS);
}

Test(probe, mode_and_rate_limits)
{
	const struct probe_detail detail = { .stalls_per_s = 100, .samples_per_s = 0 };

	probe__set_light(&host_probe, true);
	cr_expect(probe__is_light(&host_probe));
	cr_expect_neq(settings.light_since_ns, 0);
	probe__set_light(&host_probe, false);
	cr_expect_not(probe__is_light(&host_probe));
	probe__set_detail(&host_probe, &detail);
	cr_expect_eq(settings.stall_price_ns, 10 * MS);
	cr_expect_eq(settings.sample_price_ns, 0, "no limit");
	cr_expect_str_eq(probe__transport(&host_probe), "perf uprobe");
	host_probe.use_multi = true;
	cr_expect(probe__is_multi(&host_probe));
	cr_expect_str_eq(probe__transport(&host_probe), "uprobe_multi");
}

/* Aggregates */

static struct {
	size_t n;
	uint64_t steps;
	uint32_t pid, tid;
	int code;
} counted;

static int count_coroutine(void *ctx, const struct ls_coro_key *key,
			   const struct ls_coro_stats *stats)
{
	(void)ctx;
	counted.n++;
	counted.steps += stats->steps;
	counted.pid = key->tgid;
	counted.tid = key->tid;
	return counted.code;
}

static int count_thread(void *ctx, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats)
{
	(void)ctx;
	counted.n++;
	counted.steps += stats->steps;
	counted.pid = pid;
	counted.tid = tid;
	return counted.code;
}

static void run_steps(int n)
{
	const uint64_t another = world__add_task("another", CODE + 0x100);

	world__know_loop();
	for (int i = 0; i < n; i++) {
		step(world.task, MS);
		step(another, 2 * MS);
		idle(30 * MS);
	}
	host_bss.n_coroutines = n_coroutines;
}

Test(probe, coroutines_and_threads_as_counted)
{
	run_steps(3);
	cr_assert_eq(probe__each_coroutine(&host_probe, count_coroutine, NULL), 0);
	cr_expect_geq(counted.n, 2);
	cr_expect_eq(counted.steps, 6);
	cr_expect_eq(counted.pid, TGID);
	cr_expect_eq(counted.tid, TID);
	counted.n = counted.steps = 0;
	cr_assert_eq(probe__each_thread(&host_probe, count_thread, NULL), 0);
	cr_expect_eq(counted.n, 1);
	cr_expect_gt(counted.steps, 0);
	cr_expect_eq(counted.pid, TGID);
	counted.code = -EPIPE;
	counted.n = 0;
	cr_expect_eq(probe__each_coroutine(&host_probe, count_coroutine, NULL), -EPIPE);
	cr_expect_eq(probe__each_thread(&host_probe, count_thread, NULL), -EPIPE);
	cr_expect_eq(counted.n, 2, "neither goes on");
}

/* What a thread has left is free for others, and is not read any more. */
Test(probe, threads_that_have_ended_leave_room)
{
	const struct probe_thread thread = { .pid = TGID, .tid = TID };
	const struct ls_coro_stats *stats;

	run_steps(1);
	stats = stats_of(CODE);
	cr_assert_not_null(stats);
	cr_assert_eq(probe__forget_threads(&host_probe, &thread, 1), 0);
	cr_expect_eq(stats->steps, 0);
	cr_expect_null(stats_of(CODE));
	cr_assert_eq(probe__each_coroutine(&host_probe, count_coroutine, NULL), 0);
	cr_assert_eq(probe__each_thread(&host_probe, count_thread, NULL), 0);
	cr_expect_eq(counted.n, 0);
	cr_assert_eq(probe__forget_threads(&host_probe, NULL, 0), 0);
	/* The next coroutine takes an element that was given back. */
	run_steps(1);
	cr_expect_leq(n_coroutines, 8);
	cr_assert_eq(probe__each_coroutine(&host_probe, count_coroutine, NULL), 0);
	cr_expect_geq(counted.n, 2);
}

static int count_task(void *ctx, const struct ls_task_key *key, const struct ls_task_stats *stats)
{
	(void)ctx;
	counted.n++;
	counted.steps += stats->steps;
	counted.pid = key->tgid;
	return counted.code;
}

Test(probe, tasks_are_counted_on_demand)
{
	run_steps(1);
	cr_assert_eq(probe__each_task(&host_probe, count_task, NULL), 0);
	cr_expect_eq(counted.n, 0, "nobody has asked for it");
	cr_assert_eq(probe__count_tasks(&host_probe, true), 0);
	run_steps(2);
	cr_assert_eq(probe__each_task(&host_probe, count_task, NULL), 0);
	cr_expect_geq(counted.n, 2);
	cr_expect_eq(counted.pid, TGID);
	cr_expect_geq(counted.steps, 4);
	counted.code = -EPIPE;
	cr_expect_eq(probe__each_task(&host_probe, count_task, NULL), -EPIPE);
	counted.code = 0;
	counted.n = 0;
	task_counts__remove(host_probe.tasks, TGID + 1);
	probe__detach(&host_probe, TGID);
	cr_assert_eq(probe__each_task(&host_probe, count_task, NULL), 0);
	cr_expect_eq(counted.n, 0, "they went with their process");
	cr_assert_eq(probe__count_tasks(&host_probe, false), 0);
	cr_expect_not(settings.is_counting_tasks);
	host_probe.tasks = NULL;
	cr_expect_eq(probe__each_task(&host_probe, count_task, NULL), 0);
}

/* A task that begins or ends at this moment is half there. */
Test(probe, a_task_that_is_half_there_is_left_out)
{
	struct ls_task *table = host_probe.tasks;

	table[5] = (struct ls_task){ .key = { .task = 0x100, .tgid = TGID } };
	cr_assert_eq(probe__each_task(&host_probe, count_task, NULL), 0);
	cr_expect_eq(counted.n, 0);
	table[5].key.tid = TID;
	cr_assert_eq(probe__each_task(&host_probe, count_task, NULL), 0);
	cr_expect_eq(counted.n, 1);
}

/* The ring */

static size_t n_events;
static int event_code;

static int take_event(void *ctx, const struct event *event)
{
	(void)ctx;
	cr_assert_neq(event->kind, LS_REC_NONE);
	n_events++;
	return event_code;
}

static void open_ring(void)
{
	host_probe.ring = ring_buffer__new(0, probe__on_record, &host_probe, NULL);
}

Test(probe, records_are_handed_over_once)
{
	open_ring();
	step(world.task, 20 * MS);
	cr_expect_gt(probe__drain(&host_probe, take_event, NULL), 0);
	cr_expect_eq(n_events, machine.n_records);
	cr_expect_eq(probe__drain(&host_probe, take_event, NULL), 0);
	step(world.task, 20 * MS);
	event_code = -EPIPE;
	cr_expect_eq(probe__drain(&host_probe, take_event, NULL), -EPIPE);
	ring_buffer__free(host_probe.ring);
}

/* They come from the kernel, but what they say comes from the target. */
Test(probe, records_that_are_wrong_are_counted)
{
	open_ring();
	step(world.task, 20 * MS);
	for (size_t i = 0; i < machine.n_records; i++)
		if (machine.records[i].hdr.kind == LS_REC_STALL)
			machine.records[i].stall.cause_ns[LS_CAUSE_DNS] += MS;
	probe__drain(&host_probe, take_event, NULL);
	cr_expect_eq(host_probe.bad_records, 1);
	ring_buffer__free(host_probe.ring);
}

/* Each by its name; a record that we could not decode is one, too. */
Test(probe, losses_of_both_sides)
{
	uint64_t counts[LS_LOSS_MAX];

	settings.stall_price_ns = S;
	for (int i = 0; i < 50; i++)
		step(world.task, 20 * MS);
	host_probe.bad_records = 3;
	cr_assert_eq(probe__losses(&host_probe, counts), 0);
	cr_expect_gt(counts[LS_LOSS_STALL_SHED], 0);
	cr_expect_eq(counts[LS_LOSS_STALL_SHED], machine__loss(LS_LOSS_STALL_SHED));
	cr_expect_eq(counts[LS_LOSS_BAD_RECORD], 3);
}

/* Cost */

Test(probe, cost_without_calibration)
{
	struct probe_cost cost;

	meters[LS_METER_SWITCH] = (struct ls_meter){ .runs = 10, .timed = 2, .timed_ns = 600 };
	probe_cost__read(&host_probe, machine.now_ns, &cost);
	cr_expect_not(cost.is_calibrated);
	cr_expect_eq(cost.programs_ns, 3000);
	cr_expect_eq(cost.traps_ns, 0);
}

/* A session reaches the probe through the table only: a function that it lacks would crash it. */
Test(probe, the_table_is_complete)
{
	const void *const *functions = (const void *const *)&bpf_kernel_side;

	for (size_t i = 0; i < sizeof(bpf_kernel_side) / sizeof(*functions); i++)
		cr_expect_not_null(functions[i], "function %zu", i);
}
