/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See limits.h. What was before is kept in one place, because limits are those of the process.
 */
#include "base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

/* Before it was raised; 0: it was not. */
static struct rlimit files_before;

void limits__raise(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files_before) < 0)
		return;
	files = files_before;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

void limits__restore(void)
{
	if (files_before.rlim_max)
		setrlimit(RLIMIT_NOFILE, &files_before);
}

void limits__describe(int code, char *buf, size_t size)
{
	struct rlimit limit;

	buf[0] = '\0';
	if (code == -EMFILE && !getrlimit(RLIMIT_NOFILE, &limit))
		snprintf(buf, size,
			 "at most %llu files may be open here: raise the limit (`ulimit -n`, "
			 "LimitNOFILE= of a systemd unit)",
			 (unsigned long long)limit.rlim_cur);
	else if (code == -ENFILE)
		snprintf(buf, size,
			 "the whole system has as many files open as it may: raise fs.file-max");
	else if (code == -ENOMEM && !getrlimit(RLIMIT_AS, &limit) &&
		 limit.rlim_cur != RLIM_INFINITY)
		snprintf(buf, size,
			 "at most %llu MiB of address space may be used here: raise the limit "
			 "(`ulimit -v`)",
			 (unsigned long long)(limit.rlim_cur >> 20));
}
