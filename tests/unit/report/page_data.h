/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data in a page of format html, written a second time for the tests: base64, gzip, and stalls
 * by columns (report/packed.h).
 */
#ifndef TESTS_REPORT_PAGE_DATA_H
#define TESTS_REPORT_PAGE_DATA_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static inline size_t page_base64(const char *text, size_t n, unsigned char *bytes)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned int bits = 0, n_bits = 0;
	size_t size = 0;

	for (size_t i = 0; i < n && text[i] != '='; i++) {
		const char *digit = memchr(digits, text[i], 64);

		cr_assert_not_null(digit, "character %d of the data", text[i]);
		bits = bits << 6 | (unsigned int)(digit - digits);
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			bytes[size++] = (unsigned char)(bits >> n_bits);
		}
	}
	return size;
}

/* To be freed. */
static inline char *page_inflate(unsigned char *bytes, size_t size, size_t *ret_size)
{
	const size_t room = 64U << 20;
	char *text = malloc(room);
	z_stream z = { .next_in = bytes,
		       .avail_in = (uInt)size,
		       .next_out = (Bytef *)text,
		       .avail_out = (uInt)room };

	cr_assert_eq(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
	cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	*ret_size = z.total_out;
	inflateEnd(&z);
	return text;
}

static inline void page_set(json_t *row, const char *key, json_t *value)
{
	const char *dot = strchr(key, '.');
	char outer[64] = "";

	if (!dot) {
		json_object_set(row, key, value);
		return;
	}
	memcpy(outer, key, (size_t)(dot - key));
	if (!json_object_get(row, outer))
		json_object_set_new(row, outer, json_object());
	json_object_set(json_object_get(row, outer), dot + 1, value);
}

static inline json_t *page_rows(const json_t *packed)
{
	const size_t n = (size_t)json_integer_value(json_object_get(packed, "rows"));
	json_t *rows = json_array(), *column, *cell;
	size_t i, k;

	for (i = 0; i < n; i++)
		json_array_append_new(rows, json_object());
	json_array_foreach (json_object_get(packed, "columns"), i, column) {
		const char *key = json_string_value(json_object_get(column, "key"));
		json_t *values = json_object_get(column, "values");
		const bool is_rising = json_is_true(json_object_get(column, "is_rising"));
		json_int_t sum = 0;

		json_array_foreach (json_object_get(column, values ? "rows" : "numbers"), k, cell) {
			const json_int_t number = json_integer_value(cell);

			sum = is_rising ? sum + number : number;
			if (number == -1)
				continue;
			if (values)
				cell = json_incref(json_array_get(values, (size_t)number));
			else
				cell = json_is_null(cell) ? json_null() : json_integer(sum);
			page_set(json_array_get(rows, k), key, cell);
			json_decref(cell);
		}
	}
	return rows;
}

/* With the stalls as an array of objects; to be freed. */
static inline json_t *page_data(const char *page)
{
	const char *text = strstr(page, "id=\"data\">"), *end;
	unsigned char *bytes;
	json_t *json, *rows;
	size_t size;
	char *data;

	cr_assert_not_null(text);
	text += strlen("id=\"data\">");
	end = strstr(text, "</script>");
	bytes = malloc((size_t)(end - text) + 1);
	data = page_inflate(bytes, page_base64(text, (size_t)(end - text), bytes), &size);
	json = json_loadb(data, size, 0, NULL);
	cr_assert_not_null(json);
	rows = page_rows(json_object_get(json, "stalls"));
	json_object_set_new(json, "stalls", rows);
	free(bytes);
	free(data);
	return json;
}

#endif
