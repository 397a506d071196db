/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits behind a stall: asyncio's ready queue and timers, libuv's heap, trio's queue, batch and
 * deadlines; unread sockets.
 */
#include "bpf/host/expect.h"

#define PYTASK_CORO 40 /* attributes of a task written in Python */
#define PYTASK_NAME 48
#define PYTASK_NEXT 56
#define SCOPE_DEADLINE 16
#define SCOPE_STATUS 24
#define STATUS_TASKS 16
#define STATUS_CHILDREN 24
#define CLOCK_OFFSET_NS (50 * S)

static void begin(void)
{
	world__begin();
	world__know_loop();
}

TestSuite(bpf_victims, .init = begin);

static void queue(uint64_t task)
{
	py__deque_append(world.ready, py__handle(py__step_callback(task)));
}

static void wake_up(uint64_t task)
{
	py__deque_append(world.ready, py__handle(py__wakeup_callback(task)));
}

/*
 * Where the beginning was not seen, who is in the queue at the first look waits from there on. A
 * task that is woken later waits since a look found it.
 */
Test(bpf_victims, ready_tasks_wait_from_the_beginning_if_they_were_seen)
{
	uint64_t early = world__add_task("early", CODE + 0x10);
	uint64_t late = world__add_task("late", CODE + 0x20);
	const struct ls_rec_stall *stall;
	const struct ls_rec_victim *victim;

	queue(early);
	step_enter(world.task, 0x1000);
	pass(MS);
	blocked(SYS_clock_nanosleep, 0, 10 * MS);
	wake_up(late);
	pass(9 * MS);
	step_exit(0x1000);
	victim = expect_victim(early, 20 * MS);
	cr_assert_eq(victim->code, CODE + 0x10);
	cr_assert_eq(victim->name.copied, 5);
	cr_assert_arr_eq(victim->name.data, "early", 5);
	expect_victim(late, 0);
	stall = expect_stall(LS_UNIT_STEP, 0, 20 * MS);
	cr_assert_eq(stall->victims, 2);
	cr_assert_eq(stall->starved_ns, 20 * MS);
	cr_assert_eq(stall->flags, LS_STALL_SOCKETS_UNKNOWN);
	cr_assert_eq(stats_of(CODE + 0x10)->suffered_ns, 20 * MS);
	cr_assert_eq(stats_of(CODE + 0x10)->suffered, 1);
	cr_assert_eq(stats_of(CODE)->starved_ns, 20 * MS);
	cr_assert_eq(totals().waits_ns, 20 * MS);
	cr_assert_eq(totals().wait_hist[ls_hist_index(20 * MS)], 1);
	cr_assert_eq(totals().wait_hist[0], 1, "of the late one only the end is sure");
}

Test(bpf_victims, the_step_itself_and_other_callbacks_are_none)
{
	queue(world.task);
	py__deque_append(world.ready, py__handle(py__object(python.other_type, 32)));
	step(world.task, 20 * MS);
	cr_assert_eq(take_stall()->victims, 0);
}

/* The task whose step ends the callbacks waited for them. */
Test(bpf_victims, the_task_that_runs_next_waited_for_the_callbacks)
{
	step(world.task, MS);
	pass(MS);
	blocked(SYS_clock_nanosleep, 0, 10 * MS);
	pass(10 * MS);
	queue(world.task);
	step_enter(world.task, 0x1000);
	cr_assert_eq(next_record(LS_REC_VICTIM)->victim.task, world.task);
	cr_assert_geq(take_stall()->victims, 1);
}

Test(bpf_victims, sleepers_wait_from_the_time_they_are_due)
{
	uint64_t due = world__add_task("due", CODE + 0x10),
		 not_yet = world__add_task("not yet", CODE);
	uint64_t overdue = world__add_task("overdue", CODE);
	uint64_t begin_ns;
	int64_t off_by;

	pass(100 * MS);
	begin_ns = machine.now_ns;
	py__list_append(world.scheduled, py__timer(due, begin_ns + 5 * MS));
	py__list_append(world.scheduled, py__timer(not_yet, begin_ns + S));
	py__list_append(world.scheduled, py__timer(overdue, begin_ns - 50 * MS));
	step(world.task, 20 * MS);
	off_by = (int64_t)next_record(LS_REC_VICTIM)->victim.starved_ns - (int64_t)(15 * MS);
	cr_assert(off_by > -1000 && off_by < 1000, "a float is exact to the microsecond");
	expect_victim(overdue, 20 * MS);
	cr_assert_eq(take_stall()->victims, 2);
}

