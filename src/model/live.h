/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The spans that are open right now, with their names.
 */
#ifndef LOOPSTALL_MODEL_LIVE_H
#define LOOPSTALL_MODEL_LIVE_H

#include "model/model.h"

struct live {
	size_t n_rows;
	struct live_row *rows; /* longest first */
};

/* 0 or -ENOMEM. */
int live__replace(struct live *l, const struct resolver *resolver, const struct model_live *live,
		  size_t n);
void live__rows(const struct live *l, struct snapshot *ret_snapshot);
void live__done(struct live *l);

#endif
