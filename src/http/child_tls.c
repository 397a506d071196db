/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See child_tls.h. libmicrohttpd asks for a client's certificate but does not check it, so GnuTLS
 * does: the handshake itself fails.
 */
#include "http/child_tls.h"

#include <gnutls/gnutls.h>

#include "http/child.h"

static const bool versions_of[WEB_TLS_MAX] = { false };

void child_tls__options(const struct web_config *web, struct MHD_OptionItem *options)
{
	(void)web;
	(void)versions_of;
	options[0] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
}

void child_tls__begin(struct conn *conn)
{
	(void)conn;
}
