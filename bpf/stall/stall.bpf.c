// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * A span of at least the threshold has ended: its stacks, its victims and its record go to user
 * space, if the budget allows.
 */
#include "stall/stall.h"

#include "core/accounting.h"
#include "core/collection.h"
#include "core/maps.h"
#include "core/off_cpu.h"
#include "core/span.h"
#include "python/objects.h"
#include "python/request.h"
#include "queue/victims.h"
#include "stall/codes.h"
#include "stall/report_budget.h"
#include "stall/sockets.h"
#include "stall/step_ends.h"
#include "stall/step_name.h"
#include "stall/trace_context.h"
#include "stall/turn_parts.h"

/* Is it the one that the span waited for longest? */
static __always_inline int is_longest_holder(const struct thread_state *ts,
					     const struct lock_holder *holder)
{
	const struct held *held = holder->rec.cause == LS_CAUSE_LOCK ? &ts->cur.lock : &ts->cur.gil;

	return holder->rec.span == ts->cur.number && holder->id && holder->tstate == held->tstate &&
		holder->id == held->id;
}

/*
 * Sends what the threads ran that held the GIL, and other locks, for most of the time that the span
 * waited for them.
 */
static __always_inline void holders_send(struct thread_state *ts, __u64 now_ns)
{
	struct thread_holders *holders;
	__u32 i;

	if (!ts->cur.gil.tstate && !ts->cur.lock.id)
		return;
	holders = holders_of(bpf_get_current_task_btf());
	if (!holders)
		return;
	for (i = 0; i < LS_MAX_HOLDERS; i++) {
		struct lock_holder *holder = &holders->locks[i];
		const __u16 cause = holder->rec.cause;

		if (!is_longest_holder(ts, holder))
			continue;
		if (holder->rec.flags & LS_STACK_UNREADABLE)
			count_loss(LS_LOSS_HOLDER_UNREADABLE);
		holder->rec.cause = holder_cause(holder);
		stack_send(ts, &holder->rec, now_ns);
		holder->rec.cause = cause;
	}
}

/* Sends the stacks of the span's blocking calls. */
static __always_inline void span_send_sites(struct thread_state *ts, __u64 now_ns)
{
	struct thread_stacks *stacks;
	__u32 i;

	if (!ts->has_stacks)
		return;
	stacks = stacks_of(bpf_get_current_task_btf());
	if (!stacks)
		return;
	for (i = 0; i < LS_MAX_SITES; i++) {
		struct ls_rec_stack *rec = &stacks->sites[i].rec;

		if (rec->span != ts->cur.number || !rec->weight_ns)
			continue;
		stack_send(ts, rec, now_ns);
	}
	holders_send(ts, now_ns);
}

/* When many stalls end, one wake-up is enough for all of them. */
#define WAKE_EVERY_NS 5000000

/*
 * Wakes user space at once, so that it can resolve names while the process still runs. The ring
 * would not wake it by itself: stacks lie before the record, which were submitted without a
 * wake-up.
 */
static __always_inline __u64 stall_wakeup(struct thread_state *ts, __u64 now_ns)
{
	if (now_ns - ts->user_woken_at_ns < WAKE_EVERY_NS)
		return 0;
	ts->user_woken_at_ns = now_ns;
	return BPF_RB_FORCE_WAKEUP;
}

/*
 * At the end of a step its task has the name that it has now; if the end was not seen, or the
 * process is gone, the name that was read while the step ran.
 */
static __always_inline void name_task(struct thread_state *ts, struct ls_rec_stall *rec)
{
	if (!ts->cur.is_light && !ts->cur.is_python) {
		pystr_read(&ts->proc.py.at, &rec->name,
			   read_ptr(ts->cur.task + ts->proc.py.at.task_name));
	} else if (!ts->cur.is_light && ts->victims.current != ts->cur.task) {
		rec->task = ts->victims.current;
		pystr_read(&ts->proc.py.at, &rec->name, victim_name(ts, ts->victims.current, 1));
	}
	if (rec->name.kind != LS_NO_NAME || !step_name_is_known(ts))
		return;
	rec->task = ts->look.named_task;
	rec->name = ts->look.name;
}

