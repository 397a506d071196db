/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See gzip.h.
 */
#include "report/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"

/* 16 more than the largest window asks for a gzip header. */
#define WINDOW_BITS (MAX_WBITS + 16)

int gzip(const void *text, size_t size, int level, uint8_t **ret_bytes, size_t *ret_size)
{
	z_stream z = { .next_in = (uint8_t *)text, .avail_in = (uInt)size };
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t bound;
	int r = 0;

	if (size > UINT32_MAX)
		return -EFBIG;
	if (deflateInit2(&z, level, Z_DEFLATED, WINDOW_BITS, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return -ENOMEM;
	bound = deflateBound(&z, size);
	bytes = malloc(bound);
	if (!bytes || bound > UINT32_MAX) {
		r = -ENOMEM;
	} else {
		z.next_out = bytes;
		z.avail_out = (uInt)bound;
		if (deflate(&z, Z_FINISH) != Z_STREAM_END)
			r = -EIO;
	}
	*ret_size = z.total_out;
	deflateEnd(&z);
	if (r >= 0)
		*ret_bytes = TAKE_PTR(bytes);
	return r;
}
