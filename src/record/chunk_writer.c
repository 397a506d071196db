/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chunk is written by one write(): if the recorder is killed, the file almost always ends between
 * chunks, and the reader copes with the rest.
 */
#include "record/chunk_writer.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "record/crc32.h"
#include "record/format.h"

/* Higher levels gain some per cent on chunks of this size and cost several times as much. */
#define LEVEL 3
/* What each version selects for that level; the static program has no slower one. */
#define STRATEGY ZSTD_dfast

int chunk_writer__init(struct chunk_writer *w)
{
	*w = (struct chunk_writer){ .fd = -1, .first_ns = UINT64_MAX };
	w->zstd = ZSTD_createCCtx();
	if (!w->zstd ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_strategy, STRATEGY)))
		return -ENOMEM;
	return 0;
}

void chunk_writer__done(struct chunk_writer *w)
{
	fd_close(&w->fd);
	ZSTD_freeCCtx(w->zstd);
	w->zstd = NULL;
	buffer__done(&w->raw);
	buffer__done(&w->packed);
}

static int write_bytes(struct chunk_writer *w, const void *data, size_t n)
{
	const int r = file_write_all(w->fd, data, n);

	if (r >= 0)
		w->file_bytes += n;
	return r;
}

int chunk_writer__begin(struct chunk_writer *w, int fd, uint32_t version, const struct buffer *body)
{
	struct format_head head = {
		.version = version,
		.body_bytes = (uint32_t)body->n,
		.body_crc = crc32__of(body->data, body->n),
	};
	int r;

	w->fd = fd;
	w->file_bytes = w->number = 0;
	if (body->is_bad)
		return -ENOMEM;
	if (body->n > FORMAT_MAX_BODY_BYTES)
		return -E2BIG;
	memcpy(head.magic, FORMAT_MAGIC, sizeof(head.magic));
	head.crc = crc32__of(&head, offsetof(struct format_head, crc));
	r = write_bytes(w, &head, sizeof(head));
	return r < 0 ? r : write_bytes(w, body->data, body->n);
}

int64_t chunk_writer__note_time(struct chunk_writer *w, uint64_t at_ns)
{
	const uint64_t base_ns = w->base_ns;

	if (w->first_ns > w->last_ns)
		w->first_ns = w->last_ns = at_ns;
	if (at_ns < w->first_ns)
		w->first_ns = at_ns;
	if (at_ns > w->last_ns)
		w->last_ns = at_ns;
	w->base_ns = at_ns;
	return (int64_t)(at_ns - base_ns);
}

static int write_chunk(struct chunk_writer *w, uint32_t flags, size_t payload_bytes)
{
	struct format_chunk *chunk = (struct format_chunk *)w->packed.data;
	const uint8_t *payload = w->packed.data + sizeof(*chunk);

	*chunk = (struct format_chunk){
		.magic = FORMAT_CHUNK_MAGIC,
		.payload_crc = crc32__of(payload, payload_bytes),
		.payload_bytes = (uint32_t)payload_bytes,
		.raw_bytes = (uint32_t)w->raw.n,
		.flags = flags,
		.number = w->number++,
		/* A chunk without inputs carries the time at which the previous one ended. */
		.first_ns = w->first_ns <= w->last_ns ? w->first_ns : w->last_ns,
		.last_ns = w->last_ns,
	};
	chunk->crc = crc32__of(&chunk->payload_crc,
			       sizeof(*chunk) - offsetof(struct format_chunk, payload_crc));
	w->raw.n = 0;
	w->first_ns = UINT64_MAX;
	w->base_ns = 0;
	return write_bytes(w, w->packed.data, sizeof(*chunk) + payload_bytes);
}

/* Makes room for a chunk's head and `max` bytes behind it. */
static int reserve_packed(struct chunk_writer *w, size_t max)
{
	static const struct format_chunk none;

	w->packed.n = 0;
	buffer__bytes(&w->packed, &none, sizeof(none));
	buffer__grow(&w->packed, max);
	return w->packed.is_bad ? -ENOMEM : 0;
}

int chunk_writer__flush(struct chunk_writer *w)
{
	size_t n;
	int r;

	if (w->raw.is_bad)
		return -ENOMEM;
	if (w->raw.n == 0)
		return 0;
	if (w->raw.n > FORMAT_MAX_RAW_BYTES)
		return -E2BIG;
	r = reserve_packed(w, ZSTD_compressBound(w->raw.n));
	if (r < 0)
		return r;
	n = ZSTD_compress2(w->zstd, w->packed.data + w->packed.n, w->packed.max - w->packed.n,
			   w->raw.data, w->raw.n);
	return ZSTD_isError(n) ? -ENOMEM : write_chunk(w, 0, n);
}

int chunk_writer__put_end(struct chunk_writer *w)
{
	const int r = reserve_packed(w, 0);

	return r < 0 ? r : write_chunk(w, FORMAT_CHUNK_END, 0);
}

int chunk_writer__end(struct chunk_writer *w)
{
	int r = chunk_writer__flush(w);

	if (r >= 0)
		r = chunk_writer__put_end(w);
	if (w->fd >= 0 && close(TAKE_FD(w->fd)) < 0 && r >= 0)
		r = -errno;
	return r;
}
