/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event takes four bytes: which one, two arguments, and how much time passes before it.
 */
#include "random.h"

#include <string.h>

#include "arch_regs.h"
#include "programs.h"
#include "script.h"

#define N_TASKS 6
#define N_WORDS 64 /* of the target's memory that events overwrite */

struct event {
	uint8_t kind, a, b, wait;
};

static struct {
	uint64_t tasks[N_TASKS], coros[N_TASKS], frames[N_TASKS];
	struct host_thread *threads[2];
	struct ls_thread_stats before[2];
	bool was_seen[2];
	uint64_t first_word;
	const char *broken;
} play;

static void check(bool holds, const char *what)
{
	if (!holds && !play.broken)
		play.broken = what;
}

/* What the kernel side keeps of a thread: open spans are bounded, sums only grow. */
static void check_thread(size_t i)
{
	const struct host_thread *t = play.threads[i];
	const struct thread_state *ts =
		bpf_task_storage_get(&threads, (struct task_struct *)&t->task, NULL, 0);
	const struct ls_thread_stats *before = &play.before[i];

	if (!ts) {
		play.was_seen[i] = false;
		return;
	}
	if (!play.was_seen[i])
		memset(&play.before[i], 0, sizeof(play.before[i]));
	play.was_seen[i] = true;
	check(ts->depth <= LS_MAX_NEST, "nesting is bounded");
	check(!ts->is_busy, "no program leaves the thread busy");
	check(ts->stats.steps >= before->steps && ts->stats.step_ns >= before->step_ns &&
		      ts->stats.callbacks_ns >= before->callbacks_ns &&
		      ts->stats.idle_ns >= before->idle_ns && ts->stats.turns >= before->turns &&
		      ts->stats.stalls >= before->stalls,
	      "sums only grow");
	check((int64_t)ts->stats.step_ns >= 0 && (int64_t)ts->stats.callbacks_ns >= 0 &&
		      (int64_t)ts->stats.idle_ns >= 0,
	      "no sum is negative");
	for (size_t c = 0; c < LS_CAUSE_MAX; c++)
		check(ts->stats.cause_ns[c] >= before->cause_ns[c], "causes only grow");
	check(!ts->stats.cause_ns[LS_CAUSE_CPU], "off-CPU time has no cause CPU");
	check(ts->cur.unit <= LS_UNIT_CALLBACK, "a span is a step or callbacks");
	play.before[i] = ts->stats;
}

static bool is_opened_span(const struct ls_rec_hdr *hdr, uint64_t span)
{
	for (size_t i = 0; i < 2; i++) {
		struct host_thread *t = play.threads[i];
		const struct thread_state *ts = bpf_task_storage_get(&threads, &t->task, NULL, 0);

		/* The records of an exec outlive the state. */
		if ((uint32_t)t->task.pid == hdr->tid)
			return span && (!ts || span <= ts->last_number);
	}
	return false;
}

static void check_stall(const struct ls_rec_stall *stall)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < LS_CAUSE_MAX; i++) {
		check((int64_t)stall->cause_ns[i] >= 0, "no share is negative");
		sum += stall->cause_ns[i];
	}
	check(sum == stall->duration_ns, "the split adds up");
	check((int64_t)stall->duration_ns >= 0, "a stall has a duration");
	check(stall->start_ns + stall->duration_ns <= stall->hdr.ts_ns,
	      "a stall ends with its span");
	check(stall->stolen_ns <= stall->cause_ns[LS_CAUSE_RUNQUEUE],
	      "what was stolen is a wait for a CPU");
	check((int64_t)stall->starved_ns >= 0, "victims wait for no negative time");
	check(stall->unit >= LS_UNIT_STEP && stall->unit <= LS_UNIT_TURN, "a stall has a unit");
	check(stall->unit == LS_UNIT_TURN || is_opened_span(&stall->hdr, stall->span),
	      "a stall is of a span that was opened");
}

