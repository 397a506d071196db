/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the queues of a loop that is stuck, with bounds. For the files that know which kind of
 * loop has which queues.
 */
#ifndef LOOPSTALL_PYTHON_PY_WAITING_H
#define LOOPSTALL_PYTHON_PY_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "process/target.h"
#include "python/py_pages.h"
#include "python/py_types.h"

struct py_waiting {
	const struct target *t;
	const struct target_stuck *stuck;
	struct ls_loop loop; /* with the addresses of its queues */
	struct py_pages *pages;
	struct py_types types;
	struct target_waiting *found;
};

/* 0 or -ENOMEM. */
int py_waiting__init(struct py_waiting *w, const struct target *t, const struct target_stuck *stuck,
		     struct target_waiting *found);
void py_waiting__done(struct py_waiting *w);

/* 0 if it cannot be read, as for a NULL pointer. */
uint64_t py_waiting__word(struct py_waiting *w, uint64_t addr);
uint64_t py_waiting__field(struct py_waiting *w, uint64_t object, uint16_t offset);

/* What is known of a deque without its items. */
struct py_deque {
	uint64_t n, block, index;
};

/* The loop's ready queue. */
struct py_deque py_waiting__ready(struct py_waiting *w);
/* Takes the next item; 0 if it cannot be read. */
uint64_t py_waiting__next(struct py_waiting *w, struct py_deque *deque);
/* How many of `n` items are read; that there are more is noted. */
size_t py_waiting__limit(struct py_waiting *w, uint64_t n);

/* Counts a task that waits, and keeps its name (a str or a number) if there is room. */
void py_waiting__add(struct py_waiting *w, uint64_t name);
/* The same for one that waits since `since_ns`; what it waited before the stall is not part. */
void py_waiting__add_since(struct py_waiting *w, uint64_t name, uint64_t since_ns);

#endif
