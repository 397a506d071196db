/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See finding_parts.h.
 */
#include "model/finding_parts.h"

#include <string.h>

#include "model/attribution.h"
#include "model/holder.h"
#include "model/naming.h"
#include "model/turn.h"

/* Of the time that is not the host's, a cause beside the main one takes at least a fifth. */
#define LEAST_SHARE 5
#define TURN_SHARE 0.5 /* of a turn, that its coroutine took to be its place */

enum rule_subject finding_part__subject(const struct finding_part *part)
{
	return part->rule ? part->rule->subject : SUBJECT_LINE;
}

/*
 * Index of the first frame from `at` outwards that has a name and is in the same file; SIZE_MAX if
 * the stack has none.
 */
static size_t find_around(const struct stall *stall, const struct model_frame *at)
{
	bool is_outside = false;

	for (size_t i = 0; i < stall->n_frames; i++) {
		const struct model_frame *frame = &stall->stack[i];

		is_outside = is_outside || frame_is_same_function(frame, at);
		if (is_outside && frame_is_known(frame) && !strcmp(frame->file, at->file) &&
		    !runtime_words__is_nameless(stall->words, frame->function))
			return i;
	}
	return SIZE_MAX;
}

/* The own function, or its nearest caller with a name; the line is that of the own frame. */
static void place_own(struct finding_part *part, const struct model_frame *own, uint32_t def_line)
{
	const struct stall *stall = part->stall;
	size_t around;

	part->at = *own;
	part->key_line = def_line;
	if (!runtime_words__is_nameless(stall->words, own->function))
		return;
	around = find_around(stall, own);
	if (around == SIZE_MAX)
		return;
	part->at.function = stall->stack[around].function;
	part->key_line = stall->def_lines[around];
}

/* Of steps that were no stalls the kernel side has sums by coroutine, but no lines. */
static const struct code_info *coroutine_of_turn(const struct stall *stall)
{
	const bool blocks = ls_cause_class(stall->cause) == LS_CLASS_BLOCKED;

	return blocks && turn__share(stall) >= TURN_SHARE ? turn__coroutine(stall) : NULL;
}

static void place_line(struct finding_part *part, const struct stall_share *share)
{
	const struct stall *stall = part->stall;
	const struct code_info *turn = coroutine_of_turn(stall);

	if (turn)
		part->at = (struct model_frame){ turn->name, turn->file, turn->first_line };
	else if (share)
		place_own(part, &share->at, share->def_line);
	else if (stall->own.function)
		place_own(part, &stall->own, stall->own_def_line);
	else if (stall->unit != LS_UNIT_CALLBACK || stall->coroutine.name)
		part->at = stall->call;
	if ((!share && !stall->own.function) || ls_cause_class(part->cause) != LS_CLASS_CPU)
		part->key_line = part->at.line;
	if (part->sign != SIGN_AWAITS || !stall->repeated_await.function)
		return;
	part->at = stall->repeated_await;
	part->key_line = part->at.line;
}

/*
 * What waited for the lock is innocent, and a holder that collected garbage as well. Work that
 * computes is one place, whatever line of it was seen.
 */
static void place_holder(struct finding_part *part)
{
	const struct model_frame *held =
		holder__own_frame(&part->stall->gil_holder, part->stall->words);

	if (held)
		part->at = *held;
}

/* What was observed of a wait is of the call that it was longest in. */
static bool is_of_longest_wait(const struct stall *stall, const struct stall_share *share)
{
	return !share ||
		(share->at.line == stall->own.line &&
		 frame_is_same_function(&share->at, &stall->own));
}

static enum sign sign_of(const struct stall *stall, enum ls_cause cause,
			 const struct stall_share *share)
{
	if (ls_cause_class(cause) == LS_CLASS_BLOCKED && !is_of_longest_wait(stall, share))
		return SIGN_NONE;
	if (cause == stall->cause)
		return stall->sign;
	return stall->own_ns && cause == stall->own_cause ? stall->own_sign :
							    stall__sign_of(stall, cause);
}

