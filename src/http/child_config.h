/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration of the child, as one message: limits, paths, TLS and users.
 */
#ifndef LOOPSTALL_HTTP_CHILD_CONFIG_H
#define LOOPSTALL_HTTP_CHILD_CONFIG_H

#include "http/http_server.h"
#include "http/web_config.h"
#include "http/wire.h"

#define HTTP_MAX_PATHS 64
#define HTTP_MAX_CONNECTIONS 1024

struct child_config {
	struct http_limits limits;
	bool is_host_checked; /* must the Host header name this machine? */
	const char *paths[HTTP_MAX_PATHS + 1]; /* ends with NULL */
	size_t n_paths;
	struct web_config web;
	struct wire_frame frame; /* the paths are in it */
};

/* The message. 0 or -errno; then nothing is in `ret_message`. */
int child_config__encode(const struct child_config *c, struct wire_out *ret_message);
/* Takes the message over. 0, -EPROTO or -ENOMEM. */
int child_config__decode(struct child_config *ret_config, struct wire_frame *frame);
void child_config__done(struct child_config *c);

/* The host and port of the child's descriptors (child_main.c), and what it says when it serves. */
enum { CHILD_CHANNEL_FD = 3, CHILD_LISTEN_FD, CHILD_COUNTS_FD, CHILD_FIRST_FREE_FD };

struct child_ready {
	uint32_t uid;
	uint32_t has_own_user;
};

#endif