static __always_inline void turn_describe(const struct thread_state *ts, struct ls_rec_stall *rec)
{
	__u32 i;

	rec->start_ns = ts->turn_start_ns;
	rec->steps = ts->turn_steps - ts->turn_stall_steps;
	if (!ts->turn_is_touched)
		return;
	for (i = 0; i < LS_CAUSE_MAX; i++) {
		rec->cause_ns[i] = ts->turn_cause_ns[i];
		if (ts->turn_stalls_ns)
			rec->cause_ns[i] -= ts->turn_stall_cause_ns[i];
	}
	rec->stolen_ns = ts->turn_stolen_ns;
	rec->gc_generation = ts->turn_gc_generation;
}

static __always_inline void current_span_describe(struct thread_state *ts, struct ls_rec_stall *rec)
{
	struct ls_coro_stats *stats;

	rec->start_ns = ts->cur.start_ns;
	rec->task = ts->cur.task;
	rec->coro = ts->cur.coro;
	rec->code = ts->cur.code;
	stats = span_stats(ts);
	if (stats)
		rec->qualname = stats->qualname;
	rec->flags = (ts->cur.is_light ? LS_STALL_LIGHT : 0) |
		(ts->cur.is_late ? LS_STALL_BEGAN_BEFORE : 0);
	if (ts->cur.is_touched)
		span_describe(&ts->cur, rec);
	rec->from = ts->cur.from;
	if (ts->to_span == ts->cur.number)
		rec->to = ts->to;
}

static __always_inline void victims_describe(const struct thread_state *ts,
					     struct ls_rec_stall *rec)
{
	rec->victims = ts->victims.n;
	rec->starved_ns = ts->victims.starved_ns;
	rec->sockets = ts->sockets.n;
	rec->flags |= ts->victims.flags;
	if (!ts->sockets.is_known)
		rec->flags |= LS_STALL_SOCKETS_UNKNOWN;
}

/* What is none of the other causes is the CPU. */
static __always_inline void duration_set(struct ls_rec_stall *rec, __u64 duration_ns, __u64 now_ns)
{
	__u64 off_ns = 0;
	__u32 i;

	for (i = 0; i < LS_CAUSE_MAX; i++)
		off_ns += rec->cause_ns[i];
	/* A wait that was booked late can exceed the span; the causes must still add up. */
	if (off_ns > duration_ns) {
		duration_ns = off_ns;
		if (rec->start_ns + duration_ns > now_ns)
			rec->start_ns = now_ns - duration_ns;
	}
	rec->duration_ns = duration_ns;
	rec->cause_ns[LS_CAUSE_CPU] = duration_ns - off_ns;
}

LS_SUBPROG int stall_send(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit)
{
	struct thread_stacks *stacks;
	struct ls_rec_stall *rec;

	if (!ts)
		return 0;
	stacks = ts->has_stacks ? stacks_of(bpf_get_current_task_btf()) : NULL;
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_STALL);
		return 0;
	}
	/* The rest is set at the end. */
	__builtin_memset(rec, 0, __builtin_offsetof(struct ls_rec_stall, request));
	record_header(&rec->hdr, LS_REC_STALL, sizeof(*rec), now_ns, ts);
	rec->span = ts->cur.number;
	rec->unit = span_shown_unit(&ts->cur, unit);
	rec->threshold_ns = settings.threshold_ns;
	rec->loop = ts->loop;
	rec->name.kind = LS_NO_NAME;
	if (unit == LS_UNIT_TURN)
		turn_describe(ts, rec);
	else
		current_span_describe(ts, rec);
	victims_describe(ts, rec);
	duration_set(rec, duration_ns, now_ns);
	rec->end = ts->end;
	rec->signal = ts->end_signal;
	if (unit == LS_UNIT_STEP)
		name_task(ts, rec);
	request_describe(ts, stacks, rec);
	trace_describe(ts, stacks, rec);
	bpf_ringbuf_submit(rec, stall_wakeup(ts, now_ns));
	return 0;
}

