/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a recorder, shared by its parts: recorder.c (inputs), recorder_tasks.c (lists of
 * tasks), recorder_answers.c (the resolver in the middle), recorder_file.c (files and their
 * succession), recorder_ring.c (the last minutes in memory).
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
	struct model_live live; /* its pointers to frames are not used, but these: */
	struct ls_frame frames[LS_MAX_FRAMES], holder_frames[LS_MAX_FRAMES];
};

/* The state that a reader of the current file has by now: differences are encoded against it. */
struct known {
	struct ls_rec_thread event_thread;
	struct ls_rec_stack event_stack;
	struct ls_rec_native event_native; /* without its addresses */
	uint64_t native_ip;
	struct ls_rec_victim event_victim;
	struct ls_rec_turn event_turn;
	struct ls_rec_stall event_stall;
	struct ls_rec_life event_life;
	struct answer answer;
	struct slots *names; /* by address in the recorder's pool */
	struct slots *frames;
	struct ls_frame frame; /* the newest */
	struct slots *coroutine_slots, *thread_slots, *loop_slots;
	/* struct ..._input, by slot; texts are of the pool */
	struct ring coroutines, threads, loops;
	size_t n_losses;
	struct loss losses[FORMAT_MAX_LOSSES]; /* texts of the pool */
	struct task_list tasks;
	struct slots *task_index; /* position in `tasks` by address and pid */
	uint64_t tasks_ns, tasks_alive; /* of the last look; 0: there was none */
	size_t n_live, max_live;
	struct kept_live *live;
};

#define RING_PARTS 8 /* segments that a full ring has, about */
#define RING_MAX_SEGMENTS 64

/* A part of the ring: chunks that a reader can begin with. */
struct ring_segment {
	int fd; /* memory; -1: the segment is the current one, which the chunk writer has */
	uint64_t bytes;
	uint64_t begin_ns; /* of its own inputs */
};

struct ring_segments {
	size_t n; /* the last one is the current one */
	struct ring_segment list[RING_MAX_SEGMENTS];
	uint64_t bytes; /* of all but the current one */
};

struct recorder {
	struct recorder_opts opts;
	struct ring_segments ring;
	char *path;
	struct meta meta;
	struct resolver inner;
	struct strings *pool;
	struct answers *answers;
	/*
	 * the model has asked something since the last input, so the next input is written even if
	 * unchanged
	 */
	bool is_asked;
	/* number of the current input: within one, an answer does not change */
	uint64_t question;
	struct known *known;
	struct chunk_writer out;
	int fd; /* of a file whose head is not written yet; else -1 */
	size_t soft_bytes; /* a chunk that exceeds it is closed */
	uint64_t last_at_ns; /* of the newest input */
	uint64_t chunk_ns; /* of the first input in the chunk */
	size_t n_rows; /* of tasks in the chunk */
	/*
	 * Incremented when the model drops state by itself: at the end of a thread or process, at a
	 * reset. Readings of an older epoch are written again even if unchanged.
	 */
	uint32_t epoch;
	bool is_in_span; /* stacks were written, their stall was not yet */
	uint64_t span_ns; /* time of the newest of them */
	bool is_beginning; /* a file is being started: do not start another */
	bool has_pools, has_lives; /* there was one: from then on that there are none counts */
	size_t n_ended, ended_size;
	struct ended_thread {
		uint32_t pid, tid;
		bool is_final; /* its last readings were written */
	} * ended; /* threads, since this file began */
	unsigned int files;
	uint64_t head_bytes; /* of the current file, before its own inputs began */
	uint64_t closed_bytes; /* of the files before */
	int error; /* final */
};

void known__free(struct known *k);
int known__new(struct known **ret_known);

/*
 * Begin and end of a record that is an input. The end closes chunk or file if that is due; 0 or
 * -errno.
 */
void recorder__begin_input(struct recorder *rec, enum format_kind kind, uint64_t at_ns);
int recorder__end_input(struct recorder *rec);
/*
 * Closes the chunk if it is large enough; called between records that are not inputs. 0 or -errno.
 */
int recorder__breathe(struct recorder *rec);

/* Writes a string that may repeat: its number if the reader has it. NULL is allowed. */
void recorder__put_name(struct recorder *rec, const char *name);
void recorder__put_frames(struct recorder *rec, const struct ls_frame *frames, size_t n);

/* Writes all known answers. */
int recorder__retell_answers(struct recorder *rec);

/*
 * Who ended while a file was written, if another may follow (recorder_ended.c). The last readings
 * of a thread come before the next tick, at which its end is final.
 */
void recorder__thread_begins(struct recorder *rec, uint32_t pid, uint32_t tid);
void recorder__thread_ends(struct recorder *rec, uint32_t pid, uint32_t tid);
void recorder__end_final(struct recorder *rec);
bool recorder__has_ended(const struct recorder *rec, uint32_t pid, uint32_t tid);
/*
 * Before a file begins, the answers about processes that are gone; when it has begun, the final
 * ends. 0 or -errno.
 */
int recorder__forget_answers(struct recorder *rec);
void recorder__forget_ends(struct recorder *rec);

/* The next file, without its head. 0 or -errno. */
int recorder__create(struct recorder *rec);
/* Writes the head with all notes so far, unless it is written. 0 or -errno. */
int recorder__write_head(struct recorder *rec);
/* Called after each chunk: starts the next file if this one is full. 0 or -errno. */
int recorder__rotate_if_full(struct recorder *rec);

/*
 * The ring, which has segments in place of files: begins one; keeps the current one when another
 * follows, and drops what is too old or too much.
 */
int recorder__create_segment(struct recorder *rec);
int recorder__end_segment(struct recorder *rec);
bool recorder__is_segment_full(const struct recorder *rec);
void recorder__trim_ring(struct recorder *rec);
void ring_segments__done(struct ring_segments *ring);
/* Shape and meta of a file's head. */
void recorder__put_body(const struct meta *meta, struct buffer *b);
/* Writes the chunk that is being filled. 0 or -errno. */
int recorder__flush(struct recorder *rec);

#endif
