/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which line took the time, and which function a callback is. What the frames of an event loop look
 * like is the runtime's to know.
 */
#include "model/attribution.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/naming.h"
#include "model/native_stack.h"
#include "model/own.h"
#include "model/step_ends.h"

#define STACK_CUT (LS_STACK_TRUNCATED | LS_STACK_UNREADABLE)

void attribution__split(const __u64 *cause_ns, uint64_t *ret_cpu_ns, uint64_t *ret_blocked_ns,
			uint64_t *ret_gil_ns, uint64_t *ret_runqueue_ns)
{
	*ret_cpu_ns = CLASS_NS(cause_ns, LS_CLASS_CPU);
	*ret_blocked_ns = CLASS_NS(cause_ns, LS_CLASS_BLOCKED);
	*ret_gil_ns = CLASS_NS(cause_ns, LS_CLASS_GIL);
	*ret_runqueue_ns = CLASS_NS(cause_ns, LS_CLASS_RUNQUEUE);
}

enum ls_cause attribution__cause(const __u64 *cause_ns)
{
	enum ls_cause best = LS_CAUSE_CPU, i;

	for (i = LS_CAUSE_CPU + 1; i < LS_CAUSE_MAX; i++) {
		if (cause_ns[i] > cause_ns[best])
			best = i;
		else if (best == LS_CAUSE_CPU && cause_ns[i] == cause_ns[best] && cause_ns[i] > 0)
			best = i;
	}
	return best;
}

/* One stack of the span with its innermost line. */
struct place {
	const struct pending_stack *stack;
	size_t order; /* of arrival */
	struct model_frame at; /* function NULL: no frame of the stack has a name */
};

/* A frame whose code object has gone says nothing, while the one around it is known. */
static struct model_frame name_innermost(const struct naming *n, const struct pending_stack *stack)
{
	for (size_t i = 0; i < stack->n_frames; i++) {
		struct model_frame frame;

		if (!stack->frames[i].code)
			continue;
		frame = naming__frame(n, &stack->frames[i]);
		if (frame_is_known(&frame))
			return frame;
	}
	return (struct model_frame){ NULL, NULL, 0 };
}

static int frame_compare(const struct model_frame *a, const struct model_frame *b)
{
	int r = strcmp(a->file, b->file);

	if (!r)
		r = (a->line > b->line) - (a->line < b->line);
	return r ? r : strcmp(a->function, b->function);
}

/* Same lines together; in a line the heaviest first. */
static int place_compare(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;
	int r = frame_compare(&a->at, &b->at);

	if (!r)
		r = (a->stack->weight_ns < b->stack->weight_ns) -
			(a->stack->weight_ns > b->stack->weight_ns);
	return r ? r : (a->order > b->order) - (a->order < b->order);
}

/* The heaviest stack of the heaviest line, or NULL. Sorts the array. */
static const struct place *places_heaviest(struct place *places, size_t n)
{
	uint64_t sum_ns, best_ns = 0;
	const struct place *best = NULL;
	size_t i, first;

	if (n)
		qsort(places, n, sizeof(*places), place_compare);
	for (first = 0; first < n; first = i) {
		sum_ns = 0;
		for (i = first; i < n && !frame_compare(&places[first].at, &places[i].at); i++)
			if (__builtin_add_overflow(sum_ns, places[i].stack->weight_ns, &sum_ns))
				sum_ns = UINT64_MAX;
		if (!best || sum_ns > best_ns) {
			best = &places[first];
			best_ns = sum_ns;
		}
	}
	return best;
}

/* Copies the stacks of a cause (LS_CAUSE_MAX: of any) that have frames. Returns their number. */
static size_t places_collect(const struct naming *n, const struct pending_span *span,
			     enum ls_cause cause, struct place *places)
{
	size_t i, n_places = 0;

	for (i = 0; i < span->n_stacks; i++) {
		struct place place = { .stack = span->stacks[i], .order = i };

		if (cause != LS_CAUSE_MAX && place.stack->cause != cause)
			continue;
		place.at = name_innermost(n, place.stack);
		if (place.at.function)
			places[n_places++] = place;
	}
	return n_places;
}

/* A wait whose stack could not be read still knows its system call. */
static const struct pending_stack *heaviest_frameless(const struct pending_span *span,
						      enum ls_cause cause)
{
	const struct pending_stack *best = NULL;
	size_t i;

	for (i = 0; i < span->n_stacks; i++)
		if (span->stacks[i]->cause == cause &&
		    (!best || span->stacks[i]->weight_ns > best->weight_ns))
			best = span->stacks[i];
	return best;
}

static int choose_stack(const struct naming *n, const struct pending_span *span,
			enum ls_cause cause, const struct pending_stack **ret_stack)
{
	const bool was_ready = ls_cause_class(cause) == LS_CLASS_RUNQUEUE;
	const enum ls_cause speaks = was_ready ? LS_CAUSE_CPU : cause;
	_cleanup_free_ struct place *places = NULL;
	const struct place *best;

