/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of fields and the one coder that walks them.
 */
#include "record/fields.h"

#include <string.h>

#include "base/array.h"
#include "record/answers.h"

struct field {
	uint16_t offset;
	uint8_t width; /* bytes of one element: 1, 2, 4, 8 */
	uint8_t count; /* enum field_count */
};

#define ONE(type, member)                                                                          \
	{                                                                                          \
		offsetof(type, member), sizeof(((type *)0)->member), FIELD_ONE                     \
	}
#define MANY(type, member, count)                                                                  \
	{                                                                                          \
		offsetof(type, member), sizeof(((type *)0)->member[0]), count                      \
	}
#define HEADER(type)                                                                               \
	ONE(type, hdr.cpu), ONE(type, hdr.ts_ns), ONE(type, hdr.tgid), ONE(type, hdr.tid)
#define NAME(type, name)                                                                           \
	ONE(type, name.number), ONE(type, name.length), ONE(type, name.copied),                    \
		ONE(type, name.kind), ONE(type, name.ascii),                                       \
	{                                                                                          \
		offsetof(type, name.data), sizeof(uint64_t), FIELD_NAME_WORDS                      \
	}

#define REQUEST(type, of)                                                                          \
	ONE(type, of request.state), ONE(type, of request.is_path),                                \
		ONE(type, of request.n_prefixes), ONE(type, of request.is_partial),                \
		NAME(type, of request.method), NAME(type, of request.route),                       \
		NAME(type, of request.prefixes[0]), NAME(type, of request.prefixes[1]),            \
		TEXT(type, of test[0]), TEXT(type, of test[1]), TEXT(type, of test[2])

#define TRACE(type, of)                                                                            \
	ONE(type, of trace.trace_id[0]), ONE(type, of trace.trace_id[1]),                          \
		ONE(type, of trace.span_id)

/* Text of LS_NAME_BYTES. */
#define TEXT(type, text)                                                                           \
	{                                                                                          \
		offsetof(type, text), sizeof(uint64_t), FIELD_NAME_WORDS                           \
	}

static const struct field event_thread[] = {
	HEADER(struct ls_rec_thread),
	ONE(struct ls_rec_thread, loop),
	ONE(struct ls_rec_thread, tstate),
	ONE(struct ls_rec_thread, thread_pointer),
};

static const struct field event_stack[] = {
	HEADER(struct ls_rec_stack),	     ONE(struct ls_rec_stack, span),
	ONE(struct ls_rec_stack, weight_ns), ONE(struct ls_rec_stack, native_ip),
	ONE(struct ls_rec_stack, count),     ONE(struct ls_rec_stack, cause),
	ONE(struct ls_rec_stack, syscall),   ONE(struct ls_rec_stack, flags),
};

static const struct field event_native[] = {
	HEADER(struct ls_rec_native),
	ONE(struct ls_rec_native, place.span),
	ONE(struct ls_rec_native, place.frame.code),
	ONE(struct ls_rec_native, place.frame.position),
	ONE(struct ls_rec_native, place.cause),
	ONE(struct ls_rec_native, flags),
	ONE(struct ls_rec_native, n_ips),
};

static const struct field event_victim[] = {
	HEADER(struct ls_rec_victim),	     ONE(struct ls_rec_victim, span),
	ONE(struct ls_rec_victim, task),     ONE(struct ls_rec_victim, code),
	ONE(struct ls_rec_victim, qualname), ONE(struct ls_rec_victim, starved_ns),
	NAME(struct ls_rec_victim, name),
};

