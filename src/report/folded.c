/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded stacks, one per line, as flame graph scripts read them: frames from the outside in,
 * divided by ";", a blank, and the weight: microseconds of stalled time. The leaf is the cause.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "report/output.h"
#include "report/report_impl.h"
#include "report/stacks.h"

static int folded_start(struct report *report, const struct report_start *start)
{
	(void)start;
	return stacks__init(report->state);
}

static int folded_stall(struct report *report, const struct stall *stall)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	int n = stacks__add(report->state, stall, parts);

	return n < 0 ? n : 0;
}

/* Writes a frame; the separator inside a name is replaced. */
static int put_frame(FILE *out, const struct stacks *s, uint32_t frame)
{
	_cleanup_free_ char *label = stacks__label(s, frame), *safe = NULL;

	safe = label ? output_escape(label) : NULL;
	if (!safe)
		return -ENOMEM;
	for (const char *p = safe; *p; p++) {
		if (*p == ';')
			fputs("\\x3b", out);
		else
			fputc(*p, out);
	}
	return 0;
}

static int put_stack(FILE *out, const struct stacks *s, uint32_t node)
{
	uint32_t path[STACKS_MAX_DEPTH];
	size_t depth = 0;

	for (uint32_t n = node; n != STACKS_ROOT && depth < STACKS_MAX_DEPTH;
	     n = s->nodes[n].parent)
		path[depth++] = n;
	while (depth-- > 0) {
		int r = put_frame(out, s, s->nodes[path[depth]].frame);

		if (r < 0)
			return r;
		if (depth)
			fputc(';', out);
	}
	return 0;
}

static int folded_finish(struct report *report, const struct snapshot *snapshot,
			 const struct report_run *run)
{
	const struct stacks *s = report->state;
	_cleanup_(output__done) struct output o = {};
	int r;

	(void)snapshot;
	(void)run;
	r = output__init(&o);
	for (uint32_t i = STACKS_ROOT + 1; r >= 0 && i < stacks__n_nodes(s); i++) {
		/* Rounded, but never to 0: a stack that took any time stays visible. */
		uint64_t us = (s->nodes[i].self_ns + 500) / 1000;

		if (!s->nodes[i].self_ns)
			continue;
		r = put_stack(o.mem, s, i);
		fprintf(o.mem, " %" PRIu64 "\n", us ? us : 1);
	}
	return r < 0 ? r : output__send(&o, report->out);
}

static void folded_done(struct report *report)
{
	stacks__done(report->state);
}

const struct report_ops report_folded = {
	.state_bytes = sizeof(struct stacks),
	.start = folded_start,
	.stall = folded_stall,
	.finish = folded_finish,
	.done = folded_done,
};
