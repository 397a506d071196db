/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See baseline.h.
 */
#include "check/baseline.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "report/jsonx.h"

#define SCHEMA "loopstall/1"
#define TYPE "baseline"

void baseline__done(struct baseline *b)
{
	while (b->n > 0)
		run__free(b->runs[--b->n]);
}

void baseline__add(struct baseline *b, struct run *run)
{
	if (b->n == BASELINE_MAX_RUNS) {
		run__free(b->runs[0]);
		b->n--;
		memmove(b->runs, b->runs + 1, b->n * sizeof(b->runs[0]));
	}
	b->runs[b->n++] = run;
}

/* Writing. A slice is [steps, own_ns, [bucket, count, bucket, count, ...]]. */

static json_t *slice_json(const struct slice *slice)
{
	_cleanup_(jsonx_done) json_t *parts = json_array();
	_cleanup_(jsonx_done) json_t *json = json_array();

	for (size_t i = 0; i < slice->n_parts; i++)
		if (jsonx_append(parts, jsonx_u64(slice->parts[i].bucket)) ||
		    jsonx_append(parts, jsonx_u64(slice->parts[i].count)))
			return NULL;
	if (jsonx_append(json, jsonx_u64(slice->steps)) ||
	    jsonx_append(json, jsonx_u64(slice->own_ns)) || jsonx_append(json, TAKE_PTR(parts)))
		return NULL;
	return TAKE_PTR(json);
}

static json_t *series_json(const struct series *s, size_t n_slices, bool is_site)
{
	_cleanup_(jsonx_done) json_t *slices = json_array();
	struct jsonx o = jsonx_object();

	for (size_t i = 0; i < n_slices; i++)
		if (jsonx_append(slices, slice_json(series__slice(s, i))))
			o.r = -ENOMEM;
	jsonx_add_text(&o, is_site ? "function" : "name", series__name(s));
	jsonx_add_text(&o, "file", series__file(s));
	if (is_site)
		jsonx_add(&o, "line_in_function",
			  series__line(s) == SERIES_NO_LINE ? json_null() :
							      json_integer(series__line(s)));
	jsonx_add(&o, "slices", TAKE_PTR(slices));
	return jsonx_end(&o);
}

static json_t *table_json(const struct series *s, size_t n_slices, bool is_site)
{
	_cleanup_(jsonx_done) json_t *array = json_array();

	for (; s; s = series__next(s))
		if (jsonx_append(array, series_json(s, n_slices, is_site)))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *run_json(const struct run *run)
{
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "duration_ns", run->duration_ns);
	jsonx_add_u64(&o, "steps", run->steps);
	jsonx_add_u64(&o, "own_ns", run->own_ns);
	jsonx_add_u64(&o, "threshold_ns", run->threshold_ns);
	jsonx_add_u64(&o, "slices", run->n_slices);
	jsonx_add(&o, "coroutines", table_json(run->coroutines, run->n_slices, false));
	jsonx_add(&o, "sites", table_json(run->sites, run->n_slices, true));
	return jsonx_end(&o);
}

static json_t *baseline_json(const struct baseline *b)
{
	_cleanup_(jsonx_done) json_t *runs = json_array();
	struct jsonx o = jsonx_object();

	for (size_t i = 0; i < b->n; i++)
		if (jsonx_append(runs, run_json(b->runs[i])))
			o.r = -ENOMEM;
	jsonx_add_text(&o, "schema", SCHEMA);
	jsonx_add_text(&o, "type", TYPE);
	jsonx_add_u64(&o, "version", BASELINE_VERSION);
	jsonx_add(&o, "runs", TAKE_PTR(runs));
	return jsonx_end(&o);
}

int baseline__write(const struct baseline *b, const char *path, struct err *err)
{
	_cleanup_(jsonx_done) json_t *json = baseline_json(b);
	_cleanup_free_ char *temporary = NULL, *text = json ? jsonx_dumps(json, 0) : NULL;
	_cleanup_(file_close) FILE *out = NULL;
	int r;

	if (!text || asprintf(&temporary, "%s.new", path) < 0) {
		temporary = NULL;
		return err__set(err, -ENOMEM, "out of memory");
	}
	/* Left behind by a run that was killed. */
	unlink(temporary);
	r = file__create_stream(&out, temporary, false);
	if (r < 0)
		return err__set(err, r, "cannot write %s: %s", temporary, strerror(-r));
	errno = 0;
	if (fprintf(out, "%s\n", text) < 0)
		r = errno ? -errno : -EIO;
	if (fclose(TAKE_PTR(out)) && !r)
		r = -errno;
	if (!r && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		return err__set(err, r, "cannot write the baseline %s: %s", path, strerror(-r));
	}
	return 0;
}

/* Reading */