static const struct field event_stall[] = {
	HEADER(struct ls_rec_stall),
	ONE(struct ls_rec_stall, span),
	ONE(struct ls_rec_stall, start_ns),
	ONE(struct ls_rec_stall, duration_ns),
	MANY(struct ls_rec_stall, cause_ns, FIELD_CAUSES),
	ONE(struct ls_rec_stall, loop),
	ONE(struct ls_rec_stall, task),
	ONE(struct ls_rec_stall, coro),
	ONE(struct ls_rec_stall, code),
	ONE(struct ls_rec_stall, qualname),
	ONE(struct ls_rec_stall, gil_holder_tstate),
	ONE(struct ls_rec_stall, gil_holder_id),
	ONE(struct ls_rec_stall, starved_ns),
	ONE(struct ls_rec_stall, victims),
	ONE(struct ls_rec_stall, sockets),
	ONE(struct ls_rec_stall, samples),
	ONE(struct ls_rec_stall, unit),
	ONE(struct ls_rec_stall, steps),
	ONE(struct ls_rec_stall, flags),
	NAME(struct ls_rec_stall, name),
	ONE(struct ls_rec_stall, stolen_ns),
	ONE(struct ls_rec_stall, end),
	ONE(struct ls_rec_stall, signal),
	ONE(struct ls_rec_stall, gc_generation),
	ONE(struct ls_rec_stall, stop),
	ONE(struct ls_rec_stall, stop_id),
	ONE(struct ls_rec_stall, quota_ns),
	ONE(struct ls_rec_stall, period_ns),
	ONE(struct ls_rec_stall, threshold_ns),
	ONE(struct ls_rec_stall, cpu_holder.ns),
	ONE(struct ls_rec_stall, cpu_holder.tgid),
	ONE(struct ls_rec_stall, cpu_holder.comm[0]),
	ONE(struct ls_rec_stall, cpu_holder.comm[1]),
	ONE(struct ls_rec_stall, pinned_ns),
	ONE(struct ls_rec_stall, gil_looks),
	ONE(struct ls_rec_stall, gil_free),
	TEXT(struct ls_rec_stall, gil_holder_name),
	ONE(struct ls_rec_stall, booked_user_ns),
	ONE(struct ls_rec_stall, booked_kernel_ns),
	ONE(struct ls_rec_stall, page_faults),
	ONE(struct ls_rec_stall, lock_holder_tstate),
	ONE(struct ls_rec_stall, lock_holder_id),
	ONE(struct ls_rec_stall, lock_known),
	TEXT(struct ls_rec_stall, lock_holder_name),
	ONE(struct ls_rec_stall, from.frame.code),
	ONE(struct ls_rec_stall, from.frame.position),
	ONE(struct ls_rec_stall, from.state),
	ONE(struct ls_rec_stall, to.frame.code),
	ONE(struct ls_rec_stall, to.frame.position),
	ONE(struct ls_rec_stall, to.state),
	REQUEST(struct ls_rec_stall, ),
	TRACE(struct ls_rec_stall, ),
	ONE(struct ls_rec_stall, library),
};

#define PART(i)                                                                                    \
	ONE(struct ls_rec_turn, parts[i].code), ONE(struct ls_rec_turn, parts[i].qualname),        \
		ONE(struct ls_rec_turn, parts[i].duration_ns),                                     \
		ONE(struct ls_rec_turn, parts[i].steps)

_Static_assert(LS_MAX_TURN_PARTS == 8, "each part is listed");

static const struct field event_turn[] = {
	HEADER(struct ls_rec_turn),
	ONE(struct ls_rec_turn, span),
	ONE(struct ls_rec_turn, rest_ns),
	ONE(struct ls_rec_turn, rest_steps),
	ONE(struct ls_rec_turn, n_parts),
	ONE(struct ls_rec_turn, maker_code),
	ONE(struct ls_rec_turn, maker_qualname),
	ONE(struct ls_rec_turn, n_made),
	ONE(struct ls_rec_turn, maker_origin),
	PART(0),
	PART(1),
	PART(2),
	PART(3),
	PART(4),
	PART(5),
	PART(6),
	PART(7),
};

static const struct field event_life[] = { HEADER(struct ls_rec_life) };

