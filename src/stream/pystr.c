/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task names as copied by the kernel side. Every length is checked here as well, because not all
 * strings come through event__decode().
 */
#include "stream/pystr.h"

#include <stdio.h>

#include "base/utf8.h"

#define PYSTR_INT 0

void pystr__to_utf8(const struct ls_pystr *str, char *buf, size_t size)
{
	size_t n_bytes = str->copied < LS_NAME_BYTES ? str->copied : LS_NAME_BYTES;
	size_t n;

	switch (str->kind) {
	case PYSTR_INT:
		/* cpython 3.12: Modules/_asynciomodule.c, a task not named has a number only */
		snprintf(buf, size, "Task-%llu", (unsigned long long)str->number);
		return;
	case 1:
	case 2:
	case 4:
		break;
	default:
		snprintf(buf, size, "?");
		return;
	}
	n = n_bytes / str->kind;
	if (n > str->length)
		n = str->length;
	if (n == 0 && str->length > 0) {
		snprintf(buf, size, "?");
		return;
	}
	utf8__from_wide(str->data, n, str->kind, n < str->length, buf, size);
}