static bool get_u64(const json_t *json, uint64_t *ret)
{
	if (!json_is_integer(json) || json_integer_value(json) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(json);
	return true;
}

/* Returns 0, -EBADMSG or -ENOMEM, as all that read do. */
static int read_slice(struct series *s, size_t at, const json_t *json)
{
	struct hist_part list[LS_HIST_BUCKETS];
	const json_t *parts = json_array_get(json, 2);
	uint64_t steps, own_ns, bucket, count, before = 0;
	size_t n = json_array_size(parts) / 2, i;

	if (!get_u64(json_array_get(json, 0), &steps) ||
	    !get_u64(json_array_get(json, 1), &own_ns) || !json_is_array(parts) ||
	    json_array_size(parts) % 2 || n > LS_HIST_BUCKETS)
		return -EBADMSG;
	for (i = 0; i < n; i++) {
		if (!get_u64(json_array_get(parts, 2 * i), &bucket) ||
		    !get_u64(json_array_get(parts, 2 * i + 1), &count) ||
		    bucket >= LS_HIST_BUCKETS || (i && bucket <= before) || !count ||
		    count > UINT32_MAX)
			return -EBADMSG;
		list[i] = (struct hist_part){ (uint32_t)bucket, (uint32_t)count };
		before = bucket;
	}
	return series__set_slice(s, at, steps, own_ns, list, n);
}

static int read_series(struct run *run, const json_t *json, bool is_site)
{
	const char *name = json_string_value(json_object_get(json, is_site ? "function" : "name"));
	const char *file = json_string_value(json_object_get(json, "file"));
	const json_t *line = json_object_get(json, "line_in_function");
	const json_t *slices = json_object_get(json, "slices");
	struct series *s;
	int r;

	if (!name || !file || json_array_size(slices) != run->n_slices)
		return -EBADMSG;
	if (is_site && !json_is_null(line) &&
	    (!json_is_integer(line) || json_integer_value(line) < SERIES_NO_LINE ||
	     json_integer_value(line) > INT32_MAX))
		return -EBADMSG;
	if (is_site)
		s = run__site(run, name, file,
			      json_is_null(line) ? SERIES_NO_LINE :
						   (int32_t)json_integer_value(line));
	else
		s = run__coroutine(run, name, file);
	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < run->n_slices; i++) {
		r = read_slice(s, i, json_array_get(slices, i));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_table(struct run *run, const json_t *array, bool is_site)
{
	int r;

	if (!json_is_array(array) || json_array_size(array) > RUN_MAX_SERIES)
		return -EBADMSG;
	for (size_t i = 0; i < json_array_size(array); i++) {
		r = read_series(run, json_array_get(array, i), is_site);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_run(const json_t *json, struct run *run)
{
	uint64_t n_slices;
	int r;

	if (!get_u64(json_object_get(json, "duration_ns"), &run->duration_ns) ||
	    !get_u64(json_object_get(json, "steps"), &run->steps) ||
	    !get_u64(json_object_get(json, "own_ns"), &run->own_ns) ||
	    !get_u64(json_object_get(json, "threshold_ns"), &run->threshold_ns) ||
	    !get_u64(json_object_get(json, "slices"), &n_slices) || n_slices > RUN_MAX_SLICES)
		return -EBADMSG;
	run->n_slices = (size_t)n_slices;
	r = read_table(run, json_object_get(json, "coroutines"), false);
	return r < 0 ? r : read_table(run, json_object_get(json, "sites"), true);
}

static int read_runs(struct baseline *b, const json_t *runs)
{
	int r;

	if (!json_is_array(runs) || json_array_size(runs) > BASELINE_MAX_RUNS)
		return -EBADMSG;
	for (size_t i = 0; i < json_array_size(runs); i++) {
		_cleanup_(run__freep) struct run *run = run__new();

		if (!run)
			return -ENOMEM;
		r = read_run(json_array_get(runs, i), run);
		if (r < 0)
			return r;
		baseline__add(b, TAKE_PTR(run));
	}
	return 0;
}

int baseline__read(struct baseline *b, const char *path, struct err *err)
{
	_cleanup_(jsonx_done) json_t *json = NULL;
	_cleanup_(file_close) FILE *in = NULL;
	json_error_t fault;
	uint64_t version;
	const char *type;
	int r;

	in = fopen(path, "re");
	if (!in)
		return err__set(err, -errno, "cannot read the baseline %s: %s", path,
				strerror(errno));
	json = json_loadf(in, JSON_REJECT_DUPLICATES, &fault);
	if (!json)
		return err__set(err, -EBADMSG, "the baseline %s is no JSON, line %d: %s", path,
				fault.line, fault.text);
	type = json_string_value(json_object_get(json, "type"));
	if (!type || strcmp(type, TYPE) || !get_u64(json_object_get(json, "version"), &version))
		return err__set(err, -EBADMSG, "%s is not a baseline of loopstall check", path);
	if (version > BASELINE_VERSION)
		return err__set(err, -EPROTO,
				"the baseline %s has version %llu, and this loopstall knows up to "
				"%d",
				path, (unsigned long long)version, BASELINE_VERSION);
	r = read_runs(b, json_object_get(json, "runs"));
	if (r < 0) {
		baseline__done(b);
		return err__set(err, r, "the baseline %s is damaged", path);
	}
	return 0;
}
