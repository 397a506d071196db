/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of one service by something that the program names: coroutines, entries, sites. A row
 * gets a series of its own once it matters, and keeps it, because a list that changes breaks
 * rate(). What was counted before, and all other rows, is in the sum "other".
 */
#ifndef LOOPSTALL_SERVE_TOP_LIST_H
#define LOOPSTALL_SERVE_TOP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"

#define TOP_MOST 50 /* rows with series of their own */
#define TOP_CANDIDATES 256 /* rows known in all */
#define TOP_LABELS 3
#define TOP_VALUES 3
#define TOP_LABEL_BYTES 121

struct top_row {
	char *key; /* the labels' values, each with its NUL */
	size_t key_bytes;
	bool is_admitted;
	uint64_t pass[TOP_VALUES]; /* of readings that still change, in the current pass */
	uint64_t ended[TOP_VALUES]; /* of readings that do not */
	uint64_t seen[TOP_VALUES]; /* the sum since the start */
	uint64_t shown[TOP_VALUES]; /* the part of it since the row was admitted */
	UT_hash_handle hh;
};

struct top_list {
	struct top_row *rows; /* table, in the order of arrival */
	size_t n_admitted;
	uint64_t other[TOP_VALUES];
};

/* The labels of a row, in the order of their names. */
struct top_key {
	const char *labels[TOP_LABELS]; /* NULL behind the last */
};

/* *ret_row is NULL if there is no room: then add to the others. 0 or -ENOMEM. */
int top_list__get(struct top_list *l, const struct top_key *key, struct top_row **ret_row);
/* Adds to the row, or to the others if `row` is NULL. */
void top_list__add(struct top_list *l, struct top_row *row, const uint64_t values[TOP_VALUES]);
/* Gives the row series of its own. The caller has checked that there is room for them. */
void top_list__admit(struct top_list *l, struct top_row *row);
/* Whether one more row could be admitted. */
bool top_list__has_room(const struct top_list *l);
/* The label number i of a row; "" behind the last. */
const char *top_row__label(const struct top_row *row, size_t i);

/* Readings: begin, add them in any order, end. */
void top_list__begin_pass(struct top_list *l);
/* `is_last`: the reading does not come again. */
void top_row__pass(struct top_row *row, const uint64_t values[TOP_VALUES], bool is_last);
/* Also forgets rows without a series of which nothing is read any more, when many are known. */
void top_list__end_pass(struct top_list *l);

void top_list__done(struct top_list *l);

#endif
