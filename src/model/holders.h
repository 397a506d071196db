/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What held the interpreter's lock while stalls waited for it, by line of the program. Bounded;
 * lines without room are counted as a loss.
 */
#ifndef LOOPSTALL_MODEL_HOLDERS_H
#define LOOPSTALL_MODEL_HOLDERS_H

#include <stdbool.h>

#include "model/model.h"

#define HOLDERS_MAX 1024

struct holders_line;

struct holders {
	struct holders_line *lines; /* table */
	uint64_t refused;
	/* What the snapshot points to; rebuilt only after a change. */
	bool is_changed;
	size_t n_rows;
	struct holder_row *rows;
};

/* Adds a stall. 0 or -ENOMEM. */
int holders__stall(struct holders *h, const struct stall *stall);
/* Adds the rows to the snapshot. 0 or -ENOMEM. */
int holders__rows(struct holders *h, struct snapshot *ret_snapshot);
/* Frees the contents; the table stays usable. */
void holders__done(struct holders *h);

#endif
