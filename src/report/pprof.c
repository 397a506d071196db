/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile for pprof: gzip over the message Profile of its profile.proto, whose field numbers are
 * below. A location is a frame of the runtime's language; there are no addresses and no mappings.
 * Values of a sample: stalls, time stalled, time others starved. Labels: task, coroutine, cause,
 * and where it is known the trace context.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "model/vocabulary.h"
#include "report/gzip.h"
#include "report/output.h"
#include "report/protobuf.h"
#include "report/report_impl.h"
#include "report/stacks.h"

/* Beyond this number, samples are no longer split by task and trace. */
#define MAX_SAMPLES 200000

enum profile_field {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING_TABLE = 6,
	PROFILE_TIME_NANOS = 9,
	PROFILE_DURATION_NANOS = 10,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};
enum value_type_field { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum sample_field { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum label_field { LABEL_KEY = 1, LABEL_STR = 2 };
enum location_field { LOCATION_ID = 1, LOCATION_LINE = 4 };
enum line_field { LINE_FUNCTION_ID = 1, LINE_LINE = 2 };
enum function_field {
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM_NAME = 3,
	FUNCTION_FILENAME = 4,
	FUNCTION_START_LINE = 5,
};

enum value { VALUE_STALLS, VALUE_STALL_TIME, VALUE_STARVED, N_VALUES };

static const struct {
	const char *type, *unit;
} value_types[N_VALUES] = {
	[VALUE_STALLS] = { "stalls", "count" },
	[VALUE_STALL_TIME] = { "stall_time", "nanoseconds" },
	[VALUE_STARVED] = { "starved", "nanoseconds" },
};

/* The key of a sample. Texts are indices into `strings`; 0: no such label. */
struct sample_key {
	uint32_t node, task, coroutine, cause, trace_id, span_id;
};

struct pprof {
	struct stacks stacks;
	struct intern strings; /* the string table; its first is "" */
	struct intern keys; /* struct sample_key */
	uint64_t (*values)[N_VALUES]; /* by number of the key */
	size_t n_room;
	uint64_t merged; /* stalls whose task label was dropped */
	bool is_short; /* of memory, somewhere in text() */
};

/* The index of a string in the table, as valid UTF-8. */
static uint64_t text(struct pprof *p, const char *string)
{
	size_t size = 3 * strlen(string) + 1;
	_cleanup_free_ char *valid = malloc(size);
	uint32_t number = 0;

	if (valid)
		utf8__sanitize(string, valid, size);
	if (!valid || intern__add_text(&p->strings, valid, &number) < 0)
		p->is_short = true;
	return number;
}

static int pprof_start(struct report *report, const struct report_start *start)
{
	struct pprof *p = report->state;

	(void)start;
	text(p, "");
	return p->is_short ? -ENOMEM : stacks__init(&p->stacks);
}

/* Adds to the sample of that key. 0 or -ENOMEM. */
static int add(struct pprof *p, const struct sample_key *key, const uint64_t values[N_VALUES])
{
	uint32_t i;

	if (ARRAY_RESERVE(p->values, p->n_room, p->keys.n + 1) < 0)
		return -ENOMEM;
	switch (intern__add(&p->keys, key, sizeof(*key), &i)) {
	case 0:
		break;
	case 1:
		memset(p->values[i], 0, sizeof(p->values[i]));
		break;
	default:
		return -ENOMEM;
	}
	for (size_t v = 0; v < N_VALUES; v++)
		p->values[i][v] += values[v];
	return 0;
}

/* The labels that nearly each stall has others of. */
static void add_identity(struct pprof *p, const struct stall *stall, struct sample_key *key)
{
	struct trace_text trace;

	stall__trace_text(stall, &trace);
	key->trace_id = (uint32_t)text(p, trace.trace_id);
	key->span_id = (uint32_t)text(p, trace.span_id);
	if (stall->unit == LS_UNIT_STEP)
		key->task = (uint32_t)text(p, stall->task_name);
}

static int pprof_stall(struct report *report, const struct stall *stall)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	struct pprof *p = report->state;
	struct sample_key key = {};
	int n = stacks__add(&p->stacks, stall, parts), r = 0;

