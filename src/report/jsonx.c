/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON values on top of jansson.
 */
#include "report/jsonx.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "report/output.h"

void jsonx_done(json_t **json)
{
	json_decref(*json);
}

struct jsonx jsonx_object(void)
{
	struct jsonx o = { json_object(), 0 };

	o.r = o.json ? 0 : -ENOMEM;
	return o;
}

void jsonx_add(struct jsonx *o, const char *key, json_t *value)
{
	if (json_object_set_new(o->json, key, value))
		o->r = -ENOMEM;
}

json_t *jsonx_end(struct jsonx *o)
{
	if (o->r) {
		json_decref(o->json);
		return NULL;
	}
	return o->json;
}

json_t *jsonx_u64(uint64_t value)
{
	return json_integer(value <= INT64_MAX ? (json_int_t)value : INT64_MAX);
}

json_t *jsonx_u64_or_null(uint64_t value)
{
	return value ? jsonx_u64(value) : json_null();
}

json_t *jsonx_text(const char *text)
{
	_cleanup_free_ char *valid = NULL;
	json_t *json;
	size_t size;

	if (!text)
		return json_null();
	json = json_string(text);
	if (json)
		return json;
	/* An invalid byte becomes three. */
	size = 3 * strlen(text) + 1;
	valid = malloc(size);
	if (!valid)
		return NULL;
	utf8__sanitize(text, valid, size);
	return json_string(valid);
}

json_t *jsonx_address(uint64_t address)
{
	char text[2 + 16 + 1];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	return json_string(text);
}

void jsonx_add_u64(struct jsonx *o, const char *key, uint64_t value)
{
	jsonx_add(o, key, jsonx_u64(value));
}

void jsonx_add_text(struct jsonx *o, const char *key, const char *text)
{
	jsonx_add(o, key, jsonx_text(text));
}

void jsonx_add_bool(struct jsonx *o, const char *key, bool value)
{
	jsonx_add(o, key, json_boolean(value));
}

int jsonx_append(json_t *array, json_t *item)
{
	return json_array_append_new(array, item) ? -ENOMEM : 0;
}

json_t *jsonx_array(const void *items, size_t n, size_t size, json_t *(*make)(const void *item))
{
	_cleanup_(jsonx_done) json_t *array = json_array();
	const char *item = items;

	for (; n > 0; n--, item += size)
		if (jsonx_append(array, make(item)))
			return NULL;
	return TAKE_PTR(array);
}

static bool is_short_of_memory;

static void *allocate(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		is_short_of_memory = true;
	return memory;
}

json_t *jsonx_request(const char *method, const char *route)
{
	struct jsonx o;

	if (!*method && !*route)
		return json_null();
	o = jsonx_object();
	jsonx_add_text(&o, "method", *method ? method : NULL);
	jsonx_add_text(&o, "route", *route ? route : NULL);
	return jsonx_end(&o);
}

/*
 * Where memory runs out inside a key, jansson leaves out a part of it and goes on (2.14, do_dump()
 * ignores what dump_string() returns).
 */
char *jsonx_dumps(const json_t *json, size_t more_flags)
{
	char *text;

	json_set_alloc_funcs(allocate, free);
	is_short_of_memory = false;
	text = json_dumps(json, JSONX_FLAGS | more_flags);
	if (!is_short_of_memory)
		return text;
	free(text);
	return NULL;
}

int jsonx_write_line(FILE *out, const json_t *json)
{
	_cleanup_free_ char *text = jsonx_dumps(json, 0);
	size_t n;

	if (!text)
		return -ENOMEM;
	n = strlen(text);
	text[n] = '\n';
	return output_write(out, text, n + 1);
}
