/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See child_tls.h. libmicrohttpd asks for a client's certificate but does not check it, so GnuTLS
 * does: the handshake itself fails.
 */
#include "http/child_tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "http/child.h"

/* Forward secrecy only, and the versions of the configuration. */
#define PRIORITIES "SECURE128:-RSA:-SHA1:%SERVER_PRECEDENCE:-VERS-ALL"

static const char *priorities_of(const struct web_config *web)
{
	static const char *const priorities[WEB_TLS_MAX][WEB_TLS_MAX] = {
		[WEB_TLS_12] = { [WEB_TLS_12] = PRIORITIES ":+VERS-TLS1.2",
				 [WEB_TLS_13] = PRIORITIES ":+VERS-TLS1.3:+VERS-TLS1.2" },
		[WEB_TLS_13] = { [WEB_TLS_13] = PRIORITIES ":+VERS-TLS1.3" },
	};
	const char *found = priorities[web->min_version][web->max_version];

	return found ? found : priorities[WEB_TLS_13][WEB_TLS_13];
}

static struct MHD_OptionItem text_option(enum MHD_OPTION option, const char *text)
{
	return (struct MHD_OptionItem){ option, 0, (void *)text };
}

void child_tls__options(const struct web_config *web,
			struct MHD_OptionItem options[CHILD_TLS_OPTIONS])
{
	size_t n = 0;

	if (web->has_tls) {
		options[n++] = text_option(MHD_OPTION_HTTPS_MEM_CERT, web->pem[WEB_FILE_CERT]);
		options[n++] = text_option(MHD_OPTION_HTTPS_MEM_KEY, web->pem[WEB_FILE_KEY]);
		options[n++] = text_option(MHD_OPTION_HTTPS_PRIORITIES, priorities_of(web));
		if (web->pem[WEB_FILE_CLIENT_CA])
			options[n++] = text_option(MHD_OPTION_HTTPS_MEM_TRUST,
						   web->pem[WEB_FILE_CLIENT_CA]);
	}
	options[n] = text_option(MHD_OPTION_END, NULL);
}

/* The certificate must be one of the authority's, in force, and made for clients. */
static int verify(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
					  .data = (void *)GNUTLS_KP_TLS_WWW_CLIENT };
	unsigned int status = 0, n = 0;

	if (!gnutls_certificate_get_peers(session, &n) || !n)
		return 0; /* Whether there must be one is decided by the request for it. */
	if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status)
		return GNUTLS_E_CERTIFICATE_ERROR;
	return 0;
}

static int on_finished(gnutls_session_t session, unsigned int message, unsigned int when,
		       unsigned int is_incoming, const gnutls_datum_t *data)
{
	struct conn *conn = gnutls_session_get_ptr(session);

	(void)message;
	(void)when;
	(void)data;
	if (is_incoming)
		conn->is_tls_up = true;
	return 0;
}

static bool is_verified(enum web_client_auth auth)
{
	return auth == WEB_CLIENT_AUTH_VERIFY_IF_GIVEN ||
		auth == WEB_CLIENT_AUTH_REQUIRE_AND_VERIFY;
}

static gnutls_certificate_request_t request_of(enum web_client_auth auth)
{
	if (auth == WEB_CLIENT_AUTH_NONE)
		return GNUTLS_CERT_IGNORE;
	return auth == WEB_CLIENT_AUTH_REQUIRE_ANY || auth == WEB_CLIENT_AUTH_REQUIRE_AND_VERIFY ?
		GNUTLS_CERT_REQUIRE :
		GNUTLS_CERT_REQUEST;
}

void child_tls__begin(const struct web_config *web, struct conn *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	gnutls_session_t session = info ? info->tls_session : NULL;

	if (!session)
		return;
	gnutls_session_set_ptr(session, conn);
	gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST,
					   on_finished);
	gnutls_certificate_server_set_request(session, request_of(web->client_auth));
	if (is_verified(web->client_auth))
		gnutls_session_set_verify_function(session, verify);
}
