/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole sessions in the scripted world: runs one and reads the JSON lines it has written.
 */
#ifndef TESTS_SESSION_WORLD_SESSION_H
#define TESTS_SESSION_WORLD_SESSION_H

#include "world_kernel.h"

/* Symbols */

static inline int symbol_new(struct symbols **ret_symbols)
{
	*ret_symbols = NULL;
	return 0;
}

static inline void symbol_free(struct symbols *s)
{
	(void)s;
}

static inline int symbol_add_process(struct symbols *s, const struct target *t)
{
	(void)s;
	(void)t;
	return 0;
}

static inline void symbol_forget(struct symbols *s, pid_t pid)
{
	(void)s;
	(void)pid;
}

static inline struct resolver symbol_resolver(struct symbols *s)
{
	(void)s;
	return (struct resolver){ &script_ops, NULL };
}

static inline int symbol_unwind(struct symbols *s, const struct ls_rec_copy *copy,
				struct ls_rec_native *ret_native)
{
	(void)s;
	(void)copy;
	(void)ret_native;
	return -ENOENT;
}

static inline void symbol_keep_code(struct symbols *s, const struct ls_rec_code *code)
{
	(void)s;
	(void)code;
}

static inline int symbol_read_sources(struct symbols *s)
{
	(void)s;
	return 0;
}

static const struct symbol_ops world_symbol = {
	.new = symbol_new,
	.free = symbol_free,
	.add_process = symbol_add_process,
	.forget = symbol_forget,
	.unwind = symbol_unwind,
	.keep_code = symbol_keep_code,
	.read_sources = symbol_read_sources,
	.resolver = symbol_resolver,
};

static const struct session_env world_env = {
	.kernel = &world_kernel,
	.machine = &world_machine,
	.process = &world_process,
	.symbol = &world_symbol,
};

/* What came of one. */
struct outcome {
	int code; /* of session__run(), or the -errno before it */
	struct err err;
	char *text; /* all that was written */
	size_t size;
	uint64_t ran_ns; /* by the world's clock */
};

static inline struct session_opts world_opts(void)
{
	static const pid_t pids[] = { PID };

	return (struct session_opts){
		.version = "test",
		.n_pids = 1,
		.pids = pids,
		.threshold_ns = 10 * MS,
		.mode = MEASURE_MODE_EXACT,
		.budget = 0.02,
		.is_following = true,
		.env = &world_env,
	};
}

static inline void outcome_done(struct outcome *o)
{
	free(o->text);
}

/* Runs a session with JSON lines and, if it is not NULL, another sink. */
static inline struct outcome world_run(const struct session_opts *opts, struct sink *sink)
{
	struct outcome o = {};
	FILE *out = open_memstream(&o.text, &o.size);
	const struct sink_report_opts report_opts = { .out = out,
						      .is_json = true,
						      .report = { .mode = "exact" } };
	struct sink_report report;
	struct session *s = NULL;
	const uint64_t began_ns = world.now_ns;

	cr_assert_not_null(out);
	o.code = session__new(&s, opts, &o.err);
	cr_assert_eq(o.code, 0, "%s", o.err.what);
	world.session = s;
	cr_assert_eq(sink_report__init(&report, s, &report_opts, &o.err), 0);
	if (sink)
		session__add_sink(s, sink);
	o.code = session__add_targets(s, &o.err);
	if (o.code >= 0)
		o.code = session__run(s, &o.err);
	o.ran_ns = world.now_ns - began_ns;
	session__free(s);
	sink_report__done(&report);
	fclose(out);
	return o;
}

/* The n-th line of that type, from 0 on; NULL if there is none. The caller frees it. */
static inline json_t *line_of(const struct outcome *o, const char *type, size_t n)
{
	const char *end;

	for (const char *p = o->text; (end = strchr(p, '\n')); p = end + 1) {
		json_t *line = json_loadb(p, (size_t)(end - p), 0, NULL);

		cr_assert_not_null(line, "no JSON: %.*s", (int)(end - p), p);
		if (!strcmp(json_string_value(json_object_get(line, "type")), type) && n-- == 0)
			return line;
		json_decref(line);
	}
	return NULL;
}

static inline size_t count_of(const struct outcome *o, const char *type)
{
	json_t *line;
	size_t n = 0;

	while ((line = line_of(o, type, n))) {
		json_decref(line);
		n++;
	}
	return n;
}

static inline const char *text_of(json_t *line, const char *object, const char *key)
{
	return json_string_value(json_object_get(json_object_get(line, object), key)) ?: "";
}

#endif
