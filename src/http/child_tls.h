/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS of the child's connections, by libmicrohttpd with GnuTLS.
 */
#ifndef LOOPSTALL_HTTP_CHILD_TLS_H
#define LOOPSTALL_HTTP_CHILD_TLS_H

#include <microhttpd.h>

#include "http/web_config.h"

struct conn;

#define CHILD_TLS_OPTIONS 5

/* The options of libmicrohttpd, with their end: none without TLS. The texts are those of the
 * configuration. */
void child_tls__options(const struct web_config *web,
			struct MHD_OptionItem options[CHILD_TLS_OPTIONS]);

/* A new connection: which certificate its client must have. */
void child_tls__begin(const struct web_config *web, struct conn *conn);

#endif
