/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is answered to requests, while a session runs in the scripted world.
 */
#include "session/world_session.h"

#include "record/player.h"
#include "serve/serve.h"

#define MAX_REPLIES 16

static struct {
	struct serve *serve;
	uint64_t left; /* request whose client has left */
	size_t n;
	struct {
		uint64_t id;
		unsigned int status;
		char type[64];
		char *body;
		size_t size;
		uint64_t at_ns;
	} replies[MAX_REPLIES];
} http;

static int keep_reply(void *ctx, uint64_t id, const struct http_reply *reply)
{
	char *body = malloc(reply->body_bytes + 1);

	(void)ctx;
	cr_assert_lt(http.n, MAX_REPLIES);
	cr_assert_not_null(body);
	if (reply->body_bytes)
		memcpy(body, reply->body, reply->body_bytes);
	body[reply->body_bytes] = '\0';
	http.replies[http.n].id = id;
	http.replies[http.n].status = reply->status;
	http.replies[http.n].body = body;
	http.replies[http.n].size = reply->body_bytes;
	http.replies[http.n].at_ns = world.now_ns;
	snprintf(http.replies[http.n].type, sizeof(http.replies[0].type), "%s",
		 reply->content_type);
	http.n++;
	return 0;
}

static bool is_waiting(void *ctx, uint64_t id)
{
	(void)ctx;
	return id != http.left;
}

static const struct http_counts *no_counts(void *ctx)
{
	static const struct http_counts none;

	(void)ctx;
	return &none;
}

static void ask(uint64_t id, const char *path, const char *query)
{
	const struct http_request request = {
		.id = id, .path = path, .query = query, .accept = "", .accept_encoding = ""
	};

	serve__request(http.serve, &request);
}

/* A session of that length over process PID, which the server takes part in. */
static void serve_with_ring(uint64_t duration_ns, uint64_t ring_ns)
{
	static const struct serve_outlet outlet = { NULL, keep_reply, is_waiting, no_counts };
	const struct recorder_opts ring = { .ring_ns = ring_ns, .max_bytes = 8U << 20 };
	const struct serve_opts opts = {
		.version = "test", .mode = "exact", .clock_offset_ns = 1, .ring_ns = ring_ns
	};
	struct session_opts session_opts = world_opts();
	struct session *s;
	struct err err = {};

	process_begins(PID, 1, "python3 app.py");
	session_opts.duration_ns = duration_ns;
	session_opts.record = ring_ns ? &ring : NULL;
	cr_assert_eq(session__new(&s, &session_opts, &err), 0);
	world.session = s;
	cr_assert_eq(serve__new(&http.serve, s, &outlet, &opts), 0);
	cr_assert_eq(session__add_targets(s, &err), 0);
	cr_expect_eq(session__run(s, &err), EXIT_FINE);
	session__free(s);
	serve__free(http.serve);
}

static void serve_for(uint64_t duration_ns)
{
	serve_with_ring(duration_ns, 0);
}

static void forget_replies(void)
{
	for (size_t i = 0; i < http.n; i++)
		free(http.replies[i].body);
}

TestSuite(answers, .fini = forget_replies);

static void ask_metrics(void)
{
	ask(1, "/metrics", "");
	ask(2, "/-/healthy", "");
	ask(3, "/-/ready", "");
	ask(4, "/nowhere", "");
}

Test(answers, metrics_and_probes)
{
	at_ms(700, report_stall);
	at_ms(1500, ask_metrics);
	serve_for(2 * SECOND);
	cr_assert_eq(http.n, 4);
	cr_expect_eq(http.replies[0].status, 200);
	cr_expect_str_eq(http.replies[0].type, "text/plain; version=0.0.4; charset=utf-8");
	cr_expect_not_null(strstr(http.replies[0].body, "loopstall_stalls_total{service=\""));
	cr_expect_eq(http.replies[1].status, 200);
	cr_expect_eq(http.replies[2].status, 200);
	cr_expect_eq(http.replies[3].status, 404);
}

static void ask_stalls(void)
{
	ask(1, "/api/stalls", "");
	ask(2, "/api/stalls", "since=1");
	ask(3, "/api/stalls", "since=2");
	ask(4, "/api/stalls", "since=9");
	ask(5, "/api/stalls", "since=x");
}