	*ret_stack = NULL;
	if (!span->n_stacks)
		return 0;
	places = calloc(span->n_stacks, sizeof(*places));
	if (!places)
		return -ENOMEM;
	best = places_heaviest(places, places_collect(n, span, speaks, places));
	if (!best)
		best = places_heaviest(places, places_collect(n, span, LS_CAUSE_MAX, places));
	*ret_stack = best ? best->stack : heaviest_frameless(span, cause);
	return 0;
}

static enum frame_role frame_role(const struct stall *stall, size_t i)
{
	return runtime_words__frame_role(stall->words, stall->stack[i].file,
					 stall->stack[i].function);
}

/*
 * Number of the innermost frames that are a loop which the user's code runs inside this one; 0 if
 * there is none. The stack of a step ends with its coroutine; a callback is inside the outer loop,
 * which is_at_loop: native, run by the last frame.
 */
static size_t nested_loop(const struct stall *stall, bool is_at_loop)
{
	bool has_boundary = false;
	size_t n = 0;

	for (; n < stall->n_frames && frame_role(stall, n) != FRAME_USER; n++)
		has_boundary = has_boundary || frame_role(stall, n) == FRAME_BOUNDARY;
	if (!has_boundary || n == stall->n_frames)
		return 0;
	for (size_t i = n; stall->unit == LS_UNIT_CALLBACK; i++) {
		if (i == stall->n_frames)
			return is_at_loop && n < i - 1 ? n : 0;
		if (frame_role(stall, i) == FRAME_BOUNDARY)
			break;
	}
	return n;
}

/*
 * Index of the frame that is the callback's function. Inside the innermost boundary: the outermost
 * frame that is no machinery, so that a protocol's method is named rather than the transport that
 * calls it; if all is machinery, the outermost. A native loop has no frames; there the stack ends
 * with the frame that runs it. A stack without boundary was cut (then the frame closest to the loop
 * is as near as we can get), or it was not taken inside the loop at all.
 */
static size_t callback_frame(const struct stall *stall, bool is_at_loop, bool *ret_is_bounded)
{
	size_t n = stall->n_frames, inner, i;

	for (inner = nested_loop(stall, is_at_loop);
	     inner < n && frame_role(stall, inner) != FRAME_BOUNDARY; inner++)
		;
	*ret_is_bounded = inner < n || is_at_loop;
	if (is_at_loop && inner == n && n > 1)
		inner = n - 1;
	for (i = inner; i > 0; i--)
		if (frame_role(stall, i - 1) == FRAME_USER)
			return i - 1;
	return inner > 0 ? inner - 1 : 0;
}

/* Whether user code inside the loop's poll runs, such as a selector that waits for more. */
static bool is_in_selector(const struct stall *stall)
{
	size_t n_user = 0;

	for (size_t i = 0; i < stall->n_frames; i++) {
		const enum frame_role role = frame_role(stall, i);

		if (role == FRAME_BOUNDARY || role == FRAME_TURN)
			return role == FRAME_TURN && n_user > 0;
		n_user += role == FRAME_USER;
	}
	return false;
}

static struct model_frame innermost_known(const struct stall *stall)
{
	for (size_t i = 0; i < stall->n_frames; i++)
		if (frame_is_known(&stall->stack[i]))
			return stall->stack[i];
	return (struct model_frame){ NULL, NULL, 0 };
}

static bool is_finalizer(const struct stall *stall, const struct model_frame *frame)
{
	const struct runtime_words *words = runtime_words__or_default(stall->words);

	return words->is_finalizer && frame_is_known(frame) &&
		words->is_finalizer(frame->file, frame->function);
}

/* A frame whose function the interpreter called by itself, as the kernel side saw it. */
struct own_call {
	size_t at; /* in the stall's stack; SIZE_MAX: there is none */
	enum ls_own_call what;
};

static enum call_context context_of(const struct stall *stall, const struct own_call *call,
				    size_t i)
{
	if (is_finalizer(stall, &stall->stack[i]))
		return CONTEXT_FINALIZER;
	if (i == call->at && call->what == LS_CALL_SIGNAL)
		return CONTEXT_SIGNAL;
	return i == call->at && call->what == LS_CALL_DEATH ? CONTEXT_DEATH : CONTEXT_TASK;
}

/* A greenlet of a library that runs its loop in another one may wait. */
static bool is_greenlet(const struct stall *stall, const struct pending_stack *stack)
{
	return (stack->flags & LS_STACK_GREENLET) &&
		(stall->context.library == LIBRARY_GEVENT ||
		 stall->context.library == LIBRARY_EVENTLET);
}

/*
 * The outermost function that the interpreter called: another one in it is run by it. `callback`:
 * the code of what the loop called and that cannot await, 0 if there is none.
 */
static void find_context(struct stall *stall, const struct own_call *call, uint64_t callback)
{
	for (size_t i = stall->n_frames; i > 0; i--) {
		const enum call_context context = context_of(stall, call, i - 1);

		if (context == CONTEXT_TASK)
			continue;
		stall->context.call = context;
		stall->own_call = stall->stack[i - 1];
		if (i < stall->n_frames)
			stall->interrupted = stall->stack[i];
		return;
	}
	/* What C code called cannot await either. */
	if (call->what == LS_CALL_MAYBE_DEATH || callback)
		stall->context.call = CONTEXT_CALLBACK;
}

