/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compresses a text in memory. No time stamp goes in, so the same text gives the same bytes.
 */
#ifndef LOOPSTALL_REPORT_GZIP_H
#define LOOPSTALL_REPORT_GZIP_H

#include <stddef.h>
#include <stdint.h>

/* `level` as in zlib.h. *ret_bytes is to be freed. 0 or -errno. */
int gzip(const void *text, size_t size, int level, uint8_t **ret_bytes, size_t *ret_size);

#endif
