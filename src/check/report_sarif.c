/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict as SARIF 2.1.0 (OASIS): one run, the rules, a result for each finding. Locations are
 * relative to %SRCROOT%, which readers set to the repository's root.
 */
#include <errno.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "check/report.h"
#include "report/jsonx.h"

#define SARIF_SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"
#define SARIF_VERSION "2.1.0"
#define FINGERPRINT "loopstall/v1"
#define TEXT_BYTES 1024
#define URI_BYTES (3 * 4096 + sizeof("file://"))

/* {"text": ...} */
static json_t *message_json(const char *text)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "text", text);
	return jsonx_end(&o);
}

static json_t *single(json_t *item)
{
	_cleanup_(jsonx_done) json_t *array = json_array();

	return jsonx_append(array, item) ? NULL : TAKE_PTR(array);
}

/* A path as a reference by RFC 3986. */
static void path_uri(const char *path, char buf[URI_BYTES])
{
	size_t used = 0;

	if (*path == '/')
		used += (size_t)snprintf(buf, URI_BYTES, "file://");
	for (; *path && used + 4 < URI_BYTES; path++) {
		const unsigned char c = (unsigned char)*path;

		if (isalnum(c) || strchr("-._~/", c))
			buf[used++] = (char)c;
		else
			used += (size_t)snprintf(buf + used, 4, "%%%02X", c);
	}
	buf[used] = '\0';
}

static json_t *location_json(const struct check_finding *f)
{
	struct jsonx artifact = jsonx_object(), physical = jsonx_object(), region,
		     o = jsonx_object();
	char uri[URI_BYTES];

	path_uri(f->file, uri);
	jsonx_add_text(&artifact, "uri", uri);
	if (*f->file != '/')
		jsonx_add_text(&artifact, "uriBaseId", "%SRCROOT%");
	jsonx_add(&physical, "artifactLocation", jsonx_end(&artifact));
	if (f->line) {
		region = jsonx_object();
		jsonx_add_u64(&region, "startLine", f->line);
		jsonx_add(&physical, "region", jsonx_end(&region));
	}
	jsonx_add(&o, "physicalLocation", jsonx_end(&physical));
	return jsonx_end(&o);
}

/*
 * By this a reader recognizes the same result in a later run. Lines move, so they are not part of
 * it.
 */
static json_t *fingerprints_json(const struct check_finding *f)
{
	struct jsonx o = jsonx_object();
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text), "%s:%s:%s:%s", check_rule_id(f->rule), f->file ? f->file : "",
		 f->function ? f->function : "", f->subject);
	jsonx_add_text(&o, FINGERPRINT, text);
	return jsonx_end(&o);
}

static json_t *result_json(const void *item)
{
	const struct check_finding *f = item;
	char text[TEXT_BYTES], split[TEXT_BYTES], both[2 * TEXT_BYTES + 16];
	struct jsonx o = jsonx_object();

	check_finding__sentence(f, text, sizeof(text));
	check_finding__split(f, split, sizeof(split));
	snprintf(both, sizeof(both), "%s%s%s", text, *split ? "; worst: " : "", split);
	jsonx_add_text(&o, "ruleId", check_rule_id(f->rule));
	jsonx_add(&o, "ruleIndex", json_integer(f->rule));
	jsonx_add_text(&o, "level", f->is_doubtful ? "note" : "error");
	jsonx_add(&o, "message", message_json(both));
	if (f->file && strcmp(f->file, "?"))
		jsonx_add(&o, "locations", single(location_json(f)));
	if (f->count)
		jsonx_add_u64(&o, "occurrenceCount", f->count);
	jsonx_add(&o, "partialFingerprints", fingerprints_json(f));
	return jsonx_end(&o);
}

static json_t *rules_json(void)
{
	_cleanup_(jsonx_done) json_t *array = json_array();
	enum check_rule rule;

	for (rule = 0; rule < CHECK_RULE_MAX; rule++) {
		struct jsonx o = jsonx_object();

		jsonx_add_text(&o, "id", check_rule_id(rule));
		jsonx_add(&o, "shortDescription", message_json(check_rule_sentence(rule)));
		if (jsonx_append(array, jsonx_end(&o)))
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *tool_json(const char *version)
{
	struct jsonx driver = jsonx_object(), o = jsonx_object();

	jsonx_add_text(&driver, "name", "loopstall");
	jsonx_add_text(&driver, "version", version);
	jsonx_add(&driver, "rules", rules_json());
	jsonx_add(&o, "driver", jsonx_end(&driver));
	return jsonx_end(&o);
}

static json_t *invocation_json(const struct verdict *v)
{
	_cleanup_(jsonx_done) json_t *notes = json_array();
	struct jsonx o = jsonx_object();

	for (size_t i = 0; i < v->n_reasons; i++) {
		struct jsonx note = jsonx_object();

		jsonx_add_text(&note, "level", "warning");
		jsonx_add(&note, "message", message_json(v->reasons[i]));
		if (jsonx_append(notes, jsonx_end(&note)))
			o.r = -ENOMEM;
	}
	jsonx_add_bool(&o, "executionSuccessful", v->outcome != CHECK_INCONCLUSIVE);
	jsonx_add(&o, "exitCode", json_integer(check_outcome_code(v->outcome)));
	jsonx_add(&o, "toolExecutionNotifications", TAKE_PTR(notes));
	return jsonx_end(&o);
}

static json_t *run_json(const struct verdict *v, const char *version)
{
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "tool", tool_json(version));
	jsonx_add(&o, "invocations", single(invocation_json(v)));
	jsonx_add(&o, "results",
		  jsonx_array(v->findings, v->n_findings, sizeof(*v->findings), result_json));
	return jsonx_end(&o);
}

int check_report_sarif(FILE *out, const struct verdict *v, const struct check_report_opts *opts)
{
	_cleanup_(jsonx_done) json_t *json = NULL;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "$schema", SARIF_SCHEMA);
	jsonx_add_text(&o, "version", SARIF_VERSION);
	jsonx_add(&o, "runs", single(run_json(v, opts->version)));
	json = jsonx_end(&o);
	return json ? jsonx_write_line(out, json) : -ENOMEM;
}
