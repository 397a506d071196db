/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps: in all builds seen, every caller of task_step_impl compares the result with NULL right
 * behind the call and jumps. So the call and that jump frame a step at two instructions that the
 * kernel emulates. Without a symbol the function is known by what it alone does: it sends into the
 * coroutine.
 */
#include "python/step_spots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "process/code_spots.h"

#define MAX_CALLS 32
#define MAX_STEP_FUNCTIONS 4
#define REACH_DEPTH 3 /* door -> task_step -> split-off part -> task_step_impl */

/* By symbol: the function and its clones, which the callers call instead. */
static void find_by_symbol(struct elf_image *img, struct arch_callee *ret_impl)
{
	struct elf_symbol symbols[MAX_STEP_FUNCTIONS];
	size_t n = elf_image__functions_named(img, "task_step_impl", symbols, MAX_STEP_FUNCTIONS);

	for (size_t i = 0; i < n; i++)
		ret_impl->entries[ret_impl->n_entries++] = symbols[i].vaddr;
}

static bool is_reached(struct elf_image *img, const struct py_entries *entries, uint64_t impl)
{
	return entries->step_call && code_reaches(img, entries->step_call, impl, REACH_DEPTH) &&
		(!entries->wakeup_call ||
		 code_reaches(img, entries->wakeup_call, impl, REACH_DEPTH));
}

/*
 * An asyncio that is built into the interpreter imports nothing: it calls what the interpreter
 * exports.
 */
static void add_function(struct elf_image *img, const char *name, struct arch_callee *callee)
{
	struct elf_symbol symbol;

	elf_image__add_import(img, name, callee);
	if (callee->n_entries < ARCH_CALLEE_MAX && !elf_image__exported(img, name, &symbol) &&
	    symbol.is_function)
		callee->entries[callee->n_entries++] = symbol.vaddr;
}

/*
 * Without symbols: the function that sends into the coroutine and that is reached from all entry
 * points.
 */
static int find_by_import(struct elf_image *img, const struct py_entries *entries,
			  struct arch_callee *ret_impl)
{
	struct code_call calls[MAX_CALLS];
	struct arch_callee send = { .n_entries = 0 };
	int n;

	add_function(img, "PyIter_Send", &send); /* 3.10 and later */
	add_function(img, "_PyGen_Send", &send); /* 3.8, 3.9 */
	n = code_find_branches(img, &send, calls, MAX_CALLS);
	for (int i = 0; i < n; i++) {
		uint64_t start = calls[i].function.start;

		if ((ret_impl->n_entries && ret_impl->entries[0] == start) ||
		    !is_reached(img, entries, start))
			continue;
		if (ret_impl->n_entries == 1) {
			ret_impl->n_entries = 0;
			return -ENOTUNIQ;
		}
		ret_impl->entries[ret_impl->n_entries++] = start;
	}
	return n < 0 ? n : 0;
}

/* A jump inside the function itself (a loop, a split-off part) is no tail call. */
static bool is_tail_call(const struct code_call *call, const struct arch_callee *impl)
{
	if (call->insn.is_call)
		return false;
	for (size_t i = 0; i < impl->n_entries; i++)
		if (call->function.start == impl->entries[i])
			return false;
	return true;
}

static int add_step_calls(struct spots *s, struct elf_image *img, const struct arch_callee *impl,
			  struct step_search *search)
{
	struct code_call calls[MAX_CALLS];
	int n = code_find_branches(img, impl, calls, MAX_CALLS), framed = 0, open = 0, tails = 0;

	for (int i = 0; i < n; i++) {
		uint64_t behind;
		int r;

		if (!calls[i].insn.is_call) {
			tails += is_tail_call(&calls[i], impl);
			continue;
		}
		r = spots__add(s, img, calls[i].insn.vaddr, LS_SPOT_STEP_ENTER,
			       calls[i].insn.is_emulable);
		if (!r && !code_spot_behind(img, &calls[i], false, &behind)) {
			r = spots__add(s, img, behind, LS_SPOT_STEP_EXIT, true);
			framed++;
		} else {
			open++;
		}
		if (r)
			return r;
	}
	if (n >= 0 && !framed) {
		spots__done(s);
		search->rung = TARGET_RUNG_NONE;
		snprintf(search->note, sizeof(search->note),
			 "no call of the step function can be probed");
	} else if (open || tails) {
		snprintf(search->note, sizeof(search->note),
			 "steps through %d of %d calls of the step function cannot be timed",
			 open + tails, framed + open + tails);
	}
	return n < 0 ? n : 0;
}

int spots__add_steps(struct spots *s, struct elf_image *img, struct step_search *ret_search)
{
	struct arch_callee impl = { .n_entries = 0 };
	bool is_trusted;
	int r = 0;

	*ret_search = (struct step_search){ .rung = TARGET_RUNG_NONE };
	py_entries__find(&ret_search->entries, img);
	find_by_symbol(img, &impl);
	is_trusted = impl.n_entries > 1 ||
		(impl.n_entries && is_reached(img, &ret_search->entries, impl.entries[0]));
	ret_search->rung = TARGET_RUNG_SYMBOL;
	if (!is_trusted) {
		impl.n_entries = 0;
		ret_search->rung = TARGET_RUNG_ENTRY;
		r = find_by_import(img, &ret_search->entries, &impl);
	}
	if (impl.n_entries)
		return add_step_calls(s, img, &impl, ret_search);
	ret_search->rung = TARGET_RUNG_NONE;
	snprintf(ret_search->note, sizeof(ret_search->note), "%s",
		 r == -ENOTUNIQ ? "several functions look like the step function" :
			 ret_search->entries.step_call ?
				  "the step function was not found behind asyncio's entry points" :
				  "asyncio's entry points were not found in its method tables");
	return r == -ENOTUNIQ ? 0 : r;
}
