/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The child that sends: one request after the other, each until the receiver has taken it, refused
 * it for good, or it is too old. Which statuses are worth another attempt, and Retry-After, is in
 * the public specification of OTLP/HTTP.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "base/time.h"
#include "http/confine.h"
#include "otlp/channel.h"
#include "otlp/library.h"
#include "otlp/message.h"
#include "otlp/sender.h"

#define CHANNEL STDIN_FILENO
#define MEMORY_BYTES (512U << 20)
#define MAX_DESCRIPTORS 32
#define REPLY_BYTES (64U << 10)
#define ATTEMPT_S 10L
#define CONNECT_S 5L
#define FIRST_DELAY_MS 500
#define MAX_DELAY_MS 30000

struct attempt {
	struct curl_library lib;
	CURL *curl;
	struct curl_slist *headers;
	char settings[OTLP_SETTINGS_BYTES + 1]; /* packed */
	char url[640];
	char error[CURL_ERROR_SIZE];
	uint8_t reply[REPLY_BYTES];
	size_t reply_bytes;
};

bool otlp_child_is_asked(int argc, char *const *argv)
{
	return argc == 3 && !strcmp(argv[1], OTLP_CHILD_ARGUMENT);
}

/* Of a larger reply only the beginning is of use. */
static size_t keep_reply(char *data, size_t size, size_t n, void *ctx)
{
	struct attempt *a = ctx;
	const size_t room = sizeof(a->reply) - a->reply_bytes;
	const size_t bytes = size * n < room ? size * n : room;

	memcpy(a->reply + a->reply_bytes, data, bytes);
	a->reply_bytes += bytes;
	return size * n;
}

