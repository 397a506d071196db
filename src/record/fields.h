/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structures of numbers, encoded as differences. Each kind has a table of its fields; a value is
 * written as its changes against another value that the reader has as well: pairs of (number of
 * unchanged fields, signed difference of the next field) until all fields are covered. Decoding
 * gives the same structure, padding aside. The tables may only grow, and only at their ends: a file
 * holds the lengths of the tables and of the arrays in them at the time it was written (struct
 * shape), and what an older file lacks is 0.
 */
#ifndef LOOPSTALL_RECORD_FIELDS_H
#define LOOPSTALL_RECORD_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "record/buffer.h"

/* Lengths of the arrays in the tables. */
enum field_count { FIELD_ONE, FIELD_CAUSES, FIELD_BUCKETS, FIELD_NAME_WORDS, FIELD_COUNT_MAX };

enum fields_kind {
	FIELDS_EVENT_THREAD, /* struct ls_rec_thread */
	FIELDS_EVENT_STACK, /* struct ls_rec_stack, without its frames */
	FIELDS_EVENT_VICTIM, /* struct ls_rec_victim */
	FIELDS_EVENT_STALL, /* struct ls_rec_stall */
	FIELDS_EVENT_LIFE, /* struct ls_rec_life */
	FIELDS_COROUTINE, /* struct coroutine_input */
	FIELDS_THREAD, /* struct thread_input */
	FIELDS_LOOP, /* struct loop_input, without its text */
	FIELDS_TASK, /* struct model_task, without its texts and frames */
	FIELDS_LIVE, /* struct model_live, without its frames */
	FIELDS_ANSWER, /* struct answer, without its texts */
	FIELDS_EVENT_NATIVE, /* struct ls_rec_native, without its addresses */
	FIELDS_EVENT_TURN, /* struct ls_rec_turn */
	FIELDS_MAX
};

/* Readings. `epoch` is the recorder's own and is not in the tables. */
struct coroutine_input {
	uint32_t epoch;
	struct ls_coro_key key;
	struct ls_coro_stats stats;
};

struct thread_input {
	uint32_t epoch;
	uint32_t pid, tid;
	struct ls_thread_stats stats;
};

struct loop_input {
	uint32_t epoch;
	uint32_t pid, tid;
	struct model_loop_info info;
};

/* How long the lists are: in a file those of the program that wrote it. */
struct shape {
	uint16_t counts[FIELD_COUNT_MAX];
	uint16_t lengths[FIELDS_MAX];
};

/* Of this program. */
struct shape shape_own(void);
void shape__put(const struct shape *s, struct buffer *b);
/* False if it is not that of this program or of an older one. */
bool shape__get(struct shape *s, struct cursor *c);

void fields__put(struct buffer *b, enum fields_kind kind, const void *value, const void *before);
/* `value` holds what the writer's `before` was, and becomes what its `value` was. */
void fields__get(struct cursor *c, const struct shape *shape, enum fields_kind kind, void *value);
bool fields__is_same(enum fields_kind kind, const void *a, const void *b);

#endif
