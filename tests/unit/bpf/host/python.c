/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds the objects of the made-up CPython.
 */
#include "python.h"

#include <string.h>

#define DEQUE_STATE 56 /* cpython: Modules/_collectionsmodule.c */
#define BASE 0x7f0100000000ULL
#define STEP_CALL 0x5100
#define WAKEUP_CALL 0x5200
#define TP_LIST (1ULL << 25)
#define TP_UNICODE (1ULL << 28)
#define KEYS_ENTRIES 64 /* bytes from a dict's keys to its entries, in our dicts */
#define BLOCK_ITEMS 64

struct python python;

static const struct ls_pyoffsets layout = {
	.ob_head = 16,
	.ob_type = 8,
	.tp_name = 24,
	.tp_basicsize = 32,
	.tp_call = 128,
	.tp_flags = 168,
	.tp_base = 256,
	.tp_dictoffset = 288,
	.ob_size = 16,
	.list_items = 24,
	.tuple_items = 24,
	.str_length = 16,
	.str_state = 32,
	.str_ascii_data = 40,
	.str_data = 56,
	.str_state_shift = 2,
	.int_tag = 16,
	.int_digit = 24,
	.gil_last_holder = 8,
	.gil_locked = 16,
	.gil_cond = 32,
	.gil_mutex = 80,
	.gil_end = 120,
	.tstate_next = 8,
	.tstate_thread_id = 136,
	.tstate_native_id = 144,
	.tstate_frame = 56,
	.cframe_current = LS_PY_NONE,
	.tstate_running_task = LS_PY_NONE,
	.frame_bytes = 80,
	.frame_previous = 8,
	.frame_code = 0,
	.frame_position = 56,
	.frame_owner = 70,
	.frame_owner_skip_min = 3,
	.frame_generator = LS_PY_NONE,
	.frame_locals = 72,
	.frame_stack = LS_PY_NONE,
	.frame_stack_top = 64,
	.gen_bytes = 80,
	.gen_frame = LS_PY_NONE,
	.gen_iframe = 72,
	.gen_code = 72,
	.gen_qualname = 32,
	.gen_state = 67,
	.gen_created = -2,
	.gen_awaits = -1,
	.gen_awaits_max = -1,
	.stack_top = LS_STACK_TOP_WORDS,
	.stack_back = 8,
	.task_bytes = 160,
	.task_loop = 16,
	.task_exception = 48,
	.task_callback0 = 24,
	.task_state = 88,
	.task_coro = 96,
	.task_name = 112,
	.cfunction_def = 16,
	.cfunction_self = 24,
	.wrapper_task = 16,
	.methoddef_func = 8,
	.dict_keys = 32,
	.dict_values = 40,
	.keys_log2_index_bytes = 9,
	.keys_kind = 10,
	.keys_nentries = 24,
	.keys_indices = 32,
	.deque_leftblock = 24,
	.deque_leftindex = 40,
	.deque_block_data = 8,
	.deque_block_next = 8 + 8 * BLOCK_ITEMS,
	.handle_callback = PY_HANDLE_CALLBACK,
	.handle_args = 48,
	.timer_when = 88,
	.float_value = 16,
	.minor = 12,
};

static uint64_t word(uint64_t addr)
{
	uint64_t value = 0;

	bpf_probe_read_user(&value, sizeof(value), (const void *)addr);
	return value;
}

uint64_t py__alloc(size_t size)
{
	static const uint8_t zero[2048];
	uint64_t addr = python.next;

	memory__write(addr, zero, size);
	python.next += (size + 15) & ~15ULL;
	return addr;
}

static uint64_t type_make(uint64_t flags, uint64_t basicsize, uint64_t call)
{
	uint64_t type = py__alloc(400);

	memory__put(type + layout.tp_flags, flags);
	memory__put(type + layout.tp_basicsize, basicsize);
	memory__put(type + layout.tp_call, call);
	return type;
}

