/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a live interpreter (its pid is in FUZZ_PID; tests/fuzz/run.py starts it), altered
 * on the way: every reader of src/python runs over it, and the input says which reads find
 * something else than what is there. So the readers come far before they meet what makes no sense.
 */
#include <errno.h>
#include <sys/uio.h>

#include "base/procmem.h"
#include "base/time.h"
#include "base/work.h"
#include "dump/dump.h"
#include "process/target.h"
#include "python/py_debug_offsets.h"
#include "python/py_trio_waiting.h"
#include "python/python.h"
#include "symbol/symbol.h"
#include "tests/fuzz/fuzz.h"

/* As a look has it, but less: what takes longer is cut off, and found by its timeout if it is not.
 */
#define ALLOWANCE_NS (50 * NS_PER_MS)
#define EXAMINATION_NS (20 * NS_PER_S)
#define MAX_TASKS 1000
#define MAX_NAME_BYTES 128
#define RECENT 64

/* The input, as the alterations use it up. */
static struct {
	const uint8_t *at;
	size_t left;
	uint64_t skip; /* reads until the next alteration */
	uint64_t recent[RECENT]; /* addresses that were read */
	size_t n_reads;
	bool is_on;
} script;

static const uint64_t telling[] = {
	0,     1,	UINT64_MAX, INT64_MAX, 1ULL << 63, UINT32_MAX,	   INT32_MAX, 100000,
	99999, 0x10000, UINT16_MAX, 255,       4096,	   0x7ffffffffff8, 400000,    200000,
};

static uint64_t take(size_t bytes)
{
	uint64_t value = 0;

	if (script.left < bytes) {
		script.left = 0;
		script.skip = UINT64_MAX;
		return 0;
	}
	memcpy(&value, script.at, bytes);
	script.at += bytes;
	script.left -= bytes;
	return value;
}

static void plan_next(void)
{
	const uint64_t skip = take(2) & 0x1fff;

	if (script.skip != UINT64_MAX)
		script.skip = skip;
}

static uint64_t altered(uint64_t word)
{
	const uint8_t op = (uint8_t)take(1), value = (uint8_t)take(1);

	switch (op % 5) {
	case 0:
		return telling[value % (sizeof(telling) / sizeof(*telling))];
	case 1:
		return script.recent[value % RECENT];
	case 2:
		return word + (uint64_t)(int64_t)(int8_t)value;
	case 3:
		return word ^ 1ULL << value % 64;
	default:
		return take(8);
	}
}

static void alter(uint64_t addr, uint8_t *buf, size_t size)
{
	size_t at, n = sizeof(uint64_t);
	uint64_t word = 0;

	script.recent[script.n_reads++ % RECENT] = addr;
	if (!script.is_on || !size || script.skip == UINT64_MAX || script.skip-- > 0)
		return;
	at = take(2) % size & ~7ULL;
	if (n > size - at)
		n = size - at;
	memcpy(&word, buf + at, n);
	word = altered(word);
	memcpy(buf + at, &word, n);
	plan_next();
}

/* In place of src/base/procmem.c. */

int procmem__read(pid_t pid, uint64_t addr, void *buf, size_t size)
{
	const struct iovec local = { buf, size };
	const struct iovec remote = { (void *)(uintptr_t)addr, size };
	const ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	if (n != (ssize_t)size)
		return n >= 0 ? -EFAULT : -errno;
	alter(addr, buf, size);
	return 0;
}

int procmem__read_many(pid_t pid, const uint64_t *addrs, size_t n, void *buf, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t *place = (uint8_t *)buf + i * size;
		const int r = work_step() ?: procmem__read(pid, addrs[i], place, size);

		if (r == -EFAULT)
			memset(place, 0, size);
		else if (r < 0)
			return r;
	}
	return 0;
}

int procmem__open(pid_t pid)
{
	(void)pid;
	return -EACCES;
}

