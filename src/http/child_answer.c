/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies: their headers, and their bodies, which are compressed while they are sent, piece by
 * piece, so that a large one delays no other connection.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/time.h"
#include "http/child.h"
#include "http/rules.h"

#define PIECE_BYTES (32 << 10)
/* A quarter of the time of level 6, for about a tenth more bytes of metrics. */
#define GZIP_LEVEL 2
/* zlib.h, deflateInit2(): the largest window, in gzip's format. */
#define GZIP_WINDOW_BITS (15 + 16)
#define GZIP_MEMORY_LEVEL 8

/* A page may run what is in it and ask this server, nothing else. */
#define HTML_POLICY                                                                                \
	"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "              \
	"img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "                 \
	"frame-ancestors 'none'"

static const char *const common_headers[][2] = {
	{ MHD_HTTP_HEADER_CACHE_CONTROL, "no-store" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
};
static const char *const html_headers[][2] = {
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
};

/* A body on its way. The frame in which it is goes with it. */
struct body {
	struct child *child;
	struct wire_frame frame;
	const uint8_t *data;
	size_t bytes;
	bool is_packed;
	z_stream z;
};

static void body__free(void *ctx)
{
	struct body *b = ctx;

	if (b->frame.data)
		b->child->held_bytes -= b->frame.head.bytes;
	if (b->is_packed)
		deflateEnd(&b->z);
	wire_frame__done(&b->frame);
	free(b);
}

static ssize_t read_plain(const struct body *b, uint64_t at, char *buf, size_t max)
{
	const size_t n = b->bytes - at < max ? b->bytes - at : max;

	memcpy(buf, b->data + at, n);
	return (ssize_t)n;
}

static ssize_t read_packed(struct body *b, char *buf, size_t max)
{
	int r;

	b->z.next_out = (Bytef *)buf;
	b->z.avail_out = (uInt)max;
	r = deflate(&b->z, Z_FINISH);
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (b->z.avail_out == max)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return (ssize_t)(max - b->z.avail_out);
}

static ssize_t on_read(void *ctx, uint64_t at, char *buf, size_t max)
{
	struct body *b = ctx;

	return b->is_packed ? read_packed(b, buf, max) : read_plain(b, at, buf, max);
}

static bool body__pack(struct body *b)
{
	b->z.next_in = (Bytef *)b->data;
	b->z.avail_in = (uInt)b->bytes;
	b->is_packed = deflateInit2(&b->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS,
				    GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
	return b->is_packed;
}

static void add_headers(struct MHD_Response *response, const char *const (*headers)[2], size_t n)
{
	for (size_t i = 0; i < n; i++)
		MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

/* One "Name: value" of the parent's. */
static void add_line(struct MHD_Response *response, const char *line, size_t n)
{
	char text[WIRE_REPLY_EXTRA_BYTES];
	char *value;

	if (n >= sizeof(text))
		return;
	memcpy(text, line, n);
	text[n] = '\0';
	value = strstr(text, ": ");
	if (!value)
		return;
	*value = '\0';
	MHD_add_response_header(response, text, value + 2);
}

static void add_extra_headers(struct MHD_Response *response, const char *lines)
{
	for (const char *end; (end = strstr(lines, "\r\n")); lines = end + 2)
		add_line(response, lines, (size_t)(end - lines));
}

static void add_all_headers(struct MHD_Response *response, const char *content_type,
			    const char *extra)
{
	add_headers(response, common_headers, sizeof(common_headers) / sizeof(common_headers[0]));
	if (*content_type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	add_extra_headers(response, extra);
	if (!content_is_html(content_type))
		return;
	add_headers(response, html_headers, sizeof(html_headers) / sizeof(html_headers[0]));
	if (!MHD_get_response_header(response, "Content-Security-Policy"))
		MHD_add_response_header(response, "Content-Security-Policy", HTML_POLICY);
}

static enum http_count count_of(unsigned int status)
{
	return status >= 500  ? HTTP_COUNT_status_5xx :
		status >= 400 ? HTTP_COUNT_status_4xx :
		status >= 300 ? HTTP_COUNT_status_3xx :
				HTTP_COUNT_status_2xx;
}

static enum MHD_Result queue(struct child *c, struct conn *conn, struct MHD_Response *response,
			     unsigned int status, size_t bytes)
{
	const struct http_limits *limits = &c->config.limits;
	const uint64_t more_ns = bytes * NS_PER_S / (limits->write_bytes_per_s + 1);
	enum MHD_Result result;

	if (conn->server->is_retiring)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	result = MHD_queue_response(conn->mhd, status, response);
	MHD_destroy_response(response);
	if (result == MHD_YES) {
		child__count(c, count_of(status));
		conn__enter(conn, PHASE_WRITING, limits->write_ms * NS_PER_MS + more_ns);
		conn->is_answered = false;
	}
	return result;
}

enum MHD_Result child__send_status(struct child *c, struct conn *conn, unsigned int status,
				   const char *header, const char *value)
{
	const char *phrase = MHD_get_reason_phrase_for(status);
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(phrase), (void *)phrase, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	add_all_headers(response, "text/plain; charset=utf-8", "");
	if (header)
		MHD_add_response_header(response, header, value);
	return queue(c, conn, response, status, strlen(phrase));
}

static struct MHD_Response *create(struct child *c, struct conn *conn)
{
	const struct answer *a = &conn->answer;
	struct body *b = calloc(1, sizeof(*b));
	struct MHD_Response *response;

	if (!b)
		return NULL;
	b->child = c;
	b->data = a->body;
	b->bytes = a->body_bytes;
	if (conn->takes_gzip && content_is_worth_gzip(a->content_type, a->body_bytes))
		body__pack(b);
	response = MHD_create_response_from_callback(b->is_packed ? MHD_SIZE_UNKNOWN :
								    (uint64_t)b->bytes,
						     PIECE_BYTES, on_read, b, body__free);
	if (!response) {
		body__free(b);
		return NULL;
	}
	add_all_headers(response, a->content_type, a->headers);
	if (content_is_worth_gzip(a->content_type, a->body_bytes))
		MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
	if (b->is_packed)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	b->frame = conn->answer.frame;
	conn->answer.frame = (struct wire_frame){};
	return response;
}

enum MHD_Result child__send_answer(struct child *c, struct conn *conn)
{
	const unsigned int status = conn->answer.status;
	const size_t bytes = conn->answer.body_bytes;
	struct MHD_Response *response = create(c, conn);

	if (response)
		return queue(c, conn, response, status, bytes);
	child__count(c, HTTP_COUNT_no_memory);
	return child__send_status(c, conn, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, NULL);
}
