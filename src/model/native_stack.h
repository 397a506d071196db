/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native frames inside the innermost frame of a stall, and the parts of their names.
 */
#ifndef LOOPSTALL_MODEL_NATIVE_STACK_H
#define LOOPSTALL_MODEL_NATIVE_STACK_H

#include "model/model.h"
#include "model/pending.h"

/* Fills native_stack of `stall` from what was seen at the place of `stack`, if anything was. */
void native_stack__fill(const struct resolver *resolver, const struct pending_span *span,
			const struct pending_stack *stack, struct stall *stall);

#define NATIVE_MODULE_BYTES 128

/* "deflate"; NULL if the function is not known. */
const char *native_function(const struct model_native *frame);
/*
 * "libz.so.1", "_json" of "_json.cpython-312-....so"; false if the module is not known. A name that
 * is too long is cut.
 */
bool native_module(const struct model_native *frame, char module[NATIVE_MODULE_BYTES]);
/* "deflate", "(libz.so.1)", "(native code)": never empty. */
void native_label(const struct model_native *frame, char label[NATIVE_MODULE_BYTES + 2]);

#endif