static const struct field coroutine[] = {
	ONE(struct coroutine_input, key.code),
	ONE(struct coroutine_input, key.tgid),
	ONE(struct coroutine_input, key.tid),
	ONE(struct coroutine_input, stats.key.code),
	ONE(struct coroutine_input, stats.key.tgid),
	ONE(struct coroutine_input, stats.key.tid),
	ONE(struct coroutine_input, stats.steps),
	ONE(struct coroutine_input, stats.total_ns),
	ONE(struct coroutine_input, stats.max_ns),
	ONE(struct coroutine_input, stats.stalls),
	MANY(struct coroutine_input, stats.cause_ns, FIELD_CAUSES),
	ONE(struct coroutine_input, stats.starved_ns),
	ONE(struct coroutine_input, stats.suffered_ns),
	ONE(struct coroutine_input, stats.suffered),
	ONE(struct coroutine_input, stats.qualname),
	MANY(struct coroutine_input, stats.hist, FIELD_BUCKETS),
	MANY(struct coroutine_input, stats.own_shift, FIELD_BUCKETS),
};

static const struct field thread[] = {
	ONE(struct thread_input, pid),
	ONE(struct thread_input, tid),
	ONE(struct thread_input, stats.steps),
	ONE(struct thread_input, stats.step_ns),
	ONE(struct thread_input, stats.callbacks_ns),
	ONE(struct thread_input, stats.idle_ns),
	ONE(struct thread_input, stats.turns),
	ONE(struct thread_input, stats.stalls),
	MANY(struct thread_input, stats.cause_ns, FIELD_CAUSES),
	ONE(struct thread_input, stats.worst_turn_ns),
	MANY(struct thread_input, stats.turn_hist, FIELD_BUCKETS),
	ONE(struct thread_input, stats.worst_turn_own_ns),
	ONE(struct thread_input, stats.handles),
	ONE(struct thread_input, stats.callbacks_starved_ns),
	ONE(struct thread_input, stats.since_ns),
	ONE(struct thread_input, stats.at_ns),
	ONE(struct thread_input, stats.open_ns),
	ONE(struct thread_input, stats.light_cpu_ns),
	ONE(struct thread_input, stats.light_step_ns),
	ONE(struct thread_input, stats.light_callbacks_ns),
	ONE(struct thread_input, stats.waits_ns),
	MANY(struct thread_input, stats.wait_hist, FIELD_BUCKETS),
};

static const struct field loop[] = {
	ONE(struct loop_input, pid),
	ONE(struct loop_input, tid),
	ONE(struct loop_input, info.tasks_ready),
	ONE(struct loop_input, info.executor_threads),
	ONE(struct loop_input, info.executor_max),
	ONE(struct loop_input, info.executor_queued),
	ONE(struct loop_input, info.container_pid),
};

static const struct field task[] = {
	ONE(struct model_task, pid),
	ONE(struct model_task, tid),
	ONE(struct model_task, task),
	ONE(struct model_task, awaited_by),
	ONE(struct model_task, code),
	ONE(struct model_task, qualname),
	ONE(struct model_task, state),
	ONE(struct model_task, is_cut),
	ONE(struct model_task, stats.coro),
	ONE(struct model_task, stats.steps),
	ONE(struct model_task, stats.total_ns),
	ONE(struct model_task, stats.max_ns),
	ONE(struct model_task, stats.stalls),
	ONE(struct model_task, stats.last_end_ns),
};

_Static_assert(MODEL_LIVE_VICTIMS == 8, "each name is listed");

