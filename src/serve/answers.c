/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is answered to a request: one function for each path.
 */
#include "serve/serve_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "report/html_page.h"
#include "report/json.h"
#include "report/output.h"
#include "serve/query.h"

#define DEFAULT_PROFILE_SECONDS 10

/* PATHS(_): _(NAME, "path") */
#define PATHS(_)                                                                                   \
	_(PAGE, "/")                                                                               \
	_(METRICS, "/metrics")                                                                     \
	_(HEALTHY, "/-/healthy")                                                                   \
	_(READY, "/-/ready")                                                                       \
	_(SNAPSHOT, "/api/snapshot")                                                               \
	_(STALLS, "/api/stalls")                                                                   \
	_(PROFILE_STALL, "/debug/pprof/stall")                                                     \
	_(PROFILE_STARVED, "/debug/pprof/starved")                                                 \
	_(RECORDING, "/recording")

enum path {
#define _(name, text) PATH_##name,
	PATHS(_)
#undef _
		PATH_MAX_
};

const char *const serve_paths[] = {
#define _(name, text) [PATH_##name] = text,
	PATHS(_)
#undef _
		[PATH_MAX_] = NULL,
};

/* Replies */

#define TEXT "text/plain; charset=utf-8"

void serve__reply(struct serve *v, uint64_t id, const struct http_reply *what)
{
	int r = v->outlet.reply(v->outlet.ctx, id, what);

	if (r < 0)
		log_debug("a reply is not sent: %s", strerror(-r));
}

void serve__reply_text(struct serve *v, uint64_t id, unsigned int status, const char *text)
{
	const struct http_reply what = {
		.status = status, .content_type = TEXT, .body = text, .body_bytes = strlen(text)
	};

	serve__reply(v, id, &what);
}

static void reply_failure(struct serve *v, uint64_t id, int code)
{
	if (code == -EBUSY)
		serve__reply_text(v, id, 503,
				  "Too many profiles are being taken: try again later.\n");
	else if (code == -EINVAL)
		serve__reply_text(v, id, 400,
				  "The query is not understood: a number is expected.\n");
	else
		serve__reply_text(v, id, 500, "The numbers could not be read.\n");
}

static void reply_bytes(struct serve *v, uint64_t id, const char *type, const char *headers,
			const void *bytes, size_t size)
{
	const struct http_reply what = { .status = 200,
					 .content_type = type,
					 .extra_headers = headers,
					 .body = bytes,
					 .body_bytes = size };

	serve__reply(v, id, &what);
}

/* Replaces the text by what `o` holds. 0 or -ENOMEM. */
static int cache(struct cached *c, struct output *o, uint64_t now_ns)
{
	if (fflush(o->mem) || o->is_short_of_memory)
		return -ENOMEM;
	free(c->text);
	c->text = TAKE_PTR(o->text);
	c->size = o->size;
	c->made_ns = now_ns;
	return 0;
}

static bool is_fresh(const struct serve *v, const struct cached *c)
{
	return c->made_ns && session__now_ns(v->session) - c->made_ns < SERVE_REFRESH_NS;
}

static void raise_to(uint64_t *value, uint64_t to)
{
	if (*value < to)
		*value = to;
}

static struct own_cost cost_so_far(struct serve *v)
{
	const struct own_cost now = session__own_cost(v->session);
	struct own_cost shown = now;

	raise_to(&v->cost.self_ns, now.self_ns);
	raise_to(&v->cost.programs_ns, now.programs_ns);
	raise_to(&v->cost.traps_ns, now.traps_ns);
	shown.self_ns = v->cost.self_ns;
	shown.programs_ns = v->cost.programs_ns;
	shown.traps_ns = v->cost.traps_ns;
	return shown;
}

