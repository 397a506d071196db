/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-8 in and out: one character at a time, whole strings made valid, and Python's fixed-width
 * strings.
 */
#ifndef LOOPSTALL_BASE_UTF8_H
#define LOOPSTALL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_MAX_BYTES 4 /* of one character */
#define UTF8_REPLACEMENT 0xfffdU

/*
 * Decodes the character at `in`, of which `size` bytes may be read. Returns its bytes, or 0 if no
 * valid character begins there (too long a form, surrogate, above U+10FFFF, cut, or size 0).
 */
size_t utf8__decode(const char *in, size_t size, uint32_t *ret_char);

/* Writes one character; one that UTF-8 cannot hold becomes U+FFFD. Returns its bytes. */
size_t utf8__encode(uint32_t c, char out[UTF8_MAX_BYTES]);

/*
 * Copies `in` to `out` of `size` bytes with the NUL; each invalid byte becomes U+FFFD. Ends with
 * "..." if it did not fit. Returns the bytes written without the NUL.
 */
size_t utf8__sanitize(const char *in, char *out, size_t size);

/*
 * The same for `n` characters of `width` bytes each (1: Latin-1, 2: UCS-2, 4: UCS-4, in the byte
 * order of this machine), `data` at any alignment. Lone surrogates and NUL become U+FFFD. Ends with
 * "..." also if `is_cut`.
 */
size_t utf8__from_wide(const void *data, size_t n, unsigned int width, bool is_cut, char *out,
		       size_t size);

#endif
