/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The web configuration: TLS and users, in the format of Prometheus' exporter toolkit
 * (https://prometheus.io/docs/prometheus/latest/configuration/https/).
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

/* WEB_TLS_VERSIONS(_): _(NAME, "word of the file", "GnuTLS' word") */
#define WEB_TLS_VERSIONS(_)                                                                        \
	_(12, "TLS12", "VERS-TLS1.2")                                                              \
	_(13, "TLS13", "VERS-TLS1.3")

enum web_tls_version {
#define _(name, word, gnutls_word) WEB_TLS_##name,
	WEB_TLS_VERSIONS(_)
#undef _
		WEB_TLS_MAX
};

/* WEB_FILES(_): _(NAME, "field"). Files that are named by fields of tls_server_config. */
#define WEB_FILES(_)                                                                               \
	_(CERT, "cert_file")                                                                       \
	_(KEY, "key_file")                                                                         \
	_(CLIENT_CA, "client_ca_file")

enum web_file {
#define _(name, field) WEB_FILE_##name,
	WEB_FILES(_)
#undef _
		WEB_FILE_MAX
};

struct web_user {
	char *name, *hash; /* of bcrypt */
};

struct web_config {
	bool has_tls;
	char *pem[WEB_FILE_MAX]; /* what is in the files; NULL: not named */
	enum web_client_auth client_auth;
	enum web_tls_version min_version, max_version;
	struct web_user *users;
	size_t n_users, users_size;
	/* Where that was read: the file, and those that it names. */
	char *path, *names[WEB_FILE_MAX];
	uint64_t path_stamp, stamps[WEB_FILE_MAX];
};

#define WEB_MAX_USERS 256
#define WEB_MAX_FILE_BYTES (256 << 10)
/* A password is checked in about 2 s with this cost; each more doubles it. */
#define WEB_MAX_COST 15

/* Reads the file and those that it names. 0 or -errno with file, line and field. */
int web_config__read(struct web_config *ret_config, const char *path, struct err *err);
void web_config__done(struct web_config *c);

/* Has one of the files changed since it was read? */
bool web_config__is_stale(const struct web_config *c);

/* The whole text of a file, with a NUL, and what changes with it. 0 or -errno. */
int web_file_read(const char *path, char **ret_text, uint64_t *ret_stamp);

/* Do the certificate, the key and the certificates of clients' authorities make sense to GnuTLS? A
 * sentence if not, NULL if they do; the file that it is about. */
const char *web_config__tls_fault(const struct web_config *c, enum web_file *ret_file);

#endif
