/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections: how many there may be, and how long each may take for what it does. A connection
 * that is late is shut down, and libmicrohttpd closes it then.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/time.h"
#include "http/child.h"

static uint64_t now_ns(void)
{
	return time_now_ns(CLOCK_MONOTONIC);
}

/* One IPv6 network of 64 bits is one client: it has all addresses in it. */
static struct in6_addr peer_of(const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;
	struct in6_addr peer = {};

	if (address && address->sa_family == AF_INET)
		memcpy(peer.s6_addr + 12, &in->sin_addr, sizeof(in->sin_addr));
	else if (address && address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		memcpy(peer.s6_addr + 12, in6->sin6_addr.s6_addr + 12, 4);
	else if (address && address->sa_family == AF_INET6)
		memcpy(peer.s6_addr, &in6->sin6_addr, 8);
	return peer;
}

void conn__enter(struct conn *conn, enum conn_phase phase, uint64_t limit_ns)
{
	conn->phase = phase;
	conn->since_ns = now_ns();
	conn->limit_ns = limit_ns;
}

struct conn *child__add_conn(struct child *c, struct child_server *server,
			     struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *address =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct conn *conn = c->conns;

	while (conn < c->conns + c->conns_size && conn->phase != PHASE_UNUSED)
		conn++;
	if (conn == c->conns + c->conns_size)
		return NULL;
	*conn = (struct conn){ .mhd = mhd,
			       .server = server,
			       .fd = fd ? fd->connect_fd : -1,
			       .peer = peer_of(address ? address->client_addr : NULL) };
	conn__enter(conn, PHASE_HEADER, c->config.limits.header_ms * NS_PER_MS);
	c->n_conns++;
	child__count(c, HTTP_COUNT_connections);
	return conn;
}

void child__remove_conn(struct child *c, struct conn *conn)
{
	if (conn->server->has_tls && !conn->is_tls_up)
		child__count(c, HTTP_COUNT_tls_failed);
	else if (!conn->n_requests)
		child__count(c, HTTP_COUNT_no_request);
	child__count(c, HTTP_COUNT_connections_closed);
	conn->phase = PHASE_UNUSED;
	c->n_conns--;
}

struct conn *child__find_request(struct child *c, enum conn_phase phase, uint64_t id)
{
	for (size_t i = 0; i < c->conns_size; i++)
		if (c->conns[i].phase == phase && c->conns[i].request_id == id)
			return &c->conns[i];
	return NULL;
}

static bool is_open(const struct conn *conn)
{
	return conn->phase != PHASE_UNUSED && !conn->is_closing;
}

/* NULL: of every client. */
static bool is_of(const struct conn *conn, const struct in6_addr *peer)
{
	return is_open(conn) && (!peer || !memcmp(&conn->peer, peer, sizeof(*peer)));
}

static size_t count_open(const struct child *c, const struct in6_addr *peer)
{
	size_t n = 0;

	for (size_t i = 0; i < c->conns_size; i++)
		n += is_of(&c->conns[i], peer);
	return n;
}

static void close_conn(struct conn *conn)
{
	conn->is_closing = true;
	shutdown(conn->fd, SHUT_RDWR);
}

/* Whoever asks nothing has no right to keep others out: the one that has been silent for the
 * longest time makes room. */
static bool make_room(struct child *c, const struct in6_addr *peer)
{
	struct conn *oldest = NULL;

	for (size_t i = 0; i < c->conns_size; i++) {
		struct conn *conn = &c->conns[i];

		if (is_of(conn, peer) && conn->phase == PHASE_HEADER &&
		    (!oldest || conn->since_ns < oldest->since_ns))
			oldest = conn;
	}
	if (!oldest)
		return false;
	child__count(c, HTTP_COUNT_closed_for_room);
	close_conn(oldest);
	return true;
}

/* Those that are being closed take a place, too, but for a moment only. */
bool child__may_connect(struct child *c, const struct sockaddr *address)
{
	const struct in6_addr peer = peer_of(address);
	const struct http_limits *limits = &c->config.limits;

	if (count_open(c, &peer) >= limits->connections_per_address && !make_room(c, &peer)) {
		child__count(c, HTTP_COUNT_refused_address);
		return false;
	}
	if (c->n_conns == c->conns_size ||
	    (count_open(c, NULL) >= limits->connections && !make_room(c, NULL))) {
		child__count(c, HTTP_COUNT_refused_full);
		return false;
	}
	return true;
}

void child__cancel(struct child *c, struct conn *conn)
{
	struct wire_out w = {};

	wire_out__begin(&w, WIRE_CANCEL, conn->request_id);
	if (!wire_out__end(&w))
		wire_send(c->channel_fd, &w);
	wire_out__done(&w);
}

/* libmicrohttpd does not look at the socket of a connection that waits for its answer. */
static bool has_left(const struct conn *conn)
{
	struct pollfd end = { .fd = conn->fd, .events = POLLRDHUP };

	return poll(&end, 1, 0) > 0;
}

static void end_waiting(struct child *c, struct conn *conn, bool is_late)
{
	if (conn->phase == PHASE_WAITING)
		child__cancel(c, conn);
	child__count(c, is_late ? HTTP_COUNT_timeout_answer : HTTP_COUNT_client_left);
	child__answer(c, conn, is_late ? MHD_HTTP_GATEWAY_TIMEOUT : 0);
}

static void end_conn(struct child *c, struct conn *conn)
{
	const bool is_idle = conn->phase == PHASE_HEADER && conn->n_requests;

	if (conn->is_closing)
		return;
	if (conn->phase == PHASE_WRITING)
		child__count(c, HTTP_COUNT_timeout_write);
	else if (!is_idle)
		child__count(c, HTTP_COUNT_timeout_header);
	close_conn(conn);
}

void child__end_late(struct child *c)
{
	const uint64_t now = now_ns();

	for (size_t i = 0; i < c->conns_size; i++) {
		struct conn *conn = &c->conns[i];
		const bool is_late = now - conn->since_ns > conn->limit_ns;
		const bool is_suspended =
			conn->phase == PHASE_WAITING || conn->phase == PHASE_CHECKING;

		if (conn->phase == PHASE_UNUSED || conn->is_answered)
			continue;
		if (!is_suspended && is_late)
			end_conn(c, conn);
		else if (is_suspended && (is_late || has_left(conn)))
			end_waiting(c, conn, is_late);
	}
}