Test(bpf_victims, a_sleeper_whose_timer_has_moved_to_the_queue)
{
	uint64_t task = world__add_task("sleeper", CODE + 0x10);

	py__deque_append(world.ready, py__timer(task, machine.now_ns));
	step_enter(world.task, 0x1000);
	blocked(SYS_clock_nanosleep, 0, 20 * MS);
	step_exit(0x1000);
	expect_victim(task, 20 * MS);
}

Test(bpf_victims, a_queue_that_is_too_long_is_cut)
{
	for (int i = 0; i < LS_MAX_READY + 9; i++)
		queue(world__add_task("one of many", CODE + 0x10));
	step(world.task, 20 * MS);
	cr_assert_eq(count_records(LS_REC_VICTIM), LS_MAX_VICTIM_NAMES);
	cr_assert_eq(take_stall()->victims, LS_MAX_READY);
	cr_assert_eq(machine__loss(LS_LOSS_VICTIM_CUT), 1);
	cr_assert_eq(stats_of(CODE + 0x10)->suffered, LS_MAX_READY);
}

Test(bpf_victims, a_queue_that_cannot_be_read)
{
	memory__put(world.ready + python.proc.py.at.ob_size, 3);
	step(world.task, 20 * MS);
	cr_assert_eq(take_stall()->victims, 0);
	cr_assert_eq(machine__loss(LS_LOSS_VICTIM_UNREADABLE), 1);
}

Test(bpf_victims, a_queue_that_is_not_known, .init = world__begin)
{
	step(world.task, 20 * MS);
	cr_assert_eq(take_stall()->flags, LS_STALL_VICTIMS_UNKNOWN | LS_STALL_SOCKETS_UNKNOWN);
	cr_assert_eq(machine__loss(LS_LOSS_VICTIM_NO_QUEUE), 1);
}

/* A heap of three timers; the root is due first. */
Test(bpf_victims, sleepers_in_the_timer_heap_of_libuv, .init = world__begin)
{
	const struct ls_loop_key key = { .loop = world.loop, .tgid = TGID };
	uint64_t heap = py__alloc(64), nodes[3], asleep[3];
	struct ls_loop loop = {
		.py = { .ready = world.ready,
			.uv_timers = heap,
			.handle_callback = PY_HANDLE_CALLBACK,
			.uv_timer_context = PY_UV_CONTEXT,
			.uv_timer_args = 48 },
	};

	bpf_map_update_elem(&loops, &key, &loop, 0);
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t timer = py__alloc(256), context = py__timer(0, 0);

		asleep[i] = world__add_task("asleep", CODE + 0x10);
		context = py__timer(asleep[i], 0);
		nodes[i] = timer + 104;
		memory__put(timer, py__alloc(256));
		bpf_probe_read_user(&timer, 8, (const void *)timer);
		memory__put(timer + PY_UV_CONTEXT, context);
		memory__put(nodes[i] + 24, (machine.now_ns + (i == 2 ? S : 5 * MS)) / MS);
	}
	memory__put(nodes[0], nodes[1]);
	memory__put(nodes[0] + 8, nodes[2]);
	memory__put(heap, nodes[0]);
	memory__put(heap + 8, 3);
	step(world.task, 20 * MS);
	expect_victim(asleep[0], 15 * MS);
	expect_victim(asleep[1], 15 * MS);
	cr_assert_eq(take_stall()->victims, 2);
	/* More than are looked at. */
	memory__put(heap + 8, 500);
	step(world.task, 20 * MS);
	cr_assert(take_stall()->flags & LS_STALL_VICTIMS_CUT);
}