static const struct field live[] = {
	ONE(struct model_live, stall.hdr.tgid),
	ONE(struct model_live, stall.hdr.tid),
	ONE(struct model_live, stall.unit),
	ONE(struct model_live, cause),
	ONE(struct model_live, syscall),
	ONE(struct model_live, stall.start_ns),
	ONE(struct model_live, stall.code),
	ONE(struct model_live, stall.qualname),
	ONE(struct model_live, stall.hdr.ts_ns),
	ONE(struct model_live, stall.duration_ns),
	MANY(struct model_live, stall.cause_ns, FIELD_CAUSES),
	ONE(struct model_live, stall.task),
	ONE(struct model_live, stall.gil_holder_tstate),
	ONE(struct model_live, stall.gil_holder_id),
	ONE(struct model_live, stall.stolen_ns),
	ONE(struct model_live, stall.gc_generation),
	ONE(struct model_live, stall.flags),
	NAME(struct model_live, stall.name),
	ONE(struct model_live, stack_flags),
	ONE(struct model_live, stall.victims),
	ONE(struct model_live, n_victim_names),
	NAME(struct model_live, victim_names[0]),
	NAME(struct model_live, victim_names[1]),
	NAME(struct model_live, victim_names[2]),
	NAME(struct model_live, victim_names[3]),
	NAME(struct model_live, victim_names[4]),
	NAME(struct model_live, victim_names[5]),
	NAME(struct model_live, victim_names[6]),
	NAME(struct model_live, victim_names[7]),
	ONE(struct model_live, stall.stop),
	ONE(struct model_live, stall.stop_id),
	ONE(struct model_live, stall.quota_ns),
	ONE(struct model_live, stall.period_ns),
	ONE(struct model_live, stall.threshold_ns),
	ONE(struct model_live, stall.cpu_holder.ns),
	ONE(struct model_live, stall.cpu_holder.tgid),
	ONE(struct model_live, stall.cpu_holder.comm[0]),
	ONE(struct model_live, stall.cpu_holder.comm[1]),
	ONE(struct model_live, stall.pinned_ns),
	ONE(struct model_live, stall.gil_looks),
	ONE(struct model_live, stall.gil_free),
	TEXT(struct model_live, stall.gil_holder_name),
	ONE(struct model_live, n_holder_frames),
	ONE(struct model_live, stall.booked_user_ns),
	ONE(struct model_live, stall.booked_kernel_ns),
	ONE(struct model_live, stall.page_faults),
	ONE(struct model_live, stall.lock_holder_tstate),
	ONE(struct model_live, stall.lock_holder_id),
	ONE(struct model_live, stall.lock_known),
	TEXT(struct model_live, stall.lock_holder_name),
	ONE(struct model_live, stall.from.frame.code),
	ONE(struct model_live, stall.from.frame.position),
	ONE(struct model_live, stall.from.state),
	REQUEST(struct model_live, stall.),
	TRACE(struct model_live, stall.),
	ONE(struct model_live, stall.library),
};

static const struct field answer[] = {
	ONE(struct answer, key.kind), ONE(struct answer, key.pid), ONE(struct answer, key.a),
	ONE(struct answer, key.b),    ONE(struct answer, number),  ONE(struct answer, is_failed),
};

static const struct {
	const struct field *list;
	size_t n;
} tables[FIELDS_MAX] = {
#define _(kind, list) [kind] = { list, N_OF(list) }
	_(FIELDS_EVENT_THREAD, event_thread),
	_(FIELDS_EVENT_STACK, event_stack),
	_(FIELDS_EVENT_VICTIM, event_victim),
	_(FIELDS_EVENT_STALL, event_stall),
	_(FIELDS_EVENT_LIFE, event_life),
	_(FIELDS_COROUTINE, coroutine),
	_(FIELDS_THREAD, thread),
	_(FIELDS_LOOP, loop),
	_(FIELDS_TASK, task),
	_(FIELDS_LIVE, live),
	_(FIELDS_ANSWER, answer),
	_(FIELDS_EVENT_NATIVE, event_native),
	_(FIELDS_EVENT_TURN, event_turn),
#undef _
};

static const uint16_t own_counts[FIELD_COUNT_MAX] = {
	[FIELD_ONE] = 1,
	[FIELD_CAUSES] = LS_CAUSE_MAX,
	[FIELD_BUCKETS] = LS_HIST_BUCKETS,
	[FIELD_NAME_WORDS] = LS_NAME_BYTES / sizeof(uint64_t),
};