void serve__fill_facts(struct serve *v, struct metrics_facts *facts, struct serve_events *events)
{
	struct session *s = v->session;
	const struct http_counts *counts = v->outlet.counts(v->outlet.ctx);

	for (size_t i = 0; i < HTTP_COUNT_MAX; i++)
		events->http[i] = (struct metrics_event){ http_count_infos[i].name, counts->n[i] };
	*facts = (struct metrics_facts){
		.version = v->opts.version,
		.kernel = v->machine.release,
		.arch = v->machine.machine,
		.transport = session__transport(s),
		.threshold_ns = session__threshold_ns(s),
		.own_cost = cost_so_far(v),
		.self_cpu_ns = session__own_cpu_ns(s),
		.started_unix_ns = session__started_ns(s) + v->opts.clock_offset_ns,
		.rss_bytes = session__own_rss_bytes(),
		.n_processes = v->n_processes,
		.processes = v->processes,
		.n_http_events = HTTP_COUNT_MAX,
		.http_events = events->http,
		.n_otlp_events = serve__otlp_events(v, events->otlp),
		.otlp_events = events->otlp,
	};
}

static int make_metrics(struct serve *v, enum exposition_format format, struct cached *c)
{
	_cleanup_(output__done) struct output o = {};
	struct serve_events events;
	const struct snapshot *snapshot;
	struct metrics_facts facts;
	int r = serve__refresh(v, &snapshot);

	if (r >= 0)
		r = output__init(&o);
	if (r < 0)
		return r;
	serve__fill_facts(v, &facts, &events);
	metrics__write(o.mem, format, v->registry, &facts);
	return cache(c, &o, session__now_ns(v->session));
}

static int put_metrics(struct serve *v, const struct http_request *request)
{
	const enum exposition_format format = exposition_choose(request->accept);
	struct cached *c = &v->metrics[format];
	int r = is_fresh(v, c) ? 0 : make_metrics(v, format, c);

	if (r >= 0)
		reply_bytes(v, request->id, exposition_content_type(format), "Vary: Accept\r\n",
			    c->text, c->size);
	return r;
}

static struct report_opts report_opts(const struct serve *v)
{
	return (struct report_opts){ .mode = v->opts.mode,
				     .clock_offset_ns = v->opts.clock_offset_ns };
}

static int make_snapshot(struct serve *v, struct cached *c)
{
	const struct report_opts opts = report_opts(v);
	_cleanup_(report__freep) struct report *report = NULL;
	_cleanup_(output__done) struct output o = {};
	const struct snapshot *snapshot;
	int r = serve__refresh(v, &snapshot);

	if (r < 0)
		return r;
	r = output__init(&o);
	if (r >= 0)
		r = report__new(&report, &report_live_data, o.mem, &opts);
	if (r >= 0)
		r = session__write_start(v->session, report);
	for (size_t i = snapshot->n_stalls; r >= 0 && i > 0; i--)
		r = report__stall(report, snapshot->stall_list[i - 1]);
	if (r >= 0)
		r = session__write_summary(v->session, report, snapshot);
	return r < 0 ? r : cache(c, &o, session__now_ns(v->session));
}

#define JSON "application/json"

static int put_snapshot(struct serve *v, const struct http_request *request)
{
	int r = is_fresh(v, &v->snapshot) ? 0 : make_snapshot(v, &v->snapshot);

	if (r >= 0)
		reply_bytes(v, request->id, JSON, NULL, v->snapshot.text, v->snapshot.size);
	return r;
}

/*
 * {"type":"stalls","next":412,"left_out":0}: the next request has since=412 and gets the stalls
 * after these.
 */
static int write_cursor(struct serve *v, FILE *out, uint64_t left_out)
{
	struct jsonx o = json__line("stalls", v->opts.mode);
	_cleanup_(jsonx_done) json_t *line = NULL;

	jsonx_add_u64(&o, "next", v->n_stalls);
	jsonx_add_u64(&o, "left_out", left_out);
	line = jsonx_end(&o);
	return line ? jsonx_write_line(out, line) : -ENOMEM;
}

static int write_stalls(struct serve *v, FILE *out, uint64_t since)
{
	const struct report_opts opts = report_opts(v);
	const struct snapshot *snapshot;
	uint64_t new, n;
	int r = model__snapshot(session__model(v->session), &snapshot);

	if (r < 0)
		return r;
	new = since < v->n_stalls ? v->n_stalls - since : 0;
	n = new < snapshot->n_stalls ? new : snapshot->n_stalls;
	r = write_cursor(v, out, new - n);
	for (; r >= 0 && n > 0; n--) {
		_cleanup_(jsonx_done) json_t *line =
			json__stall(snapshot->stall_list[n - 1], &opts);

		r = line ? jsonx_write_line(out, line) : -ENOMEM;
	}
	return r;
}

