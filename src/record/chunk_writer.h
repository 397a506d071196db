/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a recording as a file of chunks, each of which can be read, checked and skipped by itself.
 */
#ifndef LOOPSTALL_RECORD_CHUNK_WRITER_H
#define LOOPSTALL_RECORD_CHUNK_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "record/buffer.h"

struct chunk_writer {
	int fd; /* -1: closed */
	void *zstd;
	struct buffer raw; /* the chunk that is being filled */
	struct buffer packed;
	uint64_t first_ns, last_ns; /* times of its inputs; first > last: none yet */
	uint64_t base_ns; /* time of the input before, 0 at the beginning of a chunk */
	uint64_t number; /* of chunks written */
	uint64_t file_bytes;
};

int chunk_writer__init(struct chunk_writer *w);
void chunk_writer__done(struct chunk_writer *w);

/*
 * Begins a file on `fd`, which then belongs to the writer, with the bytes of its head's body. 0 or
 * -errno.
 */
int chunk_writer__begin(struct chunk_writer *w, int fd, uint32_t version,
			const struct buffer *body);
/* Notes the time of the next input in the chunk. Returns the difference to the previous input's. */
int64_t chunk_writer__note_time(struct chunk_writer *w, uint64_t at_ns);
/* Writes the chunk, if there is something in it, and begins the next one. 0 or -errno. */
int chunk_writer__flush(struct chunk_writer *w);
/* Writes the end mark, behind a flush. 0 or -errno. */
int chunk_writer__put_end(struct chunk_writer *w);
/* Writes what is left and the end mark, and closes the file. 0 or -errno. */
int chunk_writer__end(struct chunk_writer *w);

#endif
