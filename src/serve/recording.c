/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /recording: the last seconds of the ring as a file. A copy is made on the thread that measures,
 * so a flood of requests must not cost more than one a second.
 */
#include "serve/serve_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "record/file_name.h"
#include "record/ring_copy.h"
#include "serve/query.h"

#define DEFAULT_LAST_NS (60 * NS_PER_S)
#define PACE_NS NS_PER_S
#define REASON "request"
#define TYPE "application/octet-stream"

static void send_bytes(struct serve *v, uint64_t request, const void *bytes, size_t size)
{
	const struct recording_id id = { .unix_ns = time_now_ns(CLOCK_REALTIME), .reason = REASON };
	char name[RECORDING_NAME_BYTES], headers[RECORDING_NAME_BYTES + 64];
	const struct http_reply what = { .status = 200,
					 .content_type = TYPE,
					 .extra_headers = headers,
					 .body = bytes,
					 .body_bytes = size };

	recording_name(&id, 1, name);
	snprintf(headers, sizeof(headers), "Content-Disposition: attachment; filename=\"%s\"\r\n",
		 name);
	serve__reply(v, request, &what);
}

static int send_last(struct serve *v, uint64_t request, uint64_t last_ns)
{
	const uint64_t now_ns = session__now_ns(v->session);
	const struct record_cut cut = { .reason = REASON,
					.since_ns = now_ns > last_ns ? now_ns - last_ns : 0 };
	_cleanup_(ring_copy__freep) struct ring_copy *copy = NULL;
	_cleanup_free_ void *bytes = NULL;
	int r = session__copy_recording(v->session, &cut, &copy);

	v->recorded_ns = now_ns;
	if (r < 0)
		return r;
	bytes = malloc(ring_copy__bytes(copy));
	r = bytes ? ring_copy__read(copy, bytes) : -ENOMEM;
	if (r >= 0)
		send_bytes(v, request, bytes, ring_copy__bytes(copy));
	return r;
}

static void refuse_haste(struct serve *v, uint64_t request)
{
	static const char text[] = "A recording was taken less than a second ago.\n";
	const struct http_reply what = { .status = 503,
					 .content_type = "text/plain; charset=utf-8",
					 .extra_headers = "Retry-After: 1\r\n",
					 .body = text,
					 .body_bytes = sizeof(text) - 1 };

	serve__reply(v, request, &what);
}

int serve__put_recording(struct serve *v, const struct http_request *request)
{
	uint64_t last_ns = DEFAULT_LAST_NS;

	if (!v->opts.ring_ns) {
		serve__reply_text(v, request->id, 403,
				  "Recordings are not served: start with --allow-recording.\n");
		return 0;
	}
	if (query_time(request->query, "last", UINT64_MAX, &last_ns) < 0 || !last_ns) {
		serve__reply_text(
			v, request->id, 400,
			"The query is not understood: \"last\" takes a time as in 60s or 5m.\n");
		return 0;
	}
	if (request->is_head) {
		send_bytes(v, request->id, "", 0);
		return 0;
	}
	if (v->recorded_ns && session__now_ns(v->session) - v->recorded_ns < PACE_NS) {
		refuse_haste(v, request->id);
		return 0;
	}
	return send_last(v, request->id, last_ns);
}