void python__reset(void)
{
	memset(&python, 0, sizeof(python));
	python.next = BASE;
	python.coro_type = type_make(0, 0, 0);
	python.task_type = type_make(0, layout.task_bytes, 0);
	python.list_type = type_make(TP_LIST, 0, 0);
	python.other_type = type_make(0, 16, 0);
	python.str_type = type_make(TP_UNICODE, 0, 0);
	python.wrapper_type = type_make(0, 0, STEP_CALL);
	python.wakeup_type = type_make(0, 0, WAKEUP_CALL);
	python.none = py__object(python.other_type, 16);
	python.gil = py__alloc(layout.gil_end);
	python.current_tasks = py__object(python.other_type, 48);
	memory__put(python.current_tasks + layout.dict_keys, py__alloc(KEYS_ENTRIES + 24));
	python.proc = (struct ls_proc){
		.runtime = LS_RUNTIME_PYTHON,
		.has_poll_spot = 1,
		.py = {
			.gil = python.gil,
			.coro_type = python.coro_type,
			.gen_type = 0x6e6e,
			.step_call = STEP_CALL,
			.wakeup_call = WAKEUP_CALL,
			.current_tasks = python.current_tasks,
			.at = layout,
		},
	};
}

uint64_t py__object(uint64_t type, size_t size)
{
	uint64_t object = py__alloc(size);

	memory__put(object + layout.ob_type, type);
	return object;
}

uint64_t py__str(const char *text)
{
	size_t length = strlen(text);
	uint64_t str = py__object(python.str_type, layout.str_ascii_data + length + 1);

	memory__put(str + layout.str_length, length);
	memory__put(str + layout.str_state, 1 << 2 | 1 << 5 | 1 << 6);
	memory__write(str + layout.str_ascii_data, text, length);
	return str;
}

uint64_t py__float(double value)
{
	uint64_t object = py__object(python.other_type, 24);

	memory__write(object + layout.float_value, &value, sizeof(value));
	return object;
}

uint64_t py__tuple(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t tuple = py__object(python.other_type, 48), items = tuple + layout.tuple_items;

	memory__put(items, a);
	memory__put(items + 8, b);
	memory__put(items + 16, c);
	return tuple;
}

uint64_t py__coro(uint64_t code)
{
	uint64_t coro = py__object(python.coro_type, 160);

	memory__put(coro + layout.gen_code, code);
	memory__put(coro + layout.gen_qualname, py__str("coroutine"));
	return coro;
}

static void coro_set_state(uint64_t coro, int8_t state)
{
	memory__write(coro + layout.gen_state, &state, 1);
}

void py__coro_create(uint64_t coro)
{
	coro_set_state(coro, layout.gen_created);
}

void py__coro_run(uint64_t coro)
{
	coro_set_state(coro, layout.gen_runs);
}

void py__coro_await(uint64_t coro, uint64_t position, uint64_t awaited)
{
	const uint64_t frame = coro + layout.gen_iframe;

	coro_set_state(coro, layout.gen_awaits);
	memory__put(frame + layout.frame_position, position);
	memory__put(frame + layout.frame_stack_top, 1);
	memory__put(frame + layout.frame_locals, awaited);
}

void py__task_end(uint64_t task, enum py_task_state state, uint64_t exception)
{
	memory__put(task + layout.task_coro, 0);
	memory__put(task + layout.task_state, state);
	memory__put(task + layout.task_exception, exception);
}

uint64_t py__task(uint64_t loop, const char *name, uint64_t coro)
{
	uint64_t task = py__object(python.task_type, layout.task_bytes);

	memory__put(task + layout.task_loop, loop);
	memory__put(task + layout.task_coro, coro);
	memory__put(task + layout.task_name, py__str(name));
	return task;
}

uint64_t py__tstate(uint64_t thread_pointer, uint64_t native_id)
{
	uint64_t tstate = py__alloc(256);

	memory__put(tstate + layout.tstate_thread_id, thread_pointer);
	memory__put(tstate + layout.tstate_native_id, native_id);
	return tstate;
}

static void frame_fill(uint64_t frame, uint64_t code, uint64_t position, uint64_t previous)
{
	memory__put(frame + layout.frame_code, code);
	memory__put(frame + layout.frame_position, position);
	memory__put(frame + layout.frame_previous, previous);
}

uint64_t py__frame(uint64_t code, uint64_t position, uint64_t previous)
{
	uint64_t frame = py__alloc(128);

	frame_fill(frame, code, position, previous);
	return frame;
}