	if (n < 0)
		return n;
	if (p->keys.n >= MAX_SAMPLES)
		p->merged++;
	else
		add_identity(p, stall, &key);
	if (stall->coroutine.name)
		key.coroutine = (uint32_t)text(p, stall->coroutine.name);
	for (int i = 0; r >= 0 && i < n; i++) {
		const uint64_t values[N_VALUES] = {
			[VALUE_STALLS] = i == 0,
			[VALUE_STALL_TIME] = parts[i].ns,
			[VALUE_STARVED] = i == 0 ? stall->starved_ns : 0,
		};

		key.node = parts[i].node;
		key.cause = (uint32_t)text(p, vocabulary_cause(parts[i].cause));
		r = add(p, &key, values);
	}
	return p->is_short ? -ENOMEM : r;
}

static void put_value_types(struct pprof *p, struct protobuf *profile, enum value first)
{
	_cleanup_(protobuf__done) struct protobuf type = {};

	for (size_t i = 0; i < N_VALUES; i++) {
		protobuf__clear(&type);
		protobuf__u64(&type, VALUE_TYPE_TYPE, text(p, value_types[i].type));
		protobuf__u64(&type, VALUE_TYPE_UNIT, text(p, value_types[i].unit));
		protobuf__message(profile, PROFILE_SAMPLE_TYPE, &type);
	}
	protobuf__u64(profile, PROFILE_DEFAULT_SAMPLE_TYPE, text(p, value_types[first].type));
}

static void put_label(struct pprof *p, struct protobuf *sample, const char *key, uint32_t value)
{
	_cleanup_(protobuf__done) struct protobuf label = {};

	if (!value)
		return;
	protobuf__u64(&label, LABEL_KEY, text(p, key));
	protobuf__u64(&label, LABEL_STR, value);
	protobuf__message(sample, SAMPLE_LABEL, &label);
}

static void put_samples(struct pprof *p, struct protobuf *profile)
{
	_cleanup_(protobuf__done) struct protobuf sample = {};
	uint64_t locations[STACKS_MAX_DEPTH];

	for (uint32_t i = 0; i < p->keys.n; i++) {
		const struct sample_key *key = intern__key(&p->keys, i);
		size_t depth = 0;

		protobuf__clear(&sample);
		for (uint32_t n = key->node; n != STACKS_ROOT && depth < STACKS_MAX_DEPTH;
		     n = p->stacks.nodes[n].parent)
			locations[depth++] = p->stacks.nodes[n].frame + 1;
		protobuf__packed(&sample, SAMPLE_LOCATION_ID, locations, depth);
		protobuf__packed(&sample, SAMPLE_VALUE, p->values[i], N_VALUES);
		put_label(p, &sample, "task", key->task);
		put_label(p, &sample, "coroutine", key->coroutine);
		put_label(p, &sample, "cause", key->cause);
		put_label(p, &sample, "trace_id", key->trace_id);
		put_label(p, &sample, "span_id", key->span_id);
		protobuf__message(profile, PROFILE_SAMPLE, &sample);
	}
}

/* One function and one location for each frame; both are numbered from 1. */
static void put_locations(struct pprof *p, struct protobuf *profile)
{
	_cleanup_(protobuf__done) struct protobuf function = {}, location = {}, line = {};
	const struct stacks *s = &p->stacks;

	for (uint32_t i = 0; i < s->frames.n; i++) {
		const struct stacks_frame *f = stacks__frame(s, i);
		uint64_t name = text(p, stacks__text(s, f->name));

		protobuf__clear(&function);
		protobuf__u64(&function, FUNCTION_ID, i + 1);
		protobuf__u64(&function, FUNCTION_NAME, name);
		protobuf__u64(&function, FUNCTION_SYSTEM_NAME, name);
		protobuf__u64(&function, FUNCTION_FILENAME, text(p, stacks__text(s, f->file)));
		if (f->kind == STACKS_COROUTINE)
			protobuf__u64(&function, FUNCTION_START_LINE, f->line);
		protobuf__message(profile, PROFILE_FUNCTION, &function);
		protobuf__clear(&line);
		protobuf__u64(&line, LINE_FUNCTION_ID, i + 1);
		protobuf__u64(&line, LINE_LINE, f->line);
		protobuf__clear(&location);
		protobuf__u64(&location, LOCATION_ID, i + 1);
		protobuf__message(&location, LOCATION_LINE, &line);
		protobuf__message(profile, PROFILE_LOCATION, &location);
	}
}

static void put_comment(struct pprof *p, struct protobuf *profile, uint64_t count,
			const char *sentence)
{
	char comment[256];

	if (!count)
		return;
	snprintf(comment, sizeof(comment), "lost: %llu %s", (unsigned long long)count, sentence);
	protobuf__u64(profile, PROFILE_COMMENT, text(p, comment));
}

static void put_profile(struct pprof *p, const struct snapshot *snapshot,
			const struct report_run *run, enum value first, struct protobuf *profile)
{
	put_value_types(p, profile, first);
	put_samples(p, profile);
	put_locations(p, profile);
	if (run->ended_unix_ns > run->duration_ns)
		protobuf__u64(profile, PROFILE_TIME_NANOS, run->ended_unix_ns - run->duration_ns);
	protobuf__u64(profile, PROFILE_DURATION_NANOS, run->duration_ns);
	for (size_t i = 0; i < snapshot->n_losses; i++)
		put_comment(p, profile, snapshot->losses[i].count, snapshot->losses[i].sentence);
	put_comment(p, profile, p->stacks.cut, "stalls with stacks cut: too many different ones");
	put_comment(p, profile, p->merged,
		    "stalls without the labels of their task and trace: too many");
	/* The string table comes last: everything above adds to it. */
	for (uint32_t i = 0; i < p->strings.n; i++) {
		const char *string = intern__key(&p->strings, i);

		protobuf__bytes(profile, PROFILE_STRING_TABLE, string, strlen(string));
	}
	if (p->is_short)
		profile->r = -ENOMEM;
}

static int write_gzip(FILE *out, const struct protobuf *message)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t size;
	int r = gzip(message->data, message->size, Z_DEFAULT_COMPRESSION, &bytes, &size);

	return r < 0 ? r : output_write(out, (const char *)bytes, size);
}

static int pprof_finish(struct report *report, const struct snapshot *snapshot,
			const struct report_run *run)
{
	_cleanup_(protobuf__done) struct protobuf profile = {};

	put_profile(report->state, snapshot, run,
		    report->opts.is_starved_first ? VALUE_STARVED : VALUE_STALL_TIME, &profile);
	return profile.r < 0 ? profile.r : write_gzip(report->out, &profile);
}

static void pprof_done(struct report *report)
{
	struct pprof *p = report->state;

	stacks__done(&p->stacks);
	intern__done(&p->strings);
	intern__done(&p->keys);
	free(p->values);
}

const struct report_ops report_pprof = {
	.state_bytes = sizeof(struct pprof),
	.start = pprof_start,
	.stall = pprof_stall,
	.finish = pprof_finish,
	.done = pprof_done,
};
