/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a suspended coroutine awaits is on top of its frame's value stack. Sources: cpython
 * Objects/genobject.c (_PyGen_yf), Include/cpython/frameobject.h and
 * Include/internal/pycore_frame.h of each version.
 */
#include "python/py_awaits.h"

#include <string.h>

#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/py_tstates.h"
#include "python/python.h"

#define MAX_DEPTH 200
#define MAX_STACK_WORDS 65536
#define MAX_THREAD_FRAMES 256
#define OBJECT_BYTES 192
#define OLD_FRAME_BYTES 120 /* up to f_executing */
#define INSTRUCTION_BYTES 2
/* Up to 3.12 an instruction says whether a generator awaits or yields. */
#define OP_YIELD_FROM 72 /* 3.8-3.10: Include/opcode.h */
#define NOT_BEGUN UINT32_MAX /* f_lasti, which tells it from others in 3.8 and 3.9 */
#define RESUME_AFTER_YIELD_FROM 2 /* 3.11, 3.12: least argument of RESUME, Python/compile.c */

static void set_state(struct py_await_link *link, const struct ls_pyoffsets *py, int8_t state,
		      bool *ret_awaits)
{
	link->is_running = state == py->gen_runs;
	link->is_created =
		state == py->gen_created && (py->minor >= 10 || link->frame.position == NOT_BEGUN);
	*ret_awaits = state >= py->gen_awaits && state <= py->gen_awaits_max;
}

/*
 * The address of the value that is awaited, on a stack between `bottom` and `top`; 0 if there is
 * none.
 */
static uint64_t awaited_at(const struct ls_pyoffsets *py, uint64_t bottom, uint64_t top)
{
	if (top < bottom + py->stack_back || top - bottom > 8 * MAX_STACK_WORDS)
		return 0;
	return top - py->stack_back;
}

/* 3.8-3.10: the frame is an object of its own; a coroutine that has ended has none. */
static int read_old(struct py_types *types, uint64_t gen, struct py_await_link *link)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	bool is_depth = py->stack_top == LS_STACK_TOP_DEPTH, awaits;
	uint8_t object[OBJECT_BYTES], frame[OBJECT_BYTES];
	uint64_t bottom, top;
	int r = py_pages__read(types->pages, gen, object, py->gen_bytes);

	if (!r)
		r = py_pages__read(types->pages, py_word(object, py->gen_frame), frame,
				   OLD_FRAME_BYTES);
	if (r)
		return r;
	link->addr = py_word(object, py->gen_frame);
	link->qualname = py_word(object, py->gen_qualname);
	link->frame.code = py_word(object, py->gen_code);
	link->frame.position = py_frame_position(py, frame);
	set_state(link, py, (int8_t)(is_depth ? frame[py->gen_state] : object[py->gen_state]),
		  &awaits);
	bottom = py_word(frame, py->frame_stack);
	top = is_depth ? bottom + 8 * (uint64_t)py_half(frame, py->frame_stack_top) :
			 py_word(frame, py->frame_stack_top);
	link->end = link->is_running ? 0 : top;
	if (awaits)
		link->top = awaited_at(py, bottom, top);
	return 0;
}

/* 3.11 and later: the frame lies inside the generator, its stack behind the locals. */
static int read_new(struct py_types *types, uint64_t gen, struct py_await_link *link)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint64_t bottom = gen + py->gen_iframe + py->frame_locals, top;
	uint8_t object[OBJECT_BYTES];
	const uint8_t *frame = object + py->gen_iframe;
	bool awaits;
	int8_t state;
	int r = py->gen_iframe + py->frame_locals <= OBJECT_BYTES ?
		py_pages__read(types->pages, gen, object, py->gen_iframe + py->frame_locals) :
		-1;

	if (r)
		return r;
	state = (int8_t)object[py->gen_state];
	if (state > py->gen_runs)
		return -1;
	link->addr = gen + py->gen_iframe;
	link->qualname = py_word(object, py->gen_qualname);
	link->frame.code = py_frame_code(py, frame);
	link->frame.position = py_frame_position(py, frame);
	set_state(link, py, state, &awaits);
	top = py->stack_top == LS_STACK_TOP_WORDS ?
		bottom + 8 * (uint64_t)py_half(frame, py->frame_stack_top) :
		py_word(frame, py->frame_stack_top);
	link->end = link->is_running ? 0 : top;
	if (awaits)
		link->top = awaited_at(py, bottom, top);
	return 0;
}

static bool read_link(struct py_types *types, uint64_t gen, struct py_await_link *link)
{
	*link = (struct py_await_link){ 0 };
	if (types->t->proc.py.at.gen_iframe != LS_PY_NONE)
		return !read_new(types, gen, link);
	return !read_old(types, gen, link);
}

bool py_awaits__link(struct py_types *types, uint64_t gen, struct py_await_link *ret_link)
{
	const enum py_kind kind = py_types__kind(types, gen);

	return (kind == PY_COROUTINE || kind == PY_GENERATOR) && read_link(types, gen, ret_link);
}

