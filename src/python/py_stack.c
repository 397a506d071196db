/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Python stack of a thread, walked from outside while it runs. The kernel side has the same
 * walk (bpf/python/frames.bpf.c). A frame may be left, freed and used again between two reads, so
 * the stack is walked until two walks in a row agree. The innermost position may differ: it moves
 * with each instruction. A program that does the same over and over is torn in the same way twice;
 * so the innermost frames are then read twice more, each time by one system call: their links and
 * what they run, because from 3.11 on calls of other functions use the same places. Sources:
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

/*
 * Innermost frames that one read confirms. Words of the thread state (TOP_WORDS at most) are read
 * in front of each few of them and at the end.
 */
#define TOP_WORDS 2
#define MAX_LINKS 30
#define LINKS_PER_TOP 2
#define MAX_TOPS (MAX_LINKS / LINKS_PER_TOP + 1)
_Static_assert(MAX_LINKS + MAX_TOPS * TOP_WORDS <= PROCMEM_MANY, "places of one read");

/* Where a frame is and what it runs, as two reads are compared. */
struct link {
	uint64_t addr, code, position;
};

/* One walk. From N_INNER on the newest frame replaces the oldest, until the end. */
struct walk {
	int r;
	size_t n, n_all;
	uint64_t addrs[TARGET_STACK_FRAMES];
	struct target_frame frames[TARGET_STACK_FRAMES];
	size_t n_links;
	struct link links[MAX_LINKS + 1]; /* the innermost frames, marks too, and the next one */
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
			w->links[w->n_links++] = (struct link){
				addr,
				py_frame_code(py, words),
				py_frame_position(py, words),
			};
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

/* Whether frame `i` still runs what it ran, and was called by the same one. */
static bool is_link_same(const struct walk *w, size_t i, const struct ls_pyoffsets *py,
			 const uint8_t *words)
{
	const struct link *link = &w->links[i];

	return py_word(words, py->frame_previous) == (i + 1 < w->n_links ? link[1].addr : 0) &&
		py_frame_code(py, words) == link->code &&
		(!i || py_frame_position(py, words) == link->position);
}

/* One read that confirms a walk. */
struct snapshot {
	size_t n, n_top; /* places in all; words of the thread state */
	uint64_t top[TOP_WORDS], expected[TOP_WORDS]; /* their addresses and values */
	uint64_t addrs[PROCMEM_MANY];
	size_t link_of[PROCMEM_MANY]; /* from MAX_LINKS on: a word of the thread state */
	uint8_t words[PROCMEM_MANY * FRAME_BYTES_MAX];
};

static void snapshot__add(struct snapshot *s, uint64_t addr, size_t link)
{
	s->addrs[s->n] = addr;
	s->link_of[s->n++] = link;
}

static void snapshot__add_top(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_top; i++)
		snapshot__add(s, s->top[i], MAX_LINKS + i);
}

static int snapshot__find_top(struct snapshot *s, const struct walk *w, const struct target *t,
			      uint64_t tstate)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	const uint64_t innermost = w->n_links ? w->links[0].addr : 0;

	s->n_top = 1;
	s->top[0] = tstate + py->tstate_frame;
	s->expected[0] = innermost;
	if (py->cframe_current == LS_PY_NONE)
		return 0;
	s->n_top = 2;
	s->expected[1] = innermost;
	if (py_read_u64(t, s->top[0], &s->expected[0]))
		return -1;
	s->top[1] = s->expected[0] + py->cframe_current;
	return 0;
}

static bool snapshot__is_of(const struct snapshot *s, const struct walk *w,
			    const struct ls_pyoffsets *py)
{
	for (size_t i = 0; i < s->n; i++) {
		const uint8_t *words = s->words + i * py->frame_bytes;
		const size_t link = s->link_of[i];

		if (link < MAX_LINKS ? !is_link_same(w, link, py, words) :
				       py_word(words, 0) != s->expected[link - MAX_LINKS])
			return false;
	}
	return true;
}

/*
 * Reads the innermost frames with one system call. It takes a microsecond or two, in which a loop
 * may return and call again; that the thread state says the same between the frames, too, makes the
 * moments short in which that is not seen.
 */
static bool is_confirmed(const struct walk *w, const struct target *t, uint64_t tstate)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	const size_t n_links = w->n_links < MAX_LINKS ? w->n_links : MAX_LINKS;
	struct snapshot s = { 0 };

	if (snapshot__find_top(&s, w, t, tstate))
		return false;
	for (size_t i = 0; i < n_links; i++) {
		if (i % LINKS_PER_TOP == 0)
			snapshot__add_top(&s);
		snapshot__add(&s, w->links[i].addr, i);
	}
	snapshot__add_top(&s);
	return !procmem__read_many(t->pid, s.addrs, s.n, s.words, py->frame_bytes) &&
		snapshot__is_of(&s, w, py);
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

/* 0: none. A coroutine that no frame has called was left already, or its stack is a greenlet's. */
static uint64_t root_of(const struct walk *w)
{
	return !w->r && w->n && !w->frames[w->n - 1].coro ? w->addrs[w->n - 1] : 0;
}

/* The outermost frame of most walks: a thread keeps it, a torn chain may end anywhere. */
static uint64_t elect_root(const struct walk *walks)
{
	unsigned int lead = 0; /* walks for it, less those against */
	uint64_t root = 0;

	for (size_t i = 0; i < MAX_WALKS; i++) {
		const uint64_t addr = root_of(&walks[i]);

		if (!lead)
			root = addr;
		lead += addr == root ? 1 : -1U;
	}
	return root;
}

/*
 * What all walks have in common of the last one. Two alone may be torn alike. A walk from another
 * root was torn.
 */
static void take_common(const struct walk *walks, struct target_stack *stack)
{
	const struct walk *last = &walks[MAX_WALKS - 1];
	const uint64_t root = elect_root(walks);
	size_t n_changed = 0, n_alike = 0;

	for (size_t i = 0; root && i < MAX_WALKS - 1; i++) {
		const size_t n = count_changed(&walks[i], last);

		if (root_of(&walks[i]) != root)
			continue;
		n_alike++;
		n_changed = n > n_changed ? n : n_changed;
	}
	take(last, n_alike && root_of(last) == root ? n_changed : last->n, true, stack);
}

int py_thread_stack(const struct target *t, uint64_t tstate, struct target_stack *ret_stack)
{
	_cleanup_(py_pages__freep) struct py_pages *pages = NULL;
	struct walk walks[MAX_WALKS];
	const struct walk *last = &walks[MAX_WALKS - 1];
	int n_agreed = 0;

	if (py_pages__new(&pages, t))
		return -ENOMEM;
	for (int i = 0; i < MAX_WALKS; i++) {
		struct walk *w = &walks[i];

		walk__run(w, t, pages, tstate);
		n_agreed += i && agree(w - 1, w) && is_confirmed(w, t, tstate) &&
			is_confirmed(w, t, tstate);
		/* A stack without a root counts only if it does not change in all walks. */
		if (n_agreed >= (root_of(w) || !w->n ? 1 : MAX_WALKS - 1)) {
			take(w, 0, false, ret_stack);
			return 0;
		}
		if (py_pages__error(pages))
			return py_pages__error(pages);
	}
	if (last->r && last->r != -EFAULT && last->r != -ELOOP)
		return last->r;
	take_common(walks, ret_stack);
	return 0;
}
