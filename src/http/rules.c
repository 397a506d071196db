/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See rules.h.
 */
#include "http/rules.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* Below this a reply fits in one segment either way. */
#define GZIP_MIN_BYTES 1400

/* The host without its port: "[::1]:80" is "::1". False: it does not fit or is malformed. */
static bool copy_host(char *buf, size_t size, const char *host)
{
	const bool is_bracketed = host[0] == '[';
	const char *begin = host + is_bracketed;
	const size_t n = strcspn(begin, is_bracketed ? "]" : ":");
	const char *port = begin + n + (is_bracketed && begin[n]);

	if (n >= size || (is_bracketed && begin[n] != ']'))
		return false;
	if (*port && (*port != ':' || strspn(port + 1, "0123456789") != strlen(port + 1)))
		return false;
	memcpy(buf, begin, n);
	buf[n] = '\0';
	return true;
}

bool host_is_local(const char *host)
{
	struct in6_addr in6;
	struct in_addr in;
	char name[INET6_ADDRSTRLEN];

	if (!copy_host(name, sizeof(name), host))
		return false;
	if (host[0] == '[')
		return inet_pton(AF_INET6, name, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
	return !strcasecmp(name, "localhost") ||
		(inet_pton(AF_INET, name, &in) == 1 && ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET);
}

/* Whether the weight behind an encoding, ";q=0.5", is more than none. */
static bool has_weight(const char *parameters, size_t n)
{
	const char *q = memchr(parameters, '=', n);

	return !q || strspn(q + 1, "0.") < strcspn(q + 1, ", \t;");
}

bool encoding_takes_gzip(const char *accept_encoding)
{
	bool is_any = false;

	for (const char *at = accept_encoding; at && *at; at += *at == ',') {
		const char *name = at + strspn(at, " \t");
		const size_t n = strcspn(name, " \t;,");

		at = name + strcspn(name, ",");
		if ((n == 4 && !strncasecmp(name, "gzip", n)) ||
		    (n == 6 && !strncasecmp(name, "x-gzip", n)))
			return has_weight(name + n, (size_t)(at - name) - n);
		if (n == 1 && *name == '*')
			is_any = has_weight(name + n, (size_t)(at - name) - n);
	}
	return is_any;
}

static bool has_type(const char *content_type, const char *type)
{
	return !strncasecmp(content_type, type, strlen(type));
}

bool content_is_worth_gzip(const char *content_type, size_t bytes)
{
	return bytes >= GZIP_MIN_BYTES && content_type &&
		(has_type(content_type, "text/") || has_type(content_type, "application/json") ||
		 has_type(content_type, "application/x-ndjson") ||
		 has_type(content_type, "application/openmetrics-text"));
}

bool content_is_html(const char *content_type)
{
	return content_type && has_type(content_type, "text/html");
}

bool text_is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}
