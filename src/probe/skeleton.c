/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place that has the bytes of the kernel side. They are packed, as gzip does it: that takes
 * a quarter of the space, and a few milliseconds to open.
 */
#include "probe/skeleton.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "probe/loader.h"

/* By the assembler, from the folder of generated files. */
__asm__(".section .rodata, \"a\"\nskeleton_packed:\n\t.incbin \"loopstall.bpf.o.gz\"\n"
	"skeleton_packed_end:\n\t.previous\n");
/* Hidden, so that no table of addresses is used: linkers do not support that for local symbols. */
#define HIDDEN __attribute__((visibility("hidden")))
HIDDEN extern const uint8_t skeleton_packed[], skeleton_packed_end[];

#define IS_GZIP (16 + MAX_WBITS)

struct elf {
	void *data;
	size_t bytes;
};

static size_t packed_bytes(void)
{
	return (size_t)(skeleton_packed_end - skeleton_packed);
}

/* The last four bytes are the size before packing. */
static size_t unpacked_bytes(void)
{
	uint32_t bytes;

	memcpy(&bytes, skeleton_packed + packed_bytes() - sizeof(bytes), sizeof(bytes));
	return bytes;
}

static int unpack(struct elf *ret_elf)
{
	const size_t bytes = unpacked_bytes();
	_cleanup_free_ void *data = malloc(bytes);
	z_stream z = {
		.next_in = (uint8_t *)skeleton_packed,
		.avail_in = (uInt)packed_bytes(),
		.next_out = data,
		.avail_out = (uInt)bytes,
	};
	int r;

	if (!data || inflateInit2(&z, IS_GZIP) != Z_OK)
		return -ENOMEM;
	r = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	if (r != Z_STREAM_END)
		return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	*ret_elf = (struct elf){ TAKE_PTR(data), bytes };
	return 0;
}

/* What loopstall_bpf__open() does with the bytes in its header. libbpf copies what it keeps. */
static int open_elf(const struct elf *elf, struct loopstall_bpf **ret_skel)
{
	struct loopstall_bpf *skel = calloc(1, sizeof(*skel));
	int r;

	if (!skel)
		return -ENOMEM;
	r = loopstall_bpf__create_skeleton(skel);
	if (!r) {
		skel->skeleton->data = elf->data;
		skel->skeleton->data_sz = elf->bytes;
		r = bpf_object__open_skeleton(skel->skeleton, NULL);
	}
	if (r) {
		loopstall_bpf__destroy(skel);
		return r;
	}
	*ret_skel = skel;
	return 0;
}

struct loopstall_bpf *skeleton__open(void)
{
	struct loopstall_bpf *skel = NULL;
	struct elf elf = { 0 };
	int r = loader__init();

	if (!r)
		r = unpack(&elf);
	if (!r)
		r = open_elf(&elf, &skel);
	free(elf.data);
	errno = -r;
	return skel;
}
