/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See address.h. Names are not resolved, but for localhost: what a name leads to may change, and
 * with it who can reach the server.
 */
#include "http/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define UNIX_PREFIX "unix:"
#define BACKLOG 64

static int refuse(struct err *err, const char *text, const char *why)
{
	return err__set(err, -EINVAL,
			"cannot listen on '%s': %s, as in 127.0.0.1:9487, [::1]:9487 or unix:PATH",
			text, why);
}

static int parse_unix(struct http_address *a, const char *path, struct err *err)
{
	const size_t n = strlen(path);

	if (path[0] != '/' && path[0] != '.')
		return err__set(err, -EINVAL,
				"cannot listen on 'unix:%s': the path must begin with / or .",
				path);
	if (n >= sizeof(a->un.sun_path))
		return err__set(err, -EINVAL,
				"cannot listen on 'unix:%s': the path is longer than %zu bytes",
				path, sizeof(a->un.sun_path) - 1);
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, path, n + 1);
	a->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	a->is_unix = a->is_local = true;
	return 0;
}

/* -1: no port. */
static int parse_port(const char *text)
{
	char *end;
	unsigned long port;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	port = strtoul(text, &end, 10);
	return *end || end - text > 5 || port > UINT16_MAX ? -1 : (int)port;
}

static bool set_ipv4(struct http_address *a, const char *host, int port)
{
	struct sockaddr_in *in = (void *)&a->storage;

	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return false;
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	a->bytes = sizeof(*in);
	a->is_local = ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return true;
}

static bool set_ipv6(struct http_address *a, const char *host, int port)
{
	struct sockaddr_in6 *in6 = (void *)&a->storage;

	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return false;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	a->bytes = sizeof(*in6);
	a->is_local = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	return true;
}

/* Takes "[HOST]" apart. False: an IPv6 address without brackets, or brackets around nothing. */
static bool copy_host(char host[INET6_ADDRSTRLEN], const char *text, size_t n, bool *ret_is_ipv6)
{
	*ret_is_ipv6 = n >= 2 && text[0] == '[' && text[n - 1] == ']';
	if (*ret_is_ipv6) {
		text++;
		n -= 2;
	}
	if (!n || n >= INET6_ADDRSTRLEN)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	return true;
}

int http_address__parse(struct http_address *ret_address, const char *text, struct err *err)
{
	const char *colon = strrchr(text, ':');
	struct http_address a = {};
	char host[INET6_ADDRSTRLEN];
	bool is_ipv6;
	int port, r = 0;

	if (!strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX))) {
		r = parse_unix(&a, text + strlen(UNIX_PREFIX), err);
		if (!r)
			*ret_address = a;
		return r;
	}
	port = colon ? parse_port(colon + 1) : -1;
	if (port < 0)
		return refuse(err, text, "it must end with a port of 0 to 65535");
	if (!copy_host(host, text, (size_t)(colon - text), &is_ipv6))
		return refuse(err, text, "an address of this machine must be before the port");
	if (is_ipv6 ? !set_ipv6(&a, host, port) :
		      !set_ipv4(&a, strcmp(host, "localhost") ? host : "127.0.0.1", port))
		return refuse(err, text, "it must be an IP address, IPv6 in brackets");
	*ret_address = a;
	return 0;
}

/* A socket file whose listener has ended. */
static bool is_left_over(const struct http_address *a)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	return fd >= 0 && !lstat(a->un.sun_path, &st) && S_ISSOCK(st.st_mode) &&
		connect(fd, &a->any, a->bytes) < 0 && errno == ECONNREFUSED;
}

static int bind_unix(int fd, struct http_address *a)
{
	struct stat st;

	/* The file gets the mode of the socket, so at no time can others open it. */
	if (fchmod(fd, S_IRUSR | S_IWUSR))
		return -errno;
	if (bind(fd, &a->any, a->bytes) &&
	    (errno != EADDRINUSE || !is_left_over(a) || unlink(a->un.sun_path) ||
	     bind(fd, &a->any, a->bytes)))
		return -errno;
	if (!lstat(a->un.sun_path, &st)) {
		a->device = st.st_dev;
		a->inode = st.st_ino;
	}
	return 0;
}

static int bind_port(int fd, struct http_address *a)
{
	const int yes = 1;

	/* A port whose last connections are in TIME_WAIT is free. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, &a->any, a->bytes))
		return -errno;
	a->bytes = sizeof(a->storage);
	return getsockname(fd, &a->any, &a->bytes) ? -errno : 0;
}

int http_address__listen(struct http_address *a, struct err *err)
{
	_cleanup_fd_ int fd =
		socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[HTTP_ADDRESS_TEXT_BYTES];
	int r = fd < 0 ? -errno : a->is_unix ? bind_unix(fd, a) : bind_port(fd, a);

	if (!r && listen(fd, BACKLOG))
		r = -errno;
	http_address__print(a, text, sizeof(text));
	if (r) {
		err__set(err, r, "cannot listen on %s: %s", text, strerror(-r));
		return r == -EADDRINUSE ?
			err__hint(err, r, "another server listens there: use --listen") :
			r;
	}
	return TAKE_FD(fd);
}

void http_address__unlink(const struct http_address *a)
{
	struct stat st;

	if (a->is_unix && a->inode && !lstat(a->un.sun_path, &st) && st.st_dev == a->device &&
	    st.st_ino == a->inode)
		unlink(a->un.sun_path);
}

void http_address__print(const struct http_address *a, char *buf, size_t size)
{
	const struct sockaddr_in *in = (const void *)&a->storage;
	const struct sockaddr_in6 *in6 = (const void *)&a->storage;
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->is_unix) {
		snprintf(buf, size, UNIX_PREFIX "%s", a->un.sun_path);
	} else if (a->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(buf, size, "%s:%u", host, ntohs(in->sin_port));
	} else {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(buf, size, "[%s]:%u", host, ntohs(in6->sin6_port));
	}
}
