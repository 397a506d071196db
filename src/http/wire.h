/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between the parent and the child: a head and so many bytes, over a stream socket. Both
 * ends check each length before they use it.
 */
#ifndef LOOPSTALL_HTTP_WIRE_H
#define LOOPSTALL_HTTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_type {
	WIRE_CONFIG, /* to the child: what it needs to serve (child_config.h) */
	WIRE_REPLY, /* to the child: id, status, content type, headers, body */
	WIRE_READY, /* to the parent: it serves, confined in this way */
	WIRE_FAILED, /* to the parent: the configuration cannot be served, and why */
	WIRE_REQUEST, /* to the parent: id, method, path, query, headers */
	WIRE_CANCEL, /* to the parent: the client of this id is gone */
	WIRE_TYPE_MAX
};

struct wire_head {
	uint32_t type, bytes;
	uint64_t id;
};

#define WIRE_REQUEST_MAX_BYTES 8192
#define WIRE_READY_MAX_BYTES 64
#define WIRE_FAILED_MAX_BYTES 512
#define WIRE_CONFIG_MAX_BYTES (4 << 20)
/* Of a reply, besides its body. */
#define WIRE_REPLY_EXTRA_BYTES 8192

/* A message that is being put together, head first. A failed allocation is remembered. */
struct wire_out {
	uint8_t *data;
	size_t n, size;
	bool is_bad;
};

void wire_out__begin(struct wire_out *w, enum wire_type type, uint64_t id);
void wire_out__u32(struct wire_out *w, uint32_t value);
void wire_out__bytes(struct wire_out *w, const void *data, size_t n);
/* Its length, the text and a NUL. NULL is "". */
void wire_out__text(struct wire_out *w, const char *text);
/* Fills in the length. 0, -ENOMEM, or -EMSGSIZE for more than a head can say. */
int wire_out__end(struct wire_out *w);
void wire_out__done(struct wire_out *w);

/* What is in a message, read in the order in which it was written. After a read beyond its end, or
 * of what is no text, everything is 0 and "". */
struct wire_in {
	const uint8_t *at, *end;
	bool is_bad;
};

uint32_t wire_in__u32(struct wire_in *w);
/* In place: valid as long as the message. */
const char *wire_in__text(struct wire_in *w);
/* Is that all, and was all of it good? */
bool wire_in__is_end(const struct wire_in *w);

struct wire_frame {
	struct wire_head head;
	uint8_t *data; /* NULL: no memory was left for it; its bytes are skipped */
};

void wire_frame__done(struct wire_frame *f);
struct wire_in wire_frame__in(const struct wire_frame *f);

/* The messages that come in, each in as many pieces as it comes. */
struct wire_reader {
	uint32_t
		max_bytes[WIRE_TYPE_MAX]; /* of each type; those that are not `is_taken` break it */
	bool is_taken[WIRE_TYPE_MAX];
	struct wire_frame frame;
	size_t n; /* bytes of head and data that are there */
};

/*
 * The next whole message, which the caller then owns. -EAGAIN: not there yet; -EPIPE: the other end
 * is closed; -EPROTO: a type or length that may not be. Other errors are those of recv(2).
 */
int wire_reader__next(struct wire_reader *r, int fd, struct wire_frame *ret_frame);
void wire_reader__done(struct wire_reader *r);

/* In a child only: the whole message, waiting for room. 0 or -errno. */
int wire_send(int fd, struct wire_out *w);

#endif
