/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of OTLP, byte by byte: what a collector decodes is tested in tests/live/test_otlp.py.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "otlp/message.h"
#include "otlp/points.h"

static bool has_bytes(const struct protobuf *p, const char *text)
{
	return memmem(p->data, p->size, text, strlen(text)) != NULL;
}

#define REJECTED(...)                                                                              \
	otlp_rejected((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* partial_success = 1, in it rejected = 1 and error_message = 2. */
Test(otlp_message, what_is_rejected)
{
	cr_expect_eq(REJECTED(0x0a, 2, 0x08, 7), 7);
	cr_expect_eq(REJECTED(0x0a, 5, 0x12, 1, 'n', 0x08, 7), 7, "behind the message");
	cr_expect_eq(REJECTED(0x10, 1, 0x0a, 3, 0x08, 0xac, 0x02), 300, "behind another field");
	cr_expect_eq(REJECTED(0x0a, 3, 0x12, 1, 'n'), 0, "nothing, with a warning");
	cr_expect_eq(otlp_rejected(NULL, 0), 0);
}

/* A receiver is not trusted. */
Test(otlp_message, replies_that_are_none)
{
	cr_expect_eq(REJECTED(0x0a, 200, 0x08, 7), 0, "longer than the reply");
	cr_expect_eq(REJECTED(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), 0);
	cr_expect_eq(REJECTED(0x0a, 2, 0x08, 0xff), 0, "cut");
	cr_expect_eq(REJECTED(0x0b, 2, 0x08, 7), 0, "a type that is not known");
	cr_expect_eq(REJECTED('<', 'h', 't', 'm', 'l', '>'), 0);
	cr_expect_eq(REJECTED(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 0);
}

Test(otlp_message, attributes)
{
	struct protobuf p = {};

	otlp_text(&p, 6, "a", NULL);
	otlp_text(&p, 6, "a", "");
	cr_expect_eq(p.size, 0);
	otlp_number(&p, 6, "n", 0);
	cr_assert_eq(p.size, 9);
	cr_expect_arr_eq(p.data, ((const uint8_t[]){ 0x32, 7, 0x0a, 1, 'n', 0x12, 2, 0x18, 0 }), 9,
			 "0 is told");
	protobuf__clear(&p);
	otlp_text(&p, 6, "t", "bad \xff byte");
	cr_expect(has_bytes(&p, "bad \xef\xbf\xbd byte"), "texts are UTF-8");
	protobuf__done(&p);
}

static const struct otlp_family stall = { "loopstall_stall_seconds", "seconds", "help", OTLP_SUM };
static const struct otlp_family tasks = { "loopstall_tasks", NULL, "help", OTLP_GAUGE };
static const struct otlp_family delay = { "loopstall_delay_seconds", "seconds", "help",
					  OTLP_HISTOGRAM };

Test(otlp_message, names_are_those_of_opentelemetry)
{
	const struct protobuf none = {};
	struct otlp_points x = { .begun_unix_ns = 1, .now_unix_ns = 2 };

	otlp_points__begin(&x, &stall);
	otlp_points__seconds(&x, &none, 1500000000);
	otlp_points__begin(&x, &delay);
	otlp_points__begin(&x, &tasks);
	otlp_points__count(&x, &none, 0);
	otlp_points__end(&x);
	cr_expect_eq(x.n, 2);
	cr_expect(has_bytes(&x.metrics, "loopstall.stall\x12\x04help\x1a\x01s"));
	cr_expect(has_bytes(&x.metrics,
			    "loopstall.tasks\x12\x04help\x1a\x01"
			    "1"));
	cr_expect(!has_bytes(&x.metrics, "delay"), "a family without points is left out");
	otlp_points__done(&x);
}

/* Counts of the text are of all up to a bound, those of the protocol of each bucket. */
Test(otlp_message, buckets)
{
	const struct protobuf none = {};
	struct otlp_points x = { .begun_unix_ns = 1, .now_unix_ns = 2 };

	otlp_points__begin(&x, &delay);
	for (int i = 0; i < 2; i++) {
		otlp_points__bucket(&x, 1000000, 3);
		otlp_points__bucket(&x, 2000000, 3);
		otlp_points__bucket(&x, UINT64_MAX, 7);
		cr_expect_eq(x.counts[0], 3);
		cr_expect_eq(x.counts[1], 0);
		cr_expect_eq(x.counts[2], 4);
		otlp_points__sum(&x, &none, 50000000, 7);
	}
	otlp_points__end(&x);
	cr_expect_eq(x.n, 2);
	otlp_points__done(&x);
}
