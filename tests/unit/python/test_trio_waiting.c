/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for a stuck loop of trio, read from a scheduler laid out by hand: whole ones, and such
 * as a process shows that changes them or means harm.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/time.h"
#include "python/fake_objects.h"
#include "python/py_trio_waiting.h"
#include "stream/pystr.h"

#define TASK_LOCAL 128
#define BATCH_LOCAL 136
#define NEXT_SEND 64
#define CORO 72
#define NAME 80
#define SCOPE_DEADLINE 64
#define SCOPE_STATUS 72
#define STATUS_TASKS 64
#define STATUS_CHILDREN 72
#define FLAG_LIST (1U << 25)
#define FLAG_TUPLE (1U << 26)
#define FLAG_STR (1U << 28)
#define SET_TABLE_SLOTS 8

#define OFFSET_NS (20000 * NS_PER_S) /* of trio's clock */
#define START_NS (1000 * NS_PER_S)
#define NOW_NS (1010 * NS_PER_S)

static struct world {
	struct target t;
	struct ls_loop loop;
	struct target_stuck stuck;
	struct target_waiting found;
	uint64_t *frame, *queue, *block, *batch, *heap;
	uint64_t heap_pointer;
	uint64_t list_type, tuple_type, str_type, set_type, float_type, task_type, none;
	uint64_t current;
} w;

static uint64_t *instance(uint64_t type)
{
	uint64_t *o = object();

	put(o, w.t.proc.py.at.ob_type, type);
	return o;
}

static uint64_t *list(void)
{
	uint64_t *o = instance(w.list_type);

	put(o, w.t.proc.py.at.list_items, address(object()));
	return o;
}

static void set_size(uint64_t *o, uint64_t n)
{
	put(o, w.t.proc.py.at.ob_size, n);
}

static uint64_t word(const uint64_t *o, uint16_t offset)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)o + offset, sizeof(value));
	return value;
}

static void append(uint64_t *o, uint64_t item)
{
	const uint64_t n = word(o, w.t.proc.py.at.ob_size);

	((uint64_t *)word(o, w.t.proc.py.at.list_items))[n] = item;
	set_size(o, n + 1);
}

static void enqueue(uint64_t task)
{
	const uint64_t n = word(w.queue, w.t.proc.py.at.ob_size);

	put(w.block, (uint16_t)(w.t.proc.py.at.deque_block_data + 8 * n), task);
	set_size(w.queue, n + 1);
}

static uint64_t task_of(const char *name, bool is_scheduled)
{
	uint64_t *task = instance(w.task_type), str = make_str(&w.t, name);

	put((uint64_t *)str, w.t.proc.py.at.ob_type, w.str_type);
	put(task, NAME, str);
	put(task, CORO, address(task) + 8);
	put(task, NEXT_SEND, is_scheduled ? address(w.frame) : w.none);
	return address(task);
}

static uint64_t seconds(double value)
{
	uint64_t *o = instance(w.float_type), bits;

	memcpy(&bits, &value, sizeof(bits));
	put(o, w.t.proc.py.at.float_value, bits);
	return address(o);
}

static uint64_t set_of(const uint64_t *members, size_t n)
{
	uint64_t *o = instance(w.set_type), *table = object();
	const uint16_t head = w.t.proc.py.at.ob_head;

	put(o, head + 8, n);
	put(o, head + 16, SET_TABLE_SLOTS - 1);
	put(o, head + 24, address(table));
	for (size_t i = 0; i < n; i++) {
		table[2 * i + 2] = members[i];
		table[2 * i + 3] = 0x1234;
	}
	/* A member that was removed. */
	table[0] = address(w.frame);
	table[1] = UINT64_MAX;
	return address(o);
}

/* A scope with these tasks and this deadline of trio's clock, in the heap. Returns its status. */
static uint64_t *add_scope(const uint64_t *members, size_t n, double deadline_s)
{
	uint64_t *scope = object(), *status = object(), *entry = instance(w.tuple_type);
	const uint16_t items = w.t.proc.py.at.tuple_items;

	put(scope, SCOPE_DEADLINE, seconds(deadline_s));
	put(scope, SCOPE_STATUS, address(status));
	put(status, STATUS_TASKS, set_of(members, n));
	put(status, STATUS_CHILDREN, set_of(NULL, 0));
	put(entry, items, seconds(deadline_s));
	put(entry, items + 16, address(scope));
	append(w.heap, address(entry));
	return status;
}