int procmem__read_fd(int fd, uint64_t addr, void *buf, size_t size)
{
	(void)fd;
	(void)addr;
	(void)buf;
	(void)size;
	return -EFAULT;
}

/* What the readers are given. */

static uint64_t weight(void *ctx, uint64_t counted_as)
{
	(void)ctx;
	return counted_as >> 4 & 7;
}

static struct target *examined(void)
{
	static struct target *t;
	const char *pid = getenv("FUZZ_PID");
	struct err err = {};

	if (t)
		return t;
	if (!pid) {
		fprintf(stderr, "FUZZ_PID is not set\n");
		exit(1);
	}
	/* With the sanitizers it takes longer than usual. */
	work_begin(EXAMINATION_NS);
	if (target__examine(&t, (pid_t)atoi(pid), NULL, &err) < 0) {
		fprintf(stderr, "%s\n", err.what);
		exit(1);
	}
	work_end();
	return t;
}

/* Offsets that the target chose: its own ones with a few words changed. */
static void choose_offsets(struct target *t)
{
	static uint8_t own[PY_DEBUG_OFFSETS_BYTES];
	static bool has_own;
	const struct py_target *py = py_target(t);
	uint8_t table[sizeof(own)];

	if (py->version[1] < 13)
		return;
	if (!has_own && target__read(t, py->runtime, own, sizeof(own)) < 0)
		return;
	has_own = true;
	memcpy(table, own, sizeof(table));
	for (uint64_t n = take(1) % 8; n > 0; n--) {
		const uint64_t word = take(1) % (sizeof(table) / 8), value = take(2) & 0x7ff;

		if (word > 2)
			memcpy(table + 8 * word, &value, sizeof(value));
	}
	py_debug_offsets__apply(&t->proc.py.at, py->version[1], table, sizeof(table));
}

static void read_names(const struct target *t, const struct target_task *tasks, int n)
{
	struct target_loop_thread thread;
	struct resolver resolver;
	struct symbols *symbols;
	struct code_info info;

	fuzz_check(!symbols__new(&symbols));
	symbols__add_process(symbols, t);
	resolver = symbols__resolver(symbols);
	for (int i = 0; i < n && i < 8; i++) {
		resolver.ops->code(resolver.ctx, (uint32_t)t->pid, tasks[i].code, tasks[i].qualname,
				   &info);
		for (size_t j = 0; j < tasks[i].n_frames; j++)
			resolver.ops->line(resolver.ctx, (uint32_t)t->pid, &tasks[i].frames[j]);
	}
	if (target__loop_threads(t, &thread, 1) == 1)
		resolver.ops->thread(resolver.ctx, (uint32_t)t->pid, thread.tstate,
				     (uint64_t)thread.tid);
	symbols__free(symbols);
}

static void read_tasks(const struct target *t, uint8_t choice)
{
	const struct target_task_choice by_weight = { weight, NULL };
	struct target_tasks tasks = { 0 };
	const size_t max = choice & 1 ? 3 : MAX_TASKS;
	const int n = target__tasks(t, max, &by_weight, &tasks);

	fuzz_check(n < 0 || (size_t)n <= max);
	for (int i = 0; i < n; i++)
		fuzz_check(tasks.list[i].n_frames <= TARGET_TASK_FRAMES &&
			   strlen(tasks.list[i].name) < MAX_NAME_BYTES);
	if (choice & 2)
		read_names(t, tasks.list, n);
	target_tasks__done(&tasks);
	target__count_tasks(t);
}

static void read_waiting(const struct target *t, const struct target_stuck *stuck)
{
	struct target_waiting waiting;

	if (!target__waiting(t, stuck, &waiting))
		fuzz_check(waiting.n_names <= TARGET_WAITING_NAMES && waiting.n_ready <= waiting.n);
}

#define TRIO_FRAME 0x7f0000003000ULL

