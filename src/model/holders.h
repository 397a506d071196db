/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What held the interpreter's lock, or other locks, while stalls waited for it, by line of the
 * program. Bounded;
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

/* Adds a stall that waited this long for a holder, if it is known. 0 or -ENOMEM. */
int holders__add(struct holders *h, const struct stall *stall, const struct model_holder *holder,
		 uint64_t waited_ns);
/* The rows are valid until the next call. 0 or -ENOMEM. */
int holders__rows(struct holders *h, size_t *ret_n, const struct holder_row **ret_rows);
/* Frees the contents; the table stays usable. */
void holders__done(struct holders *h);

#endif
