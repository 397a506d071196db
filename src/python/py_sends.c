/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The methods stand in the method table of PyCoro_Type, which every build exports. What they lead
 * to enters the coroutine's frame in one of two ways: it calls the evaluation function, or a
 * function that does. Either call and the jump behind it frame a step. Sources: cpython
 * Objects/genobject.c (gen_send, gen_send_ex, gen_send_ex2, gen_throw), Include/cpython/object.h.
 */
#include "python/py_sends.h"

#include <errno.h>
#include <string.h>

#include "process/code_spots.h"
#include "python/py_entries.h"

/* PyTypeObject, PyAsyncMethods, PyMethodDef */
#define TYPE_AS_ASYNC 80
#define TYPE_ITERNEXT 224
#define TYPE_METHODS 232
#define ASYNC_SEND 24
#define DEF_BYTES 32
#define DEF_FUNC 8
#define MAX_METHODS 32

#define MAX_CALLS 64
#define MAX_BRANCHES 128
#define HOT_DEPTH 2
#define SHARE_DEPTH 2

struct finder {
	struct spots *spots;
	struct elf_image *img;
	uint64_t send, throw;
	/* what a call of the function that resumes is to the method looked at */
	enum ls_spot calls;
	/* behind every await and every iteration over a generator: too frequent for a spot */
	struct code_reach hot;
	int n_evals;
	struct code_call evals[MAX_CALLS]; /* calls of the evaluation function */
	size_t n_done;
	uint64_t done[MAX_CALLS]; /* functions with spots of ours */
};

static uint64_t u64_at(struct elf_image *img, uint64_t vaddr)
{
	uint64_t value = 0;

	elf_image__read_u64(img, vaddr, &value);
	return value;
}

static uint64_t method(struct elf_image *img, uint64_t type, const char *name)
{
	uint64_t def = u64_at(img, type + TYPE_METHODS);

	for (int i = 0; def && i < MAX_METHODS; i++, def += DEF_BYTES) {
		uint64_t string = u64_at(img, def), func = u64_at(img, def + DEF_FUNC);
		const uint8_t *text = elf_image__bytes(img, string, strlen(name) + 1, NULL);

		if (!string || !text)
			return 0;
		if (!memcmp(text, name, strlen(name) + 1))
			return elf_image__is_code(img, func) ? func : 0;
	}
	return 0;
}

static bool is_function(const struct finder *f, uint64_t vaddr)
{
	struct elf_range range;

	return !elf_image__function_range(f->img, vaddr, &range) && range.start == vaddr;
}

static bool is_done(const struct finder *f, uint64_t function)
{
	for (size_t i = 0; i < f->n_done; i++)
		if (f->done[i] == function)
			return true;
	return false;
}

static bool calls_eval(const struct finder *f, uint64_t function)
{
	for (int i = 0; i < f->n_evals; i++)
		if (f->evals[i].function.start == function)
			return true;
	return false;
}

static bool can_frame(const struct finder *f, const struct code_call *call)
{
	uint64_t behind;

	return call->insn.is_call && call->insn.is_emulable &&
		!code_spot_behind(f->img, call, false, &behind);
}

/* Frames one call, if that is possible. 0 or -errno. */
static int frame_call(struct finder *f, const struct code_call *call, enum ls_spot kind)
{
	uint64_t behind;
	int r;

	if (code_spot_behind(f->img, call, false, &behind))
		return 0;
	r = spots__add(f->spots, f->img, call->insn.vaddr, kind, true);
	return r ? r : spots__add(f->spots, f->img, behind, LS_SPOT_RESUME_EXIT, true);
}

/* Frames the calls of the evaluation function in `function`. Their number or -errno. */
static int frame_evals(struct finder *f, uint64_t function)
{
	int n_framed = 0, r = 0;

	if (is_done(f, function) || f->n_done == MAX_CALLS || code_reach__has(&f->hot, function))
		return 0;
	for (int i = 0; !r && i < f->n_evals; i++) {
		if (f->evals[i].function.start != function || !can_frame(f, &f->evals[i]))
			continue;
		r = frame_call(f, &f->evals[i], LS_SPOT_RESUME_FRAME);
		n_framed++;
	}
	if (n_framed)
		f->done[f->n_done++] = function;
	return r ? r : n_framed;
}

/* Can all branches from `function` to `callee` be framed? Else its own calls have to be. */
static bool can_frame_all(const struct finder *f, const struct code_call *calls, int n,
			  uint64_t callee)
{
	for (int i = 0; i < n; i++)
		if (calls[i].insn.branch_target == callee && !can_frame(f, &calls[i]))
			return false;
	return true;
}

/* Frames the calls in `function` that enter a coroutine. Their number or -errno. */
static int frame_function(struct finder *f, uint64_t function)
{
	struct code_call calls[MAX_BRANCHES];
	int r = frame_evals(f, function), n_framed = r, n;

	if (r || is_done(f, function) || code_reach__has(&f->hot, function))
		return r;
	n = code_branches_of(f->img, function, calls, MAX_BRANCHES);
	for (int i = 0; r >= 0 && i < n; i++) {
		const uint64_t callee = calls[i].insn.branch_target;

		if (!calls_eval(f, callee) || is_done(f, callee))
			continue;
		if (can_frame_all(f, calls, n, callee)) {
			r = frame_call(f, &calls[i], f->calls);
			n_framed++;
		} else {
			r = frame_evals(f, callee);
			n_framed += r > 0 ? r : 0;
		}
	}
	if (n_framed && f->n_done < MAX_CALLS)
		f->done[f->n_done++] = function;
	return r < 0 ? r : n_framed;
}

