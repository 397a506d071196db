/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread is in at this moment. The copy may be torn by a program that changes the state meanwhile: all
 * numbers are checked, and stacks are believed only if they carry the number of the open span.
 */
#include "probe/live.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/state.h"

static void copy_stack(struct probe_live *live, const struct ls_rec_stack *rec)
{
	live->n_frames = rec->n_frames < LS_MAX_FRAMES ? rec->n_frames : LS_MAX_FRAMES;
	memcpy(live->frames, rec->frames, live->n_frames * sizeof(live->frames[0]));
}

/* The place it is blocked at; false if it is not blocked, or waits for no more than a CPU. */
static bool fill_blocked(struct probe_live *live, const struct thread_state *ts)
{
	const struct ls_rec_stack *rec;

	if (!ts->off_at_ns || ts->off_kind != OFF_BLOCKED || ts->off_cause >= LS_CAUSE_MAX ||
	    ts->off_cause == LS_CAUSE_RUNQUEUE || ts->woken_at_ns)
		return false;
	live->cause = ts->off_cause;
	if (ts->off_site >= LS_MAX_SITES)
		return true;
	rec = &ts->sites[ts->off_site].rec;
	if (rec->span != ts->cur.number)
		return true;
	live->syscall = rec->syscall;
	copy_stack(live, rec);
	return true;
}

int live__read(int map_fd, int pidfd, struct probe_live *ret, uint32_t *ret_coroutine)
{
	struct thread_state ts;

	if (bpf_map_lookup_elem(map_fd, &pidfd, &ts))
		return -errno;
	if (ts.cur.unit != LS_UNIT_STEP && ts.cur.unit != LS_UNIT_CALLBACK)
		return -ENOENT;
	*ret = (struct probe_live){
		.pid = ts.tgid,
		.tid = ts.tid,
		.unit = ts.cur.unit,
		.cause = ts.off_at_ns ? LS_CAUSE_RUNQUEUE : LS_CAUSE_CPU,
		.syscall = LS_NO_SYSCALL,
		.start_ns = ts.cur.start_ns,
		.code = ts.cur.code,
	};
	*ret_coroutine = ts.cur.coroutine;
	if (!fill_blocked(ret, &ts) && ts.sample.span == ts.cur.number &&
	    !(ts.sample.flags & LS_STACK_OUTSIDE))
		copy_stack(ret, &ts.sample);
	return 0;
}
