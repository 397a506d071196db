/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalled time as a tree of stacks: loop, coroutine, frames outermost first, native frames inside
 * the innermost one, and the cause as the leaf. What flame graphs and profiles are made of. The
 * weight is time, always: a stall's parts add up to its duration.
 *
 * A stall knows one stack, that of the place where its main cause took the most time. So the time
 * of the main cause goes to that stack, and the time of each other cause to the coroutine, without
 * frames.
 *
 * Memory is bounded: once there are STACKS_MAX_NODES, new stacks end at the last node known; `cut`
 * counts such stalls.
 */
#ifndef LOOPSTALL_REPORT_STACKS_H
#define LOOPSTALL_REPORT_STACKS_H

#include <stdint.h>

#include "model/model.h"
#include "report/intern.h"

#define STACKS_MAX_NODES (1U << 19)
#define STACKS_MAX_DEPTH (LS_MAX_FRAMES + LS_MAX_NATIVE + 8) /* of a node */
#define STACKS_ROOT 0U /* parent of all loops; it has no frame */
#define STACKS_TITLE_BYTES 64 /* of what is no name */

enum stacks_kind {
	STACKS_ALL,
	STACKS_LOOP,
	STACKS_COROUTINE,
	STACKS_FRAME,
	STACKS_NATIVE, /* its file is a module */
	STACKS_CAUSE
};

/* Indices are numbers of `texts`. Padding is zero. */
struct stacks_frame {
	uint32_t kind; /* enum stacks_kind */
	uint32_t name, file; /* file: "" where there is none */
	uint32_t line; /* coroutine: of its def; 0: not known */
};

struct stacks_node {
	uint64_t self_ns;
	uint64_t starved_ns;
	uint32_t stalls; /* whose main cause ended here */
	uint32_t parent, frame;
};

/* Zeroed at first; stacks__init() before use. */
struct stacks {
	struct intern texts;
	struct intern frames; /* struct stacks_frame */
	struct intern tree; /* parent and frame */
	struct stacks_node *nodes; /* by number; a parent comes before its children */
	size_t n_room;
	uint64_t cut;
};

/* One part of a stall: a node and its time. */
struct stacks_part {
	uint32_t node;
	uint64_t ns;
	enum ls_cause cause;
};

int stacks__init(struct stacks *s);
void stacks__done(struct stacks *s);
/*
 * Adds a stall. Returns the number of its parts, the main cause's first, or -ENOMEM.
 */
int stacks__add(struct stacks *s, const struct stall *stall,
		struct stacks_part ret_parts[LS_CAUSE_MAX]);

static inline size_t stacks__n_nodes(const struct stacks *s)
{
	return s->tree.n;
}

static inline const struct stacks_frame *stacks__frame(const struct stacks *s, uint32_t frame)
{
	return intern__key(&s->frames, frame);
}

static inline const char *stacks__text(const struct stacks *s, uint32_t text)
{
	return intern__key(&s->texts, text);
}

/*
 * "handler() /srv/app/web.py:10", "fetch_row /srv/app/db.py:31", "[sleep]", raw; to be freed. NULL:
 * no memory.
 */
char *stacks__label(const struct stacks *s, uint32_t frame);

#endif
