/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a recording: the inputs of a model, each with the time it was made, and before each the
 * answers of the resolver it needed. Whoever makes the same calls on a new model gets the same
 * snapshot.
 *
 * For each call on the model, make the call of the same name here, with the same arguments, right
 * *behind* it: what the model asked meanwhile is then on file before its input. struct feed
 * (feed.h) does that. Readings that did not change are left out; the model does not notice.
 */
#ifndef LOOPSTALL_RECORD_RECORDER_H
#define LOOPSTALL_RECORD_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/model.h"
#include "record/meta.h"

struct recorder_opts {
	const char *path;
	bool may_replace; /* overwrite an existing file; else it is an error */
	/*
	 * Of one file, about; 0: no limit, else at least RECORDER_MIN_BYTES. When it is reached,
	 * PATH becomes PATH.1, PATH.1 becomes PATH.2 and so on, `keep` of them stay, and PATH
	 * begins anew. With `keep` 0 the recording ends there instead.
	 */
	uint64_t max_bytes;
	unsigned int keep;
	/*
	 * 0, or how much time is kept in memory instead of a file (ring_copy.h writes it to one);
	 * `path` is NULL then, and `max_bytes` limits the memory: at least RECORDER_MIN_RING_BYTES.
	 */
	uint64_t ring_ns;
};

#define RECORDER_MIN_BYTES (64U << 10)
#define RECORDER_MIN_RING_BYTES (1U << 20)

struct recorder;

/*
 * Creates the file; its head is written with the first chunk, and holds what is noted until then.
 * `meta` is copied into the head of each. Answers come from `inner`, which must outlive the
 * recorder. 0, or -errno with err filled: -EEXIST, -EINVAL for a limit that is too low, what open()
 * or write() say.
 */
int recorder__new(struct recorder **ret_recorder, const struct recorder_opts *opts,
		  const struct meta *meta, const struct resolver *inner, struct err *err);
/* Without recorder__close(), complete chunks are written, but no end mark. */
void recorder__free(struct recorder *rec);
static inline void recorder__freep(struct recorder **rec)
{
	recorder__free(*rec);
}

/* The resolver for the model: it forwards to the inner one and records the answers. */
struct resolver recorder__resolver(struct recorder *rec);

/*
 * As in model.h. 0 or -errno: -ENOMEM, what write() says (-ENOSPC, ...), -EFBIG when the file is
 * full and no other may follow. A failure is final: the same is returned ever after; what was
 * written before stays good.
 */
int recorder__event(struct recorder *rec, uint64_t at_ns, const struct event *event);
int recorder__coroutine(struct recorder *rec, uint64_t at_ns, const struct ls_coro_key *key,
			const struct ls_coro_stats *stats);
int recorder__thread(struct recorder *rec, uint64_t at_ns, uint32_t pid, uint32_t tid,
		     const struct ls_thread_stats *stats);
int recorder__loss(struct recorder *rec, uint64_t at_ns, const char *name, const char *sentence,
		   uint64_t count);
int recorder__loop(struct recorder *rec, uint64_t at_ns, uint32_t pid, uint32_t tid,
		   const struct model_loop_info *info);
int recorder__tasks(struct recorder *rec, uint64_t now_ns, const struct model_task *tasks, size_t n,
		    uint64_t alive);
int recorder__log(struct recorder *rec, uint64_t now_ns, enum log_grade grade, uint32_t pid,
		  const char *text);
int recorder__tick(struct recorder *rec, uint64_t now_ns);
/* Looks that find no pool are left out until one found some. */
int recorder__pools(struct recorder *rec, uint64_t now_ns, uint32_t pid, const struct pool *list,
		    size_t n);
/* Of more than FORMAT_MAX_LIVES the first ones. */
int recorder__lives(struct recorder *rec, uint64_t now_ns, uint32_t pid,
		    const struct life_group *list, size_t n);
int recorder__live(struct recorder *rec, uint64_t at_ns, const struct model_live *live, size_t n);
int recorder__reset(struct recorder *rec, uint64_t at_ns);

/* Adds metadata that was not known at the start. Keys as in `meta`. 0 or -errno. */
int recorder__note(struct recorder *rec, const char *key, const char *value);

/* Removes what was noted under keys that begin with `prefix`. With a ring only. */
void recorder__forget_notes(struct recorder *rec, const char *prefix);

/* Writes what is left and the end mark. 0 or -errno. */
int recorder__close(struct recorder *rec);

/* Removes the file if nothing was written to it. Only recorder__free() may follow. */
void recorder__discard(struct recorder *rec);

/* The final failure, else 0. */
int recorder__error(const struct recorder *rec);

/* Bytes written so far to all files, including those that were removed by rotation. */
uint64_t recorder__bytes(const struct recorder *rec);
/* Number of files, or of segments of the ring, started so far. */
unsigned int recorder__files(const struct recorder *rec);
/* Of the ring. */
uint64_t recorder__ring_bytes(const struct recorder *rec);

struct ring_copy;

/*
 * Copies what the ring holds, from the segment on in which `since_ns` lies; 0: all of it. `last` is
 * called for inputs that only the copy gets: what is open now ends with it, but not in the ring.
 * Later inputs do not change the copy. 0 or -errno; a failure is not final.
 */
int recorder__copy(struct recorder *rec, uint64_t since_ns, int (*last)(void *ctx), void *ctx,
		   struct ring_copy **ret_copy);

#endif
