/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS of the child's connections, by libmicrohttpd with GnuTLS.
 */
#ifndef LOOPSTALL_HTTP_CHILD_TLS_H
#define LOOPSTALL_HTTP_CHILD_TLS_H

#include <microhttpd.h>

#include "http/web_config.h"

struct conn;

/* Fills in at most five options and the end. The texts are those of the configuration. */
void child_tls__options(const struct web_config *web, struct MHD_OptionItem *options);

/* A new connection: which certificate its client must have. */
void child_tls__begin(struct conn *conn);

#endif