static void make_types(void)
{
	w.list_type = make_type(&w.t, "list", FLAG_LIST);
	w.tuple_type = make_type(&w.t, "tuple", FLAG_TUPLE);
	w.str_type = make_type(&w.t, "str", FLAG_STR);
	w.set_type = make_type(&w.t, "set", 0);
	w.float_type = make_type(&w.t, "float", 0);
	w.task_type = make_type(&w.t, "Task", 0);
	w.none = address(object());
}

/* Stuck in the step of `current`; there is no other task. */
static void setup(void)
{
	w.t = self_as(13);
	make_types();
	w.frame = object();
	w.queue = object();
	w.block = object();
	w.batch = list();
	w.heap = list();
	w.heap_pointer = address(w.heap);
	put(w.queue, w.t.proc.py.at.deque_leftblock, address(w.block));
	put(w.frame, BATCH_LOCAL, address(w.batch));
	w.loop.py.ready = address(w.queue);
	w.loop.py.tasks = (struct ls_pytasks){ .type = w.task_type,
					       .none = w.none,
					       .deadlines = address(&w.heap_pointer),
					       .clock_offset_ns = OFFSET_NS,
					       .task_local = TASK_LOCAL,
					       .batch_local = BATCH_LOCAL,
					       .coro = CORO,
					       .name = NAME,
					       .next_send = NEXT_SEND,
					       .scope_deadline = SCOPE_DEADLINE,
					       .scope_status = SCOPE_STATUS,
					       .status_tasks = STATUS_TASKS,
					       .status_children = STATUS_CHILDREN,
					       .is_queued_bare = 1 };
	w.current = task_of("current", false);
	put(w.frame, TASK_LOCAL, w.current);
	w.stuck = (struct target_stuck){
		.loop = &w.loop, .coro = w.current + 8, .start_ns = START_NS, .now_ns = NOW_NS
	};
}

static int look(void)
{
	struct py_waiting waiting = { 0 };
	int r;

	w.found = (struct target_waiting){ 0 };
	cr_assert_eq(py_waiting__init(&waiting, &w.t, &w.stuck, &w.found), 0);
	r = py_trio_waiting__read(&waiting, address(w.frame));
	py_waiting__done(&waiting);
	return r;
}

static void check_name(size_t i, const char *name)
{
	char text[64];

	cr_assert_lt(i, w.found.n_names);
	pystr__to_utf8(&w.found.names[i], text, sizeof(text));
	cr_assert_str_eq(text, name);
}

TestSuite(trio_waiting, .init = setup);

Test(trio_waiting, no_task_waits)
{
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 0);
	cr_assert(!w.found.is_cut);
}

Test(trio_waiting, in_each_way)
{
	const uint64_t sleeper = task_of("sleeper", false), early = task_of("early", false),
		       later = task_of("later", false), woken = task_of("woken", true);

	enqueue(woken);
	append(w.batch, task_of("batched", true));
	add_scope((uint64_t[]){ sleeper, woken, w.current }, 3, 21007); /* 3 s ago */
	add_scope(&early, 1, 20500); /* before the stall */
	add_scope(&later, 1, 21011); /* in a second */
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 4, "%u", w.found.n);
	cr_assert_eq(w.found.n_ready, 1);
	cr_assert_eq(w.found.due_ns, (10 + 3 + 10) * NS_PER_S, "%g s",
		     (double)w.found.due_ns / (double)NS_PER_S);
	cr_assert(!w.found.is_cut);
	cr_assert_eq(w.found.n_names, 4);
	check_name(0, "woken");
	check_name(1, "batched");
	check_name(2, "sleeper");
	check_name(3, "early");
}

/* Since when those of the batch wait is not known then, and one is in neither. */
Test(trio_waiting, behind_a_callback)
{
	w.stuck.coro = 0;
	append(w.batch, task_of("batched", true));
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 1, "its turn is over");
	put((uint64_t *)w.current, NEXT_SEND, address(w.frame));
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 2, "its turn is about to begin");
	enqueue(w.current);
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 2, "its turn is over, and it is ready again");
	cr_assert_eq(w.found.n_ready, 2);
	cr_assert_eq(w.found.due_ns, 0);
}

Test(trio_waiting, before_the_first_turn)
{
	put(w.frame, BATCH_LOCAL, 0);
	put(w.frame, TASK_LOCAL, 0);
	enqueue(task_of("init", true));
	cr_assert_eq(look(), -EAGAIN, "there is no step yet");
	w.stuck.coro = 0;
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 1);
}

