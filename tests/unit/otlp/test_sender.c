/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent's side of what sends: bounds, and children that are none.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/sender.h"

static const struct otlp_settings settings;

Test(otlp_sender, urls)
{
	static const char *const good[] = { "http://127.0.0.1:4318", "https://collector/otlp/",
					    "http://[::1]:4318" };
	static const char *const bad[] = { "",
					   "127.0.0.1:4318",
					   "ftp://host",
					   "http://",
					   "http:///path",
					   "http://user:word@host",
					   "http://host?q",
					   "http://host/\n",
					   "file:///etc/x",
					   "http://host#x",
					   "http://\xc3\xa4" };
	struct err err = {};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_expect_eq(otlp_check_url(good[i], &err), 0, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(otlp_check_url(bad[i], &err), -EINVAL, "%s", bad[i]);
}

Test(otlp_sender, a_child_that_ends_at_once_is_an_error)
{
	struct otlp_sender *s;
	struct err err = {};

	cr_expect_eq(otlp_sender__start(&s, "http://127.0.0.1:1", &settings, "/bin/false", &err),
		     -EIO);
	cr_expect_not_null(strstr(err.what, "http://127.0.0.1:1"), "%s", err.what);
}

/* A child that says that it is ready, and takes nothing. The outcome has 128 bytes. */
static void make_child(char path[64])
{
	FILE *file;
	int fd;

	strcpy(path, "/tmp/loopstall-test-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	file = fdopen(fd, "w");
	fputs("#!/bin/sh\n/usr/bin/head -c 128 /dev/zero >&0\nexec /bin/sleep 60\n", file);
	fchmod(fd, 0700);
	fclose(file);
}

static void send(struct otlp_sender *s, size_t bytes, size_t n_items)
{
	struct protobuf request = {};
	char *data = calloc(1, bytes);

	protobuf__bytes(&request, 1, data, bytes);
	free(data);
	otlp_sender__send(s, OTLP_LOGS, &request, n_items);
	cr_expect_null(request.data, "it was taken");
}

Test(otlp_sender, the_queue_is_bounded_and_what_is_lost_is_counted)
{
	const uint64_t *fates;
	struct otlp_sender *s;
	struct err err = {};
	char path[64];

	make_child(path);
	cr_assert_eq(otlp_sender__start(&s, "http://127.0.0.1:1", &settings, path, &err), 0, "%s",
		     err.what);
	fates = otlp_sender__counts(s)->items[OTLP_LOGS];
	send(s, OTLP_MAX_BYTES, 5);
	cr_expect_eq(fates[OTLP_QUEUE_FULL], 5, "larger than any may be");
	for (int i = 0; i < 3; i++)
		send(s, OTLP_MAX_BYTES / 3, 1);
	cr_expect_eq(fates[OTLP_QUEUE_FULL], 6, "the third one does not fit, with its head");
	for (int i = 0; i < OTLP_MAX_QUEUED; i++)
		send(s, 1, 1);
	cr_expect_eq(fates[OTLP_QUEUE_FULL], 8, "as many as may be");
	otlp_sender__finish(s, 1);
	cr_expect_eq(fates[OTLP_SENDER_ENDED], OTLP_MAX_QUEUED);
	cr_expect_eq(fates[OTLP_SENT], 0);
	otlp_sender__free(s);
	unlink(path);
}
