/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the server listens: the words of --listen, who can reach it, and the socket.
 */
#ifndef LOOPSTALL_HTTP_ADDRESS_H
#define LOOPSTALL_HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/err.h"

struct http_address {
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	};
	socklen_t bytes;
	bool is_unix;
	bool is_local; /* reached from this machine only: loopback, or a unix socket */
	/* The file of the unix socket that we made, so that no other is removed. */
	dev_t device;
	ino_t inode;
};

/* 127.0.0.1:9487, localhost:9487, [::1]:9487, unix:PATH. 0 or -EINVAL with a sentence. */
int http_address__parse(struct http_address *ret_address, const char *text, struct err *err);

/*
 * A listening socket, and the address with the port that the kernel chose. A unix socket can be
 * opened by our own user only; a file that a dead server left there is replaced. A descriptor or
 * -errno with a sentence.
 */
int http_address__listen(struct http_address *a, struct err *err);

/* Removes the file of a unix socket, if it is still ours. */
void http_address__unlink(const struct http_address *a);

#define HTTP_ADDRESS_TEXT_BYTES 128
/* "127.0.0.1:9487", "[::1]:9487", "unix:PATH". */
void http_address__print(const struct http_address *a, char *buf, size_t size);

#endif
