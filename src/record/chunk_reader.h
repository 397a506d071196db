/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording's file as the reader sees it: head, then chunks that are checked one by one. Nothing in it is
 * believed before its sum was checked, and no number in it makes us take more memory than FORMAT_MAX_* allow.
 */
#ifndef LOOPSTALL_RECORD_CHUNK_READER_H
#define LOOPSTALL_RECORD_CHUNK_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "record/buffer.h"

struct chunk_place {
	uint64_t offset; /* of its head */
	uint64_t first_ns, last_ns;
};

struct chunk_reader {
	int fd;
	void *zstd;
	uint64_t file_bytes;
	struct buffer body; /* of the file's head */
	size_t n_chunks, max_chunks;
	struct chunk_place *chunks;
	bool is_complete; /* the end mark is there */
	uint64_t whole_bytes; /* what the head and the chunks listed take */
	const char *fault; /* what is behind them, if it should not be; else NULL */
	struct buffer packed, raw;
};

/*
 * Opens a file and lists its chunks. 0, or -errno with err filled: what open() says, -ENODATA (empty),
 * -EBADMSG (no recording, or its head is damaged), -EPROTO (of a newer format).
 */
int chunk_reader__open(struct chunk_reader *r, const char *path, struct err *err);
void chunk_reader__done(struct chunk_reader *r);

/*
 * Reads one chunk; `ret_cursor` then points into the reader until the next call. 0, -EBADMSG with *ret_fault set, -ENOMEM
 * or what read() says.
 */
int chunk_reader__read(struct chunk_reader *r, size_t index, struct cursor *ret_cursor,
		       const char **ret_fault);

#endif
