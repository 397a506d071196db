/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See minidebug.h.
 */
#include "symbol/minidebug.h"

#include <errno.h>
#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "symbol/elf_section.h"

#define MAX_PACKED_BYTES (8U << 20)
#define MAX_BYTES (16U << 20) /* unpacking them takes up to 200 ms */
#define MAX_DICTIONARY_BYTES (64U << 20)
#define CHUNK_BYTES 65536

static int error_of(lzma_ret code)
{
	if (code == LZMA_MEM_ERROR)
		return -ENOMEM;
	return code == LZMA_MEMLIMIT_ERROR ? -EFBIG : -EBADMSG;
}

static int unpack(lzma_stream *stream, int fd)
{
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	lzma_ret code = LZMA_OK;
	int r = 0;

	if (!chunk)
		return -ENOMEM;
	while (r >= 0 && code == LZMA_OK) {
		stream->next_out = chunk;
		stream->avail_out = CHUNK_BYTES;
		code = lzma_code(stream, LZMA_FINISH);
		if (stream->total_out > MAX_BYTES)
			return -EFBIG;
		r = file_write_all(fd, chunk, CHUNK_BYTES - stream->avail_out);
	}
	return r < 0 || code == LZMA_STREAM_END ? r : error_of(code);
}

int minidebug__open(Elf *elf, int fd, int *ret_fd)
{
	_cleanup_(lzma_end) lzma_stream stream = LZMA_STREAM_INIT;
	_cleanup_free_ uint8_t *packed = NULL;
	_cleanup_fd_ int unpacked = -1;
	uint64_t vaddr;
	lzma_ret code;
	int r;

	r = elf_section_read(elf, fd, ".gnu_debugdata", MAX_PACKED_BYTES, &packed, &stream.avail_in,
			     &vaddr);
	if (r < 0)
		return r;
	stream.next_in = packed;
	code = lzma_stream_decoder(&stream, MAX_DICTIONARY_BYTES, 0);
	if (code != LZMA_OK)
		return error_of(code);
	unpacked = memfd_create("minidebug", MFD_CLOEXEC);
	if (unpacked < 0)
		return -errno;
	r = unpack(&stream, unpacked);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(unpacked);
	return 0;
}