Test(trio_waiting, not_a_scope_that_was_left_or_moved)
{
	const uint64_t sleeper = task_of("sleeper", false);
	uint64_t *entry;

	add_scope(&sleeper, 1, 21007);
	entry = (uint64_t *)((uint64_t *)word(w.heap, w.t.proc.py.at.list_items))[0];
	put(entry, w.t.proc.py.at.tuple_items, seconds(21006));
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 0);
}

Test(trio_waiting, what_is_not_looked_at_is_said)
{
	const uint64_t sleeper = task_of("sleeper", false);
	uint64_t *status = add_scope(&sleeper, 1, 21007), children = word(status, STATUS_CHILDREN),
		 members = word(status, STATUS_TASKS);
	const uint16_t head = w.t.proc.py.at.ob_head;

	cr_assert_eq(look(), 0);
	cr_assert(!w.found.is_cut);
	put((uint64_t *)children, head + 8, 1);
	cr_assert_eq(look(), 0);
	cr_assert(w.found.is_cut && w.found.n == 1, "a scope inside");
	put((uint64_t *)children, head + 8, 0);
	put((uint64_t *)members, head + 16, 31);
	cr_assert_eq(look(), 0);
	cr_assert(w.found.is_cut, "a large set");
	w.loop.py.tasks.deadlines = 0;
	cr_assert_eq(look(), 0);
	cr_assert(w.found.is_cut && w.found.n == 0, "a clock of the program's");
}

/* trio does not tidy its heap at once. */
Test(trio_waiting, each_once)
{
	const uint64_t sleeper = task_of("sleeper", false), batched = task_of("batched", true);
	uint64_t items;

	add_scope(&sleeper, 1, 21007);
	items = word(w.heap, w.t.proc.py.at.list_items);
	append(w.heap, ((uint64_t *)items)[0]);
	append(w.batch, batched);
	append(w.batch, batched);
	append(w.batch, w.current);
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 2, "%u", w.found.n);
}

Test(trio_waiting, queue_that_is_a_circle)
{
	const uint64_t task = task_of("ready", true);

	put(w.block, w.t.proc.py.at.deque_block_next, address(w.block));
	for (size_t i = 0; i < LS_PY_DEQUE_BLOCK_ITEMS; i++)
		enqueue(task);
	set_size(w.queue, UINT64_MAX);
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 1);
	cr_assert(w.found.is_cut);
}

/* Unknown is never reported as 0 tasks. */
Test(trio_waiting, what_cannot_be)
{
	static const uint64_t nowhere[] = { 0, 0x18, UINT64_MAX - 7, 1ULL << 63 };
	const uint64_t sleeper = task_of("sleeper", false), batched = task_of("batched", true);
	uint64_t *status;

	append(w.batch, batched);
	status = add_scope(&sleeper, 1, 21007);
	enqueue(task_of("ready", true));
	cr_assert_eq(look(), 0);
	cr_assert_eq(w.found.n, 3);
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(*nowhere); i++) {
		struct {
			uint64_t *object;
			uint16_t offset;
		} at[] = {
			{ w.frame, TASK_LOCAL },
			{ w.frame, BATCH_LOCAL },
			{ w.batch, w.t.proc.py.at.list_items },
			{ w.heap, w.t.proc.py.at.list_items },
			{ (uint64_t *)word(w.heap, w.t.proc.py.at.list_items), 0 },
			{ w.block, w.t.proc.py.at.deque_block_data },
			{ w.queue, w.t.proc.py.at.deque_leftblock },
			{ status, STATUS_TASKS },
			{ status, STATUS_CHILDREN },
			{ (uint64_t *)batched, w.t.proc.py.at.ob_type },
			{ &w.heap_pointer, 0 },
		};

		for (size_t k = 0; k < sizeof(at) / sizeof(*at); k++) {
			const uint64_t value = word(at[k].object, at[k].offset);

			put(at[k].object, at[k].offset, nowhere[i]);
			cr_assert_eq(look(), -EAGAIN, "%zu leads to %#lx", k, nowhere[i]);
			put(at[k].object, at[k].offset, value);
		}
	}
	w.stuck.coro = w.current + 16;
	cr_assert_eq(look(), -EAGAIN, "the step of another task");
}
