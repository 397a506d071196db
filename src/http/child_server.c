/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One server of libmicrohttpd: its options, and its connections as they come and go.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/time.h"
#include "http/child.h"
#include "http/child_tls.h"

static enum MHD_Result on_accept(void *ctx, const struct sockaddr *address, socklen_t bytes)
{
	struct child_server *s = ctx;

	(void)bytes;
	return child__may_connect(s->child, address) ? MHD_YES : MHD_NO;
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_ctx,
			  enum MHD_ConnectionNotificationCode code)
{
	struct child_server *s = ctx;
	struct conn *conn = *socket_ctx;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_ctx = conn = child__add_conn(s->child, s, mhd);
		if (conn && s->has_tls)
			child_tls__begin(&s->child->config.web, conn);
	} else if (conn) {
		child__remove_conn(s->child, conn);
	}
}

/* A path stays as it was sent: only exact ones are served. */
static size_t keep_escapes(void *ctx, struct MHD_Connection *mhd, char *text)
{
	(void)ctx;
	(void)mhd;
	return strlen(text);
}

static void ignore_log(void *ctx, const char *format, va_list args)
{
	(void)ctx;
	(void)format;
	(void)args;
}

static int start(struct child_server *s, struct child *c, struct err *err)
{
	const struct http_limits *limits = &c->config.limits;
	struct MHD_OptionItem tls[CHILD_TLS_OPTIONS];
	const unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
		(c->config.web.has_tls ? MHD_USE_TLS : 0);
	const union MHD_DaemonInfo *info;

	s->has_tls = c->config.web.has_tls;
	child_tls__options(&c->config.web, tls);
	s->daemon = MHD_start_daemon(
		flags, 0, on_accept, s, child_on_request, s, MHD_OPTION_EXTERNAL_LOGGER, ignore_log,
		NULL, MHD_OPTION_LISTEN_SOCKET, c->listen_fd,
		/* One more than we let in, or it would stop to accept instead of asking us. */
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)c->conns_size + 1,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)limits->connection_bytes,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
		MHD_OPTION_URI_LOG_CALLBACK, child_on_uri, s, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, s, MHD_OPTION_NOTIFY_COMPLETED, child_on_request_end, s,
		MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	if (!s->daemon)
		return err__set(err, -EIO, "libmicrohttpd does not start%s",
				c->config.web.has_tls ? " with this certificate and key" : "");
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	s->epoll_fd = info ? info->epoll_fd : -1;
	return 0;
}

int child_server__new(struct child_server **ret_server, struct child *c, struct err *err)
{
	struct child_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->child = c;
	r = start(s, c, err);
	if (r)
		free(s);
	else
		*ret_server = s;
	return r;
}

void child_server__free(struct child_server *s)
{
	if (!s)
		return;
	MHD_stop_daemon(s->daemon);
	free(s);
}

bool child_server__is_used(const struct child_server *s)
{
	for (size_t i = 0; i < s->child->conns_size; i++)
		if (s->child->conns[i].phase != PHASE_UNUSED && s->child->conns[i].server == s)
			return true;
	return false;
}

void child_server__retire(struct child_server *s)
{
	MHD_quiesce_daemon(s->daemon);
	s->is_retiring = true;
	for (size_t i = 0; i < s->child->conns_size; i++) {
		struct conn *conn = &s->child->conns[i];

		/* A new client may ask once, as if it had come a moment earlier. */
		if (conn->server != s || conn->phase != PHASE_HEADER || !conn->n_requests)
			continue;
		conn->is_closing = true;
		shutdown(conn->fd, SHUT_RDWR);
	}
}