static int put_stalls(struct serve *v, const struct http_request *request)
{
	_cleanup_(output__done) struct output o = {};
	uint64_t since = 0;
	int r = query_u64(request->query, "since", UINT64_MAX, &since);

	if (r >= 0)
		r = output__init(&o);
	if (r >= 0)
		r = write_stalls(v, o.mem, since);
	if (r >= 0 && (fflush(o.mem) || o.is_short_of_memory))
		r = -ENOMEM;
	if (r >= 0)
		reply_bytes(v, request->id, "application/x-ndjson", NULL, o.text, o.size);
	return r;
}

static int put_page(struct serve *v, const struct http_request *request)
{
	_cleanup_(output__done) struct output o = {};
	int r = v->page.text ? 0 : output__init(&o);

	if (r < 0)
		return r;
	if (!v->page.text) {
		html_page__begin(o.mem, HTML_PAGE_LIVE);
		html_page__end(o.mem, HTML_PAGE_LIVE);
		r = cache(&v->page, &o, session__now_ns(v->session));
	}
	if (r >= 0)
		reply_bytes(v, request->id, "text/html; charset=utf-8",
			    "Content-Security-Policy: " HTML_PAGE_LIVE_POLICY "\r\n", v->page.text,
			    v->page.size);
	return r;
}

#define PROFILE_TYPE "application/octet-stream"

static void send_profile(void *ctx, uint64_t request, const void *bytes, size_t size)
{
	if (bytes)
		reply_bytes(ctx, request, PROFILE_TYPE, NULL, bytes, size);
	else
		reply_failure(ctx, request, -ENOMEM);
}

int serve__finish_profiles(void *ctx, uint64_t now_ns)
{
	struct serve *v = ctx;
	const struct snapshot *snapshot;
	int r = model__snapshot(session__model(v->session), &snapshot);

	if (r >= 0)
		profiles__finish_due(&v->profiles, now_ns, snapshot, send_profile, v);
	v->profile_timer.due_ns = profiles__due_ns(&v->profiles);
	return r;
}

static int put_profile(struct serve *v, const struct http_request *request, bool is_starved_first)
{
	uint64_t seconds = DEFAULT_PROFILE_SECONDS;
	int r = query_u64(request->query, "seconds", PROFILES_MAX_SECONDS, &seconds);

	if (r < 0 || !seconds)
		return -EINVAL;
	/* These requests are answered at once. */
	if (request->is_head) {
		reply_bytes(v, request->id, PROFILE_TYPE, NULL, "", 0);
		return 0;
	}
	profiles__forget(&v->profiles, v->outlet.is_waiting, v->outlet.ctx);
	r = profiles__begin(&v->profiles, v->session, request->id, seconds, is_starved_first);
	v->profile_timer.due_ns = profiles__due_ns(&v->profiles);
	return r;
}

static int answer(struct serve *v, const struct http_request *request)
{
	enum path path = 0;

	while (path < PATH_MAX_ && strcmp(serve_paths[path], request->path))
		path++;
	switch (path) {
	case PATH_PAGE:
		return put_page(v, request);
	case PATH_METRICS:
		return put_metrics(v, request);
	case PATH_SNAPSHOT:
		return put_snapshot(v, request);
	case PATH_STALLS:
		return put_stalls(v, request);
	case PATH_PROFILE_STALL:
	case PATH_PROFILE_STARVED:
		return put_profile(v, request, path == PATH_PROFILE_STARVED);
	case PATH_RECORDING:
		return serve__put_recording(v, request);
	case PATH_HEALTHY:
		serve__reply_text(v, request->id, 200, "loopstall is healthy.\n");
		return 0;
	case PATH_READY:
		serve__reply_text(v, request->id, 200, "loopstall is ready.\n");
		return 0;
	case PATH_MAX_:
		break;
	}
	serve__reply_text(v, request->id, 404, "There is no such page.\n");
	return 0;
}

void serve__request(struct serve *v, const struct http_request *request)
{
	int r = answer(v, request);

	if (r < 0)
		reply_failure(v, request->id, r);
}
