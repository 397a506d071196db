/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What Python objects hold under a name: attributes of instances and keys of dicts, as each version
 * of CPython keeps them.
 */
#ifndef LOOPSTALL_BPF_ITEMS_H
#define LOOPSTALL_BPF_ITEMS_H

#include "core/port.h"
#include "core/state.h"

/* Value of an attribute of an object, or with `is_dict` of a key of it; 0: it has none. */
LS_SUBPROG __u64 item_read(struct thread_state *ts, struct request_look *look, __u64 object,
			   struct ls_request_name *name, __u32 is_dict);

#endif
