/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preloaded: the allocation numbered FAIL_AT fails, counted from 1. FAIL_COUNT names a file that
 * the number of allocations is written to at exit, FAIL_COUNT_FD an open one. Those of ncurses
 * neither count nor fail: 6.4 writes through the null pointer in _nc_tparm_analyze(),
 * _nc_find_type_entry() and _nc_free_tparm(). Nor do those of GnuTLS, which makes more than a
 * thousand when it is loaded, before a command begins, and of OpenSSL, which libcurl has make as
 * many when it is set up.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own, which these replace. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

#define CALLERS 16

static atomic_long n_seen;

static int is_exempt(void)
{
	static _Thread_local int is_inside;
	void *callers[CALLERS];
	Dl_info info;
	int n, found = 0;

	/* The first look loads a library. */
	if (is_inside)
		return 1;
	is_inside = 1;
	n = backtrace(callers, CALLERS);
	for (int i = 0; i < n && !found; i++)
		found = dladdr(callers[i], &info) && info.dli_fname &&
			(strstr(info.dli_fname, "/libtinfo") ||
			 strstr(info.dli_fname, "/libncurses") ||
			 strstr(info.dli_fname, "/libgnutls") ||
			 strstr(info.dli_fname, "/libcrypto.so"));
	is_inside = 0;
	return found;
}

static int fails(void)
{
	const char *at = getenv("FAIL_AT");
	long n;

	if (is_exempt())
		return 0;
	n = ++n_seen;
	if (!at || atol(at) != n)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return fails() ? NULL : __libc_realloc(old, bytes);
}

__attribute__((destructor)) static void write_count(void)
{
	const long n = n_seen;
	const char *path = getenv("FAIL_COUNT"), *fd = getenv("FAIL_COUNT_FD");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (fd)
		dprintf(atoi(fd), "%ld\n", n);
	if (file) {
		fprintf(file, "%ld\n", n);
		fclose(file);
	}
}
