/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between parent and child: written and read, in pieces, too long, cut, and wrong.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/child_config.h"
#include "http/wire.h"

static int ends[2];

static void begin(void)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void end(void)
{
	close(ends[0]);
	close(ends[1]);
}

TestSuite(http_wire, .init = begin, .fini = end);

static struct wire_reader reader_of(enum wire_type type, uint32_t max_bytes)
{
	struct wire_reader r = {};

	r.is_taken[type] = true;
	r.max_bytes[type] = max_bytes;
	return r;
}

static struct wire_out message(void)
{
	struct wire_out w = {};

	wire_out__begin(&w, WIRE_REQUEST, 77);
	wire_out__u32(&w, 5);
	wire_out__text(&w, "path");
	wire_out__text(&w, NULL);
	cr_assert_eq(wire_out__end(&w), 0);
	return w;
}

Test(http_wire, comes_byte_by_byte)
{
	struct wire_reader reader = reader_of(WIRE_REQUEST, 100);
	struct wire_out w = message();
	struct wire_frame frame;
	struct wire_in in;

	for (size_t i = 0; i < w.n; i++) {
		cr_assert_eq(wire_reader__next(&reader, ends[1], &frame), -EAGAIN, "%zu", i);
		cr_assert_eq(write(ends[0], w.data + i, 1), 1);
	}
	cr_assert_eq(wire_reader__next(&reader, ends[1], &frame), 0);
	cr_expect_eq(frame.head.id, 77);
	in = wire_frame__in(&frame);
	cr_expect_eq(wire_in__u32(&in), 5);
	cr_expect_str_eq(wire_in__text(&in), "path");
	cr_expect_str_eq(wire_in__text(&in), "");
	cr_expect(wire_in__is_end(&in));
	cr_expect_eq(wire_in__u32(&in), 0);
	cr_expect_not(wire_in__is_end(&in));
	wire_frame__done(&frame);
	wire_out__done(&w);
	close(ends[0]);
	ends[0] = -1;
	cr_expect_eq(wire_reader__next(&reader, ends[1], &frame), -EPIPE);
}

Test(http_wire, several_at_once)
{
	struct wire_reader reader = reader_of(WIRE_REQUEST, 100);
	struct wire_frame frame;

	for (int i = 0; i < 3; i++) {
		struct wire_out w = message();

		cr_assert_eq(wire_send(ends[0], &w), 0);
		wire_out__done(&w);
	}
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(wire_reader__next(&reader, ends[1], &frame), 0);
		wire_frame__done(&frame);
	}
	cr_expect_eq(wire_reader__next(&reader, ends[1], &frame), -EAGAIN);
}

static int read_head(uint32_t type, uint32_t bytes)
{
	const struct wire_head head = { .type = type, .bytes = bytes };
	struct wire_reader reader = reader_of(WIRE_REQUEST, 100);
	struct wire_frame frame;
	int r;

	cr_assert_eq(write(ends[0], &head, sizeof(head)), (ssize_t)sizeof(head));
	r = wire_reader__next(&reader, ends[1], &frame);
	wire_reader__done(&reader);
	return r;
}

Test(http_wire, what_may_not_be)
{
	cr_expect_eq(read_head(WIRE_REQUEST, 100), -EAGAIN);
	cr_expect_eq(read_head(WIRE_REQUEST, 101), -EPROTO);
	cr_expect_eq(read_head(WIRE_REQUEST, UINT32_MAX), -EPROTO);
	cr_expect_eq(read_head(WIRE_READY, 0), -EPROTO);
	cr_expect_eq(read_head(WIRE_TYPE_MAX, 0), -EPROTO);
	cr_expect_eq(read_head(UINT32_MAX, 0), -EPROTO);
}

static bool is_text(const void *data, size_t n)
{
	struct wire_in in = { .at = data, .end = (const uint8_t *)data + n };

	wire_in__text(&in);
	return !in.is_bad;
}

Test(http_wire, texts_end_where_they_say)
{
	cr_expect(is_text("\x02\0\0\0ab\0", 7));
	cr_expect_not(is_text("\x02\0\0\0ab", 6));
	cr_expect_not(is_text("\x02\0\0\0a\0\0", 7));
	cr_expect_not(is_text("\x02\0\0\0abc", 7));
	cr_expect_not(is_text("\xff\xff\xff\xff"
			      "abc",
			      7));
	cr_expect_not(is_text("\x02\0\0", 3));
	cr_expect_not(is_text("", 0));
}

static struct child_config example(struct web_user users[2])
{
	struct child_config c = { .is_host_checked = true, .n_paths = 2 };

	c.limits.connections = 3;
	c.limits.held_bytes = 4;
	c.paths[0] = "/a";
	c.paths[1] = "/b";
	c.web = (struct web_config){ .has_tls = true,
				     .pem = { (char *)"cert", (char *)"key", (char *)"ca" },
				     .client_auth = WEB_CLIENT_AUTH_REQUEST,
				     .min_version = WEB_TLS_13,
				     .max_version = WEB_TLS_13,
				     .users = users,
				     .n_users = 2 };
	return c;
}

static struct wire_frame frame_of(const struct wire_out *w, size_t n)
{
	struct wire_frame frame = { .head.bytes = (uint32_t)n, .data = malloc(n + 1) };

	cr_assert_not_null(frame.data);
	memcpy(frame.data, w->data + sizeof(struct wire_head), n);
	return frame;
}

Test(http_wire, configuration)
{
	struct web_user users[] = { { (char *)"a", (char *)"x" }, { (char *)"b", (char *)"y" } };
	const struct child_config c = example(users);
	struct child_config read = {};
	struct wire_out w = {};
	struct wire_frame frame;

	cr_assert_eq(child_config__encode(&c, &w), 0);
	frame = frame_of(&w, w.n - sizeof(struct wire_head));
	cr_assert_eq(child_config__decode(&read, &frame), 0);
	cr_expect_eq(read.limits.connections, 3);
	cr_expect_eq(read.limits.held_bytes, 4);
	cr_expect(read.is_host_checked);
	cr_expect_str_eq(read.paths[1], "/b");
	cr_expect_null(read.paths[2]);
	cr_expect_str_eq(read.web.pem[WEB_FILE_CLIENT_CA], "ca");
	cr_expect_eq(read.web.min_version, WEB_TLS_13);
	cr_expect_str_eq(read.web.users[1].hash, "y");
	child_config__done(&read);
	wire_frame__done(&frame);
	wire_out__done(&w);
}

/* Cut anywhere, and with each byte another one: refused, or whole. */
Test(http_wire, configuration_that_is_damaged)
{
	struct web_user users[] = { { (char *)"a", (char *)"x" }, { (char *)"b", (char *)"y" } };
	const struct child_config c = example(users);
	struct wire_out w = {};
	size_t n;

	cr_assert_eq(child_config__encode(&c, &w), 0);
	n = w.n - sizeof(struct wire_head);
	for (size_t i = 0; i < n; i++) {
		struct child_config read = {};
		struct wire_frame frame = frame_of(&w, i);

		cr_expect_eq(child_config__decode(&read, &frame), -EPROTO, "%zu", i);
		wire_frame__done(&frame);
		frame = frame_of(&w, n);
		frame.data[i] ^= 0xff;
		if (!child_config__decode(&read, &frame))
			cr_expect(read.n_paths <= HTTP_MAX_PATHS && read.web.n_users <= 2);
		child_config__done(&read);
		wire_frame__done(&frame);
	}
	wire_out__done(&w);
}
