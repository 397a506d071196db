/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One page that needs nothing else: the style and the scripts of src/report/html/, and the data
 * that the scripts draw: what schema "loopstall/1" says, and the tree of stacks. It is packed
 * (packed.h) and compressed, so that the page can be sent by mail. No name is ever part of the
 * page's own text.
 *
 * All stalls are in the sums and in the flame graph; the timeline and the list hold the longest
 * ones.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "model/groups.h"
#include "report/gzip.h"
#include "report/html_page.h"
#include "report/json.h"
#include "report/output.h"
#include "report/packed.h"
#include "report/report_impl.h"
#include "report/stacks.h"

#define MAX_STALLS 4000
#define MAX_VICTIMS 500
#define COMPRESSION 9 /* zlib's best */

struct kept {
	uint64_t start_ns, duration_ns, number; /* number: order of arrival */
	struct packed_row row;
};

struct html {
	json_t *start;
	struct stacks stacks;
	struct packed packed;
	struct kept *kept; /* room for 2 * MAX_STALLS */
	size_t n;
	uint64_t stalls;
};

static int html_start(struct report *report, const struct report_start *start)
{
	struct html *h = report->state;

	h->start = json__start(start, &report->opts);
	h->kept = calloc(2 * MAX_STALLS, sizeof(*h->kept));
	return h->start && h->kept ? stacks__init(&h->stacks) : -ENOMEM;
}

static int by_number(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int by_start(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->start_ns != y->start_ns ? (x->start_ns < y->start_ns ? -1 : 1) : by_number(a, b);
}

/* The longest first. */
static int by_duration(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->duration_ns != y->duration_ns ? (x->duration_ns > y->duration_ns ? -1 : 1) :
						  by_number(a, b);
}

static void keep_longest(struct html *h)
{
	if (h->n <= MAX_STALLS)
		return;
	qsort(h->kept, h->n, sizeof(h->kept[0]), by_duration);
	while (h->n > MAX_STALLS)
		packed_row__done(&h->kept[--h->n].row);
}

static const char *const split_keys[LS_CLASS_MAX] = {
	[LS_CLASS_CPU] = "cpu_ns",
	[LS_CLASS_BLOCKED] = "blocked_ns",
	[LS_CLASS_GIL] = "gil_ns",
	[LS_CLASS_RUNQUEUE] = "runqueue_ns",
};

static bool is_split_of_causes(const struct stall *stall)
{
	uint64_t sums[LS_CLASS_MAX] = {};

	for (enum ls_cause c = 0; c < LS_CAUSE_MAX; c++)
		sums[ls_cause_class(c)] += stall->cause_ns[c];
	return sums[LS_CLASS_CPU] == stall->cpu_ns && sums[LS_CLASS_BLOCKED] == stall->blocked_ns &&
		sums[LS_CLASS_GIL] == stall->gil_ns &&
		sums[LS_CLASS_RUNQUEUE] == stall->runqueue_ns;
}

/* Without what follows from the rest, see unpack.js. */
static json_t *stall_json(const struct stall *stall, const struct report_opts *opts)
{
	json_t *json = json__stall(stall, opts);

	if (json) {
		json_object_del(json, "id");
		json_object_del(json, "wall_time");
		for (size_t i = 0; is_split_of_causes(stall) && i < LS_CLASS_MAX; i++)
			json_object_del(json, split_keys[i]);
	}
	return json;
}

static int html_stall(struct report *report, const struct stall *stall)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	_cleanup_(jsonx_done) json_t *json = NULL;
	struct html *h = report->state;
	struct packed_row row;
	int r = stacks__add(&h->stacks, stall, parts);

	if (r < 0)
		return r;
	if (h->n == (size_t)2 * MAX_STALLS)
		keep_longest(h);
	json = stall_json(stall, &report->opts);
	r = json ? packed__add(&h->packed, json, &row) : -ENOMEM;
	if (r < 0)
		return r;
	h->kept[h->n++] = (struct kept){ stall->start_ns, stall->duration_ns, h->stalls++, row };
	return 0;
}

static json_t *frame_json(const struct stacks *s, uint32_t frame)
{
	static const char *const kinds[] = {
		[STACKS_ALL] = "all",
		[STACKS_LOOP] = "loop",
		[STACKS_COROUTINE] = "coroutine",
		[STACKS_FRAME] = "frame",
		[STACKS_NATIVE] = "native",
		[STACKS_CAUSE] = "cause",
	};
	const struct stacks_frame *f = stacks__frame(s, frame);
	_cleanup_(jsonx_done) json_t *array = json_array();

	if (jsonx_append(array, json_string(kinds[f->kind])) ||
	    jsonx_append(array, jsonx_text(stacks__text(s, f->name))) ||
	    jsonx_append(array, jsonx_text(stacks__text(s, f->file))) ||
	    jsonx_append(array, jsonx_u64(f->line)))
		return NULL;
	return TAKE_PTR(array);
}