/* trio: tasks are written in Python, a queue of bare tasks, a batch taken out of it, deadlines. */
static struct ls_loop trio;
static uint64_t trio_type, trio_frame, trio_batch, trio_heap;

static uint64_t trio_task(uint64_t coro)
{
	uint64_t task = py__object(trio_type, 128);

	memory__put(task + PYTASK_CORO, coro);
	memory__put(task + PYTASK_NAME, py__str("a task of trio"));
	memory__put(task + PYTASK_NEXT, python.none);
	return task;
}

static void begin_trio(void)
{
	struct ls_loop_key key = { .tgid = TGID };

	world__begin();
	trio_type = py__alloc(400);
	trio_heap = py__list();
	trio = (struct ls_loop){
		.py = { .ready = world.ready,
			.tasks = { .type = trio_type,
				   .none = python.none,
				   .deadlines = py__alloc(16),
				   .clock_offset_ns = CLOCK_OFFSET_NS,
				   .task_local = PY_LOCAL_TASK,
				   .batch_local = PY_LOCAL_BATCH,
				   .coro = PYTASK_CORO,
				   .name = PYTASK_NAME,
				   .owned_by = 64,
				   .next_send = PYTASK_NEXT,
				   .scope_deadline = SCOPE_DEADLINE,
				   .scope_status = SCOPE_STATUS,
				   .status_tasks = STATUS_TASKS,
				   .status_children = STATUS_CHILDREN,
				   .is_queued_bare = 1 } },
	};
	memory__put(trio.py.tasks.deadlines, trio_heap);
	trio_frame = world.loop_frame;
	trio_batch = py__list();
	memory__put(trio_frame + PY_LOCAL_BATCH, trio_batch);
	key.loop = world.tstate;
	bpf_map_update_elem(&loops, &key, &trio, 0);
}

static uint64_t trio_heap_items(void)
{
	uint64_t items;

	bpf_probe_read_user(&items, 8, (const void *)(trio_heap + python.proc.py.at.list_items));
	return items;
}

static void scope_with(uint64_t task, uint64_t when_ns)
{
	uint64_t scope = py__alloc(64), status = py__alloc(64), set = py__alloc(64);
	uint64_t table = py__alloc(16 * 8);
	uint64_t deadline = py__float((double)(when_ns + CLOCK_OFFSET_NS) / 1e9);

	memory__put(scope + SCOPE_DEADLINE, deadline);
	memory__put(scope + SCOPE_STATUS, status);
	memory__put(status + STATUS_TASKS, set);
	memory__put(set + 16 + 24, table);
	memory__put(set + 16 + 16, 7);
	memory__put(table + 32, task);
	memory__put(table + 48, 0xdead); /* left the set */
	memory__put(table + 56, ~0ULL);
	py__list_append(trio_heap, py__tuple(deadline, 0, scope));
}

Test(bpf_victims, who_waits_in_trio, .init = begin_trio)
{
	uint64_t coro = py__coro(CODE), running = trio_task(coro);
	uint64_t queued = trio_task(py__coro(CODE + 0x10)),
		 taken = trio_task(py__coro(CODE + 0x20));
	uint64_t asleep = trio_task(py__coro(CODE + 0x30)), awake = trio_task(py__coro(CODE));
	const struct ls_rec_stall *stall;
	int64_t off_by;

	memory__put(trio_frame + PY_LOCAL_TASK, running);
	memory__put(awake + PYTASK_NEXT, 0x1234);
	py__list_append(trio_batch, taken);
	scope_with(asleep, machine.now_ns + 5 * MS);
	scope_with(awake, machine.now_ns + 5 * MS);
	scope_with(asleep, machine.now_ns + S);
	py__deque_append(world.ready, queued);
	resume(coro, 0x1000);
	pass(MS);
	blocked(SYS_clock_nanosleep, 0, 10 * MS);
	pass(9 * MS);
	resume_exit(0x1000);
	cr_assert_eq(expect_victim(queued, 20 * MS)->code, CODE + 0x10);
	expect_victim(taken, 20 * MS);
	off_by = (int64_t)next_record(LS_REC_VICTIM)->victim.starved_ns - (int64_t)(15 * MS);
	cr_assert(off_by > -1000 && off_by < 1000, "a float is exact to the microsecond");
	stall = take_stall();
	cr_assert_eq(stall->victims, 3);
	cr_assert_eq(stall->task, running, "the frame says which task it is");
	cr_assert_eq(stall->name.copied, 14);
}

