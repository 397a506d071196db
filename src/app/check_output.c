/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See check_output.h.
 */
#include "app/check_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/version.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "check/report.h"

/*
 * Over the file of the last run, for a gate runs again and again; never through a link: we may be root in anybody's folder.
 * NULL with errno set.
 */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int write_file(const char *path, check_report_fn *report, const struct verdict *v,
		      const struct check_report_opts *opts)
{
	_cleanup_(file_close) FILE *out = NULL;
	int r;

	if (!path)
		return 0;
	out = open_file(path);
	r = out ? report(out, v, opts) : -errno;
	if (r < 0)
		log_error("cannot write %s: %s", path,
			  r == -ELOOP ? "it is a symbolic link" : strerror(-r));
	return r;
}

int check_output__write(const struct config *config, const struct verdict *v)
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

	if (config->is_json)
		check_report_json(stdout, v, &opts);
	else
		check_report_text(stdout, v, &opts);
	if (c->wants_github)
		check_report_github(stdout, v, &opts);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		r = write_file(files[i].path, files[i].report, v, &opts);
		first = first < 0 ? first : r;
	}
	return first;
}
