/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one way uthash gets into this module: out of memory is an error to report, not a reason to
 * exit. Never included by a header that other modules see.
 */
#ifndef LOOPSTALL_MODEL_TABLE_H
#define LOOPSTALL_MODEL_TABLE_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Adds `item` under its field `key`. 0 or -ENOMEM; the item then still belongs to the caller. */
#define table__add(head, item)                                                                     \
	({                                                                                         \
		HASH_ADD(hh, head, key, sizeof((item)->key), item);                                \
		(item)->hh.tbl ? 0 : -ENOMEM;                                                      \
	})
/* The item whose field `key` has the same bytes as `*k`, or NULL. */
#define table__find(head, k, ret_item) HASH_FIND(hh, head, k, sizeof(*(k)), ret_item)

#endif