/*
 * Two entries of one scope with one deadline: it was changed and changed back. The task whose step
 * ends callbacks waits in such a scope as well: something else woke it.
 */
Test(bpf_victims, nobody_waits_twice_in_trio, .init = begin_trio)
{
	uint64_t coro = py__coro(CODE), running = trio_task(coro), asleep = trio_task(py__coro(1));
	uint64_t entry;

	memory__put(trio_frame + PY_LOCAL_TASK, running);
	memory__put(running + 64, trio.py.tasks.owner);
	scope_with(asleep, machine.now_ns + 5 * MS);
	bpf_probe_read_user(&entry, 8, (const void *)trio_heap_items());
	py__list_append(trio_heap, entry);
	scope_with(running, machine.now_ns + 5 * MS);
	resume(coro, 0x1000);
	pass(MS);
	resume_exit(0x1000);
	pass(19 * MS);
	resume(coro, 0x1000);
	cr_assert_eq(next_record(LS_REC_VICTIM)->victim.task, running);
	cr_assert_eq(next_record(LS_REC_VICTIM)->victim.task, asleep);
	cr_assert_eq(take_stall()->victims, 2);
}

/* A thread that goes by its thread state may run another scheduler by now. */
Test(bpf_victims, the_queue_of_another_trio_is_not_believed, .init = begin_trio)
{
	uint64_t coro = py__coro(CODE), running = trio_task(coro);

	memory__put(trio_frame + PY_LOCAL_TASK, running);
	memory__put(running + 64, 0x4711);
	resume(coro, 0x1000);
	pass(20 * MS);
	resume_exit(0x1000);
	cr_assert(take_stall()->flags & LS_STALL_VICTIMS_UNKNOWN);
}

/*
 * Sockets on the epoll's ready list: unread ones count, an idle one and the loop's own pair do not.
 */
Test(bpf_victims, unread_sockets)
{
	static struct inode inode = { .i_mode = 0140777 };
	static struct {
		union {
			struct sock sk;
			struct unix_sock unix_sk;
			char room[256];
		};
	} socks[3];
	static struct socket sockets[3];
	static struct file files[3], epoll_file;
	static struct epitem items[3];
	static struct eventpoll poll;
	const struct ls_rec_stall *stall;

	for (int i = 0; i < 3; i++) {
		socks[i].sk.__sk_common.skc_family = 2;
		socks[i].sk.sk_receive_queue.qlen = i != 1;
		sockets[i].sk = &socks[i].sk;
		files[i].f_inode = &inode;
		files[i].private_data = &sockets[i];
		items[i].ffd.file = &files[i];
		items[i].rdllink.next = i < 2 ? &items[i + 1].rdllink : &poll.rdllist;
	}
	socks[2].sk.sk_ack_backlog = 4;
	socks[2].sk.sk_receive_queue.qlen = 0;
	poll.rdllist.next = &items[0].rdllink;
	poll.file = &epoll_file;
	epoll_file.private_data = &poll;
	epoll_file.f_inode = &inode;
	world.thread->fds[LOOP_EPOLL] = &epoll_file;
	step(world.task, MS);
	idle(MS);
	step(world.task, 20 * MS);
	stall = take_stall();
	cr_assert_eq(stall->sockets, 2);
	cr_assert(!(stall->flags & LS_STALL_SOCKETS_UNKNOWN));
	/* A descriptor that is no epoll any more. */
	poll.file = NULL;
	step(world.task, 20 * MS);
	stall = take_stall();
	cr_assert_eq(stall->sockets, 0);
	cr_assert(stall->flags & LS_STALL_SOCKETS_UNKNOWN);
}