static size_t lines_in(const char *text)
{
	size_t n = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

Test(answers, stalls_behind_a_cursor)
{
	static const size_t lines[] = { 3, 2, 1, 1 };

	at_ms(500, report_stall);
	at_ms(700, report_stall);
	at_ms(1500, ask_stalls);
	serve_for(2 * SECOND);
	cr_assert_eq(http.n, 5);
	for (size_t i = 0; i < 4; i++) {
		cr_expect_eq(http.replies[i].status, 200);
		cr_expect_eq(lines_in(http.replies[i].body), lines[i], "%s", http.replies[i].body);
		cr_expect_not_null(strstr(http.replies[i].body, "\"next\":2,\"left_out\":0"));
	}
	cr_expect_eq(http.replies[4].status, 400);
}

static void ask_snapshot(void)
{
	ask(1, "/api/snapshot", "");
	ask(2, "/", "");
}

Test(answers, a_snapshot_for_the_page_and_the_page)
{
	json_t *json;

	at_ms(700, report_stall);
	at_ms(1500, ask_snapshot);
	serve_for(2 * SECOND);
	cr_assert_eq(http.n, 2);
	json = json_loads(http.replies[0].body, 0, NULL);
	cr_assert_not_null(json);
	cr_expect_str_eq(json_string_value(json_object_get(json, "schema")), "loopstall/1");
	cr_expect(json_is_object(json_object_get(json, "summary")));
	cr_expect(json_is_array(json_object_get(json, "open")));
	cr_expect_gt(json_array_size(json_object_get(json_object_get(json, "flame"), "nodes")), 1);
	json_decref(json);
	cr_expect_str_eq(http.replies[1].type, "text/html; charset=utf-8");
	cr_expect_not_null(strstr(http.replies[1].body, "connect-src 'self'"));
}

static void ask_profiles(void)
{
	ask(1, "/debug/pprof/stall", "seconds=1");
	ask(2, "/debug/pprof/starved", "seconds=2");
	ask(3, "/debug/pprof/stall", "seconds=301");
}

Test(answers, a_profile_comes_when_its_time_is_over)
{
	http.left = 99;
	at_ms(500, ask_profiles);
	at_ms(900, report_stall);
	serve_for(4 * SECOND);
	cr_assert_eq(http.n, 3);
	cr_expect_eq(http.replies[0].status, 400);
	cr_expect_eq(http.replies[1].id, 1);
	cr_expect_eq(http.replies[2].id, 2);
	for (size_t i = 1; i < 3; i++) {
		cr_expect_eq(http.replies[i].status, 200);
		cr_expect_gt(http.replies[i].size, 20);
		cr_expect_eq((unsigned char)http.replies[i].body[0], 0x1f, "gzip");
	}
	cr_expect_geq(http.replies[2].at_ns - http.replies[1].at_ns, 900 * MS);
}

static void ask_many_profiles(void)
{
	for (uint64_t i = 0; i < 9; i++)
		ask(i, "/debug/pprof/stall", "seconds=1");
}

Test(answers, profiles_at_a_time_are_bounded)
{
	size_t n_fine = 0;

	http.left = 99;
	at_ms(500, ask_many_profiles);
	serve_for(3 * SECOND);
	cr_assert_eq(http.n, 9);
	cr_expect_eq(http.replies[0].status, 503);
	for (size_t i = 0; i < 9; i++)
		n_fine += http.replies[i].status == 200;
	cr_expect_eq(n_fine, 8);
}

static void leave_and_ask_again(void)
{
	http.left = 3;
	ask(20, "/debug/pprof/stall", "seconds=1");
}

Test(answers, a_profile_that_nobody_waits_for_makes_room)
{
	http.left = 99;
	at_ms(500, ask_many_profiles);
	at_ms(700, leave_and_ask_again);
	serve_for(3 * SECOND);
	cr_assert_eq(http.n, 9);
	cr_expect_eq(http.replies[8].id, 20);
	cr_expect_eq(http.replies[8].status, 200);
}

static void ask_often(void)
{
	for (uint64_t i = 0; i < 10; i++)
		ask(i, "/metrics", "");
}

Test(answers, a_flood_is_answered_from_one_reading)
{
	at_ms(1500, ask_often);
	serve_for(2 * SECOND);
	cr_assert_eq(http.n, 10);
	for (size_t i = 1; i < 10; i++)
		cr_expect_str_eq(http.replies[i].body, http.replies[0].body);
}

/* The stalls in a reply that is a recording. */
static uint64_t play_reply(size_t i)
{
	char path[] = "/tmp/loopstall-test-XXXXXX";
	const int fd = mkstemp(path);
	const struct snapshot *snapshot;
	struct resolver resolver;
	struct player *p;
	struct model *m;
	struct err err = {};
	uint64_t n;

	cr_assert_eq(write(fd, http.replies[i].body, http.replies[i].size),
		     (ssize_t)http.replies[i].size);
	close(fd);
	cr_assert_eq(player__open(&p, path, &err), 0, "%s", err.what);
	unlink(path);
	resolver = player__resolver(p);
	cr_assert_eq(model__new(&m, &resolver, NULL, NULL), 0);
	while (player__next(p, m, NULL) > 0)
		;
	cr_expect_null(player__damage(p), "%s", player__damage(p));
	cr_expect(player__is_complete(p));
	cr_expect_str_eq(meta__get(player__meta(p), "reason"), "request");
	cr_assert_eq(model__snapshot(m, &snapshot), 0);
	n = snapshot->stalls;
	model__free(m);
	player__free(p);
	return n;
}

static void ask_recording(void)
{
	ask(1, "/recording", "last=60s");
}

static void ask_recording_again(void)
{
	ask(2, "/recording", "");
	ask(3, "/recording", "last=60");
	ask(4, "/recording", "last=0s");
}

static void ask_last_recording(void)
{
	ask(5, "/recording", "last=1s");
}

Test(answers, a_recording_at_most_once_a_second)
{
	at_ms(500, report_stall);
	at_ms(1500, ask_recording);
	at_ms(1700, report_stall);
	at_ms(2000, ask_recording_again);
	at_ms(30000, report_stall);
	at_ms(30500, ask_last_recording);
	serve_with_ring(31 * SECOND, 16 * SECOND);
	cr_assert_eq(http.n, 5);
	cr_expect_eq(http.replies[0].status, 200);
	cr_expect_str_eq(http.replies[0].type, "application/octet-stream");
	cr_expect_eq(play_reply(0), 1);
	cr_expect_eq(http.replies[1].status, 503, "too soon");
	cr_expect_eq(http.replies[2].status, 400);
	cr_expect_eq(http.replies[3].status, 400);
	cr_expect_eq(http.replies[4].status, 200);
	cr_expect_eq(play_reply(4), 1, "not the stalls of half a minute before");
}

Test(answers, no_recording_without_permission)
{
	at_ms(1500, ask_recording);
	serve_for(2 * SECOND);
	cr_assert_eq(http.n, 1);
	cr_expect_eq(http.replies[0].status, 403);
	cr_expect_not_null(strstr(http.replies[0].body, "--allow-recording"));
}
