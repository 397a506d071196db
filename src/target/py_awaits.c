/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a suspended coroutine awaits is on top of its frame's value stack. Sources: cpython
 * Objects/genobject.c (_PyGen_yf), Include/cpython/frameobject.h and Include/internal/pycore_frame.h of each
 * version; where the fields are, the debug information of 3.8.18, 3.9.18, 3.10.13, 3.11.7, 3.12.1 and 3.13.0.
 */
#include "target/py_awaits.h"

#include <string.h>

#include "target/py_memory.h"
#include "target/py_offsets.h"

#define NO LS_PY_NONE
#define MAX_DEPTH 200
#define MAX_STACK_WORDS 65536
#define MAX_THREADS 256
#define MAX_THREAD_FRAMES 256
#define FRAME_OWNED_BY_GENERATOR 1 /* pycore_frame.h, 3.11 to 3.13 */
#define OBJECT_BYTES 192

/* Where a version says how far a generator is, and where its value stack ends. */
struct stack_layout {
	uint16_t gen_state; /* in the generator */
	uint16_t frame_state; /* 3.10: in the frame, else NO */
	uint16_t value_stack; /* up to 3.10: frame's pointer to the bottom, else NO */
	uint16_t stack_top; /* 3.8, 3.9: pointer; then: number of values, since 3.11 with the locals */
	uint16_t locals; /* 3.11+: locals, with the value stack behind them */
	int8_t yield_from; /* 3.13: the only state in which the top of the stack is awaited, else 0 */
	bool is_state_flag; /* 3.8, 3.9: 1 while it runs, else 0 */
};

static const struct stack_layout layouts[] = {
	{ 24, NO, 64, 72, NO, 0, true }, /* 3.8: gi_running, f_valuestack, f_stacktop */
	{ 24, NO, 64, 72, NO, 0, true },
	{ NO, 108, 64, 80, NO, 0, false }, /* 3.10: f_state, f_stackdepth */
	{ 75, NO, NO, 64, 72, 0, false }, /* 3.11: gi_frame_state, stacktop, localsplus */
	{ 67, NO, NO, 64, 72, 0, false },
	{ 67, NO, NO, 64, 72, -1, false },
};

_Static_assert(sizeof(layouts) / sizeof(*layouts) == PY_MINOR_MAX - PY_MINOR_MIN + 1,
	       "one layout a version");

/* One link of the chain. */
struct link {
	struct ls_frame frame;
	uint64_t qualname;
	uint64_t top; /* address of the topmost value, 0 if it awaits nothing */
	bool is_running;
};

/* f_lasti and f_state are ints; the kernel side sends the word, of which readers take the lower half. */
static uint64_t position_in(const struct ls_pyoffsets *py, const uint8_t *frame)
{
	return py->position_is_lasti ? py_half(frame, py->frame_position) :
				       py_word(frame, py->frame_position);
}

/* From 3.10 on: created < suspended < executing (0) < completed < cleared. */
static void set_state(struct link *link, const struct stack_layout *layout, int8_t state,
		      bool *ret_awaits)
{
	if (layout->is_state_flag) {
		link->is_running = state == 1;
		*ret_awaits = state == 0;
		return;
	}
	link->is_running = state == 0;
	*ret_awaits = layout->yield_from ? state == layout->yield_from : state == -1;
}

/* 3.8-3.10: the frame is an object of its own; a coroutine that has ended has none. */
static int read_old(struct py_types *types, uint64_t gen, struct link *link)
{
	const struct ls_pyoffsets *py = &types->t->proc.py;
	const struct stack_layout *layout = &layouts[py->minor - PY_MINOR_MIN];
	uint8_t object[OBJECT_BYTES], frame[OBJECT_BYTES];
	uint64_t bottom, top;
	bool awaits;
	int r = py_pages__read(types->pages, gen, object, py->gen_bytes);

	if (!r)
		r = py_pages__read(types->pages, py_word(object, py->gen_frame), frame, 120);
	if (r)
		return r;
	link->qualname = py_word(object, py->gen_qualname);
	link->frame.code = py_word(object, py->gen_code);
	link->frame.position = position_in(py, frame);
	set_state(link, layout,
		  (int8_t)(layout->gen_state != NO ? object[layout->gen_state] :
						     frame[layout->frame_state]),
		  &awaits);
	bottom = py_word(frame, layout->value_stack);
	top = layout->is_state_flag ? py_word(frame, layout->stack_top) :
				      bottom + 8 * (uint64_t)py_half(frame, layout->stack_top);
	if (awaits && top > bottom && top - bottom <= 8 * MAX_STACK_WORDS)
		link->top = top - 8;
	return 0;
}