static json_t *node_json(const struct stacks_node *node)
{
	const uint64_t values[] = { node->parent, node->frame, node->self_ns, node->stalls };
	_cleanup_(jsonx_done) json_t *array = json_array();

	for (size_t i = 0; i < N_OF(values); i++)
		if (jsonx_append(array, jsonx_u64(values[i])))
			return NULL;
	return TAKE_PTR(array);
}

/* {"frames": [[kind, name, file, line]], "nodes": [[parent, frame, ns, stalls]]} */
static json_t *flame_json(const struct stacks *s)
{
	_cleanup_(jsonx_done) json_t *frames = json_array(), *nodes = json_array();
	struct jsonx o;

	for (uint32_t i = 0; i < s->frames.n; i++)
		if (jsonx_append(frames, frame_json(s, i)))
			return NULL;
	for (uint32_t i = 0; i < stacks__n_nodes(s); i++)
		if (jsonx_append(nodes, node_json(&s->nodes[i])))
			return NULL;
	o = jsonx_object();
	jsonx_add(&o, "frames", TAKE_PTR(frames));
	jsonx_add(&o, "nodes", TAKE_PTR(nodes));
	jsonx_add_u64(&o, "cut", s->cut);
	return jsonx_end(&o);
}

/* [[word, sentence, the part of the split that it counts towards]] */
static json_t *causes_json(void)
{
	_cleanup_(jsonx_done) json_t *array = json_array();

#define _(name, word, sentence, class, ...)                                                        \
	if (jsonx_append(array, json_pack("[sss]", word, sentence, split_keys[LS_CLASS_##class]))) \
		return NULL;
	LS_CAUSES(_)
#undef _
	return TAKE_PTR(array);
}

static json_t *sentences_json(const struct snapshot *s)
{
	struct jsonx o = jsonx_object();

	for (size_t i = 0; i < s->n_losses; i++)
		if (!s->losses[i].is_slight)
			jsonx_add_text(&o, s->losses[i].name, s->losses[i].sentence);
	return jsonx_end(&o);
}

/* "key":value */
static int put_member(FILE *out, const char *key, json_t *value)
{
	_cleanup_(jsonx_done) json_t *json = value;
	_cleanup_free_ char *text = json ? jsonx_dumps(json, JSON_ENCODE_ANY) : NULL;

	if (!text)
		return -ENOMEM;
	fprintf(out, "\"%s\":%s", key, text);
	return 0;
}

/*
 * Without what the page does not show: the coroutines, whose table is that of the groups, who cost
 * whom how much, and all but the worst of the victims.
 */
static json_t *summary_json(const struct snapshot *s, const struct report_run *run,
			    const struct report_opts *opts)
{
	json_t *json = json__summary(s, run, opts), *victims;

	if (!json)
		return NULL;
	json_object_del(json, "coroutines");
	json_object_del(json, "payers");
	victims = json_object_get(json, "victims");
	while (json_array_size(victims) > MAX_VICTIMS)
		json_array_remove(victims, json_array_size(victims) - 1);
	return json;
}

/* Of CLOCK_REALTIME; in microseconds a browser's numbers hold it. */
static json_t *clock_offset_json(const struct report_opts *opts)
{
	return jsonx_u64_or_null(opts->clock_offset_ns / NS_PER_US);
}

static json_t *known_or_null(bool is_known, uint64_t value)
{
	return is_known ? jsonx_u64(value) : json_null();
}

/* What a row of the table of groups has instead. */
static json_t *light_row_json(const struct light *light, const struct group_row *row)
{
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "steps",
		  known_or_null(report_has_steps(light, row), light__scale(light, row->steps)));
	jsonx_add(&o, "total_ns", json_null());
	jsonx_add(&o, "p50_ns", known_or_null(report_has_percentile(light, row, 50), row->p50_ns));
	jsonx_add(&o, "p99_ns", known_or_null(report_has_percentile(light, row, 99), row->p99_ns));
	return jsonx_end(&o);
}

/* {"steps", "rows": [{"steps", ...}]}: what is known of steps if not all were counted; else null.
 */
static json_t *light_json(const struct snapshot *s, const struct report_opts *opts)
{
	const struct group_list *list = &s->groups[opts->group];
	const struct light light = report_light(s);
	_cleanup_(jsonx_done) json_t *rows = json_array();
	struct jsonx o;

	if (!light__is_partial(&light))
		return json_null();
	for (size_t i = 0; i < list->n; i++)
		if (jsonx_append(rows, light_row_json(&light, &list->rows[i])))
			return NULL;
	o = jsonx_object();
	jsonx_add(&o, "steps",
		  known_or_null(light__has_steps(&light, s->steps),
				light__scale(&light, s->steps)));
	jsonx_add(&o, "rows", TAKE_PTR(rows));
	return jsonx_end(&o);
}

static int put_members(struct report *report, FILE *out, const struct snapshot *snapshot,
		       const struct report_run *run)
{
	struct html *h = report->state;
	const struct {
		const char *key;
		json_t *value;
	} members[] = {
		{ "start", h->start ? json_incref(h->start) : json_null() },
		{ "summary", summary_json(snapshot, run, &report->opts) },
		{ "victims", jsonx_u64(snapshot->n_victims) },
		{ "causes", causes_json() },
		{ "loss_sentences", sentences_json(snapshot) },
		{ "flame", flame_json(&h->stacks) },
		{ "stalls_left_out", jsonx_u64(h->stalls - h->n) },
		{ "clock_offset_us", clock_offset_json(&report->opts) },
		{ "light", light_json(snapshot, &report->opts) },
	};
	int r = 0;

	for (size_t i = 0; i < N_OF(members); i++) {
		int m;

		if (i)
			fputs(",\n", out);
		m = put_member(out, members[i].key, members[i].value);
		r = r < 0 ? r : m;
	}
	return r;
}

static const struct packed_row *kept_row(const void *ctx, size_t i)
{
	const struct html *h = ctx;

	return &h->kept[i].row;
}

static int put_data(struct report *report, FILE *out, const struct snapshot *snapshot,
		    const struct report_run *run)
{
	struct html *h = report->state;
	int r;

	fputs("{", out);
	r = put_members(report, out, snapshot, run);
	fputs(",\n\"stalls\":", out);
	if (r >= 0)
		r = packed__put(&h->packed, out, h->n, kept_row, h);
	fputs("}", out);
	return r;
}

/* As base64: three bytes are four characters, of which none can end the element. */
static void put_base64(FILE *out, const uint8_t *bytes, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3) {
		const size_t n = size - i < 3 ? size - i : 3;
		const uint32_t three = (uint32_t)bytes[i] << 16 |
			(n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0);

		fputc(digits[three >> 18], out);
		fputc(digits[three >> 12 & 63], out);
		fputc(n > 1 ? digits[three >> 6 & 63] : '=', out);
		fputc(n > 2 ? digits[three & 63] : '=', out);
	}
}

static int put_compressed(FILE *out, const struct output *data)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t size;
	int r = gzip(data->text, data->size, COMPRESSION, &bytes, &size);

	if (r >= 0)
		put_base64(out, bytes, size);
	return r;
}

static int html_finish(struct report *report, const struct snapshot *snapshot,
		       const struct report_run *run)
{
	_cleanup_(output__done) struct output o = {}, data = {};
	struct html *h = report->state;
	int r = output__init(&o);

	if (r >= 0)
		r = output__init(&data);
	if (r < 0)
		return r;
	keep_longest(h);
	array__sort(h->kept, h->n, sizeof(h->kept[0]), by_start);
	r = put_data(report, data.mem, snapshot, run);
	if (fflush(data.mem) || data.is_short_of_memory)
		r = -ENOMEM;
	html_page__begin(o.mem, HTML_PAGE_REPORT);
	if (r >= 0)
		r = put_compressed(o.mem, &data);
	html_page__end(o.mem, HTML_PAGE_REPORT);
	return r < 0 ? r : output__send(&o, report->out);
}

static void html_done(struct report *report)
{
	struct html *h = report->state;

	json_decref(h->start);
	stacks__done(&h->stacks);
	for (size_t i = 0; i < h->n; i++)
		packed_row__done(&h->kept[i].row);
	free(h->kept);
	packed__done(&h->packed);
}

const struct report_ops report_html = {
	.state_bytes = sizeof(struct html),
	.start = html_start,
	.stall = html_stall,
	.finish = html_finish,
	.done = html_done,
};

/* For a page that is fed while it is shown: the same members, without the stalls one by one. */
static int live_stall(struct report *report, const struct stall *stall)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	struct html *h = report->state;
	int n = stacks__add(&h->stacks, stall, parts);

	return n < 0 ? n : 0;
}

