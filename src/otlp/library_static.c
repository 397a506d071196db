/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The static program's variant of library.c: it cannot load a library.
 */
#include "otlp/library.h"

#include <errno.h>

int curl_library__load(struct curl_library *ret_library)
{
	(void)ret_library;
	return -ENOTSUP;
}
