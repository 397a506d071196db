/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests that are open, and their replies. The child is not trusted: a request that is not as one
 * must be ends it.
 */
#include <errno.h>
#include <string.h>

#include "http/rules.h"
#include "http/server_impl.h"

static struct open_request *find(const struct http_server *s, uint64_t id)
{
	if (id >> 32 != s->generation)
		return NULL;
	for (size_t i = 0; i < s->limits.connections; i++)
		if (s->open[i].is_open && s->open[i].child_id == (uint32_t)id)
			return &s->open[i];
	return NULL;
}

static uint64_t id_of(const struct http_server *s, uint32_t child_id)
{
	return (uint64_t)s->generation << 32 | child_id;
}

/* NULL: no child that keeps the protocol has that many, or the same twice. */
static struct open_request *find_free(struct http_server *s, uint64_t child_id)
{
	if (child_id > UINT32_MAX || find(s, id_of(s, (uint32_t)child_id)))
		return NULL;
	for (size_t i = 0; i < s->limits.connections; i++)
		if (!s->open[i].is_open)
			return &s->open[i];
	return NULL;
}

/* The path as it is in our own list. */
static const char *known_path(const struct http_server *s, const char *path)
{
	for (size_t i = 0; i < s->n_paths; i++)
		if (!strcmp(s->paths[i], path))
			return s->paths[i];
	return NULL;
}

int http_server__take_request(struct http_server *s, struct wire_frame *frame,
			      struct http_request *ret_request)
{
	struct open_request *open = find_free(s, frame->head.id);
	struct wire_in in = wire_frame__in(frame);
	struct http_request request = {};

	request.is_head = wire_in__u32(&in);
	request.path = known_path(s, wire_in__text(&in));
	request.query = wire_in__text(&in);
	request.accept = wire_in__text(&in);
	request.accept_encoding = wire_in__text(&in);
	if (!wire_in__is_end(&in) || !open || !request.path || !text_is_printable(request.query) ||
	    !text_is_printable(request.accept) || !text_is_printable(request.accept_encoding))
		return -EPROTO;
	*open = (struct open_request){ .child_id = (uint32_t)frame->head.id, .is_open = true };
	request.id = id_of(s, open->child_id);
	wire_frame__done(&s->request);
	s->request = *frame;
	*frame = (struct wire_frame){};
	*ret_request = request;
	return 0;
}

void http_server__take_cancel(struct http_server *s, uint64_t child_id)
{
	struct open_request *open =
		child_id > UINT32_MAX ? NULL : find(s, id_of(s, (uint32_t)child_id));

	/* One that crossed our reply is no error. */
	if (open)
		open->is_open = false;
}

void http_server__forget_requests(struct http_server *s)
{
	memset(s->open, 0, s->limits.connections * sizeof(*s->open));
	s->generation++;
}

bool http_server__is_waiting(const struct http_server *s, uint64_t id)
{
	return find(s, id);
}

static int send_reply(struct http_server *s, uint32_t child_id, const struct http_reply *reply)
{
	struct wire_out w = {};
	int r;

	wire_out__begin(&w, WIRE_REPLY, child_id);
	wire_out__u32(&w, reply->status);
	wire_out__text(&w, reply->content_type);
	wire_out__text(&w, reply->extra_headers);
	if (w.n > WIRE_REPLY_EXTRA_BYTES || reply->body_bytes > s->limits.reply_bytes) {
		wire_out__done(&w);
		return -EMSGSIZE;
	}
	wire_out__bytes(&w, reply->body, reply->body_bytes);
	r = wire_out__end(&w);
	if (!r)
		r = http_server__send(s, &w);
	wire_out__done(&w);
	return r;
}

/* Without memory for that either, the child answers when the time is over. */
static void send_unavailable(struct http_server *s, uint32_t child_id)
{
	static const char text[] = "There is no room for the reply.\n";
	const struct http_reply reply = { .status = 503,
					  .content_type = "text/plain; charset=utf-8",
					  .body = text,
					  .body_bytes = sizeof(text) - 1 };

	send_reply(s, child_id, &reply);
}

void http_server__refuse_request(struct http_server *s, uint64_t child_id)
{
	http_server__count(s, HTTP_COUNT_no_memory);
	send_unavailable(s, (uint32_t)child_id);
}

int http_server__reply(struct http_server *s, uint64_t id, const struct http_reply *reply)
{
	struct open_request *open = find(s, id);
	int r;

	if (!open) {
		http_server__count(s, HTTP_COUNT_reply_gone);
		return -ENOENT;
	}
	open->is_open = false;
	r = send_reply(s, open->child_id, reply);
	if (!r)
		return 0;
	http_server__count(s, r == -ENOMEM ? HTTP_COUNT_no_memory : HTTP_COUNT_reply_too_large);
	send_unavailable(s, open->child_id);
	return r;
}
