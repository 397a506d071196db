/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See web_config.h. The file is a tree of libyaml's; an alias is the node that it stands for, so
 * none is read twice. A field that is not known is an error: it may be meant to keep somebody out.
 */
#include "http/web_config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "http/credentials.h"

struct parse {
	const char *path;
	yaml_document_t document;
	struct web_config web;
	const char *section; /* "tls_server_config" */
	size_t lines[WEB_FILE_MAX]; /* where the files are named */
	size_t tls_line, auth_line, max_line;
	struct err *err;
};

/* A field that there is, with what is done with its value; or why it cannot be had here. */
struct field {
	const char *name;
	int (*take)(struct parse *p, const struct field *field, const yaml_node_t *value);
	const char *refusal;
};

static size_t line_of(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

static int __attribute__((format(printf, 4, 5)))
fail(struct parse *p, size_t line, const char *field, const char *format, ...)
{
	char why[256], safe[320];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	text__escape(why, safe, sizeof(safe));
	return err__set(p->err, -EINVAL, "%s:%zu: %s%s%s: %s", p->path, line, p->section,
			*p->section && *field ? "." : "", field, safe);
}

/* The text of a value, or NULL: it is a list or a mapping, or has a NUL in it. */
static const char *text_of(const yaml_node_t *node)
{
	const char *text;

	if (!node || node->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length ? text : NULL;
}

static int take_text(struct parse *p, const struct field *field, const yaml_node_t *value,
		     const char **ret_text)
{
	*ret_text = text_of(value);
	if (*ret_text && **ret_text)
		return 0;
	return fail(p, line_of(value), field->name, "must be a text");
}

/* Names of files are relative to the folder of the configuration. */
static char *path_beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	char *joined;

	if (name[0] == '/' || !slash)
		return strdup(name);
	return asprintf(&joined, "%.*s%s", (int)(slash + 1 - path), path, name) < 0 ? NULL : joined;
}

static int take_file(struct parse *p, const struct field *field, const yaml_node_t *value)
{
	static const char *const fields[] = {
#define _(name, word) [WEB_FILE_##name] = word,
		WEB_FILES(_)
#undef _
	};
	const char *name;
	size_t i = 0;
	int r = take_text(p, field, value, &name);

	while (strcmp(fields[i], field->name) != 0)
		i++;
	if (r)
		return r;
	p->lines[i] = line_of(value);
	p->web.names[i] = path_beside(p->path, name);
	r = p->web.names[i] ? web_file_read(p->web.names[i], &p->web.pem[i], &p->web.stamps[i]) :
			      -ENOMEM;
	return r ? fail(p, p->lines[i], field->name, "cannot read '%s': %s", name, strerror(-r)) :
		   0;
}

/* The place of the value among words; `fault` is what follows one that is not there. */
static int take_word(struct parse *p, const struct field *field, const yaml_node_t *value,
		     const char *const *words, size_t n, const char *fault, size_t *ret_i)
{
	const char *word;
	int r = take_text(p, field, value, &word);

	for (size_t i = 0; !r && i < n; i++)
		if (!strcmp(words[i], word)) {
			*ret_i = i;
			return 0;
		}
	return r ? r : fail(p, line_of(value), field->name, "'%s' is %s", word, fault);
}

static const char no_client_auth[] = "not one of"
#define _(name, word, needs_ca) " " word
	WEB_CLIENT_AUTH(_)
#undef _
	;

static int take_client_auth(struct parse *p, const struct field *field, const yaml_node_t *value)
{
	static const char *const words[] = {
#define _(name, word, needs_ca) word,
		WEB_CLIENT_AUTH(_)
#undef _
	};
	size_t i;
	int r = take_word(p, field, value, words, N_OF(words), no_client_auth, &i);

	if (r)
		return r;
	p->web.client_auth = (enum web_client_auth)i;
	p->auth_line = line_of(value);
	return 0;
}

static int take_version(struct parse *p, const struct field *field, const yaml_node_t *value)
{
	static const char *const words[] = {
#define _(name, word, gnutls_word) word,
		WEB_TLS_VERSIONS(_)
#undef _
	};
	const bool is_min = !strcmp(field->name, "min_version");
	size_t i;
	int r = take_word(p, field, value, words, N_OF(words),
			  "neither TLS12 nor TLS13: older versions are not safe", &i);

	if (r)
		return r;
	if (!is_min)
		p->max_line = line_of(value);
	*(is_min ? &p->web.min_version : &p->web.max_version) = (enum web_tls_version)i;
	return 0;
}

/* HTTP/2 is not spoken, so either value is kept. */
static int take_http2(struct parse *p, const struct field *field, const yaml_node_t *value)
{
	const char *word;
	int r = take_text(p, field, value, &word);

	if (!r && strcmp(word, "true") != 0 && strcmp(word, "false") != 0)
		r = fail(p, line_of(value), field->name, "must be true or false");
	return r;
}

/* Calls for each pair of a mapping; a key that comes twice is an error. */
static int for_each_pair(struct parse *p, const char *name, const yaml_node_t *node,
			 int (*take)(struct parse *p, const yaml_node_t *key,
				     const yaml_node_t *value, void *ctx),
			 void *ctx)
{
	const yaml_node_pair_t *first, *pair;

	if (node->type == YAML_SCALAR_NODE && !node->data.scalar.length)
		return 0;
	if (node->type != YAML_MAPPING_NODE)
		return fail(p, line_of(node), name,
			    "must be a mapping, 'name: value' in each line");
	first = node->data.mapping.pairs.start;
	for (pair = first; pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&p->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(&p->document, pair->value);
		int r;

		if (!text_of(key) || !value)
			return fail(p, line_of(node), name, "has a name that is no text");
		for (const yaml_node_pair_t *other = first; other < pair; other++)
			if (!strcmp(text_of(yaml_document_get_node(&p->document, other->key)),
				    text_of(key)))
				return fail(p, line_of(key), text_of(key), "is there twice");
		r = take(p, key, value, ctx);
		if (r)
			return r;
	}
	return 0;
}

static int take_field(struct parse *p, const yaml_node_t *key, const yaml_node_t *value, void *ctx)
{
	const char *name = text_of(key);

	for (const struct field *f = ctx; f->name; f++) {
		if (strcmp(f->name, name) != 0)
			continue;
		if (f->refusal)
			return fail(p, line_of(key), name, "is not supported: %s", f->refusal);
		return f->take(p, f, value);
	}
	return fail(p, line_of(key), name, "is no field that is known here");
}

#define SUITES_REFUSAL "what GnuTLS holds for safe is used"

static const struct field tls_fields[] = {
	{ "cert_file", take_file, NULL },
	{ "key_file", take_file, NULL },
	{ "client_ca_file", take_file, NULL },
	{ "client_auth_type", take_client_auth, NULL },
	{ "min_version", take_version, NULL },
	{ "max_version", take_version, NULL },
	{ "cipher_suites", NULL, SUITES_REFUSAL },
	{ "curve_preferences", NULL, SUITES_REFUSAL },
	{ "prefer_server_cipher_suites", NULL, SUITES_REFUSAL },
	{ "client_allowed_sans", NULL, "use an authority of its own for these clients" },
	{ "cert", NULL, "use cert_file" },
	{ "key", NULL, "use key_file" },
	{ "client_ca", NULL, "use client_ca_file" },
	{},
};

static const struct field http_fields[] = {
	{ "http2", take_http2, NULL },
	{ "headers", NULL, "the headers that confine a page are always sent" },
	{},
};

static int take_tls(struct parse *p, const struct field *field, const yaml_node_t *value)
{
	int r;

	p->tls_line = line_of(value);
	p->section = "tls_server_config";
	r = for_each_pair(p, "", value, take_field, (void *)tls_fields);
	p->section = "";
	p->web.has_tls = !r && value->type == YAML_MAPPING_NODE &&
		value->data.mapping.pairs.start != value->data.mapping.pairs.top;
	(void)field;
	return r;
}

static int take_http(struct parse *p, const struct field *field, const yaml_node_t *value)
{
	int r;

	p->section = "http_server_config";
	r = for_each_pair(p, "", value, take_field, (void *)http_fields);
	p->section = "";
	(void)field;
	return r;
}

static int take_user(struct parse *p, const yaml_node_t *key, const yaml_node_t *value, void *ctx)
{
	struct web_config *web = &p->web;
	const char *name = text_of(key), *hash = text_of(value), *fault;
	struct web_user *user;

	(void)ctx;
	if (!*name || strchr(name, ':'))
		return fail(p, line_of(key), name,
			    "a user's name has at least one byte and no ':'");
	fault = hash ? bcrypt_fault(hash) : "is no text";
	if (fault)
		return fail(p, line_of(value), name, "the password's hash %s", fault);
	if (web->n_users == WEB_MAX_USERS)
		return fail(p, line_of(key), name, "more than %d users", WEB_MAX_USERS);
	if (ARRAY_RESERVE(web->users, web->users_size, web->n_users + 1))
		return err__set(p->err, -ENOMEM, "%s: out of memory", p->path);
	user = &web->users[web->n_users++];
	user->name = strdup(name);
	user->hash = strdup(hash);
	return user->name && user->hash ? 0 :
					  err__set(p->err, -ENOMEM, "%s: out of memory", p->path);
}

static int take_users(struct parse *p, const struct field *field, const yaml_node_t *value)
{
	int r;

	p->section = "basic_auth_users";
	r = for_each_pair(p, "", value, take_user, NULL);
	p->section = "";
	(void)field;
	return r;
}

static const struct field top_fields[] = {
	{ "tls_server_config", take_tls, NULL },
	{ "http_server_config", take_http, NULL },
	{ "basic_auth_users", take_users, NULL },
	{ "rate_limit", NULL, "there is a rate limit of its own" },
	{},
};

static bool needs_ca(enum web_client_auth auth)
{
	static const bool needs[] = {
#define _(name, word, needs_ca) needs_ca,
		WEB_CLIENT_AUTH(_)
#undef _
	};

	return needs[auth];
}

/* What fields must be there together. */
static int check_tls(struct parse *p)
{
	static const char *const fields[] = {
#define _(name, word) word,
		WEB_FILES(_)
#undef _
	};
	const struct web_config *web = &p->web;
	enum web_file file = WEB_FILE_CERT;
	const char *fault;

	p->section = "tls_server_config";
	for (size_t i = 0; i <= WEB_FILE_KEY; i++)
		if (!web->pem[i])
			return fail(p, p->tls_line, fields[i], "is missing");
	if (needs_ca(web->client_auth) && !web->pem[WEB_FILE_CLIENT_CA])
		return fail(p, p->auth_line, "client_auth_type", "needs client_ca_file");
	if (!needs_ca(web->client_auth) && web->pem[WEB_FILE_CLIENT_CA])
		return fail(p, p->lines[WEB_FILE_CLIENT_CA], "client_ca_file",
			    "without a client_auth_type that verifies, nobody is kept out by it");
	if (web->max_version < web->min_version)
		return fail(p, p->max_line, "max_version", "is below min_version");
	fault = web_config__tls_fault(web, &file);
	return fault ? fail(p, p->lines[file], fields[file], "%s", fault) : 0;
}

static int read_document(struct parse *p)
{
	yaml_node_t *root = yaml_document_get_root_node(&p->document);
	int r;

	p->section = "";
	p->web.max_version = WEB_TLS_MAX - 1;
	r = root ? for_each_pair(p, "the file", root, take_field, (void *)top_fields) : 0;
	if (!r && p->web.has_tls)
		r = check_tls(p);
	return r;
}

static int load(struct parse *p, const char *text)
{
	yaml_parser_t parser;
	int r = 0;

	if (!yaml_parser_initialize(&parser))
		return err__set(p->err, -ENOMEM, "%s: out of memory", p->path);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
	if (!yaml_parser_load(&parser, &p->document))
		r = parser.error == YAML_MEMORY_ERROR ?
			err__set(p->err, -ENOMEM, "%s: out of memory", p->path) :
			err__set(p->err, -EINVAL, "%s:%zu: no YAML: %s", p->path,
				 parser.problem_mark.line + 1,
				 parser.problem ? parser.problem : "it cannot be read");
	yaml_parser_delete(&parser);
	return r;
}

int web_config__read(struct web_config *ret_config, const char *path, struct err *err)
{
	struct parse p = { .path = path, .section = "", .err = err };
	_cleanup_free_ char *text = NULL;
	int r = web_file_read(path, &text, &p.web.path_stamp);

	if (r)
		return err__set(err, r, "cannot read %s: %s", path, strerror(-r));
	r = load(&p, text);
	explicit_bzero(text, strlen(text));
	if (r)
		return r;
	p.web.path = strdup(path);
	r = p.web.path ? read_document(&p) : err__set(err, -ENOMEM, "%s: out of memory", path);
	yaml_document_delete(&p.document);
	if (r) {
		web_config__done(&p.web);
		return r;
	}
	*ret_config = p.web;
	return 0;
}
