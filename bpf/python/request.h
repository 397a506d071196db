/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The HTTP request in whose step a span is, and the test that runs: read from the frames and the
 * memory of the current thread while the step runs, because a request may end with its step, and
 * its memory is used again by the next one.
 */
#ifndef LOOPSTALL_BPF_REQUEST_H
#define LOOPSTALL_BPF_REQUEST_H

#ifndef LOOPSTALL_HOSTED
#include "core/maps.h"
#endif
#include "core/port.h"
#include "core/state.h"
#include "python/running_test.h"

/*
 * On average one look in this time, 64 in a row: steps that only block for a moment must not feel
 * it.
 */
#define REQUEST_PRICE_NS 50000ULL
#define REQUEST_BURST_NS (64 * REQUEST_PRICE_NS)

#ifndef LOOPSTALL_HOSTED
/* Where requests are found in the process of the thread; NULL: it is none that has any. */
LS_INLINE struct ls_requests *requests_of(const struct thread_state *ts)
{
	__u32 tgid = ts->tgid;

	return bpf_map_lookup_elem(&requests, &tgid);
}
#endif

/*
 * Notes the frames that tell of a request, from `frame` to `last`. 0: the process has neither
 * requests nor tests.
 */
LS_SUBPROG int request_note(struct thread_state *ts, struct thread_stacks *stacks, __u64 frame,
			    __u64 last);
/* Reads what these lead to. */
LS_SUBPROG int request_read(struct thread_state *ts, struct thread_stacks *stacks);

/*
 * Fills stacks->request for the current span of the current thread, which still runs, until the
 * route is known: middleware may block before. `frame` is its innermost frame, `last` the outermost
 * one of the step.
 */
LS_INLINE void request_look(struct thread_state *ts, struct thread_stacks *stacks, __u64 frame,
			    __u64 last)
{
	if (!request_note(ts, stacks, frame, last))
		return;
	request_read(ts, stacks);
	test_read(ts, stacks);
}

/* Whether more can be learned of the current span: at a sample a look may always be made, */
LS_INLINE int request_is_open(const struct thread_state *ts, const struct thread_stacks *stacks)
{
	const struct request_look *look = &stacks->request;

	return look->span != ts->cur.number || look->found.state != LS_REQUEST_KNOWN ||
		look->found.is_path || look->found.route.kind == LS_NO_NAME;
}

/* and at a block, if not too many have been made. */
LS_INLINE int request_is_due(const struct thread_state *ts, const struct thread_stacks *stacks,
			     __u64 now_ns)
{
	return request_is_open(ts, stacks) && stacks->request.whole_ns < now_ns + REQUEST_BURST_NS;
}

LS_INLINE void request_pay(struct thread_stacks *stacks, __u64 now_ns)
{
	struct request_look *look = &stacks->request;

	look->whole_ns = (look->whole_ns > now_ns ? look->whole_ns : now_ns) + REQUEST_PRICE_NS;
}

/*
 * Sets request and test of the record of a span that ends, which has all but these. `stacks` may be
 * NULL.
 */
LS_SUBPROG int request_describe(struct thread_state *ts, struct thread_stacks *stacks,
				struct ls_rec_stall *rec);

#endif
