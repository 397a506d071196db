/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See wire.h.
 */
#include "http/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"

#define SKIPPED_AT_ONCE_BYTES 4096

void wire_out__bytes(struct wire_out *w, const void *data, size_t n)
{
	if (w->is_bad || ARRAY_RESERVE(w->data, w->size, w->n + n)) {
		w->is_bad = true;
		return;
	}
	if (n)
		memcpy(w->data + w->n, data, n);
	w->n += n;
}

void wire_out__begin(struct wire_out *w, enum wire_type type, uint64_t id)
{
	const struct wire_head head = { .type = type, .id = id };

	wire_out__bytes(w, &head, sizeof(head));
}

void wire_out__u32(struct wire_out *w, uint32_t value)
{
	wire_out__bytes(w, &value, sizeof(value));
}

void wire_out__text(struct wire_out *w, const char *text)
{
	const size_t n = text ? strlen(text) : 0;

	wire_out__u32(w, (uint32_t)n);
	wire_out__bytes(w, text ? text : "", n + 1);
}

int wire_out__end(struct wire_out *w)
{
	const size_t n = w->n - sizeof(struct wire_head);
	const uint32_t bytes = (uint32_t)n;

	if (w->is_bad)
		return -ENOMEM;
	if (n > UINT32_MAX)
		return -EMSGSIZE;
	memcpy(w->data + offsetof(struct wire_head, bytes), &bytes, sizeof(bytes));
	return 0;
}

void wire_out__done(struct wire_out *w)
{
	free(w->data);
	*w = (struct wire_out){};
}

static const uint8_t *take(struct wire_in *w, size_t n)
{
	const uint8_t *at = w->at;

	if (w->is_bad || n > (size_t)(w->end - w->at)) {
		w->is_bad = true;
		return NULL;
	}
	w->at += n;
	return at;
}

uint32_t wire_in__u32(struct wire_in *w)
{
	uint32_t value = 0;
	const uint8_t *at = take(w, sizeof(value));

	if (at)
		memcpy(&value, at, sizeof(value));
	return value;
}

const char *wire_in__text(struct wire_in *w)
{
	const size_t n = wire_in__u32(w);
	const uint8_t *at = take(w, n + 1);

	if (at && memchr(at, '\0', n + 1) != at + n)
		w->is_bad = true;
	return at && !w->is_bad ? (const char *)at : "";
}

bool wire_in__is_end(const struct wire_in *w)
{
	return !w->is_bad && w->at == w->end;
}

void wire_frame__done(struct wire_frame *f)
{
	free(f->data);
	*f = (struct wire_frame){};
}

struct wire_in wire_frame__in(const struct wire_frame *f)
{
	return (struct wire_in){ .at = f->data,
				 .end = f->data ? f->data + f->head.bytes : NULL,
				 .is_bad = !f->data };
}

void wire_reader__done(struct wire_reader *r)
{
	wire_frame__done(&r->frame);
	r->n = 0;
}

/* Bytes received, or -errno. */
static ssize_t receive(int fd, void *data, size_t n)
{
	ssize_t got;

	do
		got = recv(fd, data, n, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return -EPIPE;
	return got < 0 ? -errno : got;
}

static int check_head(struct wire_reader *r)
{
	const struct wire_head *head = &r->frame.head;

	if (head->type >= WIRE_TYPE_MAX || !r->is_taken[head->type] ||
	    head->bytes > r->max_bytes[head->type])
		return -EPROTO;
	r->frame.data = malloc(head->bytes + 1);
	return 0;
}

static int read_head(struct wire_reader *r, int fd)
{
	const size_t size = sizeof(r->frame.head);
	ssize_t got;

	while (r->n < size) {
		got = receive(fd, (uint8_t *)&r->frame.head + r->n, size - r->n);
		if (got < 0)
			return (int)got;
		r->n += (size_t)got;
		if (r->n == size)
			return check_head(r);
	}
	return 0;
}

static int read_data(struct wire_reader *r, int fd)
{
	uint8_t skipped[SKIPPED_AT_ONCE_BYTES];

	for (;;) {
		const size_t n = r->n - sizeof(r->frame.head), missing = r->frame.head.bytes - n;
		ssize_t got;

		if (!missing)
			return 0;
		if (r->frame.data)
			got = receive(fd, r->frame.data + n, missing);
		else
			got = receive(fd, skipped,
				      missing < sizeof(skipped) ? missing : sizeof(skipped));
		if (got < 0)
			return (int)got;
		r->n += (size_t)got;
	}
}

int wire_reader__next(struct wire_reader *r, int fd, struct wire_frame *ret_frame)
{
	int code = read_head(r, fd);

	if (!code)
		code = read_data(r, fd);
	if (code)
		return code;
	*ret_frame = r->frame;
	r->frame = (struct wire_frame){};
	r->n = 0;
	return 0;
}

int wire_send(int fd, struct wire_out *w)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	size_t sent = 0;

	while (sent < w->n) {
		const ssize_t n = send(fd, w->data + sent, w->n - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (errno == EAGAIN)
			poll(&room, 1, -1);
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}
