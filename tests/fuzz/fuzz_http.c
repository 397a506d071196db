/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the HTTP child sends to its parent, and the headers of its clients. The first byte says
 * which; messages come in two pieces.
 */
#include <errno.h>
#include <sys/socket.h>

#include "http/address.h"
#include "http/rules.h"
#include "http/server_impl.h"
#include "tests/fuzz/fuzz.h"

#define N_OPEN 4

/* The parent's end, without a child. */
static void take_all(struct http_server *s, int fd)
{
	struct http_request request;
	struct wire_frame frame;
	int r;

	while (!(r = wire_reader__next(&s->reader, fd, &frame))) {
		fuzz_check(frame.head.bytes <= WIRE_REQUEST_MAX_BYTES);
		if (frame.head.type == WIRE_CANCEL) {
			http_server__take_cancel(s, frame.head.id);
		} else if (!http_server__take_request(s, &frame, &request)) {
			fuzz_check(http_server__is_waiting(s, request.id));
			fuzz_check(text_is_printable(request.query));
			fuzz_check(text_is_printable(request.accept));
			fuzz_check(!strcmp(request.path, "/a"));
		}
		wire_frame__done(&frame);
	}
	fuzz_check(r == -EAGAIN || r == -EPROTO || r == -EPIPE);
}

static void fuzz_messages(const uint8_t *data, size_t size)
{
	struct open_request open[N_OPEN] = {};
	char path[] = "/a", *paths[] = { path, NULL };
	struct http_server s = { .limits = { .connections = N_OPEN },
				 .open = open,
				 .paths = paths,
				 .n_paths = 1,
				 .channel_fd = -1 };
	int fds[2];

	s.reader.is_taken[WIRE_REQUEST] = s.reader.is_taken[WIRE_CANCEL] = true;
	s.reader.max_bytes[WIRE_REQUEST] = WIRE_REQUEST_MAX_BYTES;
	fuzz_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	fuzz_check(write(fds[0], data, size / 2) == (ssize_t)(size / 2));
	take_all(&s, fds[1]);
	fuzz_check(write(fds[0], data + size / 2, size - size / 2) == (ssize_t)(size - size / 2));
	close(fds[0]);
	take_all(&s, fds[1]);
	close(fds[1]);
	wire_reader__done(&s.reader);
	wire_frame__done(&s.request);
}

static void fuzz_headers(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), printed[HTTP_ADDRESS_TEXT_BYTES];
	struct http_address address = {};
	struct err err = {};

	host_is_local(text);
	encoding_takes_gzip(text);
	content_is_worth_gzip(text, size * 100);
	if (!http_address__parse(&address, text, &err))
		http_address__print(&address, printed, sizeof(printed));
	else
		fuzz_check(err.what[0]);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		fuzz_messages(data + 1, size - 1);
	else
		fuzz_headers(data + 1, size - 1);
	return 0;
}
