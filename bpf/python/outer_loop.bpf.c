// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See outer_loop.h.
 */
#ifndef LOOPSTALL_HOSTED
#include "core/maps.h"
#endif
#include "python/outer_loop.h"

#include "python/frames.h"
#include "python/objects.h"

#define LEARN_EVERY_NS 20000000ULL
#define MOST_OUTWARDS 256 /* frames between an inner loop and the outer one */

/* The first local of a function: the object whose method it is. */
LS_INLINE __u64 first_local(const struct thread_state *ts, __u64 frame)
{
	return read_ptr(frame + ts->proc.py.at.frame_locals) & ~(__u64)ts->proc.py.at.tag_mask;
}

LS_INLINE __u64 code_of_frame(const struct thread_state *ts)
{
	return frame_word(ts, ts->proc.py.at.frame_code) & ~(__u64)ts->proc.py.at.tag_mask;
}

/*
 * A native loop notes which thread runs it (uvloop: loop.pxd, _thread_id), and clears that when it
 * ends. The loop's structure begins with few other numbers.
 */
LS_INLINE void native_mark_learn(struct thread_state *ts, __u64 frame, __u64 key)
{
	const __u64 *words = (const __u64 *)ts->object;
	__u32 i;

	if (read_user(ts->object, sizeof(ts->object), ts->loop))
		return;
	for (i = 0; i < sizeof(ts->object) / sizeof(*words); i++) {
		if (!is_pthread_of(words[i], key))
			continue;
		ts->mark.code = frame;
		ts->mark.owner = words[i];
		ts->mark.owner_at = ts->loop + i * sizeof(*words);
		return;
	}
}

LS_SUBPROG int loop_mark_learn(struct thread_state *ts, __u32 is_native, __u64 key, __u64 now_ns)
{
	__u64 frame;

	if (!ts || (ts->mark.code && now_ns - ts->mark.learned_ns < LEARN_EVERY_NS))
		return 0;
	ts->mark.code = 0;
	ts->mark.is_native = is_native;
	ts->mark.learned_ns = now_ns;
	frame = frame_top(ts);
	if (is_native) {
		native_mark_learn(ts, frame, key);
		return 0;
	}
	if (!frame || frame_read(ts, frame))
		return 0;
	frame = frame_word(ts, ts->proc.py.at.frame_previous);
	if (!frame || frame_read(ts, frame))
		return 0;
	ts->mark.code = code_of_frame(ts);
	ts->mark.owner = first_local(ts, frame);
	return 0;
}

struct mark_search {
	struct thread_state *ts;
	__u64 frame;
	__u32 passed; /* frames inside it */
	__u32 like_it; /* of these, of the same code */
	__u32 is_found;
};

/* bpf_loop() callback: one frame outwards, up to the marked one. */
static long find_mark(__u32 i, struct mark_search *search)
{
	struct thread_state *ts = search->ts;

	(void)i;
	if (!search->frame || frame_read(ts, search->frame))
		return 1;
	if (code_of_frame(ts) == ts->mark.code) {
		search->is_found = first_local(ts, search->frame) == ts->mark.owner;
		if (search->is_found)
			return 1;
		search->like_it++;
	}
	search->passed++;
	search->frame = frame_word(ts, ts->proc.py.at.frame_previous);
	return 0;
}

LS_SUBPROG int loop_is_outer(struct thread_state *ts, __u32 sign)
{
	struct mark_search search = { .ts = ts };

	if (!ts || !ts->mark.code)
		return 0;
	search.frame = frame_top(ts);
	if (ts->mark.is_native)
		return read_ptr(ts->mark.owner_at) == ts->mark.owner &&
			(sign == INNER_OTHER || search.frame != ts->mark.code);
	bpf_loop(MOST_OUTWARDS, find_mark, &search, 0);
	if (!search.is_found)
		return 0;
	if (sign == INNER_POLL)
		return search.passed > 1;
	return sign == INNER_OTHER || search.like_it > 0;
}
