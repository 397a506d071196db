// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See running_test.h. With LOOPSTALL_HOSTED this file is ordinary C, which the unit tests include.
 */
#include "python/running_test.h"

#include "python/dicts.h"
#include "python/request.h"

#define test_variable "PYTEST_CURRENT_TEST" /* pytest: src/_pytest/runner.py */

struct variable_walk {
	struct thread_state *ts;
	struct request_look *look;
};

/* Is the bytes object at `key` the variable that pytest sets? */
static __always_inline int is_test_variable(struct thread_state *ts, __u64 key)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 words[3] = {}, wanted[3] = {};
	__u64 length = 0;

	if (read_user(&length, sizeof(length), key + py->ob_size) ||
	    length != sizeof(test_variable) - 1)
		return 0;
	if (read_user(words, sizeof(test_variable) - 1, key + py->bytes_data))
		return 0;
	__builtin_memcpy(wanted, test_variable, sizeof(test_variable) - 1);
	return words[0] == wanted[0] && words[1] == wanted[1] && words[2] == wanted[2];
}

static __always_inline void test_copy(struct thread_state *ts, struct request_look *look,
				      __u64 bytes)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 length = 0;
	__u32 n;

	if (!bytes || read_user(&length, sizeof(length), bytes + py->ob_size))
		return;
	n = length < sizeof(look->test) - 1 ? length : sizeof(look->test) - 1;
	barrier_var(n);
	if (n > sizeof(look->test) - 1 || read_user(look->test, n, bytes + py->bytes_data))
		n = 0;
	if (n < sizeof(look->test))
		look->test[n] = 0;
}

/* bpf_loop() callback: the i-th entry from the end, where the variable was set last. */
static long variable_match(__u32 i, struct variable_walk *walk)
{
	struct thread_state *ts = walk->ts;
	struct request_look *look = walk->look;
	struct dict_entry entry;

	if (!ts || !look || i >= look->keys.n)
		return 1;
	if (dict_entry_read(&look->keys, look->keys.n - 1 - i, &entry))
		return 1;
	if (!entry.key || !is_test_variable(ts, entry.key))
		return 0;
	test_copy(ts, look, entry.value);
	return 1;
}

/* The environment of Python is a dict of bytes; a variable that is set anew is its last entry. */
LS_SUBPROG int test_read(struct thread_state *ts, struct thread_stacks *stacks)
{
	struct variable_walk walk = { .ts = ts };
	const struct ls_requests *requests;

	if (!ts || !stacks)
		return 0;
	walk.look = &stacks->request;
	walk.look->test[0] = 0;
	requests = requests_of(ts);
	if (!requests || !requests->environ_data ||
	    dict_open(ts, walk.look, requests->environ_data))
		return 0;
	bpf_loop(MOST_ENTRIES, variable_match, &walk, 0);
	return 0;
}
