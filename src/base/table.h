/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only include of uthash: a failed allocation is reported instead of ending the program, and
 * the hash function is compiled once in each file, not at each use.
 */
#ifndef LOOPSTALL_BASE_TABLE_H
#define LOOPSTALL_BASE_TABLE_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, bytes, hash) ((hash) = table_hash(key, bytes))
#include <uthash.h>

/* uthash's own function, whose switch falls through without a mark that clang knows. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
static inline unsigned int table_hash(const void *key, size_t bytes)
{
	unsigned int hash;

	HASH_JEN(key, bytes, hash);
	return hash;
}
#pragma GCC diagnostic pop

/* Adds `item` under its field `key`. 0 or -ENOMEM; the item then still belongs to the caller. */
#define table__add(head, item)                                                                     \
	({                                                                                         \
		HASH_ADD(hh, head, key, sizeof((item)->key), item);                                \
		(item)->hh.tbl ? 0 : -ENOMEM;                                                      \
	})
/* The same for a `key` that points to so many bytes. */
#define table__add_bytes(head, item, bytes)                                                        \
	({                                                                                         \
		HASH_ADD_KEYPTR(hh, head, (item)->key, bytes, item);                               \
		(item)->hh.tbl ? 0 : -ENOMEM;                                                      \
	})
/* Frees all items: each by a call of `free_item`. */
#define table__free(head, free_item)                                                               \
	do {                                                                                       \
		__typeof__(head) table_item, table_next;                                           \
                                                                                                   \
		HASH_ITER (hh, head, table_item, table_next) {                                     \
			HASH_DEL(head, table_item);                                                \
			free_item(table_item);                                                     \
		}                                                                                  \
	} while (0)
/* The same for items with a `key` of their own. */
#define table__free_keyed(item)                                                                    \
	do {                                                                                       \
		free((item)->key);                                                                 \
		free(item);                                                                        \
	} while (0)
/* The item whose field `key` has the same bytes as `*k`, or NULL. */
#define table__find(head, k, ret_item) HASH_FIND(hh, head, k, sizeof(*(k)), ret_item)

#endif
