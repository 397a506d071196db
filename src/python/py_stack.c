/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Python stack of a thread, walked from outside while it runs. The kernel side has the same
 * walk (bpf/python/frames.bpf.c). A frame may be left, freed and used again between two reads, so
 * the stack is walked until two walks in a row agree. The innermost position may differ: it moves
 * with each instruction. A program that does the same over and over is torn in the same way twice;
 * so the links of the chain are then read twice more, each time by one system call. Sources:
 * cpython Include/cpython/frameobject.h (f_back), Include/internal/pycore_frame.h,
 * Include/cpython/pystate.h (cframe).
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/procmem.h"
#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/py_pages.h"
#include "python/python.h"

#define MAX_WALKED 65536 /* frames; the default recursion limit is 1000 */
#define MAX_WALKS 8
#define FRAME_BYTES_MAX 128

#define N_OUTER 32 /* kept of a deep stack: the outermost frames identify the step */
#define N_INNER (TARGET_STACK_FRAMES - N_OUTER)

/* Innermost links that one read confirms, between two reads of those of the thread state. */
#define TOP_LINKS 2
#define MAX_LINKS (PROCMEM_MANY - 2 * TOP_LINKS)

/* One walk. From N_INNER on the newest frame replaces the oldest, until the end. */
struct walk {
	int r;
	size_t n, n_all;
	uint64_t addrs[TARGET_STACK_FRAMES];
	struct target_frame frames[TARGET_STACK_FRAMES];
	size_t n_links;
	uint64_t links[MAX_LINKS + 1]; /* addresses of all frames, marks too, and the next one */
};

static void walk__push(struct walk *w, uint64_t addr, const struct target_frame *frame)
{
	const size_t i = w->n_all < N_INNER ? w->n_all : N_INNER + (w->n_all - N_INNER) % N_OUTER;

	w->addrs[i] = addr;
	w->frames[i] = *frame;
	w->n_all++;
	w->n = w->n_all < TARGET_STACK_FRAMES ? w->n_all : TARGET_STACK_FRAMES;
}

/* Puts the outer frames into their order. */
static void walk__end(struct walk *w)
{
	struct target_frame frames[N_OUTER];
	uint64_t addrs[N_OUTER];

	if (w->n_all <= TARGET_STACK_FRAMES)
		return;
	for (size_t i = 0; i < N_OUTER; i++) {
		const size_t from = N_INNER + (w->n_all - N_INNER + i) % N_OUTER;

		frames[i] = w->frames[from];
		addrs[i] = w->addrs[from];
	}
	memcpy(w->frames + N_INNER, frames, sizeof(frames));
	memcpy(w->addrs + N_INNER, addrs, sizeof(addrs));
}

/*
 * Follows the chain from `addr`. A torn chain can lead in a circle, which Brent's method finds: a
 * mark moves to the 1st, 2nd, 4th, 8th ... frame.
 */
static int walk__follow(struct walk *w, struct py_pages *pages, const struct ls_pyoffsets *py,
			uint64_t addr)
{
	uint8_t words[FRAME_BYTES_MAX];
	uint64_t mark = 0;

	if (py->frame_bytes > sizeof(words))
		return -ENOTSUP;
	for (size_t i = 0, next_mark = 1; addr; i++) {
		int r = addr == mark || i == MAX_WALKED ?
			-ELOOP :
			py_pages__read(pages, addr, words, py->frame_bytes);

		if (r)
			return r;
		if (w->n_links <= MAX_LINKS)
			w->links[w->n_links++] = addr;
		if (i == next_mark) {
			mark = addr;
			next_mark *= 2;
		}
		if (!py_frame_is_shim(py, words))
			walk__push(w, addr,
				   &(struct target_frame){
					   .at = { py_frame_code(py, words),
						   py_frame_position(py, words) },
					   .coro = py_frame_generator(py, words, addr),
				   });
		addr = py_word(words, py->frame_previous);
	}
	return 0;
}

static void walk__run(struct walk *w, const struct target *t, struct py_pages *pages,
		      uint64_t tstate)
{
	uint64_t top = 0;

	w->n = w->n_all = w->n_links = 0;
	py_pages__forget(pages);
	w->r = py_frame_top(t, tstate, &top);
	if (!w->r)
		w->r = walk__follow(w, pages, &t->proc.py.at, top);
	walk__end(w);
}

/* Frame `i` of one walk and `j` of the other. */
static bool is_same(const struct walk *a, size_t i, const struct walk *b, size_t j)
{
	return a->addrs[i] == b->addrs[j] && a->frames[i].at.code == b->frames[j].at.code &&
		a->frames[i].coro == b->frames[j].coro;
}

static bool has_same_position(const struct walk *a, size_t i, const struct walk *b, size_t j)
{
	return a->frames[i].at.position == b->frames[j].at.position;
}

static bool agree(const struct walk *a, const struct walk *b)
{
	if (a->r || b->r || a->n_all != b->n_all)
		return false;
	for (size_t i = 0; i < b->n; i++)
		if (!is_same(a, i, b, i) || (i && !has_same_position(a, i, b, i)))
			return false;
	return true;
}

