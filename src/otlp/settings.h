/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a receiver wants of a sender: headers of requests, which may be secrets, and whose
 * certificates it has. No message shows the value of a header.
 */
#ifndef LOOPSTALL_OTLP_SETTINGS_H
#define LOOPSTALL_OTLP_SETTINGS_H

#include <stddef.h>

#include "base/err.h"

#define OTLP_HEADER_BYTES 8192 /* of all headers together */
#define OTLP_SETTINGS_BYTES (4096 + OTLP_HEADER_BYTES)

/* All zero at first. */
struct otlp_settings {
	const char *ca; /* file with the certificates of authorities; NULL: the system's */
	size_t header_bytes;
	char headers[OTLP_HEADER_BYTES]; /* texts "NAME: VALUE", each with its NUL */
};

/* "NAME=VALUE". Each: 0, or -errno with a sentence. */
int otlp_settings__add(struct otlp_settings *s, const char *text, struct err *err);
/*
 * "NAME=VALUE,NAME=VALUE", percent-encoded: the variable OTEL_EXPORTER_OTLP_HEADERS, as the
 * specification of OpenTelemetry's exporters has it.
 */
int otlp_settings__add_environment(struct otlp_settings *s, const char *text, struct err *err);
/* A line for each; empty ones and those that begin with # are none. */
int otlp_settings__add_file(struct otlp_settings *s, const char *path, struct err *err);

/*
 * For the child: the name of the file, then the headers, each with its NUL. Their size, at most
 * OTLP_SETTINGS_BYTES.
 */
size_t otlp_settings__pack(const struct otlp_settings *s, char buf[OTLP_SETTINGS_BYTES]);

#endif
