/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See naming.h.
 */
#include "model/naming.h"

struct code_info naming__code(const struct naming *n, uint64_t code)
{
	const struct resolver *r = n->resolver;
	struct code_info info = { NULL, NULL, 0 };

	if (r->ops->code(r->ctx, n->pid, code, code == n->code ? n->qualname : 0, &info) ||
	    !info.name || !info.file)
		return (struct code_info){ "?", "?", 0 };
	return info;
}

struct model_frame naming__frame(const struct naming *n, const struct ls_frame *frame)
{
	const struct resolver *r = n->resolver;
	struct code_info info = naming__code(n, frame->code);

	return (struct model_frame){
		.function = info.name,
		.file = info.file,
		.line = r->ops->line(r->ctx, n->pid, frame),
	};
}
