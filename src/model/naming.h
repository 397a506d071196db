/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the code and of the frames of one process, asked from the resolver; "?" for what cannot
 * be told.
 */
#ifndef LOOPSTALL_MODEL_NAMING_H
#define LOOPSTALL_MODEL_NAMING_H

#include "model/model.h"

struct naming {
	const struct resolver *resolver;
	uint32_t pid;
	uint64_t code, qualname; /* this code is known by that name; 0 if none is */
};

struct code_info naming__code(const struct naming *n, uint64_t code);
struct model_frame naming__frame(const struct naming *n, const struct ls_frame *frame);

#endif
