/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See library.h.
 */
#include "otlp/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include "base/array.h"

/* The same interface, with GnuTLS and with OpenSSL. */
static const char *const names[] = { "libcurl-gnutls.so.4", "libcurl.so.4" };

int curl_library__load(struct curl_library *ret_library)
{
	struct curl_library l;
	void *found = NULL;

	for (size_t i = 0; i < N_OF(names) && !found; i++)
		found = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!found)
		return -ENOENT;
#define _(name)                                                                                    \
	l.name = (__typeof__(l.name))dlsym(found, "curl_" #name);                                  \
	if (!l.name)                                                                               \
		return -ENOENT;
	CURL_FUNCTIONS(_)
#undef _
	*ret_library = l;
	return 0;
}
