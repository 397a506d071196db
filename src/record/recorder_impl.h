/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a recorder, shared by its parts: recorder.c (inputs), recorder_tasks.c (lists of tasks),
 * recorder_answers.c (the resolver in the middle), recorder_file.c (files and their succession).
 */
#ifndef LOOPSTALL_RECORD_RECORDER_IMPL_H
#define LOOPSTALL_RECORD_RECORDER_IMPL_H

#include "base/strings.h"
#include "record/answers.h"
#include "record/chunk_writer.h"
#include "record/fields.h"
#include "record/format.h"
#include "record/recorder.h"
#include "record/ring.h"
#include "record/slots.h"
#include "record/tasks.h"

struct kept_live {
	struct model_live live; /* its `frames` are these, wherever it points */
	struct ls_frame frames[LS_MAX_FRAMES];
};

/* What the reader of the current file knows by now: differences are told against it. */
struct known {
	struct ls_rec_thread event_thread;
	struct ls_rec_stack event_stack;
	struct ls_rec_victim event_victim;
	struct ls_rec_stall event_stall;
	struct ls_rec_life event_life;
	struct answer answer;
	struct slots *names; /* by address in the recorder's pool */
	struct slots *frames;
	struct ls_frame frame; /* the newest */
	struct slots *coroutine_slots, *thread_slots, *loop_slots;
	struct ring coroutines, threads, loops; /* struct ..._input, by slot; texts are of the pool */
	size_t n_losses;
	struct loss losses[FORMAT_MAX_LOSSES]; /* texts of the pool */
	struct task_list tasks;
	struct slots *task_index; /* position in `tasks` by address and pid */
	uint64_t tasks_ns, tasks_alive; /* of the last look; 0: there was none */
	size_t n_live, max_live;
	struct kept_live *live;
};

struct recorder {
	struct recorder_opts opts;
	char *path;
	struct meta meta;
	struct resolver inner;
	struct strings *pool;
	struct answers *answers;
	bool is_asked; /* the model has asked something since the last input: that one counts, changed or not */
	uint64_t question; /* number of the input that asks: within one, an answer does not change */
	struct known *known;
	struct chunk_writer out;
	int fd; /* of a file whose head is not written yet; else -1 */
	size_t soft_bytes; /* a chunk is closed behind it */
	uint64_t last_at_ns; /* of the newest input */
	uint64_t chunk_ns; /* of the first input in the chunk */
	size_t n_rows; /* of tasks in the chunk */
	/*
	 * Grows when the model forgets something by itself: at the end of a thread or process, at a reset. Readings told
	 * before are told again then, changed or not.
	 */
	uint32_t epoch;
	bool is_in_span; /* stacks were told, and their stall was not yet */
	uint64_t span_ns; /* when the newest of them was told */
	bool is_beginning; /* a file begins: not the time to begin another */
	size_t n_ended, ended_size;
	struct ended_thread {
		uint32_t pid, tid;
		bool is_final; /* its last readings have been told */
	} *ended; /* threads, since this file began */
	unsigned int files;
	uint64_t head_bytes; /* of the current file, before its own inputs began */
	uint64_t closed_bytes; /* of the files before */
	int error; /* final */
};

void known__free(struct known *k);
int known__new(struct known **ret_known);

/* Begin and end of a record that is an input. The end closes chunk or file if that is due; 0 or -errno. */
void recorder__begin_input(struct recorder *rec, enum format_kind kind, uint64_t at_ns);
int recorder__end_input(struct recorder *rec);
/* Closes the chunk if it is large enough, between two records that are no inputs. 0 or -errno. */
int recorder__breathe(struct recorder *rec);

/* A string that comes again: by number if the reader has it. NULL is possible. */
void recorder__put_name(struct recorder *rec, const char *name);
void recorder__put_frames(struct recorder *rec, const struct ls_frame *frames, size_t n);

/* Tells all answers that are known. */
int recorder__retell_answers(struct recorder *rec);

/*
 * Who ended while a file was written, if another may follow (recorder_ended.c). The last readings of a thread come before the next
 * tick, at which its end is final.
 */
void recorder__thread_begins(struct recorder *rec, uint32_t pid, uint32_t tid);
void recorder__thread_ends(struct recorder *rec, uint32_t pid, uint32_t tid);
void recorder__end_final(struct recorder *rec);
bool recorder__has_ended(const struct recorder *rec, uint32_t pid, uint32_t tid);
/* Before a file begins, the answers about processes that are gone; when it has begun, the final ends. 0 or -errno. */
int recorder__forget_answers(struct recorder *rec);
void recorder__forget_ends(struct recorder *rec);

/* The next file, without its head. 0 or -errno. */
int recorder__create(struct recorder *rec);
/* Writes the head, with all that was noted until now, if that was not done. 0 or -errno. */
int recorder__write_head(struct recorder *rec);
/* After a chunk was written: begins the next file if this one is full. 0 or -errno. */
int recorder__rotate_if_full(struct recorder *rec);

#endif
