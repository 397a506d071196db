/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread is in at this moment. The copy may be torn by a program that changes the state
 * meanwhile: all numbers are checked, and stacks are believed only if they carry the number of the
 * open span.
 */
#include "probe/open_spans.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "bpf/core/lock_watch.h"
#include "bpf/core/state.h"

/* A thread at one moment. */
struct thread_copy {
	struct thread_state state;
	struct thread_stacks stacks;
	struct thread_holders holders;
	struct lock_watch watch; /* valid if state.lock_watch */
};

/* Leaves zeros if the thread has none. */
static int copy_part(int map, int pidfd, void *part, size_t size)
{
	memset(part, 0, size);
	return bpf_map_lookup_elem(map, &pidfd, part) && errno != ENOENT ? -errno : 0;
}

/* Without it the wait for the lock has ended, or is not watched. */
static void copy_watch(const struct open_span_maps *maps, struct thread_copy *copy)
{
	const uint32_t index = copy->state.lock_watch - 1;

	if (copy->state.lock_watch && bpf_map_lookup_elem(maps->lock_watches, &index, &copy->watch))
		copy->state.lock_watch = 0;
}

static int copy_thread(const struct open_span_maps *maps, int pidfd, struct thread_copy *ret)
{
	int r;

	if (bpf_map_lookup_elem(maps->threads, &pidfd, &ret->state))
		return -errno;
	r = copy_part(maps->stacks, pidfd, &ret->stacks, sizeof(ret->stacks));
	if (!r)
		r = copy_part(maps->holders, pidfd, &ret->holders, sizeof(ret->holders));
	if (r)
		return r;
	copy_watch(maps, ret);
	if (ret->state.cur.unit != LS_UNIT_STEP && ret->state.cur.unit != LS_UNIT_CALLBACK)
		return -ENOENT;
	return 0;
}

/*
 * The moment that the copy shows: at `now_ns` or later, because it was taken behind it. A thread
 * that hardly runs, as one that waits for the GIL, would else wait for more than all of its time.
 */
static uint64_t copied_at_ns(const struct thread_state *ts, uint64_t now_ns)
{
	if (ts->on_at_ns > now_ns)
		now_ns = ts->on_at_ns;
	return ts->off_at_ns > now_ns ? ts->off_at_ns : now_ns;
}

static void copy_stack(struct probe_live *live, const struct ls_rec_stack *rec)
{
	live->stack_flags = rec->flags;
	live->n_frames = rec->n_frames < LS_MAX_FRAMES ? rec->n_frames : LS_MAX_FRAMES;
	memcpy(live->frames, rec->frames, live->n_frames * sizeof(live->frames[0]));
}

/* The place it is blocked at; false if it is not blocked, or waits for no more than a CPU. */
static bool fill_blocked(struct probe_live *live, const struct thread_state *ts,
			 const struct thread_stacks *stacks)
{
	const struct ls_rec_stack *rec;

	if (!ts->off_at_ns || ts->off_kind != OFF_BLOCKED || ts->off_cause >= LS_CAUSE_MAX ||
	    ts->off_cause == LS_CAUSE_RUNQUEUE || ts->woken_at_ns)
		return false;
	live->cause = ts->off_cause;
	if (ts->off_site >= LS_MAX_SITES)
		return true;
	rec = &stacks->sites[ts->off_site].rec;
	if (rec->span != ts->cur.number)
		return true;
	live->syscall = ts->why.syscall;
	copy_stack(live, rec);
	return true;
}

/* The wait that goes on at `now_ns`, in its two parts. */
struct wait {
	uint64_t blocked_ns, ready_ns;
};

static struct wait wait_so_far(const struct thread_state *ts, uint64_t now_ns)
{
	const uint64_t woken_ns =
		ts->off_cause == LS_CAUSE_RUNQUEUE ? ts->off_at_ns : ts->woken_at_ns;

	if (!ts->off_at_ns || ts->off_at_ns > now_ns || ts->off_cause >= LS_CAUSE_MAX)
		return (struct wait){ 0 };
	if (woken_ns < ts->off_at_ns || woken_ns > now_ns)
		return (struct wait){ .blocked_ns = now_ns - ts->off_at_ns };
	return (struct wait){ woken_ns - ts->off_at_ns, now_ns - woken_ns };
}

