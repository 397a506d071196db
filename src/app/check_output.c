/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See check_output.h.
 */
#include "app/check_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/version.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "check/report.h"

static int write_file(const char *path, check_report_fn *report, const struct verdict *v,
		      const struct check_report_opts *opts)
{
	_cleanup_(file_close) FILE *out = NULL;
	int r;

	if (!path)
		return 0;
	/* Replaces the file of the last run: a gate runs again and again. */
	r = file__create_stream(&out, path, true);
	if (r >= 0)
		r = report(out, v, opts);
	if (r < 0)
		log_error("cannot write %s: %s", path,
			  r == -ELOOP ? "it is a symbolic link" : strerror(-r));
	return r;
}

int check_output__write(const struct config *config, const struct verdict *v, bool *ret_is_shown)
{
	const struct check_config *c = &config->check;
	const struct check_report_opts opts = {
		.version = LOOPSTALL_VERSION,
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	const struct {
		const char *path;
		check_report_fn *report;
	} files[] = {
		{ c->junit, check_report_junit },
		{ c->sarif, check_report_sarif },
		{ c->markdown, check_report_markdown },
		{ c->json_file, check_report_json },
	};
	int first = 0, r;

	r = config->is_json ? check_report_json(stdout, v, &opts) :
			      check_report_text(stdout, v, &opts);
	if (r >= 0 && c->wants_github)
		r = check_report_github(stdout, v, &opts);
	/* A reader that has gone wants no message. */
	*ret_is_shown = r >= 0 || r == -EPIPE;
	if (!*ret_is_shown)
		log_error("cannot write to stdout: %s", strerror(-r));
	for (size_t i = 0; i < N_OF(files); i++) {
		r = write_file(files[i].path, files[i].report, v, &opts);
		first = first < 0 ? first : r;
	}
	return first;
}
