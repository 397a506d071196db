/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See message.h.
 */
#include "otlp/message.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

#define TEXT_BYTES 1024
#define SCOPE "loopstall"

enum { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE = 2 };
enum { ANY_STRING = 1, ANY_INT = 3, ANY_DOUBLE = 4 };
enum { REQUEST_RESOURCES = 1 };
enum { RESOURCE_ITEMS_RESOURCE = 1, RESOURCE_ITEMS_SCOPES = 2 };
enum { RESOURCE_ATTRIBUTES = 1 };
enum { SCOPE_ITEMS_SCOPE = 1 };
enum { SCOPE_NAME = 1, SCOPE_VERSION = 2 };
enum { REPLY_PARTIAL = 1, PARTIAL_REJECTED = 1 };

static void put_pair(struct protobuf *p, unsigned int field, const char *key,
		     const struct protobuf *value)
{
	struct protobuf pair = {};

	protobuf__bytes(&pair, KEY_VALUE_KEY, key, strlen(key));
	protobuf__message(&pair, KEY_VALUE_VALUE, value);
	protobuf__message(p, field, &pair);
	protobuf__done(&pair);
}

void otlp_text(struct protobuf *p, unsigned int field, const char *key, const char *text)
{
	struct protobuf value = {};
	char safe[TEXT_BYTES];

	if (!text || !*text)
		return;
	protobuf__bytes(&value, ANY_STRING, safe, utf8__sanitize(text, safe, sizeof(safe)));
	put_pair(p, field, key, &value);
	protobuf__done(&value);
}

void otlp_number(struct protobuf *p, unsigned int field, const char *key, uint64_t number)
{
	static uint8_t is_zero[] = { ANY_INT << 3, 0 };
	static const struct protobuf zero = { .data = is_zero, .size = sizeof(is_zero) };
	struct protobuf value = {};

	/* One of several kinds: unlike in other places, 0 must be there. */
	protobuf__u64(&value, ANY_INT, number);
	put_pair(p, field, key, number ? &value : &zero);
	protobuf__done(&value);
}

void otlp_double(struct protobuf *p, unsigned int field, const char *key, double number)
{
	struct protobuf value = {};

	protobuf__double(&value, ANY_DOUBLE, number);
	put_pair(p, field, key, &value);
	protobuf__done(&value);
}

static void put_resource(struct protobuf *p, const struct otlp_resource *resource)
{
	struct protobuf attributes = {};

	otlp_text(&attributes, RESOURCE_ATTRIBUTES, "service.name", resource->service);
	otlp_text(&attributes, RESOURCE_ATTRIBUTES, "container.id", resource->container_id);
	otlp_text(&attributes, RESOURCE_ATTRIBUTES, "k8s.pod.uid", resource->pod_uid);
	protobuf__message(p, RESOURCE_ITEMS_RESOURCE, &attributes);
	protobuf__done(&attributes);
}

static void put_scope(struct protobuf *p, const char *version, const struct protobuf *items)
{
	struct protobuf scope = {}, scoped = {};

	protobuf__bytes(&scope, SCOPE_NAME, SCOPE, strlen(SCOPE));
	protobuf__bytes(&scope, SCOPE_VERSION, version, strlen(version));
	protobuf__message(&scoped, SCOPE_ITEMS_SCOPE, &scope);
	protobuf__join(&scoped, items);
	protobuf__message(p, RESOURCE_ITEMS_SCOPES, &scoped);
	protobuf__done(&scope);
	protobuf__done(&scoped);
}

void otlp_wrap(struct protobuf *p, const struct otlp_resource *resource, const char *version,
	       const struct protobuf *items)
{
	struct protobuf whole = {};

	put_resource(&whole, resource);
	put_scope(&whole, version, items);
	protobuf__message(p, REQUEST_RESOURCES, &whole);
	protobuf__done(&whole);
}

static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret_value)
{
	*ret_value = 0;
	for (unsigned int shift = 0; *at < end && shift < 64; shift += 7) {
		const uint8_t byte = *(*at)++;

		*ret_value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* The bytes or the number of the field, in a message of numbers and bytes. */
static bool find_field(const uint8_t *at, const uint8_t *end, unsigned int field,
		       const uint8_t **ret_bytes, uint64_t *ret_value)
{
	uint64_t key, value;

	while (at < end) {
		if (!take_varint(&at, end, &key) || (key & 7 && (key & 7) != 2) ||
		    !take_varint(&at, end, &value))
			return false;
		if ((key & 7) && value > (uint64_t)(end - at))
			return false;
		*ret_bytes = at;
		*ret_value = value;
		if (key >> 3 == field)
			return true;
		at += key & 7 ? value : 0;
	}
	return false;
}

uint64_t otlp_rejected(const uint8_t *reply, uint64_t size)
{
	const uint8_t *partial, *unused;
	uint64_t bytes, rejected;

	if (!find_field(reply, reply + size, REPLY_PARTIAL, &partial, &bytes) ||
	    bytes > (uint64_t)(reply + size - partial) ||
	    !find_field(partial, partial + bytes, PARTIAL_REJECTED, &unused, &rejected))
		return 0;
	return rejected;
}