/* Reads the links of the innermost frames with one system call, which is nearly atomic. */
static bool is_confirmed(const struct walk *w, const struct target *t, uint64_t tstate)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	const bool has_cframe = py->cframe_current != LS_PY_NONE;
	const size_t n_links = w->n_links < MAX_LINKS ? w->n_links : MAX_LINKS;
	uint8_t words[PROCMEM_MANY * FRAME_BYTES_MAX];
	uint64_t addrs[PROCMEM_MANY], expected[TOP_LINKS] = { w->n_links ? w->links[0] : 0 };
	size_t n_top = 0;

	addrs[n_top++] = tstate + py->tstate_frame;
	if (has_cframe) {
		expected[1] = expected[0];
		if (py_read_u64(t, addrs[0], &expected[0]))
			return false;
		addrs[n_top++] = expected[0] + py->cframe_current;
	}
	memcpy(addrs + n_top, w->links, n_links * sizeof(addrs[0]));
	memcpy(addrs + n_top + n_links, addrs, n_top * sizeof(addrs[0]));
	if (procmem__read_many(t->pid, addrs, 2 * n_top + n_links, words, py->frame_bytes))
		return false;
	for (size_t i = 0; i < n_top; i++)
		if (py_word(words + i * py->frame_bytes, 0) != expected[i] ||
		    py_word(words + (n_top + n_links + i) * py->frame_bytes, 0) != expected[i])
			return false;
	for (size_t i = 0; i < n_links; i++) {
		const uint64_t next = i + 1 < w->n_links ? w->links[i + 1] : 0;

		if (py_word(words + (n_top + i) * py->frame_bytes, py->frame_previous) != next)
			return false;
	}
	return true;
}

/*
 * The number of inner frames of `b` to leave out, so that the rest are on both stacks: compared
 * from the outermost one inwards, up to the first that is in another place now.
 */
static size_t count_changed(const struct walk *a, const struct walk *b)
{
	const size_t shift = a->n - b->n; /* may wrap around; then i + shift does, too */
	const size_t end = a->n_all == b->n_all || b->n_all <= N_INNER ? 0 : N_INNER;
	size_t i = b->n;

	if (a->r || b->r)
		return b->n;
	while (i > end && i - 1 + shift < a->n && is_same(a, i - 1 + shift, b, i - 1)) {
		i--;
		if (!has_same_position(a, i + shift, b, i))
			break;
	}
	return i;
}

static void take(const struct walk *w, size_t n_changed, bool is_torn, struct target_stack *stack)
{
	const bool has_gap = w->n_all > w->n && n_changed < N_INNER;

	stack->n_frames = w->n - n_changed;
	stack->n_left_out = has_gap ? w->n_all - w->n : 0;
	stack->n_inner = has_gap ? N_INNER - n_changed : stack->n_frames;
	stack->is_torn = is_torn;
	memcpy(stack->frames, w->frames + n_changed, stack->n_frames * sizeof(*stack->frames));
}

/* The outermost frame of most walks: a thread keeps it, a torn chain may end anywhere. */
struct root {
	uint64_t addr;
	unsigned int lead; /* walks for it, less those against */
};

/* 0: none. A coroutine that no frame has called was left already, or its stack is a greenlet's. */
static uint64_t root_of(const struct walk *w)
{
	return !w->r && w->n && !w->frames[w->n - 1].coro ? w->addrs[w->n - 1] : 0;
}

static void root__vote(struct root *root, const struct walk *w)
{
	const uint64_t addr = root_of(w);

	if (!root->lead)
		root->addr = addr;
	root->lead += addr == root->addr ? 1 : -1U;
}

int py_thread_stack(const struct target *t, uint64_t tstate, struct target_stack *ret_stack)
{
	_cleanup_(py_pages__freep) struct py_pages *pages = NULL;
	struct walk walks[2], *last = &walks[0], *before = &walks[1];
	struct root root = { 0 };
	int n_agreed = 0;

	if (py_pages__new(&pages, t))
		return -ENOMEM;
	walk__run(last, t, pages, tstate);
	root__vote(&root, last);
	for (int i = 1; i < MAX_WALKS; i++) {
		struct walk *oldest = before;

		before = last;
		last = oldest;
		walk__run(last, t, pages, tstate);
		root__vote(&root, last);
		n_agreed += agree(before, last) && is_confirmed(last, t, tstate) &&
			is_confirmed(last, t, tstate);
		/* A stack without a root counts only if it does not change in all walks. */
		if (n_agreed >= (root_of(last) || !last->n ? 1 : MAX_WALKS - 1)) {
			take(last, 0, false, ret_stack);
			return 0;
		}
		if (py_pages__error(pages))
			return py_pages__error(pages);
	}
	if (last->r && last->r != -EFAULT && last->r != -ELOOP)
		return last->r;
	take(last, root.addr && root_of(last) == root.addr ? count_changed(before, last) : last->n,
	     true, ret_stack);
	return 0;
}
