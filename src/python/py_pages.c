/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A read by process_vm_readv(2) costs as much for 16 KiB as for ten scattered words, and the
 * objects of one kind lie side by side (cpython: Objects/obmalloc.c, pools of one size class). So
 * whole blocks are read. The cache is direct-mapped: neighbours never push each other out.
 */
#include "python/py_pages.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/procmem.h"
#include "base/work.h"

#define BLOCK_PAGES 4U
#define BLOCK_BYTES (BLOCK_PAGES * PROCMEM_PAGE_BYTES)
#define SLOTS 256U

struct slot {
	uint64_t block; /* its number; block 0 is never mapped */
	bool is_readable[BLOCK_PAGES];
};

struct py_pages {
	const struct target *t;
	int error;
	struct slot slots[SLOTS];
	uint8_t *data; /* 4 MiB at most; only what is read into takes memory */
};

int py_pages__new(struct py_pages **ret_pages, const struct target *t)
{
	_cleanup_(py_pages__freep) struct py_pages *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->data = malloc((size_t)SLOTS * BLOCK_BYTES);
	if (!p->data)
		return -ENOMEM;
	p->t = t;
	*ret_pages = TAKE_PTR(p);
	return 0;
}

void py_pages__free(struct py_pages *p)
{
	if (!p)
		return;
	free(p->data);
	free(p);
}

void py_pages__forget(struct py_pages *p)
{
	memset(p->slots, 0, sizeof(p->slots));
}

int py_pages__error(const struct py_pages *p)
{
	return p->error;
}

static void load(struct py_pages *p, struct slot *slot, uint8_t *data, uint64_t block)
{
	int r = target__read(p->t, block * BLOCK_BYTES, data, BLOCK_BYTES);

	slot->block = block;
	memset(slot->is_readable, !r, sizeof(slot->is_readable));
	/* The mapping ends inside the block. */
	for (size_t i = 0; r == -EFAULT && i < BLOCK_PAGES; i++)
		slot->is_readable[i] =
			!target__read(p->t, block * BLOCK_BYTES + i * PROCMEM_PAGE_BYTES,
				      data + i * PROCMEM_PAGE_BYTES, PROCMEM_PAGE_BYTES);
	if (r && r != -EFAULT)
		p->error = r;
}

/* The bytes at `addr` up to the end of its page, NULL for a hole. */
static inline const uint8_t *page_at(struct py_pages *p, uint64_t addr)
{
	uint64_t block = addr / BLOCK_BYTES;
	struct slot *slot = &p->slots[block % SLOTS];
	uint8_t *data = p->data + (size_t)(block % SLOTS) * BLOCK_BYTES;

	if (!block)
		return NULL;
	if (slot->block != block && !p->error)
		load(p, slot, data, block);
	if (p->error || slot->block != block ||
	    !slot->is_readable[addr % BLOCK_BYTES / PROCMEM_PAGE_BYTES])
		return NULL;
	return data + addr % BLOCK_BYTES;
}

/* Returns how many bytes could be read. */
static size_t read_some(struct py_pages *p, uint64_t addr, uint8_t *buf, size_t size)
{
	size_t done = 0;

	if (addr + size < addr)
		return 0;
	while (done < size) {
		size_t in_page = PROCMEM_PAGE_BYTES - (addr + done) % PROCMEM_PAGE_BYTES;
		size_t n = size - done < in_page ? size - done : in_page;
		const uint8_t *from = page_at(p, addr + done);

		if (!from)
			break;
		memcpy(buf + done, from, n);
		done += n;
	}
	return done;
}

int py_pages__read(struct py_pages *p, uint64_t addr, void *buf, size_t size)
{
	const uint8_t *from;

	/* Even a cached block takes time. */
	if (!p->error)
		p->error = work_quick_step();
	if (addr % PROCMEM_PAGE_BYTES + size > PROCMEM_PAGE_BYTES)
		return read_some(p, addr, buf, size) == size ? 0 : p->error ? p->error : -EFAULT;
	from = page_at(p, addr);
	if (!from)
		return p->error ? p->error : -EFAULT;
	memcpy(buf, from, size);
	return 0;
}

int py_pages__read_head(struct py_pages *p, uint64_t addr, void *buf, size_t size)
{
	size_t done = read_some(p, addr, buf, size);

	memset((uint8_t *)buf + done, 0, size - done);
	if (done)
		return 0;
	return p->error ? p->error : -EFAULT;
}