/* As the kernel side decides it when the wait ends. */
static bool has_holder(const struct thread_state *ts)
{
	if (ts->off_cause == LS_CAUSE_LOCK)
		return ts->lock_known != LS_LOCK_NOT_SEEN && ts->lock_known < LS_LOCK_MAX;
	return ts->off_cause == LS_CAUSE_GIL && ts->holder_tstate;
}

/* What the span has waited for the holder of the GIL, or the lock, that it waits for now. */
static uint64_t holder_wait_ns(const struct thread_copy *copy, const struct wait *wait)
{
	const struct thread_state *ts = &copy->state;
	const struct lock_holder *h = &copy->holders.locks[ts->holder_slot % LS_MAX_HOLDERS];

	if (!wait->blocked_ns || !has_holder(ts))
		return 0;
	if (ts->holder_slot >= LS_MAX_HOLDERS || h->rec.span != ts->cur.number)
		return wait->blocked_ns;
	return h->rec.weight_ns + wait->blocked_ns;
}

/* The wait that goes on counts if the span has waited for nobody else longer. */
static void fill_holder(struct ls_rec_stall *rec, const struct thread_state *ts, uint64_t waited_ns)
{
	const bool is_lock = ts->off_cause == LS_CAUSE_LOCK;

	if (ts->cur.is_touched &&
	    waited_ns <= (is_lock ? ts->cur.lock.longest_ns : ts->cur.gil.longest_ns))
		return;
	if (is_lock) {
		rec->lock_holder_tstate = ts->holder_tstate;
		rec->lock_holder_id = ts->holder_id;
		rec->lock_known = ts->lock_known;
	} else {
		rec->gil_holder_tstate = ts->holder_tstate;
		rec->gil_holder_id = ts->holder_id;
	}
}

static void fill_causes(struct ls_rec_stall *rec, const struct thread_copy *copy,
			const struct wait *wait)
{
	const struct thread_state *ts = &copy->state;
	const uint64_t waited_ns = holder_wait_ns(copy, wait);

	if (ts->cur.is_touched)
		span_describe(&ts->cur, rec);
	if (waited_ns)
		fill_holder(rec, ts, waited_ns);
	if (wait->blocked_ns)
		rec->cause_ns[ts->off_cause] += wait->blocked_ns;
	rec->cause_ns[LS_CAUSE_RUNQUEUE] += wait->ready_ns;
}

/* Stolen time that was first taken for the garbage collector's is corrected when a span ends. */
static uint64_t limit_collection(struct ls_rec_stall *rec, uint64_t off_ns)
{
	const uint64_t excess_ns = off_ns > rec->duration_ns ? off_ns - rec->duration_ns : 0;
	const uint64_t gc_ns = rec->cause_ns[LS_CAUSE_GC];
	const uint64_t cut_ns = excess_ns < gc_ns ? excess_ns : gc_ns;

	rec->cause_ns[LS_CAUSE_GC] -= cut_ns;
	return off_ns - cut_ns;
}

/* As far as the kernel side has read it by now. */
static void fill_request(struct ls_rec_stall *rec, const struct request_look *look)
{
	if (look->span != rec->span)
		return;
	rec->request = look->found;
	memcpy(rec->test, look->test, sizeof(rec->test));
}

static void fill_trace(struct ls_rec_stall *rec, const struct thread_copy *copy,
		       const struct wait *wait)
{
	const struct span *span = &copy->state.cur;
	const uint64_t off_ns = span->is_touched ? span->off_ns : 0;

	if (copy->stacks.trace.span == rec->span)
		trace_choose(&copy->stacks.trace, off_ns + wait->blocked_ns + wait->ready_ns,
			     rec->duration_ns, &rec->trace);
}

