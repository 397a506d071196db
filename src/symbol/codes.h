/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cache of code objects by process and address. Bounded in number and in bytes; the least
 * recently used entry is removed first.
 */
#ifndef LOOPSTALL_SYMBOL_CODES_H
#define LOOPSTALL_SYMBOL_CODES_H

#include <stdint.h>

#include "base/strings.h"
#include "model/resolver.h"
#include "runtime/runtime.h"

struct codes;

/* A process with its runtime, whose functions read it; `runtime` may be NULL. */
struct image {
	const struct runtime_ops *runtime;
	struct frame_source source;
};

/* Names come from `strings`, which must outlive it. 0 or -ENOMEM. */
int codes__new(struct codes **ret_codes, struct strings *strings);
void codes__free(struct codes *c);
static inline void codes__freep(struct codes **c)
{
	codes__free(*c);
}

/*
 * Both read from `image` what is not known yet; NULL: the process is not known. `now_ns` decides
 * when a remembered code object is compared with the process again. What cannot be read becomes "?"
 * and 0; codes__info() then also returns -ENOENT, so that its caller may ask again.
 */
int codes__info(struct codes *c, uint32_t pid, struct image *image, uint64_t code,
		uint64_t qualname, uint64_t now_ns, struct code_info *ret_info);
uint32_t codes__line(struct codes *c, uint32_t pid, struct image *image,
		     const struct ls_frame *frame, uint64_t now_ns);

/* False as well if it cannot be read. */
bool codes__is_awaited(struct codes *c, uint32_t pid, struct image *image, uint64_t code,
		       uint64_t now_ns);

/* Reads names and lines from `image` now, if they are not known yet. */
void codes__keep(struct codes *c, uint32_t pid, struct image *image, uint64_t code,
		 uint64_t now_ns);

/* The process may run another program now: compares everything again at its next use. */
void codes__distrust(struct codes *c, uint32_t pid);
/* Removes the entries of a pid that now belongs to another process. */
void codes__forget(struct codes *c, uint32_t pid);

#endif