/* Is the frame a generator of which a library has made a coroutine? */
static bool is_resumed(const struct stall *stall, size_t i)
{
	return i + 1 < stall->n_frames && frame_role(stall, i + 1) == FRAME_RESUMES;
}

/* Is the innermost frame the loop's own, which calls something in C that is not known? */
static bool is_unseen_callee(const struct stall *stall, size_t i, bool is_at_loop)
{
	return !i &&
		(frame_role(stall, i) == FRAME_BOUNDARY || (is_at_loop && stall->n_frames == 1));
}

/* Names the frames. */
static void fill_frames(const struct naming *n, const struct pending_stack *stack,
			struct stall *stall, uint64_t *codes, struct own_call *ret_call)
{
	const size_t called = stack->flags >> LS_STACK_CALLED_SHIFT & LS_STACK_CALLED_MASK;

	*ret_call = (struct own_call){
		.at = SIZE_MAX,
		.what = (enum ls_own_call)(stack->flags >> LS_STACK_CALL_SHIFT &
					   LS_STACK_CALL_MASK),
	};
	for (size_t i = 0; i < stack->n_frames; i++) {
		if (!stack->frames[i].code)
			continue;
		if (i == called && ret_call->what != LS_CALL_NONE)
			ret_call->at = stall->n_frames;
		codes[stall->n_frames] = stack->frames[i].code;
		stall->def_lines[stall->n_frames] =
			naming__code(n, stack->frames[i].code).first_line;
		stall->stack[stall->n_frames++] = naming__frame(n, &stack->frames[i]);
	}
}

/* False if the stack was not taken inside the loop, or where it waits. */
static bool fill_stack(const struct naming *n, const struct pending_stack *stack,
		       struct stall *stall)
{
	uint64_t codes[LS_MAX_FRAMES];
	struct own_call call;
	bool is_bounded, is_awaited;
	size_t i;

	fill_frames(n, stack, stall, codes, &call);
	stall->is_stack_cut = (stack->flags & STACK_CUT) ||
		(stall->unit == LS_UNIT_STEP && !(stack->flags & LS_STACK_AT_CORO));
	if (!stall->n_frames)
		return true;
	stall->call = innermost_known(stall);
	stall->collects =
		stack->cause == LS_CAUSE_GC && naming__collects(n, codes[0], stall->stack[0].line);
	stall->is_nested_loop = nested_loop(stall, stack->flags & LS_STACK_AT_LOOP) > 0;
	if (stall->unit != LS_UNIT_CALLBACK) {
		find_context(stall, &call, 0);
		return true;
	}
	if (ls_cause_class(stall->cause) == LS_CLASS_BLOCKED && call.at == SIZE_MAX &&
	    is_in_selector(stall))
		return false;
	i = callback_frame(stall, stack->flags & LS_STACK_AT_LOOP, &is_bounded);
	is_awaited = is_resumed(stall, i) || naming__is_awaited(n, codes[i]);
	is_bounded |= !!(stack->flags & LS_STACK_GREENLET);
	if (!is_unseen_callee(stall, i, stack->flags & LS_STACK_AT_LOOP))
		stall->coroutine = naming__coroutine(n, codes[i]);
	if (is_bounded) {
		stall->n_frames = i + 1;
		stall->is_stack_cut = false;
	}
	find_context(stall, &call, is_awaited || is_greenlet(stall, stack) ? 0 : codes[i]);
	return is_bounded || stall->is_stack_cut;
}

int attribution__place(const struct resolver *resolver, const struct own_rules *own,
		       const struct ls_rec_stall *rec, const struct pending_span *span,
		       struct stall *stall, bool *ret_is_inside)
{
	const struct naming naming = { resolver, rec->hdr.tgid, rec->code, rec->qualname };
	const struct pending_stack *stack;
	int r;

	*ret_is_inside = true;
	stall->words = resolver__words(resolver, rec->hdr.tgid);
	if (stall->unit == LS_UNIT_STEP && rec->code)
		stall->coroutine = naming__coroutine(&naming, rec->code);
	step_ends__fill(&naming, rec, stall);
	/* Steps that were no stalls have no stacks of their waits: where they computed is innocent.
	 */
	if (stall->unit == LS_UNIT_TURN && ls_cause_class(stall->cause) == LS_CLASS_BLOCKED)
		return 0;
	r = choose_stack(&naming, span, stall->cause, &stack);
	if (r)
		return r;
	if (stack) {
		*ret_is_inside = fill_stack(&naming, stack, stall);
		native_stack__fill(resolver, span, stack, stall);
	}
	if (stack && stack->cause == stall->cause) {
		stall->call_syscall = resolver->ops->syscall(resolver->ctx, stack->syscall);
		if (stack->native_ip)
			stall->call_native =
				resolver->ops->native(resolver->ctx, stall->pid, stack->native_ip);
	}
	return own__fill(own, &naming, span, stall);
}