static void check_stack(const struct ls_rec_stack *stack)
{
	check(is_opened_span(&stack->hdr, stack->span), "a stack is of a span that was opened");
	check((int64_t)stack->weight_ns >= 0, "no weight is negative");
	check(stack->n_frames <= LS_MAX_FRAMES, "frames are bounded");
	check(stack->hdr.len ==
		      offsetof(struct ls_rec_stack, frames) +
			      stack->n_frames * sizeof(struct ls_frame),
	      "a stack is as long as it says");
	check(stack->cause < LS_CAUSE_MAX, "a stack has a cause");
}

static void check_record(const struct host_record *rec)
{
	check(rec->is_submitted, "what is reserved is submitted");
	check(rec->hdr.kind > LS_REC_NONE && rec->hdr.kind < LS_REC_MAX, "a record has a kind");
	if (rec->hdr.kind == LS_REC_STALL)
		check_stall(&rec->stall);
	if (rec->hdr.kind == LS_REC_STACK)
		check_stack(&rec->stack);
	if (rec->hdr.kind != LS_REC_VICTIM)
		return;
	check(is_opened_span(&rec->hdr, rec->victim.span), "a victim is of a span that was opened");
	check((int64_t)rec->victim.starved_ns >= 0, "no victim waits for negative time");
}

/* Only the thread that is on the CPU does anything. */
static void run_on(size_t i)
{
	world.thread = play.threads[i];
	machine.current = play.threads[i];
}

/* Who does something is on a CPU, whether or not its return was reported. */
static void be_on_cpu(void)
{
	world.thread->task.on_cpu = 1;
	world.thread->task.se.exec_start = machine.now_ns - SCHED_CLOCK;
}

static void event_step(const struct event *e)
{
	uint64_t sp = 0x1000 + 0x100ULL * (e->b & 7);

	switch (e->a % 8) {
	case 0:
	case 1:
	case 2:
		step_enter(play.tasks[e->a % N_TASKS], sp);
		break;
	case 3:
	case 4:
		step_exit(sp);
		break;
	case 5:
		resume(play.coros[e->b % N_TASKS], sp);
		break;
	case 6:
		resume_exit(sp);
		break;
	default:
		poll_return();
	}
}

static void event_spot(const struct event *e)
{
	struct pt_regs regs =
		regs_of_call(0x1000 + 0x100ULL * (e->b & 7), play.coros[e->a % N_TASKS],
			     play.frames[e->a % N_TASKS], e->b >> 7, 0);

	machine.cookie = e->a % LS_SPOT_MAX;
	prog_spot(&regs);
}

static void event_switch(const struct event *e)
{
	static const long calls[] = {
		SYS_clock_nanosleep, SYS_futex,	      SYS_epoll_pwait, SYS_ppoll,
		SYS_pselect6,	     SYS_epoll_pwait, SYS_read,	       -1
	};

	switch (e->a & 7) {
	case 0:
	case 1:
	case 2:
	case 3:
		be_on_cpu();
		block(calls[e->b & 7], e->b >> 3, e->b & 1 ? 0 : play.first_word, 0);
		break;
	case 4:
		be_on_cpu();
		preempt();
		break;
	case 5:
		wake();
		break;
	default:
		on_cpu();
	}
}

static void event_life(const struct event *e)
{
	struct host_thread *t = world.thread;
	struct task_struct child = { .tgid = 5000 + e->b, .pid = 5000 + e->b, .mm = t->task.mm };

	switch (e->a & 7) {
	case 0:
		prog_fork(NULL, &t->task, &child);
		break;
	case 1:
		prog_exec(NULL, &t->task);
		break;
	case 2:
		prog_exit(NULL, &t->task);
		bpf_task_storage_delete(&threads, &t->task);
		break;
	case 3:
		world__know_loop();
		break;
	case 4:
		world__update_proc();
		break;
	default:
		run_on(e->b & 1);
	}
}

