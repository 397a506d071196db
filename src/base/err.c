/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fills `struct err`. The innermost module that knows the cause writes it; nothing here prints.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"

int err__set(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	/* A hint belongs to the message it was given for. */
	limits__describe(code, err->hint, sizeof(err->hint));
	va_start(args, fmt);
	vsnprintf(err->what, sizeof(err->what), fmt, args);
	va_end(args);
	return code;
}

int err__hint(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, args);
	va_end(args);
	return code;
}
