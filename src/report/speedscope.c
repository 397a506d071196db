/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile for speedscope: one "sampled" profile for each loop, the weights in nanoseconds of
 * stalled time. Names of the members are those of the public schema,
 * https://www.speedscope.app/file-format-schema.json.
 *
 * Sampled rather than evented: a sample's stack and weight are what is known; when which frame was
 * entered is not.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "report/jsonx.h"
#include "report/output.h"
#include "report/report_impl.h"
#include "report/stacks.h"

/* Later samples are added to one with the same stack, so that no time is lost. */
#define MAX_SAMPLES 500000

struct sample {
	uint32_t loop; /* node */
	uint32_t node;
	uint64_t ns;
};

struct speedscope {
	struct stacks stacks;
	struct sample *samples;
	size_t n, n_room;
	struct intern late; /* nodes of the samples behind MAX_SAMPLES */
	char name[64];
};

static int speedscope_start(struct report *report, const struct report_start *start)
{
	struct speedscope *s = report->state;

	snprintf(s->name, sizeof(s->name), "loopstall %s", start->version);
	return stacks__init(&s->stacks);
}

static uint32_t loop_of(const struct stacks *s, uint32_t node)
{
	while (s->nodes[node].parent != STACKS_ROOT)
		node = s->nodes[node].parent;
	return node;
}

static int add_sample(struct speedscope *s, uint32_t node, uint64_t ns)
{
	uint32_t late = (uint32_t)(s->n - MAX_SAMPLES);
	int r;

	if (s->n >= MAX_SAMPLES) {
		r = intern__add(&s->late, &node, sizeof(node), &late);
		if (r < 0)
			return r;
		if (r == 0) {
			s->samples[MAX_SAMPLES + late].ns += ns;
			return 0;
		}
	}
	r = ARRAY_RESERVE(s->samples, s->n_room, s->n + 1);
	if (r < 0)
		return r;
	s->samples[s->n++] = (struct sample){ loop_of(&s->stacks, node), node, ns };
	return 0;
}

static int speedscope_stall(struct report *report, const struct stall *stall)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	struct speedscope *s = report->state;
	int n = stacks__add(&s->stacks, stall, parts), r = 0;

	for (int i = 0; r >= 0 && i < n; i++)
		r = add_sample(s, parts[i].node, parts[i].ns);
	return n < 0 ? n : r;
}

static json_t *frame_json(const struct stacks *s, uint32_t frame)
{
	const struct stacks_frame *f = stacks__frame(s, frame);
	const char *file = stacks__text(s, f->file);
	struct jsonx o = jsonx_object();

	/* speedscope identifies frames by name, file and line, and shows the name. */
	jsonx_add_text(&o, "name", stacks__text(s, f->name));
	if (*file)
		jsonx_add_text(&o, "file", file);
	if (f->line)
		jsonx_add_u64(&o, "line", f->line);
	return jsonx_end(&o);
}

static json_t *shared_json(const struct stacks *s)
{
	_cleanup_(jsonx_done) json_t *frames = json_array();
	struct jsonx o;

	for (uint32_t i = 0; i < s->frames.n; i++)
		if (jsonx_append(frames, frame_json(s, i)))
			return NULL;
	o = jsonx_object();
	jsonx_add(&o, "frames", TAKE_PTR(frames));
	return jsonx_end(&o);
}

/*
 * Writes the members of an object without the closing brace, so that more can follow. 0 or -ENOMEM.
 */
static int put_open(FILE *out, struct jsonx *o)
{
	_cleanup_(jsonx_done) json_t *json = jsonx_end(o);
	_cleanup_free_ char *text = json ? jsonx_dumps(json, 0) : NULL;

	if (!text)
		return -ENOMEM;
	text[strlen(text) - 1] = '\0';
	fputs(text, out);
	return 0;
}

/* From the outside in, below the loop. */
static void put_stack(FILE *out, const struct stacks *s, const struct sample *sample)
{
	uint32_t path[STACKS_MAX_DEPTH];
	size_t depth = 0;

	for (uint32_t n = sample->node; n != sample->loop && depth < STACKS_MAX_DEPTH;
	     n = s->nodes[n].parent)
		path[depth++] = s->nodes[n].frame;
	for (fputc('[', out); depth-- > 0; fputs(depth ? "," : "", out))
		fprintf(out, "%" PRIu32, path[depth]);
	fputc(']', out);
}

