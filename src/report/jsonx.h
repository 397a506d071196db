/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helpers on top of jansson for the JSON formats: objects without an error check behind every
 * member, strings of unknown origin, addresses, arrays. Output is ASCII only, so that no name of a
 * target can send an escape sequence to a terminal.
 */
#ifndef LOOPSTALL_REPORT_JSONX_H
#define LOOPSTALL_REPORT_JSONX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSONX_FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII)

/* For _cleanup_(). */
void jsonx_done(json_t **json);

/*
 * An object under construction. A failed member is a NULL value, which jansson rejects; `r` latches
 * that.
 */
struct jsonx {
	json_t *json;
	int r;
};

struct jsonx jsonx_object(void);
/* Takes the reference. */
void jsonx_add(struct jsonx *o, const char *key, json_t *value);
void jsonx_add_u64(struct jsonx *o, const char *key, uint64_t value);
void jsonx_add_text(struct jsonx *o, const char *key, const char *text);
void jsonx_add_bool(struct jsonx *o, const char *key, bool value);
/* The finished object, or NULL if memory was short. */
json_t *jsonx_end(struct jsonx *o);

/* Above INT64_MAX it is INT64_MAX. */
json_t *jsonx_u64(uint64_t value);
/* null for 0, which stands for "not known" */
json_t *jsonx_u64_or_null(uint64_t value);
/* null for NULL; bytes that are no UTF-8 become U+FFFD. */
json_t *jsonx_text(const char *text);
/* "0x7f00deadbeef" */
json_t *jsonx_address(uint64_t address);
/* {"method", "route"} of an HTTP request, each null for ""; null without both. */
json_t *jsonx_request(const char *method, const char *route);
/* Appends and takes the reference; a NULL item fails. 0 or -ENOMEM. */
int jsonx_append(json_t *array, json_t *item);
/* An array made of `n` items of `size` bytes each by make(). NULL if memory was short. */
json_t *jsonx_array(const void *items, size_t n, size_t size, json_t *(*make)(const void *item));

/* As json_dumps(), with JSONX_FLAGS and these; to be freed. NULL without memory. */
char *jsonx_dumps(const json_t *json, size_t more_flags);

/* The text of a value and a line feed, at once and flushed. 0 or -errno. */
int jsonx_write_line(FILE *out, const json_t *json);

#endif
