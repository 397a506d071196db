/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One page that needs nothing else: the style and the scripts of src/report/html/, and the data as
 * JSON that the scripts draw. The data is what schema "loopstall/1" says, and the tree of stacks.
 * No name is ever part of the page's own text.
 *
 * All stalls are in the sums and in the flame graph; the timeline and the list hold the longest
 * ones.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "report/html_page.h"
#include "report/json.h"
#include "report/output.h"
#include "report/report_impl.h"
#include "report/stacks.h"

#define MAX_STALLS 4000

struct kept {
	uint64_t start_ns, duration_ns, number; /* number: order of arrival */
	char *text; /* JSON */
};

struct html {
	json_t *start;
	struct stacks stacks;
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
		free(h->kept[--h->n].text);
}

static int html_stall(struct report *report, const struct stall *stall)
{
	struct stacks_part parts[LS_CAUSE_MAX];
	_cleanup_(jsonx_done) json_t *json = NULL;
	struct html *h = report->state;
	int n = stacks__add(&h->stacks, stall, parts);
	char *text;

	if (n < 0)
		return n;
	if (h->n == (size_t)2 * MAX_STALLS)
		keep_longest(h);
	json = json__stall(stall, &report->opts);
	text = json ? jsonx_dumps(json, 0) : NULL;
	if (!text)
		return -ENOMEM;
	h->kept[h->n++] = (struct kept){ stall->start_ns, stall->duration_ns, h->stalls++, text };
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

/* [[word, sentence]] */
static json_t *causes_json(void)
{
	_cleanup_(jsonx_done) json_t *array = json_array();

#define _(name, word, sentence, ...)                                                               \
	if (jsonx_append(array, json_pack("[ss]", word, sentence)))                                \
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

/* JSON inside a script element: the one thing that could end it is "<". */
static void put_json_text(FILE *out, const char *text)
{
	for (const char *p; (p = strchr(text, '<')) != NULL; text = p + 1) {
		fwrite(text, 1, (size_t)(p - text), out);
		fputs("\\u003c", out);
	}
	fputs(text, out);
}

/* "key":value */
static int put_member(FILE *out, const char *key, json_t *value)
{
	_cleanup_(jsonx_done) json_t *json = value;
	_cleanup_free_ char *text = json ? jsonx_dumps(json, JSON_ENCODE_ANY) : NULL;

	if (!text)
		return -ENOMEM;
	fprintf(out, "\"%s\":", key);
	put_json_text(out, text);
	return 0;
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
		{ "summary", json__summary(snapshot, run, &report->opts) },
		{ "causes", causes_json() },
		{ "loss_sentences", sentences_json(snapshot) },
		{ "flame", flame_json(&h->stacks) },
		{ "stalls_left_out", jsonx_u64(h->stalls - h->n) },
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

static int put_data(struct report *report, FILE *out, const struct snapshot *snapshot,
		    const struct report_run *run)
{
	struct html *h = report->state;
	int r;

	fputs("{", out);
	r = put_members(report, out, snapshot, run);
	fputs(",\n\"stalls\":[", out);
	for (size_t i = 0; i < h->n; i++) {
		fputs(i ? ",\n" : "\n", out);
		put_json_text(out, h->kept[i].text);
	}
	fputs("]}", out);
	return r;
}

static int html_finish(struct report *report, const struct snapshot *snapshot,
		       const struct report_run *run)
{
	_cleanup_(output__done) struct output o = {};
	struct html *h = report->state;
	int r = output__init(&o);

	if (r < 0)
		return r;
	keep_longest(h);
	qsort(h->kept, h->n, sizeof(h->kept[0]), by_start);
	html_page__begin(o.mem, HTML_PAGE_REPORT);
	r = put_data(report, o.mem, snapshot, run);
	html_page__end(o.mem, HTML_PAGE_REPORT);
	return r < 0 ? r : output__send(&o, report->out);
}

static void html_done(struct report *report)
{
	struct html *h = report->state;

	json_decref(h->start);
	stacks__done(&h->stacks);
	for (size_t i = 0; i < h->n; i++)
		free(h->kept[i].text);
	free(h->kept);
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
