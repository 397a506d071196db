/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening walks from chunk head to chunk head: one small read per recorded second. So the file
 * needs no index, which would be missing exactly when the recorder was killed.
 */
#include "record/chunk_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "record/crc32.h"
#include "record/format.h"

/* 0, -EBADMSG if the file ends before, or -errno. */
static int read_at(const struct chunk_reader *reader, uint64_t offset, void *data, size_t n)
{
	char *at = data;

	while (n > 0) {
		const ssize_t got = pread(reader->fd, at, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EBADMSG;
		at += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int resize(struct buffer *b, size_t n)
{
	b->n = 0;
	if (!buffer__grow(b, n + 1))
		return -ENOMEM;
	b->n = n;
	return 0;
}

static int open_file(struct chunk_reader *reader, const char *path, struct err *err)
{
	struct stat st;

	/* O_NONBLOCK: opening a FIFO would block. */
	reader->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (reader->fd < 0 || fstat(reader->fd, &st) < 0)
		return err__set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err__set(err, -EINVAL, "cannot read %s: it is not a plain file", path);
	reader->file_bytes = (uint64_t)st.st_size;
	if (reader->file_bytes == 0)
		return err__set(err, -ENODATA, "%s is empty", path);
	return 0;
}

static int not_a_recording(const char *path, const struct format_head *head, struct err *err)
{
	if (!memcmp(&head->magic[1], &FORMAT_MAGIC[1], 6))
		return err__set(err, -EBADMSG,
				"%s was a recording, but was changed on its way: copy it as binary",
				path);
	return err__set(err, -EBADMSG, "%s is not a recording", path);
}

static int read_head(struct chunk_reader *reader, const char *path, struct err *err)
{
	struct format_head head = {};
	int r;

	r = read_at(reader, 0, &head,
		    reader->file_bytes < sizeof(head) ? reader->file_bytes : sizeof(head));
	if (r < 0)
		return err__set(err, r, "cannot read %s: %s", path, strerror(-r));
	if (memcmp(head.magic, FORMAT_MAGIC, sizeof(head.magic)) != 0)
		return not_a_recording(path, &head, err);
	if (reader->file_bytes < sizeof(head) ||
	    head.crc != crc32__of(&head, offsetof(struct format_head, crc)))
		return err__set(err, -EBADMSG, "the beginning of %s is damaged", path);
	if (head.version > FORMAT_VERSION) {
		err__set(err, -EPROTO, "%s has format %u, and this loopstall reads up to %u", path,
			 head.version, FORMAT_VERSION);
		return err__hint(err, -EPROTO,
				 "read it with the loopstall that wrote it, or a newer one");
	}
	if (head.version == 0 || head.body_bytes > FORMAT_MAX_BODY_BYTES)
		return err__set(err, -EBADMSG, "the beginning of %s is damaged", path);
	r = resize(&reader->body, head.body_bytes);
	if (r >= 0)
		r = read_at(reader, sizeof(head), reader->body.data, head.body_bytes);
	if (r >= 0 && crc32__of(reader->body.data, head.body_bytes) != head.body_crc)
		r = -EBADMSG;
	if (r == -EBADMSG)
		return err__set(err, r, "the beginning of %s is damaged", path);
	if (r < 0)
		return err__set(err, r, "cannot read %s: %s", path, strerror(-r));
	reader->version = head.version;
	reader->whole_bytes = sizeof(head) + head.body_bytes;
	return 0;
}

/* NULL if this is the head of the chunk that should be here. */
static const char *fault_of(const struct chunk_reader *reader, const struct format_chunk *chunk)
{
	if (chunk->magic != FORMAT_CHUNK_MAGIC ||
	    chunk->crc !=
		    crc32__of(&chunk->payload_crc,
			      sizeof(*chunk) - offsetof(struct format_chunk, payload_crc)))
		return "no chunk begins there";
	if (chunk->number != reader->first_number + reader->n_chunks)
		return "a chunk is missing before it";
	if (chunk->raw_bytes > FORMAT_MAX_RAW_BYTES ||
	    chunk->payload_bytes > ZSTD_compressBound(FORMAT_MAX_RAW_BYTES))
		return "the chunk is larger than any that is written";
	return NULL;
}

static int list_chunk(struct chunk_reader *reader, const struct format_chunk *chunk)
{
	int r = ARRAY_RESERVE(reader->chunks, reader->max_chunks, reader->n_chunks + 1);

	if (r < 0)
		return r;
	reader->chunks[reader->n_chunks++] = (struct chunk_place){ .offset = reader->whole_bytes,
								   .first_ns = chunk->first_ns,
								   .last_ns = chunk->last_ns };
	return 0;
}

/* 1 if a chunk was listed, 0 at the end or at what is none, or -errno. */
static int list_next(struct chunk_reader *reader)
{
	const uint64_t left = reader->file_bytes - reader->whole_bytes;
	struct format_chunk chunk;
	int r;

	if (left == 0)
		return 0;
	if (reader->is_complete) {
		reader->fault = "there is something behind the end";
		return 0;
	}
	reader->fault = "the last chunk is cut";
	if (left < sizeof(chunk))
		return 0;
	r = read_at(reader, reader->whole_bytes, &chunk, sizeof(chunk));
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	/* Those before it were dropped from the ring. */
	if (reader->version >= FORMAT_VERSION_RING && reader->n_chunks == 0)
		reader->first_number = chunk.number;
	reader->fault = fault_of(reader, &chunk);
	if (!reader->fault && left - sizeof(chunk) < chunk.payload_bytes)
		reader->fault = "the last chunk is cut";
	if (!reader->fault && reader->n_chunks == FORMAT_MAX_CHUNKS)
		reader->fault = "there are more chunks than are read";
	if (reader->fault)
		return 0;
	reader->is_complete = chunk.flags & FORMAT_CHUNK_END;
	if (!reader->is_complete) {
		r = list_chunk(reader, &chunk);
		if (r < 0)
			return r;
	}
	reader->whole_bytes += sizeof(chunk) + chunk.payload_bytes;
	return 1;
}

int chunk_reader__open(struct chunk_reader *reader, const char *path, struct err *err)
{
	int r;

	*reader = (struct chunk_reader){ .fd = -1, .zstd = ZSTD_createDCtx() };
	if (!reader->zstd)
		return err__set(err, -ENOMEM, "out of memory");
	r = open_file(reader, path, err);
	if (r >= 0)
		r = read_head(reader, path, err);
	if (r < 0)
		return r;
	while ((r = list_next(reader)) > 0)
		;
	if (r < 0)
		return err__set(err, r, "cannot read %s: %s", path, strerror(-r));
	return 0;
}

void chunk_reader__done(struct chunk_reader *reader)
{
	fd_close(&reader->fd);
	ZSTD_freeDCtx(reader->zstd);
	reader->zstd = NULL;
	buffer__done(&reader->body);
	buffer__done(&reader->packed);
	buffer__done(&reader->raw);
	free(reader->chunks);
	reader->chunks = NULL;
}

/*
 * The library also reads formats of before 2016, if it was built to: readers that see few hostile
 * bytes, and which the static program has not.
 */
static bool is_one_frame(const struct buffer *packed)
{
	uint32_t magic;

	if (packed->n < sizeof(magic))
		return false;
	memcpy(&magic, packed->data, sizeof(magic));
	return magic == ZSTD_MAGICNUMBER &&
		ZSTD_findFrameCompressedSize(packed->data, packed->n) == packed->n;
}

static int unpack(struct chunk_reader *reader, const struct format_chunk *chunk,
		  const char **ret_fault)
{
	size_t n;
	int r;

	*ret_fault = "the chunk is damaged";
	if (crc32__of(reader->packed.data, chunk->payload_bytes) != chunk->payload_crc ||
	    !is_one_frame(&reader->packed))
		return -EBADMSG;
	r = resize(&reader->raw, chunk->raw_bytes);
	if (r < 0)
		return r;
	/* Bounded by the size in the chunk's head, whatever the zstd frame claims. */
	n = ZSTD_decompressDCtx(reader->zstd, reader->raw.data, chunk->raw_bytes,
				reader->packed.data, chunk->payload_bytes);
	return ZSTD_isError(n) || n != chunk->raw_bytes ? -EBADMSG : 0;
}

int chunk_reader__read(struct chunk_reader *reader, size_t index, struct cursor *ret_cursor,
		       const char **ret_fault)
{
	const uint64_t offset = reader->chunks[index].offset;
	struct format_chunk chunk;
	int r;

	*ret_fault = "the file has changed since it was opened";
	r = read_at(reader, offset, &chunk, sizeof(chunk));
	/* Its checksum was right when it was listed, so the file has changed since. */
	if (r >= 0 &&
	    (chunk.payload_bytes > ZSTD_compressBound(FORMAT_MAX_RAW_BYTES) ||
	     chunk.raw_bytes > FORMAT_MAX_RAW_BYTES))
		r = -EBADMSG;
	if (r >= 0)
		r = resize(&reader->packed, chunk.payload_bytes);
	if (r >= 0)
		r = read_at(reader, offset + sizeof(chunk), reader->packed.data,
			    chunk.payload_bytes);
	if (r >= 0)
		r = unpack(reader, &chunk, ret_fault);
	if (r >= 0)
		*ret_cursor = (struct cursor){ .at = reader->raw.data,
					       .end = reader->raw.data + reader->raw.n };
	return r;
}
