/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users and passwords. A password is checked by bcrypt, which is slow on purpose: in one thread of
 * low priority, from a bounded queue, and after wrong ones with pauses, so that a flood of them
 * takes a quarter of a CPU at most. What was checked is remembered as a keyed hash.
 */
#ifndef LOOPSTALL_HTTP_CREDENTIALS_H
#define LOOPSTALL_HTTP_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/web_config.h"

struct credentials;

/* Why this is no hash that can be checked here; NULL: it is one. */
const char *bcrypt_fault(const char *hash);

/* Starts the thread. 0 or -errno. */
int credentials__new(struct credentials **ret_credentials);
void credentials__free(struct credentials *c);

/* Other users, whom it copies; what was remembered is forgotten. 0 or -ENOMEM. */
int credentials__set_users(struct credentials *c, const struct web_user *users, size_t n);

enum credentials_verdict {
	CREDENTIALS_GOOD,
	CREDENTIALS_BAD,
	CREDENTIALS_PENDING, /* credentials__next() will tell, by the ticket */
	CREDENTIALS_BUSY, /* too many are being checked: all, or from this client */
};

enum credentials_verdict credentials__check(struct credentials *c, uint64_t client, uint32_t ticket,
					    const char *user, const char *password);

/* Readable when a check has ended. */
int credentials__fd(const struct credentials *c);
/* A check that ended; false: none. */
bool credentials__next(struct credentials *c, uint32_t *ret_ticket, bool *ret_is_good);

#endif