/* A turn that is a stall beside the stalls in it is reported without them. */
static __always_inline void turn_add_stall(struct thread_state *ts, __u64 duration_ns, __u32 unit)
{
	__u32 i;

	if (!ts->turn_stalls_ns)
		__builtin_memset(ts->turn_stall_cause_ns, 0, sizeof(ts->turn_stall_cause_ns));
	ts->turn_stalls_ns += duration_ns;
	ts->turn_stall_steps += unit == LS_UNIT_STEP;
	if (!ts->cur.is_touched)
		return;
	for (i = 0; i < LS_CAUSE_MAX; i++)
		ts->turn_stall_cause_ns[i] += ts->cur.cause_ns[i];
}

LS_SUBPROG __u32 stall_begin(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit)
{
	__u32 is_reported;

	if (!ts)
		return 0;
	is_reported = stall_is_reported(unit == LS_UNIT_STEP ? span_stats(ts) : NULL, duration_ns,
					now_ns);
	ts->stats.stalls++;
	if (unit == LS_UNIT_TURN)
		return is_reported;
	turn_add_stall(ts, duration_ns, unit);
	if (!is_reported)
		return 0;
	code_copy(ts, ts->cur.code, now_ns);
	accounting_settle(ts);
	if (ts->cur.is_touched)
		span_send_sites(ts, now_ns);
	return is_reported;
}

/* The memory of the process may be gone, and with it the queues that name the victims. */
LS_SUBPROG int stall_cut_off(struct thread_state *ts, __u64 now_ns, __u32 end, __u32 signal)
{
	__u64 duration_ns, off_ns;

	if (!ts || ts->cur.unit == LS_UNIT_NONE)
		return 0;
	collection_settle(ts, now_ns);
	duration_ns = span_cpu_ns(ts, now_ns);
	off_ns = ts->cur.is_touched ? ts->cur.off_ns : 0;
	duration_ns += off_ns;
	/* Time on the CPU in light mode is counted as it passes. */
	ts->stats.open_ns += ts->cur.is_light ? off_ns : duration_ns;
	if (duration_ns < settings.threshold_ns)
		return 0;
	ts->victims.n = 0;
	ts->victims.named = 0;
	ts->victims.starved_ns = 0;
	ts->victims.current = ts->cur.task;
	ts->victims.flags = LS_STALL_VICTIMS_UNKNOWN;
	ts->sockets.n = 0;
	ts->sockets.is_known = 0;
	ts->end = end;
	ts->end_signal = signal;
	if (stall_begin(ts, now_ns, duration_ns, ts->cur.unit))
		stall_send(ts, now_ns, duration_ns, ts->cur.unit);
	else
		count_loss(LS_LOSS_STALL_SHED);
	ts->end = LS_END_RETURN;
	return 0;
}

/* The step has just ended: where it suspends. Its names must be known if the process ends, too. */
static __always_inline void step_ends_find(struct thread_state *ts, __u64 now_ns)
{
	step_to_read(ts);
	if (ts->cur.from.state == LS_AWAIT_SUSPENDED)
		code_copy(ts, ts->cur.from.frame.code, now_ns);
	if (ts->to.state == LS_AWAIT_SUSPENDED)
		code_copy(ts, ts->to.frame.code, now_ns);
}

LS_SUBPROG __u64 stall_report(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit,
			      __u64 entering)
{
	__u64 starved_ns;
	__u32 is_reported;

	if (!ts)
		return 0;
	is_reported = stall_begin(ts, now_ns, duration_ns, unit);
	victims_report(ts, now_ns, unit, entering, is_reported ? VICTIMS_NAMED : VICTIMS_COUNTED);
	starved_ns = ts->victims.starved_ns;
	if (unit != LS_UNIT_STEP)
		ts->stats.callbacks_starved_ns += starved_ns;
	if (!is_reported) {
		count_loss(LS_LOSS_STALL_SHED);
		return starved_ns;
	}
	if (unit == LS_UNIT_STEP) {
		step_ends_find(ts, now_ns);
		trace_remember(ts, now_ns);
	}
	if (unit == LS_UNIT_TURN)
		turn_send_parts(ts, now_ns);
	sockets_count(ts, bpf_get_current_task_btf());
	stall_send(ts, now_ns, duration_ns, unit);
	return starved_ns;
}
