/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pieces of a recording: numbers and texts, differences, sums, slots.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/array.h"
#include "record/buffer.h"
#include "record/crc32.h"
#include "record/fields.h"
#include "record/format.h"
#include "record/meta.h"
#include "record/slots.h"

static struct cursor cursor_of(const struct buffer *b)
{
	return (struct cursor){ .at = b->data, .end = b->data + b->n };
}

Test(record_parts, numbers)
{
	static const uint64_t values[] = { 0,	  1,	      127,	 128,	    16383,
					   16384, UINT32_MAX, INT64_MAX, UINT64_MAX };
	struct buffer b = {};
	struct cursor c;

	for (size_t i = 0; i < N_OF(values); i++) {
		buffer__varint(&b, values[i]);
		buffer__signed(&b, (int64_t)values[i]);
		buffer__signed(&b, -(int64_t)(values[i] / 2));
	}
	c = cursor_of(&b);
	for (size_t i = 0; i < N_OF(values); i++) {
		cr_expect_eq(cursor__varint(&c), values[i]);
		cr_expect_eq(cursor__signed(&c), (int64_t)values[i]);
		cr_expect_eq(cursor__signed(&c), -(int64_t)(values[i] / 2));
	}
	cr_expect_not(c.is_bad);
	cr_expect_eq(c.at, c.end);
	cr_expect_eq(cursor__varint(&c), 0);
	cr_expect(c.is_bad, "nothing is left");
	buffer__done(&b);
}

