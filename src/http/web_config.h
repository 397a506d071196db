/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The web configuration: TLS and users, in the format of Prometheus' exporter toolkit
 * (https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md).
 */
#ifndef LOOPSTALL_HTTP_WEB_CONFIG_H
#define LOOPSTALL_HTTP_WEB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* WEB_CLIENT_AUTH(_): _(NAME, "word of the file", needs client_ca_file) */
#define WEB_CLIENT_AUTH(_)                                                                         \
	_(NONE, "NoClientCert", false)                                                             \
	_(REQUEST, "RequestClientCert", false)                                                     \
	_(REQUIRE_ANY, "RequireAnyClientCert", false)                                              \
	_(VERIFY_IF_GIVEN, "VerifyClientCertIfGiven", true)                                        \
	_(REQUIRE_AND_VERIFY, "RequireAndVerifyClientCert", true)

enum web_client_auth {
#define _(name, word, needs_ca) WEB_CLIENT_AUTH_##name,
	WEB_CLIENT_AUTH(_)
#undef _
		WEB_CLIENT_AUTH_MAX
};

enum web_tls_version { WEB_TLS_ANY, WEB_TLS_12, WEB_TLS_13, WEB_TLS_MAX };

struct web_user {
	char *name, *hash; /* of bcrypt */
};

struct web_config {
	bool has_tls;
	char *cert, *key, *client_ca; /* PEM; client_ca may be NULL */
	enum web_client_auth client_auth;
	enum web_tls_version min_version, max_version;
	struct web_user *users;
	size_t n_users, users_size;
	uint64_t stamp; /* of this file and those that it names: changes when one of them does */
};

#define WEB_MAX_USERS 256

/* Reads the file and those that it names. 0 or -errno with file, line and field. */
int web_config__read(struct web_config *ret_config, const char *path, struct err *err);
void web_config__done(struct web_config *c);

#endif
