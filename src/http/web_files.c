/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of a web configuration: read, checked, and watched for changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "http/web_config.h"

static int read_all(int fd, char *text, size_t size)
{
	size_t n = 0;

	while (n < size) {
		const ssize_t got = read(fd, text + n, size - n);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	if (n == size)
		return -EFBIG;
	text[n] = '\0';
	return strlen(text) == n ? 0 : -EILSEQ;
}

/* Which file it is, how long it is and when it was written. */
static uint64_t stamp_of(const struct stat *st)
{
	uint64_t hash = hash_word(HASH_SEED, st->st_dev);

	hash = hash_word(hash, st->st_ino);
	hash = hash_word(hash, (uint64_t)st->st_size);
	hash = hash_word(hash, (uint64_t)st->st_mtim.tv_sec);
	return hash_word(hash, (uint64_t)st->st_mtim.tv_nsec);
}

static uint64_t stamp_at(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : stamp_of(&st);
}

/* The stamp is taken first: a change while it is read is seen later. */
int web_file_read(const char *path, char **ret_text, uint64_t *ret_stamp)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	text = malloc(WEB_MAX_FILE_BYTES + 1);
	if (!text)
		return -ENOMEM;
	r = read_all(fd, text, WEB_MAX_FILE_BYTES + 1);
	if (r) {
		explicit_bzero(text, WEB_MAX_FILE_BYTES);
		return r;
	}
	*ret_text = TAKE_PTR(text);
	*ret_stamp = stamp_of(&st);
	return 0;
}

bool web_config__is_stale(const struct web_config *c)
{
	bool is_stale = stamp_at(c->path) != c->path_stamp;

	for (size_t i = 0; i < WEB_FILE_MAX; i++)
		is_stale |= c->names[i] && stamp_at(c->names[i]) != c->stamps[i];
	return is_stale;
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ .data = (unsigned char *)text,
				 .size = (unsigned int)strlen(text) };
}

static const char *fault_of(gnutls_certificate_credentials_t credentials,
			    const struct web_config *c, enum web_file *ret_file)
{
	gnutls_datum_t cert = datum(c->pem[WEB_FILE_CERT]), key = datum(c->pem[WEB_FILE_KEY]);
	gnutls_datum_t ca;
	int r = gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM);

	*ret_file = r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH ? WEB_FILE_KEY : WEB_FILE_CERT;
	if (r < 0)
		return gnutls_strerror(r);
	if (!c->pem[WEB_FILE_CLIENT_CA])
		return NULL;
	ca = datum(c->pem[WEB_FILE_CLIENT_CA]);
	*ret_file = WEB_FILE_CLIENT_CA;
	r = gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM);
	return r < 0 ? gnutls_strerror(r) : r == 0 ? "has no certificate" : NULL;
}

const char *web_config__tls_fault(const struct web_config *c, enum web_file *ret_file)
{
	gnutls_certificate_credentials_t credentials;
	const char *fault;

	if (gnutls_certificate_allocate_credentials(&credentials) < 0)
		return "GnuTLS has no memory left";
	fault = fault_of(credentials, c, ret_file);
	gnutls_certificate_free_credentials(credentials);
	return fault;
}

/* Keys and hashes are not to be found in memory that is used for something else. */
static void free_secret(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void web_config__done(struct web_config *c)
{
	for (size_t i = 0; i < WEB_FILE_MAX; i++) {
		free_secret(c->pem[i]);
		free(c->names[i]);
	}
	for (size_t i = 0; i < c->n_users; i++) {
		free(c->users[i].name);
		free_secret(c->users[i].hash);
	}
	free(c->users);
	free(c->path);
	*c = (struct web_config){};
}