/* False if the copy is torn: its parts do not add up. */
static bool fill_stall(struct ls_rec_stall *rec, const struct thread_copy *copy,
		       const struct open_stall_query *q, uint64_t now_ns, const struct wait *wait)
{
	const struct thread_state *ts = &copy->state;
	uint64_t off_ns = 0;

	*rec = (struct ls_rec_stall){
		.hdr = { .kind = LS_REC_STALL,
			 .len = sizeof(*rec),
			 .ts_ns = now_ns,
			 .tgid = ts->tgid,
			 .tid = ts->tid },
		.span = ts->cur.number,
		.start_ns = ts->cur.start_ns,
		.loop = ts->loop,
		.task = ts->cur.task,
		.coro = ts->cur.coro,
		.code = ts->cur.code,
		.unit = span_shown_unit(&ts->cur, ts->cur.unit),
		.flags = LS_STALL_VICTIMS_UNKNOWN | LS_STALL_SOCKETS_UNKNOWN |
			(ts->cur.is_light ? LS_STALL_LIGHT : 0) |
			(ts->cur.is_late ? LS_STALL_BEGAN_BEFORE : 0),
		.end = q->end,
		.threshold_ns = q->min_ns,
		.name = { .kind = LS_NO_NAME },
		.from = ts->cur.from,
	};
	if (ts->cur.unit == LS_UNIT_STEP && ts->look.named_span == ts->cur.number) {
		rec->task = ts->look.named_task;
		rec->name = ts->look.name;
	}
	fill_request(rec, &copy->stacks.request);
	fill_causes(rec, copy, wait);
	rec->duration_ns = now_ns - ts->cur.start_ns - ts->cur.nested_ns;
	for (int i = 0; i < LS_CAUSE_MAX; i++)
		off_ns += i == LS_CAUSE_CPU ? 0 : rec->cause_ns[i];
	off_ns = limit_collection(rec, off_ns);
	rec->cause_ns[LS_CAUSE_CPU] = rec->duration_ns - off_ns;
	fill_trace(rec, copy, wait);
	return ts->cur.start_ns + ts->cur.nested_ns <= now_ns && off_ns <= rec->duration_ns;
}

static bool is_holder(const struct lock_holder *h, const struct ls_rec_stall *rec, uint32_t cause)
{
	if (h->rec.span != rec->span || !h->id || h->rec.cause != cause)
		return false;
	if (cause == LS_CAUSE_LOCK)
		return h->tstate == rec->lock_holder_tstate && h->id == rec->lock_holder_id;
	return h->tstate == rec->gil_holder_tstate && h->id == rec->gil_holder_id;
}

/*
 * What the holder of the GIL, or of the lock, ran that the stall names; NULL if no stack of it was
 * kept.
 */
static const struct lock_holder *holder_of(const struct thread_copy *copy,
					   const struct ls_rec_stall *rec, uint32_t cause)
{
	for (size_t i = 0; i < LS_MAX_HOLDERS; i++) {
		const struct lock_holder *h = &copy->holders.locks[i];

		if (is_holder(h, rec, cause))
			return h;
	}
	return NULL;
}

/* Where the holder was for most of the wait for a lock so far, and for how long. */
static const struct ls_rec_stack *watched_stack(const struct lock_watch *w, uint64_t now_ns,
						uint64_t *ret_ns)
{
	const bool is_there = !w->is_released && (w->is_off || !w->is_seen);
	const struct watch_place *place = &w->places[watch_choose(w)];
	uint64_t ns = is_there && now_ns > w->marked_ns ? now_ns - w->marked_ns : 0;

	if (w->now.n_frames && place->rec.frames[0].code == w->now.frames[0].code)
		ns += place->ns;
	if (w->now.n_frames && ns > place->ns) {
		*ret_ns = ns;
		return &w->now;
	}
	*ret_ns = place->ns;
	return &place->rec;
}

/* The wait that goes on counts as when it ends: bpf/core/lock_watch.bpf.c. */
static void holder_catch_up(struct thread_copy *copy, uint64_t now_ns)
{
	const struct thread_state *ts = &copy->state;
	const struct ls_rec_stack *stack;
	struct lock_holder *holder;
	uint64_t ns;

	if (!ts->lock_watch || ts->holder_slot >= LS_MAX_HOLDERS)
		return;
	holder = &copy->holders.locks[ts->holder_slot];
	stack = watched_stack(&copy->watch, now_ns, &ns);
	if (ns <= holder->stack_ns || stack->n_frames > LS_MAX_FRAMES)
		return;
	holder->rec.n_frames = stack->n_frames;
	holder->rec.flags = (uint16_t)(stack->flags | LS_STACK_HOLDER |
				       (copy->watch.is_seen ? 0 : LS_STACK_AT_BEGIN));
	memcpy(holder->rec.frames, stack->frames, stack->n_frames * sizeof(stack->frames[0]));
}

