/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A place in the source, for people.
 */
#ifndef LOOPSTALL_MODEL_FRAME_H
#define LOOPSTALL_MODEL_FRAME_H

#include <stdint.h>

struct model_frame {
	const char *function;
	const char *file;
	uint32_t line;
};

/* A native frame inside the innermost frame of a stack: model/native_stack.h. */
struct model_native {
	/* "libz.so.1:deflate", "libz.so.1+0x1234" without a symbol, NULL: not known */
	const char *name;
};

#endif