uint64_t py__coro_frame(uint64_t coro, uint64_t position, uint64_t previous)
{
	const uint8_t owned_by_generator = 1;
	uint64_t frame = coro + layout.gen_iframe;

	frame_fill(frame, word(coro + layout.gen_code), position, previous);
	memory__write(frame + layout.frame_owner, &owned_by_generator, 1);
	return frame;
}

void py__set_top(uint64_t tstate, uint64_t frame)
{
	memory__put(tstate + layout.tstate_frame, frame);
}

uint64_t py__step_callback(uint64_t task)
{
	uint64_t callback = py__object(python.wrapper_type, 32);

	memory__put(callback + layout.wrapper_task, task);
	return callback;
}

uint64_t py__wakeup_callback(uint64_t task)
{
	uint64_t callback = py__object(python.wakeup_type, 32);

	memory__put(callback + layout.wrapper_task, task);
	return callback;
}

uint64_t py__handle(uint64_t callback)
{
	uint64_t handle = py__object(python.other_type, 128);

	memory__put(handle + layout.handle_callback, callback);
	return handle;
}

uint64_t py__timer(uint64_t task, uint64_t when_ns)
{
	uint64_t handle = py__handle(0);
	uint64_t future = py__object(python.other_type, 64);

	memory__put(future + layout.task_callback0, py__step_callback(task));
	memory__put(handle + layout.handle_args, py__tuple(future, 0, 0));
	memory__put(handle + layout.timer_when, py__float((double)when_ns / 1e9));
	return handle;
}

uint64_t py__deque(void)
{
	uint64_t deque = py__object(python.other_type, 128);

	memory__put(deque + layout.deque_leftblock, py__alloc(16 + 8 * BLOCK_ITEMS));
	memory__put(deque + DEQUE_STATE, 1000);
	return deque;
}

/* Blocks are added as they are needed; the deque holds few enough to walk them. */
void py__deque_append(uint64_t deque, uint64_t item)
{
	uint64_t n = word(deque + layout.ob_size), block = word(deque + layout.deque_leftblock);
	uint64_t i = word(deque + layout.deque_leftindex) + n;

	for (; i >= BLOCK_ITEMS; i -= BLOCK_ITEMS) {
		uint64_t next = word(block + layout.deque_block_next);

		if (!next) {
			next = py__alloc(16 + 8 * BLOCK_ITEMS);
			memory__put(block + layout.deque_block_next, next);
			memory__put(next, block);
		}
		block = next;
	}
	memory__put(block + layout.deque_block_data + 8 * i, item);
	/* The right end follows the left one. */
	memory__put(deque + layout.deque_leftblock + 8, block);
	memory__put(deque + layout.deque_leftindex + 8, i);
	memory__put(deque + layout.ob_size, n + 1);
	memory__put(deque + DEQUE_STATE, word(deque + DEQUE_STATE) + 1);
}

void py__deque_popleft(uint64_t deque)
{
	uint64_t index = word(deque + layout.deque_leftindex) + 1;

	if (index == BLOCK_ITEMS) {
		uint64_t block = word(deque + layout.deque_leftblock);

		memory__put(deque + layout.deque_leftblock, word(block + layout.deque_block_next));
		index = 0;
	}
	memory__put(deque + layout.deque_leftindex, index);
	memory__put(deque + layout.ob_size, word(deque + layout.ob_size) - 1);
	memory__put(deque + DEQUE_STATE, word(deque + DEQUE_STATE) + 1);
}

uint64_t py__list(void)
{
	uint64_t list = py__object(python.list_type, 64);

	memory__put(list + layout.list_items, py__alloc(2000));
	return list;
}

void py__list_append(uint64_t list, uint64_t item)
{
	uint64_t n = word(list + layout.ob_size);

	memory__put(word(list + layout.list_items) + 8 * n, item);
	memory__put(list + layout.ob_size, n + 1);
}

void py__set_current_task(uint64_t loop, uint64_t task)
{
	uint64_t keys = word(python.current_tasks + layout.dict_keys);
	const uint8_t log2_index_bytes = 5;

	memory__write(keys + layout.keys_log2_index_bytes, &log2_index_bytes, 1);
	memory__put(keys + layout.keys_nentries, !!task);
	memory__put(keys + KEYS_ENTRIES + 8, loop);
	memory__put(keys + KEYS_ENTRIES + 16, task);
}