/* Of what it waits for now. */
static void copy_holder(struct probe_live *live, const struct thread_copy *copy)
{
	const struct lock_holder *h = holder_of(
		copy, &live->stall, live->cause == LS_CAUSE_LOCK ? LS_CAUSE_LOCK : LS_CAUSE_GIL);

	live->n_holder_frames = 0;
	if (!h || h->rec.n_frames > LS_MAX_FRAMES)
		return;
	live->n_holder_frames = h->rec.n_frames;
	memcpy(live->holder_frames, h->rec.frames, h->rec.n_frames * sizeof(h->rec.frames[0]));
}

static int emit(const struct open_stall_query *q, const void *rec, size_t size)
{
	struct event event;

	return event__decode(rec, size, &event) ? -EAGAIN : q->fn(q->ctx, &event);
}

/* A copy of a stack as a record of its own; one that is not of this span is left out. */
static int emit_stack(const struct open_stall_query *q, const struct ls_rec_stall *stall,
		      const struct ls_rec_stack *from, uint64_t more_ns)
{
	struct ls_rec_stack rec = *from;

	if (rec.span != stall->span || (!rec.weight_ns && !more_ns) || rec.n_frames > LS_MAX_FRAMES)
		return 0;
	rec.hdr = stall->hdr;
	rec.hdr.kind = LS_REC_STACK;
	rec.hdr.len = (uint16_t)(offsetof(struct ls_rec_stack, frames) +
				 rec.n_frames * sizeof(rec.frames[0]));
	rec.flags |= LS_STACK_SO_FAR;
	rec.weight_ns += more_ns;
	return emit(q, &rec, rec.hdr.len);
}

static int emit_holder(const struct open_stall_query *q, const struct ls_rec_stall *stall,
		       const struct thread_copy *copy, uint32_t cause)
{
	const struct lock_holder *holder = holder_of(copy, stall, cause);
	struct ls_rec_stack rec;

	if (!holder)
		return 0;
	rec = holder->rec;
	rec.cause = holder_cause(holder);
	return emit_stack(q, stall, &rec, 1);
}

/*
 * Copies the thread's state, and makes of its span a stall that ends now, and its wait. -ENOENT: no
 * span is open, or the thread is in a loop's poll. -EAGAIN: it changed while it was read.
 */
static int read_stall(const struct open_span_maps *maps, int pidfd,
		      const struct open_stall_query *q, struct thread_copy *copy,
		      struct ls_rec_stall *rec, struct wait *wait)
{
	const struct thread_state *ts = &copy->state;
	const int r = copy_thread(maps, pidfd, copy);
	uint32_t coroutine;
	uint64_t now_ns;

	if (r < 0)
		return r;
	if (ts->off_at_ns && ts->off_kind != OFF_BLOCKED)
		return -ENOENT;
	now_ns = copied_at_ns(ts, q->now_ns);
	*wait = wait_so_far(ts, now_ns);
	holder_catch_up(copy, now_ns);
	if (!fill_stall(rec, copy, q, now_ns, wait))
		return -EAGAIN;
	coroutine = ts->cur.coroutine;
	if (coroutine < LS_MAX_COROUTINES && maps->stats[coroutine].key.code == rec->code)
		rec->qualname = maps->stats[coroutine].qualname;
	return 0;
}

static uint64_t blocked_so_far_ns(const struct thread_state *ts, uint64_t now_ns)
{
	if (!ts->off_at_ns || ts->off_kind != OFF_BLOCKED || ts->off_at_ns > now_ns)
		return 0;
	return now_ns - ts->off_at_ns;
}

/* The wait of an idle loop is counted when it ends. */
static uint64_t idle_so_far_ns(const struct thread_state *ts, uint64_t now_ns)
{
	const uint64_t since_ns = ts->idle_at_ns ?: ts->off_at_ns;

	if (!ts->off_at_ns || ts->off_kind != OFF_IDLE || since_ns > now_ns)
		return 0;
	return now_ns - since_ns;
}

/* Of the open spans, as the kernel side counts it when a thread ends (spans_cut_off()). */
static uint64_t open_so_far_ns(const struct thread_state *ts, uint64_t now_ns)
{
	const unsigned int depth = ts->depth <= LS_MAX_NEST ? ts->depth : 0;
	const struct span *outermost = depth ? &ts->outer[0] : &ts->cur;
	uint64_t other_ns = ts->cur.nested_ns;

	if (ts->cur.unit == LS_UNIT_NONE)
		return ts->left_at_ns && ts->left_at_ns < now_ns ? now_ns - ts->left_at_ns : 0;
	if (ts->cur.is_light)
		return (ts->cur.is_touched ? ts->cur.off_ns : 0) + blocked_so_far_ns(ts, now_ns);
	for (unsigned int i = 0; i < depth; i++)
		other_ns += ts->outer[i].nested_ns;
	other_ns += outermost->start_ns;
	return other_ns < now_ns ? now_ns - other_ns : 0;
}

