/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: cpython Include/cpython/pyerrors.h (PyException_HEAD), Include/cpython/traceback.h,
 * Include/internal/pycore_frame.h (struct _frame), Objects/genobject.c (compute_cr_origin).
 */
#include "python/py_lost.h"

#include <string.h>

#include "python/py_awaits.h"
#include "python/py_memory.h"
#include "python/py_names.h"

#define MAX_TRACEBACK 256
/* behind the head: dict, args, from 3.11 on notes, traceback */
#define OLD_TRACEBACK 16
#define TRACEBACK 24
#define MINOR_WITH_NOTES 11
/* of a traceback, behind its head */
#define TB_NEXT 0
#define TB_FRAME 8
#define TB_LASTI 16
/* of a frame object, behind its head: the frame proper from 3.11 on, and f_code up to 3.10 */
#define FRAME_PROPER 8
#define ORIGIN_ITEMS 3 /* file, line, function */

static uint64_t word_at(struct py_types *types, uint64_t addr)
{
	uint64_t value;

	return py_pages__read(types->pages, addr, &value, sizeof(value)) ? 0 : value;
}

static uint64_t code_of_frame(struct py_types *types, uint64_t frame)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;

	if (py->minor >= 11)
		frame = word_at(types, frame + py->ob_head + FRAME_PROPER);
	return frame ? word_at(types, frame + py->frame_code) & ~(uint64_t)py->tag_mask : 0;
}

/* tb_lasti counts bytes in every version but 3.8 and 3.9, where it is what a frame has. */
static uint64_t position_of(const struct ls_pyoffsets *py, uint64_t code, uint32_t lasti)
{
	if (py->position_is_lasti)
		return lasti / py->position_is_lasti;
	return code + py->co_code + lasti;
}

/* The innermost frames are kept, the innermost one first. */
static void push_frame(struct life_group *group, struct ls_frame frame)
{
	memmove(group->frames + 1, group->frames, (LIFE_FRAMES - 1) * sizeof(frame));
	group->frames[0] = frame;
	if (group->n_frames < LIFE_FRAMES)
		group->n_frames++;
}

void py_lost__exception(struct py_types *types, uint64_t exception, struct life_group *group)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	const struct py_type *type = py_types__of(types, exception);
	uint64_t tb = word_at(types,
			      exception + py->ob_head +
				      (py->minor < MINOR_WITH_NOTES ? OLD_TRACEBACK : TRACEBACK));

	if (type)
		memcpy(group->type, type->name, sizeof(group->type));
	for (int i = 0; tb && i < MAX_TRACEBACK; i++) {
		const uint64_t code =
			code_of_frame(types, word_at(types, tb + py->ob_head + TB_FRAME));
		const uint32_t lasti = (uint32_t)word_at(types, tb + py->ob_head + TB_LASTI);

		/* A task written in Python has frames of its own in front. */
		if (code && !group->code &&
		    !py_name__is_code(types, code, "__step", "asyncio/tasks.py") &&
		    !py_name__is_code(types, code, "__step_run_and_handle_result",
				      "asyncio/tasks.py"))
			group->code = code;
		if (code)
			push_frame(group, (struct ls_frame){ code, position_of(py, code, lasti) });
		tb = word_at(types, tb + py->ob_head + TB_NEXT);
	}
}

_Static_assert(LIFE_TYPE_BYTES == PY_TYPE_NAME_BYTES, "a type's name fits");

void py_lost__origin(struct py_types *types, uint64_t coro, struct life_origin *origin)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint64_t items[ORIGIN_ITEMS], tuple, first, line;

	if (py_types__kind(types, coro) != PY_COROUTINE)
		return;
	tuple = word_at(types, coro + py->gen_origin);
	if (!tuple || py_types__kind(types, tuple) != PY_TUPLE ||
	    !word_at(types, tuple + py->ob_size))
		return;
	first = word_at(types, tuple + py->tuple_items);
	if (py_types__kind(types, first) != PY_TUPLE ||
	    word_at(types, first + py->ob_size) != ORIGIN_ITEMS ||
	    py_pages__read(types->pages, first + py->tuple_items, items, sizeof(items)) ||
	    py_int_value(types->t, items[1], &line) || line > INT32_MAX)
		return;
	origin->line = (uint32_t)line;
	py_name__read(types, items[0], origin->file, sizeof(origin->file));
	py_name__read(types, items[2], origin->function, sizeof(origin->function));
}