/* 3.11 and later: the frame lies inside the generator. */
static int read_new(struct py_types *types, uint64_t gen, struct link *link)
{
	const struct ls_pyoffsets *py = &types->t->proc.py;
	const struct stack_layout *layout = &layouts[py->minor - PY_MINOR_MIN];
	uint8_t object[OBJECT_BYTES];
	const uint8_t *frame = object + py->gen_iframe;
	uint32_t n_words;
	bool awaits;
	int8_t state;
	int r = py_pages__read(types->pages, gen, object, py->gen_iframe + layout->locals);

	if (r)
		return r;
	state = (int8_t)object[layout->gen_state];
	if (state > 0)
		return -1;
	link->qualname = py_word(object, py->gen_qualname);
	link->frame.code = py_word(frame, py->frame_code);
	link->frame.position = position_in(py, frame);
	set_state(link, layout, state, &awaits);
	n_words = py_half(frame, layout->stack_top);
	if (awaits && n_words && n_words <= MAX_STACK_WORDS)
		link->top = gen + py->gen_iframe + layout->locals + 8 * (uint64_t)(n_words - 1);
	return 0;
}

static bool read_link(struct py_types *types, uint64_t gen, struct link *link)
{
	*link = (struct link){ 0 };
	if (types->t->proc.py.gen_iframe != NO)
		return !read_new(types, gen, link);
	return !read_old(types, gen, link);
}

/* Looks through what only hands on the await; 0 if `object` has no frame. */
static uint64_t find_generator(struct py_types *types, uint64_t object)
{
	for (int i = 0; i < 4; i++) {
		switch (py_types__kind(types, object)) {
		case PY_COROUTINE:
		case PY_GENERATOR:
			return object;
		case PY_AWAIT_WRAPPER:
			if (!py_pages__read(types->pages, object + PY_FIRST_FIELD, &object,
					    sizeof(object)))
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
static void push_frame(struct target_task *task, const struct ls_frame *frame)
{
	if (task->n_frames == TARGET_TASK_FRAMES) {
		memmove(task->frames, task->frames + 1, (TARGET_TASK_FRAMES - 1) * sizeof(*frame));
		task->n_frames--;
		task->is_cut = true;
	}
	task->frames[task->n_frames++] = *frame;
}

bool py_awaits__read(struct py_types *types, uint64_t coro, struct target_task *task)
{
	uint64_t gen = find_generator(types, coro);
	bool is_running = false;
	int depth;

	for (depth = 0; gen && depth < MAX_DEPTH; depth++) {
		struct link link;

		if (!read_link(types, gen, &link))
			break;
		if (!depth) {
			task->code = link.frame.code;
			task->qualname = link.qualname;
			is_running = link.is_running;
		}
		push_frame(task, &link.frame);
		if (!link.top || py_pages__read(types->pages, link.top, &gen, sizeof(gen)))
			break;
		gen = find_generator(types, gen);
	}
	task->is_cut |= depth == MAX_DEPTH;
	reverse(task->frames, task->n_frames);
	return is_running;
}

static bool is_generator_frame(const struct ls_pyoffsets *py, const uint8_t *frame)
{
	return py->frame_owner != NO ? frame[py->frame_owner] == FRAME_OWNED_BY_GENERATOR :
				       py_word(frame, py->frame_generator) != 0;
}

/* Frames from the top of one thread's stack to `last`. False if that is not on it. */
static bool walk_thread(const struct target *t, uint64_t frame, uint64_t last,
			struct target_task *task)
{
	const struct ls_pyoffsets *py = &t->proc.py;
	uint8_t words[OBJECT_BYTES];

	task->n_frames = 0;
	task->is_cut = false;
	for (int i = 0; frame && i < MAX_THREAD_FRAMES; i++) {
		if (py->frame_bytes > sizeof(words) || target__read(t, frame, words, py->frame_bytes))
			return false;
		if (is_generator_frame(py, words)) {
			if (task->n_frames < TARGET_TASK_FRAMES)
				task->frames[task->n_frames++] =
					(struct ls_frame){ py_word(words, py->frame_code),
							   position_in(py, words) };
			else
				task->is_cut = true;
		}
		if (frame == last)
			return true;
		frame = py_word(words, py->frame_previous);
	}
	return false;
}

void py_awaits__read_running(const struct target *t, uint64_t coro, struct target_task *task)
{
	const struct ls_pyoffsets *py = &t->proc.py;
	uint64_t tstate = 0, last = coro + py->gen_iframe, frame;
	struct target_task found = { 0 };

	if (py->gen_iframe == NO && py_read_u64(t, coro + py->gen_frame, &last))
		return;
	if (py_read_u64(t, t->interp + py->interp_threads_head, &tstate))
		return;
	for (int i = 0; tstate && i < MAX_THREADS; i++) {
		if (py_read_u64(t, tstate + py->tstate_frame, &frame))
			return;
		if (frame && py->cframe_current != NO &&
		    py_read_u64(t, frame + py->cframe_current, &frame))
			return;
		if (walk_thread(t, frame, last, &found)) {
			memcpy(task->frames, found.frames, sizeof(task->frames));
			task->n_frames = found.n_frames;
			task->is_cut = found.is_cut;
			return;
		}
		if (py_read_u64(t, tstate + py->tstate_next, &tstate))
			return;
	}
}