static void set_up(struct attempt *a, const struct channel_head *head, const void *body)
{
	a->lib.easy_reset(a->curl);
	a->lib.easy_setopt(a->curl, CURLOPT_URL, a->url);
	a->lib.easy_setopt(a->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	a->lib.easy_setopt(a->curl, CURLOPT_NOSIGNAL, 1L);
	if (*a->settings)
		a->lib.easy_setopt(a->curl, CURLOPT_CAINFO, a->settings);
	a->lib.easy_setopt(a->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	a->lib.easy_setopt(a->curl, CURLOPT_TIMEOUT, ATTEMPT_S);
	a->lib.easy_setopt(a->curl, CURLOPT_ERRORBUFFER, a->error);
	a->lib.easy_setopt(a->curl, CURLOPT_HTTPHEADER, a->headers);
	a->lib.easy_setopt(a->curl, CURLOPT_POSTFIELDSIZE, (long)head->bytes);
	a->lib.easy_setopt(a->curl, CURLOPT_POSTFIELDS, body);
	a->lib.easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, keep_reply);
	a->lib.easy_setopt(a->curl, CURLOPT_WRITEDATA, a);
	a->error[0] = '\0';
	a->reply_bytes = 0;
}

static bool is_worth_another(long status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

/* What became of one attempt. */
static void judge(struct attempt *a, CURLcode code, struct channel_outcome *o)
{
	long status = 0;

	*o = (struct channel_outcome){ .kind = OUTCOME_RETRY };
	if (code != CURLE_OK) {
		snprintf(o->text, sizeof(o->text), "%s",
			 a->error[0] ? a->error : a->lib.easy_strerror(code));
		return;
	}
	a->lib.easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300) {
		o->kind = OUTCOME_DONE;
		o->n_rejected = otlp_rejected(a->reply, a->reply_bytes);
		return;
	}
	snprintf(o->text, sizeof(o->text), "HTTP status %ld", status);
	if (!is_worth_another(status))
		o->kind = OUTCOME_REFUSED;
}

static bool tell(const struct channel_outcome *o)
{
	return write(CHANNEL, o, sizeof(*o)) == sizeof(*o);
}

/* False: the parent has gone meanwhile. */
static bool pause_for(struct attempt *a, unsigned int *delay_ms)
{
	struct pollfd parent = { .fd = CHANNEL, .events = POLLIN };
	curl_off_t asked_s = 0;
	unsigned int ms = *delay_ms + (unsigned int)random() % (*delay_ms / 2);

	a->lib.easy_getinfo(a->curl, CURLINFO_RETRY_AFTER, &asked_s);
	if (asked_s > 0 && (unsigned int)asked_s * 1000 > ms)
		ms = asked_s * 1000 < MAX_DELAY_MS ? (unsigned int)asked_s * 1000 : MAX_DELAY_MS;
	*delay_ms = *delay_ms * 2 < MAX_DELAY_MS ? *delay_ms * 2 : MAX_DELAY_MS;
	/* It says nothing more before there is an outcome. */
	return poll(&parent, 1, (int)ms) == 0;
}

static bool deliver(struct attempt *a, const struct channel_head *head, const void *body)
{
	const uint64_t begun_ns = time_now_ns(CLOCK_MONOTONIC);
	unsigned int delay_ms = FIRST_DELAY_MS;
	struct channel_outcome o;

	for (;;) {
		set_up(a, head, body);
		judge(a, a->lib.easy_perform(a->curl), &o);
		if (o.kind == OUTCOME_RETRY &&
		    time_now_ns(CLOCK_MONOTONIC) - begun_ns > OTLP_MAX_AGE_S * NS_PER_S)
			o.kind = OUTCOME_EXPIRED;
		if (!tell(&o))
			return false;
		if (o.kind != OUTCOME_RETRY)
			return true;
		if (!pause_for(a, &delay_ms))
			return false;
	}
}

static bool read_all(void *data, size_t size)
{
	size_t n = 0;

	while (n < size) {
		const ssize_t got = read(CHANNEL, (char *)data + n, size - n);

		if (got <= 0 && !(got < 0 && errno == EINTR))
			return false;
		n += got > 0 ? (size_t)got : 0;
	}
	return true;
}

static bool take_settings(struct attempt *a)
{
	struct channel_head head;

	if (!read_all(&head, sizeof(head)) || head.signal != OTLP_SIGNAL_MAX ||
	    head.bytes >= sizeof(a->settings) || !read_all(a->settings, head.bytes))
		return false;
	for (size_t at = strlen(a->settings) + 1; at < head.bytes;
	     at += strlen(a->settings + at) + 1) {
		struct curl_slist *all = a->lib.slist_append(a->headers, a->settings + at);

		if (!all)
			return false;
		a->headers = all;
	}
	return true;
}

static bool serve_one(struct attempt *a, const char *url)
{
	static const char *const paths[] = {
#define _(name, word, path) [OTLP_##name] = path,
		OTLP_SIGNALS(_)
#undef _
	};
	_cleanup_free_ uint8_t *body = NULL;
	struct channel_head head;
	size_t n = strlen(url);

	if (!read_all(&head, sizeof(head)) || head.signal >= OTLP_SIGNAL_MAX ||
	    head.bytes > OTLP_MAX_BYTES)
		return false;
	body = malloc(head.bytes + 1);
	if (!body || !read_all(body, head.bytes))
		return false;
	while (n && url[n - 1] == '/')
		n--;
	snprintf(a->url, sizeof(a->url), "%.*s%s", (int)n, url, paths[head.signal]);
	return deliver(a, &head, body);
}

/* 0, or -errno with a sentence. */
static int begin(struct attempt *a, struct err *err)
{
	bool has_own_user;
	int r = confine_privileges(&has_own_user, err);

	if (!r)
		r = confine_resources(MEMORY_BYTES, MAX_DESCRIPTORS, err);
	if (r)
		return r;
	r = curl_library__load(&a->lib);
	if (r == -ENOTSUP)
		return err__set(err, r,
				"--otlp needs libcurl, which the static program cannot load: use a "
				"package that links the system's libraries");
	if (r)
		return err__set(err, r, "libcurl is not installed");
	if (!a->lib.global_init(CURL_GLOBAL_DEFAULT)) {
		a->curl = a->lib.easy_init();
		a->headers = a->lib.slist_append(NULL, "Content-Type: application/x-protobuf");
	}
	return a->curl && a->headers ? 0 : err__set(err, -EIO, "libcurl cannot be set up");
}

int otlp_child_main(const char *url)
{
	static struct attempt a;
	struct channel_outcome o = { .kind = OUTCOME_READY };
	struct err err = {};
	int r;

	spawn_ignore_signals();
	r = begin(&a, &err);
	if (r) {
		o.kind = OUTCOME_FAILED;
		snprintf(o.text, sizeof(o.text), "%.100s", err.what);
	}
	if (!tell(&o))
		return -EPIPE;
	srandom((unsigned int)getpid());
	if (!r && !take_settings(&a))
		r = -EPIPE;
	while (!r && serve_one(&a, url))
		;
	return r;
}
