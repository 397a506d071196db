/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened, line by line: the newest MODEL_MAX_LOG of them.
 */
#ifndef LOOPSTALL_MODEL_LOG_H
#define LOOPSTALL_MODEL_LOG_H

#include "model/model.h"

struct log {
	uint64_t n; /* lines so far */
	struct log_line {
		struct log_row row;
		char *text;
	} ring[MODEL_MAX_LOG]; /* by number modulo MODEL_MAX_LOG */
	struct log_row rows[MODEL_MAX_LOG]; /* of the snapshot */
};

/* Copies `text`; a very long one is cut. 0 or -ENOMEM. */
int log__add(struct log *l, uint64_t now_ns, enum log_grade grade, uint32_t pid, const char *text);
void log__rows(struct log *l, struct snapshot *ret_snapshot);
void log__done(struct log *l);

#endif
