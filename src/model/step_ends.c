/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See step_ends.h.
 */
#include "model/step_ends.h"

static struct step_end step_end(const struct naming *n, const struct ls_await *rec)
{
	struct step_end end = { .state = rec->state };
	struct code_info code;

	switch (end.state) {
	case LS_AWAIT_UNKNOWN:
	case LS_AWAIT_MAX:
		break;
	case LS_AWAIT_SUSPENDED:
		end.at = naming__frame(n, &rec->frame);
		break;
	case LS_AWAIT_BEGAN:
	case LS_AWAIT_RETURNED:
	case LS_AWAIT_RAISED:
	case LS_AWAIT_CANCELLED:
		code = naming__code(n, rec->frame.code);
		end.at = (struct model_frame){ code.name, code.file, 0 };
		if (end.state == LS_AWAIT_BEGAN)
			end.at.line = code.first_line;
		break;
	}
	return end;
}

void step_ends__fill(const struct naming *n, const struct ls_rec_stall *rec, struct stall *stall)
{
	if (stall->unit != LS_UNIT_STEP)
		return;
	stall->from = step_end(n, &rec->from);
	stall->to = step_end(n, &rec->to);
}

void step_ends__learn(const struct naming *n, const struct ls_rec_stall *rec)
{
	step_end(n, &rec->from);
	step_end(n, &rec->to);
}
