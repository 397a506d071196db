/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a player, shared by its parts: player.c (the way through the file), player_inputs.c
 * (from bytes to calls on the model), player_tasks.c (lists of tasks), player_answers.c (the
 * resolver).
 */
#ifndef LOOPSTALL_RECORD_PLAYER_IMPL_H
#define LOOPSTALL_RECORD_PLAYER_IMPL_H

#include "base/strings.h"
#include "record/answers.h"
#include "record/chunk_reader.h"
#include "record/fields.h"
#include "record/format.h"
#include "record/player.h"
#include "record/ring.h"
#include "record/tasks.h"

/* The values read so far, which differences are added to. */
struct told {
	struct ls_rec_thread event_thread;
	struct ls_rec_stack event_stack;
	struct ls_rec_native event_native;
	uint64_t native_ip;
	struct ls_rec_victim event_victim;
	struct ls_rec_turn event_turn;
	struct ls_rec_stall event_stall;
	struct ls_rec_life event_life;
	struct answer answer;
	/* By the numbers that the writer gave out. */
	struct ring names; /* const char * of the pool */
	struct ring frames; /* struct ls_frame */
	struct ring coroutines, threads, loops; /* struct ..._input */
	struct ring lives; /* struct model_live, in their order */
	struct ls_frame frame; /* the newest */
	struct task_list tasks, next_tasks; /* handed over last; being made */
	size_t next_task; /* row of `tasks` that may be taken next */
	size_t n_live;
};

struct player {
	struct chunk_reader file;
	struct shape shape;
	struct meta head_meta, meta;
	struct strings *pool; /* of all strings that a model may point to */
	struct answers *answers;
	struct told *told;
	size_t next_chunk;
	struct cursor cursor;
	size_t n_rows; /* of tasks handed over in this chunk */
	bool has_input; /* `kind` and `at_ns` are read, the rest is not */
	bool has_begun; /* there were inputs */
	/* the inputs that follow only fill the tables: the model has had them */
	bool is_known;
	enum format_kind kind;
	uint64_t at_ns; /* 0 at the beginning of a chunk */
	int error; /* -ENOMEM met in the middle of a record */
	/* the largest thing by number: written to where there is none */
	struct coroutine_input spare;
	bool is_over; /* nothing follows, or nothing that makes sense */
	char damage[256];
};

/* Whether the input that was decoded goes to the model. */
static inline bool player__is_for_model(const struct player *p)
{
	return !p->cursor.is_bad && !p->is_known;
}

/* A string that comes again. NULL is possible. Damage is in the cursor. */
const char *player__name(struct player *p);
/* Their number, at most LS_MAX_FRAMES. */
size_t player__frames(struct player *p, struct ls_frame frames[LS_MAX_FRAMES]);

/*
 * Records. Each reads its own part and does what it says. 0 or -errno; damage is in the cursor, and
 * then nothing was done.
 */
int player__input(struct player *p, struct model *model);
int player__answer(struct player *p);
int player__task_row(struct player *p);
int player__tasks(struct player *p, struct model *model);

#endif
