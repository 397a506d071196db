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
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own, which these replace. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

#define CALLERS 16
#define MAX_RANGES 32

static atomic_long n_seen;

/* Where the libraries lie that neither count nor fail. dladdr() would look for a symbol, which
 * takes most of the time of a command. */
static struct {
	unsigned long long n_loaded; /* libraries that were loaded up to then */
	size_t n;
	struct range {
		uintptr_t begin, end;
	} list[MAX_RANGES];
} ranges;

static int read_loaded(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(unsigned long long *)arg = info->dlpi_adds;
	return 1;
}

static int add_ranges(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (!strstr(info->dlpi_name, "/libtinfo") && !strstr(info->dlpi_name, "/libncurses") &&
	    !strstr(info->dlpi_name, "/libgnutls") && !strstr(info->dlpi_name, "/libcrypto.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const uintptr_t begin = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD)
			continue;
		if (ranges.n == MAX_RANGES)
			abort();
		ranges.list[ranges.n++] = (struct range){ begin, begin + p->p_memsz };
	}
	return 0;
}

static void find_ranges(void)
{
	unsigned long long n_loaded = 0;

	dl_iterate_phdr(read_loaded, &n_loaded);
	if (n_loaded == ranges.n_loaded)
		return;
	ranges.n = 0;
	dl_iterate_phdr(add_ranges, NULL);
	ranges.n_loaded = n_loaded;
}

static int is_in_ranges(const void *address)
{
	for (size_t i = 0; i < ranges.n; i++)
		if ((uintptr_t)address >= ranges.list[i].begin &&
		    (uintptr_t)address < ranges.list[i].end)
			return 1;
	return 0;
}

static int is_exempt(void)
{
	static _Thread_local int is_inside;
	void *callers[CALLERS];
	int n, found = 0;

	/* The first look loads a library. */
	if (is_inside)
		return 1;
	is_inside = 1;
	find_ranges();
	n = backtrace(callers, CALLERS);
	for (int i = 0; i < n && !found; i++)
		found = is_in_ranges(callers[i]);
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