/*
 * Calls `then` with each function that `function` leads to. The sum of what that returns, or
 * -errno.
 */
static int frame_next(struct finder *f, uint64_t function, bool only_jumps,
		      int (*then)(struct finder *f, uint64_t next))
{
	struct code_call calls[MAX_BRANCHES];
	int r = 0, n_framed = 0, n = code_branches_of(f->img, function, calls, MAX_BRANCHES);

	for (int i = 0; r >= 0 && i < n; i++) {
		uint64_t next = calls[i].insn.branch_target;

		if ((next >= calls[i].function.start && next < calls[i].function.end) ||
		    (only_jumps && calls[i].insn.is_call) || !is_function(f, next))
			continue;
		r = then(f, next);
		n_framed += r > 0 ? r : 0;
	}
	return r < 0 ? r : n_framed;
}

static int frame_handed_on(struct finder *f, uint64_t function)
{
	return frame_next(f, function, true, frame_function);
}

/*
 * Frames what a method leads to: itself, the next function or, where that is a jump and is followed
 * by another one, the one behind. Number of calls or -errno.
 */
static int frame_method(struct finder *f, uint64_t method, enum ls_spot calls)
{
	int r;

	f->calls = calls;
	r = frame_function(f, method);
	if (!r)
		r = frame_next(f, method, false, frame_function);
	return r ? r : frame_next(f, method, true, frame_handed_on);
}

static bool find_doors(struct finder *f)
{
	uint64_t await, iterate;
	struct arch_callee eval = { .n_entries = 0 };
	struct elf_symbol coro, gen, symbol;

	if (elf_image__exported(f->img, "PyCoro_Type", &coro) ||
	    elf_image__exported(f->img, "PyGen_Type", &gen))
		return false;
	f->send = method(f->img, coro.vaddr, "send");
	f->throw = method(f->img, coro.vaddr, "throw");
	iterate = u64_at(f->img, gen.vaddr + TYPE_ITERNEXT);
	/* Up to 3.9 await has no slot but this function. */
	await = !elf_image__exported(f->img, "_PyGen_Send", &symbol) ?
		symbol.vaddr :
		u64_at(f->img, u64_at(f->img, coro.vaddr + TYPE_AS_ASYNC) + ASYNC_SEND);
	if (!elf_image__exported(f->img, "_PyEval_EvalFrameDefault", &symbol))
		eval.entries[eval.n_entries++] = symbol.vaddr;
	elf_image__add_import(f->img, "_PyEval_EvalFrameDefault", &eval);
	f->n_evals = code_find_branches(f->img, &eval, f->evals, MAX_CALLS);
	if (!f->send || !f->throw || !elf_image__is_code(f->img, iterate) ||
	    !elf_image__is_code(f->img, await) || f->n_evals <= 0)
		return false;
	code_reach__add(&f->hot, f->img, await, HOT_DEPTH);
	code_reach__add(&f->hot, f->img, iterate, HOT_DEPTH);
	return true;
}

/* Does a method without calls of its own to frame lead to a function that has them? */
static bool is_shared(const struct finder *f, uint64_t method)
{
	for (size_t i = 0; i < f->n_done; i++)
		if (code_reaches(f->img, method, f->done[i], SHARE_DEPTH))
			return true;
	return false;
}

int spots__add_sends(struct spots *s, struct elf_image *core)
{
	struct finder f = { .spots = s, .img = core };
	int r;

	if (!find_doors(&f))
		return 0;
	r = frame_method(&f, f.send, LS_SPOT_RESUME_CORO);
	if (r > 0)
		r = frame_method(&f, f.throw, LS_SPOT_RESUME_THROW);
	/* Timing only some of the steps as if they were all would be worse than timing none. */
	if (r == 0 && !is_shared(&f, f.throw))
		spots__done(s);
	return r < 0 ? r : 0;
}

static int add_entry(struct spots *s, struct elf_image *img, uint64_t function, enum ls_spot kind)
{
	uint64_t spot;
	int r = function ? code_spot_entry(img, function, kind == LS_SPOT_TASK_RESUME, &spot) :
			   -ENOENT;

	return r ? r : spots__add(s, img, spot, kind, true);
}

/* Both or none: -ENOENT is no failure. */
static int add_both(struct spots *s, struct elf_image *img, uint64_t first, enum ls_spot first_kind,
		    uint64_t second, enum ls_spot second_kind)
{
	int r = add_entry(s, img, first, first_kind);

	if (!r)
		r = add_entry(s, img, second, second_kind);
	if (r)
		spots__done(s);
	return r == -ENOENT ? 0 : r;
}

int spots__add_send_doors(struct spots *s, struct elf_image *core)
{
	struct finder f = { .spots = s, .img = core };

	find_doors(&f);
	return add_both(s, core, f.send, LS_SPOT_TASK_RESUME, f.throw, LS_SPOT_TASK_RESUME);
}

int spots__add_task_notes(struct spots *s, struct elf_image *asyncio)
{
	struct py_entries entries;

	py_entries__find(&entries, asyncio);
	return add_both(s, asyncio, entries.enter_task, LS_SPOT_TASK_ANNOUNCE, entries.leave_task,
			LS_SPOT_TASK_LEAVE);
}