static json_t *open_stalls_json(const struct snapshot *snapshot, const struct report_opts *opts)
{
	_cleanup_(jsonx_done) json_t *array = json_array();

	for (size_t i = 0; i < snapshot->n_live; i++)
		if (jsonx_append(array, json__stall(&snapshot->live[i], opts)))
			return NULL;
	return TAKE_PTR(array);
}

static int live_finish(struct report *report, const struct snapshot *snapshot,
		       const struct report_run *run)
{
	_cleanup_(output__done) struct output o = {};
	int r = output__init(&o);

	if (r < 0)
		return r;
	fputs("{\"schema\":\"loopstall/1\",\"type\":\"snapshot\",\n", o.mem);
	r = put_members(report, o.mem, snapshot, run);
	fputs(",\n", o.mem);
	if (r >= 0)
		r = put_member(o.mem, "open", open_stalls_json(snapshot, &report->opts));
	fputs("}\n", o.mem);
	return r < 0 ? r : output__send(&o, report->out);
}

static const struct report_ops live_ops = {
	.state_bytes = sizeof(struct html),
	.start = html_start,
	.stall = live_stall,
	.finish = live_finish,
	.done = html_done,
};

const struct report_format report_live_data = { .name = "live-data",
						.extension = "json",
						.title = "what a live page shows",
						.ops = &live_ops };
