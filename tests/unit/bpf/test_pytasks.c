/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks written in Python as the kernel side reads them, on made-up memory laid out as each version
 * has it.
 */
#include "fake_memory.h"

#include "../../../bpf/python/pytasks.h"

#include <criterion/criterion.h>

#define TYPE (FAKE_BASE + 0x100)
#define OTHER_TYPE (FAKE_BASE + 0x400)
#define TASK (FAKE_BASE + 0x800)
#define DICT (FAKE_BASE + 0xa00)
#define VALUES (FAKE_BASE + 0xb00)
#define KEYS (FAKE_BASE + 0x1000)
#define FRAME (FAKE_BASE + 0xc00)
#define LIST (FAKE_BASE + 0xe00)
#define CORO 0xc0f0
#define NAME 0x4a3e

static struct ls_pytasks tasks;
static struct ls_pyoffsets py;

static void setup(void)
{
	fake_reset();
	py = (struct ls_pyoffsets){ .ob_head = 16,
				    .ob_type = 8,
				    .tp_basicsize = 32,
				    .tp_flags = 168,
				    .tp_dictoffset = 288,
				    .dict_keys = 32,
				    .dict_values = 40,
				    .keys_kind = LS_PY_NONE,
				    .keys_indices = 40,
				    .minor = 10 };
	tasks = (struct ls_pytasks){ .type = TYPE,
				     .step = 0x57e9,
				     .wakeup = 0x3a4e,
				     .coro = 2,
				     .name = 3,
				     .by_index = 1,
				     .task_local = 80 };
	fake_put(TASK + 8, TYPE);
}

static void put_values(uint64_t at)
{
	fake_put(at + 16, CORO);
	fake_put(at + 24, NAME);
}

static void check_both(const char *version)
{
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.coro), CORO, "%s", version);
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.name), NAME, "%s", version);
}

Test(pytasks, attributes_up_to_3_10, .init = setup)
{
	fake_put(TYPE + 288, 16);
	fake_put(TASK + 16, DICT);
	fake_put(DICT + 40, VALUES);
	put_values(VALUES);
	check_both("3.10");
	/* A dict with keys of its own: entries of three words behind 16 indices. */
	fake_put(DICT + 40, 0);
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.coro), 0, "no keys");
	fake_put(DICT + 32, KEYS);
	fake_put(KEYS + 8, 16);
	fake_put(KEYS + 40 + 16 + 2 * 24 + 16, CORO);
	fake_put(KEYS + 40 + 16 + 3 * 24 + 16, NAME);
	check_both("3.10 with keys of its own");
	fake_put(KEYS + 8, 1 << 20);
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.coro), 0,
		     "no instance has that many");
	py.keys_kind = 10;
	fake_put(KEYS + 8, 16);
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.coro), 0,
		     "other entries since 3.11");
}

Test(pytasks, attributes_in_3_11, .init = setup)
{
	py.minor = 11;
	py.managed_dict = -24;
	py.managed_values = -32;
	fake_put(TASK - 32, VALUES);
	put_values(VALUES);
	check_both("3.11");
	/* Given up for a dict, which may share its keys still. */
	fake_put(TASK - 32, 0);
	fake_put(TASK - 24, DICT);
	fake_put(DICT + 40, VALUES);
	check_both("3.11 with a dict");
}

Test(pytasks, attributes_in_3_12, .init = setup)
{
	py.minor = 12;
	py.managed_dict = -24;
	fake_put(TASK - 24, VALUES - 1);
	put_values(VALUES);
	check_both("3.12");
}

Test(pytasks, attributes_from_3_13_on, .init = setup)
{
	uint8_t is_valid = 1;

	py.minor = 13;
	py.managed_dict = -24;
	py.dictvalues_data = 8;
	fake_put(TYPE + 32, 40);
	fake_put(TYPE + 168, TP_FLAG_INLINE_VALUES);
	put_values(TASK + 40 + 8);
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.coro), 0, "not valid");
	fake_put_bytes(TASK + 40 + VALUES_VALID, &is_valid, 1);
	check_both("3.13");
	fake_put(TYPE + 168, 0);
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.coro), 0, "no such values");
	fake_put(TASK - 24, DICT);
	fake_put(DICT + 40, VALUES - 8);
	put_values(VALUES);
	check_both("3.13 with a dict");
}