/* `share`: its line, NULL: the stall's own one. */
static struct finding_part part_of(const struct stall *stall, enum ls_cause cause, uint64_t ns,
				   const struct stall_share *share)
{
	const enum sign sign = sign_of(stall, cause, share);
	struct finding_part part = { .stall = stall,
				     .rule = lint_rule__find(stall->unit, cause, sign, ns),
				     .cause = cause,
				     .sign = sign,
				     .ns = ns,
				     .is_longest_wait = is_of_longest_wait(stall, share),
				     .starved_ns = stall__starved_share_ns(stall, ns) };

	if (finding_part__subject(&part) == SUBJECT_HOLDER)
		place_holder(&part);
	else if (finding_part__subject(&part) == SUBJECT_LINE)
		place_line(&part, share);
	return part;
}

/* Of the parts that a stall is taken apart into. */
struct apart {
	const struct stall *stall;
	enum ls_cause main;
	uint64_t own_ns, left_ns; /* without the host's; of it, in no part yet */
	size_t n;
	struct finding_part *parts;
};

static void add(struct apart *a, enum ls_cause cause, uint64_t ns, uint64_t seen_ns,
		const struct stall_share *share)
{
	struct finding_part *part = &a->parts[a->n];

	if (a->n == FINDING_MAX_PARTS)
		return;
	*part = part_of(a->stall, cause, ns, share);
	part->seen_ns = (double)seen_ns;
	a->left_ns -= ns < a->left_ns ? ns : a->left_ns;
	a->n++;
}

static bool is_worth_telling(const struct apart *a, uint64_t ns)
{
	return a->stall->threshold_ns && ns >= a->stall->threshold_ns &&
		ns >= a->own_ns / LEAST_SHARE;
}

/* Adds the lines of a cause, the largest first. The largest is added however small it is. */
static void add_lines(struct apart *a, enum ls_cause cause)
{
	const struct stall *stall = a->stall;
	const uint64_t cause_ns = stall->cause_ns[cause];
	const size_t n_before = a->n;

	for (size_t i = 0; i < stall->n_shares; i++) {
		const struct stall_share *share = &stall->shares[i];
		const uint64_t seen_ns = (uint64_t)((double)cause_ns * share->share);
		const bool is_first = a->n == n_before;

		if (share->cause != cause || (!is_first && !is_worth_telling(a, seen_ns)))
			continue;
		/* A function that computes answers for all that was computed. */
		if (ls_cause_class(cause) == LS_CLASS_BLOCKED)
			add(a, cause, seen_ns, seen_ns, share);
		else
			add(a, cause, cause_ns, seen_ns, share);
	}
	if (a->n == n_before)
		add(a, cause, cause_ns, (uint64_t)((double)cause_ns * stall->own_share), NULL);
}

/* What is too small for a part of its own goes to the largest of the main cause, unseen. */
static void add_rest(struct apart *a, size_t first)
{
	struct finding_part *part = &a->parts[first];

	part->ns += a->left_ns;
	if (coroutine_of_turn(a->stall))
		part->seen_ns = (double)part->ns * turn__share(a->stall);
	else if (!a->stall->n_shares)
		part->seen_ns = (double)part->ns * a->stall->own_share;
	part->rule = lint_rule__find(a->stall->unit, part->cause, part->sign, part->ns);
	part->starved_ns = stall__starved_share_ns(a->stall, part->ns);
	a->left_ns = 0;
}

static void take_apart(struct apart *a)
{
	const size_t first = a->n;

	a->left_ns = a->own_ns;
	add_lines(a, a->main);
	for (enum ls_cause i = LS_CAUSE_CPU; i < LS_CAUSE_MAX && a->stall->n_shares; i++)
		if (i != a->main && ls_cause_host(i) != LS_HOST_OWN &&
		    is_worth_telling(a, a->stall->cause_ns[i]))
			add_lines(a, i);
	add_rest(a, first);
}

size_t finding_parts__of(const struct stall *stall, enum ls_cause cause,
			 struct finding_part parts[FINDING_MAX_PARTS])
{
	const uint64_t host_ns = HOST_NS(stall->cause_ns);
	const bool is_host = ls_cause_host(cause) == LS_HOST_OWN;
	struct apart a = { .stall = stall,
			   .main = is_host ? stall->own_cause : cause,
			   .own_ns = stall->duration_ns - host_ns,
			   .parts = parts };

	if (is_host)
		add(&a, cause, host_ns, host_ns, NULL);
	if (!is_host || stall->own_ns)
		take_apart(&a);
	return a.n;
}