static void event_change(const struct event *e)
{
	switch (e->a % 13) {
	case 0:
		settings.is_light = e->b & 1;
		settings.light_since_ns = machine.now_ns;
		break;
	case 1:
		machine.faults.ring_full = e->b & 1;
		break;
	case 2:
		machine.faults.storage_full = e->b & 1;
		break;
	case 3:
		machine.cpu = e->b & 3;
		break;
	case 4:
		settings.stall_price_ns = e->b * MS;
		break;
	case 5:
		world.thread->rq.prev_steal_time_rq += e->b * MS;
		break;
	case 6:
		settings.is_counting_tasks = e->b & 1;
		break;
	case 7:
		py__set_current_task(world.loop, play.tasks[e->b % N_TASKS]);
		break;
	case 8:
		py__deque_append(world.ready,
				 py__handle(py__step_callback(play.tasks[e->b % N_TASKS])));
		break;
	case 9:
		memory__put(world.ready + python.proc.py.at.ob_size, e->b & 7);
		break;
	case 10:
		memory__put(play.first_word + 8 * (e->b % N_WORDS),
			    play.first_word + 16 * (e->wait % N_WORDS));
		break;
	case 11:
		memory__put(python.proc.py.gc_collecting, e->b & 1);
		memory__put(python.proc.py.gc_counts + LS_PY_GC_GENERATION_BYTES, e->b >> 1 & 1);
		break;
	default:
		py__set_top(world.tstate, play.frames[e->b % N_TASKS]);
	}
}

static void event_play(const struct event *e)
{
	pass((uint64_t)e->wait * e->wait * 1000);
	if (e->kind % 16 <= 6 || (e->kind % 16 >= 11 && e->kind % 16 <= 13))
		be_on_cpu();
	switch (e->kind % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		event_step(e);
		break;
	case 6:
		event_spot(e);
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		event_switch(e);
		break;
	case 11:
	case 12:
		tick();
		break;
	case 13:
		event_life(e);
		break;
	default:
		event_change(e);
	}
}

static void begin(void)
{
	struct ls_loop_thread found = { .tgid = TGID };
	const uint32_t tid = TID;

	world__begin();
	memset(&play, 0, sizeof(play));
	play.threads[0] = world.thread;
	play.threads[1] = world__add_thread(TGID, TID + 1);
	settings.is_following = 1;
	for (size_t i = 0; i < N_TASKS; i++) {
		play.coros[i] = py__coro(CODE + 0x10 * (i / 2));
		play.tasks[i] = py__task(world.loop, "a task", play.coros[i]);
		play.frames[i] = py__coro_frame(play.coros[i], 0x10 * i, world.loop_frame);
		py__list_append(world.scheduled,
				py__timer(play.tasks[i], machine.now_ns + i * 20 * MS));
	}
	play.first_word = play.tasks[0];
	python.proc.py.gc_collecting = py__alloc(4);
	python.proc.py.gc_counts = py__alloc(3 * LS_PY_GC_GENERATION_BYTES);
	memory__put(python.gil + python.proc.py.at.gil_locked, 1);
	world__update_proc();
	found.loop = world.loop;
	found.tstate = world.tstate;
	bpf_map_update_elem(&loop_threads, &tid, &found, 0);
	start_sampler();
}

const char *random__play(const uint8_t *data, size_t size)
{
	begin();
	for (; size >= sizeof(struct event) && !play.broken; size -= sizeof(struct event)) {
		struct event e;

		memcpy(&e, data, sizeof(e));
		data += sizeof(e);
		event_play(&e);
		for (size_t i = 0; i < machine.n_records; i++)
			check_record(&machine.records[i]);
		machine.n_records = 0;
		check(!machine.n_reserved, "what is reserved is submitted");
		check_thread(0);
		check_thread(1);
		if (python.next - 0x7f0000000000ULL > 1 << 20)
			break; /* enough objects */
	}
	return play.broken;
}