Test(pytasks, attributes_in_slots, .init = setup)
{
	tasks.by_index = 0;
	tasks.coro = 24;
	fake_put(TASK + 24, CORO);
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.coro), CORO);
	fake_put(TASK + 8, OTHER_TYPE);
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.coro), 0, "another class");
	fake_put(TASK + 8, 0);
	tasks.type = 0;
	cr_assert_eq(pytask_attribute(&py, &tasks, TASK, tasks.coro), 0, "no class is known");
	cr_assert_eq(pytask_attribute(&py, &tasks, 0, tasks.coro), 0);
	cr_assert_eq(pytask_attribute(&py, &tasks, 0xdead0000, tasks.coro), 0);
}

Test(pytasks, who_is_resumed, .init = setup)
{
	tasks.by_index = 0;
	tasks.coro = 24;
	fake_put(TASK + 24, CORO);
	fake_put(FRAME + 80, TASK);
	cr_assert_eq(pytask_resumed(&py, &tasks, FRAME, CORO), TASK);
	fake_put(FRAME + 80, TASK | 1);
	cr_assert_eq(pytask_resumed(&py, &tasks, FRAME, CORO), 0);
	py.tag_mask = 3;
	cr_assert_eq(pytask_resumed(&py, &tasks, FRAME, CORO), TASK,
		     "a tagged pointer, as from 3.14 on");
	cr_assert_eq(pytask_resumed(&py, &tasks, FRAME, CORO + 8), 0, "another one's coroutine");
	cr_assert_eq(pytask_resumed(&py, &tasks, 0, CORO), 0);
	fake_put(TASK + 24, 0);
	cr_assert_eq(pytask_resumed(&py, &tasks, FRAME, 0), 0, "nothing is resumed");
	tasks.task_local = 0;
	cr_assert_eq(pytask_resumed(&py, &tasks, FRAME, CORO), 0);
}

Test(pytasks, whose_turn_a_method_is, .init = setup)
{
	const uint64_t method = LIST;

	fake_put(method + 16, tasks.step);
	fake_put(method + 24, TASK);
	cr_assert_eq(method_task(&py, &tasks, method), TASK);
	fake_put(method + 16, tasks.wakeup);
	cr_assert_eq(method_task(&py, &tasks, method), TASK);
	fake_put(method + 16, 0x1234);
	cr_assert_eq(method_task(&py, &tasks, method), 0);
	fake_put(method + 16, 0);
	tasks.step = tasks.wakeup = 0;
	cr_assert_eq(method_task(&py, &tasks, method), 0, "nothing is known");
	cr_assert_eq(method_task(&py, &tasks, 0), 0);
}

Test(pytasks, list_of_those_that_wait, .init = setup)
{
	static struct thread_state ts;

	py.tag_mask = 3;
	ts.proc.py.at = py;
	ts.cur.frame = FRAME;
	ts.scheduler = 0xc0de0;
	tasks.batch_local = 88;
	fake_put(FRAME, ts.scheduler | 1);
	fake_put(FRAME + 88, LIST | 1);
	fake_put(LIST + 8, TYPE);
	fake_put(TYPE + 168, TP_FLAG_LIST);
	cr_assert_eq(pytask_batch(&ts, &tasks), LIST);
	fake_put(TYPE + 168, 0);
	cr_assert_eq(pytask_batch(&ts, &tasks), 0, "no list");
	fake_put(TYPE + 168, TP_FLAG_LIST);
	fake_put(FRAME, 0xbad0);
	cr_assert_eq(pytask_batch(&ts, &tasks), 0, "the frame is another one's by now");
	fake_put(FRAME, ts.scheduler);
	fake_put(FRAME + 88, 0);
	cr_assert_eq(pytask_batch(&ts, &tasks), 0, "nothing is assigned yet");
	tasks.batch_local = 0;
	cr_assert_eq(pytask_batch(&ts, &tasks), 0);
}
