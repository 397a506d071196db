/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text compared with a file of tests/golden/; with GOLDEN_WRITE=1 in the environment the file is
 * written instead, to be looked at before it is committed.
 */
#ifndef TESTS_REPORT_GOLDEN_FILE_H
#define TESTS_REPORT_GOLDEN_FILE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define GOLDEN_MAX_BYTES (1 << 20)

/* All that the file holds, decompressed if it is gzip's. */
static inline size_t golden_read(gzFile f, const char *path, char *buf)
{
	int n;

	cr_assert_not_null(f, "%s is missing", path);
	n = gzread(f, buf, GOLDEN_MAX_BYTES);
	gzclose(f);
	cr_assert_geq(n, 0, "%s cannot be read", path);
	return (size_t)n;
}

static inline void golden_compare(const char *path, const char *text, size_t size)
{
	char *expected = malloc(GOLDEN_MAX_BYTES), *got = malloc(GOLDEN_MAX_BYTES);
	const char *write_path = getenv("GOLDEN_WRITE") ? path : NULL;
	FILE *f = write_path ? fopen(write_path, "w+") : tmpfile();
	size_t n_expected, n_got;

	cr_assert(expected && got);
	cr_assert_not_null(f, "%s cannot be written", path);
	cr_assert_eq(fwrite(text, 1, size, f), size);
	rewind(f);
	/* Through zlib as well: compressed bytes depend on its version. */
	n_got = golden_read(gzdopen(dup(fileno(f)), "rb"), path, got);
	fclose(f);
	n_expected = golden_read(gzopen(path, "rb"), path, expected);
	cr_expect(n_expected == n_got && !memcmp(expected, got, n_got),
		  "%s is not what is written now; GOLDEN_WRITE=1 writes it anew", path);
	free(got);
	free(expected);
}

#endif