/* A scheduler's frame of trio's, wherever that may be: the process has no trio. */
static void read_trio(const struct target *t, uint64_t frame)
{
	static const struct ls_loop loop = { .py = { .ready = 0x7f0000001000,
						     .tasks = { .deadlines = 0x7f0000002000,
								.task_local = 72,
								.batch_local = 80,
								.coro = 16,
								.name = 24,
								.next_send = 32,
								.scope_deadline = 16,
								.scope_status = 24,
								.status_tasks = 16,
								.status_children = 24 } } };

	for (int is_step = 0; is_step < 2; is_step++) {
		const struct target_stuck stuck = { .loop = &loop,
						    .coro = is_step ? frame : 0,
						    .now_ns = UINT64_MAX / 2 };
		struct target_waiting waiting = {};
		struct py_waiting w = {};

		fuzz_check(!py_waiting__init(&w, t, &stuck, &waiting));
		py_trio_waiting__read(&w, frame);
		py_waiting__done(&w);
		fuzz_check(waiting.n_names <= TARGET_WAITING_NAMES && waiting.n_ready <= waiting.n);
	}
}

static void read_loop(const struct target *t, uint64_t loop)
{
	struct target_executor pool;
	const struct loop_kind *kind;
	uint64_t tstates[8];
	struct ls_loop info = {};
	const struct target_stuck stuck = { .loop = &info, .now_ns = UINT64_MAX / 2 };

	target__resolve_tasks(t, loop, &info);
	target__resolve_loop(t, loop, &info, &kind);
	target__count_ready(t, &info);
	read_waiting(t, &stuck);
	target__executor(t, loop, &pool);
	target__executor_threads(t, loop, tstates, 8);
	target__poll_fd(t, loop);
}

static void read_stack(const struct target *t, uint64_t tstate)
{
	static struct target_stack stack;
	const struct loop_kind *kind;
	struct target_step step;
	struct ls_pystr name;
	uint64_t loop, task;

	if (target__thread_stack(t, tstate, &stack) < 0)
		return;
	fuzz_check(stack.n_frames <= TARGET_STACK_FRAMES);
	target__scheduler_of_thread(t, tstate, &loop, &kind);
	if (target__step_of_stack(t, &stack, &step) < 0)
		return;
	fuzz_check(step.frame < stack.n_frames);
	target__task_name(t, step.task, step.coro, &name);
	target__task_of_coroutine(t, step.coro, &task, &name);
}

static void read_threads(const struct target *t)
{
	struct target_loop_thread loops[8];
	struct target_thread threads[16];
	struct target_threads list = { .threads = threads, .max = 16 };
	int n = target__loop_threads(t, loops, 8);
	uint64_t holder;

	fuzz_check(n <= 8);
	for (int i = 0; i < n; i++)
		read_loop(t, loops[i].loop);
	target__threads(t, &list);
	fuzz_check(list.n <= 16);
	for (size_t i = 0; i < list.n; i++)
		read_stack(t, threads[i].tstate);
	target__lock_holder(t, &holder);
}

static void dump(const struct target *t)
{
	static struct dump d;
	char *text = NULL;
	size_t size;
	FILE *out;

	memset(&d, 0, sizeof(d));
	if (!dump__read(&d, t, NULL)) {
		out = open_memstream(&text, &size);
		fuzz_check(out);
		dump__write_text(&d, out);
		dump__write_json(&d, out);
		fclose(out);
		free(text);
	}
	dump__done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target t = *examined();
	uint8_t what;

	if (size < 4)
		return 0;
	script.at = data;
	script.left = size;
	script.skip = 0;
	script.n_reads = 0;
	what = (uint8_t)take(1);
	if (what & 1)
		choose_offsets(&t);
	plan_next();
	script.is_on = true;
	work_begin(ALLOWANCE_NS);
	if (what & 2)
		read_tasks(&t, what >> 5);
	if (what & 4)
		read_threads(&t);
	if (what & 8)
		dump(&t);
	if (what & 16) {
		target__find_running_task(&t);
		read_trio(&t, TRIO_FRAME);
	}
	work_end();
	script.is_on = false;
	return 0;
}
