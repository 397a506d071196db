// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See looks.h: the entries of a dict. With LOOPSTALL_HOSTED this file is ordinary C, which the unit
 * tests include.
 */
#include "light/looks.h"

LS_SUBPROG __u32 entry_find(const struct thread_state *ts, __u64 n, __u64 key)
{
	__u32 i;

	if (!ts)
		return ENTRIES_AT_ONCE;
	for (i = 0; i < ENTRIES_AT_ONCE && i < n; i++)
		if (((const __u64 *)ts->object)[i * ENTRY_WORDS + 1] == key)
			return i;
	return ENTRIES_AT_ONCE;
}
