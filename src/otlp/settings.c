/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See settings.h. Names of headers are tokens of RFC 9110, 5.6.2; values are printable ASCII.
 */
#include "otlp/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/cleanup.h"

#define LINE_BYTES (OTLP_HEADER_BYTES + 2)

/* Those that the sender writes itself. */
static const char *const own_headers[] = { "content-type", "content-length", "transfer-encoding",
					   "host" };

static int refuse(struct err *err, const char *what)
{
	return err__set(err, -EINVAL, "a header of --otlp %s: write NAME=VALUE", what);
}

/* Of the text `[name, end)`. */
static int check_name(const char *name, const char *end, struct err *err)
{
	const size_t size = (size_t)(end - name);

	for (const char *p = name; p < end; p++)
		if (!isalnum((unsigned char)*p) && !strchr("!#$%&'*+-.^_`|~", *p))
			return refuse(err, "has a name with a character that no name may have");
	if (!size)
		return refuse(err, "has no name");
	for (size_t i = 0; i < N_OF(own_headers); i++)
		if (strlen(own_headers[i]) == size && !strncasecmp(name, own_headers[i], size))
			return err__set(err, -EINVAL, "--otlp writes the header %s itself",
					own_headers[i]);
	return 0;
}

static int add(struct otlp_settings *s, char *text, struct err *err)
{
	const size_t room = sizeof(s->headers) - s->header_bytes;
	char *name = text + strspn(text, " \t"), *value = strchr(name, '='), *end;
	int n, r;

	if (!value)
		return refuse(err, "has no =");
	for (end = value; end > name && (end[-1] == ' ' || end[-1] == '\t');)
		end--;
	r = check_name(name, end, err);
	if (r < 0)
		return r;
	*end = '\0';
	value += 1 + strspn(value + 1, " \t");
	for (const char *p = value; *p; p++)
		if (*p < ' ' || *p > '~')
			return refuse(err, "has a value with a character that no value may have");
	/* Without a value libcurl would leave the header out. */
	if (!*value)
		return refuse(err, "has no value");
	n = snprintf(s->headers + s->header_bytes, room, "%s: %s", name, value);
	if (n < 0 || (size_t)n >= room)
		return err__set(err, -E2BIG, "the headers of --otlp have more than %d bytes",
				OTLP_HEADER_BYTES);
	s->header_bytes += (size_t)n + 1;
	return 0;
}

int otlp_settings__add(struct otlp_settings *s, const char *text, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);

	return copy ? add(s, copy, err) : err__set(err, -ENOMEM, "out of memory");
}

/* In place. False: a % without two digits, or a NUL. */
static bool decode_percents(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++) {
		char digits[3] = "";

		if (*p != '%') {
			*to++ = *p;
			continue;
		}
		memcpy(digits, p + 1, strnlen(p + 1, 2));
		if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
			return false;
		*to++ = (char)strtoul(digits, NULL, 16);
		if (!to[-1])
			return false;
		p += 2;
	}
	*to = '\0';
	return true;
}

int otlp_settings__add_environment(struct otlp_settings *s, const char *text, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *item;
	int r = copy ? 0 : err__set(err, -ENOMEM, "out of memory");

	while (r >= 0 && (item = strsep(&rest, ","))) {
		if (!item[strspn(item, " \t")])
			continue;
		r = decode_percents(item) ? add(s, item, err) :
					    refuse(err, "has a % without two digits");
	}
	return r;
}

int otlp_settings__add_file(struct otlp_settings *s, const char *path, struct err *err)
{
	_cleanup_(file_close) FILE *file = fopen(path, "re");
	_cleanup_free_ char *line = malloc(LINE_BYTES);
	int r = 0;

	if (!file || !line)
		return err__set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	while (r >= 0 && fgets(line, LINE_BYTES, file)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (*line && *line != '#')
			r = add(s, line, err);
	}
	if (r >= 0 && ferror(file))
		r = err__set(err, -EIO, "cannot read %s", path);
	return r;
}

size_t otlp_settings__pack(const struct otlp_settings *s, char buf[OTLP_SETTINGS_BYTES])
{
	const size_t room = OTLP_SETTINGS_BYTES - sizeof(s->headers);
	const int n = snprintf(buf, room, "%s", s->ca ?: "");
	const size_t ca_bytes = n >= 0 && (size_t)n < room ? (size_t)n + 1 : 1;

	if (ca_bytes == 1)
		*buf = '\0';
	memcpy(buf + ca_bytes, s->headers, s->header_bytes);
	return ca_bytes + s->header_bytes;
}
