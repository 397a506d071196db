/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy of the ring beside a measurement that goes on: brought up to date, with the processes of
 * this moment and what it was made for.
 */
#include "session/parts.h"

#include <stdio.h>

/* Over days, more processes come and go than the metadata of a file have room for. */
static int note_targets(struct session *s)
{
	struct watch *w;

	recorder__forget_notes(s->feed.recorder, "target.");
	s->record.n_numbered = 0;
	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	w->number = 0;
	return session__note_targets(s);
}

static int note_reason(struct session *s, const char *reason, pid_t pid)
{
	char text[24];
	int r = recorder__note(s->feed.recorder, "reason", reason);

	snprintf(text, sizeof(text), "%d", (int)pid);
	return r < 0 ? r : recorder__note(s->feed.recorder, "reason_pid", text);
}

static int bring_up_to_date(struct session *s)
{
	const uint64_t now_ns = session__now_ns(s);
	int r = s->open.has_ended ? 0 : session__drain(s);

	if (r >= 0 && !s->open.has_ended)
		r = session__read_last(s, now_ns);
	if (r >= 0)
		r = session__read_spans(s, now_ns, s->opts.threshold_ns);
	/* All names that an open stall needs are then in the ring. */
	return r < 0 || s->life.is_over ? r : session__report_open_stalls(s, now_ns);
}

static int end_open_stalls(void *ctx)
{
	struct session *s = ctx;

	return session__record_open_stalls(s, session__now_ns(s));
}

int session__copy_recording(struct session *s, const struct record_cut *cut,
			    struct ring_copy **ret_copy)
{
	int r = bring_up_to_date(s);

	if (r >= 0)
		r = note_targets(s);
	if (r >= 0)
		r = note_reason(s, cut->reason, cut->pid);
	if (r < 0)
		return r;
	/* At the end of the session, the open stalls have ended in the ring itself. */
	return recorder__copy(s->feed.recorder, cut->since_ns,
			      s->life.is_over ? NULL : end_open_stalls, s, ret_copy);
}