/* Samples are many and only numbers, so they are printed without building JSON values. */
static int put_profile(FILE *out, const struct speedscope *s, uint32_t loop)
{
	const struct stacks *st = &s->stacks;
	const char *comma = "";
	uint64_t sum = 0;
	struct jsonx o;
	int r;

	for (size_t i = 0; i < s->n; i++)
		sum += s->samples[i].loop == loop ? s->samples[i].ns : 0;
	o = jsonx_object();
	jsonx_add_text(&o, "type", "sampled");
	jsonx_add_text(&o, "name",
		       stacks__text(st, stacks__frame(st, st->nodes[loop].frame)->name));
	jsonx_add_text(&o, "unit", "nanoseconds");
	jsonx_add_u64(&o, "startValue", 0);
	jsonx_add_u64(&o, "endValue", sum);
	r = put_open(out, &o);
	if (r < 0)
		return r;
	fputs(",\"samples\":[", out);
	for (size_t i = 0; i < s->n; i++) {
		if (s->samples[i].loop != loop)
			continue;
		fputs(comma, out);
		put_stack(out, st, &s->samples[i]);
		comma = ",";
	}
	comma = "";
	fputs("],\"weights\":[", out);
	for (size_t i = 0; i < s->n; i++) {
		if (s->samples[i].loop != loop)
			continue;
		fprintf(out, "%s%" PRIu64, comma, s->samples[i].ns);
		comma = ",";
	}
	fputs("]}", out);
	return 0;
}

static int put_profiles(FILE *out, const struct speedscope *s)
{
	const char *comma = "";
	int r = 0;

	fputs(",\"profiles\":[", out);
	for (uint32_t i = STACKS_ROOT + 1; r >= 0 && i < stacks__n_nodes(&s->stacks); i++) {
		if (s->stacks.nodes[i].parent != STACKS_ROOT)
			continue;
		fputs(comma, out);
		r = put_profile(out, s, i);
		comma = ",";
	}
	fputs("]}\n", out);
	return r;
}

/* The format has no other field for losses. */
static json_t *name_json(const struct snapshot *snapshot, uint64_t cut)
{
	_cleanup_(output__done) struct output o = {};

	if (output__init(&o) < 0)
		return NULL;
	fputs("stalled time by loop", o.mem);
	for (size_t i = 0; i < snapshot->n_losses; i++)
		fprintf(o.mem, "; lost: %" PRIu64 " %s", snapshot->losses[i].count,
			snapshot->losses[i].sentence);
	if (cut)
		fprintf(o.mem, "; lost: stacks of %" PRIu64 " stalls", cut);
	return fflush(o.mem) ? NULL : jsonx_text(o.text);
}

static int speedscope_finish(struct report *report, const struct snapshot *snapshot,
			     const struct report_run *run)
{
	const struct speedscope *s = report->state;
	_cleanup_(output__done) struct output out = {};
	struct jsonx o = jsonx_object();
	int r = output__init(&out);

	(void)run;
	jsonx_add_text(&o, "$schema", "https://www.speedscope.app/file-format-schema.json");
	jsonx_add_text(&o, "exporter", s->name);
	jsonx_add(&o, "name", name_json(snapshot, s->stacks.cut));
	jsonx_add(&o, "shared", shared_json(&s->stacks));
	if (r < 0) {
		json_decref(o.json);
		return r;
	}
	r = put_open(out.mem, &o);
	if (r >= 0)
		r = put_profiles(out.mem, s);
	return r < 0 ? r : output__send(&out, report->out);
}

static void speedscope_done(struct report *report)
{
	struct speedscope *s = report->state;

	stacks__done(&s->stacks);
	intern__done(&s->late);
	free(s->samples);
}

const struct report_ops report_speedscope = {
	.state_bytes = sizeof(struct speedscope),
	.start = speedscope_start,
	.stall = speedscope_stall,
	.finish = speedscope_finish,
	.done = speedscope_done,
};
