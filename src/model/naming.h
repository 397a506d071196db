/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of one process's code objects and frames as the resolver gives them; "?" where it cannot.
 */
#ifndef LOOPSTALL_MODEL_NAMING_H
#define LOOPSTALL_MODEL_NAMING_H

#include "model/model.h"

struct naming {
	const struct resolver *resolver;
	uint32_t pid;
	uint64_t code, qualname; /* this code object has that qualified name; 0 if not known */
};

/* False if a resolver gave no name, or "?" for it. */
bool code_info_is_known(const struct code_info *info);
bool frame_is_known(const struct model_frame *frame);
/* False if one of them is not known. */
bool frame_is_same_function(const struct model_frame *a, const struct model_frame *b);

/* All NULL if it cannot be read. */
struct code_info naming__coroutine(const struct naming *n, uint64_t code);
struct code_info naming__code(const struct naming *n, uint64_t code);
/* See struct resolver_ops. */
const char *naming__source(const struct naming *n, uint64_t code, uint32_t line);
bool naming__collects(const struct naming *n, uint64_t code, uint32_t line);
uint32_t naming__file_lines(const struct naming *n, uint64_t code);
/* False if that is not known. */
bool naming__is_awaited(const struct naming *n, uint64_t code);
/* Asks for all that may be asked of a frame later. */
void naming__learn(const struct naming *n, const struct ls_frame *frame);
struct model_frame naming__frame(const struct naming *n, const struct ls_frame *frame);

#endif