/* A generator that was suspended by a yield of its own awaits nothing. */
static bool yields_from(struct py_types *types, const struct ls_frame *frame)
{
	const struct ls_pyoffsets *py = &types->t->proc.py.at;
	uint64_t bytes, next = frame->position + INSTRUCTION_BYTES;
	uint8_t byte;

	if (py->minor >= 13)
		return true; /* its state says so */
	if (py->minor >= 11)
		return !py_pages__read(types->pages, next + 1, &byte, 1) &&
			byte >= RESUME_AFTER_YIELD_FROM;
	next = frame->position * py->position_is_lasti + INSTRUCTION_BYTES;
	return !py_pages__read(types->pages, frame->code + py->co_code, &bytes, sizeof(bytes)) &&
		!py_pages__read(types->pages, bytes + py->bytes_data + next, &byte, 1) &&
		byte == OP_YIELD_FROM;
}

static bool awaits_another(struct py_types *types, uint64_t gen, const struct py_await_link *link)
{
	return link->top &&
		(py_types__kind(types, gen) == PY_COROUTINE || yields_from(types, &link->frame));
}

/* Skips objects that only pass the await on; 0 if `object` has no frame. */
static uint64_t find_generator(struct py_types *types, uint64_t object)
{
	for (int i = 0; i < 4; i++) {
		switch (py_types__kind(types, object)) {
		case PY_COROUTINE:
		case PY_GENERATOR:
			return object;
		case PY_AWAIT_WRAPPER:
			if (!py_pages__read(types->pages, object + types->t->proc.py.at.ob_head,
					    &object, sizeof(object)))
				continue;
			return 0;
		default:
			return 0;
		}
	}
	return 0;
}

static void reverse(struct ls_frame *frames, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct ls_frame other = frames[i];

		frames[i] = frames[n - 1 - i];
		frames[n - 1 - i] = other;
	}
}

/* The chain comes outermost first; of a long one the innermost frames are kept. */
static void push_frame(struct py_awaits *awaits, const struct ls_frame *frame)
{
	if (awaits->n_frames == TARGET_TASK_FRAMES) {
		memmove(awaits->frames, awaits->frames + 1,
			(TARGET_TASK_FRAMES - 1) * sizeof(*frame));
		awaits->n_frames--;
		awaits->is_cut = true;
	}
	awaits->frames[awaits->n_frames++] = *frame;
}

bool py_awaits__each(struct py_types *types, uint64_t coro, py_await_fn *fn, void *ctx)
{
	uint64_t gen = find_generator(types, coro);
	int depth;

	for (depth = 0; gen && depth < MAX_DEPTH; depth++) {
		struct py_await_link link;

		if (!read_link(types, gen, &link))
			break;
		fn(ctx, &link);
		if (!awaits_another(types, gen, &link) ||
		    py_pages__read(types->pages, link.top, &gen, sizeof(gen)))
			break;
		gen = find_generator(types, gen & ~(uint64_t)types->t->proc.py.at.tag_mask);
	}
	return depth == MAX_DEPTH;
}

/* Context of on_link(). */
struct reading {
	struct py_awaits *awaits;
	bool has_first, is_running;
};

static void on_link(void *ctx, const struct py_await_link *link)
{
	struct reading *reading = ctx;

	if (!reading->has_first) {
		reading->awaits->code = link->frame.code;
		reading->awaits->qualname = link->qualname;
		reading->is_running = link->is_running;
		reading->has_first = true;
	}
	push_frame(reading->awaits, &link->frame);
}

bool py_awaits__read(struct py_types *types, uint64_t coro, struct py_awaits *awaits)
{
	struct reading reading = { .awaits = awaits };
	bool is_long;

	awaits->code = awaits->qualname = 0;
	awaits->n_frames = 0;
	awaits->is_cut = false;
	is_long = py_awaits__each(types, coro, on_link, &reading);
	awaits->is_cut |= is_long;
	reverse(awaits->frames, awaits->n_frames);
	return reading.is_running;
}

/* Frames from the top of one thread's stack to `last`. False if that is not on it. */
static bool walk_thread(const struct target *t, uint64_t frame, uint64_t last,
			struct py_awaits *awaits)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint8_t words[OBJECT_BYTES];

	awaits->n_frames = 0;
	awaits->is_cut = false;
	for (int i = 0; frame && i < MAX_THREAD_FRAMES; i++) {
		if (py->frame_bytes > sizeof(words) ||
		    target__read(t, frame, words, py->frame_bytes))
			return false;
		if (py_frame_generator(py, words, frame)) {
			if (awaits->n_frames < TARGET_TASK_FRAMES)
				awaits->frames[awaits->n_frames++] =
					(struct ls_frame){ py_frame_code(py, words),
							   py_frame_position(py, words) };
			else
				awaits->is_cut = true;
		}
		if (frame == last)
			return true;
		frame = py_word(words, py->frame_previous);
	}
	return false;
}

void py_awaits__read_running(const struct target *t, uint64_t coro, struct py_awaits *awaits)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t tstate, last = coro + py->gen_iframe, frame;
	struct py_tstates walk = { .t = t };
	struct py_awaits found;

	if (py->gen_iframe == LS_PY_NONE && py_read_u64(t, coro + py->gen_frame, &last))
		return;
	while ((tstate = py_tstates__next(&walk)) && !py_frame_top(t, tstate, &frame)) {
		if (!walk_thread(t, frame, last, &found))
			continue;
		memcpy(awaits->frames, found.frames, found.n_frames * sizeof(*found.frames));
		awaits->n_frames = found.n_frames;
		awaits->is_cut = found.is_cut;
		return;
	}
}
