/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request: refused here, or sent to the parent while its connection is suspended. libmicrohttpd
 * calls for each request once when its header is there, once more when the rest is, and again when
 * the connection is resumed. A reply at the first call also ends the connection.
 */
#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "http/child.h"
#include "http/rules.h"

static const char *header(const struct conn *conn, const char *name)
{
	const char *value = MHD_lookup_connection_value(conn->mhd, MHD_HEADER_KIND, name);

	return value ? value : "";
}

static struct conn *conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static enum MHD_Result refuse(struct child *c, struct conn *conn, enum http_count count,
			      unsigned int status)
{
	child__count(c, count);
	return child__send_status(c, conn, status, NULL, NULL);
}

static bool is_get(const char *method)
{
	return !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
}

static bool has_body(const struct conn *conn)
{
	const char *length = header(conn, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return *header(conn, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
		strspn(length, "0") < strlen(length);
}

static bool has_path(const struct child *c, const char *path)
{
	for (size_t i = 0; i < c->config.n_paths; i++)
		if (!strcmp(c->config.paths[i], path))
			return true;
	return false;
}

/* A page of another site can make a browser send requests here, whose answers it does not see. A
 * link on it is no such request. */
static bool is_cross_site(const struct conn *conn)
{
	return !strcmp(header(conn, "Sec-Fetch-Site"), "cross-site") &&
		strcmp(header(conn, "Sec-Fetch-Mode"), "navigate");
}

/* A client of HTTP/1.0 sends no Host; a browser, which can be deceived, always does. */
static bool is_host_wrong(const struct child *c, const struct conn *conn)
{
	const char *host = header(conn, MHD_HTTP_HEADER_HOST);

	return c->config.is_host_checked && *host && !host_is_local(host);
}

static enum MHD_Result begin(struct child *c, struct conn *conn, const char *method)
{
	conn->n_requests++;
	conn->is_begun = true;
	child__count(c, HTTP_COUNT_requests);
	if (!is_get(method)) {
		child__count(c, HTTP_COUNT_refused_method);
		return child__send_status(c, conn, MHD_HTTP_METHOD_NOT_ALLOWED,
					  MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	}
	if (has_body(conn))
		return refuse(c, conn, HTTP_COUNT_refused_body, MHD_HTTP_BAD_REQUEST);
	if (is_host_wrong(c, conn))
		return refuse(c, conn, HTTP_COUNT_refused_host, MHD_HTTP_MISDIRECTED_REQUEST);
	if (is_cross_site(conn))
		return refuse(c, conn, HTTP_COUNT_refused_cross_site, MHD_HTTP_FORBIDDEN);
	return MHD_YES;
}

static enum MHD_Result ask_for_credentials(struct child *c, struct conn *conn,
					   enum http_count count)
{
	child__count(c, count);
	return child__send_status(c, conn, MHD_HTTP_UNAUTHORIZED, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
				  "Basic realm=\"loopstall\", charset=\"UTF-8\"");
}

static uint64_t client_of(const struct conn *conn)
{
	uint64_t client;

	memcpy(&client, conn->peer.s6_addr, sizeof(client));
	return client ^ conn->peer.s6_addr32[3];
}

static enum credentials_verdict check(struct child *c, struct conn *conn)
{
	enum credentials_verdict verdict = CREDENTIALS_BAD;
	char *password = NULL, *user = MHD_basic_auth_get_username_password(conn->mhd, &password);

	if (user && password) {
		conn->request_id = ++c->last_id;
		verdict = credentials__check(c->credentials, client_of(conn), conn->request_id,
					     user, password);
	}
	if (password)
		explicit_bzero(password, strlen(password));
	MHD_free(password);
	MHD_free(user);
	return verdict;
}

static enum MHD_Result authorize(struct child *c, struct conn *conn)
{
	if (!*header(conn, MHD_HTTP_HEADER_AUTHORIZATION))
		return ask_for_credentials(c, conn, HTTP_COUNT_no_credentials);
	switch (check(c, conn)) {
	case CREDENTIALS_GOOD:
		conn->is_authorized = true;
		return MHD_YES;
	case CREDENTIALS_BAD:
		return ask_for_credentials(c, conn, HTTP_COUNT_bad_credentials);
	case CREDENTIALS_BUSY:
		child__count(c, HTTP_COUNT_refused_checks);
		return child__send_status(c, conn, MHD_HTTP_TOO_MANY_REQUESTS,
					  MHD_HTTP_HEADER_RETRY_AFTER, "1");
	default:
		conn__enter(conn, PHASE_CHECKING, c->config.limits.answer_ms * NS_PER_MS);
		MHD_suspend_connection(conn->mhd);
		return MHD_YES;
	}
}

void child__authorize(struct child *c, uint32_t ticket, bool is_good)
{
	struct conn *conn = child__find_request(c, PHASE_CHECKING, ticket);

	if (!conn || conn->is_answered)
		return;
	conn->is_authorized = is_good;
	conn->is_unauthorized = !is_good;
	conn->phase = PHASE_HEADER;
	MHD_resume_connection(conn->mhd);
}

static int encode(struct child *c, struct conn *conn, const char *path, bool is_head,
		  struct wire_out *w)
{
	const char *accept = header(conn, MHD_HTTP_HEADER_ACCEPT);
	const char *encoding = header(conn, MHD_HTTP_HEADER_ACCEPT_ENCODING);

	if (conn->is_query_bad || !text_is_printable(accept) || !text_is_printable(encoding))
		return -EMSGSIZE;
	conn->takes_gzip = encoding_takes_gzip(encoding);
	/* The parent takes 32 bits; after four billion requests they may begin again. */
	conn->request_id = ++c->last_id;
	wire_out__begin(w, WIRE_REQUEST, conn->request_id);
	wire_out__u32(w, is_head);
	wire_out__text(w, path);
	wire_out__text(w, conn->query);
	wire_out__text(w, accept);
	wire_out__text(w, encoding);
	return w->n > WIRE_REQUEST_MAX_BYTES ? -EMSGSIZE : wire_out__end(w);
}

/* The server is suspended before the parent hears of it, whose answer may come at once. */
static enum MHD_Result forward(struct child *c, struct conn *conn, const char *path, bool is_head)
{
	struct wire_out w = {};
	int r = encode(c, conn, path, is_head, &w);

	if (!r) {
		MHD_suspend_connection(conn->mhd);
		conn__enter(conn, PHASE_WAITING, c->config.limits.answer_ms * NS_PER_MS);
		r = wire_send(c->channel_fd, &w);
	}
	wire_out__done(&w);
	if (r == -EMSGSIZE)
		return refuse(c, conn, HTTP_COUNT_refused_length,
			      MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE);
	return r == -ENOMEM ? MHD_NO : MHD_YES;
}

static enum MHD_Result answer(struct child *c, struct conn *conn)
{
	if (conn->local_status)
		return child__send_status(c, conn, conn->local_status, NULL, NULL);
	return conn->answer.status ? child__send_answer(c, conn) : MHD_NO;
}

/* Who has no right to ask learns nothing about paths. */
static enum MHD_Result pass_on(struct child *c, struct conn *conn, const char *path, bool is_head)
{
	if (conn->is_unauthorized)
		return ask_for_credentials(c, conn, HTTP_COUNT_bad_credentials);
	if (c->config.web.n_users && !conn->is_authorized) {
		const enum MHD_Result result = authorize(c, conn);

		if (!conn->is_authorized)
			return result;
	}
	if (!has_path(c, path))
		return refuse(c, conn, HTTP_COUNT_refused_path, MHD_HTTP_NOT_FOUND);
	return forward(c, conn, path, is_head);
}

void *child_on_uri(void *ctx, const char *uri, struct MHD_Connection *mhd)
{
	struct child_server *s = ctx;
	struct conn *conn = conn_of(mhd);
	const char *query = strchr(uri, '?');

	if (!conn)
		return NULL;
	query = query ? query + 1 : "";
	conn->is_query_bad = strlen(query) >= sizeof(conn->query) || !text_is_printable(query);
	if (!conn->is_query_bad)
		strcpy(conn->query, query);
	conn__enter(conn, PHASE_HEADER, s->child->config.limits.header_ms * NS_PER_MS);
	return NULL;
}

enum MHD_Result child_on_request(void *ctx, struct MHD_Connection *mhd, const char *url,
				 const char *method, const char *version, const char *upload,
				 size_t *upload_bytes, void **request)
{
	struct child_server *s = ctx;
	struct conn *conn = conn_of(mhd);

	(void)version;
	(void)upload;
	if (!conn || *upload_bytes)
		return MHD_NO;
	*request = conn;
	if (!conn->is_begun)
		return begin(s->child, conn, method);
	if (conn->is_answered)
		return answer(s->child, conn);
	return pass_on(s->child, conn, url, !strcmp(method, MHD_HTTP_METHOD_HEAD));
}

static void forget_answer(struct child *c, struct conn *conn)
{
	if (conn->answer.frame.data)
		c->held_bytes -= conn->answer.frame.head.bytes;
	wire_frame__done(&conn->answer.frame);
	conn->answer = (struct answer){};
	conn->is_answered = conn->is_begun = false;
	conn->is_authorized = conn->is_unauthorized = false;
	conn->local_status = 0;
}

void child_on_request_end(void *ctx, struct MHD_Connection *mhd, void **request,
			  enum MHD_RequestTerminationCode code)
{
	struct child_server *s = ctx;
	struct conn *conn = *request;

	(void)mhd;
	if (!conn)
		return;
	if (conn->phase == PHASE_WAITING && !conn->is_answered)
		child__cancel(s->child, conn);
	if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK && conn->phase == PHASE_WRITING &&
	    !conn->is_closing)
		child__count(s->child, HTTP_COUNT_client_left);
	forget_answer(s->child, conn);
	conn__enter(conn, PHASE_HEADER, s->child->config.limits.idle_ms * NS_PER_MS);
}

void child__answer(struct child *c, struct conn *conn, unsigned int local_status)
{
	(void)c;
	conn->is_answered = true;
	conn->local_status = local_status;
	MHD_resume_connection(conn->mhd);
}