/* In light mode the time on the CPU is counted when it ends, or at a sample. */
static uint64_t light_so_far_ns(const struct thread_state *ts, uint64_t now_ns)
{
	const uint64_t since_ns =
		ts->on_at_ns > ts->light_booked_ns ? ts->on_at_ns : ts->light_booked_ns;

	if (ts->off_at_ns || !ts->cur.is_light || !since_ns || since_ns > now_ns)
		return 0;
	return now_ns - since_ns;
}

int open_span__stats(const struct open_span_maps *maps, int pidfd, uint64_t now_ns,
		     struct ls_thread_stats *ret)
{
	_cleanup_free_ struct thread_state *ts = malloc(sizeof(*ts));

	if (!ts)
		return -ENOMEM;
	if (bpf_map_lookup_elem(maps->threads, &pidfd, ts))
		return -errno;
	now_ns = copied_at_ns(ts, now_ns);
	*ret = ts->stats;
	ret->at_ns = now_ns;
	ret->idle_ns += idle_so_far_ns(ts, now_ns);
	ret->open_ns = open_so_far_ns(ts, now_ns);
	ret->light_cpu_ns += light_so_far_ns(ts, now_ns);
	return 0;
}

int open_span__read(const struct open_span_maps *maps, int pidfd, uint64_t now_ns,
		    struct probe_live *ret)
{
	const struct open_stall_query query = { .now_ns = now_ns, .end = LS_END_OPEN };
	_cleanup_free_ struct thread_copy *copy = malloc(sizeof(*copy));
	const struct thread_state *ts;
	struct wait wait;
	int r;

	if (!copy)
		return -ENOMEM;
	r = read_stall(maps, pidfd, &query, copy, &ret->stall, &wait);
	if (r < 0)
		return r;
	ts = &copy->state;
	ret->cause = ts->off_at_ns ? LS_CAUSE_RUNQUEUE : LS_CAUSE_CPU;
	ret->syscall = LS_NO_SYSCALL;
	ret->stack_flags = 0;
	ret->n_frames = 0;
	if (!fill_blocked(ret, ts, &copy->stacks) && copy->stacks.sample.span == ts->cur.number &&
	    !(copy->stacks.sample.flags & LS_STACK_OUTSIDE))
		copy_stack(ret, &copy->stacks.sample);
	copy_holder(ret, copy);
	return 0;
}

/* If the wait that goes on is the longest at its place, that goes by its system call. */
static void site_catch_up(struct thread_copy *copy, const struct wait *wait)
{
	const struct thread_state *ts = &copy->state;
	struct site *site;

	if (ts->off_site >= LS_MAX_SITES)
		return;
	site = &copy->stacks.sites[ts->off_site];
	if (wait->blocked_ns <= site->longest_ns)
		return;
	site->rec.syscall = ts->why.syscall;
	site->rec.native_ip = ts->why.native_ip;
}

int open_span__report(const struct open_span_maps *maps, int pidfd,
		      const struct open_stall_query *q)
{
	_cleanup_free_ struct thread_copy *copy = malloc(sizeof(*copy));
	struct ls_rec_stall rec;
	struct wait wait;
	int r;

	if (!copy)
		return -ENOMEM;
	r = read_stall(maps, pidfd, q, copy, &rec, &wait);
	if (r < 0)
		return r;
	if (rec.duration_ns < q->min_ns)
		return -ENOENT;
	site_catch_up(copy, &wait);
	for (size_t i = 0; i < LS_MAX_SITES && r >= 0; i++)
		r = emit_stack(q, &rec, &copy->stacks.sites[i].rec,
			       copy->state.off_site == i ? wait.blocked_ns : 0);
	if (r >= 0)
		r = emit_holder(q, &rec, copy, LS_CAUSE_GIL);
	if (r >= 0)
		r = emit_holder(q, &rec, copy, LS_CAUSE_LOCK);
	return r < 0 ? r : emit(q, &rec, sizeof(rec));
}
