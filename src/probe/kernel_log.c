/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See kernel_log.h.
 */
#include "probe/kernel_log.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

#define MAX_LINES 12

/* The verifier's log comes as one text of many lines: what it stumbled over is at the end. */
static char *last_lines(char *text)
{
	char *p = text + strlen(text);

	for (int n = 0; p > text; p--)
		if (p[-1] == '\n' && n++ == MAX_LINES)
			break;
	return p;
}

void kernel_log__text(char *text)
{
	char *rest = last_lines(text), *line;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			log_debug("libbpf: %s", line);
}

/* The library's own messages are details: the caller prints ours first. */
int kernel_log__print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	_cleanup_free_ char *text = NULL;

	if (level != LIBBPF_DEBUG && log_level_enabled(LOG_DEBUG) &&
	    vasprintf(&text, fmt, args) >= 0)
		kernel_log__text(text);
	return 0;
}
