/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a recording's file: the head, then chunks that are checked one by one. Nothing is used
 * before its checksum was verified, and no number in the file can make us allocate more than
 * FORMAT_MAX_* allow.
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
	uint32_t version;
	struct buffer body; /* of the file's head */
	uint64_t first_number; /* of its chunks */
	size_t n_chunks, max_chunks;
	struct chunk_place *chunks;
	bool is_complete; /* the end mark was found */
	uint64_t whole_bytes; /* size of the head and the listed chunks */
	const char *fault; /* what follows them although nothing should; else NULL */
	struct buffer packed, raw;
};

/*
 * Opens a file and lists its chunks. 0, or -errno with err filled: what open() says, -ENODATA
 * (empty),
 * -EBADMSG (no recording, or its head is damaged), -EPROTO (of a newer format).
 */
int chunk_reader__open(struct chunk_reader *reader, const char *path, struct err *err);
void chunk_reader__done(struct chunk_reader *reader);

/*
 * Reads one chunk; `ret_cursor` then points into the reader until the next call. 0, -EBADMSG with
 * *ret_fault set, -ENOMEM or what read() says.
 */
int chunk_reader__read(struct chunk_reader *reader, size_t index, struct cursor *ret_cursor,
		       const char **ret_fault);

#endif
