/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See turn.h.
 */
#include "model/turn.h"

#include <string.h>

#include "model/naming.h"

static struct code_info name_code(const struct resolver *resolver, uint32_t pid, uint64_t code,
				  uint64_t qualname)
{
	const struct naming naming = { resolver, pid, code, qualname };

	return code ? naming__coroutine(&naming, code) : (struct code_info){ NULL, NULL, 0 };
}

/* The user's innermost line while the tasks were made. */
static struct model_frame maker_line(const struct resolver *resolver,
				     const struct pending_stack *stack, const struct stall *stall)
{
	const struct naming naming = { .resolver = resolver, .pid = stall->pid };

	for (size_t i = 0; stack && i < stack->n_frames; i++) {
		struct model_frame frame;

		if (!stack->frames[i].code)
			continue;
		frame = naming__frame(&naming, &stack->frames[i]);
		if (frame_is_known(&frame) && !runtime_words__is_library(stall->words, frame.file))
			return frame;
	}
	return (struct model_frame){ NULL, NULL, 0 };
}

static void fill_maker(const struct resolver *resolver, const struct ls_rec_turn *rec,
		       const struct pending_stack *stack, struct stall *stall)
{
	struct turn_maker *maker = &stall->turn.maker;

	if (!rec->n_made)
		return;
	maker->n_made = rec->n_made;
	maker->origin = rec->maker_origin;
	maker->coroutine = name_code(resolver, stall->pid, rec->maker_code, rec->maker_qualname);
	maker->at = maker_line(resolver, stack, stall);
}

void turn__fill(const struct resolver *resolver, const struct pending_span *span,
		struct stall *stall)
{
	const struct ls_rec_turn *rec = span->turn;
	struct turn_parts *turn = &stall->turn;

	if (stall->unit != LS_UNIT_TURN || !rec)
		return;
	turn->is_known = true;
	turn->rest_ns = rec->rest_ns;
	turn->rest_steps = rec->rest_steps;
	turn->n_parts = rec->n_parts;
	for (size_t i = 0; i < turn->n_parts; i++)
		turn->parts[i] = (struct turn_part){
			.coroutine = name_code(resolver, stall->pid, rec->parts[i].code,
					       rec->parts[i].qualname),
			.steps = rec->parts[i].steps,
			.duration_ns = rec->parts[i].duration_ns,
		};
	fill_maker(resolver, rec, span->maker, stall);
}

void turn__learn_names(const struct resolver *resolver, const struct ls_rec_turn *rec)
{
	for (size_t i = 0; i < rec->n_parts; i++)
		name_code(resolver, rec->hdr.tgid, rec->parts[i].code, rec->parts[i].qualname);
	name_code(resolver, rec->hdr.tgid, rec->maker_code, rec->maker_qualname);
}

const struct code_info *turn__coroutine(const struct stall *stall)
{
	return stall->turn.n_parts && stall->turn.parts[0].coroutine.name ?
		&stall->turn.parts[0].coroutine :
		NULL;
}

double turn__share(const struct stall *stall)
{
	return turn__coroutine(stall) && stall->duration_ns ?
		(double)stall->turn.parts[0].duration_ns / (double)stall->duration_ns :
		0;
}

uint64_t turn__callbacks_ns(const struct stall *stall)
{
	uint64_t steps_ns = stall->turn.rest_ns;

	for (size_t i = 0; i < stall->turn.n_parts; i++)
		steps_ns += stall->turn.parts[i].duration_ns;
	return steps_ns < stall->duration_ns ? stall->duration_ns - steps_ns : 0;
}
