/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See naming.h.
 */
#include "model/naming.h"

#include <string.h>

bool code_info_is_known(const struct code_info *info)
{
	return info->name && info->file && strcmp(info->name, "?") != 0;
}

struct code_info naming__coroutine(const struct naming *n, uint64_t code)
{
	const struct code_info info = naming__code(n, code);

	return code_info_is_known(&info) ? info : (struct code_info){ NULL, NULL, 0 };
}

struct code_info naming__code(const struct naming *n, uint64_t code)
{
	const struct resolver *r = n->resolver;
	struct code_info info = { NULL, NULL, 0 };

	if (r->ops->code(r->ctx, n->pid, code, code == n->code ? n->qualname : 0, &info) ||
	    !info.name || !info.file)
		return (struct code_info){ "?", "?", 0 };
	return info;
}

uint32_t naming__file_lines(const struct naming *n, uint64_t code)
{
	const struct resolver *r = n->resolver;

	return r->ops->file_lines ? r->ops->file_lines(r->ctx, n->pid, code) : 0;
}

const char *naming__source(const struct naming *n, uint64_t code, uint32_t line)
{
	const struct resolver *r = n->resolver;

	return r->ops->source && line ? r->ops->source(r->ctx, n->pid, code, line) : NULL;
}

bool naming__collects(const struct naming *n, uint64_t code, uint32_t line)
{
	const struct resolver *r = n->resolver;

	return r->ops->collects && line && r->ops->collects(r->ctx, n->pid, code, line);
}

bool frame_is_known(const struct model_frame *frame)
{
	return frame->function && frame->file && strcmp(frame->function, "?") != 0 &&
		strcmp(frame->file, "?") != 0;
}

bool frame_is_same_function(const struct model_frame *a, const struct model_frame *b)
{
	return a->function && b->function && a->file && b->file &&
		!strcmp(a->function, b->function) && !strcmp(a->file, b->file);
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

bool naming__is_awaited(const struct naming *n, uint64_t code)
{
	const struct resolver *r = n->resolver;

	return r->ops->is_awaited && r->ops->is_awaited(r->ctx, n->pid, code);
}

void naming__learn(const struct naming *n, const struct ls_frame *frame)
{
	naming__frame(n, frame);
	naming__is_awaited(n, frame->code);
}
