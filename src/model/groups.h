/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stalls cost by coroutine, entry, route, file, task, test and process: one table, with a row
 * for each key and name. Coroutines come with what the kernel counts of all their steps; of
 * everything else only stalls are known.
 *
 * On a server all stalls are of one coroutine, which is the library's. The key "auto" has the
 * user's outermost function in its place: that is the endpoint. What the coroutine's row shows of
 * stalls is then the rest, so that the rows still add up. If nearly all of them came through one
 * function that only calls others, an application that dispatches by itself or a middleware, those
 * have the rows: the next function of the user's tells the endpoints apart.
 *
 * Bounded; stalls without room are counted as a loss. Processes that have ended become one row with
 * the oldest rows of their loops. Of names that a program may make up for each task or request,
 * only so many have rows that there is room for everything else.
 */
#ifndef LOOPSTALL_MODEL_GROUPS_H
#define LOOPSTALL_MODEL_GROUPS_H

#include <stdbool.h>

#include "model/model.h"

#define GROUPS_MAX 4096 /* of all keys */
#define GROUPS_MAX_NAMES 1024 /* of tasks, of routes and of tests, each */

struct group;
struct place;

struct groups {
	struct group *table;
	size_t n_of[GROUP_MAX + 1]; /* of each key, and of functions that entries call */
	uint64_t refused;
	uint64_t entered; /* stalls that have an entry */
	uint32_t n_entries; /* rows of entries */
	bool is_changed;
	size_t n_open; /* marked in the rows that were made last */
	struct group_list lists[GROUP_MAX]; /* what the snapshot points to */
};

/* Adds a stall. `place` is that of its coroutine, NULL if there is none. 0 or -ENOMEM. */
int groups__stall(struct groups *g, const struct stall *stall, struct place *place);
/*
 * Adds up the rows of processes that have ended: of those that are not in the list, which is sorted
 * here, any more. 0 or -ENOMEM.
 */
int groups__end_processes(struct groups *g, uint32_t *pids, size_t n);
/* Does this entry only pass calls on, so that the functions behind it have the rows? */
bool groups__is_dispatcher(const struct groups *g, const struct code_info *entry);
/* Adds the lists to a snapshot that has all other rows. 0 or -ENOMEM. */
int groups__rows(struct groups *g, struct snapshot *ret_snapshot);
/* Frees the contents; the groups stay usable. */
void groups__done(struct groups *g);

/* Whether the row, of that key, counts such a stall. */
bool group__has(enum group_key of, const struct group_row *row, const struct stall *stall);

const char *group_key_word(enum group_key key);
const char *group_key_title(enum group_key key); /* "ENTRY" */
/* The noun for one row, such as "entry"; for the key "auto" it is "coroutine". */
const char *group_key_noun(enum group_key key);
/* GROUP_MAX if there is none of that name. */
enum group_key group_key__by_word(const char *word);

#endif