struct shape shape_own(void)
{
	struct shape s;

	memcpy(s.counts, own_counts, sizeof(s.counts));
	for (int i = 0; i < FIELDS_MAX; i++)
		s.lengths[i] = (uint16_t)tables[i].n;
	return s;
}

void shape__put(const struct shape *s, struct buffer *b)
{
	buffer__varint(b, FIELD_COUNT_MAX);
	for (int i = 0; i < FIELD_COUNT_MAX; i++)
		buffer__varint(b, s->counts[i]);
	buffer__varint(b, FIELDS_MAX);
	for (int i = 0; i < FIELDS_MAX; i++)
		buffer__varint(b, s->lengths[i]);
}

/* Lists that an older program did not have are empty in its files. */
static void get_lengths(struct cursor *c, const uint16_t *own, uint16_t *lengths, size_t max)
{
	const uint64_t n = cursor__below(c, max + 1);

	for (size_t i = 0; i < max; i++)
		lengths[i] = i < n ? (uint16_t)cursor__below(c, own[i] + 1U) : 0;
}

bool shape__get(struct shape *s, struct cursor *c)
{
	const struct shape own = shape_own();

	get_lengths(c, own.counts, s->counts, FIELD_COUNT_MAX);
	get_lengths(c, own.lengths, s->lengths, FIELDS_MAX);
	return !c->is_bad && s->counts[FIELD_ONE] == 1;
}

static uint64_t load(const void *value, size_t at, uint8_t width)
{
	const uint8_t *from = (const uint8_t *)value + at;
	uint64_t v = 0;

	memcpy(&v, from, width);
	return v;
}

/* The difference modulo the field's width, as the smallest signed number. */
static int64_t difference(uint64_t now, uint64_t before, uint8_t width)
{
	const unsigned int unused = 64 - 8U * width;

	return (int64_t)((now - before) << unused) >> unused;
}

void fields__put(struct buffer *b, enum fields_kind kind, const void *value, const void *before)
{
	uint64_t n_same = 0;

	for (size_t i = 0; i < tables[kind].n; i++) {
		const struct field *f = &tables[kind].list[i];

		for (size_t j = 0, at = f->offset; j < own_counts[f->count]; j++, at += f->width) {
			const uint64_t now = load(value, at, f->width),
				       old = load(before, at, f->width);

			if (now == old) {
				n_same++;
				continue;
			}
			buffer__varint(b, n_same);
			buffer__signed(b, difference(now, old, f->width));
			n_same = 0;
		}
	}
	if (n_same)
		buffer__varint(b, n_same);
}

bool fields__is_same(enum fields_kind kind, const void *a, const void *b)
{
	for (size_t i = 0; i < tables[kind].n; i++) {
		const struct field *f = &tables[kind].list[i];
		const size_t bytes = own_counts[f->count] * (size_t)f->width;

		if (memcmp((const char *)a + f->offset, (const char *)b + f->offset, bytes) != 0)
			return false;
	}
	return true;
}

void fields__get(struct cursor *c, const struct shape *shape, enum fields_kind kind, void *value)
{
	uint64_t n_same = 0, now;
	bool is_told = false; /* n_same was read and is not used up */

	for (size_t i = 0; i < shape->lengths[kind]; i++) {
		const struct field *f = &tables[kind].list[i];

		for (size_t j = 0, at = f->offset; j < shape->counts[f->count];
		     j++, at += f->width) {
			if (!is_told) {
				n_same = cursor__varint(c);
				is_told = true;
			}
			if (c->is_bad)
				return;
			if (n_same > 0) {
				n_same--;
				/*
				 * A run of unchanged fields up to the end has no difference behind
				 * it.
				 */
				continue;
			}
			now = load(value, at, f->width) + (uint64_t)cursor__signed(c);
			memcpy((char *)value + at, &now, f->width);
			is_told = false;
		}
	}
	if (is_told && n_same > 0)
		c->is_bad = true;
}
