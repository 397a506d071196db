/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One list of capabilities in four spellings.
 */
#include "app/remedy.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREFIX_BYTES (sizeof("CAP_") - 1)

__attribute__((format(printf, 2, 3))) static void append(char buf[REMEDY_BYTES], const char *fmt,
							 ...)
{
	const size_t used = strlen(buf);
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf + used, REMEDY_BYTES - used, fmt, args);
	va_end(args);
}

void remedy__add(struct remedy *r, const char *caps)
{
	for (int i = 0; i < PRIV_MAX; i++) {
		const size_t len = strlen(priv_infos[i].name);

		for (const char *p = caps; p && *p; p = strchr(p, ','), p = p ? p + 1 : NULL)
			if (!strncmp(p, priv_infos[i].name, len) && (p[len] == ',' || !p[len]))
				r->caps[i] = true;
	}
}

static bool has_caps(const struct remedy *r)
{
	for (int i = 0; i < PRIV_MAX; i++)
		if (r->caps[i])
			return true;
	return false;
}

bool remedy__is_empty(const struct remedy *r)
{
	return !r->host_pid && !has_caps(r);
}

void remedy__names(const struct remedy *r, char buf[REMEDY_BYTES])
{
	buf[0] = '\0';
	for (int i = 0; i < PRIV_MAX; i++)
		if (r->caps[i])
			append(buf, "%s%s", *buf ? ", " : "", priv_infos[i].name);
}

void remedy__setcap(const struct remedy *r, char buf[REMEDY_BYTES])
{
	char names[REMEDY_BYTES] = "", path[PATH_MAX];
	bool has_any = false;
	ssize_t n;

	buf[0] = '\0';
	for (int i = 0; i < PRIV_MAX; i++) {
		has_any = has_any || (r->caps[i] && !priv_infos[i].is_root_only);
		if ((r->caps[i] && !priv_infos[i].is_root_only) || priv_infos[i].is_required)
			append(names, "%s%s", *names ? "," : "", priv_infos[i].name);
	}
	if (!has_any)
		return;
	for (char *c = names; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	append(buf, "setcap %s+p %s", names, n > 0 ? path : "loopstall");
}

void remedy__docker(const struct remedy *r, char buf[REMEDY_BYTES])
{
	buf[0] = '\0';
	if (remedy__is_empty(r))
		return;
	append(buf, "docker run%s", r->host_pid ? " --pid=host" : "");
	for (int i = 0; i < PRIV_MAX; i++)
		if (r->caps[i])
			append(buf, " --cap-add=%s", priv_infos[i].name + PREFIX_BYTES);
	append(buf, " ...");
}

void remedy__kubernetes(const struct remedy *r, char buf[REMEDY_BYTES])
{
	bool is_first = true;

	buf[0] = '\0';
	if (r->host_pid)
		append(buf, "spec: {hostPID: true}%s", has_caps(r) ? ", " : "");
	if (!has_caps(r))
		return;
	append(buf, "securityContext: {capabilities: {add: [");
	for (int i = 0; i < PRIV_MAX; i++) {
		if (!r->caps[i])
			continue;
		append(buf, "%s%s", is_first ? "" : ", ", priv_infos[i].name + PREFIX_BYTES);
		is_first = false;
	}
	append(buf, "]}}");
}
