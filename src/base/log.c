/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to stderr, one line each. Escapes the finished line, so that callers may hand over text
 * that comes from a target as it is.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/escape.h"
#include "base/outlet.h"

#define LOG_LINE_BYTES 1024

static enum log_level max_level = LOG_INFO;

static const char *const level_words[] = {
	[LOG_ERROR] = "",
	[LOG_WARN] = "warning: ",
	[LOG_INFO] = "",
	[LOG_DEBUG] = "debug: ",
};

void log_set_level(enum log_level level)
{
	max_level = level;
}

int log_level_enabled(enum log_level level)
{
	return level <= max_level;
}

void log_message(enum log_level level, const char *fmt, ...)
{
	char raw[LOG_LINE_BYTES], line[2 * LOG_LINE_BYTES], whole[2 * LOG_LINE_BYTES + 32];
	int saved_errno = errno, n;
	va_list args;

	if (!log_level_enabled(level))
		return;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text__escape(raw, line, sizeof(line));
	n = snprintf(whole, sizeof(whole), "loopstall: %s%s\n", level_words[level], line);
	fflush(stderr);
	outlet_write(fileno(stderr), whole, (size_t)n);
	errno = saved_errno;
}
