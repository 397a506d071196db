/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See chunk_reader.h. The list of chunks is made by going from head to head: one small read for each second
 * that was recorded. So no index needs to be kept in the file, where it would be missing just when
 * the recorder was killed.
 */
#include "record/chunk_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "record/crc32.h"
#include "record/format.h"

/* 0, -EBADMSG if the file ends before, or -errno. */
static int read_at(const struct chunk_reader *r, uint64_t offset, void *data, size_t n)
{
	char *at = data;

	while (n > 0) {
		const ssize_t got = pread(r->fd, at, n, (off_t)offset);

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

static int open_file(struct chunk_reader *r, const char *path, struct err *err)
{
	struct stat st;

	/* A pipe would keep us waiting. */
	r->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		return err__set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err__set(err, -EINVAL, "cannot read %s: it is not a plain file", path);
	r->file_bytes = (uint64_t)st.st_size;
	if (r->file_bytes == 0)
		return err__set(err, -ENODATA, "%s is empty", path);
	return 0;
}

static int not_a_recording(const char *path, const struct format_head *head, struct err *err)
{
	if (!memcmp(head->magic + 1, FORMAT_MAGIC + 1, 6))
		return err__set(err, -EBADMSG,
				"%s was a recording, but was changed on its way: copy it as binary",
				path);
	return err__set(err, -EBADMSG, "%s is not a recording", path);
}

static int read_head(struct chunk_reader *r, const char *path, struct err *err)
{
	struct format_head head = {};
	int e;

	e = read_at(r, 0, &head, r->file_bytes < sizeof(head) ? r->file_bytes : sizeof(head));
	if (e < 0)
		return err__set(err, e, "cannot read %s: %s", path, strerror(-e));
	if (memcmp(head.magic, FORMAT_MAGIC, sizeof(head.magic)) != 0)
		return not_a_recording(path, &head, err);
	if (r->file_bytes < sizeof(head) ||
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
	e = resize(&r->body, head.body_bytes);
	if (e >= 0)
		e = read_at(r, sizeof(head), r->body.data, head.body_bytes);
	if (e >= 0 && crc32__of(r->body.data, head.body_bytes) != head.body_crc)
		e = -EBADMSG;
	if (e == -EBADMSG)
		return err__set(err, e, "the beginning of %s is damaged", path);
	if (e < 0)
		return err__set(err, e, "cannot read %s: %s", path, strerror(-e));
	r->whole_bytes = sizeof(head) + head.body_bytes;
	return 0;
}

/* NULL if this is the head of the chunk that should be here. */
static const char *fault_of(const struct chunk_reader *r, const struct format_chunk *chunk)
{
	if (chunk->magic != FORMAT_CHUNK_MAGIC ||
	    chunk->crc !=
		    crc32__of(&chunk->payload_crc,
			      sizeof(*chunk) - offsetof(struct format_chunk, payload_crc)))
		return "no chunk begins there";
	if (chunk->number != r->n_chunks)
		return "a chunk is missing before it";
	if (chunk->raw_bytes > FORMAT_MAX_RAW_BYTES ||
	    chunk->payload_bytes > ZSTD_compressBound(FORMAT_MAX_RAW_BYTES))
		return "the chunk is larger than any that is written";
	return NULL;
}

static int list_chunk(struct chunk_reader *r, const struct format_chunk *chunk)
{
	if (r->n_chunks == r->max_chunks) {
		const size_t max = r->max_chunks ? 2 * r->max_chunks : 64;
		struct chunk_place *chunks = reallocarray(r->chunks, max, sizeof(*chunks));

		if (!chunks)
			return -ENOMEM;
		r->chunks = chunks;
		r->max_chunks = max;
	}
	r->chunks[r->n_chunks++] = (struct chunk_place){ .offset = r->whole_bytes,
							 .first_ns = chunk->first_ns,
							 .last_ns = chunk->last_ns };
	return 0;
}

/* 1 if a chunk was listed, 0 at the end or at what is none, or -errno. */
static int list_next(struct chunk_reader *r)
{
	const uint64_t left = r->file_bytes - r->whole_bytes;
	struct format_chunk chunk;
	int e;

	if (left == 0)
		return 0;
	if (r->is_complete) {
		r->fault = "there is something behind the end";
		return 0;
	}
	r->fault = "the last chunk is cut";
	if (left < sizeof(chunk))
		return 0;
	e = read_at(r, r->whole_bytes, &chunk, sizeof(chunk));
	if (e < 0)
		return e == -EBADMSG ? 0 : e;
	r->fault = fault_of(r, &chunk);
	if (!r->fault && left - sizeof(chunk) < chunk.payload_bytes)
		r->fault = "the last chunk is cut";
	if (!r->fault && r->n_chunks == FORMAT_MAX_CHUNKS)
		r->fault = "there are more chunks than are read";
	if (r->fault)
		return 0;
	r->is_complete = chunk.flags & FORMAT_CHUNK_END;
	if (!r->is_complete) {
		e = list_chunk(r, &chunk);
		if (e < 0)
			return e;
	}
	r->whole_bytes += sizeof(chunk) + chunk.payload_bytes;
	return 1;
}

int chunk_reader__open(struct chunk_reader *r, const char *path, struct err *err)
{
	int e;

	*r = (struct chunk_reader){ .fd = -1, .zstd = ZSTD_createDCtx() };
	if (!r->zstd)
		return err__set(err, -ENOMEM, "out of memory");
	e = open_file(r, path, err);
	if (e >= 0)
		e = read_head(r, path, err);
	if (e < 0)
		return e;
	while ((e = list_next(r)) > 0)
		;
	if (e < 0)
		return err__set(err, e, "cannot read %s: %s", path, strerror(-e));
	return 0;
}

void chunk_reader__done(struct chunk_reader *r)
{
	fd_close(&r->fd);
	ZSTD_freeDCtx(r->zstd);
	r->zstd = NULL;
	buffer__done(&r->body);
	buffer__done(&r->packed);
	buffer__done(&r->raw);
	free(r->chunks);
	r->chunks = NULL;
}

static int unpack(struct chunk_reader *r, const struct format_chunk *chunk, const char **ret_fault)
{
	size_t n;
	int e;

	*ret_fault = "the chunk is damaged";
	if (crc32__of(r->packed.data, chunk->payload_bytes) != chunk->payload_crc)
		return -EBADMSG;
	e = resize(&r->raw, chunk->raw_bytes);
	if (e < 0)
		return e;
	/* Into the room that its head speaks of, whatever its own says. */
	n = ZSTD_decompressDCtx(r->zstd, r->raw.data, chunk->raw_bytes, r->packed.data,
				chunk->payload_bytes);
	return ZSTD_isError(n) || n != chunk->raw_bytes ? -EBADMSG : 0;
}

int chunk_reader__read(struct chunk_reader *r, size_t index, struct cursor *ret_cursor,
		       const char **ret_fault)
{
	const uint64_t offset = r->chunks[index].offset;
	struct format_chunk chunk;
	int e;

	*ret_fault = "the file has changed since it was opened";
	e = read_at(r, offset, &chunk, sizeof(chunk));
	/* Its sum was right when it was listed. */
	if (e >= 0 &&
	    (chunk.payload_bytes > ZSTD_compressBound(FORMAT_MAX_RAW_BYTES) ||
	     chunk.raw_bytes > FORMAT_MAX_RAW_BYTES))
		e = -EBADMSG;
	if (e >= 0)
		e = resize(&r->packed, chunk.payload_bytes);
	if (e >= 0)
		e = read_at(r, offset + sizeof(chunk), r->packed.data, chunk.payload_bytes);
	if (e >= 0)
		e = unpack(r, &chunk, ret_fault);
	if (e >= 0)
		*ret_cursor = (struct cursor){ .at = r->raw.data, .end = r->raw.data + r->raw.n };
	return e;
}
