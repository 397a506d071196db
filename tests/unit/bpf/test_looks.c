/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which task runs, and how many handles a loop has begun, on made-up memory.
 */
#include "fake_memory.h"

#include "../../../bpf/light/looks.bpf.c"

#include <criterion/criterion.h>

#define DICT (FAKE_BASE + 0x100)
#define KEYS (FAKE_BASE + 0x200)
#define DEQUE (FAKE_BASE + 0x100)
#define TSTATE (FAKE_BASE + 0x80)
#define LOOP 0x1009
#define TASK 0x7a5c

static struct thread_state ts;

static void setup(void)
{
	fake_reset();
	memset(&ts, 0, sizeof(ts));
	ts.loop = LOOP;
	ts.tstate = TSTATE;
	ts.proc.py.current_tasks = DICT;
	ts.proc.py.at = (struct ls_pyoffsets){
		.ob_size = 16,
		.dict_keys = 32,
		.keys_nentries = 24,
		.keys_log2_index_bytes = 9,
		.keys_kind = 10,
		.keys_indices = 32,
		.tstate_running_task = LS_PY_NONE,
	};
	fake_put(DICT + 32, KEYS);
}

/* 3.11 and later: log2 of the index's bytes and the kind of the keys are bytes 9 and 10. */
static uint64_t put_keys(unsigned log2_index_bytes, unsigned kind, uint64_t n)
{
	fake_put(KEYS + 8, (uint64_t)log2_index_bytes << 8 | (uint64_t)kind << 16);
	fake_put(KEYS + 24, n);
	return KEYS + 32 + (1ULL << log2_index_bytes);
}

static void put_entry(uint64_t entries, uint64_t i, uint64_t key, uint64_t value)
{
	fake_put(entries + 24 * i + 8, key);
	fake_put(entries + 24 * i + 16, value);
}

Test(looks, a_task_runs_or_none, .init = setup)
{
	uint64_t entries = put_keys(3, 0, 1);

	put_entry(entries, 0, LOOP, TASK);
	cr_assert_eq(current_task(&ts), TASK);
	put_entry(entries, 0, 0, 0);
	cr_assert_eq(current_task(&ts), 0, "a task that left leaves an empty entry");
	put_entry(entries, 0, LOOP + 8, TASK);
	cr_assert_eq(current_task(&ts), 0, "another loop's");
}

/* What was entered last is found first, behind all that left since the table was made. */
Test(looks, entries_of_many_loops, .init = setup)
{
	for (uint64_t n = 1; n <= 40; n++) {
		uint64_t entries = put_keys(6, 0, n);

		for (uint64_t i = 0; i < n; i++)
			put_entry(entries, i, 0x5000 + i, 0x6000 + i);
		for (uint64_t i = 0; i < n; i++) {
			put_entry(entries, i, LOOP, TASK);
			cr_assert_eq(current_task(&ts), TASK, "entry %lu of %lu", i, n);
			put_entry(entries, i, 0x5000 + i, 0x6000 + i);
		}
		put_entry(entries, n, LOOP, TASK);
		cr_assert_eq(current_task(&ts), 0, "behind the last of %lu", n);
		put_entry(entries, n, 0, 0);
	}
}

Test(looks, keys_that_are_all_strings_are_not_ours, .init = setup)
{
	put_entry(put_keys(3, 1, 1), 0, LOOP, TASK);
	cr_assert_eq(current_task(&ts), 0);
}

/* Up to 3.10 the size of the table is a word, and tells how wide its index is. */
Test(looks, older_keys, .init = setup)
{
	static const struct {
		uint64_t size, index_bytes;
	} tables[] = { { 8, 8 }, { 128, 128 }, { 256, 512 } };

	ts.proc.py.at.keys_log2_index_bytes = LS_PY_NONE;
	ts.proc.py.at.keys_kind = LS_PY_NONE;
	ts.proc.py.at.keys_nentries = 32;
	ts.proc.py.at.keys_indices = 40;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		uint64_t entries = KEYS + 40 + tables[i].index_bytes;

		fake_put(KEYS + 8, tables[i].size);
		fake_put(KEYS + 32, 2);
		put_entry(entries, 0, 0x5000, 0x6000);
		put_entry(entries, 1, LOOP, TASK);
		cr_assert_eq(current_task(&ts), TASK, "a table of %lu", tables[i].size);
		put_entry(entries, 1, 0, 0);
	}
}

Test(looks, the_thread_state_says_it, .init = setup)
{
	ts.proc.py.at.tstate_running_task = 40;
	fake_put(TSTATE + 40, TASK);
	cr_assert_eq(current_task(&ts), TASK);
	ts.tstate = 0;
	cr_assert_eq(current_task(&ts), 0);
}

Test(looks, nothing_is_known_of_what_cannot_be_read, .init = setup)
{
	fake_put(DICT + 32, 0x10);
	cr_assert_eq(current_task(&ts), UNREADABLE);
	fake_put(DICT + 32, 0);
	cr_assert_eq(current_task(&ts), UNREADABLE);
	ts.proc.py.current_tasks = 0x10;
	cr_assert_eq(current_task(&ts), UNREADABLE);
	ts.proc.py.current_tasks = 0;
	cr_assert_eq(current_task(&ts), 0);
	cr_assert_eq(handles_begun(&ts, 0), 0);
	cr_assert_eq(handles_begun(&ts, 0x10), 0);
}

/* An append changes both by one, a popleft one up and one down. */
Test(looks, handles_begun, .init = setup)
{
	uint64_t state = 1000, size = 0, before;

	fake_put(DEQUE + 56, state);
	fake_put(DEQUE + 16, size);
	before = handles_begun(&ts, DEQUE);
	for (int i = 0; i < 10; i++) {
		fake_put(DEQUE + 56, ++state);
		fake_put(DEQUE + 16, ++size);
		cr_assert_eq(handles_begun(&ts, DEQUE), before, "append %d", i);
	}
	for (int i = 1; i <= 10; i++) {
		fake_put(DEQUE + 56, ++state);
		fake_put(DEQUE + 16, --size);
		cr_assert_eq(handles_begun(&ts, DEQUE), before + 2 * (uint64_t)i, "popleft %d", i);
	}
}
