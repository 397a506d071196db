/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See awaits.h. The samples of a step have the outer frames in common; the first frame that differs
 * is that of the code that moves. If it is at one await, elsewhere, at the same await again and
 * elsewhere again (or the other way round), then it has completed an await without suspending, and
 * come back to it.
 */
#include "model/awaits.h"

#include "model/naming.h"

#define MIN_RUNS 4 /* there, elsewhere, there, elsewhere */
#define MAX_PLACES 8 /* different awaits that are looked at */

static const struct ls_frame *outer_frame(const struct pending_stack *s, size_t level)
{
	return level < s->n_frames ? &s->frames[s->n_frames - 1 - level] : NULL;
}

static bool is_of_step(const struct pending_stack *s)
{
	return s->cause == LS_CAUSE_CPU && (s->flags & LS_STACK_AT_CORO) && s->n_frames;
}

static size_t common_levels(const struct pending_stack *a, const struct pending_stack *b)
{
	size_t n = 0;

	for (;; n++) {
		const struct ls_frame *fa = outer_frame(a, n), *fb = outer_frame(b, n);

		if (!fa || !fb || fa->code != fb->code || fa->position != fb->position)
			return n;
	}
}

/* The level at which the samples begin to differ, all in the same function. False: none. */
static bool find_level(const struct pending_span *span, size_t *ret_level, uint64_t *ret_code)
{
	const struct pending_stack *first = NULL;
	size_t level = LS_MAX_FRAMES;

	for (size_t i = 0; i < span->n_stacks; i++) {
		const struct pending_stack *s = span->stacks[i];
		size_t n;

		if (!is_of_step(s))
			continue;
		first = first ? first : s;
		n = first == s ? level : common_levels(first, s);
		level = n < level ? n : level;
	}
	if (!first || !outer_frame(first, level))
		return false;
	*ret_level = level;
	*ret_code = outer_frame(first, level)->code;
	for (size_t i = 0; i < span->n_stacks; i++) {
		const struct ls_frame *f = outer_frame(span->stacks[i], level);

		if (is_of_step(span->stacks[i]) && (!f || f->code != *ret_code))
			return false;
	}
	return true;
}

static const struct pending_stack *stack_of_hash(const struct pending_span *span, uint64_t hash)
{
	for (size_t i = 0; i < span->n_stacks; i++)
		if (span->stacks[i]->hash == hash)
			return span->stacks[i];
	return NULL;
}

/* How often the step came to the place and left it, plus 1. */
static size_t count_runs(const struct pending_span *span, size_t level, uint64_t position)
{
	bool was_there = false;
	size_t n_runs = 0;

	for (size_t i = 0; i < span->n_order; i++) {
		const struct pending_stack *s = stack_of_hash(span, span->order[i]);
		bool is_there;

		if (!s || !is_of_step(s))
			continue;
		is_there = outer_frame(s, level)->position == position;
		n_runs += !n_runs || is_there != was_there;
		was_there = is_there;
	}
	return n_runs;
}

/* Awaits another coroutine at this level? */
static bool is_at_await(const struct naming *n, const struct pending_stack *s, size_t level)
{
	const struct ls_frame *awaited = outer_frame(s, level + 1);

	return awaited && awaited->code && naming__is_awaited(n, awaited->code);
}

/* Adds a place, unless it is known or there is no room. */
static bool is_new(uint64_t *places, size_t *n, uint64_t position)
{
	for (size_t i = 0; i < *n; i++)
		if (places[i] == position)
			return false;
	if (*n == MAX_PLACES)
		return false;
	places[(*n)++] = position;
	return true;
}

void awaits__find(const struct resolver *resolver, const struct pending_span *span,
		  struct stall *stall)
{
	const struct naming naming = { .resolver = resolver, .pid = stall->pid };
	uint64_t places[MAX_PLACES], code;
	size_t level, n_places = 0;

	if (stall->unit != LS_UNIT_STEP || span->n_order < MIN_RUNS ||
	    !find_level(span, &level, &code) || !naming__is_awaited(&naming, code))
		return;
	for (size_t i = 0; i < span->n_stacks; i++) {
		const struct pending_stack *s = span->stacks[i];
		const struct ls_frame *at = outer_frame(s, level);

		if (!is_of_step(s) || !is_at_await(&naming, s, level) ||
		    !is_new(places, &n_places, at->position) ||
		    count_runs(span, level, at->position) < MIN_RUNS)
			continue;
		stall->repeated_await = naming__frame(&naming, at);
		return;
	}
}