Test(record_parts, numbers_that_are_none)
{
	static const uint8_t endless[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
	static const uint8_t large[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02
	};
	static const uint8_t five[] = { 5 };
	struct cursor c;

	c = (struct cursor){ .at = endless, .end = endless + sizeof(endless) };
	cursor__varint(&c);
	cr_expect(c.is_bad);
	c = (struct cursor){ .at = large, .end = large + sizeof(large) };
	cursor__varint(&c);
	cr_expect(c.is_bad, "more than 64 bits");
	c = (struct cursor){ .at = five, .end = five + 1 };
	cr_expect_eq(cursor__below(&c, 5), 0);
	cr_expect(c.is_bad);
	c = (struct cursor){ .at = five, .end = five + 1 };
	cr_expect_eq(cursor__below(&c, 6), 5);
}

static bool is_text_good(const char *bytes, size_t n)
{
	struct buffer b = {};
	struct cursor c;
	size_t length;

	buffer__varint(&b, n);
	buffer__bytes(&b, bytes, n);
	c = cursor_of(&b);
	cursor__text(&c, &length);
	buffer__done(&b);
	return !c.is_bad && length == n;
}

Test(record_parts, texts)
{
	static char long_text[FORMAT_MAX_TEXT_BYTES + 10];
	struct buffer b = {};
	struct cursor c;
	size_t n;

	cr_expect(is_text_good("", 0));
	cr_expect(is_text_good("caf\xc3\xa9", 5));
	cr_expect_not(is_text_good("caf\xc3", 4), "cut character");
	cr_expect_not(is_text_good("a\0b", 3), "NUL");
	cr_expect_not(is_text_good("\xed\xa0\x80", 3), "surrogate");
	memset(long_text, 'x', sizeof(long_text) - 1);
	memcpy(long_text + FORMAT_MAX_TEXT_BYTES - 1, "\xc3\xa9", 2);
	buffer__text(&b, long_text);
	buffer__text(&b, NULL);
	c = cursor_of(&b);
	cursor__text(&c, &n);
	cr_expect_eq(n, FORMAT_MAX_TEXT_BYTES - 1, "cut at a character");
	cursor__text(&c, &n);
	cr_expect_eq(n, 0);
	cr_expect_not(c.is_bad);
	buffer__done(&b);
}

/* The check value of the CRC's catalogue. */
Test(record_parts, crc)
{
	cr_expect_eq(crc32__of("123456789", 9), 0xcbf43926);
	cr_expect_eq(crc32__of("", 0), 0);
}

Test(record_parts, differences)
{
	const struct shape shape = shape_own();
	struct coroutine_input before = {}, value = {}, got;
	struct buffer b = {};
	struct cursor c;

	value.key = (struct ls_coro_key){ .code = UINT64_MAX, .tgid = 1, .tid = UINT32_MAX };
	value.stats.steps = 77;
	value.stats.cause_ns[LS_CAUSE_MAX - 1] = 1;
	value.stats.hist[0] = 5;
	value.stats.hist[LS_HIST_BUCKETS - 1] = UINT32_MAX;
	before.stats.steps = 78;
	before.stats.hist[7] = 3;
	fields__put(&b, FIELDS_COROUTINE, &value, &before);
	fields__put(&b, FIELDS_COROUTINE, &value, &value);
	c = cursor_of(&b);
	got = before;
	fields__get(&c, &shape, FIELDS_COROUTINE, &got);
	cr_expect_not(c.is_bad);
	cr_expect_arr_eq(&got, &value, sizeof(got));
	fields__get(&c, &shape, FIELDS_COROUTINE, &got);
	cr_expect_arr_eq(&got, &value, sizeof(got));
	cr_expect_eq(c.at, c.end);
	cr_expect_lt(b.n, 50, "%zu bytes", b.n);
	buffer__done(&b);
}

/* Written by a program whose lists were shorter: the rest is as it was. */
Test(record_parts, older_shape)
{
	struct shape shape = shape_own(), got_shape;
	struct loop_input value = { .pid = 1, .tid = 2 };
	struct buffer b = {};
	struct cursor c;

	shape.lengths[FIELDS_LOOP] = 2;
	shape.lengths[FIELDS_MAX - 1] = 0;
	shape__put(&shape, &b);
	buffer__varint(&b, 0);
	buffer__signed(&b, 10);
	buffer__varint(&b, 1);
	c = cursor_of(&b);
	cr_assert(shape__get(&got_shape, &c));
	cr_expect_eq(got_shape.lengths[FIELDS_LOOP], 2);
	fields__get(&c, &got_shape, FIELDS_LOOP, &value);
	cr_expect_not(c.is_bad);
	cr_expect_eq(value.pid, 11);
	cr_expect_eq(value.tid, 2);
	cr_expect_eq(c.at, c.end);
	buffer__done(&b);
}

Test(record_parts, newer_shape)
{
	struct shape shape = shape_own(), got;
	struct buffer b = {};
	struct cursor c;

	shape.counts[FIELD_CAUSES]++;
	shape__put(&shape, &b);
	c = cursor_of(&b);
	cr_expect_not(shape__get(&got, &c));
	buffer__done(&b);
}

Test(record_parts, slots)
{
	struct slots *s;
	bool is_new;

	cr_assert_eq(slots__new(&s, 3), 0);
	cr_expect_eq(slots__get(s, 1, 1, &is_new), 0);
	cr_expect(is_new);
	cr_expect_eq(slots__get(s, 1, 2, &is_new), 1);
	cr_expect_eq(slots__get(s, 2, 1, &is_new), 2);
	cr_expect_eq(slots__get(s, 1, 2, &is_new), 1);
	cr_expect_not(is_new);
	cr_expect_eq(slots__count(s), 3);
	cr_expect_eq(slots__get(s, 9, 9, &is_new), 0, "the oldest goes");
	cr_expect(is_new);
	cr_expect_eq(slots__find(s, 1, 1), SIZE_MAX);
	cr_expect_eq(slots__find(s, 9, 9), 0);
	for (uint64_t i = 0; i < 10000; i++) {
		slots__get(s, i, i * i, &is_new);
		cr_expect_eq(slots__find(s, i, i * i), (4 + i) % 3);
	}
	slots__forget(s);
	cr_expect_eq(slots__count(s), 0);
	cr_expect_eq(slots__find(s, 9999, 9999ULL * 9999), SIZE_MAX);
	slots__free(s);
	slots__free(NULL);
}

Test(record_parts, meta)
{
	struct meta m = {}, copy = {};
	char key[16];

	cr_assert_eq(meta__set(&m, "a", "1"), 0);
	cr_assert_eq(meta__set(&m, "a", "2"), 0);
	cr_assert_eq(meta__set_u64(&m, "b", UINT64_MAX), 0);
	cr_assert_eq(meta__set(&m, "c", "-5"), 0);
	cr_expect_eq(m.n, 3);
	cr_assert_eq(meta__copy(&copy, &m), 0);
	cr_expect_str_eq(meta__get(&copy, "a"), "2");
	cr_expect_eq(meta__u64(&copy, "b", 0), UINT64_MAX);
	cr_expect_eq(meta__u64(&copy, "c", 8), 8);
	cr_expect_eq(meta__u64(&copy, "d", 9), 9);
	for (unsigned int i = 0; i < FORMAT_MAX_NOTES - 3; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		cr_assert_eq(meta__set(&m, key, ""), 0);
	}
	cr_expect_eq(meta__set(&m, "one more", ""), -E2BIG);
	meta__done(&m);
	meta__done(&copy);
}
