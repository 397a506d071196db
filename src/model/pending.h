/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks and victims that arrived before the record of their stall. Most CPU samples belong to
 * spans that never become a stall, and no record says so; therefore a window over the newest spans
 * of each thread is kept.
 *
 * A span's stacks leave the window when its stall takes them, when PENDING_MAX_SPANS newer spans of
 * its thread have sent records, or when a span with a number more than PENDING_MAX_AGE higher has.
 * They stay when a newer span ends, because spans nest: a nested step has the higher number and
 * ends first. A number that falls by more than PENDING_MAX_AGE means that the tid was reused. None
 * of this is a loss; what is dropped because memory is bounded is counted as one.
 */
#ifndef LOOPSTALL_MODEL_PENDING_H
#define LOOPSTALL_MODEL_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

#define PENDING_MAX_SPANS 64 /* of one thread */
#define PENDING_MAX_AGE 1000
#define PENDING_MAX_STACKS 4096 /* different ones of one span */
#define PENDING_MAX_NATIVES 16 /* different ones of one span */
#define PENDING_MAX_ORDER 128 /* changes between the samples of one span */
#define PENDING_MAX_THREADS 4096
#define PENDING_MAX_BYTES (8U << 20) /* of all threads together */

/* A stack with the sum of all samples or waits at exactly this place of its span. */
struct pending_stack {
	uint64_t hash; /* of all fields that distinguish stacks */
	uint64_t last_ns;
	uint64_t weight_ns;
	uint64_t native_ip;
	uint16_t cause, syscall, flags, n_frames;
	struct ls_frame frames[];
};

/* Native frames inside the innermost frame, as seen at one place of the span. */
struct pending_native {
	struct ls_place place;
	uint32_t count; /* times it was seen */
	uint16_t flags, n_ips;
	uint64_t ips[];
};

struct pending_victim {
	struct ls_pystr name;
	uint64_t code, qualname; /* of its coroutine; 0 if unknown */
	uint64_t starved_ns;
};

/* The interpreter's lock, all other ones. */
enum holder_kind { HOLDER_GIL, HOLDER_LOCK, HOLDER_KINDS };

struct pending_span {
	uint64_t number;
	size_t n_stacks, n_allocated;
	struct pending_stack **stacks; /* in order of first arrival */
	/* of the threads that held what the span waited for (LS_STACK_HOLDER), NULL: none */
	struct pending_stack *holders[HOLDER_KINDS];
	/* of the step that made the tasks of a turn ready (LS_STACK_MAKER), NULL: none */
	struct pending_stack *maker;
	struct ls_rec_turn *turn; /* NULL: none */
	size_t n_natives;
	struct pending_native *natives[PENDING_MAX_NATIVES]; /* in order of first arrival */
	size_t n_victims;
	struct pending_victim *victims; /* room for LS_MAX_VICTIM_NAMES, or NULL */
	/* hashes of its samples' stacks in order of arrival, without repetitions; or NULL */
	uint64_t *order;
	size_t n_order; /* at most PENDING_MAX_ORDER: no later ones */
	size_t bytes;
};

struct pending_thread;

struct pending {
	struct pending_thread *threads; /* table, least recently touched first */
	size_t bytes;
	uint64_t dropped_stacks;
};

void pending__done(struct pending *p);

/* These copy the record. 0 or -ENOMEM. */
int pending__add_stack(struct pending *p, const struct ls_rec_stack *rec);
int pending__add_native(struct pending *p, const struct ls_rec_native *rec);
int pending__add_victim(struct pending *p, const struct ls_rec_victim *rec);
int pending__add_turn(struct pending *p, const struct ls_rec_turn *rec);

/*
 * Moves what is pending for this stall to ret_span, which may be empty. A turn has no span of its
 * own and takes the stacks of all spans since it began, and of the span with its number what is
 * the turn's own. 0 or -ENOMEM.
 */
int pending__take(struct pending *p, const struct ls_rec_stall *rec, struct pending_span *ret_span);
/* What is pending for a span that goes on; NULL if there is nothing. Valid until the next call. */
const struct pending_span *pending__peek(const struct pending *p, const struct ls_rec_stall *rec);
void pending_span__done(struct pending_span *span);
/*
 * Gives back what pending__take() moved, because the span goes on: without its victims, and without
 * the stacks that its end will send again (LS_STACK_SO_FAR). *span is empty then. 0 or -ENOMEM.
 */
int pending__put_back(struct pending *p, const struct ls_rec_hdr *hdr, struct pending_span *span);

void pending__forget_thread(struct pending *p, uint32_t pid, uint32_t tid);
void pending__forget_process(struct pending *p, uint32_t pid);

#endif
