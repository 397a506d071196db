/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks and victims that came before the record of their stall. Most CPU samples belong to spans
 * that never become a stall, and nothing says so: what is kept is a window over the newest spans of
 * each thread.
 *
 * A span's stacks go when its stall takes them; when PENDING_MAX_SPANS newer ones of its thread
 * have sent something; when a span more than PENDING_MAX_AGE numbers later has. Not at once when a
 * newer one ends, because spans nest: a nested step has the higher number and ends first. A number
 * that falls by more than PENDING_MAX_AGE means that the thread id was given to a new thread. None
 * of these counts as a loss; what goes because memory is bounded does.
 */
#ifndef LOOPSTALL_MODEL_PENDING_H
#define LOOPSTALL_MODEL_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

#define PENDING_MAX_SPANS 64 /* of one thread */
#define PENDING_MAX_AGE 1000
#define PENDING_MAX_STACKS 4096 /* different ones of one span */
#define PENDING_MAX_THREADS 4096
#define PENDING_MAX_BYTES (8U << 20) /* of all threads together */

/* A stack with all that was seen at exactly this place of its span. */
struct pending_stack {
	uint64_t hash; /* of what tells it from others */
	uint64_t last_ns;
	uint64_t weight_ns;
	uint64_t native_ip;
	uint16_t cause, syscall, flags, n_frames;
	struct ls_frame frames[];
};

struct pending_victim {
	struct ls_pystr name;
	uint64_t code, qualname; /* of its coroutine; 0 if unknown */
	uint64_t starved_ns;
};

struct pending_span {
	uint64_t number;
	size_t n_stacks, n_allocated;
	struct pending_stack **stacks; /* in the order of their first arrival */
	size_t n_victims;
	struct pending_victim *victims; /* room for LS_MAX_VICTIM_NAMES, or NULL */
	size_t bytes;
};

struct pending_thread;

struct pending {
	struct pending_thread *threads; /* table, least recently touched first */
	size_t bytes;
	uint64_t dropped_stacks;
};

void pending__done(struct pending *p);

/* Both keep a copy. 0 or -ENOMEM. */
int pending__add_stack(struct pending *p, const struct ls_rec_stack *rec);
int pending__add_victim(struct pending *p, const struct ls_rec_victim *rec);

/*
 * Moves what waits for this stall to ret_span, which may come out empty. A turn has no span of its
 * own: it gets the stacks of all spans since it began. 0 or -ENOMEM.
 */
int pending__take(struct pending *p, const struct ls_rec_stall *rec, struct pending_span *ret_span);
void pending_span__done(struct pending_span *span);

void pending__forget_thread(struct pending *p, uint32_t pid, uint32_t tid);
void pending__forget_process(struct pending *p, uint32_t pid);

#endif
